package serve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
)

// Callers who send heads of large bodies and nothing more take no more memory than the budget; others are told to come again, small bodies and
// GETs get through, and what was taken is given back when it ends, well or not.
func TestBodiesShareABudget(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.BodyBudget = 3 * edged.MaxBody })
	halves := make([]net.Conn, 3)
	for i, head := range []string{fmt.Sprint("Content-Length: ", edged.MaxBody), fmt.Sprint("Content-Length: ", edged.MaxBody), "Transfer-Encoding: chunked"} {
		conn, err := f.ln.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST /v1/events HTTP/1.1\r\nHost: edge\r\n"+head+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		halves[i] = conn
	}
	f.eventually("three bodies are under way", func() bool { return f.server.budget.sum.Load() == 3*edged.MaxBody })
	large := `{"item":"mug-1","type":"view","channel":"` + strings.Repeat("x", 60) + `"}` + strings.Repeat(" ", 8<<10)
	r := f.post("/v1/events", "", large)
	checkRefusal(t, r, 503, "bodies of more than 3145728 bytes are under way already")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("%v", r.header)
	}
	chunked := "POST /v1/events HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
	checkRefusal(t, f.raw(chunked), 503, "under way already")
	if r := f.post("/v1/events", "", viewMug); r.status != 202 {
		t.Errorf("a small body: %d %s", r.status, r.body)
	}
	checkRefusal(t, f.post("/v1/events", "", strings.Repeat(" ", edged.MaxBody+1)), 413, "larger than")

	body := viewMug + strings.Repeat(" ", edged.MaxBody-len(viewMug))
	if _, err := io.WriteString(halves[0], body); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(halves[0]).ReadString('\n'); err != nil || !strings.Contains(line, "202") {
		t.Errorf("%q %v", line, err)
	}
	for _, conn := range halves[1:] {
		_ = conn.Close()
	}
	f.eventually("all is given back", func() bool { return f.server.budget.sum.Load() == 0 })
	if r := f.post("/v1/events", "", large); r.status != 202 {
		t.Errorf("afterwards: %d %s", r.status, r.body)
	}
}

func (f *fixture) eventually(what string, so func() bool) {
	f.t.Helper()
	began, tick := time.Now(), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !so() {
		if time.Since(began) > 20*time.Second {
			f.t.Fatalf("waited in vain until %s", what)
		}
		<-tick.C
	}
}
