package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edged/edged/client"
)

// script is a transport that answers as written, in turn, and keeps what was asked.
type script struct {
	answers []func(*http.Request) (*http.Response, error)
	asked   []*http.Request
	bodies  []string
	at      []time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	s.asked, s.bodies, s.at = append(s.asked, r), append(s.bodies, string(body)), append(s.at, time.Now())
	if len(s.asked) > len(s.answers) {
		return nil, errors.New("the script has no more answers")
	}
	return s.answers[len(s.asked)-1](r)
}

func says(status int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			h.Set(name, value)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func fails(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hangs answers when the try is given up.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func newClient(t *testing.T, s *script) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: "http://edge.test/", Key: "edged_sk_x", HTTP: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	full  = `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"more than 4096 requests at once"}`
	empty = `{"recommendationId":"a","items":[],"level":"static","release":"1-a","releaseAgeMs":0,"experiments":{},"missing":[],"tookUs":3}`
)

func TestRetries(t *testing.T) {
	slow := says(200, empty)
	for name, test := range map[string]struct {
		answers []func(*http.Request) (*http.Response, error)
		within  time.Duration // of the context; 0: none
		tries   int
		fault   string
		atLeast time.Duration // until the end
		atMost  time.Duration
	}{
		"at once":                      {answers: []func(*http.Request) (*http.Response, error){slow}, tries: 1},
		"503, then well":               {answers: []func(*http.Request) (*http.Response, error){says(503, full), slow}, tries: 2, atMost: 50 * time.Millisecond},
		"Retry-After is kept to":       {answers: []func(*http.Request) (*http.Response, error){says(503, full, "Retry-After: 2"), says(429, full, "Retry-After: 1"), slow}, tries: 3, atLeast: 3 * time.Second, atMost: 3 * time.Second},
		"a far Retry-After is an end":  {answers: []func(*http.Request) (*http.Response, error){says(503, full, "Retry-After: 3600")}, tries: 1, fault: "more than 4096"},
		"the connection fails":         {answers: []func(*http.Request) (*http.Response, error){fails(io.ErrUnexpectedEOF), slow}, tries: 2, atMost: 50 * time.Millisecond},
		"a try hangs":                  {answers: []func(*http.Request) (*http.Response, error){hangs, slow}, tries: 2, atLeast: 2 * time.Second, atMost: 2050 * time.Millisecond},
		"four times is enough":         {answers: []func(*http.Request) (*http.Response, error){says(503, full), says(503, full), says(503, full), says(503, full)}, tries: 4, fault: "503", atMost: 350 * time.Millisecond},
		"a 400 is final":               {answers: []func(*http.Request) (*http.Response, error){says(400, `{"status":400,"title":"Bad Request","detail":"n: want a whole number","field":"n"}`)}, tries: 1, fault: "n: want a whole number"},
		"a 500 is final":               {answers: []func(*http.Request) (*http.Response, error){says(500, `oops`)}, tries: 1, fault: "oops"},
		"no time left for the pause":   {answers: []func(*http.Request) (*http.Response, error){says(503, full, "Retry-After: 2")}, within: time.Second, tries: 1, fault: "503"},
		"the context ends during one":  {answers: []func(*http.Request) (*http.Response, error){hangs}, within: time.Second, tries: 1, fault: "deadline", atLeast: time.Second, atMost: time.Second},
		"an answer that is no JSON":    {answers: []func(*http.Request) (*http.Response, error){says(200, `<html>`)}, tries: 1, fault: "no JSON"},
		"a refusal without a document": {answers: []func(*http.Request) (*http.Response, error){says(502, `<html>`)}, tries: 1, fault: "502 Bad Gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: test.answers}
				ctx, cancel := context.WithCancel(t.Context())
				if test.within > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), test.within)
				}
				defer cancel()
				start := time.Now()
				_, err := newClient(t, s).Recommend(ctx, client.Request{N: 3})
				took := time.Since(start)
				if len(s.asked) != test.tries || took < test.atLeast || took > test.atMost {
					t.Errorf("%d tries in %v; want %d in %v to %v", len(s.asked), took, test.tries, test.atLeast, test.atMost)
				}
				if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
					t.Errorf("%v; want %q", err, test.fault)
				}
				for i, body := range s.bodies {
					if body != `{"n":3}` || s.asked[i].Header.Get("Authorization") != "Bearer edged_sk_x" {
						t.Errorf("try %d: %s, %v", i, body, s.asked[i].Header)
					}
				}
			})
		})
	}
}

