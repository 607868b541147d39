package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

// Where a node of TestSpread is, and what it may have.
const (
	spreadNet    = "10.77."
	spreadOrigin = spreadNet + "255.1"
	spreadHere   = spreadNet + "255.254"
	spreadRate   = "20mbit"
	spreadCrowd  = 30
	spreadBytes  = 200e6
)

const (
	spreadWanted = "EDGED_SPREAD"        // "large"; "small": a release a tenth as large, and what it takes where no node shares; "all": both
	spreadInside = "EDGED_SPREAD_INSIDE" // the directory to work in, once the namespaces are there
	actAsOrigin  = "EDGED_TEST_ACT_AS_ORIGIN"
)

// TestSpread is a release of 200 MB on its way to 30 nodes, each a process in a network namespace of its own, from a web server that may
// send 20 Mbit/s. It wants root. Everything runs below one process in its own namespaces of networks, mounts and processes: with it all is gone.
func TestSpread(t *testing.T) {
	if os.Getenv(spreadWanted) == "" {
		t.Skip("takes minutes, root and 16 GB; set " + spreadWanted)
	}
	if dir := os.Getenv(spreadInside); dir != "" {
		spreadRun(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSpread$", "-test.v", "-test.timeout=3h")
	cmd.Env = append(os.Environ(), spreadInside+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

// spread is the network, its origin and two releases there: a small one that all nodes start with, and the one that is measured.
type spread struct {
	*shop
	size int64 // of what travels of the large one
}

func spreadRun(t *testing.T, dir string) {
	lan(t)
	var table bytes.Buffer
	row := func(what string, s *spread, r spreadResult) {
		fmt.Fprintf(&table, "| %s | %.1f MB | %.1f MB | %.2f | %.0f s | %.0f s |\n", what, float64(s.size)/1e6, float64(r.sent)/1e6,
			float64(r.sent)/float64(s.size), r.first.Seconds(), r.last.Seconds())
	}
	if os.Getenv(spreadWanted) != "small" {
		spreadPromise(t, newSpread(t, filepath.Join(dir, "large"), spreadBytes), row)
	}
	if os.Getenv(spreadWanted) != "large" {
		small := newSpread(t, filepath.Join(dir, "small"), spreadBytes/10)
		row("1 node alone", small, small.measure(1, true))
		row(fmt.Sprintf("%d nodes", spreadCrowd), small, small.measure(spreadCrowd, true))
		row(fmt.Sprintf("%d nodes, all from the origin", spreadCrowd), small, small.measure(spreadCrowd, false))
	}
	fmt.Printf("\n| who | release | the origin sent | of the release | first has it after | last |\n|---|---|---|---|---|---|\n%s\n", table.String())
}

// spreadPromise measures one node and all of them, and holds them to what is promised.
func spreadPromise(t *testing.T, large *spread, row func(string, *spread, spreadResult)) {
	one := large.measure(1, true)
	row("1 node alone", large, one)
	all := large.measure(spreadCrowd, true)
	row(fmt.Sprintf("%d nodes", spreadCrowd), large, all)
	if share := float64(all.sent) / float64(large.size); share > 1.15 {
		t.Errorf("the origin sent %.3f of the release, want 1.15 at most", share)
	}
	if all.last > 2*one.last {
		t.Errorf("all nodes had it after %v, one alone after %v: want twice that at most", all.last, one.last)
	}
}

// lan makes a bridge in this network namespace, and a place for those of the nodes in this mount namespace.
func lan(t *testing.T) {
	for _, m := range []func() error{
		func() error { return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") },
		func() error { return syscall.Mount("proc", "/proc", "proc", 0, "") },
		func() error {
			return errors.Join(os.MkdirAll("/run/netns", 0o755), syscall.Mount("netns", "/run/netns", "tmpfs", 0, ""))
		},
	} {
		if err := m(); err != nil {
			t.Fatal(err)
		}
	}
	ip(t, "link set lo up")
	ip(t, "link add br0 type bridge")
	ip(t, "addr add "+spreadHere+"/16 dev br0")
	ip(t, "link set br0 up")
	host(t, "origin", spreadOrigin)
	system(t, "tc", strings.Fields("-n origin qdisc add dev eth0 root tbf rate "+spreadRate+" burst 32kb latency 400ms")...)
	for i := range spreadCrowd {
		host(t, fmt.Sprintf("n%d", i), spreadAddr(i))
	}
}

func spreadAddr(i int) string { return fmt.Sprintf("%s0.%d", spreadNet, i+1) }

// host makes a namespace with one address on the bridge.
func host(t *testing.T, name, addr string) {
	ip(t, "netns add "+name)
	ip(t, "link add v-"+name+" type veth peer name eth0 netns "+name)
	ip(t, "link set v-"+name+" master br0 up")
	ip(t, "-n "+name+" link set lo up")
	ip(t, "-n "+name+" addr add "+addr+"/16 dev eth0")
	ip(t, "-n "+name+" link set eth0 up")
}

func ip(t *testing.T, args string) []byte { return system(t, "ip", strings.Fields(args)...) }

func system(t *testing.T, name string, args ...string) []byte {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// sent is what has come from the origin's interface, all headers counted.
func sent(t *testing.T) int64 {
	var links []struct {
		Stats64 struct{ Rx struct{ Bytes int64 } }
	}
	if err := json.Unmarshal(ip(t, "-j -s link show dev v-origin"), &links); err != nil || len(links) != 1 {
		t.Fatalf("bytes of the origin: %v", err)
	}
	return links[0].Stats64.Rx.Bytes
}

func newSpread(t *testing.T, dir string, size float64) *spread {
	s := &spread{shop: &shop{t: t, dir: dir}}
	s.edged("keys", "init", "--keys", s.path("keys"))
	s.put(1, 1e5)
	s.put(2, size)
	for _, name := range []string{"rollout-1.json", "rollout-2.json"} {
		if _, err := os.Stat(s.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// put publishes a release of about so many bytes and sets its rollout aside.
func (s *spread) put(version int, size float64) {
	dir := s.path(fmt.Sprintf("release-%d", version))
	writeSpread(s.t, dir, version, size)
	before := chunkBytes(s.t, s.path("origin"))
	s.edged("publish", "--release", dir, "--origin", s.path("origin"), "--keys", s.path("keys"), "--force")
	s.size = chunkBytes(s.t, s.path("origin")) - before
	s.rollout(version, s.path(fmt.Sprintf("rollout-%d.json", version)), s.path("origin/rollout.json"))
	if err := os.RemoveAll(dir); err != nil {
		s.t.Fatal(err)
	}
}

// rollout copies a rollout, to whose name it comes whole.
func (s *spread) rollout(version int, to, from string) {
	b, err := os.ReadFile(from)
	if err == nil {
		err = errors.Join(os.WriteFile(to+".new", b, 0o644), os.Rename(to+".new", to))
	}
	if err != nil {
		s.t.Fatalf("rollout %d: %v", version, err)
	}
}

// chunkBytes is what nodes fetch: everything but the rollout.
func chunkBytes(t *testing.T, dir string) (sum int64) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err != nil || d.IsDir() || d.Name() == "rollout.json" {
			return nil
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// writeSpread writes a release directory: a quarter of it vectors, the rest texts of items, of letters that no compression makes much less of.
func writeSpread(t *testing.T, dir string, version int, size float64) {
	const dim, perItem = 64, 1600
	rng := rand.New(rand.NewPCG(uint64(version), 9))
	text := make([]byte, perItem)
	b := model.Build{Meta: model.Meta{Dim: dim, Users: 10, A0: .1, Reg: .01, Nu: 1, Created: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}}
	for i := range int(size/(.76*perItem+2*dim)) + 20 {
		for k := range text {
			text[k] = byte(rng.Uint32())
		}
		id := fmt.Sprintf("v%d-%06d", version, i)
		b.IDs, b.Popularity = append(b.IDs, id), append(b.Popularity, float32(1+i%50))
		b.Items = append(b.Items, edged.Item{ID: id, Title: fmt.Sprintf("version %d", version), Description: base64.StdEncoding.EncodeToString(text)[:perItem]})
		for range dim {
			b.Vectors = append(b.Vectors, rng.Float32()-.5)
		}
	}
	writeBuild(t, dir, &b)
}

// spreadResult is what one crowd of nodes took.
type spreadResult struct {
	sent        int64
	first, last time.Duration
}

// measure starts nodes on release 1 and says how long after release 2 is offered they serve it.
func (s *spread) measure(count int, exchange bool) spreadResult {
	s.rollout(1, s.path("origin/rollout.json"), s.path("rollout-1.json"))
	web := s.inside("origin", command(), actAsOrigin+"="+s.path("origin"))
	nodes := make([]*runningNode, count)
	for i := range nodes {
		nodes[i] = s.spreadNode(i, exchange)
	}
	for _, n := range nodes {
		n.await("release 1", time.Minute, n.serves(1))
	}
	time.Sleep(10 * time.Second) // until all know of all
	before, start := sent(s.t), time.Now()
	s.rollout(2, s.path("origin/rollout.json"), s.path("rollout-2.json"))
	had := s.all(nodes, start)
	r := spreadResult{sent: sent(s.t) - before, first: slices.Min(had), last: slices.Max(had)}
	s.t.Logf("%d nodes, exchange %v: the origin sent %d of %d bytes; first %v, last %v; all %v", count, exchange, r.sent, s.size, r.first, r.last, had)
	var cpu time.Duration
	for _, n := range nodes {
		n.stop()
		cpu += n.cmd.ProcessState.UserTime() + n.cmd.ProcessState.SystemTime()
		if err := os.RemoveAll(s.path(n.name)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Logf("%.1f s of CPU a node", cpu.Seconds()/float64(count))
	_ = web.Process.Kill()
	_ = web.Wait()
	return r
}

// all polls until every node serves release 2, and says when each did.
func (s *spread) all(nodes []*runningNode, start time.Time) []time.Duration {
	had := make([]time.Duration, len(nodes))
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for left := len(nodes); left > 0; <-tick.C {
		for i, n := range nodes {
			if had[i] == 0 && n.serves(2)() == nil {
				had[i] = time.Since(start)
				left--
			}
		}
		if time.Since(start) > time.Hour {
			s.t.Fatalf("%d of %d nodes have it after an hour", len(nodes)-left, len(nodes))
		}
	}
	return had
}

// inside starts a command in a namespace; it ends with the test.
func (s *spread) inside(namespace string, cmd *exec.Cmd, env ...string) *exec.Cmd {
	within := exec.Command("ip", append([]string{"netns", "exec", namespace}, cmd.Args...)...)
	within.Env = append(cmd.Env, env...)
	within.Stdout, within.Stderr = cmd.Stdout, cmd.Stderr
	if err := within.Start(); err != nil {
		s.t.Fatal(err)
	}
	return within
}

func (s *spread) spreadNode(i int, exchange bool) *runningNode {
	addr := spreadAddr(i)
	n := &runningNode{t: s.t, name: fmt.Sprintf("n%d", i), listen: addr + ":8080", shop: s.shop, log: new(bytes.Buffer)}
	args := []string{"serve", "--name", n.name, "--listen", n.listen, "--dir", s.path(n.name), "--origin", "http://" + spreadOrigin, "--trust", s.path("keys/trust.json"),
		"--gossip-listen", addr + ":7946", "--gossip-seeds", spreadAddr(0) + ":7946," + spreadAddr(1) + ":7946", "--gossip-key-file", s.path("keys/gossip.key"),
		"--limit-growth", "1e9", "--limit-overlap", "0", "--limit-coverage", "0"}
	if !exchange {
		args = append(args, "--gossip-exchange", "off")
	}
	cmd := command(args...)
	cmd.Stdout, cmd.Stderr = n.log, n.log
	n.cmd = s.inside(n.name, cmd, "GOMAXPROCS=1", "GOMEMLIMIT=200MiB")
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", n.name, n.log)
		}
	})
	return n
}

func init() {
	if dir := os.Getenv(actAsOrigin); dir != "" {
		actOrigin(dir)
	}
}

// actOrigin is a static web server as any, until it is killed.
func actOrigin(dir string) {
	files := http.FileServer(http.Dir(dir))
	err := http.ListenAndServe(":80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(r.URL.Path))); err == nil {
			w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
		}
		files.ServeHTTP(w, r)
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
