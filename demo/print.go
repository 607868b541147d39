package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// printer writes the demo's lines: steps with what they took, and the story.
type printer struct {
	w     io.Writer
	clock func() time.Time
	began time.Time // of the demo
	step  time.Time // of the step under way
}

func newPrinter(w io.Writer, clock func() time.Time) *printer {
	now := clock()
	return &printer{w: w, clock: clock, began: now, step: now}
}

const stepWidth = 84

// done prints a finished step; its time runs from the end of the step before.
func (p *printer) done(name, format string, args ...any) {
	text := plain(fmt.Sprintf(format, args...))
	now := p.clock()
	pad := strings.Repeat(" ", max(1, stepWidth-utf8.RuneCountInString(text)))
	fmt.Fprintf(p.w, "  %-9s %s%s%6.2f s\n", name, text, pad, now.Sub(p.step).Seconds())
	p.step = now
}

// line prints text as it is, with what came from data made harmless to a terminal.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintln(p.w, plain(fmt.Sprintf(format, args...)))
}

func (p *printer) title(text string) { fmt.Fprintf(p.w, "\n%s\n", plain(text)) }

func (p *printer) total() time.Duration { return p.clock().Sub(p.began) }

// plain replaces control characters and those that turn the direction of text: titles are other people's input, and
// terminals obey them.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\ufffd'
		}
		return r
	}, s)
}

// count writes a number with thousands apart.
func count[T ~int | ~int64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n/1e6)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1e3)
}

// cut shortens a title for one line.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
