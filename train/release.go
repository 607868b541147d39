package train

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

// Names of the files in a release directory. The card is written last: a directory without one is not a release.
const (
	ModelFile     = "model.snap"
	CatalogueFile = "catalogue.snap"
	CardFile      = "card.json"
)

// CardType names the format of a Card.
const CardType = "edged.card/1"

// Card is the release's own description: what it was made of, how, and how that went.
type Card struct {
	Type    string     `json:"type"`
	Created time.Time  `json:"created"` // the newest event's time: part of the model, which the data alone decide
	Trained time.Time  `json:"trained"` // when the training ran
	Config  Config     `json:"config"`
	Counts  CardCounts `json:"counts"`
	Data    string     `json:"data"` // digest of what was read
	From    time.Time  `json:"from"` // the oldest event's time
	To      time.Time  `json:"to"`   // the newest event's time
	Loss    []float64  `json:"loss"` // of ALS after each sweep
	// Quantised says what rounding to bytes and approximate search cost. Publishers hold it against a limit.
	Quantised Quantised `json:"quantised"`
	// Selection says how Config was chosen; absent where it was given.
	Selection *Selection         `json:"selection,omitempty"`
	Choice    *Choice            `json:"choice,omitempty"`   // when it was chosen, perhaps for an earlier release
	Previous  *Settled           `json:"previous,omitempty"` // the release this one goes on from; absent: made anew
	Files     map[string]Written `json:"files"`
	Seconds   map[string]float64 `json:"seconds"` // by step
	Sum       string             `json:"sum"`     // of the text of all this
}

// CardCounts are the sizes of what was learned from.
type CardCounts struct {
	Events   int64 `json:"events"`   // that count
	Ignored  int64 `json:"ignored"`  // of a type without weight
	Visitors int   `json:"visitors"` // users and sessions
	Items    int   `json:"items"`    // rows of the release
	Active   int   `json:"active"`   // items that a visitor had
	Pairs    int   `json:"pairs"`    // distinct visitors and items
	Trends   int   `json:"trends"`   // lists, the world's included
}

// Quantised is the recall of the vectors as stored and searched, against those trained.
type Quantised struct {
	K       int     `json:"k"`
	Queries int     `json:"queries"`
	Recall  float64 `json:"recall"`
}

// quantisedChecks are few, since each compares all vectors.
const quantisedChecks = 20

// Written says what a file is.
type Written struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Summary is the card of the release just written.
type Summary = Card

// Run trains on the sources and writes a release into the directory out: model.snap, catalogue.snap and card.json. What it
// wrote is opened again and tested before the card makes it a release.
func Run(ctx context.Context, sources []Source, out string, fsys vfs.FS, cfg Config, progress func(Step)) (Summary, error) {
	free := cfg
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return Summary{}, fmt.Errorf("train: %w", err)
	}
	r := &run{cfg: &cfg, free: free, fs: fsys, out: out, watch: newStopwatch(&cfg, progress)}
	var err error
	if r.changes, err = readChanges(fsys, cfg.Overlay); err == nil {
		err = r.openPrevious(r.changes.of(digest(sources)))
	}
	if err != nil {
		return Summary{}, fmt.Errorf("train: %w", err)
	}
	if err := r.run(ctx, sources); err != nil {
		return Summary{}, fmt.Errorf("train: %w", err)
	}
	return r.card, nil
}

type run struct {
	cfg   *Config
	free  Config // as asked for: what is 0 there may be chosen
	fs    vfs.FS
	out   string
	watch *stopwatch
	card  Card

	changes *changes
}

func (r *run) run(ctx context.Context, sources []Source) error {
	r.watch.begin("read")
	log, err := readEvents(ctx, sources, r.cfg, r.watch.say)
	if err != nil {
		return err
	}
	items, err := readItems(ctx, sources)
	if err != nil {
		return err
	}
	r.changes.fold(items)
	build, err := r.build(ctx, log, items)
	if err != nil {
		return err
	}
	build.Folded = r.changes.folded
	build.Meta.Data = r.changes.of(digest(sources))
	r.card.Data = build.Meta.Data
	giveBack()
	r.watch.begin("check")
	if r.card.Quantised, err = addChecks(build); err != nil {
		return err
	}
	return r.write(build)
}

