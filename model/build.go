package model

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/snapshot"
)

// Build is what a release is made of. Slices are aligned with IDs: entry i is about row i.
type Build struct {
	Meta            Meta         // Dim, and all the writer does not fill in
	IDs             []string     // each once, in any order
	Vectors         []float32    // Dim numbers a row, in the basis where YᵀY is diagonal
	Gram            []float32    // the diagonal of YᵀY; nil: taken from the vectors as stored
	Popularity      []float32    // distinct users
	Trends          []Trend      // any order; at most one a setting
	Neighbours      []edged.Row  // the same number for each row, NoRow where there are fewer; any order
	NeighbourScores []float32    // of Neighbours
	Items           []edged.Item // the catalogue; nil: nothing is known
	Checks          []Check      // see rank.MakeChecks
	Table           *Sparse      // local ridge weights; nil: none
	Session         *Sparse      // weights of what comes next in a session; nil: none
	PopularZ        []float32    // standardised popularity of late; needed where a blend weighs Popular
	RepeatQ         []float32    // propensity to be bought again over its mean; needed where a blend weighs Repeat
	Mean            []float32    // Σ vectors over the active items, divided by their number; nil: taken from the vectors as stored
	Content         *Content     // what gives new items a vector; nil: nothing does
	Folded          []Folded     // entries of an overlay that Items were made with, each register once
	ContentOf       *Model       // an earlier release whose map is kept to the byte instead
	Search          SearchOptions
	NeighbourK      int    // neighbours kept of a row, the nearest; 0: all
	Before          *Model // an earlier release: numbers that changed little have its bytes; nil: none

	like *earlier
	made *made // what the vectors became, for the next writing of the same
}

// WriteModel writes the model snapshot. Everything Open would refuse is refused here.
func (b *Build) WriteModel(w io.Writer) error {
	list, err := b.modelSections()
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if _, err := snapshot.Write(w, ModelKind, list); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	return nil
}

// complete fills in what the writer knows and checks what no section does.
func (b *Build) complete() (*ids, Meta, error) {
	meta, n := b.Meta, len(b.IDs)
	if n > MaxItems {
		return nil, meta, fmt.Errorf("%d items, at most %d", n, MaxItems)
	}
	table, err := newIDs(b.IDs)
	if err != nil {
		return nil, meta, err
	}
	meta.Format, meta.Rows, meta.Items, meta.NeighbourK = formatVersion, table.digest(), n, 0
	meta.Created = meta.Created.UTC()
	if n > 0 {
		meta.NeighbourK = b.keptNeighbours(len(b.Neighbours) / n)
	}
	if err := meta.check(); err != nil {
		return nil, meta, err
	}
	for _, f := range []struct {
		name      string
		got, want int
	}{
		{"vectors", len(b.Vectors), n * meta.Dim},
		{"popularity", len(b.Popularity), n},
		{"neighbours", len(b.Neighbours), n * (len(b.Neighbours) / max(n, 1))},
		{"neighbour scores", len(b.NeighbourScores), len(b.Neighbours)},
		{"items", cmp.Or(len(b.Items), n), n},
		{"gram", cmp.Or(len(b.Gram), meta.Dim), meta.Dim},
		{"popularity z", cmp.Or(len(b.PopularZ), n), n},
		{"repeat q", cmp.Or(len(b.RepeatQ), n), n},
		{"mean", cmp.Or(len(b.Mean), meta.Dim), meta.Dim},
	} {
		if f.got != f.want {
			return nil, meta, fmt.Errorf("%s: %d numbers for %d rows, want %d", f.name, f.got, n, f.want)
		}
	}
	return table, meta, nil
}

func (b *Build) modelSections() ([]snapshot.Section, error) {
	table, meta, err := b.complete()
	if err != nil {
		return nil, err
	}
	vectors, err := b.vectorSections(&meta)
	if err != nil {
		return nil, err
	}
	lists, err := b.listSections(&meta)
	if err != nil {
		return nil, err
	}
	blend, err := b.blendSections(&meta)
	if err != nil {
		return nil, err
	}
	words, err := b.encodeContent()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	if len(text) > maxMeta {
		return nil, fmt.Errorf("meta: %d bytes, at most %d", len(text), maxMeta)
	}
	const hot = snapshot.Critical | snapshot.Hot
	out := []snapshot.Section{
		{Name: secMeta, Flags: hot, Elem: 1, Data: text},
		{Name: secIDOffs, Flags: hot, Elem: 4, Data: snapshot.Bytes(table.offs)},
		{Name: secIDText, Flags: snapshot.Critical, Elem: 1, Data: []byte(table.text)},
		{Name: secIDHash, Flags: hot, Elem: 4, Data: snapshot.Bytes(table.hash)},
	}
	return slices.Concat(out, vectors, lists, blend, words), nil
}

func (b *Build) keptNeighbours(given int) int {
	if b.NeighbourK > 0 {
		return min(given, b.NeighbourK)
	}
	return given
}

// earlier is the release before, seen from this one.
func (b *Build) earlier() earlier {
	if b.like == nil || b.like.m != b.Before {
		like := newEarlier(b.Before, b.IDs)
		b.like = &like
	}
	return *b.like
}

func checkGram(gram []float32) error {
	for k, g := range gram {
		if !(g >= 0 && finite(g)) {
			return fmt.Errorf("%s: %g of dimension %d", secGram, g, k)
		}
	}
	return nil
}

