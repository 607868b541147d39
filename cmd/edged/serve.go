package main

import (
	"context"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/edged/edged/compare"
	"github.com/edged/edged/edge"
)

type serveCmd struct {
	Name   string `help:"Name of the node, unique in its cluster; default: the host's name." placeholder:"NAME"`
	Listen string `help:"Public address." default:":8080"`
	Dir    string `help:"The node's own directory: releases and events." placeholder:"DIR" required:"" type:"path"`
	Origin string `help:"Where releases come from: a directory, or a file://, http://, https:// or s3:// URL. Without one, only what is held is served." placeholder:"URL"`
	Trust  string `help:"The publisher's trust.json." placeholder:"FILE" type:"path"`

	Poll time.Duration `help:"Time between looks at the origin; gossip makes it look sooner." default:"1s"`

	FetchRate int64 `help:"Bytes a second fetched of releases, from the origin and other nodes together; 0: no limit." default:"0"`

	Keep int `help:"Releases kept on disk, the one served among them: going back to one takes no fetching." default:"3"`

	Limit limitFlags `embed:"" prefix:"limit-"`

	Gossip gossipFlags `embed:"" prefix:"gossip-"`

	TrendVisitors int `help:"Distinct visitors from whom on an item is shown as trending, 1 to 64; 1: one is enough. The same on all nodes of a cluster." default:"5"`

	Admin        string `help:"Address of the admin listener (/metrics, /v1/admin, pprof), or off." default:"127.0.0.1:8081"`
	AdminKeyFile string `help:"File with the admin listener's bearer key; required off loopback." placeholder:"FILE" type:"path"`

	AdminTLSCert string `help:"Certificate of the admin listener (PEM); without one it speaks plain HTTP." placeholder:"FILE" type:"path" name:"admin-tls-cert"`
	AdminTLSKey  string `help:"Its private key (PEM)." placeholder:"FILE" type:"path" name:"admin-tls-key"`
	Rules        string `help:"Document of rules, YAML or JSON (docs/rules.md), in the place of those that releases bring; changes count within a second." placeholder:"FILE" type:"path"`
	Words        string `help:"Words that reasons are said in, by language (JSON; docs/api.md). Without a file: English ones. Changes count within a second." placeholder:"FILE" type:"path"`
	APIKeys      string `help:"API key file (see 'edged keys api'). Without one, anyone may call, for anyone." placeholder:"FILE" type:"path" name:"api-keys"`

	Token tokenFlags `embed:"" prefix:"token-"`

	Profile        string        `help:"memory: the node remembers what each visitor did lately. token: each visitor carries it in a sealed token. request: callers send recent." enum:"memory,request,token" default:"memory"`
	AllowOrigins   []string      `help:"Pages that may read answers in a browser, such as https://shop.example; *: all." placeholder:"ORIGIN,…" default:"*"`
	MaxConcurrency int           `help:"Requests worked on at once; more are told to come back." default:"4096"`
	MaxConnections int           `help:"Connections open at once; more are told to come back. 0: 8192, or as many as a quarter of the memory limit has room for." default:"0"`
	DrainDelay     time.Duration `help:"At the end, not ready but still answering for so long, for balancers to see." default:"0s"`
	DrainTimeout   time.Duration `help:"At the end, at most so long for requests in progress." default:"10s"`
	LogFormat      string        `help:"text or json." enum:"text,json" default:"text"`
	LogLevel       string        `help:"Least level logged." enum:"debug,info,warn,error" default:"info"`
}

// limitFlags say what a release may change beside the one before.
type limitFlags struct {
	Growth     float64 `help:"Most times as many items or bytes as before." default:"2"`
	Shrink     float64 `help:"Least times as many items or bytes." default:"0.5"`
	Norm       float64 `help:"Most times as long, or as short, as the median vector was." default:"4"`
	Recall     float64 `help:"Least recall@10 after quantisation." default:"0.9"`
	Overlap    float64 `help:"Least share of the items of sample visitors that stay." default:"0.2"`
	Coverage   float64 `help:"Least times as many different items over all of them." default:"0.5"`
	Popularity float64 `help:"Most shift of the items' shares of popularity, 0 to 1." default:"0.6"`
	Short      float64 `help:"Most share of sample visitors whom rules leave nothing or less than half of a list, in any slot or case they speak of; 1: all." default:"0.2"`
}

func (f limitFlags) limits() compare.Limits { return compare.Limits(f) }

// tokenFlags say how profiles are sealed.
type tokenFlags struct {
	KeyFile  string        `help:"Keys of profile tokens, one a line (see 'edged keys token'); required with --profile token." placeholder:"FILE" type:"path"`
	Tenant   string        `help:"Whose visitors they are: tokens of other tenants don't open." default:"edged"`
	Lifetime time.Duration `help:"How long a token is good; each visit renews it." default:"720h"`
}

