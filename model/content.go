package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/edged/edged"
	"github.com/edged/edged/quant"
	"github.com/edged/edged/snapshot"
)

// Content is a map from what items say of themselves to vectors: that of an item is Σ_f c_f W_f over its features, with
//
//	c_f = (1 + ln count_f) · rarity_f, all divided by their length
//
// over the features the map knows. rank's searches find new items by it.
type Content struct {
	Features []string  // strictly ascending (bytewise)
	Rarity   []float32 // ln(1 + items/items with the feature)
	Vectors  []float32 // W: Dim numbers a feature
}

const (
	maxFeatures    = 1 << 20
	maxFeatureName = 4096
)

// contentNames are the sections of a content map.
var contentNames = struct{ offs, text, rarity, codes, scales string }{"words.offs", "words.text", "words.rarity", "words.codes", "words.scales"}

func contentSections() []string {
	n := contentNames
	return []string{n.offs, n.text, n.rarity, n.codes, n.scales}
}

// encodeContent returns the sections of a build's content map: none where it has none.
func (b *Build) encodeContent() ([]snapshot.Section, error) {
	if b.ContentOf != nil {
		return b.ContentOf.content.sections()
	}
	c := b.Content
	if c == nil || len(c.Features) == 0 {
		return nil, nil
	}
	n := len(c.Features)
	if n > maxFeatures || len(c.Rarity) != n || len(c.Vectors) != n*b.Meta.Dim || !slices.IsSorted(c.Features) {
		return nil, fmt.Errorf("content: %d features, %d rarities, %d numbers of %d dimensions, or not in order", n, len(c.Rarity), len(c.Vectors), b.Meta.Dim)
	}
	offs := []uint32{0}
	var text []byte
	for _, name := range c.Features {
		text = append(text, name...)
		offs = append(offs, uint32(len(text)))
	}
	rows, err := quant.Encode(c.Vectors, b.Meta.Dim)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	return []snapshot.Section{
		{Name: contentNames.offs, Elem: 4, Data: snapshot.Bytes(offs)}, {Name: contentNames.text, Elem: 1, Data: text},
		{Name: contentNames.rarity, Elem: 4, Data: snapshot.Bytes(c.Rarity)}, {Name: contentNames.codes, Elem: 1, Data: snapshot.Bytes(rows.Codes)},
		{Name: contentNames.scales, Elem: 4, Data: snapshot.Bytes(rows.Scales)},
	}, nil
}

// sections are the bytes of a content map as they lie in its release.
func (c *content) sections() (list []snapshot.Section, err error) {
	if c == nil {
		return nil, nil
	}
	elems := map[string]uint32{contentNames.offs: 4, contentNames.rarity: 4, contentNames.scales: 4}
	for _, name := range contentSections() {
		size, _ := c.file.Len(name)
		b, err := c.file.ReadAt(nil, name, 0, size)
		if err != nil {
			return nil, fmt.Errorf("content: %s: %w", name, err)
		}
		list = append(list, snapshot.Section{Name: name, Elem: max(1, elems[name]), Data: b})
	}
	return list, nil
}

// content is a Content in the mapped file: it is read only when new items come.
type content struct {
	file   *snapshot.File
	dim    int
	offs   []uint32
	rarity []float32
	number func() map[string]int // of features, made when it is asked for first
}

// openContent reads a content map's tables once. A release need not have one.
func (m *Model) openContent(sec *sections) error {
	f, n := sec.file, contentNames
	size, ok := f.Len(n.offs)
	if !ok || size == 0 {
		return nil
	}
	count := size/4 - 1
	c := &content{file: f, dim: m.meta.Dim}
	for _, s := range []struct {
		name string
		size int
	}{{n.offs, 4 * (count + 1)}, {n.rarity, 4 * count}, {n.codes, count * quant.Stride(c.dim)}, {n.scales, 4 * count}} {
		if got, ok := f.Len(s.name); !ok || got != s.size || count < 1 || count > maxFeatures {
			return fmt.Errorf("%s: %d bytes, want %d for %d features", s.name, got, s.size, count)
		}
	}
	offs, err := f.ReadAt(nil, n.offs, 0, size)
	rarity, err2 := f.ReadAt(nil, n.rarity, 0, 4*count)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	for ; len(offs) > 0; offs = offs[4:] {
		c.offs = append(c.offs, binary.LittleEndian.Uint32(offs))
	}
	for ; len(rarity) > 0; rarity = rarity[4:] {
		c.rarity = append(c.rarity, math.Float32frombits(binary.LittleEndian.Uint32(rarity)))
	}
	if err := c.check(); err != nil {
		return err
	}
	c.number = sync.OnceValue(c.numbers)
	m.content = c
	return nil
}

