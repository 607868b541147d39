package data

import (
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // zones must work on machines without a time zone database

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"go.yaml.in/yaml/v3"
)

// fieldType says which keys a field takes beside those all have.
type fieldType uint8

const (
	textType fieldType = iota
	numberType
	timeType
	listType
)

// field reads one field. name stands in errors and reports.
func (p *mappingParser) field(name string, n *yaml.Node, t fieldType) *field {
	f := &field{name: strings.TrimPrefix(name, "events."), line: n.Line, slot: -1, zone: time.UTC}
	if n.Kind != yaml.MappingNode {
		f.slot = p.column(n, p.texts(n, name))
		p.require(n, f.slot)
		return f
	}
	source, optional := "", false
	zone := (*yaml.Node)(nil)
	p.eachKey(n, name, func(key string, k, v *yaml.Node) {
		what := name + "." + key
		switch key {
		case "column", "expr", "value":
			if source != "" {
				p.add(k, "%s: %s and %s, want one of them", name, source, key)
			}
			source = key
			p.fieldSource(f, what, key, v)
		case "optional":
			optional = p.boolean(v, what)
		case "zone":
			zone = v
			p.typed(k, what, t, timeType)
			f.zone = p.location(v, what)
		case "layout":
			p.typed(k, what, t, timeType)
			f.layout = p.scalar(v, what)
		case "split":
			p.typed(k, what, t, listType)
			f.split = p.scalar(v, what)
		default:
			p.fieldStep(f, what, key, k, v)
		}
	})
	if source == "" && len(f.when) == 0 {
		p.add(n, "%s: want column, expr or value", name)
	}
	if zone != nil && f.layout == "" {
		p.add(zone, "%s.zone: needs a layout", name)
	}
	if f.slot >= 0 && !optional {
		p.require(n, f.slot)
	}
	return f
}

func (p *mappingParser) typed(n *yaml.Node, what string, t, want fieldType) {
	if t != want {
		p.add(n, "%s: no such key for this field", what)
	}
}

func (p *mappingParser) fieldSource(f *field, what, key string, v *yaml.Node) {
	switch key {
	case "column":
		f.slot = p.column(v, p.texts(v, what))
	case "expr":
		f.expr = p.program(v, what)
	case "value":
		f.value = p.scalar(v, what)
	}
}

// fieldStep reads the keys that every field takes.
func (p *mappingParser) fieldStep(f *field, what, key string, k, v *yaml.Node) {
	switch key {
	case "when":
		f.when = p.rules(v, what)
	case "trim":
		f.trim = p.boolean(v, what)
	case "rename":
		f.rename = map[string]string{}
		p.eachKey(v, what, func(from string, _, to *yaml.Node) { f.rename[from] = p.scalar(to, what) })
	case "case":
		if p.oneOf(v, what, "upper", "lower") == "upper" {
			f.fold = strings.ToUpper
		} else {
			f.fold = strings.ToLower
		}
	case "default":
		f.fallback = p.scalar(v, what)
	case "match":
		f.match = p.regexp(v, what)
	default:
		p.add(k, "%s: unknown key", what)
	}
}

func (p *mappingParser) regexp(n *yaml.Node, what string) *regexp.Regexp {
	re, err := regexp.Compile(p.scalar(n, what))
	if err != nil {
		p.add(n, "%s: %v", what, err)
	}
	return re
}

func (p *mappingParser) location(n *yaml.Node, what string) *time.Location {
	name := p.scalar(n, what)
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		p.add(n, "%s: unknown time zone %q", what, clip(name))
		return time.UTC
	}
	return loc
}

func (p *mappingParser) rules(n *yaml.Node, what string) (list []rule) {
	if n.Kind != yaml.SequenceNode {
		p.add(n, "%s: want a list of {if, value}, found %s", what, nodeKind(n))
		return nil
	}
	for _, c := range n.Content {
		var r rule
		p.eachKey(c, what, func(key string, k, v *yaml.Node) {
			switch key {
			case "if":
				r.cond = p.condition(v, what+".if")
			case "value":
				r.value = p.scalar(v, what+".value")
			default:
				p.add(k, "%s.%s: unknown key", what, key)
			}
		})
		if r.cond == nil {
			p.add(c, "%s: want {if, value}", what)
			continue
		}
		list = append(list, r)
	}
	return list
}

func (p *mappingParser) program(n *yaml.Node, what string) *program { return p.compile(n, what) }

func (p *mappingParser) condition(n *yaml.Node, what string) *program {
	return p.compile(n, what, expr.AsBool())
}

// compile compiles an expression whose variables are columns, which it makes slots of.
func (p *mappingParser) compile(n *yaml.Node, what string, options ...expr.Option) *program {
	source := p.scalar(n, what)
	tree, err := parser.Parse(source)
	if err != nil {
		p.add(n, "%s: %s", what, oneLine(err))
		return &program{}
	}
	names := &columnNames{}
	ast.Walk(&tree.Node, names)
	pr, env := &program{}, map[string]any{}
	for _, name := range names.columns() {
		slot := p.column(n, []string{name})
		p.require(n, slot)
		pr.slots, pr.names = append(pr.slots, slot), append(pr.names, name)
		env[name] = ""
	}
	pr.code, err = expr.Compile(source, append(options, expr.Env(env))...)
	if err != nil {
		p.add(n, "%s: %s", what, oneLine(err))
	}
	return pr
}

// oneLine drops the drawing below an expression's error.
func oneLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

// columnNames collects the variables of an expression, but for those it declares itself.
type columnNames struct {
	found    []string
	declared map[string]bool
	calls    map[string]bool
}

// Visit implements ast.Visitor.
func (c *columnNames) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value != "$env" {
			c.found = append(c.found, n.Value)
		}
	case *ast.MemberNode:
		object, isName := n.Node.(*ast.IdentifierNode)
		column, isText := n.Property.(*ast.StringNode)
		if isName && isText && object.Value == "$env" {
			c.found = append(c.found, column.Value)
		}
	case *ast.VariableDeclaratorNode:
		c.declared = with(c.declared, n.Name)
	case *ast.CallNode:
		if callee, isName := n.Callee.(*ast.IdentifierNode); isName {
			c.calls = with(c.calls, callee.Value)
		}
	}
}

func with(set map[string]bool, name string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	set[name] = true
	return set
}

func (c *columnNames) columns() (list []string) {
	seen := map[string]bool{}
	for _, name := range c.found {
		if !seen[name] && !c.declared[name] && !c.calls[name] {
			list = append(list, name)
		}
		seen[name] = true
	}
	return list
}
