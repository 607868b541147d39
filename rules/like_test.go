package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edged/edged"
)

const likeDocument = `rules:
- {name: a, exclude: {brand: b1}, boost: [{where: 'price > 20', by: 2}, {tag: sale, by: 1.5}], cap: {category: 2}}
- {name: b, only: {category: home}, bury: {where: 'price < 5'}}
- {name: c, pin: {item: i105}, boost: {item: [i3, i103], by: 3}}
`

// What is compiled by what was compiled before says of every row what is compiled anew.
func TestFor(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	before := stock(100)
	like, faults := Compile([]byte(likeDocument), before)
	if Failed(faults) {
		t.Fatal(faults)
	}
	for range 50 {
		now := append(slices.Clone(before), stock(100 + rng.IntN(10))[100:]...)
		var changed []edged.Row
		for _, row := range rng.Perm(100)[:rng.IntN(20)] {
			now[row].Price = float64(rng.IntN(50))
			changed = append(changed, edged.Row(row))
		}
		got, gotFaults := like.For(now, changed)
		want, wantFaults := Compile([]byte(likeDocument), now)
		if fmt.Sprint(gotFaults) != fmt.Sprint(wantFaults) || !slices.Equal(got.choices.counts, want.choices.counts) {
			t.Fatalf("faults %v, want %v; counts %v, want %v", gotFaults, wantFaults, got.choices.counts, want.choices.counts)
		}
		for row := range edged.Row(len(now)) {
			if !slices.Equal(got.choices.of(got.choices.class(row)), want.choices.of(want.choices.class(row))) {
				t.Fatalf("row %d: choices %v, want %v", row, got.choices.of(got.choices.class(row)), want.choices.of(want.choices.class(row)))
			}
			c, b := got.choices.groups.of(row)
			wantC, wantB := want.choices.groups.of(row)
			if c != wantC || b != wantB {
				t.Fatalf("row %d: groups %d and %d, want %d and %d", row, c, b, wantC, wantB)
			}
		}
		if fmt.Sprint(got.rules[2].pins) != fmt.Sprint(want.rules[2].pins) {
			t.Fatalf("pins %v, want %v", got.rules[2].pins, want.rules[2].pins)
		}
	}
}
