package rules

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
)

// TestScripts runs testdata/*.txt. The commands:
//
//	compile            the input as a document; prints its faults and warnings, else "ok"
//	match KEY=VALUE…   slot, country, device, segment, at (RFC 3339), others are the visitor's; prints the rules that hold
//	apply [n=]         the input as a list, a line an item: id [score] [tier]; prints what the last match makes of it
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		var set *Set
		var plan Plan
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "compile":
				next, faults := Compile([]byte(d.Input), stock(42))
				if next != nil {
					set = next
				}
				return showFaults(faults)
			case "match":
				set.Match(&plan, contextOf(t, d))
				return strings.Join(plan.AppendNames(nil), " ") + "\n"
			case "apply":
				return apply(t, d, &plan)
			}
			t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
			return ""
		})
	})
}

func showFaults(faults []Fault) string {
	var b strings.Builder
	for _, f := range faults {
		kind := "fault: "
		if f.Warning {
			kind = "warning: "
		}
		b.WriteString(kind + f.String() + "\n")
	}
	if !Failed(faults) {
		b.WriteString("ok\n")
	}
	return b.String()
}

func contextOf(t *testing.T, d *datadriven.TestData) *Context {
	c := &Context{Time: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).UnixMilli()}
	for _, arg := range d.CmdArgs {
		v := []byte(strings.Join(arg.Vals, " "))
		switch arg.Key {
		case "slot":
			c.Slot = v
		case "country":
			c.Country = v
		case "device":
			c.Device = v
		case "segment":
			c.Segment = v
		case "at":
			at, err := edged.ParseTime(string(v))
			if err != nil {
				t.Fatal(err)
			}
			c.Time = at
		default:
			c.Visitor = append(c.Visitor, Attribute{[]byte(arg.Key), Text(v)})
		}
	}
	return c
}

