package model

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

const hitSize = 8

// hits is a list of rows with a score each.
type hits struct {
	rows   []edged.Row
	scores []float32
}

// Trend is what was trending in a setting (the empty one is everywhere), in any order: it is stored best first, equal scores by row.
type Trend struct {
	Setting edged.Setting
	Rows    []edged.Row
	Scores  []float32
}

func appendHit(dst []byte, row edged.Row, score float32) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(row))
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(score))
}

func readHit(b []byte) index.Hit {
	return index.Hit{
		Row:   edged.Row(binary.LittleEndian.Uint32(b)),
		Score: math.Float32frombits(binary.LittleEndian.Uint32(b[4:])),
	}
}

func finite(x float32) bool { return x-x == 0 }

func sortHits(list []index.Hit) {
	slices.SortFunc(list, func(a, b index.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
	})
}

// checkHits checks a best-first list over n rows.
func checkHits(list []index.Hit, n int) error {
	for i, h := range list {
		if uint64(h.Row) >= uint64(n) {
			return fmt.Errorf("entry %d: row %d of %d", i, h.Row, n)
		}
		if !finite(h.Score) {
			return fmt.Errorf("entry %d: score %g", i, h.Score)
		}
		if i > 0 && !list[i-1].Before(h) {
			return fmt.Errorf("entry %d (row %d, %g): out of order behind row %d, %g", i, h.Row, h.Score, list[i-1].Row, list[i-1].Score)
		}
	}
	return checkDistinct(list)
}

func checkDistinct(list []index.Hit) error {
	rows := make([]edged.Row, len(list))
	for i, h := range list {
		rows[i] = h.Row
	}
	slices.Sort(rows)
	for i := 1; i < len(rows); i++ {
		if rows[i] == rows[i-1] {
			return fmt.Errorf("row %d twice", rows[i])
		}
	}
	return nil
}

type trendEntry struct {
	edged.Setting
	Hits int `json:"hits"`
}

// trends are lists by their setting.
type trends struct {
	lists map[edged.Setting]hits
	by    int // the parts of settings that any list goes by
}

// byCountry reports whether a list stands in the sections of countries. What more there is to a setting stands in others, which nodes of before
// don't read.
func byCountry(s edged.Setting) bool { return !s.Refined() }

// encodeTrends returns the sections of lists and hits of the settings that are among.
func (b *Build) encodeTrends(among func(edged.Setting) bool) (lists, all []byte, err error) {
	trends, like := slices.Clone(b.Trends), b.earlier()
	slices.SortFunc(trends, func(a, b Trend) int { return a.Setting.Compare(b.Setting) })
	entries := make([]trendEntry, 0, len(trends))
	for _, t := range trends {
		if !among(t.Setting) {
			continue
		}
		if len(t.Rows) != len(t.Scores) {
			return nil, nil, fmt.Errorf("trend %s: %d rows, %d scores", t.Setting, len(t.Rows), len(t.Scores))
		}
		entries = append(entries, trendEntry{t.Setting, len(t.Rows)})
		for _, h := range like.trendHits(t) {
			all = appendHit(all, h.Row, h.Score)
		}
	}
	lists, err = json.Marshal(entries)
	return lists, all, err
}

// read adds the lists over n rows of two sections, which are in order of their settings and all among those.
func (t *trends) read(lists, all []byte, n int, among func(edged.Setting) bool) error {
	var entries []trendEntry
	if err := json.Unmarshal(lists, &entries); err != nil {
		return fmt.Errorf("trend.lists: %w", err)
	}
	if len(entries)+len(t.lists) > MaxTrends {
		return fmt.Errorf("trend.lists: %d lists, at most %d", len(entries)+len(t.lists), MaxTrends)
	}
	if t.lists == nil {
		t.lists = make(map[edged.Setting]hits, len(entries))
	}
	for i, e := range entries {
		if i > 0 && e.Setting.Compare(entries[i-1].Setting) <= 0 {
			return fmt.Errorf("trend.lists: %s does not come after %s", e.Setting, entries[i-1].Setting)
		}
		if !among(e.Setting) {
			return fmt.Errorf("trend.lists: %s is in the wrong section", e.Setting)
		}
		if e.Hits < 0 || e.Hits > MaxTrend || e.Hits*hitSize > len(all) {
			return fmt.Errorf("trend.lists: %d entries for %s, at most %d and what trend.hits holds", e.Hits, e.Setting, MaxTrend)
		}
		list, err := decodeHits(all[:e.Hits*hitSize], n)
		if err != nil {
			return fmt.Errorf("trend.hits: %s: %w", e.Setting, err)
		}
		t.lists[e.Setting], all = list, all[e.Hits*hitSize:]
		t.by |= e.Setting.Known()
	}
	if len(all) > 0 {
		return fmt.Errorf("trend.hits: %d bytes that no list claims", len(all))
	}
	return nil
}

func decodeHits(b []byte, n int) (hits, error) {
	list := make([]index.Hit, len(b)/hitSize)
	var out hits
	for i := range list {
		list[i] = readHit(b[i*hitSize:])
		out.rows = append(out.rows, list[i].Row)
		out.scores = append(out.scores, list[i].Score)
	}
	return out, checkHits(list, n)
}

// popularOrder returns all rows, popularity falling, equals by row.
func popularOrder(popularity []float32) []edged.Row {
	order := make([]edged.Row, len(popularity))
	for i := range order {
		order[i] = edged.Row(i)
	}
	slices.SortFunc(order, func(a, b edged.Row) int {
		if (index.Hit{Row: a, Score: popularity[a]}).Before(index.Hit{Row: b, Score: popularity[b]}) {
			return -1
		}
		return 1
	})
	return order
}

// checkPopular checks that order is popularOrder(popularity). A strictly falling order cannot hold a row twice.
func checkPopular(popularity []float32, order []edged.Row) error {
	for i, p := range popularity {
		if !(p >= 0 && finite(p)) {
			return fmt.Errorf("pop.score: %g of row %d", p, i)
		}
	}
	for i, row := range order {
		if uint64(row) >= uint64(len(popularity)) {
			return fmt.Errorf("pop.order: entry %d: row %d of %d", i, row, len(popularity))
		}
		if i > 0 && !(index.Hit{Row: order[i-1], Score: popularity[order[i-1]]}).Before(index.Hit{Row: row, Score: popularity[row]}) {
			return fmt.Errorf("pop.order: entry %d (row %d): out of order", i, row)
		}
	}
	return nil
}
