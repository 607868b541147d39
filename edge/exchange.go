package edge

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/edged/edged/cluster"
	"github.com/edged/edged/exchange"
	"github.com/edged/edged/node"
	"github.com/edged/edged/release"
)

const (
	holdingTTL    = time.Minute
	holdingRepeat = holdingTTL / 3
	holdingGap    = 500 * time.Millisecond // between two of one release

	maxExchangeConns = 256
)

// openExchange makes what fetches pieces from other nodes and answers them, where there is gossip to know of them.
func (e *Edge) openExchange(fetch *exchange.Pace) error {
	g := &e.cfg.Gossip
	if !g.on() || e.cfg.Trust == "" || g.Exchange == Off {
		return nil
	}
	keys, err := release.LoadGossipKeys(e.cfg.FS, g.KeyFile)
	if err != nil {
		return err
	}
	e.exchange, err = exchange.New(exchange.Config{
		Cluster: g.Cluster, Name: e.cfg.Name, Zone: g.Zone, Keys: keys, Rate: g.ExchangeRate, Fetch: fetch, Clock: e.cfg.Clock,
		Read: func(h [32]byte) ([]byte, error) { return e.node.Piece(h) },
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", g.Exchange)
	if err != nil {
		e.cfg.Logger.Error("gives no pieces to other nodes", "error", err)
		return nil
	}
	e.pieces = netutil.LimitListener(listener, maxExchangeConns)
	e.pieceServer = &http.Server{
		Handler: e.exchange.Server(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: time.Minute, MaxHeaderBytes: 4 << 10,
	}
	return nil
}

// exchangeAddr is where others are told to ask: "" for nowhere.
func (e *Edge) exchangeAddr() string {
	if e.pieces == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(e.pieces.Addr().String())
	if err != nil {
		return ""
	}
	if advertised, _, err := net.SplitHostPort(e.cfg.Gossip.Advertise); err == nil {
		host = advertised
	}
	ips, err := net.DefaultResolver.LookupIP(context.Background(), "ip", host)
	if err != nil || len(ips) == 0 || ips[0].IsUnspecified() {
		return ""
	}
	return net.JoinHostPort(ips[0].String(), port)
}

// hearHolding takes what another node says it has.
func (e *Edge) hearHolding(f cluster.Fact) {
	if e.exchange == nil {
		return
	}
	manifest, err := release.ParseHex(f.Key)
	if err == nil {
		err = e.exchange.Hear(f.Node, manifest, f.Value, time.UnixMilli(f.Expires))
	}
	if err != nil {
		e.cfg.Logger.Debug("gossip: a holding is refused", "from", f.Node, "error", err)
	}
}

// boast is what was told of a release held, and when.
type boast struct {
	value []byte
	at    time.Time
}

// announceHoldings tells the others which pieces this node has, when that has changed or might be forgotten, and the exchange who is
// there.
func (e *Edge) announceHoldings(told map[release.Hash]boast) {
	if e.exchange == nil || e.gossip == nil {
		return
	}
	zones := map[string]string{}
	for _, m := range e.gossip.Members() {
		if !m.Self {
			zones[m.Name] = m.Zone
		}
	}
	e.exchange.Members(zones)
	now := e.cfg.Clock()
	for _, h := range e.node.Holdings() {
		e.announceHolding(told, h, now)
	}
	for h, last := range told {
		if now.Sub(last.at) > holdingTTL {
			delete(told, h)
		}
	}
}

func (e *Edge) announceHolding(told map[release.Hash]boast, h node.Holding, now time.Time) {
	value := exchange.NewHolding(e.address, h.Wanting && e.exchange.Reaches(), e.exchange.Server().Load(), h.Have).Encode()
	last, ok := told[h.Manifest]
	same := ok && bytes.Equal(last.value, value)
	if since := now.Sub(last.at); ok && (since < holdingGap || same && since < holdingRepeat) {
		return
	}
	if err := e.gossip.Set(kindHolding, h.Manifest.Hex(), value, holdingTTL); err != nil {
		e.cfg.Logger.Warn("gossip: what is held can't be told", "error", err)
		return
	}
	told[h.Manifest] = boast{value, now}
}

// measureExchange adds the figures of the exchange.
func (e *Edge) measureExchange() {
	if e.exchange == nil {
		return
	}
	from := func(name string, f func(exchange.Counts) uint64) {
		e.set.NewGauge(fmt.Sprintf("edged_exchange_fetched_bytes{from=%q}", name), func() float64 { return float64(f(e.exchange.Counts())) })
	}
	from("peers", func(c exchange.Counts) uint64 { return c.PeerBytes })
	from("origin", func(c exchange.Counts) uint64 { return c.OriginBytes })
	e.set.NewGauge("edged_exchange_wrong", func() float64 { return float64(e.exchange.Counts().Wrong) })
	e.set.NewGauge("edged_exchange_sent_bytes", func() float64 { return float64(e.exchange.Server().Stats().Bytes.Load()) })
}
