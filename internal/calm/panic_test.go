package calm

import (
	"strings"
	"testing"
)

// TestPanic: whoever called Do may recover from what its work did, and sees where that was.
func TestPanic(t *testing.T) {
	defer func() {
		p, ok := recover().(*Panic)
		if !ok || p.Value != "broken" || !strings.Contains(p.Error(), "TestPanic") {
			t.Errorf("%v", p)
		}
		if extra.users != 0 {
			t.Errorf("%d users left", extra.users)
		}
	}()
	Do(func() { panic("broken") })
	t.Error("no panic")
}
