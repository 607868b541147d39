package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/serve"
	"github.com/edged/edged/train"
)

type evalCmd struct {
	Data      string   `help:"Data directory." placeholder:"DIR" type:"path"`
	Protocol  string   `help:"temporal trains on what came before the split time and asks what came after; leave-last keeps back the end of every history; session asks for the next item of the sessions after the split time; files takes --train and --test. Default: temporal, or files where they are given." enum:"temporal,leave-last,session,files," default:""`
	SplitTime string   `help:"First moment of the test period: 2010-09-01, 2010-09-01T12:00:00 or RFC 3339." placeholder:"TIME"`
	Zone      string   `help:"Time zone of a split time without one." default:"UTC"`
	Folds     int      `help:"temporal: so many tests one after the other up to the newest event, each trained for anew on all before it." default:"1"`
	Share     float64  `help:"leave-last: how much of a history is kept back; 0: its last item."`
	Repeats   bool     `help:"temporal: ask first for any item, repeats among them, not for new ones."`
	Ratings   bool     `help:"temporal, leave-last: events carry a rating as their value; foretell those kept back (RMSE)."`
	Anonymous bool     `help:"session: sessions without a user count too."`
	Train     string   `help:"File of pairs to learn from, lines 'user item item …', plain or gzip." placeholder:"FILE" type:"path"`
	Test      string   `help:"File of pairs to ask for." placeholder:"FILE" type:"path"`
	Auto      bool     `help:"Choose models and settings by trials on the training part." negatable:""`
	K         int      `help:"Length of the lists." default:"20" short:"k"`
	Types     []string `help:"Only these event types count." placeholder:"TYPE,…"`
	JSON      string   `help:"Write the report as JSON to this file, - for standard output." placeholder:"FILE" name:"json"`
	Report    string   `help:"Write the report as one page of HTML to this file." placeholder:"FILE" type:"path"`
	Served    bool     `help:"Put the release behind the HTTP of a node on loopback, ask it once more that way, and say what each step from floats to there cost."`
	Previous  string   `help:"Release to go on from, as 'edged train' does: made of events before the split." placeholder:"DIR" type:"path"`
	hyper

	split time.Time
}

func (evalCmd) Help() string {
	return `Examples:

  edged eval --auto --data shop --split-time 2010-09-01 --k 20 --json report.json --report report.html
  edged eval --auto --data shop --protocol session --split-time 2010-11-12
  edged eval --auto --train train.txt --test test.txt`
}

func (c *evalCmd) check() error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		err = fmt.Errorf("zone: %w", err)
	}
	if c.SplitTime != "" {
		split, err2 := train.ParseSplit(c.SplitTime, zone)
		if err2 != nil {
			err = errors.Join(err, fmt.Errorf("splitTime: %w", err2))
			split = time.UnixMilli(1) // said, if badly: not missing as well
		}
		c.split = split
	}
	if c.K == 0 {
		err = errors.Join(err, errors.New("k: 0, want 1 or more"))
	}
	if files := c.Train != "" || c.Test != ""; files == (c.Data != "") {
		err = errors.Join(err, errors.New("data: want a data directory, or else --train and --test"))
	}
	cfg, err3 := c.evalConfig()
	if err3 != nil {
		return errors.Join(err, err3)
	}
	cfg.EnsureDefaults()
	return errors.Join(err, c.zeros(), cfg.Validate())
}

func (c *evalCmd) evalConfig() (train.EvalConfig, error) {
	model, err := c.config(c.Auto)
	cfg := train.EvalConfig{Protocol: c.Protocol, SplitTime: c.split, Share: c.Share, Folds: c.Folds, Repeats: c.Repeats, Ratings: c.Ratings, Anonymous: c.Anonymous, K: c.K, Config: model}
	cfg.Config.Previous = c.Previous
	if c.Served {
		cfg.Serve = listen
	}
	for _, t := range c.Types {
		cfg.Types = append(cfg.Types, edged.EventType(t))
	}
	if c.Train != "" {
		cfg.Train = &train.PairFile{Name: c.Train}
	}
	if c.Test != "" {
		cfg.Test = &train.PairFile{Name: c.Test}
	}
	return cfg, err
}

func (c *evalCmd) Run(ctx context.Context, std streams) (err error) {
	cfg, err := c.evalConfig()
	if err != nil {
		return err
	}
	var sources []train.Source
	if c.Data != "" {
		dir, err := data.OpenDir(vfs.OS, c.Data)
		if err != nil {
			return err
		}
		defer dir.Close()
		sources = train.Sources(dir)
	}
	for _, pairs := range []*train.PairFile{cfg.Train, cfg.Test} {
		if pairs == nil {
			continue
		}
		f, err := os.Open(pairs.Name)
		if err != nil {
			return err
		}
		defer f.Close()
		pairs.Reader = f
	}
	p := newProgress(std.err)
	report, err := train.Evaluate(ctx, sources, cfg, p.trainStep)
	p.done()
	if err != nil {
		return err
	}
	return errors.Join(show(std, c.JSON, report), writePage(c.Report, report))
}

// one is a release that stays.
type one struct{ *rank.Ranker }

func (o one) Current() *rank.Ranker { return o.Ranker }

// listen answers for a release on a free port of loopback, as a node does.
func listen(r *rank.Ranker, now time.Time) (url string, stop func() error, err error) {
	s, err := serve.New(serve.Config{Releases: one{r}, Clock: func() time.Time { return now }})
	if err != nil {
		return "", nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	return "http://" + ln.Addr().String(), func() error { return errors.Join(s.Shutdown(context.Background()), <-ended) }, nil
}

// writePage writes a report's page, if one was asked for.
func writePage(name string, report train.Report) (err error) {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return report.WriteHTML(f)
}
