package cluster

import (
	"context"
	"net"
	"time"
)

// wire is what carries packets and streams: the sockets of this machine, or the network of a test.
type wire interface {
	listen(bind string) (net.Listener, net.PacketConn, error)
	dial(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error)
}

// sockets are those of this machine.
type sockets struct{}

func (sockets) listen(bind string) (net.Listener, net.PacketConn, error) {
	tcp, udp, err := listenBoth(bind)
	if err != nil {
		return nil, nil, err
	}
	return tcp, udp, nil
}

func (sockets) dial(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: timeout}
	return dialer.DialContext(ctx, "tcp", addr)
}

// listenBoth tries several ports where any will do, since one that is free for TCP may not be for UDP.
func listenBoth(bind string) (tcp *net.TCPListener, udp *net.UDPConn, err error) {
	addr, err := net.ResolveTCPAddr("tcp", bind)
	if err != nil {
		return nil, nil, err
	}
	for range portTries {
		if tcp, err = net.ListenTCP("tcp", addr); err != nil {
			return nil, nil, err
		}
		got := tcp.Addr().(*net.TCPAddr)
		if udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: addr.IP, Port: got.Port, Zone: addr.Zone}); err == nil {
			_ = udp.SetReadBuffer(1 << 20) // as much as the system allows
			return tcp, udp, nil
		}
		_ = tcp.Close()
		if addr.Port != 0 {
			break
		}
	}
	return nil, nil, err
}
