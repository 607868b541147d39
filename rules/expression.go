package rules

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"

	"github.com/edged/edged/internal/near"
)

// Expressions are written in the language of expr-lang, of which the part without calls and loops is taken:
//
//	and or not && || !   == != < <= > >=   in, not in   contains startsWith endsWith   "text" 1.5 true ["a", "b"]
//
// They are parsed by expr and compiled to a tree that is evaluated over bytes without allocating. What is missing equals
// nothing and is in nothing: any comparison with it is false, its opposites (!=, not in) true. Text that reads as a number or as
// true or false counts as one where it is compared with one.

// names are what an expression may speak of: plain ones, and prefixes of free ones (visitor.tier).
type names struct {
	plain  []string
	prefix string
	mute   []string // among plain: not told to whoever names an unknown one
}

// told are the names to choose from.
func (n *names) told() []string {
	return slices.DeleteFunc(slices.Clone(n.plain), func(name string) bool { return contains(n.mute, name) })
}

// hint says what may have been meant by an unknown name, or what there is.
func (n *names) hint(base, property string) string {
	if property == "" {
		if hint := near.DidYouMean(base, n.told()); hint != "" {
			return hint
		}
	} else if near.Name(base, []string{n.prefix}) != "" && base != n.prefix {
		return "; did you mean " + clip(n.prefix+"."+property) + "?"
	}
	return fmt.Sprintf("; known: %s, %s.NAME", strings.Join(n.told(), ", "), n.prefix)
}

var (
	requestNames = names{[]string{"slot", "country", "device", "segment"}, "visitor", nil}
	itemNames    = names{[]string{"title", "brand", "currency", "price", "categories", "tags", "published", "expires"}, "attributes", nil}
	// whereNames are itemNames for conditions that are translated, where some of them are refused by what they are.
	whereNames = names{itemNames.plain, itemNames.prefix, []string{"title", "currency"}}
)

// expression is a compiled condition. It is immutable.
type expression struct {
	source string
	root   *node
	nodes  int
	names  []string // variables, by their number
}

// environment gives the values of an expression's variables.
type environment interface {
	value(name string) Value
}

// holds evaluates the expression.
func (x *expression) holds(env environment) bool { return x.root.holds(env) }

// operator is what a node does.
type operator uint8

const (
	opAnd operator = iota
	opOr
	opNot
	opTrue // a value, taken as a condition
	opEqual
	opLess
	opLessEqual
	opIn
	opContains
	opStartsWith
	opEndsWith
)

// node is a condition: of two others (and, or, not), or of two operands.
type node struct {
	op          operator
	left, right *node
	a, b        operand
}

// operand is a variable where it has a name, else a constant.
type operand struct {
	name  string
	value Value
}

func (o *operand) of(env environment) Value {
	if o.name != "" {
		return env.value(o.name)
	}
	return o.value
}

func (n *node) holds(env environment) bool {
	switch n.op {
	case opAnd:
		return n.left.holds(env) && n.right.holds(env)
	case opOr:
		return n.left.holds(env) || n.right.holds(env)
	case opNot:
		return !n.left.holds(env)
	case opTrue:
		v := n.a.of(env)
		return v.equal(&yes)
	}
	a, b := n.a.of(env), n.b.of(env)
	switch n.op {
	case opEqual:
		return a.equal(&b)
	case opLess:
		return a.compare(&b) < 0
	case opLessEqual:
		c := a.compare(&b)
		return c <= 0 && c != incomparable
	case opIn:
		return b.holdsOne(&a)
	}
	if a.kind != kindText || b.kind != kindText {
		return false
	}
	switch n.op {
	case opContains:
		return bytes.Contains(a.text, b.text)
	case opStartsWith:
		return bytes.HasPrefix(a.text, b.text)
	}
	return bytes.HasSuffix(a.text, b.text)
}

// compiler turns expr's tree into ours.
type compiler struct {
	known names
	x     *expression
	nodes int
}

// noNumber is what the parser says of a number that it can't read.
var noNumber = regexp.MustCompile(`^invalid \w+ literal: strconv\.\w+: parsing "([^"]*)": (?:value )?(.*)`)

func compileExpression(source string, known names) (*expression, error) {
	cfg := conf.CreateNew()
	cfg.MaxNodes = maxParts
	tree, err := parser.ParseWithConfig(source, cfg)
	if err != nil && strings.Contains(err.Error(), "maximum allowed nodes") {
		return nil, errTooLarge
	}
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(noNumber.ReplaceAllString(first, `number $1: $2`))
	}
	c := &compiler{known: known, x: &expression{source: source}}
	if c.x.root, err = c.condition(tree.Node); err != nil {
		return nil, err
	}
	c.x.nodes = c.nodes
	return c.x, nil
}

// maxParts bounds names, constants and operators together, those of lists among them.
const maxParts = 2 * MaxNodes

var errTooLarge = fmt.Errorf("more than %d conditions, or %d names, constants and operators", MaxNodes, maxParts)

func (c *compiler) condition(n ast.Node) (*node, error) {
	if c.nodes++; c.nodes > MaxNodes {
		return nil, errTooLarge
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			inner, err := c.condition(n.Node)
			return &node{op: opNot, left: inner}, err
		}
	case *ast.BoolNode:
		return &node{op: opTrue, a: constant(n)}, nil
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode:
		a, err := c.operand(n)
		return &node{op: opTrue, a: a}, err
	}
	return nil, fmt.Errorf("%s is no condition", clip(n.String()))
}

