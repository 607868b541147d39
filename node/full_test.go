package node

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
)

// TestDiskFull: a release for which there is no room is tried ever more rarely, and taken when there is.
func TestDiskFull(t *testing.T) {
	s := newShop(t)
	s.publish(1)
	full, tries := false, 0
	m := &machine{fs: vfs.Faulty(vfs.NewMem(), func(op vfs.Op) error {
		if !full || !takesRoom(op.Name) {
			return nil
		}
		tries++
		return syscall.ENOSPC
	})}
	n := s.open(m)
	s.check(n)
	s.publish(2)
	full = true
	looks := 0
	for range 600 {
		before := tries
		if err := n.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "no space") {
			t.Fatal(err)
		}
		if tries > before {
			looks++
		}
		s.pass(time.Second)
	}
	if looks > 12 {
		t.Errorf("tried %d times in 600 looks", looks)
	}
	serves(t, n, 1)
	alarmed(t, n, AlarmTrouble)
	full = false
	s.pass(maxUnfitPause)
	s.check(n)
	serves(t, n, 2)
}
