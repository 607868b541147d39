package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/release"
	"github.com/edged/edged/rules"
)

// rulesComponent is the document of rules, as its author wrote it. Manifests call it critical: a node that didn't know of rules would show what
// they exclude.
const rulesComponent = "rules"

// RulesOnly publishes the release offered so far with other rules, or with none: a new release of the same model and catalogue. Config.Release is not
// asked for; the files are read from the origin.
func RulesOnly(ctx context.Context, cfg Config) (Result, error) {
	return run(ctx, cfg, func(p *publisher) error {
		if (cfg.Rules == "") == !cfg.NoRules {
			return errors.New("rules alone: name a document of rules, or say that there are to be none")
		}
		if err := p.ready(); err != nil {
			return err
		}
		m, err := p.again(ctx)
		if err != nil {
			return err
		}
		if err := p.readRules(ctx); err != nil {
			return err
		}
		if err := p.gateRules(m); err != nil {
			return err
		}
		if err := p.addRules(ctx, m); err != nil {
			return err
		}
		return p.offer(ctx, m)
	})
}

// again is the manifest of the release offered so far as that of the next one, without rules.
func (p *publisher) again(ctx context.Context) (*release.Manifest, error) {
	if p.manifest == nil {
		return nil, fmt.Errorf("%s has no sound release to take the model of: publish one first (--release)", p.Origin)
	}
	if p.manifest.Plain() {
		return nil, fmt.Errorf("the release at %s is of the first format: publish it again from its directory (--release)", p.Origin)
	}
	p.Progress(Step{Name: "base"})
	var err error
	if p.base, err = p.loadBase(ctx); err != nil {
		return nil, err
	}
	if p.base == nil {
		return nil, fmt.Errorf("the release at %s is not whole, or above %d bytes: publish it again from its directory (--release)", p.Origin, maxBase)
	}
	p.opened = p.base.files
	opened, err := model.Open(p.opened["model"], p.opened["catalogue"])
	if err != nil {
		return nil, fmt.Errorf("the release at %s: %w: publish it again from its directory (--release)", p.Origin, err)
	}
	p.ranker = rank.New(opened, rank.Release{Created: p.manifest.Created}).WithClock(p.Clock)
	m := *p.manifest
	m.Version, m.Components, m.Critical = p.before.Highest+1, nil, nil
	for _, f := range files {
		c, _ := p.manifest.Component(f.component) // loadBase read it
		m.Components = append(m.Components, *c)
	}
	return &m, nil
}

// readRules finds the rules of the next release: those asked for, else those of the release offered so far. What doesn't load is not published.
func (p *publisher) readRules(ctx context.Context) (err error) {
	from := p.Rules
	switch {
	case p.NoRules:
	case p.Rules != "":
		p.rules, err = vfs.ReadFile(p.FS, p.Rules, rules.MaxDocument)
	default:
		from = "of the release offered so far"
		p.rules, err = p.rulesBefore(ctx)
	}
	if err != nil {
		return fmt.Errorf("rules %s: %w", from, err)
	}
	if p.rules == nil && p.Rules == "" {
		return nil
	}
	set, faults := rules.Compile(p.rules, p.ranker.Model())
	if set == nil {
		return fmt.Errorf("rules %s: not published, they don't load:\n%w", from, rules.Joined(faults))
	}
	p.ranker = p.ranker.WithRules(set)
	p.result.Rules, p.result.RulesCount = set.Version(), set.Len()
	for _, f := range faults {
		p.result.Warnings = append(p.result.Warnings, "rules: "+f.String())
	}
	return nil
}

// rulesBefore are the rules of the release offered so far, nil where it has none.
func (p *publisher) rulesBefore(ctx context.Context) ([]byte, error) {
	if p.manifest == nil {
		return nil, nil
	}
	c, ok := p.manifest.Component(rulesComponent)
	if !ok {
		return nil, nil
	}
	return p.joinRules(ctx, c)
}

var errRulesLost = errors.New("damaged at the origin; say which count from now on (--rules FILE), or that none do (--no-rules)")

// joinRules reads rules from the origin.
func (p *publisher) joinRules(ctx context.Context, c *release.Component) ([]byte, error) {
	if c.Size > rules.MaxDocument {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", errRulesLost, c.Size, rules.MaxDocument)
	}
	document, err := p.join(ctx, c)
	if err == nil && document == nil {
		err = errRulesLost
	}
	return document, err
}

// addRules puts the rules, where there are any, and names them.
func (p *publisher) addRules(ctx context.Context, m *release.Manifest) error {
	if p.rules == nil {
		return nil
	}
	c, err := release.Split(rulesComponent, bytes.NewReader(p.rules), release.Plan{}, func(piece release.Piece, packed []byte) error {
		return p.putChunk(ctx, piece, packed)
	})
	if err != nil {
		return fmt.Errorf("split: %w", err)
	}
	m.Components, m.Critical = append(m.Components, c), []string{rulesComponent}
	return nil
}
