package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"pgregory.net/rapid"
)

// variables is an environment of plain Go values, as expr takes them.
type variables map[string]any

func (v variables) value(name string) Value {
	if rest, ok := strings.CutPrefix(name, "visitor."); ok {
		return valueOf(v["visitor"].(map[string]any)[rest])
	}
	return valueOf(v[name])
}

func drawCondition(t *rapid.T, depth int) string {
	if depth == 0 {
		return drawComparison(t)
	}
	a, b := drawCondition(t, depth-1), drawCondition(t, rapid.IntRange(0, depth-1).Draw(t, "depth"))
	switch rapid.IntRange(0, 4).Draw(t, "op") {
	case 0:
		return fmt.Sprintf("(%s and %s)", a, b)
	case 1:
		return fmt.Sprintf("(%s || %s)", a, b)
	case 2:
		return fmt.Sprintf("not (%s)", a)
	case 3:
		return fmt.Sprintf("!(%s) && %s", a, b)
	}
	return fmt.Sprintf("%s or %s", a, b)
}

func drawComparison(t *rapid.T) string {
	text := rapid.SampledFrom([]string{"slot", "country", `visitor.tier`, `visitor["tier"]`}).Draw(t, "text")
	number := rapid.SampledFrom([]string{"visitor.age", "visitor.spent"}).Draw(t, "number")
	constant := rapid.SampledFrom([]string{`"hero"`, `"GB"`, `"go"`, `"gold"`, `""`}).Draw(t, "constant")
	order := rapid.SampledFrom([]string{"<", "<=", ">", ">=", "==", "!="}).Draw(t, "order")
	switch rapid.IntRange(0, 6).Draw(t, "comparison") {
	case 0:
		return fmt.Sprintf("%s %s %s", text, order, constant)
	case 1:
		return fmt.Sprintf("%s %s %v", number, order, rapid.SampledFrom([]float64{-1, 0, 17.5, 18, 40}).Draw(t, "bound"))
	case 2:
		return fmt.Sprintf("%s %s [%s, \"x\"]", text, rapid.SampledFrom([]string{"in", "not in"}).Draw(t, "in"), constant)
	case 3:
		return fmt.Sprintf("%s %s %s", text, rapid.SampledFrom([]string{"contains", "startsWith", "endsWith"}).Draw(t, "part"), constant)
	case 4:
		return fmt.Sprintf("%s in visitor.likes", constant)
	case 5:
		return "visitor.member"
	}
	return fmt.Sprintf("visitor.member %s true", rapid.SampledFrom([]string{"==", "!="}).Draw(t, "equal"))
}

