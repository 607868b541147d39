package demo

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/edged/edged/demo/sim"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/train"
)

// The simulated shop is worth training on: on its last week ALS finds what popularity can't.
func TestSimulatedTasteIsLearned(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a model: not with -short")
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	cfg := Config{Seed: 1, Products: 1200, Visitors: 700, Clock: func() time.Time { return now }}
	cfg.EnsureDefaults()
	d := &demo{cfg: &cfg, fs: vfs.OS, out: newPrinter(io.Discard, cfg.Clock), dir: t.TempDir()}
	if err := d.bringData(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if d.world.name != sim.Name {
		t.Errorf("the shop is called %q", d.world.name)
	}
	report, err := train.Evaluate(t.Context(), train.Sources(d.world.dir), train.EvalConfig{SplitTime: now.AddDate(0, 0, -7), Config: d.trainConfig()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	recall := map[string]float64{}
	for _, m := range report.Results {
		recall[m.Model] = m.Recall
		t.Logf("%-28s recall@%d %.4f ndcg %.4f", m.Model, report.K, m.Recall, m.NDCG)
	}
	if als, popular := recall["served int8"], recall["popularity"]; als < 2*popular {
		t.Errorf("recall %.4f, popularity %.4f: too little to be learned", als, popular)
	}
}
