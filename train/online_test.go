package train

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/serve"
)

type held struct{ *rank.Ranker }

func (h held) Current() *rank.Ranker { return h.Ranker }

func listen(r *rank.Ranker, now time.Time) (string, func() error, error) {
	s, err := serve.New(serve.Config{Releases: held{r}, Clock: func() time.Time { return now }})
	if err != nil {
		return "", nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	return "http://" + ln.Addr().String(), func() error { return errors.Join(s.Shutdown(context.Background()), <-ended) }, nil
}

func servedShop(protocol string, listen Listen) (Report, error) {
	cfg := EvalConfig{Protocol: protocol, SplitTime: momentOf(opening + 80*dayMs), K: 5, Resamples: 100, Serve: listen}
	cfg.Config = Config{Auto: true, Trials: 4, Sweeps: 3, Factors: 8}
	s := newShop(1)
	for i := range 8 { // customers without a history
		last := s.events[len(s.events)-1-i*100]
		last.User, last.Type = "new"+strconv.Itoa(i%4), edged.Purchase
		s.events = append(s.events, last)
	}
	return Evaluate(context.Background(), []Source{s}, cfg, nil)
}

// TestServedOverHTTP: a node's HTTP gives what its ranker gives, for every question there is.
func TestServedOverHTTP(t *testing.T) {
	report, err := servedShop(Temporal, listen)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, p := range append([]eval.Part{report.Part, *report.Cold}, report.Parts...) {
		rows := map[string]eval.Row{}
		for _, r := range p.Results {
			rows[r.Model] = r
		}
		own, over := rows[servedModel], rows[onlineModel]
		if over.Model == "" { // items without a history are not asked of a release
			continue
		}
		asked++
		if own.Recall != over.Recall || own.NDCG != over.NDCG || own.Coverage != over.Coverage {
			t.Errorf("%s: %+v over HTTP, %+v without", p.Name, over.Metrics, own.Metrics)
		}
	}
	if asked < 3 {
		t.Errorf("%d kinds of questions were asked over HTTP", asked)
	}
	steps := map[string]int{}
	for _, l := range report.Serving {
		steps[l.Step[strings.LastIndex(l.Step, ": ")+2:]]++
		if l.Interval.Low > l.After-l.Before+1e-9 || l.Interval.High < l.After-l.Before-1e-9 {
			t.Errorf("%s: %s changes by %g, the interval is %+v", l.Step, l.Metric, l.After-l.Before, l.Interval)
		}
	}
	if steps["int8"] == 0 || steps["HTTP"] != steps["int8"]+2 || steps["all"] != steps["int8"] {
		t.Errorf("steps %v", steps)
	}
}

// TestServedBadly: what a server refuses or makes up ends the evaluation.
func TestServedBadly(t *testing.T) {
	for want, handler := range map[string]http.HandlerFunc{
		"status 503":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"that the release does not": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"items":[{"id":"no such"}]}`)) },
		"unexpected end":            func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"items":`)) },
	} {
		_, err := servedShop(Temporal, func(*rank.Ranker, time.Time) (string, func() error, error) {
			s := httptest.NewServer(handler)
			return s.URL, func() error { s.Close(); return nil }, nil
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
