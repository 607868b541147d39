package edge

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edged/edged/internal/vfs"
)

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// Words count from the start and follow their file; one that is wrong changes nothing, and what a language leaves out is told once.
func TestWordsFollowTheFile(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	write := func(text string) { s.must(vfs.WriteFile(s.fs, "words.json", []byte(text))) }
	write(`{"de": {"similarTo": "Wie {items}"}}`)
	cfg, log := s.config("one"), &logged{}
	cfg.Words, cfg.Logger = "words.json", slog.New(slog.NewTextHandler(log, nil))
	e := s.start(cfg)
	until(t, "it serves", func() bool { return serves(t, e, id) })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	says := func(text string) bool {
		_, body := talk(t, client, "GET", "http://"+e.Addr()+"/v1/recommend?recent=a-007&n=1&explain=true&language=de-CH", "", nil)
		return strings.Contains(body, `"text":"`+text+`"`)
	}
	if !says("Wie The a-007") {
		t.Error("the file's words don't count from the start")
	}
	write(`{"de": {"similarTo": "Passend"}}`)
	until(t, "the new sentence is said", func() bool { return says("Passend") })
	write(`{"de": {"similarTo": "Zu {itms}"}}`)
	until(t, "the file is refused", func() bool { return log.count("de.similarTo: {itms} is not filled in here") > 0 })
	if !says("Passend") {
		t.Error("a wrong file took the words away")
	}
	if n := log.count("what a language does not say is said in another one"); n != 1 {
		t.Errorf("told %d times what is missing", n)
	}
	write(`{"de": {"similarTo": "Auch gut"}}`)
	until(t, "the file is right again", func() bool { return says("Auch gut") })
}

func TestWrongWordsDoNotStart(t *testing.T) {
	s := newShop(t)
	s.must(vfs.WriteFile(s.fs, "words.json", []byte("{\"de\": {\n\"new\": \"\",\n\"neu\": \"Neu\"}}")))
	for name, want := range map[string][]string{"words.json": {"words: words.json: line 2: de.new: ", "\nline 3: de.neu: "}, "none.json": {"words: ", "none.json"}} {
		cfg := s.config("one")
		cfg.Words = name
		e, err := Start(t.Context(), cfg)
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%v %v, want %s", e, err, part)
			}
		}
	}
}

// stuck is a disk on which what is opened under one name doesn't answer, once it is to be so.
func stuck(fs vfs.FS, name string) (_ vfs.FS, hang *atomic.Bool, release func()) {
	hang, gate := &atomic.Bool{}, make(chan struct{})
	return vfs.Faulty(fs, func(op vfs.Op) error {
		if op.Name == vfs.OpOpen && op.Path == name && hang.Load() {
			<-gate
		}
		return nil
	}), hang, sync.OnceFunc(func() { close(gate) })
}

// A file that doesn't answer keeps from nothing but what it says: other files are followed, and the node ends.
func TestFileThatHangs(t *testing.T) {
	s := newShop(t)
	id := s.publish("a")
	s.must(vfs.WriteFile(s.fs, "words.json", []byte("{}")))
	s.must(vfs.WriteFile(s.fs, "rules.yaml", pinRule("a-040")))
	cfg := s.config("one")
	cfg.Words, cfg.Rules, cfg.TrendVisitors = "words.json", "rules.yaml", 1
	fs, hang, release := stuck(s.fs, "words.json")
	t.Cleanup(release)
	cfg.FS = fs
	e, err := Start(t.Context(), cfg)
	s.must(err)
	until(t, "it serves", func() bool { return serves(t, e, id) })
	hang.Store(true)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if r, body := talk(t, client, "POST", "http://"+e.Addr()+"/v1/events", `[{"type":"view","item":"a-007","session":"s"}]`, nil); r.StatusCode/100 != 2 {
		t.Fatal(r.StatusCode, body)
	}
	s.must(vfs.WriteFile(s.fs, "rules.yaml", pinRule("a-041")))
	until(t, "rules follow their file", func() bool { return first(t, e) == "a-041" })
	until(t, "what was viewed is in the trend", func() bool {
		_, a := ask(t, "GET", "http://"+e.Addr()+"/v1/trending?n=1", "")
		return len(a.Items) == 1 && a.Items[0].ID == "a-007"
	})
	var ended atomic.Bool
	go func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		ended.Store(true)
	}()
	until(t, "the node has ended", ended.Load)
}

// That a file doesn't answer is told once, and when it does, it is taken.
func TestFileThatHangsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		if err := vfs.WriteFile(mem, "keys", []byte("text")); err != nil {
			t.Fatal(err)
		}
		fs, hang, release := stuck(mem, "keys")
		hang.Store(true)
		log, seen := &logged{}, make(chan look, 1)
		e := &Edge{cfg: Config{FS: fs, Clock: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil))}}
		ctx, stop := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() { e.follow(ctx, followed{"keys", "keys", 100, func(l look) { seen <- l; stop() }}) })
		for _, told := range []struct {
			after time.Duration
			want  int
		}{{silence, 0}, {time.Second, 1}, {time.Hour, 1}} {
			time.Sleep(told.after)
			synctest.Wait()
			if n := log.count("a file doesn't answer"); n != told.want {
				t.Errorf("told %d times after %v more, want %d", n, told.after, told.want)
			}
		}
		release()
		if l := <-seen; string(l.text) != "text" || l.err != nil {
			t.Errorf("%q %v", l.text, l.err)
		}
		ended.Wait()
	})
}
