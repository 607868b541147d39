package main

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/edged/edged/inspect"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/release"
)

type inspectCmd struct {
	Place   string `arg:"" help:"A release directory, an origin, or a node's directory."`
	Release uint64 `help:"Version of a release that the origin's rollout names or the node holds; default: the one served." placeholder:"VERSION"`

	Against        string `help:"Say what the release changes beside the one at this place." placeholder:"PLACE"`
	AgainstRelease uint64 `help:"Version of the release to compare with; without --against, at the same place." placeholder:"VERSION"`
	Visitors       int    `help:"How many sample visitors to show, with what each gets from both." default:"5"`

	Trust string `help:"trust.json; without it signatures are shown but not judged." placeholder:"FILE" type:"path"`
	JSON  bool   `help:"As JSON." name:"json"`
}

func (inspectCmd) Help() string {
	return `Verifies every byte, and fails with the fault's place if one is wrong.

Examples:

  edged inspect release

  edged inspect origin --trust keys/trust.json

  edged inspect release --against origin --trust keys/trust.json

  edged inspect origin --release 8 --against-release 7 --trust keys/trust.json`
}

func (c *inspectCmd) check() error {
	if c.Visitors < 0 || c.Visitors > 1000 {
		return errors.New("visitors: want 0 to 1000")
	}
	return nil
}

func (c *inspectCmd) Run(ctx context.Context, std streams) error {
	var trust *release.Trust
	if c.Trust != "" {
		t, err := release.LoadTrust(vfs.OS, c.Trust)
		if err != nil {
			return err
		}
		trust = t
	}
	found, err := inspect.OpenRelease(ctx, vfs.OS, c.Place, c.Release, trust)
	if err != nil {
		return err
	}
	if c.Against == "" && c.AgainstRelease == 0 {
		return c.show(std, found)
	}
	before, err := inspect.OpenRelease(ctx, vfs.OS, cmp.Or(c.Against, c.Place), c.AgainstRelease, trust)
	if err != nil {
		return err
	}
	return c.show(std, found.Against(before, c.Visitors))
}

func (c *inspectCmd) show(std streams, what interface{ WriteText(io.Writer) error }) error {
	if c.JSON {
		return encodeJSON(std.out, what)
	}
	return what.WriteText(std.out)
}
