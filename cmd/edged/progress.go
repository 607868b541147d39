package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// progress shows long work: on a terminal one line that is rewritten, elsewhere one line for each finished step, and
// one now and then of a step that takes long.
type progress struct {
	w        io.Writer
	terminal bool
	step     string
	last     string
	began    time.Time
	shown    time.Time
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// update says where a step is. A new step's name ends the line of the one before.
func (p *progress) update(step, state string) {
	if step != p.step {
		p.done()
		p.began = time.Now()
		if p.step, p.shown = step, p.began; p.terminal {
			p.shown = time.Time{}
		}
	}
	p.last = state
	switch since := time.Since(p.shown); {
	case p.terminal && since > 100*time.Millisecond:
		fmt.Fprintf(p.w, "\r\033[K%s: %s", step, state)
	case !p.terminal && since >= quietFor:
		fmt.Fprintf(p.w, "%s: %s\n", step, state)
	default:
		return
	}
	p.shown = time.Now()
}

// underWay is the state of a step that has nothing to say but when it ends.
const underWay = "under way"

// begin takes "step" or "step: state". What has no state says in the end how long it took.
func (p *progress) begin(text string) {
	step, state, _ := strings.Cut(text, ": ")
	p.update(step, cmp.Or(state, underWay))
}

// quietFor is how long a step says nothing where there is no terminal.
const quietFor = 15 * time.Second

// done ends the current step's line.
func (p *progress) done() {
	if p.step == "" {
		return
	}
	if p.terminal {
		fmt.Fprint(p.w, "\r\033[K")
	}
	if p.last == underWay {
		p.last = fmt.Sprintf("%.2f s", time.Since(p.began).Seconds())
	}
	fmt.Fprintf(p.w, "%s: %s\n", p.step, p.last)
	p.step = ""
}

// line prints a line of its own.
func (p *progress) line(format string, args ...any) {
	p.done()
	fmt.Fprintf(p.w, format+"\n", args...)
}
