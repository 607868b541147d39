package rules

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/edged/edged/internal/near"
)

// decoder reads the tree strictly: unknown keys, wrong types and broken limits are faults, all told at once.
type decoder struct {
	rule   string
	faults []Fault
	zones  map[string]*time.Location
}

func (d *decoder) fault(n *yaml.Node, format string, args ...any) {
	if len(d.faults) < MaxFaults {
		d.faults = append(d.faults, Fault{Line: n.Line, Rule: d.rule, Reason: fmt.Sprintf(format, args...)})
	}
}

// decode reads a document into rules.
func decode(doc []byte) ([]ruleText, []Fault) {
	root, faults := parseTree(doc)
	if faults != nil {
		return nil, faults
	}
	d := &decoder{zones: map[string]*time.Location{}}
	var list []ruleText
	d.object(root, "", fields{"rules": func(n *yaml.Node, at string) {
		if !d.isSequence(n, at) {
			return
		}
		if len(n.Content) > MaxRules {
			d.fault(n, "%d rules, at most %d", len(n.Content), MaxRules)
			return
		}
		names := map[string]int{}
		for i, c := range n.Content {
			r := d.readRule(c, fmt.Sprintf("rules[%d]", i))
			if before, ok := names[r.name]; ok && r.name != "" {
				d.fault(c, "rules[%d]: the name %q was taken on line %d", i, clip(r.name), before)
			}
			names[r.name] = c.Line
			list = append(list, r)
		}
	}})
	if root.Kind == yaml.MappingNode && len(root.Content) == 0 {
		d.fault(root, "rules: missing")
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return list, d.faults
}

// fields are the keys an object may have, and what reads each.
type fields map[string]func(n *yaml.Node, at string)

// object reads an object whose keys are among known, each once.
func (d *decoder) object(n *yaml.Node, at string, known fields) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, "%swant an object, got %s", prefix(at), kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		path := join(at, key.Value)
		read := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			d.fault(key, "%swant a plain key", prefix(at))
		case read == nil:
			d.fault(key, "%s: unknown key%s", clip(path), known.hint(key.Value))
		case seen[key.Value]:
			d.fault(key, "%s: given twice", path)
		default:
			seen[key.Value] = true
			read(value, path)
		}
	}
}

// hint says which key may have been meant, or which there are.
func (f fields) hint(key string) string {
	known := slices.Sorted(maps.Keys(f))
	if hint := near.DidYouMean(key, known); hint != "" {
		return hint
	}
	return "; known: " + strings.Join(known, ", ")
}

func prefix(at string) string {
	if at == "" {
		return ""
	}
	return at + ": "
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// clip shortens what a document says for a message.
func clip(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "an object"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.Tag == "!!null":
		return "nothing"
	}
	return strconv.Quote(clip(n.Value))
}

func (d *decoder) isSequence(n *yaml.Node, at string) bool {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, "%s: want a list, got %s", at, kindOf(n))
	}
	return n.Kind == yaml.SequenceNode
}

func (d *decoder) readRule(n *yaml.Node, at string) ruleText {
	r := ruleText{diversity: -1, explore: -1}
	d.rule = nameOf(n)
	defer func() { d.rule = "" }()
	before := len(d.faults)
	d.object(n, "", fields{
		"name":    func(n *yaml.Node, at string) { r.name = d.text(n, at, MaxName) },
		"when":    func(n *yaml.Node, at string) { d.readWhen(n, at, &r.when) },
		"pin":     func(n *yaml.Node, at string) { r.pins = d.readPins(n, at) },
		"boost":   func(n *yaml.Node, at string) { r.boosts = d.readChoices(n, at, true) },
		"bury":    func(n *yaml.Node, at string) { r.bury = d.readChoices(n, at, false) },
		"exclude": func(n *yaml.Node, at string) { r.exclude = d.readChoices(n, at, false) },
		"only":    func(n *yaml.Node, at string) { r.only = d.readChoices(n, at, false) },
		"cap": func(n *yaml.Node, at string) {
			d.object(n, at, fields{
				"category": func(n *yaml.Node, at string) { r.capCat = d.whole(n, at, 1, MaxCap) },
				"brand":    func(n *yaml.Node, at string) { r.capBrand = d.whole(n, at, 1, MaxCap) },
			})
		},
		"diversity": func(n *yaml.Node, at string) { r.diversity = float32(d.number(n, at, 0, 1)) },
		"explore":   func(n *yaml.Node, at string) { r.explore = float32(d.number(n, at, 0, 1)) },
		"goal":      func(n *yaml.Node, at string) { r.goal = d.oneOf(n, at, Goals) },
	})
	if n.Kind == yaml.MappingNode && len(d.faults) == before {
		if r.name == "" {
			d.fault(n, "%s: name: missing", at)
		}
		if !r.acts() {
			d.fault(n, "does nothing: want pin, boost, bury, exclude, only, cap, diversity, explore or goal")
		}
	}
	return r
}

// nameOf is what the rule calls itself, for messages about it.
func nameOf(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "name" && n.Content[i+1].Kind == yaml.ScalarNode {
				return clip(n.Content[i+1].Value)
			}
		}
	}
	return ""
}

