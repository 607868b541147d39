package publish

import (
	"encoding/json"
	"sort"
	"strings"

	"github.com/edged/edged"
	"github.com/edged/edged/release"
	"github.com/edged/edged/snapshot"
)

// relation says which rows of the release before are the items of the new one. It looks at the few sections it has to know
// (model/FORMAT.md) and goes by the sizes of the others: what it gets wrong costs bytes on the wire, never correctness.
type relation struct {
	row   []int64 // new row → old row, −1: a new item
	place []int64 // new place → old place
	old   int64   // rows before
}

// nowhere is what a unit resembles that resembles nothing.
const nowhere = -1

// relateRows matches rows by item id. Without ids in both files there is nothing to go by.
func relateRows(now, before *snapshot.File) relation {
	was, is := itemIDs(before), itemIDs(now)
	at := make(map[string]int64, len(was))
	for i, id := range was {
		at[id] = int64(i)
	}
	r := relation{row: make([]int64, len(is)), place: make([]int64, len(is)), old: int64(len(was))}
	for i, id := range is {
		r.row[i] = nowhere
		if old, ok := at[id]; ok {
			r.row[i] = old
		}
	}
	order, places := numbers(now, "vec.order"), numbers(before, "vec.place")
	for p := range r.place {
		r.place[p] = nowhere
		if p < len(order) && int(order[p]) < len(r.row) {
			if old := r.row[order[p]]; old >= 0 && old < int64(len(places)) {
				r.place[p] = int64(places[old])
			}
		}
	}
	return r
}

func itemIDs(f *snapshot.File) []string {
	offs, text := numbers(f, "ids.offs"), content(f, "ids.text")
	var list []string
	for i := 1; i < len(offs); i++ {
		if offs[i-1] > offs[i] || int(offs[i]) > len(text) {
			return nil
		}
		list = append(list, string(text[offs[i-1]:offs[i]]))
	}
	return list
}

func content(f *snapshot.File, section string) []byte {
	n, ok := f.Len(section)
	if !ok {
		return nil
	}
	b, err := f.ReadAt(nil, section, 0, n)
	if err != nil {
		return nil
	}
	return b
}

func numbers(f *snapshot.File, section string) []uint32 { return snapshot.U32s(content(f, section)) }

// byPlace are the sections whose rows lie in the order of places.
var byPlace = map[string]bool{"vec.codes": true, "vec.low": true, "vec.scales": true, "vec.order": true}

// rowSize is the number of bytes a section has for each of n items, or the size of its elements.
func rowSize(s snapshot.Section, size, n int64) int {
	if n > 0 && size%n == 0 && size/n%int64(s.Elem) == 0 && size/n <= 64<<10 && s.Name != hits && listsBy[s.Name] == "" {
		return int(size / n)
	}
	return int(s.Elem)
}

// hits is the section of neighbours: lists of a row and a score, sorted by the score.
const hits = "neighbours"

// listsBy are sections of such lists of what is trending, and where it says of which setting each is.
var listsBy = map[string]string{"trend.hits": "trend.lists", "setting.hits": "setting.lists"}

// relate says what of the section before the new one resembles, unit by unit.
func (r *relation) relate(span *release.Span, s snapshot.Section, now, before *snapshot.File) {
	_, size, _ := now.Extent(s.Name)
	off, was, ok := before.Extent(s.Name)
	n := int64(len(r.row))
	if !ok || n == 0 || r.old == 0 {
		return
	}
	span.Base = off
	if int64(span.Unit)*r.old != was {
		span.Unit = int(s.Elem) // no rows, or rows of another size
	}
	unit := int64(span.Unit)
	var from func(int64) int64
	switch {
	case s.Name == hits && was%(8*r.old) == 0:
		from = r.hits(numbers(now, hits), numbers(before, hits), was/8/r.old)
	case listsBy[s.Name] != "":
		from = r.trends(listsOf(now, s.Name), listsOf(before, s.Name))
	case size == n*unit && was == r.old*unit:
		from = at(r.row)
		if byPlace[s.Name] {
			from = at(r.place)
		}
	default:
		from = r.varied(s, now, before)
	}
	if from == nil {
		from = func(i int64) int64 { return i }
	}
	span.Moves = runs(from, size/unit, was/unit)
}

func at(list []int64) func(int64) int64 {
	return func(i int64) int64 { return list[i] }
}

// varied relates sections with rows of varying length, and those that have one number more than items.
func (r *relation) varied(s snapshot.Section, now, before *snapshot.File) func(int64) int64 {
	name, part, ok := cutLast(s.Name)
	if !ok {
		return nil
	}
	is, was := numbers(now, name+".offs"), numbers(before, name+".offs")
	if len(is) != len(r.row)+1 || int64(len(was)) != r.old+1 {
		return nil
	}
	switch {
	case part == "offs":
		return func(i int64) int64 {
			if i == int64(len(r.row)) {
				return r.old
			}
			return r.row[i]
		}
	case part == "rows" || part == "codes":
		return r.entries(is, was, numbers(now, name+".rows"), numbers(before, name+".rows"))
	}
	return r.texts(is, was)
}

