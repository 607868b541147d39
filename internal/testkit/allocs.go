package testkit

import (
	"runtime"
	"testing"
)

// Allocs fails the test if f, once warm, allocates more than max times a run. Under the race detector, which
// allocates by itself, it only runs f.
func Allocs(t testing.TB, max float64, f func()) {
	t.Helper()
	if Race {
		f()
		return
	}
	if got := testing.AllocsPerRun(100, f); got > max {
		t.Errorf("%v allocations a run, at most %v", got, max)
	}
}

// Bounded fails the test if f allocates more than room bytes, all it ever takes added up, so that what it holds at once is less still. What it
// does once in the life of a process does not count. Under the race detector it only runs f.
func Bounded(t testing.TB, room int, f func()) {
	t.Helper()
	if Race {
		f()
		return
	}
	if allocated(f) <= room {
		return
	}
	if got := min(allocated(f), allocated(f)); got > room {
		t.Errorf("%d bytes allocated, at most %d", got, room)
	}
}

func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}
