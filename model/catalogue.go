package model

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"unicode/utf8"

	"github.com/edged/edged"
	"github.com/edged/edged/snapshot"
)

// Expiry says from when on a row is not recommended any more.
type Expiry struct {
	Time int64 // Unix milliseconds
	Row  edged.Row
}

const expirySize = 16

// catalogue is what is known about the items. The columns stay in the mapped file.
type catalogue struct {
	file      *snapshot.File
	fields    []string
	columns   map[string]column
	available []uint64
	withheld  int // rows whose bit is not set
	expires   []Expiry
	folded    folded

	attributes *Attributes // nil: made before there were filters
}

// column names the two sections of a field.
type column struct{ offs, values string }

func columnOf(field string) column { return column{field + ".offs", field + ".json"} }

// Fields returns the names AppendField knows, in the order they were written.
func (m *Model) Fields() []string { return m.catalogue.fields }

// AppendField appends the JSON value of an item's field to dst. ok is false where the field is unknown or the item has
// none. An error means the file was truncated under the map.
func (m *Model) AppendField(dst []byte, row edged.Row, field string) (out []byte, ok bool, err error) {
	if m.patch != nil {
		if text, differs := m.patch.field(row, field); differs {
			return append(dst, text...), len(text) > 0, nil
		}
	}
	c, ok := m.catalogue.columns[field]
	if !ok {
		return dst, false, nil
	}
	from, to, err := m.catalogue.span(dst, c, row)
	if err != nil || from == to {
		return dst, false, err
	}
	out, err = m.catalogue.file.ReadAt(dst, c.values, from, to-from)
	if err != nil {
		return dst, false, fmt.Errorf("field %s of row %d: %w", field, row, err)
	}
	return out, true, nil
}

// span returns where a row's value lies. It reads by way of the room behind dst.
func (c *catalogue) span(dst []byte, col column, row edged.Row) (from, to int, err error) {
	b, err := c.file.ReadAt(dst, col.offs, 4*int(row), 8)
	if err != nil {
		return 0, 0, fmt.Errorf("%s of row %d: %w", col.offs, row, err)
	}
	b = b[len(dst):]
	return int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:])), nil
}

// Available reports whether the catalogue lets a row be recommended, its expiry aside.
func (m *Model) Available(row edged.Row) bool {
	if m.isNew(row) {
		it := m.fresh(row)
		return it.Available == nil || *it.Available
	}
	return m.catalogue.available[row/64]>>(row%64)&1 != 0
}

// AvailableBits returns Available of all rows of the release: bit row%64 of word row/64.
func (m *Model) AvailableBits() []uint64 { return m.catalogue.available }

// Withheld returns how many rows are not available.
func (m *Model) Withheld() int { return m.catalogue.withheld }

// Expiries returns the rows of the release that expire, soonest first.
func (m *Model) Expiries() []Expiry { return m.catalogue.expires }

func openCatalogue(f *snapshot.File, meta *Meta) (c catalogue, err error) {
	c.file = f
	sec := sections{file: f}
	var cm catalogueMeta
	if err := json.Unmarshal(sec.bytes(secMeta, maxMeta), &cm); err != nil && sec.err == nil {
		return c, fmt.Errorf("meta: %w", err)
	}
	available := sec.exact(secAvailable, 8*((meta.Items+63)/64))
	expires := sec.bytes(secExpires, expirySize*meta.Items)
	if sec.err != nil {
		return c, sec.err
	}
	if err := cm.check(meta); err != nil {
		return c, err
	}
	if err := c.setAvailable(available, meta.Items); err != nil {
		return c, err
	}
	if c.expires, err = decodeExpiries(expires, meta.Items); err != nil {
		return c, err
	}
	if err := c.openAttributes(&sec, cm.Filters, meta.Items); err != nil {
		return c, err
	}
	if err := c.openFolded(&sec); err != nil {
		return c, err
	}
	return c, c.openColumns(cm.Fields, meta.Items)
}

func (c *catalogue) setAvailable(b []byte, n int) error {
	c.withheld = n
	for ; len(b) >= 8; b = b[8:] {
		word := binary.LittleEndian.Uint64(b)
		c.available = append(c.available, word)
		c.withheld -= bits.OnesCount64(word)
	}
	if n%64 != 0 && c.available[n/64]>>(n%64) != 0 {
		return fmt.Errorf("%s: bits behind row %d", secAvailable, n-1)
	}
	return nil
}

func decodeExpiries(b []byte, n int) ([]Expiry, error) {
	if len(b)%expirySize != 0 {
		return nil, fmt.Errorf("%s: %d bytes are no multiple of %d", secExpires, len(b), expirySize)
	}
	list := make([]Expiry, 0, len(b)/expirySize)
	for ; len(b) > 0; b = b[expirySize:] {
		e := Expiry{int64(binary.LittleEndian.Uint64(b)), edged.Row(binary.LittleEndian.Uint32(b[8:]))}
		if e.Time <= 0 || uint64(e.Row) >= uint64(n) || binary.LittleEndian.Uint32(b[12:]) != 0 {
			return nil, fmt.Errorf("%s: entry %d: time %d, row %d of %d", secExpires, len(list), e.Time, e.Row, n)
		}
		if len(list) > 0 && !list[len(list)-1].before(e) {
			return nil, fmt.Errorf("%s: entry %d (row %d): out of order", secExpires, len(list), e.Row)
		}
		list = append(list, e)
	}
	return list, nil
}

func (e Expiry) before(o Expiry) bool { return e.Time < o.Time || e.Time == o.Time && e.Row < o.Row }

func (c *catalogue) openColumns(fields []string, n int) error {
	c.fields, c.columns = fields, make(map[string]column, len(fields))
	var buf []byte
	for _, field := range fields {
		col := columnOf(field)
		if err := c.checkColumn(col, n, &buf); err != nil {
			return err
		}
		c.columns[field] = col
	}
	return nil
}

// checkColumn reads a column once: offsets as FORMAT.md wants them, each value one JSON value.
func (c *catalogue) checkColumn(col column, n int, buf *[]byte) error {
	offsets, ok := c.file.Len(col.offs)
	size, ok2 := c.file.Len(col.values)
	if !ok || !ok2 || offsets != 4*(n+1) {
		return fmt.Errorf("%s, %s: missing, or not %d offsets", col.offs, col.values, n+1)
	}
	end := 0
	for row := range edged.Row(n) {
		from, to, err := c.span((*buf)[:0], col, row)
		if err != nil {
			return err
		}
		if from != end || to < from || to > size || to-from > maxValue {
			return fmt.Errorf("%s: row %d: %d to %d, of %d bytes, the row before ends at %d", col.offs, row, from, to, size, end)
		}
		if end = to; from == to {
			continue
		}
		if *buf, err = c.file.ReadAt((*buf)[:0], col.values, from, to-from); err != nil {
			return fmt.Errorf("%s: row %d: %w", col.values, row, err)
		}
		if !json.Valid(*buf) || !utf8.Valid(*buf) {
			return fmt.Errorf("%s: row %d: not a JSON value", col.values, row)
		}
	}
	if end != size {
		return fmt.Errorf("%s: ends with %d, want %d", col.offs, end, size)
	}
	return nil
}
