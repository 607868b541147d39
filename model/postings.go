package model

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/edged/edged"
	"github.com/edged/edged/snapshot"
)

// Limits of what filters know.
const (
	maxTerms = 1 << 26   // of all fields
	maxHot   = 1<<31 - 8 // bytes of a section
)

// Forms of a posting: the rows that have a term. The writer takes the one that needs the least memory.
const (
	formList    = iota // rows, ascending
	formBits           // a bitmap of all rows
	formRoaring        // a Roaring bitmap of arrays and bitmaps
	formCount
)

const (
	formShift = 30 // an entry of term.posts: the form above, the number of rows below
	countMask = 1<<formShift - 1
)

// terms are texts and, for each, the rows that have it.
type terms struct {
	text  string
	offs  []uint32 // of text
	posts []uint32
	at    []uint32 // where the rows of a term begin: an index into lists, bits or roars
	lists []edged.Row
	bits  []uint64
	roars []roaring.Bitmap
	words int // of one bitmap
}

func (t *terms) name(i int) string { return t.text[t.offs[i]:t.offs[i+1]] }

// count returns how many rows have a term.
func (t *terms) count(i int) int { return int(t.posts[i] & countMask) }

func (t *terms) form(i int) int { return int(t.posts[i] >> formShift) }

func (t *terms) list(i int) []edged.Row { return t.lists[t.at[i]:][:t.count(i)] }

func (t *terms) bitmap(i int) []uint64 { return t.bits[int(t.at[i])*t.words:][:t.words] }

func (t *terms) roaring(i int) *roaring.Bitmap { return &t.roars[t.at[i]] }

// find returns the term of a text inside a span, −1 where there is none.
func (t *terms) find(s span, text string) int {
	i := s.from + sort.Search(s.to-s.from, func(i int) bool { return t.name(s.from+i) >= text })
	if i < s.to && t.name(i) == text {
		return i
	}
	return -1
}

// open reads the sections of so many terms over n rows.
func (t *terms) open(sec *sections, count, n int) error {
	text := sec.bytes(secTermText, maxHot)
	t.text = unsafe.String(unsafe.SliceData(text), len(text)) // hot bytes never change
	t.offs = snapshot.U32s(sec.exact(secTermOffs, 4*(count+1)))
	t.posts = snapshot.U32s(sec.exact(secTermPosts, 4*count))
	t.lists = snapshot.View[edged.Row](sec.bytes(secPostRows, maxHot))
	t.bits = snapshot.View[uint64](sec.bytes(secPostBits, maxHot))
	packed := sec.bytes(secPostRoaring, maxHot)
	if sec.err != nil {
		return sec.err
	}
	if err := checkOffsets(t.offs, len(t.text)); err != nil {
		return fmt.Errorf("%s: %w", secTermOffs, err)
	}
	return t.openPosts(packed, n)
}

// openPosts goes through all postings and checks each.
func (t *terms) openPosts(packed []byte, n int) error {
	t.words = (n + 63) / 64
	t.at = make([]uint32, len(t.posts))
	lists, bitmaps := 0, 0
	t.roars = make([]roaring.Bitmap, t.countForm(formRoaring))
	roars := 0
	for i := range t.posts {
		count := t.count(i)
		if count < 1 || count > n || t.form(i) >= formCount {
			return fmt.Errorf("%s: term %d: %d of %d rows, form %d", secTermPosts, i, count, n, t.form(i))
		}
		var err error
		switch t.form(i) {
		case formList:
			if count > len(t.lists)-lists {
				return fmt.Errorf("%s: %d entries, term %d wants %d behind %d", secPostRows, len(t.lists), i, count, lists)
			}
			t.at[i] = uint32(lists)
			lists += count
			err = checkAscending(t.list(i), n)
		case formBits:
			if t.words > len(t.bits)-bitmaps*t.words {
				return fmt.Errorf("%s: %d words, term %d wants %d behind %d", secPostBits, len(t.bits), i, t.words, bitmaps*t.words)
			}
			t.at[i] = uint32(bitmaps)
			bitmaps++
			err = checkBitmap(t.bitmap(i), n, count)
		case formRoaring:
			t.at[i] = uint32(roars)
			var size int
			if size, err = openRoaring(&t.roars[roars], packed, n, count); err == nil {
				packed = packed[size:]
			}
			roars++
		}
		if err != nil {
			return fmt.Errorf("rows of term %d: %w", i, err)
		}
	}
	if lists != len(t.lists) || bitmaps*t.words != len(t.bits) || len(packed) > 0 {
		return fmt.Errorf("%s, %s, %s: rows that no term claims", secPostRows, secPostBits, secPostRoaring)
	}
	return nil
}

func (t *terms) countForm(form int) (count int) {
	for i := range t.posts {
		if t.form(i) == form {
			count++
		}
	}
	return count
}

func checkBitmap(b []uint64, n, count int) error {
	if n%64 != 0 && b[n/64]>>(n%64) != 0 {
		return fmt.Errorf("bits behind row %d", n-1)
	}
	if got := onesIn(b); got != count {
		return fmt.Errorf("%d bits, want %d", got, count)
	}
	return nil
}

// openRoaring makes b a view of the Roaring bitmap at the beginning of packed and returns its size. The library reads
// hostile bytes without harm but makes no sense of them until Validate has said so. Bitmaps with runs are refused
// unread: none is ever written, and the time Validate takes for them grows with the square of the runs.
func openRoaring(b *roaring.Bitmap, packed []byte, n, count int) (int, error) {
	size, err := b.FromBuffer(packed)
	if err != nil {
		return 0, fmt.Errorf("roaring: %w", err)
	}
	if size < 0 || size > int64(len(packed)) || b.HasRunCompression() {
		return 0, fmt.Errorf("roaring: %d of %d bytes, or holds runs", size, len(packed))
	}
	if err := b.Validate(); err != nil {
		return 0, fmt.Errorf("roaring: %w", err)
	}
	if got := b.GetCardinality(); got != uint64(count) || uint64(b.Maximum()) >= uint64(n) {
		return 0, fmt.Errorf("roaring: %d rows, want %d, all below %d", got, count, n)
	}
	return int(size), nil
}

// checkOrder checks that the texts from … to ascend and are UTF-8.
func (t *terms) checkOrder(from, to int) error {
	for i := from; i < to; i++ {
		if !utf8.ValidString(t.name(i)) {
			return fmt.Errorf("term %d is not UTF-8", i)
		}
		if i > from && strings.Compare(t.name(i-1), t.name(i)) >= 0 {
			return fmt.Errorf("term %d, %q, does not come after %q", i, t.name(i), t.name(i-1))
		}
	}
	return nil
}
