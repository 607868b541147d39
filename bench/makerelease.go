package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
	"github.com/edged/edged/model"
	"github.com/edged/edged/quant"
	"github.com/edged/edged/rank"
)

// ReleaseConfig says what release to make of embeddings, so that a whole node can be measured on them. Zero values mean the defaults.
type ReleaseConfig struct {
	Items   string // npy file: one row an item
	Queries string // npy file: one row a visitor; the requests to be measured are drawn from these
	Train   string // npy file of other visitors, for whom the search is laid out and calibrated
	Out     string // directory: a release to publish, and what to ask it
	Recall  float64
	Blend   bool // a table of neighbours, popularity of late and BlendDim factors beside the vectors; else vectors alone
	Seed    uint64
	Threads int

	Progress func(step string)
}

// What a release made for measuring is.
const (
	BlendDim     = 256 // factors of a blend; those the embeddings don't have are noise below the least they have
	tableEntries = 100 // neighbours a row of a blend's table
	historyItems = 10  // of a request
	historyDepth = 200 // they are among so many that a visitor's vector likes best
	calibrating  = 6000
	madeRules    = 50
	madeSlots    = 20
	madeBrands   = 40
)

// Files beside the release's own.
const (
	RequestsFile = "requests.txt"  // bodies of POST /v1/recommend, one a line
	EventsFile   = "events.ndjson" // events that make something trend
	RulesFile    = "rules.json"    // rules for a blend
)

// EnsureDefaults replaces zero values.
func (c *ReleaseConfig) EnsureDefaults() {
	c.Recall = cmp.Or(c.Recall, .95)
	c.Seed = cmp.Or(c.Seed, 1)
	c.Threads = cmp.Or(c.Threads, runtime.GOMAXPROCS(0))
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
}

// Validate reports all faults at once.
func (c *ReleaseConfig) Validate() error {
	var errs []error
	for _, f := range []struct{ name, value string }{{"items", c.Items}, {"queries", c.Queries}, {"train", c.Train}, {"out", c.Out}} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("%s: no file", f.name))
		}
	}
	if !(c.Recall > 0 && c.Recall <= 1) {
		errs = append(errs, fmt.Errorf("recall: %g, want above 0, at most 1", c.Recall))
	}
	if c.Seed < 1 {
		errs = append(errs, errors.New("seed: 0, want 1 or more"))
	}
	if c.Threads < 0 || c.Threads > 1024 {
		errs = append(errs, fmt.Errorf("threads: %d, want 0 (all) to 1024", c.Threads))
	}
	return errors.Join(errs...)
}

// ReleaseReport says what was made.
type ReleaseReport struct {
	Items    int     `json:"items"`
	Dim      int     `json:"dim"`
	Requests int     `json:"requests"`
	Recall   float64 `json:"recall"` // of the ten best for the vectors of the requests, by the release's own search
}

// WriteTable prints the report for people.
func (r *ReleaseReport) WriteTable(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d items, %d factors, %d requests, recall@10 of their vectors %.4f\n", r.Items, r.Dim, r.Requests, r.Recall)
	return err
}

// RunRelease makes a release of embeddings: their basis turned so that YᵀY is diagonal, a visitor's history drawn from what
// his vector likes best, the search calibrated for vectors folded in from such histories, of visitors who ask nothing later.
func RunRelease(ctx context.Context, cfg ReleaseConfig) (*ReleaseReport, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("bench release: %w", err)
	}
	s := &shelf{cfg: &cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 7))}
	for _, step := range []struct {
		name string
		do   func() error
	}{{"read", s.read}, {"turn", s.turn}, {"table", s.blend}, {"histories", s.histories}, {"write", s.write}} {
		cfg.Progress(step.name)
		if err := errors.Join(step.do(), ctx.Err()); err != nil {
			return nil, fmt.Errorf("bench release: %w", err)
		}
	}
	return s.report, nil
}

// shelf is a release in the making.
type shelf struct {
	cfg                   *ReleaseConfig
	rng                   *rand.Rand
	items, queries, train []float32
	dim                   int
	build                 *model.Build
	asked, others         [][]edged.Row // histories, of the requests and for calibration
	report                *ReleaseReport
}

