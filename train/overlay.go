package train

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/overlay"
)

// changes is an overlay that is folded into a release.
type changes struct {
	entries []overlay.Entry
	digest  string
	folded  []model.Folded
}

// maxOverlay bounds an overlay's file.
const maxOverlay = 64 << 20

func readChanges(fsys vfs.FS, file string) (*changes, error) {
	if file == "" {
		return &changes{}, nil
	}
	b, err := vfs.ReadFile(fsys, file, maxOverlay)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	entries, err := overlay.DecodeFile(b)
	if err != nil {
		return nil, fmt.Errorf("overlay: %s: %w: give what 'edged overlay export' wrote", file, err)
	}
	return &changes{entries: entries, digest: fmt.Sprintf("sha256:%x", sha256.Sum256(b))}, nil
}

// of is a digest of data that was changed.
func (c *changes) of(data string) string {
	if c.digest == "" {
		return data
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join([]string{data, c.digest}, "\n"))))
}

// fold puts into a catalogue what entries say of items, unless the catalogue knows better: of an item that was updated since, it does. What counts
// for a time only, and boosts, go on being said by the overlay.
func (c *changes) fold(items map[string]edged.Item) {
	for i := range c.entries {
		if e := &c.entries[i]; e.Field == overlay.Content {
			c.foldEntry(items, e) // first: the others may be about it
		}
	}
	for i := range c.entries {
		if e := &c.entries[i]; e.Field != overlay.Content {
			c.foldEntry(items, e)
		}
	}
}

func (c *changes) foldEntry(items map[string]edged.Item, e *overlay.Entry) {
	it, known := items[e.ID]
	lasting := !e.Removed && e.Until == e.Forgotten()
	switch newer := it.Updated > e.Written(); {
	case !lasting || e.Field == overlay.Boost:
		return
	case e.Field == overlay.Content:
		if !known {
			it = *e.Item
			it.Updated = e.Written()
		}
	case !known:
		return
	case e.Field == overlay.Available && !newer:
		it.Available = &e.Available
	case e.Field == overlay.Price && !newer:
		it.Price = e.Price
	case e.Field != overlay.Available && e.Field != overlay.Price:
		return
	}
	items[e.ID] = it
	c.folded = append(c.folded, model.Folded{Key: e.Key(), Stamp: e.Stamp, Node: e.Node})
}
