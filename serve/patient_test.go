package serve

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// poor is a listener that has too little of something for a while.
type poor struct {
	net.Listener
	fails  []error
	always error
	closed int
}

func (p *poor) Accept() (net.Conn, error) {
	if len(p.fails) == 0 {
		return nil, p.always
	}
	err := p.fails[0]
	p.fails = p.fails[1:]
	return nil, err
}

func (p *poor) Close() error { p.closed++; return nil }

func TestListenersWaitForWhatIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lack := func(errno syscall.Errno) error {
			return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)}
		}
		other := errors.New("something else")
		told := 0
		ln := newPatient(&poor{fails: []error{lack(syscall.EMFILE), lack(syscall.ENFILE), lack(syscall.ENOBUFS), lack(syscall.ENOMEM)}, always: other}, func() { told++ })
		began := time.Now()
		if _, err := ln.Accept(); err != other || told != 4 || time.Since(began) != (5+10+20+40)*time.Millisecond {
			t.Errorf("%v, told %d times, after %v", err, told, time.Since(began))
		}
		below := &poor{always: lack(syscall.EMFILE)}
		ln = newPatient(below, func() { told++ })
		go func() {
			time.Sleep(time.Minute)
			if err := errors.Join(ln.Close(), ln.Close()); err != nil {
				t.Error(err)
			}
		}()
		told = 0
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) || below.closed != 1 || told < 60 || told > 70 {
			t.Errorf("%v, told %d times in a minute, closed %d times", err, told, below.closed)
		}
	})
}
