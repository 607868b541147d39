package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// Listen puts a release behind the HTTP that a node speaks, to be asked as if it were always now. It returns the base of its
// URLs, and what ends it.
type Listen func(r *rank.Ranker, now time.Time) (url string, stop func() error, err error)

// online asks a release over HTTP, in request mode: each request says all that there is to know of the visitor.
type online struct {
	url    string
	model  *model.Model
	stop   func() error
	client http.Client
	types  map[float32]edged.EventType // a type for each weight that events have; 1 needs none

	mu  sync.Mutex
	err error // the first
}

// online opens a ranker to HTTP.
func (e *evaluation) openOnline() (*online, error) {
	_, newest := e.fold.train.span()
	url, stop, err := e.cfg.Serve(e.ranker, momentOf(newest))
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	o := &online{url: url, model: e.ranker.Model(), stop: stop, types: map[float32]edged.EventType{}}
	o.client = http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: e.cfg.Config.Threads}, Timeout: time.Minute}
	for _, t := range e.cfg.Config.types() {
		if w := float32(e.cfg.Config.EventWeights[t]); w != 1 {
			o.types[w] = t
		}
	}
	return o, nil
}

// close ends it and reports the first thing that went wrong.
func (o *online) close() error {
	o.client.CloseIdleConnections()
	return errors.Join(o.err, o.stop())
}

// query is the body of POST /v1/recommend, as far as it is needed here.
type query struct {
	Recent  []recentItem      `json:"recent"`
	Exclude []string          `json:"exclude,omitempty"`
	N       int               `json:"n"`
	Goal    model.Goal        `json:"goal,omitempty"`
	Context map[string]string `json:"context,omitempty"`
}

type recentItem struct {
	Item string          `json:"item"`
	Type edged.EventType `json:"type,omitempty"`
	Time int64           `json:"time,omitempty"`
}

// mostExcluded is how many items a request may exclude beside its history.
const mostExcluded = 1000

// query says what a request to the ranker says.
func (o *online) query(r *rank.Request) query {
	q := query{Recent: []recentItem{}, N: r.N, Goal: r.Goal}
	for _, x := range r.Recent {
		q.Recent = append(q.Recent, recentItem{o.model.ID(x.Row), o.types[x.Weight], x.Time})
	}
	for _, row := range r.Exclude[:min(len(r.Exclude), mostExcluded)] {
		q.Exclude = append(q.Exclude, o.model.ID(row))
	}
	q.Context = r.Setting.Context()
	return q
}

// byHTTP recommends as a node answers.
func (q *quiz) byHTTP(name string, o *online) recommender {
	return recommender{name, func() func(at, k int) []uint32 {
		var request rank.Request
		return func(at, k int) []uint32 {
			q.request(&request, at, k)
			items, err := o.ask(o.query(&request))
			if err != nil {
				o.fail(fmt.Errorf("%s, question %d: %w", q.name, at, err))
			}
			return items
		}
	}}
}

func (o *online) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
}

// failed is what went wrong first.
func (o *online) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// largestAnswer bounds what is read of one.
const largestAnswer = 4 << 20

func (o *online) ask(q query) (items []uint32, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	resp, err := o.client.Post(o.url+"/v1/recommend", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, largestAnswer))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %.200s", resp.StatusCode, text)
	}
	var answer struct{ Items []struct{ ID string } }
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	for _, it := range answer.Items {
		row, ok := o.model.Row(it.ID)
		if !ok {
			return nil, fmt.Errorf("an item %q that the release does not have", it.ID)
		}
		items = append(items, uint32(row))
	}
	return items, nil
}
