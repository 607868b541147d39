package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/edged/edged/client"
	"github.com/edged/edged/inspect"
	"github.com/edged/edged/node"
)

type statusCmd struct {
	nodeFlags `embed:""`

	Diff     bool   `help:"Instead: what the release served changes beside the one before. Every byte of both is read."`
	Release  uint64 `help:"With --diff: version of another release held instead of the one served." placeholder:"VERSION"`
	Against  uint64 `help:"With --diff: version of another release held instead of the one before." placeholder:"VERSION"`
	Visitors int    `help:"With --diff: how many sample visitors to show, with what each gets from both." default:"5"`

	JSON bool `help:"As JSON." name:"json"`
}

func (statusCmd) Help() string {
	return `Examples:

  edged status

  edged status --node https://10.0.0.5:8081 --key-file admin.key

  edged status --diff`
}

func (c *statusCmd) check() error {
	switch {
	case !c.Diff && (c.Release != 0 || c.Against != 0):
		return errors.New("release, against: want --diff")
	case c.Visitors < 0 || c.Visitors > 100:
		return errors.New("visitors: want 0 to 100")
	}
	return nil
}

// nodeState is what a node says of itself.
type nodeState struct {
	Status   node.Status      `json:"status"`
	Releases []client.Release `json:"releases"`
	Members  clusterState     `json:"cluster"`
	Chunks   []client.Chunks  `json:"chunks"`
	Overlay  *client.Overlay  `json:"overlay"`
}

type clusterState struct {
	Gossip  bool `json:"gossip"`
	Members []struct {
		Name string `json:"name"`
		Addr string `json:"addr"`
		Zone string `json:"zone"`
		Self bool   `json:"self"`
	} `json:"members"`
}

func (c *statusCmd) Run(ctx context.Context, std streams) error {
	if c.Diff {
		return c.difference(ctx, std)
	}
	admin, err := c.admin()
	if err != nil {
		return err
	}
	var s nodeState
	err = errors.Join(admin.Get(ctx, "/v1/admin/release", &s.Status), admin.Get(ctx, "/v1/admin/cluster", &s.Members))
	if err != nil {
		return err
	}
	var errs [3]error
	s.Releases, errs[0] = admin.Releases(ctx)
	s.Chunks, errs[1] = admin.Chunks(ctx)
	s.Overlay, errs[2] = admin.Overlay(ctx, "", 0)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	if c.JSON {
		return encodeJSON(std.out, s)
	}
	return s.write(std.out)
}

// differenceTimeout is how long a node may read two releases.
const differenceTimeout = 5 * time.Minute

func (c *statusCmd) difference(ctx context.Context, std streams) error {
	admin, err := c.adminWithin(differenceTimeout)
	if err != nil {
		return err
	}
	var d inspect.Difference
	path := fmt.Sprintf("/v1/admin/releases/difference?release=%d&against=%d&visitors=%d", c.Release, c.Against, c.Visitors)
	if err := admin.Get(ctx, path, &d); err != nil {
		return err
	}
	if c.JSON {
		return encodeJSON(std.out, &d)
	}
	return d.WriteText(std.out)
}

func (s *nodeState) write(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	serves := s.Status.Release
	for _, more := range []struct {
		is   bool
		text string
	}{{serves == "", "nothing"}, {s.Status.Pinned, ", rolled back here"}, {s.Status.Canary, ", as a canary"}, {s.Status.Held, ", held"}} {
		if more.is {
			serves += more.text
		}
	}
	fmt.Fprintf(t, "serves\t%s\n", serves)
	fmt.Fprintf(t, "rollout\t%d, good until %s\n", s.Status.Rollout, s.Status.Expires.UTC().Format(time.RFC3339))
	fmt.Fprintf(t, "overlay\t%d of %d entries, version %s\n", s.Overlay.Entries, s.Overlay.Limit, s.Overlay.Version)
	for _, a := range s.Status.Alarms {
		fmt.Fprintf(t, "ALARM\t%s since %s: %s\n", a.Name, a.Since.UTC().Format(time.RFC3339), a.Text)
	}
	fmt.Fprintln(t, "\nHELD\tROLE\tTRAINED\tBYTES\tCHUNKS\tPACKED")
	for _, r := range s.Releases {
		if r.Fault != "" {
			fmt.Fprintf(t, "%.12s\t%s\t%s\n", r.Manifest, r.Role, r.Fault)
			continue
		}
		var size, packed int64
		chunks := 0
		for _, c := range r.Components {
			size, packed, chunks = size+c.Size, packed+c.Packed, chunks+c.Chunks
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\n", r.Release, r.Role, r.Created.UTC().Format(time.RFC3339), size, chunks, packed)
	}
	fmt.Fprintln(t, "\nMEMBER\tADDRESS\tZONE")
	for _, m := range s.Members.Members {
		name := m.Name
		if m.Self {
			name += " (this)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", name, m.Addr, m.Zone)
	}
	fmt.Fprintln(t, "\nPIECES OF\tON\tHAS\tOF\tWHICH")
	for _, c := range s.Chunks {
		for _, n := range c.Nodes {
			wanting := ""
			if n.Wanting {
				wanting = ", fetching"
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.60s%s\n", cmp.Or(c.Release, c.Manifest[:min(12, len(c.Manifest))]), n.Node, n.Count, c.Pieces, n.Have, wanting)
		}
	}
	return t.Flush()
}
