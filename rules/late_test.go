package rules

import (
	"slices"
	"testing"

	"github.com/edged/edged"
)

// A list whose time is up is varied as far as it had come; what follows keeps its order, and as many items come.
func TestVarietyEndsInTime(t *testing.T) {
	var p Plan
	var list []Item
	for i := range 30 {
		list = append(list, Item{Row: edged.Row(i * 5 % 31), Tier: uint8(i / 15), Score: float32(40 - i)})
	}
	apply := func(diversity float32, late func() bool) (rows []edged.Row) {
		(*Set)(nil).Match(&p, &Context{})
		p.Add(&Wish{Diversity: diversity, Explore: -1})
		for _, it := range p.Apply(list, 25, &Scope{Alike: new(plainNear), Late: late}) {
			rows = append(rows, it.Row)
		}
		return rows
	}
	varied, plain := apply(.6, nil), apply(0, nil)
	if slices.Equal(varied, plain) {
		t.Fatal("nothing was varied")
	}
	for in := range 25 {
		looks := 0
		got := apply(.6, func() bool { looks++; return looks > in })
		want := slices.Clone(varied[:in+1])
		for _, it := range list {
			if !slices.Contains(want, it.Row) && len(want) < 25 {
				want = append(want, it.Row)
			}
		}
		if !slices.Equal(got, want) || looks != in+1 {
			t.Errorf("in time for %d: %v after %d looks\nwant %v", in, got, looks, want)
		}
	}
}