// readItems merges the catalogues; of an item in several the one updated last stays.
func readItems(ctx context.Context, sources []Source) (map[string]edged.Item, error) {
	items := make(map[string]edged.Item)
	for _, s := range sources {
		list, err := s.Items(ctx)
		if err != nil {
			return nil, fmt.Errorf("read items: %w", err)
		}
		for _, it := range list {
			if old, ok := items[it.ID]; !ok || it.Updated >= old.Updated {
				items[it.ID] = it
			}
		}
	}
	return items, nil
}

// openPrevious opens the release to go on from.
func (r *run) openPrevious(data string) error {
	dir := r.cfg.Previous
	if dir == "" {
		return nil
	}
	p, err := openPrevious(r.fs, dir)
	switch inPlace := filepath.Clean(dir) == filepath.Clean(r.out); {
	case inPlace && err != nil:
		r.watch.begin("previous")
		r.watch.say(Step{Note: "made anew: " + err.Error()})
		return nil
	case err != nil:
		return err
	case inPlace && p != nil && p.card.Data == data && p.card.Previous == nil:
		return nil
	case !inPlace && p == nil:
		return fmt.Errorf("previous release: %s holds none", dir)
	}
	r.cfg.previous = p
	return nil
}

// build learns from everything. Rows are all items of the catalogue and of the events, ascending by id but for those that the
// previous release has; those without events have a zero vector.
func (r *run) build(ctx context.Context, log *eventLog, items map[string]edged.Item) (*model.Build, error) {
	for id := range items {
		log.items.add(id)
	}
	log.before = r.cfg.previous.ids()
	log.finish()
	p := log.part()
	r.card.Previous = r.cfg.previous.settled()
	r.cfg.previous.sayCommon(p.ids, r.watch)
	catalogue := aligned(p.ids, items)
	if r.cfg.readsContent() {
		if err := p.describe(ctx, catalogue, r.cfg.Threads); err != nil {
			return nil, err
		}
	}
	if err := r.choose(ctx, p); err != nil {
		return nil, err
	}
	r.watch.begin("trends") // while no matrix is there
	trends := p.trends(r.cfg)
	r.watch.say(Step{Done: len(trends), Total: len(trends), Unit: "lists"})
	l, err := study(ctx, r.cfg, p, r.cfg.rowsToSettle(r.cfg.Neighbours), r.watch)
	if err != nil {
		return nil, err
	}
	r.watch.begin("content")
	if err := l.mapNewItems(ctx, r.cfg, catalogue); err != nil {
		return nil, err
	}
	build := l.assemble(ctx, r.cfg, trends, catalogue)
	r.describe(log, l, len(trends))
	build.Meta.Created = r.card.Created
	return build, nil
}

// choose fills in what the configuration leaves open, by trials on the last part of the events.
func (r *run) choose(ctx context.Context, p *part) error {
	if !r.cfg.Auto {
		return nil
	}
	_, last := p.span()
	if before := r.cfg.previous; before.keeps(r.cfg, &r.free, momentOf(last), len(p.at)) {
		before.adopt(r.cfg)
		r.card.Selection, r.card.Choice, r.card.Previous.Config = before.card.Selection, before.card.Choice, true
		return r.cfg.Validate()
	}
	r.card.Choice = &Choice{At: momentOf(last), Events: int64(len(p.at))}
	selection, _, err := choose(ctx, r.cfg, &r.free, p, expected{}, r.watch)
	r.card.Selection = selection
	return err
}

// aligned puts the catalogue in the order of rows; an item it does not have keeps its id only.
func aligned(ids []string, items map[string]edged.Item) []edged.Item {
	list := make([]edged.Item, len(ids))
	for i, id := range ids {
		list[i] = items[id]
		list[i].ID = id
	}
	return list
}

