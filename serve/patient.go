package serve

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// What there is too little of for one more connection comes back when others end: to give up the listener, as fasthttp does on any error and
// net/http on most, would end the node. So Accept waits, longer each time.
const (
	leastPause = 5 * time.Millisecond
	mostPause  = time.Second
)

type patient struct {
	net.Listener
	short func() // told of each time
	ended chan struct{}
	close func() error
}

func newPatient(ln net.Listener, short func()) *patient {
	p := &patient{Listener: ln, short: short, ended: make(chan struct{})}
	p.close = sync.OnceValue(func() error { defer close(p.ended); return ln.Close() })
	return p
}

// Patient returns ln as one that outlives a lack of descriptors and memory, and counts it in the metrics of the server.
func (s *Server) Patient(ln net.Listener) net.Listener {
	return newPatient(ln, s.metrics.shortages.Inc)
}

// Close may be called more than once.
func (p *patient) Close() error { return p.close() }

func (p *patient) Accept() (net.Conn, error) {
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		c, err := p.Listener.Accept()
		if err == nil || !shortage(err) {
			return c, err
		}
		p.short()
		select {
		case <-time.After(pause):
		case <-p.ended:
			return nil, net.ErrClosed
		}
	}
}

// shortage reports whether an error says that there is too little of something that others give back.
func shortage(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	return errno == syscall.EMFILE || errno == syscall.ENFILE || errno == syscall.ENOBUFS || errno == syscall.ENOMEM
}
