package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/snapshot"
)

// Sparse is a matrix of weights in floats: source row i speaks for the rows Item[Start[i]:Start[i+1]], ascending and without i,
// with weights above 0.
type Sparse struct {
	Start  []int // one more than rows
	Item   []uint32
	Weight []float32
	Most   int // entries kept of a row, the heaviest; 0: all
}

// Table is such a matrix as a release holds it: a weight is an 8-bit code times the scale of its row. It takes 5 bytes an
// entry and 8 a row. Tables of up to hotTable bytes are in memory, larger ones stay in the mapped file.
//
// In memory, entries name places of vectors, not rows: what goes with one item has vectors near each other, so that sums by place
// touch a third of the lines of memory that sums by row do.
// A *Table is immutable and may be used by any number of goroutines.
type Table struct {
	file   *snapshot.File
	name   tableNames
	offs   []uint32
	scales []float32
	rows   []edged.Row // while it is written or checked
	places []uint32    // of rows; neither: in the mapped file
	codes  []int8
	order  []edged.Row // place → row
	place  []uint32    // row → place
}

// TableRow is one row of a Table: Rows ascending, the weight of each Codes·Scale, Codes 1 to 127.
type TableRow struct {
	Rows  []edged.Row
	Codes []int8
	Scale float32
}

// PlacedRow is one row of a Table by places of vectors, in the order of TableRow: the weight of each is Codes·Scale.
type PlacedRow struct {
	Places []uint32
	Codes  []int8
	Scale  float32
}

// TableBuffer is memory that Table.Row and Table.Placed read rows into. The zero TableBuffer is ready.
type TableBuffer struct {
	rows  []edged.Row
	codes []int8
}

// room makes room for a row of n entries.
func (b *TableBuffer) room(n int) {
	if cap(b.rows) < n {
		b.rows, b.codes = make([]edged.Row, n, MaxTableRow), make([]int8, n, MaxTableRow)
	}
	b.rows, b.codes = b.rows[:n], b.codes[:n]
}

// Limits of a table.
const (
	MaxTableRow   = 1000     // entries of a row
	hotTable      = 64 << 20 // bytes of entries that are copied to memory at open
	maxTableScale = 1e6      // keeps every score far from float32's end
)

type tableNames struct{ offs, rows, codes, scales string }

var (
	tableSections   = tableNames{"table.offs", "table.rows", "table.codes", "table.scales"}
	sessionSections = tableNames{"session.offs", "session.rows", "session.codes", "session.scales"}
)

func (t tableNames) all() []string { return []string{t.offs, t.rows, t.codes, t.scales} }

// Len returns the number of entries of a row.
func (t *Table) Len(row edged.Row) int { return int(t.offs[row+1] - t.offs[row]) }

// Row returns a row of the table. It is valid until buf is used again, and must not be written to. An error means the
// file was truncated under the map.
func (t *Table) Row(row edged.Row, buf *TableBuffer) (TableRow, error) {
	if int(row) >= len(t.scales) { // of a new item: it has no row
		return TableRow{}, nil
	}
	from, to := int(t.offs[row]), int(t.offs[row+1])
	out := TableRow{Scale: t.scales[row]}
	switch {
	case from == to:
		return out, nil
	case t.rows != nil:
		out.Rows, out.Codes = t.rows[from:to], t.codes[from:to]
		return out, nil
	case t.places != nil:
		buf.room(to - from)
		for i, place := range t.places[from:to] {
			buf.rows[i] = t.order[place]
		}
		out.Rows, out.Codes = buf.rows, t.codes[from:to]
		return out, nil
	}
	if err := t.read(buf, from, to); err != nil {
		return TableRow{}, fmt.Errorf("row %d: %w", row, err)
	}
	out.Rows, out.Codes = buf.rows, buf.codes
	return out, nil
}

// read reads entries of the mapped file.
func (t *Table) read(buf *TableBuffer, from, to int) error {
	n := to - from
	buf.room(n)
	if _, err := t.file.ReadAt(snapshot.Bytes(buf.rows)[:0], t.name.rows, 4*from, 4*n); err != nil {
		return fmt.Errorf("%s: %w", t.name.rows, err)
	}
	if _, err := t.file.ReadAt(snapshot.Bytes(buf.codes)[:0], t.name.codes, from, n); err != nil {
		return fmt.Errorf("%s: %w", t.name.codes, err)
	}
	return nil
}