func (r *run) describe(log *eventLog, l *lesson, trends int) {
	first, last := log.span()
	if r.card.Previous != nil {
		r.card.Previous.Factors = l.warm
	}
	r.card.Type, r.card.Config, r.card.Loss = CardType, *r.cfg, l.factors.Losses
	r.card.From, r.card.To = time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC()
	r.card.Created, r.card.Trained = r.card.To, r.cfg.Clock().UTC().Truncate(time.Second)
	r.card.Counts = CardCounts{Events: int64(len(log.at)), Ignored: log.ignored, Visitors: l.users.Rows(), Items: l.items.Rows(),
		Active: l.items.Active(), Pairs: l.users.Pairs(), Trends: trends}
}

// addChecks gives a build known answers: those of its own bytes, for the histories of a few popular items.
func addChecks(b *model.Build) (Quantised, error) {
	m, err := open(b)
	if err != nil {
		return Quantised{}, err
	}
	b.Checks = rank.MakeChecks(m, checkCount, b.Meta.Seed)
	few := b.Checks[:min(len(b.Checks), quantisedChecks)]
	return Quantised{K: 10, Queries: len(few), Recall: rank.QuantisedRecall(m, b.Vectors, few)}, nil
}

// write replaces the release in out. An old card goes first, so that no moment shows a card beside files of another run.
func (r *run) write(b *model.Build) error {
	r.watch.begin("write")
	if err := r.fs.MkdirAll(r.out); err != nil {
		return err
	}
	if err := r.fs.Remove(filepath.Join(r.out, CardFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.fs.SyncDir(r.out); err != nil {
		return err
	}
	r.card.Files = make(map[string]Written)
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{{ModelFile, b.WriteModel}, {CatalogueFile, b.WriteCatalogue}} {
		written, err := writeFile(r.fs, filepath.Join(r.out, f.name), f.write)
		if err != nil {
			return err
		}
		r.card.Files[f.name] = written
		r.watch.say(Step{Done: len(r.card.Files), Total: 2, Unit: "files", Note: fmt.Sprintf("%s, %d bytes", f.name, written.Size)})
	}
	if err := r.prove(); err != nil {
		return fmt.Errorf("the release just written does not hold: %w", err)
	}
	return r.writeCard()
}

// prove opens the files as a node does and answers the checks.
func (r *run) prove() error {
	m, err := model.OpenFiles(r.fs, filepath.Join(r.out, ModelFile), filepath.Join(r.out, CatalogueFile))
	if err != nil {
		return err
	}
	return rank.New(m, rank.Release{ID: "train", Version: 1, Created: r.card.Created}).SelfCheck()
}

func (r *run) writeCard() error {
	r.watch.end()
	r.card.Seconds = r.watch.seconds
	card := r.card
	card.Sum = noSum
	text, err := json.MarshalIndent(card, "", "  ")
	if err != nil {
		return err
	}
	return vfs.WriteFile(r.fs, filepath.Join(r.out, CardFile), seal(append(text, '\n')))
}

// writeFile writes, syncs and renames without holding the file in memory.
func writeFile(fsys vfs.FS, path string, write func(io.Writer) error) (w Written, err error) {
	temp := path + ".tmp"
	f, err := fsys.Create(temp)
	if err != nil {
		return w, err
	}
	sum := &sumWriter{hash: sha256.New()}
	to := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	if err = errors.Join(write(to), to.Flush()); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return w, errors.Join(fmt.Errorf("write %s: %w", path, err), fsys.RemoveAll(temp))
	}
	if err := fsys.Rename(temp, path); err != nil {
		return w, err
	}
	return sum.written(), fsys.SyncDir(filepath.Dir(path))
}

type sumWriter struct {
	hash hash.Hash
	size int64
}

func (s *sumWriter) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return s.hash.Write(p)
}

func (s *sumWriter) written() Written {
	return Written{Size: s.size, SHA256: hex.EncodeToString(s.hash.Sum(nil))}
}

// String is the card in one line.
func (c Card) String() string {
	names := make([]string, 0, len(c.Files))
	for name, f := range c.Files {
		names = append(names, fmt.Sprintf("%s %d bytes", name, f.Size))
	}
	slices.Sort(names)
	return fmt.Sprintf("%d events, %d visitors, %d items (%d active), %d pairs; %s",
		c.Counts.Events, c.Counts.Visitors, c.Counts.Items, c.Counts.Active, c.Counts.Pairs, strings.Join(names, ", "))
}
