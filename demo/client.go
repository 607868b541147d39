package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
)

// client speaks to one node's public listener as any caller would.
type client struct {
	address
	http *http.Client
}

func newClient(a address) *client {
	return &client{address: a, http: &http.Client{Timeout: 10 * time.Second}}
}

// answer is what is read of a node's answer.
type answer struct {
	RecommendationID string `json:"recommendationId"`
	Items            []pick `json:"items"`
	Level            string `json:"level"`
	Release          string `json:"release"`
	TookUs           int64  `json:"tookUs"`
}

// pick is one recommended item.
type pick struct {
	ID     string  `json:"id"`
	Score  float64 `json:"score"`
	Source string  `json:"source"`
	Reason *reason `json:"reason"`
	Fields struct {
		Title string `json:"title"`
	} `json:"fields"`
}

// reason is why an item is there: the past items it follows from most, what each adds to the score, what all others
// add together, and what the item itself adds. Shares, Rest and Terms sum to the score.
type reason struct {
	Code   string    `json:"code"`
	Text   string    `json:"text"`
	Items  []string  `json:"items"`
	Shares []float64 `json:"shares"`
	Rest   float64   `json:"rest"`
	Terms  terms     `json:"terms"`
}

type terms struct {
	Popular float64 `json:"popular"`
	Repeat  float64 `json:"repeat"`
	Past    float64 `json:"past"`
}

func (r *reason) sum() float64 {
	sum := r.Rest + r.Terms.Popular + r.Terms.Repeat + r.Terms.Past
	for _, x := range r.Shares {
		sum += x
	}
	return sum
}

// part is what the i-th item has in all that speaks for the recommended one, from 0 to 1.
func (r *reason) part(i int) float64 {
	all := 0.
	for _, x := range append([]float64{r.Rest, r.Terms.Popular, r.Terms.Repeat, r.Terms.Past}, r.Shares...) {
		all += max(x, 0)
	}
	if i >= len(r.Shares) || all <= 0 {
		return 0
	}
	return max(r.Shares[i], 0) / all
}

func (c *client) recommend(ctx context.Context, recent []string, country string, n int) (*answer, error) {
	ask := map[string]any{"recent": append([]string{}, recent...), "n": n, "fields": []string{"title"}, "explain": true}
	if country != "" {
		ask["context"] = map[string]string{edged.Country: country}
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("recommend: %w", err)
	}
	a := new(answer)
	return a, c.do(ctx, http.MethodPost, "/v1/recommend", body, a)
}

func (c *client) trending(ctx context.Context, country string, n int) (*answer, error) {
	q := url.Values{"n": {strconv.Itoa(n)}}
	if country != "" {
		q.Set(edged.Country, country)
	}
	a := new(answer)
	return a, c.do(ctx, http.MethodGet, "/v1/trending?"+q.Encode(), nil, a)
}

// receipt is what a node says about events it was sent.
type receipt struct {
	Accepted int `json:"accepted"`
	Rejected []struct {
		Index int    `json:"index"`
		Error string `json:"error"`
	} `json:"rejected"`
}

// batch keeps a body of events well under edged.MaxBody.
const batch = 500

// send posts events, in several requests where there are many. All must be accepted.
func (c *client) send(ctx context.Context, events []edged.Event) error {
	for len(events) > 0 {
		n := min(len(events), batch)
		body := []byte{'['}
		for i := range events[:n] {
			if i > 0 {
				body = append(body, ',')
			}
			body = data.AppendEventJSON(body, &events[i])
		}
		var r receipt
		if err := c.do(ctx, http.MethodPost, "/v1/events", append(body, ']'), &r); err != nil {
			return err
		}
		if r.Accepted != n {
			return fmt.Errorf("%s: accepted %d of %d events: %v", c.Name, r.Accepted, n, r.Rejected)
		}
		events = events[n:]
	}
	return nil
}

const maxAnswer = 4 << 20

func (c *client) do(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.Name, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.Name, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.Name, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("ask %s: %s %s: status %d: %.300s", c.Name, method, path, res.StatusCode, b)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("ask %s: %s %s: %w", c.Name, method, path, err)
	}
	return nil
}
