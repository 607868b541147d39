package rules

import (
	"slices"
	"testing"
	"time"
)

// TestCases: each slot is a case, and each rule that can still hold has one for which it does.
func TestCases(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC) // a Wednesday
	s, faults := Compile([]byte(`rules:
- {name: always, boost: {item: a, by: 2}}
- {name: slots, when: {slot: [hero, home]}, cap: {brand: 2}}
- {name: more, when: {slot: home, country: [IE, GB], device: phone, segment: new}, only: {item: a}}
- {name: over, when: {until: 2026-11-25}, only: {item: a}}
- {name: later, when: {from: 2026-12-24, country: GB}, only: {item: a}}
- {name: friday, when: {days: fri, hours: "18:00-02:00", zone: Europe/London}, only: {item: a}}
- {name: never, when: {days: fri, until: 2026-11-26}, only: {item: a}}
- {name: again, when: {slot: hero}, only: {item: b}}
`), shop{})
	if s == nil {
		t.Fatal(faults)
	}
	want := []string{
		"in the slot (none), at 2026-11-25T09:30:00Z",
		"in the slot hero, at 2026-11-25T09:30:00Z",
		"in the slot home, at 2026-11-25T09:30:00Z",
		"in the slot home, country GB, device phone, segment new, at 2026-11-25T09:30:00Z",
		"in the slot (none), country GB, at 2026-12-24T00:00:00Z",
		"in the slot (none), at 2026-11-27T18:00:00Z",
	}
	var got []string
	var plan Plan
	held := map[string]bool{}
	for _, c := range s.Cases(now, 100) {
		got = append(got, c.String())
		s.Match(&plan, &c)
		for _, name := range plan.AppendNames(nil) {
			held[name] = true
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	for _, name := range []string{"always", "slots", "more", "later", "friday", "again"} {
		if !held[name] {
			t.Errorf("%s holds for no case", name)
		}
	}
	if few := s.Cases(now, 2); len(few) != 2 {
		t.Errorf("%d, want 2", len(few))
	}
}