// text reads a scalar as it stands: NO is a country, not a boolean.
func (d *decoder) text(n *yaml.Node, at string, limit int) string {
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null":
		d.fault(n, "%s: want text, got %s", at, kindOf(n))
		return ""
	case n.Value == "":
		d.fault(n, "%s: empty", at)
	case len(n.Value) > limit:
		d.fault(n, "%s: %d bytes, at most %d", at, len(n.Value), limit)
	case !utf8.ValidString(n.Value):
		d.fault(n, "%s: not UTF-8", at)
	}
	return n.Value
}

// texts reads one text or a list of them.
func (d *decoder) texts(n *yaml.Node, at string) []string {
	if n.Kind != yaml.SequenceNode {
		return []string{d.text(n, at, MaxText)}
	}
	if len(n.Content) == 0 || len(n.Content) > MaxValues {
		d.fault(n, "%s: %d values, want 1 to %d", at, len(n.Content), MaxValues)
		return nil
	}
	var list []string
	for i, c := range n.Content {
		list = append(list, d.text(c, fmt.Sprintf("%s[%d]", at, i), MaxText))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (d *decoder) whole(n *yaml.Node, at string, lo, hi int) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || v < lo || v > hi {
		d.fault(n, "%s: want a whole number from %d to %d, got %s", at, lo, hi, kindOf(n))
		return 0
	}
	return v
}

func (d *decoder) number(n *yaml.Node, at string, lo, hi float64) float64 {
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || strings.ContainsAny(n.Value, "_xX") || math.IsNaN(v) || v < lo || v > hi {
		d.fault(n, "%s: want a number from %v to %v, got %s", at, lo, hi, kindOf(n))
		return lo
	}
	return v
}

func (d *decoder) oneOf(n *yaml.Node, at string, known []string) string {
	if text := d.text(n, at, MaxName); slices.Contains(known, text) {
		return text
	}
	d.fault(n, "%s: want %s, got %s", at, strings.Join(known, ", "), kindOf(n))
	return ""
}

func (d *decoder) readPins(n *yaml.Node, at string) []pinText {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	if len(list) == 0 || len(list) > MaxPins {
		d.fault(n, "%s: %d pins, want 1 to %d", at, len(list), MaxPins)
		return nil
	}
	var pins []pinText
	for i, c := range list {
		p := pinText{line: c.Line, at: 1}
		before := len(d.faults)
		d.object(c, place(n, at, i), fields{
			"item": func(n *yaml.Node, at string) { p.item = d.text(n, at, MaxText) },
			"at":   func(n *yaml.Node, at string) { p.at = d.whole(n, at, 1, MaxPlace) },
		})
		if p.item == "" && len(d.faults) == before {
			d.fault(c, "%s: item: missing", place(n, at, i))
		}
		pins = append(pins, p)
	}
	return pins
}

// place names an element of what may be one or a list.
func place(n *yaml.Node, at string, i int) string {
	if n.Kind != yaml.SequenceNode {
		return at
	}
	return fmt.Sprintf("%s[%d]", at, i)
}

// readChoices reads one choice of items or a list of them, each with a factor where by is set.
func (d *decoder) readChoices(n *yaml.Node, at string, by bool) []choiceText {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	if len(list) == 0 || len(list) > MaxChoices {
		d.fault(n, "%s: %d choices, want 1 to %d", at, len(list), MaxChoices)
		return nil
	}
	var choices []choiceText
	for i, c := range list {
		choices = append(choices, d.readChoice(c, place(n, at, i), by))
	}
	return choices
}

func (d *decoder) readChoice(n *yaml.Node, at string, by bool) choiceText {
	c := choiceText{line: n.Line}
	before := len(d.faults)
	known := fields{
		"item":     func(n *yaml.Node, at string) { c.items = d.texts(n, at) },
		"category": func(n *yaml.Node, at string) { c.categories = d.texts(n, at) },
		"brand":    func(n *yaml.Node, at string) { c.brands = d.texts(n, at) },
		"tag":      func(n *yaml.Node, at string) { c.tags = d.texts(n, at) },
		"where":    func(n *yaml.Node, at string) { c.where = d.expression(n, at, itemNames) },
	}
	if by {
		known["by"] = func(n *yaml.Node, at string) { c.by = float32(d.number(n, at, 1.0/MaxFactor, MaxFactor)) }
	}
	d.object(n, at, known)
	if len(d.faults) > before {
		return c
	}
	if len(c.items)+len(c.categories)+len(c.brands)+len(c.tags) == 0 && c.where == nil {
		d.fault(n, "%s: chooses nothing: want item, category, brand, tag or where", at)
	}
	if by && c.by == 0 {
		d.fault(n, "%s: by: missing", at)
	}
	return c
}

// expression reads and compiles one.
func (d *decoder) expression(n *yaml.Node, at string, known names) *expression {
	source := d.text(n, at, MaxSource)
	if source == "" || len(source) > MaxSource {
		return nil
	}
	x, err := compileExpression(source, known)
	if err != nil {
		d.fault(n, "%s: %v", at, err)
	}
	return x
}
