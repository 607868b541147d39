package edge

import (
	"context"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/cluster"
	"github.com/edged/edged/model"
	"github.com/edged/edged/overlay"
	"github.com/edged/edged/rank"
)

// overlayFile is where a node has its overlay, in its directory.
const overlayFile = "overlay"

// overlays joins what is to be different from the release with the release that is served.
type overlays struct {
	e       *Edge
	store   *overlay.Store
	dressed atomic.Pointer[[2]dress] // the release served, and the one before as long as nothing has changed
	news    chan struct{}            // another node wrote something
	refused atomic.Uint64            // entries of others that were wrong

	mu sync.Mutex // of whoever dresses
}

// dress is a release with the overlay as it was at a moment.
type dress struct {
	base, ranker *rank.Ranker
	snap         *overlay.Snapshot
}

func (e *Edge) openOverlay() error {
	store, damage, err := overlay.Open(e.cfg.FS, path.Join(e.cfg.Dir, overlayFile), e.cfg.Name, e.cfg.Clock)
	if err != nil {
		return err
	}
	if damage != nil {
		e.cfg.Logger.Error("the overlay on disk is damaged: what it held has to come from other nodes", "error", damage)
	}
	e.overlay = &overlays{e: e, store: store, news: make(chan struct{}, 1)}
	store.Needed(e.overlay.needed)
	e.overlay.dressed.Store(&[2]dress{})
	return nil
}

