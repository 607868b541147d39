package edge

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

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
