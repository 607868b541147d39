package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"pgregory.net/rapid"
)

// The oracle: a document as plain values, and what it means, read from docs/rules.md, without indexes, classes or bit sets.
type (
	plainRule struct {
		Name      string         `json:"name"`
		When      *plainWhen     `json:"when,omitempty"`
		Pin       []plainPin     `json:"pin,omitempty"`
		Boost     []plainChoice  `json:"boost,omitempty"`
		Bury      []plainChoice  `json:"bury,omitempty"`
		Exclude   []plainChoice  `json:"exclude,omitempty"`
		Only      []plainChoice  `json:"only,omitempty"`
		Cap       map[string]int `json:"cap,omitempty"`
		Diversity *float64       `json:"diversity,omitempty"`
		Explore   *float64       `json:"explore,omitempty"`
		Goal      string         `json:"goal,omitempty"`
	}
	plainWhen struct {
		Slot    []string `json:"slot,omitempty"`
		Country []string `json:"country,omitempty"`
		Device  []string `json:"device,omitempty"`
		Segment []string `json:"segment,omitempty"`
		From    string   `json:"from,omitempty"`
		Until   string   `json:"until,omitempty"`
		Days    []string `json:"days,omitempty"`
		Hours   string   `json:"hours,omitempty"`
		Zone    string   `json:"zone,omitempty"`
		If      string   `json:"if,omitempty"`
	}
	plainPin struct {
		Item string `json:"item"`
		At   int    `json:"at"`
	}
	plainChoice struct {
		Item     []string `json:"item,omitempty"`
		Category []string `json:"category,omitempty"`
		Brand    []string `json:"brand,omitempty"`
		Tag      []string `json:"tag,omitempty"`
		Where    string   `json:"where,omitempty"`
		By       float64  `json:"by,omitempty"`
	}
	plainContext struct {
		slot, country, device, segment, tier string
		at                                   time.Time
	}
)

func plainHolds(w *plainWhen, c plainContext) bool {
	if w == nil {
		return true
	}
	one := func(list []string, v string) bool { return list == nil || v != "" && slices.Contains(list, v) }
	if !one(w.Slot, c.slot) || !one(w.Country, c.country) || !one(w.Device, c.device) || !one(w.Segment, c.segment) {
		return false
	}
	zone := time.UTC
	if w.Zone != "" {
		zone, _ = time.LoadLocation(w.Zone)
	}
	local := c.at.In(zone)
	if w.From != "" && local.Format("2006-01-02T15:04") < w.From || w.Until != "" && local.Format("2006-01-02T15:04") >= w.Until {
		return false
	}
	if !plainWeekly(w, local) {
		return false
	}
	switch w.If {
	case "":
		return true
	case `visitor.tier == "gold"`:
		return c.tier == "gold"
	case `visitor.tier != "gold" and device in ["m", "d"]`:
		return c.tier != "gold" && (c.device == "m" || c.device == "d")
	}
	panic(w.If)
}

// plainWeekly looks at the window that begins today and at yesterday's.
func plainWeekly(w *plainWhen, local time.Time) bool {
	from, to := "00:00", "24:00"
	if w.Hours != "" {
		from, to, _ = strings.Cut(w.Hours, "-")
	}
	day := func(t time.Time) bool {
		return w.Days == nil || slices.Contains(w.Days, strings.ToLower(t.Weekday().String()[:3]))
	}
	now := local.Format("15:04")
	if from < to {
		return day(local) && now >= from && now < to
	}
	return day(local) && now >= from || day(local.AddDate(0, 0, -1)) && now < to
}

func plainChosen(list []plainChoice, it *edged.Item) bool {
	return slices.ContainsFunc(list, func(c plainChoice) bool { return plainMeets(&c, it) })
}

func plainMeets(c *plainChoice, it *edged.Item) bool {
	under := func(want string) bool {
		return slices.ContainsFunc(it.Categories, func(p string) bool { return p == want || strings.HasPrefix(p, want+"/") })
	}
	var attributes struct{ Margin float64 }
	_ = json.Unmarshal(it.Attributes, &attributes)
	return (c.Item == nil || slices.Contains(c.Item, it.ID)) &&
		(c.Category == nil || slices.ContainsFunc(c.Category, under)) &&
		(c.Brand == nil || slices.Contains(c.Brand, it.Brand)) &&
		(c.Tag == nil || slices.ContainsFunc(c.Tag, func(t string) bool { return slices.Contains(it.Tags, t) })) &&
		(c.Where == "" || it.Price < 20 && attributes.Margin >= 5)
}

