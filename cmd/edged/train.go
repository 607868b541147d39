package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/train"
)

// hyper are the model's settings, the same for training and evaluation. What is 0 is chosen by --auto, or else the trainer's default.
type hyper struct {
	Factors           int                `help:"Length of an embedding, a multiple of 8; 0: chosen, or 64."`
	A0                float64            `help:"Weight of what was not observed; 0: chosen, or 0.1." name:"a0"`
	Reg               float64            `help:"Regularisation (lambda); 0: chosen, or 0.01."`
	Nu                float64            `help:"How regularisation grows with a row's observations." default:"1"`
	Sweeps            int                `help:"Passes of alternating least squares." default:"10"`
	Seed              uint64             `help:"Seed of the random start and of samples; one seed and input give the same bytes." default:"1"`
	Threads           int                `help:"Threads; 0: as many as there are cores. Never changes the result." default:"0"`
	EventWeights      map[string]float64 `help:"Weight of each event type, 'view=1;purchase=2'; types not named are ignored. Default: view, click, cart, purchase and like weigh 1." placeholder:"TYPE=W;…"`
	TrendHalfLifeDays float64            `help:"Half-life of the trend lists and of what is popular, in days; 0: chosen, or 14."`
	PlaceVisitors     int                `help:"Distinct visitors from whom on an item counts in the list of their country; 1: one is enough." default:"5"`
	Neighbours        int                `help:"Neighbours kept for each item." default:"50"`
	Shrink            float64            `help:"Shrinkage of the cosine between items." default:"10"`
	Pin               string             `help:"Take the configuration of this model card or report: nothing is chosen, and other settings of the model are refused." placeholder:"FILE" type:"path"`
	Trials            int                `help:"Models that --auto may fit; every round makes one at least, so that there may be some more, which is then said." default:"300"`
	TimeLimit         time.Duration      `help:"Ends the trials of --auto early, and the card says so; 0: never."`
}

func (h hyper) config(auto bool) (train.Config, error) {
	if h.Pin != "" {
		return h.pinned()
	}
	c := train.Config{
		Factors: h.Factors, A0: h.A0, Reg: h.Reg, Nu: h.Nu, Sweeps: h.Sweeps, Seed: h.Seed, Threads: h.Threads,
		TrendHalfLifeDays: h.TrendHalfLifeDays, PlaceVisitors: h.PlaceVisitors, Neighbours: h.Neighbours, Shrink: h.Shrink, Auto: auto, Trials: h.Trials, TimeLimit: h.TimeLimit,
	}
	for name, w := range h.EventWeights {
		if c.EventWeights == nil {
			c.EventWeights = map[edged.EventType]float64{}
		}
		c.EventWeights[edged.EventType(name)] = w
	}
	return c, nil
}

// pinned is the configuration that a model card or a report of an evaluation says.
func (h hyper) pinned() (train.Config, error) {
	info, err := os.Stat(h.Pin)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file: %s", h.Pin, wantPin)
	}
	if err != nil {
		return train.Config{}, fmt.Errorf("pin: %w", err)
	}
	text, err := vfs.ReadFile(vfs.OS, h.Pin, maxPin)
	if err != nil {
		return train.Config{}, fmt.Errorf("pin: %w: %s", err, wantPin)
	}
	config, err := parsePin(text)
	if err != nil {
		return train.Config{}, fmt.Errorf("pin: %s: %w", h.Pin, err)
	}
	config.Threads = h.Threads
	return config, nil
}

// parsePin takes the configuration out of a card or a report. A key in it that is unknown would be a wish not granted.
func parsePin(text []byte) (config train.Config, err error) {
	var card struct{ Config json.RawMessage }
	if err := json.Unmarshal(text, &card); err != nil {
		return config, err
	}
	if len(card.Config) == 0 || string(card.Config) == "null" {
		return config, errors.New("no config: " + wantPin)
	}
	d := json.NewDecoder(bytes.NewReader(card.Config))
	d.DisallowUnknownFields()
	if err := d.Decode(&config); err != nil {
		return config, fmt.Errorf("config: %w", err)
	}
	return config, nil
}

const wantPin = "want the card.json of a release, or a report of edged eval"

// overPinned are the flags that --pin leaves nothing to.
var overPinned = []string{"factors", "a0", "reg", "nu", "sweeps", "seed", "event-weights", "trend-half-life-days", "place-visitors", "neighbours", "shrink", "auto", "trials", "time-limit"}

// besidePin reports what was asked for beside --pin, on the command line, by a variable or in the file, and would be ignored.
func besidePin(k *kong.Context) error {
	pin, faults := false, []error(nil)
	for _, p := range k.Path {
		if p.Flag == nil {
			continue
		}
		pin = pin || p.Flag.Name == "pin" && k.FlagValue(p.Flag) != ""
		if slices.Contains(overPinned, p.Flag.Name) && k.FlagValue(p.Flag) != false {
			faults = append(faults, fmt.Errorf("%s: --pin takes it from the card, and chooses nothing: leave one of the two out", camel(p.Flag.Name)))
		}
	}
	if !pin {
		return nil
	}
	return errors.Join(faults...)
}

// maxPin bounds a card.
const maxPin = 64 << 20

// check reports what is impossible. A zero that was asked for is not a default that was left out.
func (h hyper) check() error {
	c, err := h.config(false)
	if err != nil {
		return err
	}
	c.EnsureDefaults()
	return errors.Join(h.zeros(), c.Validate())
}

func (h hyper) zeros() error {
	var faults []error
	for _, f := range []struct {
		name string
		zero bool
	}{
		{"nu", h.Nu == 0}, {"sweeps", h.Sweeps == 0}, {"seed", h.Seed == 0},
		{"neighbours", h.Neighbours == 0}, {"shrink", h.Shrink == 0}, {"trials", h.Trials == 0},
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
	Auto bool   `help:"Choose models and settings by trials on the last part of the data." default:"true" negatable:""`

	Overlay  string `help:"Overlay to fold in, as 'edged overlay export' wrote it: what it says of items stands in the release, and nodes that serve it need those entries no longer." placeholder:"FILE" type:"path"`
	Previous string `help:"Release to go on from, so that the new one is a small update. Default: the one in --out, if there is one." placeholder:"DIR" type:"path"`
	Anew     bool   `help:"Go on from no release, and choose anew."`
	hyper
}

func (trainCmd) Help() string {
	return `Examples:

  edged train --data shop --out release
  edged train --data shop --out again --pin release/card.json`
}

func (c *trainCmd) check() error {
	if c.Anew && c.Previous != "" {
		return errors.Join(errors.New("anew: goes on from no release: leave --previous out"), c.hyper.check())
	}
	return c.hyper.check()
}

func (c *trainCmd) Run(ctx context.Context, std streams) error {
	train.SpareMemory()
	dir, err := data.OpenDir(vfs.OS, c.Data)
	if err != nil {
		return err
	}
	defer dir.Close()
	cfg, err := c.config(c.Auto)
	if err != nil {
		return err
	}
	cfg.Overlay = c.Overlay
	if cfg.Previous = cmp.Or(c.Previous, c.Out); c.Anew {
		cfg.Previous = ""
	}
	p := newProgress(std.err)
	summary, err := train.Run(ctx, train.Sources(dir), c.Out, vfs.OS, cfg, p.trainStep)
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