// comparisons by expr's names. A > B is B < A.
var comparisons = map[string]struct {
	op            operator
	swapped, deny bool
}{
	"==": {op: opEqual}, "!=": {op: opEqual, deny: true},
	"<": {op: opLess}, "<=": {op: opLessEqual}, ">": {op: opLess, swapped: true}, ">=": {op: opLessEqual, swapped: true},
	"in": {op: opIn}, "contains": {op: opContains}, "startsWith": {op: opStartsWith}, "endsWith": {op: opEndsWith},
}

func (c *compiler) binary(n *ast.BinaryNode) (*node, error) {
	switch n.Operator {
	case "&&", "and":
		return c.both(opAnd, n)
	case "||", "or":
		return c.both(opOr, n)
	}
	what, ok := comparisons[n.Operator]
	if !ok {
		return nil, fmt.Errorf("operator %s is not taken", n.Operator)
	}
	a, errA := c.operand(n.Left)
	b, errB := c.operand(n.Right)
	if err := errors.Join(errA, errB); err != nil {
		return nil, err
	}
	if err := checkComparison(n, what.op, &a, &b); err != nil {
		return nil, err
	}
	if what.swapped {
		a, b = b, a
	}
	out := &node{op: what.op, a: a, b: b}
	if what.deny {
		out = &node{op: opNot, left: out}
	}
	return out, nil
}

// checkComparison refuses what could never hold.
func checkComparison(n *ast.BinaryNode, op operator, a, b *operand) error {
	fail := func(why string) error { return fmt.Errorf("%s: %s", clip(n.String()), why) }
	list := func(o *operand) bool { return o.name == "" && o.value.kind == kindList }
	text := func(o *operand) bool { return o.name != "" || o.value.kind == kindText }
	switch {
	case a.name == "" && b.name == "":
		return fail("compares two constants")
	case op == opIn && b.name == "" && !list(b):
		return fail("want a list after in")
	case list(a) || op != opIn && list(b):
		return fail("a list stands only after in")
	case op >= opContains && !(text(a) && text(b)):
		return fail("takes text only")
	case (op == opLess || op == opLessEqual) && (a.value.kind == kindBool || b.value.kind == kindBool):
		return fail("true and false have no order")
	}
	return nil
}

func (c *compiler) both(op operator, n *ast.BinaryNode) (*node, error) {
	left, errA := c.condition(n.Left)
	if errors.Is(errA, errTooLarge) {
		return nil, errA
	}
	right, errB := c.condition(n.Right)
	return &node{op: op, left: left, right: right}, errors.Join(errA, errB)
}

// operand reads a constant or a variable.
func (c *compiler) operand(n ast.Node) (operand, error) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return c.variable(n.Value, "", n)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.ChainNode:
		return c.operand(n.Node)
	case *ast.ArrayNode:
		return c.list(n)
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return constant(n), nil
	case *ast.UnaryNode:
		inner, err := c.operand(n.Node)
		if err == nil && n.Operator == "-" && inner.name == "" && inner.value.kind == kindNumber {
			inner.value.number = -inner.value.number
			return inner, nil
		}
	}
	return operand{}, fmt.Errorf("%s: want a name or a constant", clip(n.String()))
}

func (c *compiler) member(n *ast.MemberNode) (operand, error) {
	base, isName := n.Node.(*ast.IdentifierNode)
	property, isText := n.Property.(*ast.StringNode)
	if !isName || !isText {
		return operand{}, fmt.Errorf("%s: want %s.NAME", clip(n.String()), c.known.prefix)
	}
	return c.variable(base.Value, property.Value, n)
}

func (c *compiler) variable(base, property string, n ast.Node) (operand, error) {
	name := base
	switch {
	case property == "" && contains(c.known.plain, base):
	case property != "" && base == c.known.prefix && len(property) <= MaxName:
		name = base + "." + property
	default:
		return operand{}, errors.New("unknown name " + clip(n.String()) + c.known.hint(base, property))
	}
	if !contains(c.x.names, name) {
		c.x.names = append(c.x.names, name)
	}
	return operand{name: name}, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (c *compiler) list(n *ast.ArrayNode) (operand, error) {
	o := operand{value: Value{kind: kindList}}
	for _, e := range n.Nodes {
		one, err := c.operand(e)
		if err != nil {
			return o, err
		}
		if one.name != "" || one.value.kind == kindList {
			return o, fmt.Errorf("%s: a list holds constants only", clip(n.String()))
		}
		o.value.list = append(o.value.list, one.value)
	}
	return o, nil
}

func constant(n ast.Node) operand {
	switch n := n.(type) {
	case *ast.StringNode:
		return operand{value: Text([]byte(n.Value))}
	case *ast.IntegerNode:
		return operand{value: Number(float64(n.Value))}
	case *ast.FloatNode:
		return operand{value: Number(n.Value)}
	case *ast.BoolNode:
		return operand{value: Bool(n.Value)}
	}
	panic("BUG: no constant: " + strconv.Quote(n.String()))
}
