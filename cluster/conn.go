package cluster

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// The library writes each message of a stream by one Write and reads the other's until it has enough. So one Write is sealed as
// one message, and what is read was opened and checked as a whole before.

// answerer is the accepting end: it has read a request, and answers at most once.
type answerer struct {
	net.Conn
	transport *transport
	host      string
	about     salt // of the request
	rest      []byte
	once      sync.Once
}

func (c *answerer) readRequest() (err error) {
	_ = c.Conn.SetDeadline(time.Now().Add(streamBudget))
	c.rest, c.about, err = c.transport.open(c.Conn, askPurpose, salt{})
	return err
}

// Read yields what was opened.
func (c *answerer) Read(b []byte) (int, error) { return take(&c.rest, b) }

// Write seals one answer.
func (c *answerer) Write(b []byte) (int, error) {
	_, err := c.transport.seal(c.Conn, b, answerPurpose, c.about)
	return len(b), err
}

// Close may be called more than once.
func (c *answerer) Close() error {
	c.once.Do(func() { c.transport.release(c.Conn, c.host) })
	return c.Conn.Close()
}

// asker is the dialling end: it asks once, and reads the answer to just that.
type asker struct {
	net.Conn
	transport *transport
	asked     salt
	answered  bool
	rest      []byte
}

// Write seals one request, and gives up where nobody reads it: for messages of its users the library sets no deadline.
func (c *asker) Write(b []byte) (n int, err error) {
	_ = c.Conn.SetWriteDeadline(time.Now().Add(streamBudget))
	c.asked, err = c.transport.seal(c.Conn, b, askPurpose, salt{})
	return len(b), err
}

// Read opens the answer when first called.
func (c *asker) Read(b []byte) (int, error) {
	if !c.answered {
		c.answered = true
		var err error
		if c.rest, _, err = c.transport.open(c.Conn, answerPurpose, c.asked); err != nil {
			c.transport.count.refuse(err)
			return 0, fmt.Errorf("answer of %v: %w", c.RemoteAddr(), err)
		}
	}
	return take(&c.rest, b)
}

// Close may be called more than once.
func (c *asker) Close() error {
	c.transport.untrack(c.Conn)
	return c.Conn.Close()
}

func (t *transport) seal(conn net.Conn, b []byte, purpose string, about salt) (salt, error) {
	sealed, own, err := t.ring.sealStream(b, purpose, about)
	if err == nil {
		_, err = conn.Write(sealed)
	}
	return own, err
}

// open reads a whole message, opens and checks it.
func (t *transport) open(conn net.Conn, purpose string, about salt) ([]byte, salt, error) {
	plain, from, err := t.ring.openStream(conn, purpose, about)
	if err != nil {
		return nil, from, classify(err)
	}
	return plain, from, checkStream(plain)
}

// classify marks what went wrong with the connection, as opposed to with what it carried.
func classify(err error) error {
	for _, own := range []error{errForm, errKey, errSeal, errWindow, errTooLong} {
		if errors.Is(err, own) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", errIO, err)
}

func take(rest *[]byte, b []byte) (int, error) {
	if len(*rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, *rest)
	*rest = (*rest)[n:]
	return n, nil
}
