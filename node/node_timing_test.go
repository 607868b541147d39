package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
)

// BenchmarkStart is a restart on a real disk with 100,000 items: from Open to the first answer.
func BenchmarkStart(b *testing.B) {
	cfg := published(b, 100_000)
	n, err := Open(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	if err := n.Check(b.Context()); err != nil {
		b.Fatal(err)
	}
	closeNode(b, n)
	for b.Loop() {
		n, err := Open(b.Context(), cfg)
		if err != nil || n.Current() == nil {
			b.Fatal(err)
		}
		closeNode(b, n)
	}
}

// BenchmarkInstall is a new release of 100,000 items, from the look that finds it to the swap.
func BenchmarkInstall(b *testing.B) {
	cfg := published(b, 100_000)
	for i := 0; b.Loop(); i++ {
		cfg.Dir = path.Join(path.Dir(cfg.Dir), fmt.Sprint("node", i))
		n, err := Open(context.Background(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := n.Check(context.Background()); err != nil || n.Current() == nil {
			b.Fatal(err)
		}
		closeNode(b, n)
	}
}

func closeNode(b *testing.B, n *Node) {
	b.Helper()
	if err := n.Close(); err != nil {
		b.Fatal(err)
	}
}

// published is a node's configuration on a real disk, with a release of that many items at its origin.
func published(b *testing.B, items int) Config {
	b.Helper()
	s := newShop(b)
	rng := rand.New(rand.NewPCG(1, 1))
	dir := s.train(1, func(m *model.Build) {
		m.IDs, m.Popularity, m.Vectors, m.Checks, m.Meta.Dim = nil, nil, nil, nil, 64
		for i := range items {
			m.IDs = append(m.IDs, fmt.Sprintf("item-%07d", i))
			m.Popularity = append(m.Popularity, rng.Float32())
			for range m.Meta.Dim {
				m.Vectors = append(m.Vectors, rng.Float32()-0.5)
			}
		}
		s.addChecks(m)
	})
	root := b.TempDir()
	o := origin.NewDir(vfs.OS, root+"/origin")
	cfg := s.publisher(dir)
	cfg.Origin = o
	if _, err := publish.Run(b.Context(), cfg); err != nil {
		b.Fatal(err)
	}
	return Config{FS: vfs.OS, Dir: root + "/node", Origin: o, Trust: s.trust, Clock: s.clock}
}
