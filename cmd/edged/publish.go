package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
)

type publishCmd struct {
	Release  string        `help:"Release directory, as 'edged train' wrote it." placeholder:"DIR" type:"path"`
	Origin   string        `help:"Where nodes look: a directory, or a file:// or s3:// URL." placeholder:"URL" required:""`
	Keys     string        `help:"Directory with the keys of the roles release and freshness (see 'edged keys'); to refresh, freshness is enough." placeholder:"DIR" required:"" type:"path"`
	Validity time.Duration `help:"How long nodes take updates from this rollout before it must be renewed; a minute or more." default:"720h"`
	Above    uint64        `help:"The origin's rollout is lost or damaged, or keys signed it that were stolen and revoked: give out versions above this one. Nodes show what they accepted at /v1/admin/release. Wants --rules or --no-rules, and --force, for nobody knows any more what was offered." placeholder:"VERSION"`
	Canary   string        `help:"Only so many of the nodes serve it at first: 5% or 0.05 (see 'edged rollout')." placeholder:"SHARE"`
	Zones    []string      `help:"With --canary: only nodes of these zones." placeholder:"ZONE,…"`
	Rules    string        `help:"Document of rules, YAML or JSON (docs/rules.md), that travels with the release. Without it those of the release offered so far go on." placeholder:"FILE" type:"path"`
	NoRules  bool          `help:"The release is to have no rules."`

	askFlags `embed:""`

	RulesOnly bool `help:"Publish the release already there with these rules, or none: no model travels."`

	Refresh bool `help:"Renew the rollout of the release already there. Where the keys that signed it were revoked, this says that it is yours."`
	Force   bool `help:"Sign the release even where it is outside the limits, or what is offered so far cannot be read; nodes and 'edged inspect' see that."`

	Limit limitFlags `embed:"" prefix:"limit-"`

	JSON bool `help:"Print the result as JSON." name:"json"`
}

func (publishCmd) Help() string {
	return `Examples:

  edged publish --release release --origin origin --keys keys
  edged publish --release release --rules rules.yaml --origin origin --keys keys
  edged publish --rules-only --rules rules.yaml --origin origin --keys keys
  edged publish --release release --canary 5% --origin origin --keys keys
  edged publish --refresh --origin origin --keys keys`
}

// canary is nil where all nodes are to serve the release.
func (c *publishCmd) canary() (*publish.Canary, error) {
	if c.Canary == "" {
		if len(c.Zones) > 0 {
			return nil, errors.New("zones: of a canary; give --canary its share of their nodes, 100% for all")
		}
		return nil, nil
	}
	share, err := parseShare("canary", c.Canary)
	return &publish.Canary{Share: share, Zones: c.Zones}, err
}

func (c *publishCmd) check() error {
	var errs []error
	if c.Release == "" && !c.Refresh && !c.RulesOnly {
		errs = append(errs, errors.New("release: missing; name a release directory, or --refresh to renew what is there, or --rules-only to give it other rules"))
	}
	if c.Release != "" && (c.Refresh || c.RulesOnly) {
		errs = append(errs, errors.New("refresh, rulesOnly: are about the release already at the origin; leave --release out"))
	}
	if c.Node != "" && c.Canary == "" {
		errs = append(errs, errors.New("node: is asked who tries a canary; give --canary its share"))
	}
	errs = append(errs, c.checkRules())
	if _, err := c.canary(); err != nil {
		errs = append(errs, err)
	}
	if c.Validity < time.Minute {
		errs = append(errs, fmt.Errorf("validity: %v, want a minute or more", c.Validity))
	}
	return errors.Join(errs...)
}

func (c *publishCmd) checkRules() error {
	switch named := c.Rules != "" || c.NoRules; {
	case c.Rules != "" && c.NoRules:
		return errors.New("rules, noRules: a document, or none")
	case named && c.Refresh:
		return errors.New("refresh: changes nothing about rules; --rules-only does")
	case c.RulesOnly && c.Refresh:
		return errors.New("rulesOnly, refresh: one of them")
	case c.RulesOnly && !named:
		return errors.New("rules: missing; name a document, or --no-rules")
	}
	return nil
}

func (c *publishCmd) Run(ctx context.Context, std streams) error {
	o, err := origin.Open(vfs.OS, c.Origin)
	if err != nil {
		return err
	}
	p := newProgress(std.err)
	do := publish.Run
	switch {
	case c.Refresh:
		do = publish.Refresh
	case c.RulesOnly:
		do = publish.RulesOnly
	}
	canary, err := c.canary()
	if err != nil {
		return err
	}
	members, err := c.members(ctx)
	if err != nil {
		return err
	}
	result, err := do(ctx, publish.Config{
		Canary: canary, Limits: c.Limit.limits(), Force: c.Force, Release: c.Release, Rules: c.Rules, NoRules: c.NoRules, Origin: o, Keys: c.Keys, Validity: c.Validity, Above: c.Above,
		Progress: func(s publish.Step) { p.update(s.Name, publishState(s)) },
	})
	p.done()
	if err != nil {
		return err
	}
	if members != nil && result.Canary != nil {
		fmt.Fprintln(std.err, members.tries(result.Canary))
	}
	if c.JSON {
		return encodeJSON(std.out, result)
	}
	_, err = fmt.Fprintln(std.out, result)
	return err
}

func publishState(s publish.Step) string {
	if s.Total == 0 {
		return "done"
	}
	return fmt.Sprintf("%d of %d bytes", s.Done, s.Total)
}