func (s *shelf) n() int { return len(s.items) / s.dim }

func (s *shelf) read() error {
	in, err := readSearch(&SearchConfig{Items: s.cfg.Items, Queries: s.cfg.Queries, Train: s.cfg.Train, Most: calibrating})
	if err != nil {
		return err
	}
	s.items, s.queries, s.train, s.dim = in.items, in.queries, in.train, in.dim
	return nil
}

// turn changes to the basis of YᵀY's eigenvectors, the largest eigenvalue first, in which YᵀY is diagonal.
func (s *shelf) turn() error {
	d := s.dim
	gram := mat.NewSymDense(d, nil)
	row := make([]float64, d)
	for i := range s.n() {
		for k, x := range s.items[i*d:][:d] {
			row[k] = float64(x)
		}
		gram.SymRankOne(gram, 1, mat.NewVecDense(d, row))
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(gram, true) {
		return errors.New("no eigenvectors: are the numbers finite?")
	}
	var basis mat.Dense
	eigen.VectorsTo(&basis)
	for _, list := range [][]float32{s.items, s.queries, s.train} {
		turnRows(list, &basis, d)
	}
	return nil
}

func turnRows(rows []float32, basis *mat.Dense, d int) {
	out := make([]float32, d)
	for ; len(rows) > 0; rows = rows[d:] {
		for k := range d {
			var sum float64
			for i, x := range rows[:d] {
				sum += float64(x) * basis.At(i, d-1-k)
			}
			out[k] = float32(sum)
		}
		copy(rows, out)
	}
}

// blend makes what is neither search nor catalogue: popularity as the embeddings say it, by their lengths, and for a blend the table.
func (s *shelf) blend() error {
	n := s.n()
	created := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	b := &model.Build{Meta: model.Meta{Dim: s.dim, Users: n, Created: created, A0: .01, Reg: .003, Nu: 1, EventWeights: map[string]float64{"view": 1}}}
	trend := model.Trend{}
	for i := range n {
		b.IDs = append(b.IDs, fmt.Sprintf("i%07d", i))
		b.Popularity = append(b.Popularity, float32(math.Sqrt(squares(s.items[i*s.dim:][:s.dim]))))
	}
	for _, i := range byLength(b.Popularity)[:min(n, 500)] {
		trend.Rows, trend.Scores = append(trend.Rows, edged.Row(i)), append(trend.Scores, b.Popularity[i])
	}
	b.Trends = []model.Trend{trend}
	s.build = b
	if s.cfg.Blend {
		return s.blendParts()
	}
	b.Vectors = s.items
	return nil
}

func (s *shelf) blendParts() (err error) {
	b := s.build
	if b.Table, err = s.neighbours(); err != nil {
		return err
	}
	for i := range s.n() {
		z := float32(2 * math.Log(max(float64(b.Popularity[i]), 1e-6)))
		b.PopularZ = append(b.PopularZ, z)
		b.Items = append(b.Items, edged.Item{ID: b.IDs[i], Title: "Item " + b.IDs[i], Brand: fmt.Sprintf("brand-%d", i%madeBrands), Price: float64(i%997) + .99, Currency: "EUR"})
	}
	b.Vectors, b.Meta.Dim = s.widened(), max(s.dim, BlendDim)
	b.Meta.Blends = []model.Blend{{
		Goal: model.GoalNew, TableHalfLifeDays: 120, FactorHalfLifeDays: 120, Stages: []model.Stage{{Table: 1, Factors: 2, Popular: .2}},
	}}
	return nil
}

// neighbours makes a table of the items in the most alike directions.
func (s *shelf) neighbours() (*model.Sparse, error) {
	unit := slices.Clone(s.items)
	for i := range s.n() {
		row := unit[i*s.dim:][:s.dim]
		scale := float32(1 / max(math.Sqrt(squares(row)), 1e-9))
		for k := range row {
			row[k] *= scale
		}
	}
	x, err := search(unit, s.dim, unit[:min(len(unit), 2000*s.dim)], s.cfg)
	if err != nil {
		return nil, err
	}
	table := &model.Sparse{Start: []int{0}}
	var scratch index.Scratch
	var hits []index.Hit
	for i := range s.n() {
		hits = x.Search(hits[:0], &index.Query{Vector: unit[i*s.dim:][:s.dim], K: tableEntries + 1}, &scratch)
		slices.SortFunc(hits, func(a, b index.Hit) int { return cmp.Compare(a.Row, b.Row) })
		for _, h := range hits {
			if h.Row != edged.Row(i) && h.Score > 0 {
				table.Item, table.Weight = append(table.Item, uint32(h.Row)), append(table.Weight, h.Score*h.Score)
			}
		}
		table.Start = append(table.Start, len(table.Item))
	}
	return table, nil
}

// widened is the vectors with as many factors as a blend has.
func (s *shelf) widened() []float32 {
	if s.dim >= BlendDim {
		return s.items
	}
	var least float64
	for i := range s.n() {
		last := float64(s.items[i*s.dim+s.dim-1])
		least += last * last
	}
	deviation := math.Sqrt(least/float64(s.n())) / 2
	out := make([]float32, 0, s.n()*BlendDim)
	for i := range s.n() {
		out = append(out, s.items[i*s.dim:][:s.dim]...)
		for range BlendDim - s.dim {
			out = append(out, float32(s.rng.NormFloat64()*deviation))
		}
	}
	return out
}

func search(rows []float32, dim int, queries []float32, cfg *ReleaseConfig) (*index.Index, error) {
	encoded, err := quant.EncodeFine(rows, dim)
	if err != nil {
		return nil, err
	}
	made, err := index.Make(encoded, index.Options{Recall: float32(cfg.Recall), K: tableEntries, Queries: queries, Threads: cfg.Threads, Seed: cfg.Seed})
	if err != nil {
		return nil, err
	}
	return made.Index, nil
}

// histories draws what each visitor met.
func (s *shelf) histories() error {
	x, err := search(s.items, s.dim, s.train, s.cfg)
	if err != nil {
		return err
	}
	s.asked, s.others = s.drawn(x, s.queries), s.drawn(x, s.train)
	return nil
}

func (s *shelf) drawn(x *index.Index, vectors []float32) (list [][]edged.Row) {
	var scratch index.Scratch
	var hits []index.Hit
	for ; len(vectors) > 0; vectors = vectors[s.dim:] {
		hits = x.Search(hits[:0], &index.Query{Vector: vectors[:s.dim], K: historyDepth}, &scratch)
		var rows []edged.Row
		for _, k := range s.rng.Perm(len(hits))[:min(historyItems, len(hits))] {
			rows = append(rows, hits[k].Row)
		}
		list = append(list, rows)
	}
	return list
}

// write calibrates the search for what will come and writes everything.
func (s *shelf) write() error {
	exact, err := opened(s.build)
	if err != nil {
		return err
	}
	b := *s.build
	b.Vectors = slices.Clone(b.Vectors) // laid out anew
	b.Search = model.SearchOptions{Recall: float32(s.cfg.Recall), K: 10, Queries: folded(exact, s.others), Seed: s.cfg.Seed, Threads: s.cfg.Threads}
	m, err := opened(&b)
	if err != nil {
		return err
	}
	b.Checks = rank.MakeChecks(m, 8, s.cfg.Seed)
	queries := folded(exact, s.asked)
	s.report = &ReleaseReport{Items: m.Len(), Dim: m.Dim(), Requests: len(s.asked), Recall: round(recallOf(m.Index(), queries), 4)}
	return s.writeFiles(&b)
}

func opened(b *model.Build) (*model.Model, error) {
	var m, c bytes.Buffer
	if err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c)); err != nil {
		return nil, err
	}
	return model.Parse(m.Bytes(), c.Bytes())
}

