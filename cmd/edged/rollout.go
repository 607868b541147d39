package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/release"
)

type rolloutCmd struct {
	Show     rolloutShowCmd     `cmd:"" help:"What the rollout says, and which releases can be gone to."`
	To       rolloutToCmd       `cmd:"" help:"All nodes serve a release that the origin has, newer or older."`
	Rollback rolloutRollbackCmd `cmd:"" help:"All nodes go back to the release that all served before, until another is published."`
	Pin      rolloutPinCmd      `cmd:"" help:"All nodes serve a release; newer ones are published and wait."`
	Hold     rolloutHoldCmd     `cmd:"" help:"Every node stays with what it serves, until resume or a command that says what to serve."`
	Resume   rolloutResumeCmd   `cmd:"" help:"End a hold or pin."`
	Canary   rolloutCanaryCmd   `cmd:"" help:"Some nodes try a newer release; or others do, or more."`
	Promote  rolloutPromoteCmd  `cmd:"" help:"All nodes serve the canary."`
	Abort    rolloutAbortCmd    `cmd:"" help:"The nodes of the canary go back to what the others serve."`
}

// steerFlags are what every change of the rollout needs.
type steerFlags struct {
	Origin   string        `help:"Where nodes look: a directory, or a file:// or s3:// URL." placeholder:"URL" required:""`
	Keys     string        `help:"Directory with the freshness key; to go back to an older release, the release key too." placeholder:"DIR" required:"" type:"path"`
	Validity time.Duration `help:"How long nodes take updates from this rollout before it must be renewed; a minute or more." default:"720h"`
	JSON     bool          `help:"Print the result as JSON." name:"json"`
}

func (f *steerFlags) check() error {
	if f.Validity < time.Minute {
		return fmt.Errorf("validity: %v, want a minute or more", f.Validity)
	}
	return nil
}

// steer makes the next rollout and says what it is.
func (f *steerFlags) steer(std streams, do func(publish.Config) (publish.Result, error)) error {
	o, err := origin.Open(vfs.OS, f.Origin)
	if err != nil {
		return err
	}
	result, err := do(publish.Config{Origin: o, Keys: f.Keys, Validity: f.Validity})
	if err != nil {
		return err
	}
	for _, note := range result.Notes {
		fmt.Fprintln(std.err, note)
	}
	if f.JSON {
		return encodeJSON(std.out, result.Steered)
	}
	return writeRollout(std.out, &publish.View{Rollout: result.Steered})
}

// writeRollout writes a rollout for people.
func writeRollout(w io.Writer, r *publish.View) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "rollout\t%d, good until %s\n", r.Version, r.Expires.UTC().Format(time.RFC3339))
	served := r.Release.ID()
	if r.Pin {
		served += ", pinned: newer ones wait"
	}
	if r.Rollback {
		served += ", a rollback"
	}
	fmt.Fprintf(t, "release\t%s\n", served)
	if r.Canary != nil {
		zones := ""
		if len(r.Canary.Zones) > 0 {
			zones = " of " + strings.Join(r.Canary.Zones, ", ")
		}
		fmt.Fprintf(t, "canary\t%s on %g %% of the nodes%s\n", r.Canary.Release.ID(), float64(r.Canary.Share)*100/release.Whole, zones)
	}
	if r.Hold {
		fmt.Fprintf(t, "hold\tevery node stays with what it serves\n")
	}
	if r.RollbackTo != nil {
		fmt.Fprintf(t, "rollback\tgoes to %s\n", r.RollbackTo.ID())
	} else if r.NoRollback != "" {
		fmt.Fprintf(t, "rollback\t%s\n", r.NoRollback)
	}
	for _, k := range r.Kept {
		fmt.Fprintf(t, "kept\t%s%s\n", k.ID(), standing(r.Rollout, k))
	}
	return t.Flush()
}

// standing says what else there is to know of a release kept.
func standing(r *release.Rollout, k release.Kept) string {
	switch {
	case k.Withdrawn:
		return ", withdrawn"
	case k.Version > r.Release.Version:
		return ", waits"
	}
	return ""
}

type rolloutShowCmd struct {
	Origin string `help:"Where nodes look." placeholder:"URL" required:""`
	Trust  string `help:"trust.json." placeholder:"FILE" required:"" type:"path"`
	JSON   bool   `help:"Print it as JSON." name:"json"`
}

func (rolloutShowCmd) Help() string {
	return "Example:\n\n  edged rollout show --origin origin --trust keys/trust.json"
}

func (c *rolloutShowCmd) Run(ctx context.Context, std streams) error {
	o, err := origin.Open(vfs.OS, c.Origin)
	if err != nil {
		return err
	}
	trust, err := release.LoadTrust(vfs.OS, c.Trust)
	if err != nil {
		return err
	}
	r, err := publish.Look(ctx, o, trust)
	if err != nil {
		return err
	}
	if c.JSON {
		return encodeJSON(std.out, r)
	}
	return writeRollout(std.out, r)
}

type rolloutToCmd struct {
	steerFlags `embed:""`

	Release uint64 `help:"Its version, as 'edged rollout show' lists it." placeholder:"VERSION" required:""`
}

func (rolloutToCmd) Help() string {
	return "Example:\n\n  edged rollout to --release 7 --origin origin --keys keys"
}

