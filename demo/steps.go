package demo

import (
	"context"
	"strconv"

	"github.com/edged/edged/origin"
	"github.com/edged/edged/publish"
	"github.com/edged/edged/release"
	"github.com/edged/edged/train"
)

// releaseDir is where the n-th release is trained into.
func (d *demo) releaseDir() string { return d.path(releasesDir, strconv.Itoa(d.trained)) }

func (d *demo) train(ctx context.Context) error {
	d.trained++
	card, err := train.Run(ctx, train.Sources(d.world.dir), d.releaseDir(), d.fs, d.trainConfig(), nil)
	if err != nil {
		return err
	}
	c := card.Counts
	d.out.done("train", "ALS, %d factors, %d sweeps: %s visitors × %s items, %s pairs", card.Config.Factors, card.Config.Sweeps,
		count(c.Visitors), count(c.Items), count(c.Pairs))
	return nil
}

// trainConfig is the default, but for the simulated shop's a0: 0.3 finds a fifth more of its last week than 0.1 does.
func (d *demo) trainConfig() train.Config {
	cfg := train.Config{Clock: d.cfg.Clock}
	if d.world.shop != nil {
		cfg.A0 = 0.3
	}
	return cfg
}

func (d *demo) makeKeys(context.Context) error {
	trust, err := release.InitKeys(d.fs, d.path(keysDir))
	if err != nil {
		return err
	}
	d.out.done("keys", "demo keys; releases are signed by %.12s…", trust.KeyIDs(release.RoleRelease)[0])
	return nil
}

func (d *demo) publish(ctx context.Context) error {
	o, err := origin.Open(d.fs, d.path(originDir))
	if err != nil {
		return err
	}
	r, err := publish.Run(ctx, publish.Config{FS: d.fs, Release: d.releaseDir(), Origin: o, Keys: d.path(keysDir), Clock: d.cfg.Clock})
	if err != nil {
		return err
	}
	d.release = r.Release
	d.out.done("publish", "release %s: %s in %d chunks, %s packed, signed", r.Release, size(r.Size), r.Chunks, size(r.Packed))
	return nil
}