// Placed is Row by places.
func (t *Table) Placed(row edged.Row, buf *TableBuffer) (PlacedRow, error) {
	if int(row) >= len(t.scales) {
		return PlacedRow{}, nil
	}
	from, to := t.offs[row], t.offs[row+1]
	if t.places != nil {
		return PlacedRow{t.places[from:to], t.codes[from:to], t.scales[row]}, nil
	}
	r, err := t.Row(row, buf)
	if err != nil {
		return PlacedRow{}, err
	}
	places := kernel.Plain(r.Rows)
	for i, to := range places {
		places[i] = t.place[to]
	}
	return PlacedRow{places, r.Codes, r.Scale}, nil
}

// Weight returns the weight of one entry, 0 where there is none. In memory it is looked for where it is: a row of places need not be turned into
// rows for it.
func (t *Table) Weight(row, to edged.Row, buf *TableBuffer) (float64, error) {
	if t.places == nil || int(row) >= len(t.scales) {
		r, err := t.Row(row, buf)
		return r.weight(slices.BinarySearch(r.Rows, to)), err
	}
	from, end := t.offs[row], t.offs[row+1]
	r := TableRow{Codes: t.codes[from:end], Scale: t.scales[row]}
	return r.weight(slices.BinarySearchFunc(t.places[from:end], to, func(place uint32, to edged.Row) int {
		return cmp.Compare(t.order[place], to)
	})), nil
}

// weight is that of the entry found at k.
func (r *TableRow) weight(k int, found bool) float64 {
	if !found {
		return 0
	}
	return float64(r.Scale) * float64(r.Codes[k])
}

// byPlace turns the rows of entries into places, once all was checked.
func (t *Table) byPlace() {
	if t.rows == nil {
		return
	}
	t.places, t.rows = kernel.Plain(t.rows), nil
	for i, row := range t.places {
		t.places[i] = t.place[row]
	}
}

// Fetch has rows that are in memory fetched, so that Placed finds them near the CPU. Where they are is fetched first: it would be waited for row by row.
func (t *Table) Fetch(rows []edged.Row) {
	if t.places == nil {
		return
	}
	kernel.FetchEach(t.offs, rows)
	kernel.FetchEach(t.scales, rows)
	for _, row := range rows {
		if int(row) >= len(t.scales) {
			continue
		}
		from, to := t.offs[row], t.offs[row+1]
		kernel.Fetch(t.places[from:to])
		kernel.Fetch(t.codes[from:to])
	}
}

// Table returns the local ridge table, nil where the release has none.
func (m *Model) Table() *Table { return m.table }

// SessionTable returns the table of what comes next in a session, nil where the release has none.
func (m *Model) SessionTable() *Table { return m.session }

// sections encodes a matrix over n rows and checks what it wrote as Open does.
func (w *Sparse) sections(name tableNames, n int, like *earlier, before *Table) ([]snapshot.Section, int, error) {
	if w == nil || len(w.Item) == 0 {
		return nil, 0, nil
	}
	if err := w.check(n); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name.rows, err)
	}
	t := &Table{name: name, offs: make([]uint32, 1, n+1), scales: make([]float32, n), rows: []edged.Row{}, codes: []int8{}}
	for i := range n {
		list, scale, err := w.candidates(edged.Row(i), like, before)
		if err != nil {
			return nil, 0, err
		}
		t.encode(edged.Row(i), list, scale)
	}
	if uint64(len(t.rows)) > math.MaxUint32 {
		return nil, 0, fmt.Errorf("%s: %d entries, at most %d", name.rows, len(t.rows), uint32(math.MaxUint32))
	}
	if err := t.check(); err != nil {
		return nil, 0, err
	}
	const hot = snapshot.Critical | snapshot.Hot
	flags := snapshot.Flag(hot)
	if 5*len(t.rows) > hotTable {
		flags = snapshot.Critical
	}
	return []snapshot.Section{
		{Name: name.offs, Flags: hot, Elem: 4, Data: snapshot.Bytes(t.offs)},
		{Name: name.scales, Flags: hot, Elem: 4, Data: snapshot.Bytes(t.scales)},
		{Name: name.rows, Flags: flags, Elem: 4, Data: snapshot.Bytes(t.rows)},
		{Name: name.codes, Flags: flags, Elem: 1, Data: snapshot.Bytes(t.codes)},
	}, len(t.rows), nil
}

// check makes the matrix safe to encode; the order of rows and the weights are checked on what was encoded.
func (w *Sparse) check(n int) error {
	if len(w.Start) != n+1 || w.Start[0] != 0 || w.Start[n] != len(w.Item) || len(w.Weight) != len(w.Item) {
		return fmt.Errorf("%d starts, %d items, %d weights for %d rows", len(w.Start), len(w.Item), len(w.Weight), n)
	}
	if !slices.IsSorted(w.Start) {
		return fmt.Errorf("starts that fall")
	}
	for i, x := range w.Weight {
		if !(x > 0 && finite(x)) {
			return fmt.Errorf("weight %g for row %d, want above 0", x, w.Item[i])
		}
	}
	return nil
}