func cutLast(name string) (first, last string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}

// texts relates the bytes of a row to those of the same item, from its beginning.
func (r *relation) texts(is, was []uint32) func(int64) int64 {
	row := 0
	return func(i int64) int64 {
		row = rowOf(is, row, i)
		old := r.row[row]
		if old < 0 {
			return nowhere
		}
		if from := int64(was[old]) + i - int64(is[row]); from < int64(was[old+1]) {
			return from
		}
		return nowhere
	}
}

// rowOf is the row that entry i belongs to; near it is looked for first.
func rowOf(offs []uint32, near int, i int64) int {
	if int64(offs[near]) <= i && i < int64(offs[near+1]) {
		return near
	}
	return sort.Search(len(offs)-2, func(r int) bool { return i < int64(offs[r+1]) })
}

// entries relates the entries of a table, which ascend by target inside a row, by target.
func (r *relation) entries(is, was, targets, before []uint32) func(int64) int64 {
	row := 0
	return func(i int64) int64 {
		row = rowOf(is, row, i)
		old := r.row[row]
		if old < 0 || i >= int64(len(targets)) || int(targets[i]) >= len(r.row) || int(was[old+1]) > len(before) || was[old] > was[old+1] {
			return nowhere
		}
		target := r.row[targets[i]]
		list := before[was[old]:was[old+1]]
		k := sort.Search(len(list), func(k int) bool { return int64(list[k]) >= target })
		if k == len(list) || int64(list[k]) != target {
			return nowhere
		}
		return int64(was[old]) + int64(k)
	}
}

// hits relates each neighbour of an item to the same neighbour before, k of which each item had.
func (r *relation) hits(is, was []uint32, k int64) func(int64) int64 {
	n := int64(len(r.row))
	wide := int64(len(is)) / 2 / n
	return func(i int64) int64 {
		old, target := r.row[i/wide], is[2*i]
		if old < 0 || int64(target) >= n || r.row[target] < 0 {
			return nowhere
		}
		for j := old * k; j < (old+1)*k; j++ {
			if int64(was[2*j]) == r.row[target] {
				return j
			}
		}
		return nowhere
	}
}

// trendList is a country's list: rows and scores in turn, and the number of its first entry in the section.
type trendList struct {
	first   int64
	entries []uint32
}

// listsOf are the lists of what is trending, by setting.
func listsOf(f *snapshot.File, section string) map[edged.Setting]trendList {
	var heads []struct {
		edged.Setting
		Hits int64
	}
	if json.Unmarshal(content(f, listsBy[section]), &heads) != nil {
		return nil
	}
	all, first := numbers(f, section), int64(0)
	lists := make(map[edged.Setting]trendList, len(heads))
	for _, h := range heads {
		if h.Hits < 0 || 2*(first+h.Hits) > int64(len(all)) {
			return nil
		}
		lists[h.Setting] = trendList{first, all[2*first : 2*(first+h.Hits)]}
		first += h.Hits
	}
	return lists
}

// trends relates each entry of a list to the same item's in the same setting's list before.
func (r *relation) trends(now, before map[edged.Setting]trendList) func(int64) int64 {
	from := map[int64]int64{}
	for setting, list := range now {
		was := before[setting]
		at := make(map[int64]int64, len(was.entries)/2)
		for i := 0; i < len(was.entries); i += 2 {
			at[int64(was.entries[i])] = was.first + int64(i/2)
		}
		for i := 0; i < len(list.entries); i += 2 {
			if row := int64(list.entries[i]); row < int64(len(r.row)) && r.row[row] >= 0 {
				if old, ok := at[r.row[row]]; ok {
					from[list.first+int64(i/2)] = old
				}
			}
		}
	}
	return func(i int64) int64 {
		if old, ok := from[i]; ok {
			return old
		}
		return nowhere
	}
}

// runs makes moves of what single units resemble. Units beyond size are padding; those that would come from beyond was resemble
// nothing.
func runs(from func(int64) int64, size, was int64) func(dst []release.Move, lo, hi int64) []release.Move {
	return func(dst []release.Move, lo, hi int64) []release.Move {
		for i := lo; i < hi; i++ {
			f := int64(nowhere)
			if i < size {
				f = from(i)
			}
			if f >= was {
				f = nowhere
			}
			if last := len(dst) - 1; last >= 0 && continues(dst[last], f) {
				dst[last].Units++
				continue
			}
			dst = append(dst, release.Move{Units: 1, From: f})
		}
		return dst
	}
}

func continues(m release.Move, from int64) bool {
	if from == nowhere || m.From == nowhere {
		return from == m.From
	}
	return from == m.From+m.Units
}
