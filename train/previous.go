package train

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// previous is a release that training goes on from: its items keep their rows, its vectors are the start, and numbers that
// change little keep its bytes.
type previous struct {
	card  Card
	model *model.Model
}

// maxCard bounds a card that is read.
const maxCard = 64 << 20

// openPrevious opens the release in a directory; nil where there is none.
func openPrevious(fsys vfs.FS, dir string) (*previous, error) {
	text, err := vfs.ReadFile(fsys, filepath.Join(dir, CardFile), maxCard)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("previous release: %w", err)
	}
	p := new(previous)
	if err := json.Unmarshal(text, &p.card); err != nil {
		return nil, fmt.Errorf("previous release: %s: %w", filepath.Join(dir, CardFile), err)
	}
	if p.card.Type != CardType {
		return nil, fmt.Errorf("previous release: %s is of type %q, want %s", filepath.Join(dir, CardFile), p.card.Type, CardType)
	}
	if err := errors.Join(checkSeal(text, p.card.Sum), p.card.checkConfig(), p.card.checkFiles(fsys, dir)); err != nil {
		return nil, fmt.Errorf("previous release: %s: %w", dir, err)
	}
	if p.model, err = model.OpenFiles(fsys, filepath.Join(dir, ModelFile), filepath.Join(dir, CatalogueFile)); err != nil {
		return nil, fmt.Errorf("previous release: %s: %w", dir, err)
	}
	return p, nil
}

// checkConfig reports what no configuration may say. What a card leaves out has its default.
func (c *Card) checkConfig() error {
	cfg := c.Config
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%s: config: %w", CardFile, err)
	}
	return nil
}

