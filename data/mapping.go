package data

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/edged/edged/internal/vfs"
)

const maxMapping = 1 << 20

// Mapping says how the rows of a table become events and items. The language:
//
//	delimiter: ";"               # of CSV; a comma where absent
//	columns:                     # other names for columns, the first that the file has counts
//	  Invoice: [Invoice, InvoiceNo]
//	events:                      # fields of an event: id user session item type time value quantity
//	  user: Customer ID          #   recommendation position slot channel context
//	  keep: 'int(Quantity) > 0'  # rows for which it is false are filtered
//	  anonymous: session         # rows without user: keep those with a session, or drop them all
//	items:                       # fields of an item, from the same rows; updated is the time of the patch
//	  id: StockCode
//
// A field is the name of a column, or a list of names of which the first in the file counts, or keys:
// column, expr (expr-lang over the columns, which are text), value (a constant), when (a list of {if, value}),
// optional (the file may lack the column), trim, rename, case (upper, lower), default, match (rows that don't match are
// filtered), layout and zone (times), split (lists). context and attributes hold fields by name.
//
// One import at a time uses a Mapping.
type Mapping struct {
	columns   []column // by slot
	bySlot    map[string]int
	aliases   map[string][]string
	delimiter byte
	events    *eventMap
	items     *itemMap
}

// column is a column the mapping reads.
type column struct {
	names    []string // the first that the file has counts
	label    string   // as the mapping writes it
	line     int      // 0: the file may lack it
	events   bool     // read for events
	items    bool     // read for items
	optional bool
}

// LoadMapping reads a mapping file. Its error has every fault, each with its line.
func LoadMapping(fsys vfs.FS, path string) (*Mapping, error) {
	b, err := vfs.ReadFile(fsys, path, maxMapping)
	if err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	return ParseMapping(path, b)
}

// ParseMapping reads a mapping; name stands in its errors.
func ParseMapping(name string, b []byte) (*Mapping, error) {
	root, err := parseYAML(name, b)
	if err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	p := &mappingParser{faults: faults{name: name}, m: newMapping()}
	p.root(root)
	if err := p.err(); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	return p.m, nil
}

func newMapping() *Mapping {
	return &Mapping{bySlot: map[string]int{}, aliases: map[string][]string{}, delimiter: ','}
}

// newRow returns room for one row.
func (m *Mapping) newRow() *row {
	n := len(m.columns)
	return &row{values: make([]string, n), loaded: make([]bool, n), env: make(map[string]any, n)}
}

// mappingParser reads YAML into a mapping.
type mappingParser struct {
	faults
	m      *Mapping
	inside string // "events" or "items": what the columns found now are for
}

func (p *mappingParser) root(n *yaml.Node) {
	// Aliases come first, wherever they stand in the file.
	p.eachKey(n, "mapping", func(key string, k, v *yaml.Node) {
		switch key {
		case "columns":
			p.columns(v)
		case "delimiter":
			p.delimiter(v)
		case "events", "items":
		default:
			p.add(k, "unknown key %q, want columns, delimiter, events or items", clip(key))
		}
	})
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		switch p.inside = n.Content[i].Value; {
		case p.inside == "events" && p.m.events == nil:
			p.m.events = p.eventMap(n.Content[i+1])
		case p.inside == "items" && p.m.items == nil:
			p.m.items = p.itemMap(n.Content[i+1])
		}
	}
	if p.m.events == nil && p.m.items == nil && len(p.list) == 0 {
		p.add(n, "neither events nor items")
	}
}

func (p *mappingParser) columns(n *yaml.Node) {
	p.eachKey(n, "columns", func(key string, _, v *yaml.Node) {
		p.m.aliases[key] = p.texts(v, "columns."+key)
	})
}

func (p *mappingParser) delimiter(n *yaml.Node) {
	d := p.scalar(n, "delimiter")
	if len(d) != 1 || strings.ContainsAny(d, "\"\r\n") || d[0] >= 0x80 {
		p.add(n, "delimiter: want one ASCII character, found %q", clip(d))
		return
	}
	p.m.delimiter = d[0]
}

// column returns the slot of a column given by one or more names.
func (p *mappingParser) column(n *yaml.Node, names []string) int {
	label := strings.Join(names, " or ")
	slot, known := p.m.bySlot[label]
	if !known {
		slot = len(p.m.columns)
		p.m.bySlot[label] = slot
		p.m.columns = append(p.m.columns, column{names: p.resolve(names), label: label, line: n.Line, optional: true})
	}
	c := &p.m.columns[slot]
	c.events = c.events || p.inside == "events"
	c.items = c.items || p.inside == "items"
	return slot
}

// require says that the file must have the column, from line n on.
func (p *mappingParser) require(n *yaml.Node, slot int) {
	if c := &p.m.columns[slot]; c.optional {
		c.optional, c.line = false, n.Line
	}
}

// resolve replaces aliases by the names they stand for.
func (p *mappingParser) resolve(names []string) (out []string) {
	for _, name := range names {
		if list, ok := p.m.aliases[name]; ok {
			out = append(out, list...)
			continue
		}
		out = append(out, name)
	}
	return out
}

// bind finds the mapping's columns in a header: the index of each slot, -1 where the file has none.
func (m *Mapping) bind(header []string, events, items bool) ([]int, error) {
	at := make([]int, len(m.columns))
	var missing []string
	for slot := range m.columns {
		c := &m.columns[slot]
		at[slot] = -1
		for _, name := range c.names {
			if i := slices.Index(header, name); i >= 0 {
				at[slot] = i
				break
			}
		}
		used := c.events && events || c.items && items
		if at[slot] < 0 && used && !c.optional {
			missing = append(missing, fmt.Sprintf("%q (mapping line %d)", c.label, c.line))
		}
		if i := at[slot]; i >= 0 && used && slices.Contains(header[i+1:], header[i]) {
			return nil, fmt.Errorf("column %q stands twice in the header", header[i])
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("no column %s; the file has %q", strings.Join(missing, ", "), header)
	}
	return at, nil
}