// candidates are what is kept of a row, ascending, and the scale that the earlier table had for it.
func (w *Sparse) candidates(row edged.Row, like *earlier, before *Table) (list []candidate, scale float32, err error) {
	var old TableRow
	if at := like.of(row); at != edged.NoRow && before != nil {
		if old, err = before.Row(at, new(TableBuffer)); err != nil {
			return nil, 0, err
		}
	}
	from, to := w.Start[row], w.Start[row+1]
	for i, item := range w.Item[from:to] {
		c := candidate{edged.Row(item), w.Weight[from+i], unknown}
		if k, ok := slices.BinarySearch(old.Rows, like.of(c.row)); ok {
			c.old = float32(old.Codes[k]) * old.Scale
		}
		list = append(list, c)
	}
	if w.Most > 0 {
		list = cut(list, w.Most)
		slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.row, b.row) })
	}
	return list, old.Scale, nil
}

// encode appends a row. What rounds to 0 is left out.
func (t *Table) encode(row edged.Row, list []candidate, before float32) {
	scale, alike := scaleOf(list, before)
	if scale > 0 { // else nothing is there, or nothing a float32 can tell from 0
		t.scales[row] = scale
	}
	for _, c := range list {
		if scale == 0 {
			break
		}
		if code := codeOf(c, scale, before, alike); code >= 1 {
			t.rows = append(t.rows, c.row)
			t.codes = append(t.codes, code)
		}
	}
	t.offs = append(t.offs, uint32(len(t.rows)))
}

// openTable opens the table of so many entries, nil for none.
func (m *Model) openTable(sec *sections, name tableNames, entries int) (*Table, error) {
	if entries == 0 {
		return nil, nil
	}
	n := m.meta.Items
	t := &Table{
		file: m.model, name: name, order: m.order, place: m.place,
		offs:   snapshot.U32s(sec.exact(name.offs, 4*(n+1))),
		scales: snapshot.F32s(sec.exact(name.scales, 4*n)),
	}
	if sec.err != nil {
		return nil, sec.err
	}
	for _, s := range []struct {
		name string
		elem int
	}{{name.rows, 4}, {name.codes, 1}} {
		if size, ok := m.model.Len(s.name); !ok || size != s.elem*entries {
			return nil, fmt.Errorf("section %s: missing, or %d bytes, want %d", s.name, size, s.elem*entries)
		}
	}
	codes, hot := m.model.Hot(name.codes)
	rows, taken, err := m.model.Take(name.rows)
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", name.rows, err)
	}
	if hot != taken {
		return nil, fmt.Errorf("section %s: hot, unlike %s, or the reverse", name.rows, name.codes)
	}
	if hot {
		t.rows, t.codes = snapshot.View[edged.Row](rows), snapshot.I8s(codes)
	}
	if err := checkOffsets(t.offs, entries); err != nil {
		return nil, fmt.Errorf("%s: %w", name.offs, err)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.byPlace()
	return t, nil
}

// check reads every row once.
func (t *Table) check() error {
	var buf TableBuffer
	n := len(t.scales)
	for row := range edged.Row(n) {
		if size := t.Len(row); size > MaxTableRow {
			return fmt.Errorf("%s: row %d: %d entries, at most %d", t.name.offs, row, size, MaxTableRow)
		}
		r, err := t.Row(row, &buf)
		if err != nil {
			return err
		}
		if err := r.check(row, n); err != nil {
			return fmt.Errorf("%s: row %d: %w", t.name.rows, row, err)
		}
	}
	return nil
}

func (r *TableRow) check(row edged.Row, n int) error {
	if !(r.Scale >= 0 && r.Scale <= maxTableScale) || r.Scale == 0 && len(r.Rows) > 0 {
		return fmt.Errorf("scale %g of %d entries, want above 0 and at most %g", r.Scale, len(r.Rows), float64(maxTableScale))
	}
	for i, to := range r.Rows {
		switch {
		case uint64(to) >= uint64(n):
			return fmt.Errorf("entry %d: row %d of %d", i, to, n)
		case to == row:
			return fmt.Errorf("entry %d: the row itself", i)
		case i > 0 && to <= r.Rows[i-1]:
			return fmt.Errorf("entry %d: row %d does not come after %d", i, to, r.Rows[i-1])
		case r.Codes[i] < 1:
			return fmt.Errorf("entry %d: code %d, want 1 to 127", i, r.Codes[i])
		}
	}
	return nil
}
