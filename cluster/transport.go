package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	maxInbound   = 64              // streams being read or answered at once
	maxPerHost   = 16              // of those, from one address
	streamBudget = 5 * time.Second // for a stream to bring its request, whole
	dialBudget   = 3 * time.Second
	portTries    = 10
)

var (
	errBusy = errors.New("too many streams")
	errIO   = errors.New("stream broke off")
)

// transport carries the library's packets and streams, sealed. What it hands to the library has been opened, is whole, and has the
// structure of the messages that are let through. Shutdown ends all its goroutines and connections.
type transport struct {
	ring      *keyring
	count     *counters
	wire      wire
	tcp       net.Listener
	udp       net.PacketConn
	advertise *net.TCPAddr

	packets chan *memberlist.Packet
	streams chan net.Conn

	ctx    context.Context // ends at Shutdown
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	hosts   map[string]int // inbound streams by address
	inbound int
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

// listen opens TCP and UDP on one port. Port 0 takes a free one.
func listen(w wire, bind string, ring *keyring, count *counters) (*transport, error) {
	tcp, udp, err := w.listen(bind)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for gossip: %w", bind, err)
	}
	t := &transport{
		wire: w, ring: ring, count: count, tcp: tcp, udp: udp,
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
		conns: map[net.Conn]struct{}{}, hosts: map[string]int{},
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.wg.Go(t.acceptStreams)
	t.wg.Go(t.readPackets)
	return t, nil
}

func (t *transport) port() int { return t.tcp.Addr().(*net.TCPAddr).Port }

// setAdvertise decides the address others are told: the configured one, else the one listened on, else a likely one of this host.
func (t *transport) setAdvertise(advertise string) error {
	if advertise != "" {
		addr, err := net.ResolveTCPAddr("tcp", advertise)
		if err != nil {
			return fmt.Errorf("advertise %s: %w", advertise, err)
		}
		if addr.Port == 0 {
			addr.Port = t.port()
		}
		t.advertise = addr
		return nil
	}
	ip := t.tcp.Addr().(*net.TCPAddr).IP
	if ip.IsUnspecified() {
		ip = likelyIP()
	}
	t.advertise = &net.TCPAddr{IP: ip, Port: t.port()}
	return nil
}

// likelyIP is the first private address of this host, else its first global one, else loopback.
func likelyIP() net.IP {
	var global net.IP
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		switch {
		case !ok || !n.IP.IsGlobalUnicast():
		case n.IP.IsPrivate():
			return n.IP
		case global == nil:
			global = n.IP
		}
	}
	if global == nil {
		return net.IPv4(127, 0, 0, 1)
	}
	return global
}

// FinalAdvertiseAddr ignores the library's configuration: setAdvertise has decided.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	if ip4 := t.advertise.IP.To4(); ip4 != nil {
		return ip4, t.advertise.Port, nil
	}
	return t.advertise.IP, t.advertise.Port, nil
}

// WriteTo is WriteToAddress without a name.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress seals and sends one packet.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	addr, err := net.ResolveUDPAddr("udp", a.Addr)
	if err != nil {
		return time.Time{}, err
	}
	if len(b) > maxPacketPlain {
		return time.Time{}, fmt.Errorf("gossip packet of %d bytes: at most %d", len(b), maxPacketPlain)
	}
	_, err = t.udp.WriteTo(t.ring.sealPacket(nil, b), addr)
	return time.Now(), err
}

// PacketCh yields packets that were opened and checked.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh yields streams whose request was read whole, opened and checked.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

func (t *transport) readPackets() {
	buf := make([]byte, maxPacket+1)
	for {
		n, from, err := t.udp.ReadFrom(buf)
		if t.ctx.Err() != nil {
			return
		}
		if err != nil {
			t.pause()
			continue
		}
		t.count.packets.Add(1)
		plain, err := t.openPacket(buf[:n])
		if err != nil {
			t.count.refuse(err)
			continue
		}
		select {
		case t.packets <- &memberlist.Packet{Buf: plain, From: from, Timestamp: time.Now()}:
		case <-t.ctx.Done():
			return
		}
	}
}

func (t *transport) openPacket(sealed []byte) ([]byte, error) {
	plain, err := t.ring.openPacket(sealed)
	if err != nil {
		return nil, err
	}
	return plain, checkPacket(plain)
}

// pause keeps a loop from spinning when the system refuses again and again, out of file descriptors for one.
func (t *transport) pause() {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-t.ctx.Done():
	}
}

func (t *transport) acceptStreams() {
	for {
		conn, err := t.tcp.Accept()
		if t.ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		if err != nil {
			t.pause()
			continue
		}
		t.count.streams.Add(1)
		t.receive(conn)
	}
}

// receive reads a stream's request aside, where there is room for one more.
func (t *transport) receive(conn net.Conn) {
	host := hostOf(conn)
	if !t.admit(conn, host) {
		t.count.refuse(errBusy)
		_ = conn.Close()
		return
	}
	t.wg.Go(func() {
		in := &answerer{Conn: conn, transport: t, host: host}
		if err := in.readRequest(); err != nil {
			t.count.refuse(err)
			_ = in.Close()
			return
		}
		select {
		case t.streams <- in:
		case <-t.ctx.Done():
			_ = in.Close()
		}
	})
}

func hostOf(conn net.Conn) string {
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	return host
}

func (t *transport) admit(conn net.Conn, host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil || t.inbound >= maxInbound || t.hosts[host] >= maxPerHost {
		return false
	}
	t.inbound++
	t.hosts[host]++
	t.conns[conn] = struct{}{}
	return true
}

func (t *transport) release(conn net.Conn, host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inbound--
	if t.hosts[host]--; t.hosts[host] == 0 {
		delete(t.hosts, host)
	}
	delete(t.conns, conn)
}

// DialTimeout is DialAddressTimeout without a name.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout connects for one request and its answer. It gives up at Shutdown.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	conn, err := t.wire.dial(t.ctx, a.Addr, min(timeout, dialBudget))
	if err != nil {
		return nil, err
	}
	if !t.track(conn) {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return &asker{Conn: conn, transport: t}, nil
}

func (t *transport) track(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil {
		return false
	}
	t.conns[conn] = struct{}{}
	return true
}

func (t *transport) untrack(conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, conn)
}

// Shutdown closes everything and waits for this transport's goroutines.
func (t *transport) Shutdown() error {
	t.cancel()
	_ = t.tcp.Close()
	_ = t.udp.Close()
	t.mu.Lock()
	for conn := range t.conns {
		_ = conn.Close()
	}
	t.mu.Unlock()
	t.wg.Wait()
	return nil
}
