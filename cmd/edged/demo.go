package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/edged/edged/demo"
)

type demoCmd struct {
	Events   []string `help:"Your own files instead of the simulated shop." placeholder:"FILE,…" type:"path"`
	Mapping  string   `help:"How to read them." placeholder:"FILE" type:"path"`
	Once     bool     `help:"Run the loop, print who was recommended what and why, and exit."`
	Dir      string   `help:"Directory for data, releases, keys and the nodes' state; default: a temporary one, removed at the end." placeholder:"DIR" type:"path"`
	Listen   string   `help:"Address of the storefront; default: 127.0.0.1:8088, or a free port where that is taken." placeholder:"ADDR"`
	Seed     uint64   `help:"Seed of the simulated shop." default:"1"`
	Products int      `help:"Products of the simulated shop, at most 100000." default:"2400"`
	Visitors int      `help:"Visitors of the simulated shop, at most 50000." default:"1500"`
	Verbose  bool     `help:"Show what the nodes log." short:"v"`
}

func (demoCmd) Help() string {
	return "Examples:\n\n  edged demo\n  edged demo --once\n  edged demo --events sales.csv --mapping mapping.yaml"
}

func (c *demoCmd) config(std streams) demo.Config {
	cfg := demo.Config{
		Dir: c.Dir, Events: c.Events, Mapping: c.Mapping, Once: c.Once, Listen: c.Listen, Out: std.out, Seed: c.Seed,
		Products: c.Products, Visitors: c.Visitors,
	}
	if c.Verbose {
		cfg.Logger = slog.New(slog.NewTextHandler(std.err, nil))
	}
	return cfg
}

func (c *demoCmd) check() error {
	cfg := c.config(streams{})
	return cfg.Validate()
}

func (c *demoCmd) Run(ctx context.Context, std streams) error {
	if err := demo.Run(ctx, c.config(std)); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
