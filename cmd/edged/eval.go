package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/train"
)

type evalCmd struct {
	Data      string   `help:"Data directory." placeholder:"DIR" required:"" type:"path"`
	Protocol  string   `help:"How to split: temporal trains on what came before the split time and tests on what came after." enum:"temporal" default:"temporal"`
	SplitTime string   `help:"First moment of the test period: 2010-09-01, 2010-09-01T12:00:00 or RFC 3339." placeholder:"TIME" required:""`
	Zone      string   `help:"Time zone of a split time without one." default:"UTC"`
	K         int      `help:"Length of the lists." default:"20" short:"k"`
	Types     []string `help:"Only these event types count." placeholder:"TYPE,…"`
	JSON      string   `help:"Write the report as JSON to this file, - for standard output." placeholder:"FILE" name:"json"`
	hyper

	split time.Time
}

func (evalCmd) Help() string {
	return "Example:\n\n  edged eval --data shop --split-time 2010-09-01 --k 20 --json report.json"
}

func (c *evalCmd) check() error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		err = fmt.Errorf("zone: %w", err)
	}
	split, err2 := train.ParseSplit(c.SplitTime, zone)
	if err2 != nil {
		err2 = fmt.Errorf("splitTime: %w", err2)
	}
	c.split = split
	var err3 error
	if c.K == 0 {
		err3 = errors.New("k: 0, want 1 or more")
	}
	cfg := c.evalConfig()
	cfg.EnsureDefaults()
	return errors.Join(err, err2, err3, c.zeros(), cfg.Validate())
}

func (c *evalCmd) evalConfig() train.EvalConfig {
	cfg := train.EvalConfig{Protocol: c.Protocol, SplitTime: c.split, K: c.K, Config: c.config()}
	for _, t := range c.Types {
		cfg.Types = append(cfg.Types, edged.EventType(t))
	}
	return cfg
}

func (c *evalCmd) Run(ctx context.Context, std streams) error {
	dir, err := data.OpenDir(vfs.OS, c.Data)
	if err != nil {
		return err
	}
	defer dir.Close()
	p := newProgress(std.err)
	report, err := train.Evaluate(ctx, train.Sources(dir), c.evalConfig(), p.trainStep)
	p.done()
	if err != nil {
		return err
	}
	return show(std, c.JSON, report)
}
