package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says where a node is and how to call it. The zero value of each field but URL means its default.
type Config struct {
	URL     string        // such as https://edge.example; required
	Key     string        // API key; empty: none is sent
	Timeout time.Duration // of one try, default 2 s
	Retries int           // tries after the first, default 3; below 0: none
	Backoff time.Duration // longest pause before the first of them, doubled for each, default 50 ms
	HTTP    *http.Client  // default: one of its own with keep-alive connections
}

// maxBackoff bounds a pause, also one that the node asks for.
const maxBackoff = 5 * time.Second

// Client calls one node.
type Client struct {
	cfg     Config
	base    string
	visitor *Visitor // nil: nobody in particular
}

// New returns a Client; nothing is sent yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("client: url %q: want http://HOST or https://HOST", cfg.URL)
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	cfg.Backoff = cmp.Or(cfg.Backoff, 50*time.Millisecond)
	cfg.Retries = max(cmp.Or(cfg.Retries, 3), 0)
	if cfg.HTTP == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 64
		cfg.HTTP = &http.Client{Transport: transport}
	}
	return &Client{cfg: cfg, base: strings.TrimRight(cfg.URL, "/")}, nil
}

// For returns a Client that calls for a visitor: his token goes along and is renewed from answers.
func (c *Client) For(v *Visitor) *Client {
	to := *c
	to.visitor = v
	return &to
}

// Recommend asks for recommendations.
func (c *Client) Recommend(ctx context.Context, q Request) (*Answer, error) {
	var a Answer
	return &a, c.post(ctx, "/v1/recommend", q, &a)
}

// Page fills the slots of a page: no item comes in two of them.
func (c *Client) Page(ctx context.Context, q Page) ([]Answer, error) {
	var page struct{ Answers []Answer }
	err := c.post(ctx, "/v1/recommend/batch", q, &page)
	return page.Answers, err
}

// Similar asks for items like one.
func (c *Client) Similar(ctx context.Context, id string, q List) (*Answer, error) {
	return c.list(ctx, "/v1/items/"+url.PathEscape(id)+"/similar", q)
}

// Together asks for what goes with an item.
func (c *Client) Together(ctx context.Context, id string, q List) (*Answer, error) {
	return c.list(ctx, "/v1/items/"+url.PathEscape(id)+"/together", q)
}

// Trending asks for what trends now.
func (c *Client) Trending(ctx context.Context, q List) (*Answer, error) {
	return c.list(ctx, "/v1/trending", q)
}

// Popular asks for what is popular.
func (c *Client) Popular(ctx context.Context, q List) (*Answer, error) {
	return c.list(ctx, "/v1/popular", q)
}

func (c *Client) list(ctx context.Context, path string, q List) (*Answer, error) {
	var a Answer
	return &a, c.call(ctx, http.MethodGet, path+q.query(), nil, &a)
}

// Item asks for an item's catalogue fields, all of them where none are named. Where the release has no such item the error is a *Problem
// of status 404.
func (c *Client) Item(ctx context.Context, id string, fields ...string) (*CatalogueItem, error) {
	var item CatalogueItem
	return &item, c.call(ctx, http.MethodGet, "/v1/items/"+url.PathEscape(id)+List{Fields: fields}.query(), nil, &item)
}

// Send makes events durable. Those without an id get one. Where some are not taken Result says which; where none is the error is a
// *Problem that says so.
func (c *Client) Send(ctx context.Context, events ...Event) (*Result, error) {
	list := make([]Event, len(events))
	for i, e := range events {
		if list[i] = e; e.ID == "" {
			list[i].ID = newID()
		}
	}
	var r Result
	return &r, c.post(ctx, "/v1/events", list, &r)
}

// Profile shows what is held on the visitor.
func (c *Client) Profile(ctx context.Context) (*Profile, error) {
	var p Profile
	return &p, c.call(ctx, http.MethodGet, "/v1/profile", nil, &p)
}

// SetProfile changes consent and limits; what is nil stays.
func (c *Client) SetProfile(ctx context.Context, l Limits) (*Profile, error) {
	body, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	var p Profile
	return &p, c.call(ctx, http.MethodPut, "/v1/profile", body, &p)
}

// Forget erases what is held on the visitor.
func (c *Client) Forget(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/v1/profile", nil, nil)
}

func (c *Client) post(ctx context.Context, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	return c.call(ctx, http.MethodPost, path, text, answer)
}

// call tries until there is an answer, the tries are used up, or ctx ends.
func (c *Client) call(ctx context.Context, method, path string, body []byte, answer any) error {
	for try := 0; ; try++ {
		wait, err := c.try(ctx, method, path, body, answer)
		if err == nil {
			return nil
		}
		if wait < 0 || try == c.cfg.Retries || !sleep(ctx, max(wait, pause(c.cfg.Backoff, try))) {
			return fmt.Errorf("client: %s %s: %w", method, strings.SplitN(path, "?", 2)[0], err)
		}
	}
}

// never, as a wait, says that another try would end like this one.
const never = -1

// try calls once. It returns how long the node wants to be left alone, or never.
func (c *Client) try(ctx context.Context, method, path string, body []byte, answer any) (wait time.Duration, err error) {
	bounded, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return never, err
	}
	c.head(req, len(body) > 0)
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil && distrusted(err) {
		return never, err
	}
	if err != nil {
		return 0, errors.Join(ctx.Err(), err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, err
	case len(text) > maxAnswer:
		return never, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	case resp.StatusCode > 299:
		return problemOf(resp, text)
	}
	c.visitor.take(resp.Header)
	switch to := answer.(type) {
	case nil:
		return 0, nil
	case *raw:
		*to = text
		return 0, nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return never, fmt.Errorf("the answer is no JSON of this API: %w", err)
	}
	return 0, nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

func (c *Client) head(req *http.Request, hasBody bool) {
	if hasBody {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Key)
	}
	c.visitor.give(req.Header)
}
