package edge

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/node"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/release"
	"github.com/edged/edged/serve"
	"github.com/edged/edged/trend"
)

// Where a profile lives.
const (
	ProfileMemory  = "memory"  // the node remembers what each visitor did lately
	ProfileRequest = "request" // the caller sends recent; the node remembers nobody
	ProfileToken   = "token"   // each visitor carries a sealed token; the node remembers nobody
)

// Config says how a node runs. The zero value of each field means its default; Name and Dir are required.
type Config struct {
	Name   string // of the node, unique in the cluster
	Listen string // public listener, default ":8080"
	Admin  string // admin listener, default "127.0.0.1:8081"; "off": none
	Dir    string // the node's own directory: releases and events

	AdminKeyFile string // holds the bearer key of the admin listener; required where that is not on loopback
	AdminTLS     TLS    // of the admin listener; empty: plain HTTP

	Rules   string // path of a document of rules, which counts in the place of those that releases bring; empty: those count
	APIKeys string // path of the API key file; empty: anyone may call, for anyone
	Words   string // path of the words that reasons are said in; empty: English ones

	Origin string        // where releases come from: a directory, or a file://, http:// or https:// URL; empty: only what is held is served
	Trust  string        // path of trust.json; required with an origin
	Poll   time.Duration // between looks at the origin; 0: node.DefaultPoll, 1 s
	Keep   int           // releases kept on disk; 0: node.DefaultKeep

	FetchRate int64 // bytes a second fetched of releases, from the origin and other nodes together; 0: no limit

	Limits compare.Limits // what a release may change beside the one served; zero values mean their defaults

	Gossip Gossip

	TrendVisitors int // an item is shown as trending from so many distinct visitors on, default trend.DefaultVisitors; 1: always

	Profile        string   // "memory" (default), "request" or "token"
	Token          Token    // where Profile is "token"
	AllowOrigins   []string // pages that may read answers in a browser, default "*"
	MaxConcurrency int      // requests worked on at once, default as in package serve
	MaxConnections int      // open at once; 0: 8192, or what a quarter of the memory limit has room for. Never more than there are descriptors for

	DrainDelay   time.Duration // not ready but answering for so long before the end, for balancers to see; default 0
	DrainTimeout time.Duration // at most this long for requests in progress at the end, default 10 s

	FS     vfs.FS
	Logger *slog.Logger // nil: silent
	Clock  func() time.Time
}

// TLS names a certificate and its private key, both PEM.
type TLS struct{ CertFile, KeyFile string }

// Token says how profiles are sealed.
type Token struct {
	KeyFile  string        // a key a line, the sealing one first
	Tenant   string        // whose visitors they are, default "edged"
	Lifetime time.Duration // default 30 days
}

// Gossip says how the node takes part in a cluster. Without a KeyFile it doesn't.
type Gossip struct {
	Off       bool
	Cluster   string   // name of the cluster, default "edged"
	Listen    string   // default DefaultGossip; "off": as Off
	Advertise string   // address others are told, default Listen
	Seeds     []string // addresses of some other nodes
	KeyFile   string   // 32 bytes as base64, the same on all nodes
	Profile   string   // "lan" (default), "wan" or "local"
	Zone      string

	Exchange     string // address other nodes fetch pieces of releases from; default: the gossip host, its port + 1000; "off": none
	ExchangeRate int64  // bytes a second sent to other nodes; 0: no limit
}

// on reports whether the node gossips.
func (g *Gossip) on() bool { return !g.Off && g.KeyFile != "" }

// EnsureDefaults fills in what is not set.
func (c *Config) EnsureDefaults() {
	c.Listen = cmp.Or(c.Listen, ":8080")
	c.Admin = cmp.Or(c.Admin, "127.0.0.1:8081")
	c.Poll = cmp.Or(c.Poll, node.DefaultPoll)
	c.TrendVisitors = cmp.Or(c.TrendVisitors, trend.DefaultVisitors)
	c.Profile = cmp.Or(c.Profile, ProfileMemory)
	c.Token.Tenant = cmp.Or(c.Token.Tenant, "edged")
	c.Token.Lifetime = cmp.Or(c.Token.Lifetime, 30*24*time.Hour)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 10*time.Second)
	c.Gossip.Cluster = cmp.Or(c.Gossip.Cluster, "edged")
	c.Gossip.Listen = cmp.Or(c.Gossip.Listen, DefaultGossip)
	c.Gossip.Off = c.Gossip.Off || c.Gossip.Listen == Off
	c.Gossip.Exchange = cmp.Or(c.Gossip.Exchange, besides(c.Gossip.Listen))
	if c.FS == nil {
		c.FS = vfs.OS
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
}