// of returns a release as it is to be served. Whoever comes first after a change works it out, others wait for it.
func (o *overlays) of(base *rank.Ranker) *rank.Ranker {
	if d := o.find(base); d != nil {
		return d.ranker
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if d := o.find(base); d != nil {
		return d.ranker
	}
	next := [2]dress{o.make(base, o.store.Snapshot())}
	if before := o.dressed.Load()[0]; before.base != nil && before.snap.Changes == next[0].snap.Changes {
		next[1] = before
	}
	o.dressed.Store(&next)
	return next[0].ranker
}

func (o *overlays) find(base *rank.Ranker) *dress {
	list := o.dressed.Load()
	for i := range list {
		if list[i].base == base {
			return &list[i]
		}
	}
	return nil
}

// renew makes what has changed count. No answer that begins after it is of what was before.
func (o *overlays) renew() {
	o.mu.Lock()
	defer o.mu.Unlock()
	var next [2]dress
	if base := o.e.base(); base != nil {
		next[0] = o.make(base, o.store.Snapshot())
	}
	o.dressed.Store(&next)
}

// make works out what the overlay changes about a release.
func (o *overlays) make(base *rank.Ranker, snap *overlay.Snapshot) dress {
	d := dress{base: base, ranker: base, snap: snap}
	c := changesOf(base.Model(), snap)
	if c == nil {
		return d
	}
	ranker, err := base.With(*c)
	if err != nil { // prices and new items need the catalogue; what is not available is known without
		o.e.cfg.Logger.Error("the catalogue can't be read for the overlay: of it only what is available counts", "error", err)
		o.e.node.Suspect()
		c.Prices, c.Items, c.Boosts = nil, nil, nil
		isNew := func(row edged.Row) bool { return int(row) >= base.Model().Len() }
		c.Off, c.On = slices.DeleteFunc(c.Off, isNew), slices.DeleteFunc(c.On, isNew)
		ranker, _ = base.With(*c) // nothing of it can fail
	}
	d.ranker = ranker
	return d
}

// changesOf is what an overlay changes about a release, nil where that is nothing. Rows of new items follow those of the release, in the order
// of ids.
func changesOf(m *model.Model, snap *overlay.Snapshot) *rank.Changes {
	c := &rank.Changes{Tag: snap.Version(), Prices: map[edged.Row]float64{}}
	news := map[string]edged.Row{}
	for i := range snap.Entries {
		if e := &snap.Entries[i]; effectOn(m, e, snap.At, nil) == effectActive && e.Field == overlay.Content {
			news[e.ID] = edged.Row(m.Len() + len(c.Items))
			c.Items = append(c.Items, *e.Item)
		}
	}
	any := len(c.Items) > 0
	for i := range snap.Entries {
		e := &snap.Entries[i]
		if effectOn(m, e, snap.At, news) != effectActive {
			continue
		}
		row, ok := m.Row(e.ID)
		if !ok {
			row = news[e.ID]
		}
		addChange(c, e, row, m.Len())
		any = true
	}
	if !any {
		return nil
	}
	return c
}

// needed reports whether an entry says anything that the release served does not: others take no room.
func (o *overlays) needed(e *overlay.Entry) bool {
	base := o.e.base()
	return base == nil || !base.Model().Folds(e.Key(), e.Stamp, e.Node)
}

// needs counts the entries that take room.
func (o *overlays) needs() (n int) {
	snap := o.store.Snapshot()
	for i := range snap.Entries {
		if e := &snap.Entries[i]; e.Counts(snap.At) && o.needed(e) {
			n++
		}
	}
	return n
}

// File is the overlay as a file, for a release to be made with.
func (o *overlays) File() []byte { return o.store.Snapshot().Encode() }

// addChange says what an entry changes about a row; n is how many the release has.
func addChange(c *rank.Changes, e *overlay.Entry, row edged.Row, n int) {
	switch e.Field {
	case overlay.Available:
		if e.Available {
			c.On = append(c.On, row)
		} else {
			c.Off = append(c.Off, row)
		}
	case overlay.Boost:
		c.Boosts = append(c.Boosts, rank.Boost{Row: row, By: e.Boost})
	case overlay.Price:
		if int(row) < n {
			c.Prices[row] = e.Price
		} else {
			c.Items[int(row)-n].Price = e.Price
		}
	}
}

// What an entry does to a release.
const (
	effectNone    = "" // it does not count
	effectActive  = "active"
	effectUnknown = "unknownItem" // the release has no such item
	effectKnown   = "inRelease"   // the release has the new item, or was made with the entry
)

// effectOn says what an entry does to a release; news are the new items there are, too.
func effectOn(m *model.Model, e *overlay.Entry, now int64, news map[string]edged.Row) string {
	if !e.Counts(now) {
		return effectNone
	}
	_, known := m.Row(e.ID)
	if known && e.Field == overlay.Content || m.Folds(e.Key(), e.Stamp, e.Node) {
		return effectKnown
	}
	if e.Field == overlay.Content {
		return effectActive
	}
	if _, isNew := news[e.ID]; !known && !isNew {
		return effectUnknown
	}
	return effectActive
}

// Write makes changes here and everywhere: durable here when it returns, and obeyed by every answer that begins afterwards.
func (o *overlays) Write(changes []overlay.Change) (overlay.Result, error) {
	result, written, err := o.store.Write(changes)
	if err != nil {
		return result, err
	}
	for i := range written {
		o.share(&written[i], true)
	}
	if len(written) > 0 {
		o.renew()
	}
	return result, nil
}

// share gives an entry to gossip: one written now is told, one that was held before travels when nodes compare what they know.
func (o *overlays) share(e *overlay.Entry, fresh bool) {
	if o.e.gossip == nil {
		return
	}
	err := o.e.gossip.Share(cluster.Fact{
		Kind: kindOverlay, Node: e.Node, Key: e.Key(), Seq: e.Stamp, Expires: e.Forgotten(), Value: e.Value(),
	}, fresh)
	if err != nil {
		o.e.cfg.Logger.Warn("gossip: an entry of the overlay can't be told", "error", err)
	}
}

// restore gives gossip what was held before the start.
func (o *overlays) restore() {
	snap := o.store.Snapshot()
	for i := range snap.Entries {
		o.share(&snap.Entries[i], false)
	}
}

// hear takes what another node wrote.
func (o *overlays) hear(f cluster.Fact) {
	e, err := overlay.Decode(f.Key, f.Seq, f.Node, f.Value)
	news := false
	if err == nil {
		news, err = o.store.Take(e)
	}
	if err != nil {
		o.refused.Add(1)
		o.e.cfg.Logger.Debug("gossip: an entry of the overlay is refused", "from", f.Node, "error", err)
	}
	if news {
		select {
		case o.news <- struct{}{}:
		default: // it is going to be looked at
		}
	}
}

const (
	overlayEach = time.Second
	overlayGap  = 50 * time.Millisecond // between two times that news of others is made to count, at least, and
	overlayRest = 4                     // times as long as that took
)

// run makes what others write count, and durable, until ctx ends.
func (o *overlays) run(ctx context.Context) {
	ticker := time.NewTicker(overlayEach)
	defer ticker.Stop()
	fault := ""
	for {
		select {
		case <-ctx.Done():
			o.flush(&fault)
			return
		case <-ticker.C:
			o.store.Tick()
		case <-o.news:
		}
		began := time.Now()
		o.flush(&fault) // first: what was obeyed once is obeyed after a restart
		o.follow()
		select {
		case <-time.After(max(overlayGap, overlayRest*time.Since(began))):
		case <-ctx.Done():
		}
	}
}

// follow makes count what changed, if anything did.
func (o *overlays) follow() {
	d := o.dressed.Load()[0]
	if d.snap == nil || d.snap.Changes != o.store.Changes() || o.e.cfg.Clock().UnixMilli() >= d.snap.Until {
		o.renew()
	}
}

// flush writes what was heard to disk; what is wrong is told once.
func (o *overlays) flush(fault *string) {
	err := o.store.Flush()
	switch {
	case err == nil:
		*fault = ""
	case err.Error() != *fault:
		*fault = err.Error()
		o.e.cfg.Logger.Error("what other nodes wrote to the overlay is not on disk", "error", err)
	}
}

// Show lists at most about n entries that count, of items after one.
func (o *overlays) Show(after string, n int) any {
	snap, base := o.store.Snapshot(), o.e.base()
	news := map[string]edged.Row{}
	for i := range snap.Entries {
		if e := &snap.Entries[i]; e.Field == overlay.Content && e.Counts(snap.At) {
			news[e.ID] = edged.NoRow
		}
	}
	return snap.Page(after, n, func(e *overlay.Entry) string {
		if base == nil {
			return effectUnknown
		}
		return effectOn(base.Model(), e, snap.At, news)
	})
}
