package bench

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/valyala/fasthttp"
)

// YardstickPath is where the yardstick answers.
const YardstickPath = "/plaintext"

var yardstickAnswer = []byte("Hello, World!")

// Yardstick is a running plaintext server. Close ends it; both are safe to call from anywhere.
type Yardstick struct {
	server *fasthttp.Server
	addr   string
	once   sync.Once
	done   chan struct{}
	err    error
}

// StartYardstick serves plain text at addr, HOST:PORT; empty: on a free port of the loopback.
func StartYardstick(addr string) (*Yardstick, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("yardstick: %w", err)
	}
	server := &fasthttp.Server{Handler: plaintext, Name: "edged-yardstick", GetOnly: true, Logger: silent{}}
	y := &Yardstick{server: server, addr: ln.Addr().String(), done: make(chan struct{})}
	go func() {
		defer close(y.done)
		y.err = y.server.Serve(ln)
	}()
	return y, nil
}

// silent drops what fasthttp would print of connections that a client broke off.
type silent struct{}

func (silent) Printf(string, ...any) {}

func plaintext(ctx *fasthttp.RequestCtx) {
	if string(ctx.Path()) != YardstickPath {
		ctx.Error("the yardstick answers at "+YardstickPath, fasthttp.StatusNotFound)
		return
	}
	ctx.SetContentType("text/plain")
	ctx.SetBody(yardstickAnswer)
}

// URL is where it listens.
func (y *Yardstick) URL() string { return "http://" + y.addr }

// Close stops listening and waits for connections to end; clients close theirs first.
func (y *Yardstick) Close() error {
	var err error
	y.once.Do(func() { err = y.server.Shutdown() })
	<-y.done
	return errors.Join(err, y.err)
}
