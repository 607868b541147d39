package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/demo/sim"
	"github.com/edged/edged/internal/vfs"
)

// Folders of a demo's directory.
const (
	dataDir     = "data"
	originDir   = "origin"
	keysDir     = "keys"
	releasesDir = "releases"
	nodesDir    = "nodes"
	rawDir      = "simulated"
)

// world is the data the demo runs on.
type world struct {
	name  string
	shop  *sim.Shop // nil: imported
	dir   *data.Dir // open for writing
	shelf *shelf
	crowd *crowd
}

// visits is where live visits come from.
type visits interface {
	Visit(at time.Time, rng *rand.Rand) []edged.Event
}

func (w *world) visits() visits {
	if w.shop != nil {
		return w.shop
	}
	return w.crowd
}

func (w *world) picture() func(string) ([]byte, bool) {
	if w.shop == nil {
		return nil
	}
	return w.shop.Picture
}

// personas are visitors to look through the eyes of, with the taste they were given where the shop is simulated.
func (w *world) personas(n, atLeast int) []persona {
	list := w.crowd.sample(n, atLeast)
	for i := range list {
		if w.shop != nil {
			list[i].Taste, _ = w.shop.Taste(list[i].ID)
		}
	}
	return list
}

func (d *demo) bringData(ctx context.Context) error {
	dir, err := data.CreateDir(d.fs, d.path(dataDir))
	if err != nil {
		return err
	}
	d.world = &world{dir: dir}
	if len(d.cfg.Events) > 0 {
		err = d.importFiles(ctx)
	} else {
		err = d.simulate(ctx)
	}
	if err != nil {
		return err
	}
	return d.look(ctx)
}

// look learns what the storefront and the story need to know of the data.
func (d *demo) look(ctx context.Context) error {
	w := d.world
	items, err := w.dir.Items(ctx)
	if err != nil {
		return err
	}
	if w.crowd, err = gather(ctx, w.dir); err != nil {
		return err
	}
	if len(w.crowd.popularity) == 0 {
		return errors.New("the data holds no event that counts")
	}
	w.shelf = newShelf(named(items, w.crowd.popularity), w.crowd.popularity)
	return nil
}

// named adds the items that only events speak of.
func named(items []edged.Item, popularity map[string]int) []edged.Item {
	known := make(map[string]bool, len(items))
	for i := range items {
		known[items[i].ID] = true
	}
	for id := range popularity {
		if !known[id] {
			items = append(items, edged.Item{ID: id})
		}
	}
	return items
}

func (d *demo) importFiles(ctx context.Context) error {
	var m *data.Mapping
	if d.cfg.Mapping != "" {
		var err error
		if m, err = data.LoadMapping(d.fs, d.cfg.Mapping); err != nil {
			return err
		}
	}
	report, err := data.Import(ctx, d.world.dir, m, d.cfg.Events, data.ImportOptions{Clock: d.cfg.Clock})
	if err != nil {
		return err
	}
	d.world.name = nameOf(d.cfg.Events[0])
	d.out.line("edged demo: %s, three nodes, a storefront", d.world.name)
	d.out.line("")
	d.out.done("data", "%s rows: %s events, %s items, %s dropped, %s duplicates", count(report.Rows), count(report.Events),
		count(report.Items), count(report.Dropped), count(report.Duplicates))
	return nil
}

// nameOf makes a name of a file's: "online-retail_fixture.csv.gz" is "online retail fixture".
func nameOf(file string) string {
	base, _, _ := strings.Cut(filepath.Base(file), ".")
	return strings.Join(strings.FieldsFunc(base, func(r rune) bool { return r == '-' || r == '_' }), " ")
}

// simulate makes a shop up, writes what it knows as JSON lines, and imports these as anybody's.
func (d *demo) simulate(ctx context.Context) error {
	w, now := d.world, d.cfg.Clock()
	w.name = sim.Name
	w.shop = sim.New(sim.Config{Seed: d.cfg.Seed, Products: d.cfg.Products, Visitors: d.cfg.Visitors, End: now})
	d.out.line("edged demo: %s, made up by seed %d, three nodes, a storefront", w.name, d.cfg.Seed)
	d.out.line("")
	if err := d.fs.MkdirAll(d.path(rawDir)); err != nil {
		return err
	}
	itemsFile, eventsFile := d.path(rawDir, "items.jsonl"), d.path(rawDir, "events.jsonl")
	events, err := w.shop.Events(ctx)
	if err != nil {
		return err
	}
	items := w.shop.Items()
	err = errors.Join(writeLines(d.fs, itemsFile, items, data.AppendItemJSON), writeLines(d.fs, eventsFile, events, data.AppendEventJSON))
	if err != nil {
		return err
	}
	d.out.done("shop", "%s products, %s events of 60 days", count(len(items)), count(len(events)))
	return d.importSimulated(ctx, itemsFile, eventsFile, int64(len(items)), int64(len(events)))
}

func (d *demo) importSimulated(ctx context.Context, itemsFile, eventsFile string, items, events int64) error {
	opts := data.ImportOptions{Clock: d.cfg.Clock, Kind: data.Items}
	a, err := data.Import(ctx, d.world.dir, nil, []string{itemsFile}, opts)
	if err != nil {
		return err
	}
	opts.Kind = data.Events
	b, err := data.Import(ctx, d.world.dir, nil, []string{eventsFile}, opts)
	if err != nil {
		return err
	}
	if a.Items != items || b.Events != events {
		return fmt.Errorf("imported %d of %d items (%s) and %d of %d events (%s)", a.Items, items, a.String(), b.Events, events, b.String())
	}
	d.out.done("import", "all of them, in day segments")
	return nil
}

// writeLines writes values as JSON lines. The file is read once, by the import that follows; it need not be durable.
func writeLines[T any](fs vfs.FS, name string, values []T, encode func([]byte, *T) []byte) (err error) {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<16)
	var line []byte
	for i := range values {
		line = append(encode(line[:0], &values[i]), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}
