package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestALongStepSaysWhereItIs: off a terminal a step has a line every quarter of a minute, and one at its end.
func TestALongStepSaysWhereItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p := newProgress(&b)
		for _, state := range []string{"1 of 4", "2 of 4", "3 of 4", "4 of 4"} {
			p.update("choose", state)
			time.Sleep(10 * time.Second)
		}
		p.update("als", "done")
		p.begin("read")
		time.Sleep(2500 * time.Millisecond)
		p.begin("peak: pair 1 of 2")
		p.begin("peak: pair 2 of 2")
		p.begin("write")
		time.Sleep(16 * time.Second)
		p.begin("write")
		p.done()
		if want := "choose: 3 of 4\nchoose: 4 of 4\nals: done\nread: 2.50 s\npeak: pair 2 of 2\nwrite: under way\nwrite: 16.00 s\n"; b.String() != want {
			t.Errorf("got %q, want %q", b.String(), want)
		}
	})
}