// plainApply does what the manual says, step by step.
func plainApply(doc []plainRule, c plainContext, s shop, list []Item, n int, w *plainWish) []Item {
	hold := plainHold(doc, c)
	out := func(it *edged.Item) bool {
		return slices.ContainsFunc(hold, func(r plainRule) bool {
			return plainChosen(r.Exclude, it) || r.Only != nil && !plainChosen(r.Only, it)
		})
	}
	var flow []Item
	for i, it := range list {
		row := &s[it.Row]
		if out(row) {
			continue
		}
		factor := 1.0
		for _, r := range hold {
			for j := range r.Boost {
				if plainMeets(&r.Boost[j], row) {
					factor *= float64(float32(r.Boost[j].By))
				}
			}
			it.Buried = it.Buried || plainChosen(r.Bury, row)
		}
		for _, l := range w.Boosts {
			if l.Of.Has(it.Row) {
				factor *= float64(l.By)
			}
		}
		it.Factor, it.From = float32(min(max(factor, .01), 100)), int32(i)
		if it.Score < 0 {
			it.Score /= it.Factor
		} else {
			it.Score *= it.Factor
		}
		flow = append(flow, it)
	}
	slices.SortStableFunc(flow, func(a, b Item) int {
		if a.Buried != b.Buried {
			return map[bool]int{true: 1, false: -1}[a.Buried]
		}
		if a.Buried {
			return 0
		}
		if a.Tier != b.Tier {
			return int(a.Tier) - int(b.Tier)
		}
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return plainFill(hold, s, flow, n, out, w)
}

func plainFill(hold []plainRule, s shop, flow []Item, n int, out func(*edged.Item) bool, w *plainWish) []Item {
	pins := map[int]edged.Row{} // by place from 0
	taken := map[edged.Row]bool{}
	count := 0
	for _, r := range hold {
		for _, p := range r.Pin {
			row, ok := s.Row(p.Item)
			if count++; !ok {
				count--
				continue
			}
			if count > maxPlanPins {
				break
			}
			listed := slices.ContainsFunc(flow, func(it Item) bool { return it.Row == row })
			if taken[row] || out(&s[row]) || !listed && !w.may(row) {
				continue
			}
			at := p.At - 1
			for _, full := pins[at]; full; _, full = pins[at] {
				at++
			}
			pins[at], taken[row] = row, true
		}
	}
	caps := map[string]int{}
	smallest := func(k string, v int) {
		if old, ok := caps[k]; v > 0 && (!ok || v < old) {
			caps[k] = v
		}
	}
	for _, r := range hold {
		for k, v := range r.Cap {
			smallest(k, v)
		}
	}
	smallest("category", w.Category)
	smallest("brand", w.Brand)
	counts := map[string]int{}
	groups := func(row edged.Row) (g []string) {
		if it := s[row]; caps["category"] > 0 && len(it.Categories) > 0 {
			g = append(g, "category "+it.Categories[0])
		}
		if it := s[row]; caps["brand"] > 0 && it.Brand != "" {
			g = append(g, "brand "+it.Brand)
		}
		return g
	}
	for at, row := range pins {
		if at < n {
			for _, g := range groups(row) {
				counts[g]++
			}
		}
	}
	pinned := func(row edged.Row) Item {
		it := Item{Row: row, From: -1, Factor: 1}
		for _, f := range flow {
			if f.Row == row {
				it = f
			}
		}
		it.Pinned = true
		return it
	}
	full := func(row edged.Row) bool {
		return slices.ContainsFunc(groups(row), func(g string) bool {
			kind, _, _ := strings.Cut(g, " ")
			return counts[g] >= caps[kind]
		})
	}
	var result []Item
	put := func(it Item) {
		if !taken[it.Row] {
			for _, g := range groups(it.Row) {
				counts[g]++
			}
		}
		taken[it.Row] = true
		result = append(result, it)
	}
	lambda := plainFirst(w.Diversity, hold, func(r plainRule) *float64 { return r.Diversity })
	fresh, all := w.fresh, slices.Clone(flow)
	for len(result) < n {
		if row, ok := pins[len(result)]; ok {
			delete(pins, len(result))
			put(pinned(row))
			continue
		}
		if at := len(result); at < len(w.places) && w.places[at] {
			k := slices.IndexFunc(fresh, func(row edged.Row) bool { return !taken[row] && !out(&s[row]) && !full(row) })
			if k >= 0 {
				put(Item{Row: fresh[k], From: -1, Factor: 1, Fresh: true})
				fresh = fresh[k+1:]
				continue
			}
			fresh = nil
		}
		flow = slices.DeleteFunc(flow, func(it Item) bool { return (taken[it.Row] || full(it.Row)) && !isIn(pins, it.Row) })
		if k := plainNext(flow, all, pins, result, lambda); k >= 0 {
			put(flow[k])
			continue
		}
		if len(pins) == 0 {
			break
		}
		first := slices.Min(slices.Collect(maps.Keys(pins)))
		put(pinned(pins[first]))
		delete(pins, first)
	}
	return result
}

func isIn(pins map[int]edged.Row, row edged.Row) bool {
	for _, r := range pins {
		if r == row {
			return true
		}
	}
	return false
}

// plainFirst is what the request says, or else the rule that stands first, or else 0.
func plainFirst(request float32, hold []plainRule, of func(plainRule) *float64) float32 {
	if request >= 0 {
		return request
	}
	for _, r := range hold {
		if x := of(r); x != nil {
			return float32(*x)
		}
	}
	return 0
}

// plainNext is the place in the flow of the next item, −1 without one: the first, or, where variety is wanted, the one of the first's tier
// that is worth most.
func plainNext(flow, all []Item, pins map[int]edged.Row, result []Item, lambda float32) int {
	first := slices.IndexFunc(flow, func(it Item) bool { return !isIn(pins, it.Row) })
	if first < 0 || lambda == 0 || flow[first].Buried {
		return first
	}
	tier := flow[first].Tier
	best := float32(0)
	for _, it := range all {
		if it.Tier == tier && !it.Buried {
			best = max(best, it.Score)
		}
	}
	at, most := -1, float32(0)
	for i, it := range flow {
		if it.Tier != tier || it.Buried || isIn(pins, it.Row) {
			continue
		}
		near := float32(0)
		for _, o := range result {
			near = max(near, plainAlike(it.Row, o.Row))
		}
		worth := float32(0)
		if it.Score > 0 {
			worth = float32((1 - lambda) * (it.Score / best))
		}
		if worth -= float32(lambda * near); at < 0 || worth > most {
			at, most = i, worth
		}
	}
	return at
}

// plainAlike is how much two items are like each other, as far as these tests go.
func plainAlike(a, b edged.Row) float32 { return float32((a*b+a+b)%8) / 8 }

// plainNear implements Alike by it.
type plainNear struct {
	rows []edged.Row
	near []float32
}

func (p *plainNear) Begin(rows []edged.Row) { p.rows, p.near = rows, make([]float32, len(rows)) }

func (p *plainNear) Place(row edged.Row) {
	for i, r := range p.rows {
		p.near[i] = max(p.near[i], plainAlike(r, row))
	}
}

func (p *plainNear) Near(i int) float32 { return p.near[i] }

// plainWish is what a request wants beside the rules.
type plainWish struct {
	Wish
	may    func(edged.Row) bool
	fresh  []edged.Row
	places []bool
}

type rowsWith map[edged.Row]bool

func (r rowsWith) Has(row edged.Row) bool { return r[row] }

func drawWish(t *rapid.T, others []edged.Row) *plainWish {
	w := &plainWish{Wish: Wish{Diversity: -1, Explore: -1}, may: func(row edged.Row) bool { return row%4 != 3 }}
	for range maybe(t, 3, func() int { return rapid.IntRange(1, 2).Draw(t, "lifts") }) {
		of := rowsWith{}
		for _, row := range rapid.SliceOfN(rapid.IntRange(0, 41), 1, 20).Draw(t, "lifted") {
			of[edged.Row(row)] = true
		}
		w.Boosts = append(w.Boosts, Lift{of, rapid.SampledFrom([]float32{.01, .5, 2, 100}).Draw(t, "by")})
	}
	w.Category = maybe(t, 4, func() int { return rapid.IntRange(1, 3).Draw(t, "category") })
	w.Brand = maybe(t, 4, func() int { return rapid.IntRange(1, 3).Draw(t, "brand") })
	if rapid.Bool().Draw(t, "varied") {
		w.Diversity = rapid.SampledFrom([]float32{0, .3, .8, 1}).Draw(t, "diversity")
	}
	if rapid.Bool().Draw(t, "explores") {
		w.fresh = others[:rapid.IntRange(0, len(others)).Draw(t, "fresh")]
		w.places = rapid.SliceOfN(rapid.Bool(), 0, 15).Draw(t, "places")
	}
	return w
}

// Generators of documents and requests.

func some(t *rapid.T, label string, values ...string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, min(3, len(values)), rapid.ID[string]).Draw(t, label)
}

// maybe draws a value one time in k.
func maybe[T any](t *rapid.T, k int, draw func() T) (v T) {
	if rapid.IntRange(1, k).Draw(t, "maybe") == 1 {
		v = draw()
	}
	return v
}

func drawWhen(t *rapid.T) *plainWhen {
	w := &plainWhen{
		Slot:    maybe(t, 2, func() []string { return some(t, "slot", "s1", "s2", "s3") }),
		Country: maybe(t, 3, func() []string { return some(t, "country", "GB", "NO", "DE") }),
		Device:  maybe(t, 4, func() []string { return some(t, "device", "m", "d", "tv") }),
		Segment: maybe(t, 5, func() []string { return some(t, "segment", "x", "y") }),
		From: maybe(t, 4, func() string {
			return rapid.SampledFrom([]string{"2026-03-01T00:00", "2026-03-29T01:30"}).Draw(t, "from")
		}),
		Until: maybe(t, 4, func() string {
			return rapid.SampledFrom([]string{"2026-04-02T00:00", "2026-11-01T12:30"}).Draw(t, "until")
		}),
		Days: maybe(t, 4, func() []string { return some(t, "days", dayNames[:]...) }),
		Hours: maybe(t, 4, func() string {
			return rapid.SampledFrom([]string{"08:00-20:00", "22:00-06:30", "00:00-24:00"}).Draw(t, "hours")
		}),
		Zone: maybe(t, 2, func() string { return rapid.SampledFrom([]string{"Europe/London", "Asia/Tokyo"}).Draw(t, "zone") }),
		If: maybe(t, 3, func() string {
			return rapid.SampledFrom([]string{`visitor.tier == "gold"`, `visitor.tier != "gold" and device in ["m", "d"]`}).Draw(t, "if")
		}),
	}
	return w
}

func drawChoices(t *rapid.T, by bool) []plainChoice {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plainChoice {
		c := plainChoice{
			Category: maybe(t, 2, func() []string { return some(t, "category", "home", "home/c1", "home/c2", "gifts/g1", "hom") }),
			Brand:    maybe(t, 3, func() []string { return some(t, "brand", "b0", "b1", "b2", "none") }),
			Tag:      maybe(t, 4, func() []string { return some(t, "tag", "sale", "t0") }),
			Item:     maybe(t, 4, func() []string { return some(t, "item", "i1", "i2", "i3", "i40") }),
			Where:    maybe(t, 4, func() string { return "price < 20 && attributes.margin >= 5" }),
		}
		if c.Category == nil && c.Brand == nil && c.Tag == nil && c.Item == nil && c.Where == "" {
			c.Tag = []string{"sale"}
		}
		if by {
			c.By = rapid.SampledFrom([]float64{.01, .5, 1.5, 2, 100}).Draw(t, "by")
		}
		return c
	}), 1, 2).Draw(t, "choices")
}