// gossipFlags say how the node takes part in a cluster.
type gossipFlags struct {
	KeyFile   string   `help:"The cluster's key (see 'edged keys init'). Without one the node does not gossip." placeholder:"FILE" type:"path"`
	Listen    string   `help:"Address, TCP and UDP, or off." default:"127.0.0.1:7946"`
	Advertise string   `help:"Address the others are told; default: the one listened on." placeholder:"ADDR"`
	Seeds     []string `help:"Addresses of some other nodes." placeholder:"ADDR,…"`
	Cluster   string   `help:"Name of the cluster." default:"edged"`
	Zone      string   `help:"Where this node is." placeholder:"ZONE"`
	Profile   string   `help:"How hasty: lan, wan or local." enum:"lan,wan,local" default:"lan"`

	Exchange     string `help:"Address other nodes fetch pieces of releases from, or off; default: the gossip host, its port + 1000." placeholder:"ADDR"`
	ExchangeRate int64  `help:"Bytes a second sent to other nodes; 0: no limit." default:"0"`
}

func (serveCmd) Help() string {
	return `Examples:

  edged serve --dir node1 --origin origin --trust keys/trust.json

  edged serve --name b --listen 127.0.0.1:8090 --admin 127.0.0.1:8091 --dir node2 --origin origin --trust keys/trust.json \
    --gossip-key-file keys/gossip.key --gossip-listen 127.0.0.1:7947 --gossip-seeds 127.0.0.1:7946`
}

func (c *serveCmd) config() edge.Config {
	g := c.Gossip
	cfg := edge.Config{
		Name: c.Name, Listen: c.Listen, Admin: c.Admin, Dir: c.Dir, AdminKeyFile: c.AdminKeyFile, Origin: c.Origin, Trust: c.Trust, Poll: c.Poll, Keep: c.Keep, FetchRate: c.FetchRate, Limits: c.Limit.limits(),
		Gossip: edge.Gossip{
			Cluster: g.Cluster, Listen: g.Listen, Advertise: g.Advertise, Seeds: g.Seeds, KeyFile: g.KeyFile, Profile: g.Profile, Zone: g.Zone,
			Exchange: g.Exchange, ExchangeRate: g.ExchangeRate,
		},
		AdminTLS: edge.TLS{CertFile: c.AdminTLSCert, KeyFile: c.AdminTLSKey}, APIKeys: c.APIKeys, Rules: c.Rules, Words: c.Words,
		Token:   edge.Token{KeyFile: c.Token.KeyFile, Tenant: c.Token.Tenant, Lifetime: c.Token.Lifetime},
		Profile: c.Profile, TrendVisitors: c.TrendVisitors, AllowOrigins: c.AllowOrigins, MaxConcurrency: c.MaxConcurrency, MaxConnections: c.MaxConnections, DrainDelay: c.DrainDelay, DrainTimeout: c.DrainTimeout,
	}
	if cfg.Name == "" {
		cfg.Name, _ = os.Hostname()
	}
	return cfg
}

func (c *serveCmd) check() error {
	cfg := c.config()
	cfg.EnsureDefaults()
	cfg.TrendVisitors = c.TrendVisitors // none, given here, is not the default
	return cfg.Validate()
}

func (c *serveCmd) Run(ctx context.Context, std streams) error {
	cfg := c.config()
	cfg.Logger = c.logger(std)
	limitMemory(cfg.Logger)
	c.warnOfSecrets(cfg.Logger)
	c.warnOfSilence(cfg.Logger)
	return edge.Run(ctx, cfg)
}

// warnOfSecrets names the files of secrets that every user of the machine may read.
func (c *serveCmd) warnOfSecrets(logger *slog.Logger) {
	for flag, name := range map[string]string{
		"--token-key-file": c.Token.KeyFile, "--admin-key-file": c.AdminKeyFile, "--admin-tls-key": c.AdminTLSKey, "--gossip-key-file": c.Gossip.KeyFile,
	} {
		if info, err := os.Stat(name); name != "" && err == nil && info.Mode().Perm()&0o004 != 0 {
			logger.Warn("anybody on this machine can read a secret: chmod 600 it", "file", name, "flag", flag, "mode", info.Mode().Perm().String())
		}
	}
}

// warnOfSilence tells who said where to gossip, and not by which key, that the node does not.
func (c *serveCmd) warnOfSilence(logger *slog.Logger) {
	if g := &c.Gossip; g.KeyFile == "" && g.Listen != edge.DefaultGossip && g.Listen != edge.Off {
		logger.Warn("the node does not gossip: give the cluster's key, too, or --gossip-listen off", "gossipListen", g.Listen, "flag", "--gossip-key-file")
	}
}

// limitMemory has the collector work harder before a container's limit would end the process: GOMEMLIMIT, or else nine tenths of what the
// cgroup may have.
func limitMemory(logger *slog.Logger) {
	limit, err := memlimit.Set()
	switch {
	case err != nil:
		logger.Debug("no limit of memory is known", "error", err)
	case limit < math.MaxInt64:
		logger.Info("memory is limited", "bytes", limit)
	}
}

func (c *serveCmd) logger(std streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // one of the flag's own values
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(std.err, options))
	}
	return slog.New(slog.NewTextHandler(std.err, options))
}
