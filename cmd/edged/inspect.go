package main

import (
	"context"

	"github.com/edged/edged/inspect"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/release"
)

type inspectCmd struct {
	Place string `arg:"" help:"A release directory, an origin, or a node's directory."`
	Trust string `help:"trust.json; without it signatures are shown but not judged." placeholder:"FILE" type:"path"`
	JSON  bool   `help:"As JSON." name:"json"`
}

func (inspectCmd) Help() string {
	return "Verifies every byte, and fails with the fault's place if one is wrong.\n\nExamples:\n\n  edged inspect release\n  edged inspect origin --trust keys/trust.json"
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
	found, err := inspect.Open(ctx, vfs.OS, c.Place, trust)
	if err != nil {
		return err
	}
	if c.JSON {
		return encodeJSON(std.out, found)
	}
	return found.WriteText(std.out)
}