func drawRules(t *rapid.T) []plainRule {
	n := rapid.IntRange(1, 8).Draw(t, "rules")
	doc := make([]plainRule, n)
	for i := range doc {
		r := plainRule{
			Name: fmt.Sprint("r", i),
			When: maybe(t, 2, func() *plainWhen { return drawWhen(t) }),
			Pin: maybe(t, 3, func() []plainPin {
				return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plainPin {
					return plainPin{fmt.Sprint("i", rapid.IntRange(0, 45).Draw(t, "pin")), rapid.IntRange(1, 6).Draw(t, "at")}
				}), 1, 3).Draw(t, "pins")
			}),
			Boost:   maybe(t, 2, func() []plainChoice { return drawChoices(t, true) }),
			Bury:    maybe(t, 4, func() []plainChoice { return drawChoices(t, false) }),
			Exclude: maybe(t, 4, func() []plainChoice { return drawChoices(t, false) }),
			Only:    maybe(t, 6, func() []plainChoice { return drawChoices(t, false) }),
			Cap: maybe(t, 4, func() map[string]int {
				return map[string]int{rapid.SampledFrom([]string{"category", "brand"}).Draw(t, "cap"): rapid.IntRange(1, 3).Draw(t, "most")}
			}),
			Diversity: maybe(t, 4, func() *float64 { d := rapid.SampledFrom([]float64{0, .25, 1}).Draw(t, "diversity"); return &d }),
			Explore:   maybe(t, 6, func() *float64 { d := rapid.SampledFrom([]float64{0, .25}).Draw(t, "explore"); return &d }),
			Goal:      maybe(t, 6, func() string { return rapid.SampledFrom(Goals).Draw(t, "goal") }),
		}
		if r.Pin == nil && r.Boost == nil && r.Bury == nil && r.Exclude == nil && r.Only == nil && r.Cap == nil && r.Diversity == nil && r.Explore == nil && r.Goal == "" {
			r.Bury = drawChoices(t, false)
		}
		doc[i] = r
	}
	return doc
}

