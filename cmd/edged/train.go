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

// hyper are the model's settings, the same for training and evaluation. Defaults are the trainer's.
type hyper struct {
	Factors           int                `help:"Length of an embedding, a multiple of 8." default:"64"`
	A0                float64            `help:"Weight of what was not observed." default:"0.1" name:"a0"`
	Reg               float64            `help:"Regularisation (lambda)." default:"0.01"`
	Nu                float64            `help:"How regularisation grows with a row's observations." default:"1"`
	Sweeps            int                `help:"Passes of alternating least squares." default:"10"`
	Seed              uint64             `help:"Seed of the random start; one seed and input give the same bytes." default:"1"`
	Threads           int                `help:"Threads; 0: as many as there are cores. Never changes the result." default:"0"`
	EventWeights      map[string]float64 `help:"Weight of each event type, 'view=1;purchase=2'; types not named are ignored. Default: view, click, cart, purchase and like weigh 1." placeholder:"TYPE=W;…"`
	TrendHalfLifeDays float64            `help:"Half-life of the trend lists." default:"14"`
	Neighbours        int                `help:"Neighbours kept for each item." default:"50"`
	Shrink            float64            `help:"Shrinkage of the cosine between items." default:"10"`
}

func (h hyper) config() train.Config {
	c := train.Config{
		Factors: h.Factors, A0: h.A0, Reg: h.Reg, Nu: h.Nu, Sweeps: h.Sweeps, Seed: h.Seed, Threads: h.Threads,
		TrendHalfLifeDays: h.TrendHalfLifeDays, Neighbours: h.Neighbours, Shrink: h.Shrink,
	}
	for name, w := range h.EventWeights {
		if c.EventWeights == nil {
			c.EventWeights = map[edged.EventType]float64{}
		}
		c.EventWeights[edged.EventType(name)] = w
	}
	return c
}

// check reports what is impossible. A zero that was asked for is not a default that was left out.
func (h hyper) check() error {
	c := h.config()
	c.EnsureDefaults()
	return errors.Join(h.zeros(), c.Validate())
}

func (h hyper) zeros() error {
	var faults []error
	for _, f := range []struct {
		name string
		zero bool
	}{
		{"factors", h.Factors == 0}, {"a0", h.A0 == 0}, {"reg", h.Reg == 0}, {"nu", h.Nu == 0}, {"sweeps", h.Sweeps == 0}, {"seed", h.Seed == 0},
		{"trendHalfLifeDays", h.TrendHalfLifeDays == 0}, {"neighbours", h.Neighbours == 0}, {"shrink", h.Shrink == 0},
	} {
		if f.zero {
			faults = append(faults, fmt.Errorf("%s: 0, want above 0", f.name))
		}
	}
	return errors.Join(faults...)
}

type trainCmd struct {
	Data string `help:"Data directory (see 'edged import')." placeholder:"DIR" required:"" type:"path"`
	Out  string `help:"Release directory to write." placeholder:"DIR" required:"" type:"path"`
	hyper
}

func (trainCmd) Help() string { return "Example:\n\n  edged train --data shop --out release" }

func (c *trainCmd) check() error { return c.hyper.check() }

func (c *trainCmd) Run(ctx context.Context, std streams) error {
	dir, err := data.OpenDir(vfs.OS, c.Data)
	if err != nil {
		return err
	}
	defer dir.Close()
	p := newProgress(std.err)
	summary, err := train.Run(ctx, train.Sources(dir), c.Out, vfs.OS, c.config(), p.trainStep)
	p.done()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%s: %s\n", c.Out, summary)
	return err
}

// trainStep shows a step of the trainer.
func (p *progress) trainStep(s train.Step) {
	state := ""
	if s.Total > 0 {
		state = fmt.Sprintf("%d of %d %s, ", s.Done, s.Total, s.Unit)
	} else if s.Done > 0 {
		state = fmt.Sprintf("%d %s, ", s.Done, s.Unit)
	}
	state += s.Took.Round(time.Millisecond).String()
	if s.Note != "" {
		state += ", " + s.Note
	}
	p.update(s.Name, state)
}