// folded are the vectors of visitors with these histories.
func folded(m *model.Model, histories [][]edged.Row) (out []float32) {
	r := rank.New(m, rank.Release{ID: "bench"})
	var s rank.Scratch
	for _, rows := range histories {
		var recent []rank.Recent
		for _, row := range rows {
			recent = append(recent, rank.Recent{Row: row, Weight: 1})
		}
		out = r.FoldIn(out, &s, recent)
	}
	return out
}

// recallOf is the share of the true ten best that an index finds.
func recallOf(x *index.Index, queries []float32) float64 {
	truth := exactScores(x, queries, 10)
	var scratch index.Scratch
	var hits []index.Hit
	found := 0
	for i, bar := range truth {
		hits = x.Search(hits[:0], &index.Query{Vector: queries[i*x.Dim():][:x.Dim()], K: 10}, &scratch)
		for _, h := range hits {
			if h.Score >= bar {
				found++
			}
		}
	}
	return float64(found) / float64(10*len(truth))
}

func (s *shelf) writeFiles(b *model.Build) error {
	if err := os.MkdirAll(s.cfg.Out, 0o755); err != nil {
		return err
	}
	var m, c bytes.Buffer
	if err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c)); err != nil {
		return err
	}
	card, err := json.Marshal(map[string]any{"type": "edged.card/1", "created": b.Meta.Created, "trained": b.Meta.Created})
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{model.ModelFile, m.Bytes()}, {model.CatalogueFile, c.Bytes()}, {"card.json", card},
		{RequestsFile, s.requests(b.IDs)}, {EventsFile, s.events(b.IDs)}, {RulesFile, madeRulesFile()},
	} {
		if err := os.WriteFile(filepath.Join(s.cfg.Out, f.name), f.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) requests(ids []string) []byte {
	var out bytes.Buffer
	for i, rows := range s.asked {
		var recent []string
		for _, row := range rows {
			recent = append(recent, ids[row])
		}
		body := map[string]any{"recent": recent, "n": 10}
		if s.cfg.Blend {
			body["slot"], body["context"] = fmt.Sprintf("slot-%d", i%madeSlots), map[string]string{"country": []string{"GB", "DE", "FR"}[i%3]}
		}
		line, _ := json.Marshal(body) // maps of strings and numbers always have a JSON form
		out.Write(append(line, '\n'))
	}
	return out.Bytes()
}

// events are views of the most popular items, by visitors of three countries.
func (s *shelf) events(ids []string) []byte {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	top := byLength(s.build.Popularity)[:min(len(ids), 200)]
	for i := range 3000 {
		item := top[int(float64(len(top))*math.Pow(s.rng.Float64(), 3))]
		fmt.Fprintf(w, `{"user":"u-%d","item":%q,"type":"view","context":{"country":%q}}`+"\n", i, ids[item], []string{"GB", "DE", "FR"}[i%3])
	}
	_ = w.Flush() // to memory
	return out.Bytes()
}

// madeRulesFile is 50 rules of 20 slots and three countries: boosts, buries and exclusions by brand and price.
func madeRulesFile() []byte {
	var rules []map[string]any
	for i := range madeRules {
		r := map[string]any{"name": fmt.Sprintf("rule-%d", i)}
		when := map[string]any{"slot": []string{fmt.Sprintf("slot-%d", i%madeSlots)}}
		kind := (i + i/madeSlots) % 5
		if kind == 4 {
			when["country"] = []string{"GB", "DE"}
		}
		r["when"] = when
		brand := fmt.Sprintf("brand-%d", i%madeBrands)
		switch kind {
		case 0, 4:
			r["boost"] = map[string]any{"brand": brand, "by": 1.5}
		case 1:
			r["bury"] = map[string]any{"brand": brand}
		case 2:
			r["exclude"] = map[string]any{"brand": brand}
		case 3:
			r["boost"] = map[string]any{"where": "price < 20", "by": 1.2}
		}
		rules = append(rules, r)
	}
	text, _ := json.MarshalIndent(map[string]any{"rules": rules}, "", "  ")
	return text
}

func squares(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// byLength returns places, the largest first.
func byLength(x []float32) []int {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(x[b], x[a]), cmp.Compare(a, b)) })
	return order
}
