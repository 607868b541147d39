package data

import (
	"context"
	"strings"
	"testing"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
)

func newDisk(t testing.TB, name, text string) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	putFile(t, disk, name, text)
	return disk
}

func TestMappingErrors(t *testing.T) {
	const text = `colums: {}
delimiter: ab
events:
  item: {column: a, case: Upper, match: '['}
  type: {value: view, when: [{if: 'a +', value: x}, {value: y}]}
  time: {column: t, zone: Mars/Olympus}
  item: b
  colour: red
  quantity: {expr: 'nofunc(a)', split: ','}
  keep: 'a'
  context: [country]
  anonymous: maybe
items:
  title: {}
`
	_, err := ParseMapping("m.yaml", []byte(text))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`m.yaml:1: unknown key "colums"`, `m.yaml:2: delimiter: want one ASCII character`,
		`m.yaml:4: events.item.case: want upper or lower, found "Upper"`, `m.yaml:4: events.item.match: error parsing regexp`,
		`m.yaml:5: events.type.when.if: `, `m.yaml:5: events.type.when: want {if, value}`,
		`m.yaml:6: events.time.zone: unknown time zone "Mars/Olympus"`, `m.yaml:6: events.time.zone: needs a layout`,
		`m.yaml:7: events: key "item": given before, on line 4`, `m.yaml:8: events.colour: unknown field`,
		`m.yaml:9: events.quantity.expr: `, `m.yaml:9: events.quantity.split: no such key for this field`,
		`m.yaml:10: events.keep: `, `m.yaml:11: events.context: want keys and values, found a list`,
		`m.yaml:12: events.anonymous: want session or drop, found "maybe"`,
		`m.yaml:14: items: no id`, `m.yaml:14: items.title: want column, expr or value`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestMissingColumn(t *testing.T) {
	m := parsedMapping(t, "events:\n  item: Code\n  type: {value: view}\n  time: When\n  user: {column: Who, optional: true}\n")
	d := writable(t, newDisk(t, "t.csv", "code,When\n"), "d")
	_, err := Import(context.Background(), d, m, []string{"t.csv"}, ImportOptions{})
	want := `import: t.csv: no column "Code" (mapping line 2); the file has ["code" "When"]`
	if err == nil || err.Error() != want {
		t.Error(err)
	}
}

// importText imports a file and returns its events as JSON, without ids.
func importText(t *testing.T, m *Mapping, name, text string, opts ImportOptions) (string, Report) {
	t.Helper()
	opts.Clock = clock
	d := writable(t, newDisk(t, name, text), "d")
	rep, err := Import(context.Background(), d, m, []string{name}, opts)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	err = d.Events(context.Background(), 0, 0, func(e *edged.Event) error {
		e.ID = ""
		b = append(AppendEventJSON(b, e), '\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	items, err := d.Items(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i := range items {
		b = append(AppendItemJSON(b, &items[i]), '\n')
	}
	return string(b), rep
}

func TestIdentity(t *testing.T) {
	const want = `{"user":"u","item":"i","type":"view","time":"2026-01-02T00:00:00Z","context":{"country":"IE"}}` + "\n"
	for name, text := range map[string]string{
		"e.jsonl": `{"user":"u","item":"i","type":"view","time":1767312000,"context":{"country":"IE"}}`,
		"e.csv":   "user,item,type,time,context.country,other\nu,i,view,2026-01-02T00:00:00Z,IE,x\n",
	} {
		if got, rep := importText(t, nil, name, text, ImportOptions{}); got != want || rep.Rows != 1 {
			t.Errorf("%s: %s", name, got)
		}
	}
	got, rep := importText(t, nil, "i.csv", "id,title,price,tags\na,T,1.5,x|y\na,,2,\n", ImportOptions{Kind: Items})
	if got != `{"id":"a","title":"T","price":2,"tags":["x","y"]}`+"\n" || rep.Rows != rep.Items+rep.Duplicates+rep.Dropped {
		t.Error(got, rep.String())
	}
}

func TestMappedJSONL(t *testing.T) {
	m := parsedMapping(t, `
columns: {who: [visitor.id, uid]}
events: {user: who, item: sku, type: kind, time: at, quantity: n, keep: 'int(n) > 0'}
`)
	got, rep := importText(t, m, "e.jsonl", `{"visitor":{"id":"v"},"sku":"i","kind":"cart","at":"2026-01-02T00:00:00Z","n":2}
{"uid":"w","sku":"j","kind":"cart","at":1767312000000,"n":1,"extra":[1,{"a":2}]}
{"uid":"w","sku":"j","kind":"cart","at":1767312000000,"n":0}
`, ImportOptions{})
	want := `{"user":"v","item":"i","type":"cart","time":"2026-01-02T00:00:00Z","quantity":2}
{"user":"w","item":"j","type":"cart","time":"2026-01-02T00:00:00Z","quantity":1}
`
	if got != want || rep.Dropped != 1 || rep.Bad() != 0 {
		t.Error(got, rep.String())
	}
}

// TestTooManyBad fails an import above the allowed share, and leaves nothing of it.
func TestTooManyBad(t *testing.T) {
	m := parsedMapping(t, smallMapping)
	d := writable(t, newDisk(t, "t.csv", smallTable(0, 9)+"u,i,never,T\n"), "d")
	rep, err := Import(context.Background(), d, m, []string{"t.csv"}, ImportOptions{Clock: clock})
	if err == nil || !strings.Contains(err.Error(), `too many bad rows: 1 of 10, at most 5 % allowed (mostly "time: not a time", as in line 11 of t.csv`) {
		t.Error(err)
	}
	if rep.Bad() != 1 || d.Count() != 0 {
		t.Error(rep.String())
	}
	if _, err := Import(context.Background(), d, m, []string{"t.csv"}, ImportOptions{Clock: clock, MaxBad: .1}); err != nil {
		t.Error(err)
	}
}

// TestItemsCommute merges the patches of one item in every order.
func TestItemsCommute(t *testing.T) {
	patches := []edged.Item{
		{ID: "a", Title: "old", Price: 1, Updated: 1}, {ID: "a", Title: "new", Updated: 3},
		{ID: "a", Price: 2, Brand: "b", Updated: 2}, {ID: "a", Title: "mew", Tags: []string{"x"}, Updated: 3},
	}
	const want = `{"id":"a","title":"new","price":2,"brand":"b","tags":["x"],"updated":"1970-01-01T00:00:00.003Z"}`
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1, 1, 0}} {
		c := catalogue{}
		for _, i := range order {
			c.apply(&patches[i])
		}
		if got := string(AppendItemJSON(nil, &c["a"].item)); got != want {
			t.Errorf("%v: %s", order, got)
		}
		for _, p := range append(c["a"].patches(), patches...) {
			if c.apply(&p) {
				t.Errorf("%v: %+v changed something again", order, p)
			}
		}
	}
}

func FuzzParseMapping(f *testing.F) {
	f.Add([]byte(smallMapping))
	f.Add([]byte("events: {item: [a, b], type: {value: x, when: [{if: 'a == \"1\"', value: y}]}, time: {column: t, layout: '2006', zone: UTC}}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMapping("m", b)
		if err == nil && m.events == nil && m.items == nil {
			t.Fatal("a mapping of nothing")
		}
	})
}

// TestBrokenBeatsFiltered counts a row that lacks what an event needs as bad, whatever a filter says of the rest of it.
func TestBrokenBeatsFiltered(t *testing.T) {
	m := parsedMapping(t, "events: {user: u, item: {column: i, match: '^[0-9]'}, type: {value: view}, time: t}\n")
	const at = "2026-01-02T00:00:00Z"
	for row, want := range map[string]string{
		"a,1," + at: "1 rows: 1 events, 0 items, 0 duplicates, 0 dropped",
		"a,X," + at: "1 rows: 0 events, 0 items, 0 duplicates, 1 dropped (1 item: does not match)",
		"a,," + at:  "1 rows: 0 events, 0 items, 0 duplicates, 1 dropped (1 item: missing or beyond a limit)",
		"a,X,":      "1 rows: 0 events, 0 items, 0 duplicates, 1 dropped (1 time: missing or beyond a limit)",
	} {
		if _, rep := importText(t, m, "t.csv", "u,i,t\n"+row+"\n", ImportOptions{MaxBad: 1}); rep.String() != want {
			t.Errorf("%s: %s, want %s", row, rep.String(), want)
		}
	}
}

func TestSecondDocument(t *testing.T) {
	const first = "events: {item: i, type: t, time: d}\n"
	for text, want := range map[string]string{
		first + "---\nitems: {id: i}\n": "mapping: m.yaml:2: a second document begins here: one file is one document",
		first + "\n---\n":               "mapping: m.yaml:3: a second document begins here: one file is one document",
		first + "---\na: [":             "mapping: m.yaml: line 3: did not find expected node content",
		"---\n" + first + "...\n":       "",
		"":                              "mapping: m.yaml: empty",
		"# nothing\n":                   "mapping: m.yaml: empty",
	} {
		_, err := ParseMapping("m.yaml", []byte(text))
		if err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestFailedExpressionIsOneLine: expr-lang draws the place below its message.
func TestFailedExpressionIsOneLine(t *testing.T) {
	m := parsedMapping(t, "events:\n  item: i\n  type: {value: view}\n  time: t\n  quantity: {expr: 'int(q)'}\n  keep: 'q != \"9\" or int(i) > 0'\n")
	const at = ",2026-01-02T00:00:00Z,"
	_, rep := importText(t, m, "t.csv", "i,t,q\na"+at+"none\nb"+at+"9\n", ImportOptions{MaxBad: 1})
	if len(rep.Reasons) != 2 {
		t.Fatal(rep.String())
	}
	for _, r := range rep.Reasons {
		text := r.Examples[0].Error
		if !strings.Contains(r.Name, "expression failed") || !strings.Contains(text, "invalid operation: int(") || strings.Contains(text, "\n") {
			t.Errorf("%s: %q", r.Name, text)
		}
	}
}
