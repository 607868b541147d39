package inspect

import (
	"fmt"

	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
)

// rulesComponent is the document of rules in a manifest.
const rulesComponent = "rules"

// Rules are those that travel with the release.
type Rules struct {
	Version  string   `json:"version"` // as answers name it
	Rules    int      `json:"rules"`
	Warnings []string `json:"warnings"` // what the catalogue has nothing of
}

// rules compiles the rules of a published release, where it has any, as a node does. read gives the document.
func (in *inspector) rules(m *release.Manifest, read func() ([]byte, error)) error {
	if _, ok := m.Component(rulesComponent); !ok {
		return nil
	}
	document, err := read()
	if err != nil {
		return fmt.Errorf("%s: %w", rulesComponent, err)
	}
	set, faults := rules.Compile(document, in.out.ranker.Model())
	if set == nil {
		return fmt.Errorf("%s: they don't load: %w", rulesComponent, rules.Joined(faults))
	}
	in.out.ranker = in.out.ranker.WithRules(set)
	in.out.Rules = &Rules{Version: set.Version(), Rules: set.Len(), Warnings: []string{}}
	for _, f := range faults {
		in.out.Rules.Warnings = append(in.out.Rules.Warnings, f.String())
	}
	return nil
}

// text is a word on the rules of a release, nil where there are none.
func (r *Rules) text() string {
	if r == nil {
		return "none"
	}
	return fmt.Sprintf("%s, %d of them", r.Version, r.Rules)
}

// same reports whether two releases have the same rules.
func (r *Rules) same(other *Rules) bool {
	return r == other || r != nil && other != nil && r.Version == other.Version
}
