package train

import (
	"fmt"
	"strings"

	"github.com/edged/edged/eval"
	"github.com/edged/edged/model"
)

// inWords says plainly what a configuration is: what is learned, and how it is weighed for each goal.
func (c *Config) inWords() []eval.Fact {
	facts := []eval.Fact{{Name: "vectors", Value: fmt.Sprintf("%s, %d sweeps", factorTrial{c.als(), c.PairHalfLifeDays}, c.Sweeps)}}
	add := func(name, value string) { facts = append(facts, eval.Fact{Name: name, Value: value}) }
	if c.Table != nil {
		add("item table", fmt.Sprintf("%s; %d targets of an item", c.Table, c.Table.Row))
	} else {
		add("item table", "none")
	}
	if c.Session != nil {
		add("session table", c.Session.String())
	}
	popular := fmt.Sprintf("half-life %g days; in a country's list %g days, the world counting as %g events, an item from %d visitors on", c.TrendHalfLifeDays, c.PlaceHalfLifeDays, c.PlaceShrink, c.PlaceVisitors)
	if len(c.TrendBy) > 0 {
		popular += "; lists also by " + strings.Join(c.TrendBy, ", ")
	}
	add("what is popular", popular)
	for _, b := range c.Blends {
		add("for "+titles[string(b.Goal)], stagesInWords(b.Stages))
	}
	if len(c.Blends) == 0 {
		add("for any list", "vectors alone")
	}
	return facts
}

// stagesInWords are the weights of a blend.
func stagesInWords(stages []model.Stage) string {
	var all []string
	for _, s := range stages {
		var parts []string
		for _, p := range []struct {
			name   string
			weight float32
		}{{"item table", s.Table}, {"vectors", s.Factors}, {"popular", s.Popular}, {"had before", s.Repeat}, {"session table", s.Session}, {"earlier visits", s.Past}} {
			if p.weight > 0 {
				parts = append(parts, fmt.Sprintf("%.3g × %s", p.weight, p.name))
			}
		}
		text := strings.Join(parts, " + ")
		if s.From > 0 {
			text = fmt.Sprintf("from %d items on %s", s.From, text)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
