package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edged/edged/release"
)

// askFlags name a node whose cluster is asked who tries a release: that hangs on names and the release alone, so of few nodes a small share may be nobody.
type askFlags struct {
	Node string `help:"Admin address of a node: say which members of its cluster try the release, and warn where none does." placeholder:"URL"`

	accessFlags `embed:""`
}

// members are those of the node's cluster; nil where none is named.
func (f *askFlags) members(ctx context.Context) (*clusterState, error) {
	if f.Node == "" {
		return nil, nil
	}
	admin, err := f.at(f.Node, 10*time.Second)
	if err != nil {
		return nil, err
	}
	var s clusterState
	if err := admin.Get(ctx, "/v1/admin/cluster", &s); err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	if len(s.Members) == 0 {
		return nil, errors.New("nothing was changed: the node knows of no members")
	}
	return &s, nil
}

// tries says which members try a canary.
func (s *clusterState) tries(c *release.Canary) string {
	var names []string
	first, at := "", release.Whole
	for _, m := range s.Members {
		if len(c.Zones) > 0 && !slices.Contains(c.Zones, m.Zone) {
			continue
		}
		if place := c.Place(m.Name); place < at {
			first, at = m.Name, place
		}
		if c.Picks(m.Name, m.Zone) {
			names = append(names, m.Name)
		}
	}
	of := fmt.Sprintf("release %s: of %d members now alive ", c.Release.ID(), len(s.Members))
	switch {
	case len(names) > 0:
		return of + fmt.Sprintf("%d try it: %s", len(names), strings.Join(names, ", "))
	case first == "":
		return of + "NOBODY tries it: none is in " + strings.Join(c.Zones, ", ")
	}
	return of + fmt.Sprintf("NOBODY tries it; the share that reaches one, %s, is %.4g%%: edged rollout canary --share %.4g%%", first, float64(at+1)*100/release.Whole, float64(at+1)*100/release.Whole)
}
