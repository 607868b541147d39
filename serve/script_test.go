package serve

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs testdata/*.txt. The commands:
//
//	get TARGET [header=(Name: value)]      GET, or another method= without a body
//	post TARGET [type=MEDIATYPE]           POST with the input as body
//	raw                                    the input as sent, \n becoming \r\n; the answer to the first request
//	release [id= version= prefix=] [blend] | none  what is served from now on
//	advance DURATION                       the clock
//	flush                                  the trends
//	stored                                 the events made durable
//	config NAME=VALUE                      sink=fail, ready=no, drain
//
// An answer is printed as status, the headers that matter, and the body; ids of answers become "ID".
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		f := newFixture(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			f.t = t
			return f.command(d)
		})
	})
}

func (f *fixture) command(d *datadriven.TestData) string {
	switch d.Cmd {
	case "get":
		return show(f.raw(f.bodiless(d)))
	case "post":
		typ := "application/json"
		d.MaybeScanArgs(f.t.(*testing.T), "type", &typ)
		return show(f.post(d.CmdArgs[0].String(), typ, d.Input))
	case "raw":
		return show(f.raw(strings.ReplaceAll(d.Input, "\n", "\r\n") + "\r\n\r\n"))
	case "release":
		return f.release(d)
	case "advance":
		step, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			f.t.Fatal(err)
		}
		f.now.Add(step.Milliseconds())
		return f.clock().Format(time.RFC3339)
	case "flush":
		f.trends.Flush()
		return ""
	case "stored":
		return f.stored()
	case "config":
		return f.config(d.CmdArgs[0].String())
	}
	f.t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	return ""
}

func (f *fixture) bodiless(d *datadriven.TestData) string {
	method, extra := "GET", ""
	for _, arg := range d.CmdArgs[1:] {
		switch arg.Key {
		case "method":
			method = arg.Vals[0]
		case "header":
			extra += strings.Join(arg.Vals, ", ") + "\r\n"
		}
	}
	return method + " " + d.CmdArgs[0].String() + " HTTP/1.1\r\nHost: edge\r\n" + extra + "\r\n"
}

func (f *fixture) release(d *datadriven.TestData) string {
	if d.CmdArgs[0].Key == "none" {
		f.releases.Store(nil)
		return ""
	}
	id, version, prefix := "", uint64(1), ""
	d.ScanArgs(f.t.(*testing.T), "id", &id)
	d.MaybeScanArgs(f.t.(*testing.T), "version", &version)
	d.MaybeScanArgs(f.t.(*testing.T), "prefix", &prefix)
	if d.HasArg("blend") {
		f.publish(id, version, prefix, withBlends)
	} else {
		f.publish(id, version, prefix)
	}
	return ""
}

func (f *fixture) stored() string {
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	var b strings.Builder
	for _, e := range f.sink.events {
		fmt.Fprintf(&b, "user=%q session=%q item=%q type=%s time=%s context=%v\n", e.User, e.Session, e.Item, e.Type,
			time.UnixMilli(e.Time).UTC().Format(time.RFC3339), e.Context)
	}
	return b.String()
}

func (f *fixture) config(arg string) string {
	switch arg {
	case "sink=fail":
		f.sink.err = errors.New("disk full")
	case "sink=ok":
		f.sink.err = nil
	case "ready=no":
		f.notReady = errors.New("the clock is wrong")
	case "ready=yes":
		f.notReady = nil
	case "drain":
		f.server.Drain()
	default:
		f.t.Fatalf("unknown configuration %s", arg)
	}
	return ""
}

var (
	answerID = regexp.MustCompile(`"recommendationId":"[0-9a-f]{32}"`)
	shown    = []string{"Content-Type", "Cache-Control", "Etag", "Allow", "Retry-After", "Access-Control-Allow-Methods"}
)

func show(r response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", r.status)
	for _, name := range shown {
		if v := r.header.Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	body := answerID.ReplaceAllString(r.body, `"recommendationId":"ID"`)
	body = strings.NewReplacer(`[{"id"`, "[\n {\"id\"", `},{"id"`, "},\n {\"id\"", "}],\"level\"", "}],\n\"level\"").Replace(body)
	b.WriteString(body)
	return b.String()
}
