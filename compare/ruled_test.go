package compare

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
)

// under is a release with rules.
func under(t *testing.T, r *Release, document string) *Release {
	t.Helper()
	set, faults := rules.Compile([]byte("rules:\n"+document), r.Ranker.Model())
	if set == nil {
		t.Fatal(faults)
	}
	clock := func() time.Time { return time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC) }
	return &Release{Ranker: r.Ranker.WithRules(set).WithClock(clock), Bytes: r.Bytes}
}

// items names some of shop's.
func items(from, to int) string {
	var list []string
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("i%04d", i))
	}
	return "{item: [" + strings.Join(list, ",") + "]}"
}

// TestShort: rules that leave visitors nothing, or next to nothing, are found, wherever and whenever they count; harsh ones that leave whole lists are not, nor
// what was as it is.
func TestShort(t *testing.T) {
	plain := shop(t, 300, 1)
	nobody, few, half, all := "only: {item: nobody}}\n", "only: "+items(0, 3)+"}\n", "exclude: "+items(0, 150)+"}\n", "exclude: "+items(0, 300)+"}\n"
	bad := "- {name: a, when: {slot: hero}, " + nobody
	for _, c := range []struct {
		name        string
		before, now *Release
		want        string // words on the case; empty: nothing is wrong
	}{
		{"only nothing", nil, under(t, plain, "- {name: a, "+nobody), "slot (none)"},
		{"nothing but three", nil, under(t, plain, "- {name: a, "+few), "slot (none)"},
		{"everything is out", plain, under(t, plain, "- {name: a, "+all), "slot (none)"},
		{"in one slot", plain, under(t, plain, "- {name: b, when: {slot: home}, "+half+bad), "slot hero"},
		{"in one country, next month", plain, under(t, plain, "- {name: a, when: {country: [GB, IE], from: 2026-12-24}, "+nobody), "country GB, at 2026-12-24"},
		{"on Fridays", plain, under(t, plain, "- {name: a, when: {days: fri}, "+nobody), "at 2026-11-27"},
		{"two that leave nothing together", plain, under(t, plain, "- {name: a, "+half+"- {name: b, when: {slot: hero}, exclude: "+items(150, 300)+"}\n"), "slot hero"},
		{"worse than before", under(t, plain, bad), under(t, plain, bad+"- {name: b, when: {slot: home}, "+nobody), "slot home"},
		{"the same rules, other items", under(t, plain, "- {name: a, only: "+items(0, 40)+"}\n"), under(t, shop(t, 300, 1, func(b *model.Build) {
			for i := range 40 {
				b.IDs[i] = "new" + b.IDs[i]
			}
		}), "- {name: a, only: "+items(0, 40)+"}\n"), "slot (none)"},

		{"as before", under(t, plain, bad), under(t, plain, bad), ""},
		{"better than before", under(t, plain, "- {name: a, "+nobody), under(t, plain, bad), ""},
		{"over", plain, under(t, plain, "- {name: a, when: {until: 2026-11-25}, "+nobody), ""},
		{"half of all items", plain, under(t, plain, "- {name: a, "+half), ""},
		{"few in one slot, capped", plain, under(t, plain, "- {name: a, when: {slot: sale}, only: "+items(100, 140)+"}\n- {name: b, cap: {brand: 3}}\n- {name: c, pin: {item: i0007}}\n"), ""},
	} {
		r := Rules(c.before, c.now, Limits{}, Sample{})
		err := r.Error()
		if c.want == "" && (err != nil || len(r.Figures) != 1) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %+v, want words on %q", c.name, r.Figures, c.want)
		}
		if r := Rules(c.before, c.now, Limits{Short: 1}, Quick); r.Error() != nil {
			t.Errorf("%s: all allowed: %v", c.name, r.Error())
		}
	}
	if r := Rules(nil, plain, Limits{}, Sample{}); len(r.Figures) != 0 {
		t.Errorf("without rules: %+v", r.Figures)
	}
	if got := outside(Gate(plain, under(t, plain, bad), Limits{}, Quick)); fmt.Sprint(got) != "[short]" {
		t.Errorf("the gate of a node: %v", got)
	}
}