// A node whose certificate is not trusted is asked once, and so is one that speaks no TLS.
func TestDistrustIsFinal(t *testing.T) {
	secure := httptest.NewUnstartedServer(nil)
	plain := httptest.NewServer(nil)
	defer plain.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	for url, want := range map[string]string{secure.URL: "certificate", strings.Replace(plain.URL, "http:", "https:", 1): "HTTP"} {
		tries := 0
		transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			tries++
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}
		c, err := client.New(client.Config{URL: url, HTTP: &http.Client{Transport: transport}, Backoff: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Popular(t.Context(), client.List{}); err == nil || !strings.Contains(err.Error(), want) || tries != 1 {
			t.Errorf("%s: %d tries, %v; want one, and %q", url, tries, err, want)
		}
	}
}

func TestProblemsCanBeRead(t *testing.T) {
	s := &script{answers: []func(*http.Request) (*http.Response, error){says(400, `{"status":400,"title":"Bad Request","detail":"no event was taken","accepted":0,"rejected":[{"index":0,"error":"event: item: missing"}]}`)}}
	_, err := newClient(t, s).Send(t.Context(), client.Event{Type: client.View})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 400 || len(p.Rejected) != 1 || p.Rejected[0].Error != "event: item: missing" {
		t.Fatalf("%v", err)
	}
}

// An event keeps its id from try to try, so that it counts once.
func TestEventsKeepTheirIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){says(503, full), says(202, `{"accepted":2,"rejected":[]}`)}}
		mine := []client.Event{{Item: "a", Type: client.View}, {ID: "own", Item: "b", Type: client.Cart}}
		r, err := newClient(t, s).Send(t.Context(), mine...)
		if err != nil || r.Accepted != 2 || mine[0].ID != "" {
			t.Fatalf("%+v, %v, %+v", r, err, mine)
		}
		var sent [2][]struct{ ID string }
		for i := range sent {
			if err := json.Unmarshal([]byte(s.bodies[i]), &sent[i]); err != nil {
				t.Fatal(err)
			}
		}
		if sent[0][0].ID == "" || sent[0][0] != sent[1][0] || sent[0][1].ID != "own" {
			t.Errorf("%v", s.bodies)
		}
	})
}

func TestTheTokenGoesAlong(t *testing.T) {
	s := &script{answers: []func(*http.Request) (*http.Response, error){says(202, `{"accepted":1,"rejected":[]}`, "Edged-Profile: T1"), says(200, empty), says(204, "", "Edged-Profile: new")}}
	v := client.NewVisitor(client.VisitorConfig{Assertion: "as", OptedOut: true})
	c := newClient(t, s).For(v)
	if _, err := c.Send(t.Context(), client.Event{Item: "a", Type: client.View}); err != nil || v.Token() != "T1" {
		t.Fatalf("%q %v", v.Token(), err)
	}
	if _, err := c.Recommend(t.Context(), client.Request{}); err != nil || v.Token() != "T1" {
		t.Fatalf("%q %v", v.Token(), err)
	}
	if err := c.Forget(t.Context()); err != nil || v.Token() != "" {
		t.Fatalf("%q %v", v.Token(), err)
	}
	for i, token := range []string{"new", "T1", "T1"} {
		if h := s.asked[i].Header; h.Get("Edged-Profile") != token || h.Get("Edged-Assertion") != "as" || h.Get("Sec-GPC") != "1" {
			t.Errorf("call %d: %v", i, h)
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	for _, url := range []string{"", "edge", "ftp://edge", "http://", "http://%zz"} {
		if _, err := client.New(client.Config{URL: url}); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
}

func ExampleClient_Recommend() {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"recommendationId":"5f0c","items":[{"id":"85099B","score":0.83,"source":"personal","fields":{"title":"JUMBO BAG RED RETROSPOT"}}],
			"level":"personal","release":"7-3fa9c2d1","releaseAgeMs":5312000,"experiments":{},"missing":[],"tookUs":31}`)
	}))
	defer node.Close()
	c, err := client.New(client.Config{URL: node.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := c.Recommend(context.Background(), client.Request{Recent: client.Items("85123A", "84879"), N: 1, Fields: []string{"title"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, item := range answer.Items {
		fmt.Println(item.ID, item.Fields.Title, answer.Level)
	}
	// Output: 85099B JUMBO BAG RED RETROSPOT personal
}

func ExampleClient_Send() {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"accepted":1,"rejected":[]}`)
	}))
	defer node.Close()
	c, err := client.New(client.Config{URL: node.URL, Key: "edged_sk_…"})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := c.Send(context.Background(), client.Event{User: "u-17", Item: "85123A", Type: client.Purchase, Value: 2.55})
	fmt.Println(result.Accepted, err)
	// Output: 1 <nil>
}

func ExampleClient_For() {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Edged-Profile", "AQ2zniUAAQ")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"accepted":1,"rejected":[]}`)
	}))
	defer node.Close()
	c, err := client.New(client.Config{URL: node.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	visitor := client.NewVisitor(client.VisitorConfig{}) // with the token he had, if he came before
	if _, err := c.For(visitor).Send(context.Background(), client.Event{Item: "85123A", Type: client.View}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(visitor.Token())
	// Output: AQ2zniUAAQ
}