// check makes every later use safe.
func (c *content) check() error {
	text, ok := c.file.Len(contentNames.text)
	if !ok {
		return fmt.Errorf("%s: missing", contentNames.text)
	}
	if err := checkOffsets(c.offs, text); err != nil {
		return fmt.Errorf("%s: %w", contentNames.offs, err)
	}
	before := ""
	for i := range c.len() {
		name, err := c.name(i)
		if err != nil {
			return err
		}
		if i > 0 && name <= before || len(name) == 0 || len(name) > maxFeatureName {
			return fmt.Errorf("%s: feature %d, of %d bytes, is out of order", contentNames.text, i, len(name))
		}
		if r := c.rarity[i]; !(r > 0 && r < 100) {
			return fmt.Errorf("%s: feature %d: %g", contentNames.rarity, i, r)
		}
		if _, scale, err := c.row(nil, i); err != nil || !(scale >= 0 && scale < vast32) {
			return fmt.Errorf("%s: feature %d: scale %g: %w", contentNames.scales, i, scale, err)
		}
		before = name
	}
	return nil
}

const vast32 = 1e30

func (c *content) len() int { return len(c.rarity) }

func (c *content) name(i int) (string, error) {
	from, to := int(c.offs[i]), int(c.offs[i+1])
	b, err := c.file.ReadAt(nil, contentNames.text, from, to-from)
	return string(b), err
}

// numbers are those of the features, by name.
func (c *content) numbers() map[string]int {
	list := make(map[string]int, c.len())
	for i := range c.len() {
		if name, err := c.name(i); err == nil { // else the file was cut under the map, which whoever reads vectors is told
			list[name] = i
		}
	}
	return list
}

// row returns a feature's vector as codes and a scale.
func (c *content) row(buf []byte, i int) (codes []int8, scale float32, err error) {
	stride := quant.Stride(c.dim)
	b, err := c.file.ReadAt(buf[:0], contentNames.codes, i*stride, stride)
	if err != nil {
		return nil, 0, err
	}
	for _, x := range b {
		codes = append(codes, int8(x))
	}
	if b, err = c.file.ReadAt(b[:0], contentNames.scales, 4*i, 4); err != nil {
		return nil, 0, err
	}
	return codes, math.Float32frombits(binary.LittleEndian.Uint32(b)), nil
}

// MapsContent reports whether new items have vectors: the release carries a content map.
func (m *Model) MapsContent() bool { return m.content != nil }

// AppendContent appends the vector that an item's features map to, zeros where the release has no map or knows none of them.
func (m *Model) AppendContent(dst []float32, it *edged.Item) ([]float32, error) {
	sum := make([]float64, quant.Stride(m.Dim()))
	if m.content == nil {
		return append(dst, make([]float32, m.Dim())...), nil
	}
	numbers := m.content.number()
	counts := map[string]int{}
	EachFeature(it, func(name string) { counts[name]++ })
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names) // sums are the same on every node
	squares := 0.0
	for _, name := range names {
		i, ok := numbers[name]
		if !ok {
			continue
		}
		codes, scale, err := m.content.row(nil, i)
		if err != nil {
			return dst, err
		}
		weight := (1 + math.Log(float64(counts[name]))) * float64(m.content.rarity[i])
		squares += float64(weight * weight)
		for k, code := range codes {
			sum[k] += float64(weight * float64(float64(scale)*float64(code)))
		}
	}
	length := math.Sqrt(max(squares, 1e-30))
	for _, x := range sum[:m.Dim()] {
		dst = append(dst, float32(x/length))
	}
	return dst, nil
}
