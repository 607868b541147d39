package bench

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// newPacer waits on a timer of the kernel through the poller. The runtime's own timers round to a millisecond where the
// machine is idle, which would be ten times the latencies to be measured; a thread asleep in the kernel would keep
// its processor from the others meanwhile.
func newPacer() pacer {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return timerPacer{}
	}
	return kernelPacer{fd, os.NewFile(uintptr(fd), "timer")}
}

type kernelPacer struct {
	fd   int
	file *os.File
}

func (p kernelPacer) close() { p.file.Close() }

func (p kernelPacer) until(ctx context.Context, t time.Time) {
	wait := time.Until(t)
	if wait <= 0 || ctx.Err() != nil {
		return
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	if err := unix.TimerfdSettime(p.fd, 0, &spec, nil); err != nil {
		timerPacer{}.until(ctx, t)
		return
	}
	if wait > coarse {
		defer context.AfterFunc(ctx, func() { _ = p.file.SetReadDeadline(time.Now()) })()
	}
	var expirations [8]byte
	_, _ = p.file.Read(expirations[:]) // an error is the deadline of AfterFunc: ctx is done
}

// coarse is how long a wait must be for it to be worth breaking off.
const coarse = 50 * time.Millisecond
