package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/edged/edged/cluster"
	"github.com/edged/edged/cluster/clustertest"
)

// TestScripts runs testdata/*.txt over the simulated network. The commands:
//
//	new [seed=1] [drop=0.3] [urgent=N] [bulk=N] [nodes=N]   an empty network
//	add a b c                                               starts nodes
//	set node=a kind=1 key=k value=v [ttl=ms] [count=N]      says something; count: under k0 … kN-1
//	tick n=10                                               lets time pass
//	settle [most=200]                                       until all agree; prints how many ticks that took
//	kill node=a | restart node=a                            a node dies, or comes back under its next boot
//	partition side=(a,b) | heal                             keeps these from the others, or no more
//	facts [node=a] [key=k]                                  what a node holds, or each of them
//	count                                                   how many facts each holds
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		s := &script{net: clustertest.New(1)}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := s.run(t, d)
			if err != nil {
				return fmt.Sprintf("error: %v\n", err)
			}
			return out
		})
	})
}

type script struct{ net *clustertest.Network }

func (s *script) run(t *testing.T, d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "new":
		return s.create(t, d)
	case "add":
		for _, a := range d.CmdArgs {
			s.net.Add(a.Key)
		}
		return "", nil
	case "set":
		return s.set(t, d)
	case "tick":
		n := 1
		d.MaybeScanArgs(t, "n", &n)
		for range n {
			if err := s.net.Step(); err != nil {
				return "", err
			}
		}
		return "", nil
	case "settle":
		most := 200
		d.MaybeScanArgs(t, "most", &most)
		ticks, err := s.net.Settle(most)
		return fmt.Sprintf("all agree after %d ticks\n", ticks), err
	case "kill", "restart":
		return s.revive(t, d)
	case "partition":
		arg, _ := d.Arg("side")
		s.net.Partition(arg.Vals...)
		return "", nil
	case "heal":
		s.net.Heal()
		return "", nil
	case "facts":
		return s.facts(t, d)
	case "count":
		return s.count(), nil
	}
	return "", fmt.Errorf("unknown command %q", d.Cmd)
}

func (s *script) create(t *testing.T, d *datadriven.TestData) (string, error) {
	seed, drop := uint64(1), ""
	d.MaybeScanArgs(t, "seed", &seed)
	s.net = clustertest.New(seed)
	if d.MaybeScanArgs(t, "drop", &drop) {
		if _, err := fmt.Sscan(drop, &s.net.Drop); err != nil {
			return "", err
		}
	}
	d.MaybeScanArgs(t, "urgent", &s.net.Limit.MaxUrgent)
	d.MaybeScanArgs(t, "bulk", &s.net.Limit.MaxBulk)
	d.MaybeScanArgs(t, "nodes", &s.net.Limit.MaxNodes)
	return "", nil
}

func (s *script) node(t *testing.T, d *datadriven.TestData) (*clustertest.Node, error) {
	var name string
	d.ScanArgs(t, "node", &name)
	return s.net.Node(name)
}

func (s *script) set(t *testing.T, d *datadriven.TestData) (string, error) {
	n, err := s.node(t, d)
	if err != nil {
		return "", err
	}
	var kind, ttl, count = 0, 60_000, 0
	var key, value string
	d.ScanArgs(t, "kind", &kind)
	d.ScanArgs(t, "key", &key)
	d.ScanArgs(t, "value", &value)
	d.MaybeScanArgs(t, "ttl", &ttl)
	if !d.MaybeScanArgs(t, "count", &count) {
		return "", s.net.Set(n, uint8(kind), key, value, time.Duration(ttl)*time.Millisecond)
	}
	for i := range count {
		if err := s.net.Set(n, uint8(kind), fmt.Sprint(key, i), value, time.Duration(ttl)*time.Millisecond); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (s *script) revive(t *testing.T, d *datadriven.TestData) (string, error) {
	n, err := s.node(t, d)
	if err != nil {
		return "", err
	}
	if s.net.Kill(n); d.Cmd == "restart" {
		s.net.Restart(n)
	}
	return "", nil
}

func (s *script) facts(t *testing.T, d *datadriven.TestData) (string, error) {
	var b strings.Builder
	var name, key string
	d.MaybeScanArgs(t, "node", &name)
	d.MaybeScanArgs(t, "key", &key)
	for _, n := range s.net.Nodes() {
		if !n.Alive || name != "" && n.Name != name {
			continue
		}
		fmt.Fprintf(&b, "%s:\n", n.Name)
		for _, f := range n.Core.Facts() {
			if key == "" || f.Key == key {
				b.WriteString(describe(f))
			}
		}
	}
	return b.String(), nil
}

func describe(f cluster.Fact) string {
	return fmt.Sprintf("  %s/%d kind %d %s = %s (seq %d)\n", f.Node, f.Boot, f.Kind, f.Key, f.Value, f.Seq)
}

func (s *script) count() string {
	var b strings.Builder
	for _, n := range s.net.Nodes() {
		if n.Alive {
			facts, nodes := n.Core.Len()
			fmt.Fprintf(&b, "%s: %d facts of %d nodes, %d times news\n", n.Name, facts, nodes, len(n.Heard))
		}
	}
	return b.String()
}
