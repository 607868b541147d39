package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/serve"
)

type release struct{ ranker *rank.Ranker }

func (r release) Current() *rank.Ranker { return r.ranker }

// release of a few items, odd ids among them.
func smallRelease(t *testing.T) release {
	t.Helper()
	b := &model.Build{Meta: model.Meta{Dim: 8, Users: 10, Created: time.Unix(1_700_000_000, 0), A0: .1, Reg: .01, Nu: 1}}
	b.IDs = slices.Clone(oddIDs)
	for i := range 20 {
		b.IDs = append(b.IDs, fmt.Sprintf("item-%02d", i))
	}
	slices.Sort(b.IDs)
	for i, id := range b.IDs {
		vector := make([]float32, 8)
		vector[i%8] = 1
		b.Vectors = append(b.Vectors, vector...)
		b.Popularity = append(b.Popularity, float32(100-i))
		b.Items = append(b.Items, edged.Item{ID: id})
		b.Neighbours = append(b.Neighbours, edged.Row((i+1)%len(b.IDs)))
		b.NeighbourScores = append(b.NeighbourScores, .5)
	}
	var m, c bytes.Buffer
	if err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c)); err != nil {
		t.Fatal(err)
	}
	opened, err := model.Parse(m.Bytes(), c.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return release{rank.New(opened, rank.Release{ID: "1-test", Version: 1, Created: b.Meta.Created})}
}

// What the shop of the other tests takes is the letter of the API; this is the server that has to take it.
func TestTheRealServerTakesTheTraffic(t *testing.T) {
	sink := func(_ context.Context, batch []edged.Event) ([]bool, error) {
		return slices.Repeat([]bool{true}, len(batch)), nil
	}
	server, err := serve.New(serve.Config{Releases: smallRelease(t), Events: sink})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	report := load(t, quick("http://"+ln.Addr().String()))
	if report.Requests != 999 || report.Errors != 0 {
		t.Errorf("%d of %d requests failed: %v, statuses %v", report.Errors, report.Requests, report.ErrorsByClass, report.Statuses)
	}
	for name, k := range report.ByKind {
		if k.Errors > 0 {
			t.Errorf("%s: %d of %d failed", name, k.Errors, k.Requests)
		}
	}
	if err := errors.Join(server.Shutdown(t.Context()), <-done); err != nil {
		t.Error(err)
	}
}
