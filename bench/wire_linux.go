package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// wire drives a server from one thread with requests written out beforehand, over connections it polls itself. It costs a client's
// core less than any server costs its own, so that what is measured is the server; and it never sleeps, so that it adds no wake-up to a latency.
type wire struct {
	poll     int
	conns    []*wireConn
	idle     []*wireConn
	requests [][]byte
	next     int
	events   []unix.EpollEvent
	read     []byte
	place    map[int32]*wireConn
}

type wireConn struct {
	fd   int
	at   time.Time // when its request was to start
	busy bool
	have []byte // of an answer that is not complete
}

// openWire connects to host:port.
func openWire(addr string, connections int, requests [][]byte) (*wire, error) {
	if len(requests) == 0 {
		return nil, errors.New("no requests")
	}
	w := &wire{requests: requests, events: make([]unix.EpollEvent, connections), read: make([]byte, 256<<10), place: map[int32]*wireConn{}}
	var err error
	if w.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	for range connections {
		if err := w.dial(addr); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *wire) dial(addr string) error {
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c := &wireConn{fd: fd}
	w.conns, w.idle, w.place[int32(fd)] = append(w.conns, c), append(w.idle, c), c
	to := &unix.SockaddrInet4{Port: tcp.Port}
	copy(to.Addr[:], tcp.IP.To4())
	return errors.Join(
		unix.Connect(fd, to), unix.SetNonblock(fd, true), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.EpollCtl(w.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}),
	)
}

func (w *wire) close() {
	for _, c := range w.conns {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(w.poll)
}

// saturate keeps every connection busy for a time and returns good answers a second.
func (w *wire) saturate(ctx context.Context, d time.Duration) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	end, answered := start.Add(d), 0
	for now := start; now.Before(end) && ctx.Err() == nil; now = time.Now() {
		for len(w.idle) > 0 {
			if err := w.send(now); err != nil {
				return 0, err
			}
		}
		n, err := w.collect(nil)
		if err != nil {
			return 0, err
		}
		answered += n
	}
	rate := float64(answered) / time.Since(start).Seconds()
	return rate, w.drain(nil)
}

// pace starts requests at a rate, at times that do not depend on the answers (see openLoop). All that were to start before the end are sent,
// late or not, and waited for: a server that does not answer them within answersWithin of the end has failed. Those due after a warm-up count.
func (w *wire) pace(ctx context.Context, rate float64, warmup, d time.Duration, rng *rand.Rand) (*paced, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	due := time.Now()
	end, p := due.Add(warmup+d), newPaced(due.Add(warmup), d)
	for due.Before(end) && ctx.Err() == nil {
		now := time.Now()
		if now.After(end.Add(answersWithin)) {
			return nil, fmt.Errorf("%.0f requests a second are more than it answers", rate)
		}
		for len(w.idle) > 0 && !due.After(now) && due.Before(end) {
			if err := w.send(due); err != nil {
				return nil, err
			}
			p.offer(due)
			due = due.Add(time.Duration(rng.ExpFloat64() / rate * float64(time.Second)))
		}
		if _, err := w.collect(p); err != nil {
			return nil, err
		}
	}
	return p, w.drain(p)
}

// send starts the next request on an idle connection.
func (w *wire) send(at time.Time) error {
	c := w.idle[len(w.idle)-1]
	w.idle = w.idle[:len(w.idle)-1]
	request := w.requests[w.next]
	if w.next++; w.next == len(w.requests) {
		w.next = 0
	}
	c.at, c.busy = at, true
	n, err := unix.Write(c.fd, request)
	if err == nil && n < len(request) {
		err = errors.New("the socket took a part of a request only")
	}
	return err
}

// collect takes what has come and counts answers that are complete. into may be nil.
func (w *wire) collect(into *paced) (answered int, err error) {
	n, err := unix.EpollWait(w.poll, w.events, 0)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, fmt.Errorf("epoll: %w", err)
	}
	for i := range max(n, 0) {
		c := w.place[w.events[i].Fd]
		complete, err := w.receive(c)
		if err != nil {
			return answered, err
		}
		if !complete {
			continue
		}
		answered++
		c.busy, w.idle = false, append(w.idle, c)
		into.take(c.at, time.Now())
	}
	return answered, nil
}

func (w *wire) receive(c *wireConn) (complete bool, err error) {
	n, err := unix.Read(c.fd, w.read)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, errors.New("the server closed a connection")
	case !c.busy:
		return false, fmt.Errorf("an answer nobody asked for: %.80q", w.read[:n])
	}
	got := w.read[:n]
	if len(c.have) > 0 {
		c.have = append(c.have, got...)
		got = c.have
	}
	size, err := answerSize(got)
	switch {
	case err != nil:
		return false, err
	case size == 0 || len(got) < size:
		c.have = append(c.have[:0], got...)
		return false, nil
	case len(got) > size:
		return false, fmt.Errorf("%d bytes more than the answer has", len(got)-size)
	}
	c.have = c.have[:0]
	return true, nil
}

// answersWithin is how long answers under way, and requests that are late, are waited for.
const answersWithin = 5 * time.Second

// drain waits for the answers under way.
func (w *wire) drain(into *paced) error {
	for end := time.Now().Add(answersWithin); len(w.idle) < len(w.conns); {
		if _, err := w.collect(into); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("answers are missing after %v", answersWithin)
		}
	}
	return nil
}

// processTime is the processor time that all threads of a process have had; 0 where that is not known.
func processTime(pid int) (sum time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, name := range files {
		text, _ := os.ReadFile(name)
		ns, _, _ := bytes.Cut(text, []byte{' '})
		n, _ := strconv.ParseInt(string(ns), 10, 64)
		sum += time.Duration(n)
	}
	return sum
}