// checkFiles holds the files beside a card against the digests it has of them.
func (c *Card) checkFiles(fsys vfs.FS, dir string) error {
	for _, name := range []string{ModelFile, CatalogueFile} {
		got, err := digestFile(fsys, filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if want := c.Files[name]; got != want {
			return fmt.Errorf("%s has %d bytes of SHA-256 %.16s…, %s says %d of %.16s…: damaged, or of another release; take it from a copy, or train anew",
				name, got.Size, got.SHA256, CardFile, want.Size, want.SHA256)
		}
	}
	return nil
}

func digestFile(fsys vfs.FS, path string) (w Written, err error) {
	f, err := fsys.Open(path)
	if err != nil {
		return w, err
	}
	sum := &sumWriter{hash: sha256.New()}
	_, err = io.Copy(sum, f)
	return sum.written(), errors.Join(err, f.Close())
}

// before reports an error where the release knows events of a test that begins at a moment.
func (p *previous) before(split time.Time) error {
	if p == nil {
		return nil
	}
	newest := p.card.To
	for _, t := range []time.Time{p.card.Created, p.model.Meta().Created} {
		if t.After(newest) {
			newest = t
		}
	}
	if newest.UnixMilli() < split.UnixMilli() {
		return nil
	}
	return fmt.Errorf("previous release: it was made of events up to %s, the test begins at %s: it would know answers; give one made of events before that, or leave --previous out",
		newest.UTC().Format(time.RFC3339), split.UTC().Format(time.RFC3339))
}

// sayCommon says where there is nothing to go on from.
func (p *previous) sayCommon(ids []string, watch *stopwatch) {
	known := func(id string) bool { _, ok := p.model.Row(id); return ok }
	if p != nil && !slices.ContainsFunc(ids, known) {
		watch.begin("previous")
		watch.say(Step{Note: fmt.Sprintf("no item in common with the previous release (%d there, %d here): nothing is taken from it but perhaps its configuration", p.model.Len(), len(ids))})
	}
}

// ids are the items by row.
func (p *previous) ids() []string {
	if p == nil {
		return nil
	}
	ids := make([]string, p.model.Len())
	for row := range ids {
		ids[row] = p.model.ID(edged.Row(row))
	}
	return ids
}

// factors are the vectors of a part's items, zeros where the item is new or nobody had it; nil where their length is another, or none is known.
func (p *previous) factors(ids []string, pairs *learn.Matrix, d int) *learn.Factors {
	if p == nil || p.model.Dim() != d {
		return nil
	}
	f := &learn.Factors{ALS: learn.ALS{Factors: d}, Y: make([]float32, len(ids)*d)}
	had := make([]bool, len(ids))
	for _, i := range pairs.Index {
		had[i] = true
	}
	known := false
	var vector []float64
	for i, id := range ids {
		row, ok := p.model.Row(id)
		if !ok || !had[i] {
			continue
		}
		vector = p.model.AppendVector(vector[:0], row)
		for k, y := range vector {
			f.Y[i*d+k] = float32(y)
			known = known || y != 0
		}
	}
	if !known {
		return nil
	}
	return f
}

// Settled says what a release was trained on from.
type Settled struct {
	Model   string    `json:"model"`   // SHA-256 of its model.snap
	Created time.Time `json:"created"` // of the newest event it knew
	Data    string    `json:"data"`    // digest of what it was trained on
	Factors bool      `json:"factors"` // its vectors were the start of ALS
	Config  bool      `json:"config"`  // its configuration was kept, not chosen anew
}

// sources are, for each of some items, the items that spoke for it in the table, ascending.
func (p *previous) sources(ids []string) ([][]uint32, error) {
	if p == nil || p.model.Table() == nil {
		return nil, nil
	}
	now := make([]uint32, p.model.Len()) // row → item, or none
	for row := range now {
		now[row] = none
	}
	for i, id := range ids {
		if row, ok := p.model.Row(id); ok {
			now[row] = uint32(i)
		}
	}
	sources, buf := make([][]uint32, len(ids)), new(model.TableBuffer)
	for i, id := range ids {
		row, ok := p.model.Row(id)
		if !ok {
			continue
		}
		targets, err := p.model.Table().Row(row, buf)
		if err != nil {
			return nil, fmt.Errorf("previous release: %w", err)
		}
		for _, to := range targets.Rows {
			if j := now[to]; j != none {
				sources[j] = append(sources[j], uint32(i))
			}
		}
	}
	return sources, nil
}

func (p *previous) settled() *Settled {
	if p == nil {
		return nil
	}
	return &Settled{Model: p.card.Files[ModelFile].SHA256, Created: p.card.Created, Data: p.card.Data}
}

// Choice says when a configuration was chosen: until the newest event is choiceAge older, or the events are choiceGrowth times as
// many, releases that go on from one another keep it.
type Choice struct {
	At     time.Time `json:"at"`     // the newest event's time
	Events int64     `json:"events"` // that counted
}

const (
	choiceAge    = 30 * 24 * time.Hour
	choiceGrowth = 1.25
)

// keeps tells whether the previous release's choice holds for a log: made of what is asked for now, lately, from about as much.
func (p *previous) keeps(cfg, free *Config, newest time.Time, events int) bool {
	if p == nil || p.card.Choice == nil || p.card.Selection == nil || len(p.card.Selection.Trials) == 0 { // or there was too little to choose by
		return false
	}
	c := p.card.Choice
	return newest.Sub(c.At) < choiceAge && float64(events) <= choiceGrowth*float64(c.Events) && sameBut(cfg, &p.card.Config) && sameAsked(free, &p.card.Config)
}

// sameBut tells whether two configurations ask for the same, but for what --auto chooses.
func sameBut(a, b *Config) bool {
	return reflect.DeepEqual(unchosen(a), unchosen(b))
}

func unchosen(c *Config) Config {
	return Config{Nu: c.Nu, Sweeps: c.Sweeps, Seed: c.Seed, EventWeights: c.EventWeights, UsersOnly: c.UsersOnly, TrendLength: c.TrendLength, PlaceVisitors: c.PlaceVisitors,
		Neighbours: c.Neighbours, Shrink: c.Shrink}
}

// sameAsked tells whether what was asked for, where anything was, is what was chosen.
func sameAsked(free, chosen *Config) bool {
	for _, x := range [][2]float64{
		{float64(free.Factors), float64(chosen.Factors)}, {free.A0, chosen.A0}, {free.Reg, chosen.Reg}, {free.PairHalfLifeDays, chosen.PairHalfLifeDays},
		{free.TrendHalfLifeDays, chosen.TrendHalfLifeDays}, {free.PlaceHalfLifeDays, chosen.PlaceHalfLifeDays}, {free.PlaceShrink, chosen.PlaceShrink},
	} {
		if x[0] != 0 && x[0] != x[1] {
			return false
		}
	}
	asked := free.TrendBy == nil || free.trendBy() == chosen.trendBy()
	return asked && free.Table == nil && free.Session == nil && free.Blends == nil
}

// adopt takes what the previous release chose.
func (p *previous) adopt(cfg *Config) {
	c := &p.card.Config
	cfg.Factors, cfg.A0, cfg.Reg, cfg.PairHalfLifeDays = c.Factors, c.A0, c.Reg, c.PairHalfLifeDays
	cfg.setCold(c.cold())
	cfg.Table, cfg.Session, cfg.Blends = c.Table, c.Session, c.Blends
}

// near tells whether ALS may go on from the previous vectors with few sweeps: its loss is the same.
func (p *previous) near(cfg *Config) bool {
	c := &p.card.Config
	return c.A0 == cfg.A0 && c.Reg == cfg.Reg && c.Nu == cfg.Nu && c.PairHalfLifeDays == cfg.PairHalfLifeDays && reflect.DeepEqual(c.EventWeights, cfg.EventWeights)
}