func (c *rolloutToCmd) Run(ctx context.Context, std streams) error {
	return c.steer(std, func(cfg publish.Config) (publish.Result, error) { return publish.Serve(ctx, cfg, c.Release) })
}

type rolloutRollbackCmd struct {
	steerFlags `embed:""`
}

func (rolloutRollbackCmd) Help() string {
	return "'edged rollout show' says which one that is: none that was withdrawn (aborted, gone back from, passed over), or that keys revoked since signed. Nodes that keep it (--keep) serve it without fetching anything.\n\nExample:\n\n  edged rollout rollback --origin origin --keys keys"
}

func (c *rolloutRollbackCmd) Run(ctx context.Context, std streams) error {
	return c.steer(std, func(cfg publish.Config) (publish.Result, error) { return publish.Serve(ctx, cfg, 0) })
}

type rolloutPinCmd struct {
	steerFlags `embed:""`

	Release uint64 `help:"Its version; default: the one that is served." placeholder:"VERSION"`
}

func (rolloutPinCmd) Help() string {
	return "Examples:\n\n  edged rollout pin --origin origin --keys keys\n\n  edged rollout pin --release 7 --origin origin --keys keys"
}

func (c *rolloutPinCmd) Run(ctx context.Context, std streams) error {
	return c.steer(std, func(cfg publish.Config) (publish.Result, error) { return publish.Pin(ctx, cfg, c.Release) })
}

type rolloutHoldCmd struct {
	steerFlags `embed:""`
}

func (rolloutHoldCmd) Help() string {
	return "Releases published meanwhile wait.\n\nExample:\n\n  edged rollout hold --origin origin --keys keys"
}

func (c *rolloutHoldCmd) Run(ctx context.Context, std streams) error {
	return c.steer(std, func(cfg publish.Config) (publish.Result, error) { return publish.Hold(ctx, cfg) })
}

type rolloutResumeCmd struct {
	steerFlags `embed:""`
}

func (rolloutResumeCmd) Help() string {
	return "Nodes serve the release that 'edged rollout show' names, then the next that is published; 'edged rollout to' goes to one that waited.\n\nExample:\n\n  edged rollout resume --origin origin --keys keys"
}

func (c *rolloutResumeCmd) Run(ctx context.Context, std streams) error {
	return c.steer(std, func(cfg publish.Config) (publish.Result, error) { return publish.Resume(ctx, cfg) })
}

// shareFlags say which nodes try a release.
type shareFlags struct {
	Share string   `help:"Share of the nodes: 5% or 0.05. A wider one keeps the nodes that had it." default:"100%"`
	Zones []string `help:"Only nodes of these zones (--gossip-zone)." placeholder:"ZONE,…"`
}

func (f *shareFlags) canary() (publish.Canary, error) {
	share, err := parseShare("share", f.Share)
	return publish.Canary{Share: share, Zones: f.Zones}, err
}

func parseShare(setting, text string) (float64, error) {
	digits, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share <= 1) {
		return 0, fmt.Errorf("%s: %q, want 5%% or 0.05: above 0 and at most all", setting, text)
	}
	return share, nil
}

type rolloutCanaryCmd struct {
	steerFlags `embed:""`
	shareFlags `embed:""`
	askFlags   `embed:""`

	Release uint64 `help:"Its version; default: the canary there is." placeholder:"VERSION"`
}

func (rolloutCanaryCmd) Help() string {
	return `Which nodes try a release hangs on their names and the release alone, and is told to none of them. A share is that of many nodes: 5% of ten is nobody in 60 of 100
releases. --node says who it is.

Examples:

  edged publish --release release --canary 5% --origin origin --keys keys

  edged rollout canary --share 25% --origin origin --keys keys

  edged rollout canary --share 5% --node http://127.0.0.1:8081 --origin origin --keys keys

  edged rollout canary --share 100% --zones eu-west,eu-north --origin origin --keys keys`
}

func (c *rolloutCanaryCmd) check() error {
	_, err := c.canary()
	return errors.Join(err, c.steerFlags.check())
}

func (c *rolloutCanaryCmd) Run(ctx context.Context, std streams) error {
	canary, err := c.canary()
	if err != nil {
		return err
	}
	members, err := c.members(ctx)
	if err != nil {
		return err
	}
	return c.steer(std, func(cfg publish.Config) (publish.Result, error) {
		r, err := publish.Try(ctx, cfg, c.Release, canary)
		if err == nil && members != nil {
			r.Notes = append(r.Notes, members.tries(r.Steered.Canary))
		}
		return r, err
	})
}

type rolloutPromoteCmd struct {
	steerFlags `embed:""`
}

func (rolloutPromoteCmd) Help() string {
	return "Example:\n\n  edged rollout promote --origin origin --keys keys"
}

func (c *rolloutPromoteCmd) Run(ctx context.Context, std streams) error {
	return c.steer(std, func(cfg publish.Config) (publish.Result, error) { return publish.Promote(ctx, cfg) })
}

type rolloutAbortCmd struct {
	steerFlags `embed:""`
}

func (rolloutAbortCmd) Help() string {
	return "Example:\n\n  edged rollout abort --origin origin --keys keys"
}

func (c *rolloutAbortCmd) Run(ctx context.Context, std streams) error {
	return c.steer(std, func(cfg publish.Config) (publish.Result, error) { return publish.Abort(ctx, cfg) })
}
