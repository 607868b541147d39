package testkit

import "testing"

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