func apply(t *testing.T, d *datadriven.TestData, plan *Plan) string {
	s := stock(42)
	n := 5
	d.MaybeScanArgs(t, "n", &n)
	var list []Item
	for i, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
		it := Item{Score: 1 - float32(i)/10}
		var id string
		_, _ = fmt.Sscan(line, &id, &it.Score, &it.Tier)
		it.Row, _ = s.Row(id)
		list = append(list, it)
	}
	var b strings.Builder
	for _, it := range plan.Apply(list, n, anyMay) {
		fmt.Fprintf(&b, "%s score=%.3g factor=%.3g", s[it.Row].ID, it.Score, it.Factor)
		if it.Pinned {
			b.WriteString(" pinned")
		}
		if it.Buried {
			b.WriteString(" buried")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestManual compiles every document in docs/rules.md; those after "does not load" must not.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n([^\n]*)\n+```(yaml|json)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 5 {
		t.Fatalf("%d documents in the manual: is the test reading it?", len(blocks))
	}
	for _, b := range blocks {
		_, faults := Compile([]byte(b[3]), stock(42))
		if wantFault := strings.Contains(b[1], "does not load"); Failed(faults) != wantFault {
			t.Errorf("%v:\n%s", faults, b[3])
		}
	}
}

// manyRules is 500 rules on 20 slots, of all kinds.
func manyRules() []byte {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 500 {
		fmt.Fprintf(&b, "- name: r%d\n  when:\n    slot: s%d\n", i, i%20)
		switch i / 20 % 5 {
		case 0:
			fmt.Fprintf(&b, "    country: [GB, C%d]\n", i%7)
		case 1:
			fmt.Fprintf(&b, "    if: visitor.tier == \"gold\" and visitor.age >= %d\n", 18+i%3)
		case 2:
			fmt.Fprintf(&b, "    days: [mon, tue]\n    hours: 08:00-20:00\n    zone: Europe/London\n")
		case 3:
			fmt.Fprintf(&b, "    from: 2026-01-01\n    until: 2026-12-31\n    device: [m, d]\n")
		case 4:
			fmt.Fprintf(&b, "    segment: x%d\n", i%4)
		}
		switch i / 20 % 6 {
		case 0:
			fmt.Fprintf(&b, "  boost: {brand: b%d, by: 1.5}\n", i%5)
		case 1:
			fmt.Fprintf(&b, "  pin: {item: i%d, at: %d}\n", i%40, 1+i%4)
		case 2:
			fmt.Fprintf(&b, "  bury: {tag: t%d, where: price < %d}\n", i%6, i%50)
		case 3:
			fmt.Fprintf(&b, "  exclude: {item: [i%d, i%d]}\n", i, 10000+i)
		case 4:
			fmt.Fprintf(&b, "  cap: {category: %d, brand: %d}\n", 4+i%3, 6)
		case 5:
			fmt.Fprintf(&b, "  boost: {category: home/c%d, by: 0.7}\n", i%4)
		}
	}
	return []byte(b.String())
}

var anyMay = &Scope{May: func(edged.Row) bool { return true }}

func busyContext() *Context {
	return &Context{
		Slot: []byte("s3"), Country: []byte("GB"), Device: []byte("m"), Segment: []byte("x3"),
		Visitor: []Attribute{{[]byte("age"), Text([]byte("40"))}, {[]byte("tier"), Text([]byte("gold"))}},
		Time:    time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC).UnixMilli(),
	}
}

func busyList(n int) []Item {
	list := make([]Item, n)
	for i := range list {
		list[i] = Item{Row: edged.Row(i * 7), Score: 1 / float32(i+1)}
	}
	return list
}

func TestNoAllocations(t *testing.T) {
	set, faults := Compile(manyRules(), stock(2000))
	if Failed(faults) {
		t.Fatal(faults)
	}
	var p Plan
	c, list := busyContext(), busyList(200)
	n := 0
	testkit.Allocs(t, 0, func() {
		set.Match(&p, c)
		n = len(p.Apply(list, 50, anyMay))
	})
	if n == 0 || len(p.matched) < 10 || !p.Narrows() || !p.Reorders() {
		t.Fatalf("%d items by %d rules: this measured little", n, len(p.matched))
	}
}

// A plan that served one set serves another.
func TestPlanMovesBetweenSets(t *testing.T) {
	small, _ := Compile([]byte("rules: [{name: a, exclude: {brand: b1}}]"), stock(10))
	large, _ := Compile(manyRules(), stock(2000))
	var p Plan
	list := busyList(5)
	for range 3 {
		large.Match(&p, busyContext())
		p.Apply(list, 5, anyMay)
		small.Match(&p, &Context{})
		if got := p.Apply([]Item{{Row: 1}, {Row: 2}}, 5, &Scope{}); len(got) != 1 || got[0].Row != 2 || got[0].Factor != 1 {
			t.Fatalf("%+v, want row 2 alone", got)
		}
	}
}

func BenchmarkMatch500(b *testing.B) {
	set, _ := Compile(manyRules(), stock(100_000))
	var p Plan
	c := busyContext()
	b.ReportAllocs()
	for b.Loop() {
		set.Match(&p, c)
	}
	b.ReportMetric(float64(len(p.matched)), "rules/op")
}

func BenchmarkMatchAndApply500(b *testing.B) {
	set, _ := Compile(manyRules(), stock(100_000))
	for _, n := range []int{20, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var p Plan
			c, list := busyContext(), busyList(n)
			b.ReportAllocs()
			for b.Loop() {
				set.Match(&p, c)
				p.Apply(list, 20, anyMay)
			}
		})
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(manyRules())
	f.Add([]byte(`{"rules":[{"name":"a","when":{"slot":["x"],"if":"visitor.a in [1,2]"},"cap":{"brand":2}}]}`))
	f.Add([]byte("rules:\n- &a {name: x, exclude: {where: 'price < 5 and not (tags == \"a\")'}}\n- *a"))
	f.Add([]byte("rules: [{name: a, when: {hours: 22:00-06:00, days: fri}, only: [{item: i1}, {tag: sale}]}]"))
	s := stock(30)
	list := busyList(4)
	f.Fuzz(func(t *testing.T, doc []byte) {
		set, faults := Compile(doc, s)
		if Failed(faults) != (set == nil) {
			t.Fatalf("a set: %v, faults: %v", set != nil, faults)
		}
		for _, fault := range faults {
			if fault.Reason == "" || fault.Line < 0 {
				t.Fatalf("%+v", fault)
			}
		}
		if set == nil {
			return
		}
		var p Plan
		for slot := range set.bySlot {
			c := busyContext()
			c.Slot = []byte(slot)
			set.Match(&p, c)
			if got := p.Apply(list, 3, anyMay); len(got) > 3 {
				t.Fatalf("%d items, at most 3", len(got))
			}
		}
	})
}

func BenchmarkCompile500(b *testing.B) {
	s := stock(100_000)
	doc := manyRules()
	for b.Loop() {
		if _, faults := Compile(doc, s); Failed(faults) {
			b.Fatal(faults)
		}
	}
}