// Off is what Config.Admin, Gossip.Listen and Gossip.Exchange say for no listener.
const Off = "off"

// DefaultGossip is where a node gossips.
const DefaultGossip = "127.0.0.1:7946"

// besides is the default address of the exchange: a port that follows from the gossip's, or any where that is any.
func besides(gossip string) string {
	host, port, err := net.SplitHostPort(gossip)
	n, convErr := strconv.ParseUint(port, 10, 16)
	if err != nil || convErr != nil {
		return Off // the gossip address is refused by itself
	}
	if n == 0 {
		return net.JoinHostPort(host, "0")
	}
	if n += 1000; n > 65535 {
		n -= 2000
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10))
}

// Validate reports everything that is wrong with a Config whose defaults are set, all at once.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Name == "" {
		fault("name: missing")
	}
	if c.Dir == "" {
		fault("dir: missing")
	}
	checkAddress(fault, "listen", c.Listen)
	if c.Admin != Off && checkAddress(fault, "admin", c.Admin) && !loopback(c.Admin) && c.AdminKeyFile == "" {
		fault("adminKeyFile: missing, and admin %q can be reached from other machines: give a key or listen on 127.0.0.1", c.Admin)
	}
	if c.Origin != "" && c.Trust == "" {
		fault("trust: missing: releases of an origin need the keys that sign them")
	}
	if c.Profile != ProfileMemory && c.Profile != ProfileRequest && c.Profile != ProfileToken {
		fault("profile: %q, want %q, %q or %q", c.Profile, ProfileMemory, ProfileRequest, ProfileToken)
	}
	if c.Profile == ProfileToken && c.Token.KeyFile == "" {
		fault("token.keyFile: missing, and profiles are in tokens: they need keys to be sealed with")
	}
	if err := serve.CheckOrigins(c.AllowOrigins, c.Profile == ProfileToken); err != nil {
		faults = append(faults, err)
	}
	if c.Token.Lifetime < time.Minute || c.Token.Lifetime > profile.MaxTTL {
		fault("token.lifetime: %v, want 1 minute to %d days", c.Token.Lifetime, profile.MaxTTL/(24*time.Hour))
	}
	if (c.AdminTLS.CertFile == "") != (c.AdminTLS.KeyFile == "") {
		fault("adminTlsCert, adminTlsKey: a certificate and its key come together")
	}
	if c.Poll < 0 || c.DrainDelay < 0 || c.DrainTimeout < 0 {
		fault("poll, drainDelay, drainTimeout: want none below 0")
	}
	if c.Keep != 0 && (c.Keep < 2 || c.Keep > release.MaxKept) {
		fault("keep: %d, want 2 to %d releases", c.Keep, release.MaxKept)
	}
	if c.FetchRate < 0 {
		fault("fetchRate: %d, want none below 0", c.FetchRate)
	}
	if c.TrendVisitors < 1 || c.TrendVisitors > trend.MaxVisitors {
		fault("trendVisitors: %d, want 1 to %d", c.TrendVisitors, trend.MaxVisitors)
	}
	if c.MaxConcurrency < 0 {
		fault("maxConcurrency: %d, want at least 1", c.MaxConcurrency)
	}
	if c.MaxConnections < 0 {
		fault("maxConnections: %d, want none below 0", c.MaxConnections)
	}
	c.Gossip.validate(fault)
	return errors.Join(faults...)
}

func (g *Gossip) validate(fault func(string, ...any)) {
	if g.Off {
		return
	}
	if len(g.Seeds) > 0 && g.KeyFile == "" {
		fault("gossip.keyFile: missing: gossip with seeds needs the cluster's key")
	}
	listens := checkAddress(fault, "gossip.listen", g.Listen)
	if g.Advertise != "" {
		checkAddress(fault, "gossip.advertise", g.Advertise)
	} else if listens && g.on() && everywhere(g.Listen) {
		fault("gossip.advertise: missing, and gossip.listen %q does not say at which address others reach this node", g.Listen)
	}
	for _, s := range g.Seeds {
		checkAddress(fault, "gossip.seeds", s)
	}
	if g.Exchange != Off {
		checkAddress(fault, "gossip.exchange", g.Exchange)
	}
	if g.ExchangeRate < 0 {
		fault("gossip.exchangeRate: %d, want none below 0", g.ExchangeRate)
	}
}

func checkAddress(fault func(string, ...any), what, addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		fault("%s: %q, want host:port", what, addr)
	}
	return err == nil
}

// loopback reports whether only this machine can reach addr. A name is taken for another machine's unless it is
// localhost.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// everywhere reports whether addr is on all addresses of the machine.
func everywhere(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "" || ip != nil && ip.IsUnspecified())
}
