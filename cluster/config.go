package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// Config says how to take part in a cluster. The zero value of each optional field means its default.
type Config struct {
	Cluster   string     // all nodes of one cluster have the same; default "edged"
	Name      string     // of this node, unique in the cluster; required
	Boot      uint64     // which run of the node, larger in later ones; default the Unix time in milliseconds
	Bind      string     // address listened on, TCP and UDP; default "127.0.0.1:7946", port 0: any
	Advertise string     // address others are told; default Bind
	Seeds     []string   // addresses of some other nodes, joined again whenever they are missing
	Keys      [][]byte   // 32 bytes each, at most 8: the first seals, all open
	Zone      string     // where this node is; at most 64 bytes
	Profile   string     // "lan" (default), "wan" or "local": how hasty
	MaxNodes  int        // other nodes facts are held of, default 1,024
	OnFact    func(Fact) // called with what is new of others; one at a time, must be quick, may call Set
	Logger    *slog.Logger
	Clock     func() time.Time // default time.Now

	wire wire // nil: the machine's sockets
}

const (
	maxZone  = 64
	maxSeeds = 64
)

// EnsureDefaults fills in what is not set.
func (c *Config) EnsureDefaults() {
	c.Cluster = cmp.Or(c.Cluster, "edged")
	c.Bind = cmp.Or(c.Bind, "127.0.0.1:7946")
	c.Profile = cmp.Or(c.Profile, "lan")
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Boot == 0 {
		c.Boot = uint64(c.Clock().UnixMilli())
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.wire == nil {
		c.wire = sockets{}
	}
	if c.OnFact == nil {
		c.OnFact = func(Fact) {}
	}
}

// Validate reports all that is wrong with a Config whose defaults are set.
func (c *Config) Validate() error {
	errs := []error{checkName(c.Name), checkAddress("bind", c.Bind)}
	if c.Advertise != "" {
		errs = append(errs, checkAddress("advertise", c.Advertise))
	}
	for _, s := range c.Seeds {
		errs = append(errs, checkAddress("seed", s))
	}
	if len(c.Seeds) > maxSeeds {
		errs = append(errs, fmt.Errorf("seeds: %d given, at most %d", len(c.Seeds), maxSeeds))
	}
	if len(c.Zone) > maxZone {
		errs = append(errs, fmt.Errorf("zone: %d bytes, at most %d", len(c.Zone), maxZone))
	}
	if len(c.Cluster) > maxZone || strings.ContainsRune(c.Cluster, 0) {
		errs = append(errs, fmt.Errorf("cluster name: more than %d bytes, or a NUL among them", maxZone))
	}
	if _, ok := profiles[c.Profile]; !ok {
		errs = append(errs, fmt.Errorf("profile %q: want lan, wan or local", c.Profile))
	}
	_, err := newKeyring(c.Cluster, c.Keys, c.Clock)
	return errors.Join(append(errs, err)...)
}

func checkAddress(what, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s %q: want host:port", what, addr)
	}
	return nil
}

// profile is how hasty a cluster is.
type profile struct {
	base   func() *memberlist.Config
	gossip time.Duration // between rounds of messages
	sync   time.Duration // between exchanges of states
	probe  time.Duration // between looks whether a node is alive
	rejoin time.Duration // between looks whether a seed is missing
}

var profiles = map[string]profile{
	"lan":   {memberlist.DefaultLANConfig, 100 * time.Millisecond, 5 * time.Second, time.Second, 3 * time.Second},
	"wan":   {memberlist.DefaultWANConfig, 200 * time.Millisecond, 15 * time.Second, 5 * time.Second, 10 * time.Second},
	"local": {memberlist.DefaultLocalConfig, 50 * time.Millisecond, time.Second, 500 * time.Millisecond, 500 * time.Millisecond},
}

// libraryConfig is the library's configuration, but for the transport and the delegates.
func (c *Config) libraryConfig() *memberlist.Config {
	p := profiles[c.Profile]
	m := p.base()
	m.Name = memberName(c.Name, c.Boot)
	m.GossipInterval, m.PushPullInterval, m.ProbeInterval = p.gossip, p.sync, p.probe
	m.GossipNodes = 4
	m.SuspicionMult = 3 // 200 nodes, a fifth of which dies, agree within 20 s (TestSimulatedKill)
	m.EnableCompression = false
	m.UDPBufferSize = maxPacketPlain - 8 // it adds a checksum of 5 bytes to what it holds for full
	m.DNSConfigPath = ""                 // seeds are resolved here
	m.QueueCheckInterval = time.Hour
	m.Logger = log.New(libraryLog{c.Logger}, "", 0)
	return m
}

// memberName joins name and boot: a node that is back is a new member, for the library is slow to believe that one is alive again
// at another address.
func memberName(name string, boot uint64) string { return name + "/" + strconv.FormatUint(boot, 16) }

func splitMember(member string) (name string, boot uint64, err error) {
	name, hex, ok := strings.Cut(member, "/")
	if !ok {
		return "", 0, fmt.Errorf("member %q: want name/boot", member)
	}
	if boot, err = strconv.ParseUint(hex, 16, 64); err != nil {
		return "", 0, fmt.Errorf("member %q: boot is no hexadecimal number", member)
	}
	return name, boot, checkName(name)
}

// libraryLog passes the library's lines on as debug messages: what matters of them is counted or logged here.
type libraryLog struct{ *slog.Logger }

var _ io.Writer = libraryLog{}

func (l libraryLog) Write(line []byte) (int, error) {
	l.Debug("gossip library", "line", strings.TrimSpace(string(line)))
	return len(line), nil
}