// TestExpressionsAgainstExpr holds our evaluation and expr's own together, for variables that all have values of one type.
func TestExpressionsAgainstExpr(t *testing.T) {
	held := 0
	rapid.Check(t, func(t *rapid.T) {
		env := variables{
			"slot":    rapid.SampledFrom([]string{"hero", "list"}).Draw(t, "slot"),
			"country": rapid.SampledFrom([]string{"GB", "NO"}).Draw(t, "country"),
			"visitor": map[string]any{
				"tier":   rapid.SampledFrom([]string{"gold", "silver"}).Draw(t, "tier"),
				"age":    rapid.SampledFrom([]float64{0, 17.5, 18, 40}).Draw(t, "age"),
				"spent":  rapid.SampledFrom([]float64{-1, 18, 1e6}).Draw(t, "spent"),
				"member": rapid.Bool().Draw(t, "member"),
				"likes":  []any{"hero", "gold"},
			},
		}
		source := drawCondition(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		x, err := compileExpression(source, requestNames)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		want, err := expr.Eval(source, map[string]any(env))
		if err != nil {
			t.Fatalf("%s: expr: %v", source, err)
		}
		if got := x.holds(env); got != want {
			t.Fatalf("%s is %v, expr says %v, of %v", source, got, want, env)
		}
		if want == true {
			held++
		}
	})
	if held == 0 {
		t.Error("no expression held: what was compared?")
	}
}

func TestMissingAndMixedValues(t *testing.T) {
	env := variables{"visitor": map[string]any{"age": "19", "member": "true", "tier": "gold", "list": []any{"a", 2.0}}}
	for source, want := range map[string]bool{
		`visitor.nothing == "x"`:             false,
		`visitor.nothing != "x"`:             true,
		`visitor.nothing < 5`:                false,
		`visitor.nothing >= 5`:               false,
		`visitor.nothing in ["x"]`:           false,
		`visitor.nothing not in ["x"]`:       true,
		`visitor.nothing`:                    false,
		`not visitor.nothing`:                true,
		`visitor.nothing == visitor.nowhere`: false,
		`visitor.age >= 18`:                  true,
		`visitor.age == 19.0`:                true,
		`visitor.age < "2"`:                  true, // as text
		`visitor.tier > 5`:                   false,
		`visitor.tier <= 5`:                  false,
		`visitor.member`:                     true,
		`visitor.member == true`:             true,
		`visitor.member == false`:            false,
		`visitor.age == true`:                false,
		`visitor.list == "a"`:                true,
		`2 in visitor.list`:                  true,
		`visitor.list in ["b", "a"]`:         true,
		`"b" in visitor.list`:                false,
		`visitor.tier contains "ol"`:         true,
		`visitor.list contains "a"`:          false,
		`visitor.tier startsWith "go"`:       true,
		`visitor.tier endsWith "ld"`:         true,
		`visitor.tier == -1`:                 false,
	} {
		x, err := compileExpression(source, requestNames)
		if err != nil {
			t.Errorf("%s: %v", source, err)
		} else if got := x.holds(env); got != want {
			t.Errorf("%s is %v, want %v", source, got, want)
		}
	}
}

func TestExpressionsRefused(t *testing.T) {
	for source, want := range map[string]string{
		`visitor.age > 1e999`:                "number 1e999: out of range (1:",
		`visitor.age > 1e`:                   "number 1e: invalid syntax (1:",
		`visitor.age > 99999999999999999999`: "number 99999999999999999999: out of range (1:",
		`visitor.age >`:                      "unexpected token",
		`age > 18`:                           "unknown name age; known: slot, country, device, segment, visitor.NAME",
		`visitor > 18`:                       "unknown name visitor",
		`visitor.a.b == 1`:                   "want visitor.NAME",
		`price > 18`:                         "unknown name price",
		`contry == "GB"`:                     "unknown name contry; did you mean country?",
		`visitors.age > 18`:                  "unknown name visitors.age; did you mean visitor.age?",
		`attributes.age > 18`:                "unknown name attributes.age; known: slot",
		`1 + 1`:                              "operator + is not taken",
		`visitor.age + 1 > 18`:               "want a name or a constant",
		`len(visitor.tier) > 3`:              "want a name or a constant",
		`any(visitor.list, # > 1)`:           "is no condition",
		`visitor.tier matches "a+"`:          "operator matches is not taken",
		`"a"`:                                "is no condition",
		`1 == 1`:                             "compares two constants",
		`visitor.tier in "gold"`:             "want a list after in",
		`["a"] == visitor.tier`:              "a list stands only after in",
		`visitor.tier in [slot]`:             "a list holds constants only",
		`visitor.tier contains 5`:            "takes text only",
		`visitor.tier < true`:                "no order",
		`visitor.tier ? true : false`:        "is no condition",
		`let x = 1; x > 0`:                   "is no condition",
		strings.Repeat("(", 300):             "",
		strings.Repeat("slot == \"a\" or ", 65) + "slot": "",
	} {
		x, err := compileExpression(source, requestNames)
		if err == nil {
			t.Errorf("%.60s: taken as %+v", source, x)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %q, want %q", source, err, want)
		}
	}
}
