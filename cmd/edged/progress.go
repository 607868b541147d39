package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows long work: on a terminal one line that is rewritten, elsewhere one line for each finished step.
type progress struct {
	w        io.Writer
	terminal bool
	step     string
	last     string
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
		p.step, p.shown = step, time.Time{}
	}
	p.last = state
	if p.terminal && time.Since(p.shown) > 100*time.Millisecond {
		fmt.Fprintf(p.w, "\r\033[K%s: %s", step, state)
		p.shown = time.Now()
	}
}

// done ends the current step's line.
func (p *progress) done() {
	if p.step == "" {
		return
	}
	if p.terminal {
		fmt.Fprint(p.w, "\r\033[K")
	}
	fmt.Fprintf(p.w, "%s: %s\n", p.step, p.last)
	p.step = ""
}

// line prints a line of its own.
func (p *progress) line(format string, args ...any) {
	p.done()
	fmt.Fprintf(p.w, format+"\n", args...)
}