// listSections encodes the lists and reads each back once, so that what Open refuses is never written.
func (b *Build) listSections(meta *Meta) ([]snapshot.Section, error) {
	popular := popularOrder(b.Popularity)
	if err := checkPopular(b.Popularity, popular); err != nil {
		return nil, err
	}
	trends, err := b.trendSections(meta.Items)
	if err != nil {
		return nil, err
	}
	neighbours, err := b.encodeNeighbours(meta.Items, meta.NeighbourK)
	if err != nil {
		return nil, err
	}
	checks := encodeChecks(b.Checks)
	if _, err := decodeChecks(checks, meta.Items); err != nil {
		return nil, err
	}
	const hot = snapshot.Critical | snapshot.Hot
	return slices.Concat([]snapshot.Section{
		{Name: secPopularity, Flags: hot, Elem: 4, Data: snapshot.Bytes(b.Popularity)},
		{Name: secPopular, Flags: hot, Elem: 4, Data: snapshot.Bytes(popular)},
	}, trends, []snapshot.Section{
		{Name: secNeighbours, Flags: snapshot.Critical, Elem: hitSize, Data: neighbours},
		{Name: secChecks, Flags: hot, Elem: 4, Data: checks},
	}), nil
}

// trendSections are the lists by country, and those of settings with more to them where there are any.
func (b *Build) trendSections(n int) (list []snapshot.Section, err error) {
	var all trends
	for _, kind := range []struct {
		lists, hits string
		flags       snapshot.Flag
		among       func(edged.Setting) bool
	}{
		{secTrendLists, secTrendHits, snapshot.Critical | snapshot.Hot, byCountry},
		{secSettingLists, secSettingHits, snapshot.Hot, edged.Setting.Refined},
	} {
		lists, hits, err := b.encodeTrends(kind.among)
		if err == nil {
			err = all.read(lists, hits, n, kind.among)
		}
		if err == nil && len(lists) > maxMeta {
			err = fmt.Errorf("%s: the names of %d settings take %d bytes, at most %d", kind.lists, len(b.Trends), len(lists), maxMeta)
		}
		if err != nil {
			return nil, err
		}
		if len(hits) == 0 && kind.flags&snapshot.Critical == 0 {
			continue
		}
		list = append(list, snapshot.Section{Name: kind.lists, Flags: kind.flags, Elem: 1, Data: lists},
			snapshot.Section{Name: kind.hits, Flags: kind.flags, Elem: hitSize, Data: hits})
	}
	return list, nil
}

// WriteCatalogue writes the catalogue snapshot of the same rows.
func (b *Build) WriteCatalogue(w io.Writer) error {
	list, err := b.catalogueSections()
	if err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	if _, err := snapshot.Write(w, CatalogueKind, list); err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	return nil
}

func (b *Build) catalogueSections() ([]snapshot.Section, error) {
	_, meta, err := b.complete()
	if err != nil {
		return nil, err
	}
	for i := range b.Items {
		if b.Items[i].ID != b.IDs[i] {
			return nil, fmt.Errorf("items: entry %d is %q, want row %d, %q", i, b.Items[i].ID, i, b.IDs[i])
		}
	}
	cm := catalogueMeta{Format: catalogueFormat, Rows: meta.Rows, Items: meta.Items, Fields: []string{}}
	var columns []snapshot.Section
	for _, f := range fields {
		offs, values, err := f.encodeColumn(b.Items)
		if err != nil {
			return nil, err
		}
		if values == nil {
			continue
		}
		c := columnOf(f.name)
		cm.Fields = append(cm.Fields, f.name)
		columns = append(columns, snapshot.Section{Name: c.offs, Elem: 4, Data: snapshot.Bytes(offs)},
			snapshot.Section{Name: c.values, Elem: 1, Data: values})
	}
	filters, postings, err := b.filterSections()
	if err != nil {
		return nil, err
	}
	folded, err := b.foldedSection()
	if err != nil {
		return nil, err
	}
	cm.Filters, columns = filters, slices.Concat(columns, postings, folded)
	text, err := json.Marshal(cm)
	if err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	const hot = snapshot.Critical | snapshot.Hot
	return append([]snapshot.Section{
		{Name: secMeta, Flags: hot, Elem: 1, Data: text},
		{Name: secAvailable, Flags: hot, Elem: 8, Data: snapshot.Bytes(b.availableBits())},
		{Name: secExpires, Flags: hot, Elem: expirySize, Data: b.expirySection()},
	}, columns...), nil
}

// availableBits sets the bit of every row not said to be unavailable.
func (b *Build) availableBits() []uint64 {
	bits := make([]uint64, (len(b.IDs)+63)/64)
	for i := range b.IDs {
		if b.Items == nil || b.Items[i].Available == nil || *b.Items[i].Available {
			bits[i/64] |= 1 << (i % 64)
		}
	}
	return bits
}

func (b *Build) expirySection() []byte {
	var list []Expiry
	for i := range b.Items {
		if t := b.Items[i].Expires; t > 0 {
			list = append(list, Expiry{t, edged.Row(i)})
		}
	}
	slices.SortFunc(list, func(a, b Expiry) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Row, b.Row)) })
	var out []byte
	for _, e := range list {
		out = binary.LittleEndian.AppendUint64(out, uint64(e.Time))
		out = binary.LittleEndian.AppendUint32(out, uint32(e.Row))
		out = binary.LittleEndian.AppendUint32(out, 0)
	}
	return out
}
