package bench

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPinThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, now unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	core := 0
	for !before.IsSet(core) {
		core++
	}
	undo, err := pinThread(core)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SchedGetaffinity(0, &now); err != nil || now.Count() != 1 || !now.IsSet(core) {
		t.Errorf("%d cores, %v", now.Count(), err)
	}
	undo()
	if err := unix.SchedGetaffinity(0, &now); err != nil || now != before {
		t.Errorf("%d cores afterwards, %d before, %v", now.Count(), before.Count(), err)
	}
	if _, err := pinThread(1023); err == nil {
		t.Error("a core that is not there")
	}
}
