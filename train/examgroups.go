package train

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/eval"
)

// Dimensions of groups.
const (
	countryDimension = "country"
	historyDimension = "history"
	sessionDimension = "session"
)

// groupedCountries is how many countries get a row of their own, those with most questions; the rest share one.
const groupedCountries = 15

// groupByCountry tells questions apart by country, where anything is known of that.
func (x *exam) groupByCountry(places []edged.Setting) {
	counts := make(map[string]int)
	for i := range x.questions {
		counts[places[x.questions[i].place].Country]++
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	name := make(map[string]string, len(order))
	for at, country := range order {
		switch {
		case country == "":
			name[country] = "not said"
		case at >= groupedCountries:
			name[country] = "other"
		default:
			name[country] = country
		}
	}
	if len(order) == 0 || len(order) == 1 && order[0] == "" {
		return
	}
	x.groupBy(countryDimension, func(q *question) string { return name[places[q.place].Country] })
}

// activityBands are lower ends: how many distinct items a history has.
var activityBands = []int{1, 3, 10, 30, 100}

// groupByActivity tells questions apart by what is known of the user.
func (x *exam) groupByActivity(size func(q *question) int) {
	x.groupInBands(historyDimension, activityBands, "items", size)
}

// groupInBands puts numbers into bands, named "3–9 items".
func (x *exam) groupInBands(dimension string, bands []int, unit string, size func(q *question) int) {
	names := make([]string, len(bands)+1)
	names[0] = "no " + unit
	for b, from := range bands {
		switch {
		case b+1 == len(bands):
			names[b+1] = fmt.Sprintf("%d or more %s", from, unit)
		case bands[b+1] == from+1:
			names[b+1] = fmt.Sprintf("%d %s", from, unit)
		default:
			names[b+1] = fmt.Sprintf("%d–%d %s", from, bands[b+1]-1, unit)
		}
	}
	for _, name := range names { // in order of size
		x.groups = append(x.groups, eval.Group{Dimension: dimension, Name: name})
	}
	x.groupBy(dimension, func(q *question) string {
		n, b := size(q), 0
		for b < len(bands) && n >= bands[b] {
			b++
		}
		return names[b]
	})
}

func (x *exam) groupBy(dimension string, name func(q *question) string) {
	number := make(map[string]uint16)
	for g, known := range x.groups {
		if known.Dimension == dimension {
			number[known.Name] = uint16(g)
		}
	}
	for i := range x.questions {
		q := &x.questions[i]
		n := name(q)
		g, ok := number[n]
		if !ok {
			g = uint16(len(x.groups))
			number[n] = g
			x.groups = append(x.groups, eval.Group{Dimension: dimension, Name: n})
		}
		q.groups = append(slices.Clip(q.groups), g)
	}
}