func drawContext(t *rapid.T) plainContext {
	from := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	return plainContext{
		slot:    rapid.SampledFrom([]string{"s1", "s2", "other", ""}).Draw(t, "slot"),
		country: rapid.SampledFrom([]string{"GB", "NO", "FR", ""}).Draw(t, "country"),
		device:  rapid.SampledFrom([]string{"m", "d", "", "watch"}).Draw(t, "device"),
		segment: rapid.SampledFrom([]string{"x", "y", ""}).Draw(t, "segment"),
		tier:    rapid.SampledFrom([]string{"gold", "silver", ""}).Draw(t, "tier"),
		at:      from.Add(time.Duration(rapid.IntRange(0, 300*24*60).Draw(t, "minute")) * time.Minute),
	}
}

func (c plainContext) context() *Context {
	out := &Context{Slot: []byte(c.slot), Country: []byte(c.country), Device: []byte(c.device), Segment: []byte(c.segment), Time: c.at.UnixMilli()}
	if c.tier != "" {
		out.Visitor = []Attribute{{[]byte("tier"), Text([]byte(c.tier))}}
	}
	return out
}

func TestPlansAgainstTheOracle(t *testing.T) {
	s := stock(42)
	groups, err := GroupsOf(s)
	if err != nil {
		t.Fatal(err)
	}
	var p Plan // reused by all, as a server does
	rapid.Check(t, func(t *rapid.T) {
		doc := drawRules(t)
		text, err := json.MarshalIndent(map[string]any{"rules": doc}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		set, faults := Compile(text, s)
		if Failed(faults) {
			t.Fatalf("%v\n%s", faults, text)
		}
		for range 4 {
			c := drawContext(t)
			rows := rapid.Permutation(rowsOf(len(s))).Draw(t, "rows")
			list := make([]Item, rapid.IntRange(0, len(s)).Draw(t, "length"))
			for i := range list {
				list[i] = Item{Row: rows[i], Tier: uint8(2 * i / len(s)), Score: float32(len(s)/2-i) / 4}
			}
			n := rapid.IntRange(0, 15).Draw(t, "n")
			w := drawWish(t, rows[len(list):])
			want := plainApply(doc, c, s, slices.Clone(list), n, w)
			in := &Scope{May: w.may, Alike: new(plainNear), Fresh: w.fresh, Places: w.places}
			set.Match(&p, c.context())
			p.Add(&w.Wish)
			if p.Capped() {
				in.Groups = groups
			}
			got := p.Apply(list, n, in)
			if !sameItems(got, want) {
				t.Fatalf("context %+v, n %d\n%s\nwish %+v\ngot  %+v\nwant %+v", c, n, text, w, got, want)
			}
			if again := p.Apply(list, n, in); !sameItems(again, want) {
				t.Fatalf("a second Apply differs: %+v\nwant %+v", again, want)
			}
			if explore := plainFirst(w.Explore, plainHold(doc, c), func(r plainRule) *float64 { return r.Explore }); max(p.Explore(), 0) != explore {
				t.Fatalf("explore %v, want %v for %+v\n%s", p.Explore(), explore, c, text)
			}
			if goal := plainGoal(doc, c); p.Goal() != goal {
				t.Fatalf("goal %q, want %q for %+v\n%s", p.Goal(), goal, c, text)
			}
		}
	})
}

func plainHold(doc []plainRule, c plainContext) (hold []plainRule) {
	for _, r := range doc {
		if plainHolds(r.When, c) {
			hold = append(hold, r)
		}
	}
	return hold
}

func plainGoal(doc []plainRule, c plainContext) string {
	for _, r := range plainHold(doc, c) {
		if r.Goal != "" {
			return r.Goal
		}
	}
	return ""
}

func rowsOf(n int) []edged.Row {
	rows := make([]edged.Row, n)
	for i := range rows {
		rows[i] = edged.Row(i)
	}
	return rows
}

// sameItems allows for a rounding of factors.
func sameItems(a, b []Item) bool {
	return slices.EqualFunc(a, b, func(x, y Item) bool {
		near := func(p, q float32) bool { return p == q || (p-q)*(p-q) <= 1e-10*q*q }
		return x.Row == y.Row && x.From == y.From && x.Buried == y.Buried && x.Pinned == y.Pinned && x.Fresh == y.Fresh && near(x.Factor, y.Factor) && near(x.Score, y.Score)
	})
}
