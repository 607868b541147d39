package inspect

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edged/edged/release"
)

// WriteText writes the inspection for people.
func (in *Inspection) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line(in.Kind, "%s", in.Address)
	if in.Release != "" {
		line("release", "%s", in.Release)
		line("manifest", "%s", in.Manifest)
		line("signed by", "%s", signers(in.Signatures))
	}
	if len(in.Forced) > 0 {
		line("signed by force", "outside the limits: %s", strings.Join(in.Forced, ", "))
	}
	line("created", "%s", in.Created.UTC().Format(time.RFC3339))
	if r := in.Root; r != nil {
		line("root", "%d, expires %s", r.Version, r.Expires.UTC().Format(time.RFC3339))
		for _, role := range release.Roles() {
			q := r.Roles[role]
			line("  "+string(role), "%d of %s", q.Threshold, strings.Join(q.Keys, ", "))
		}
	}
	if r := in.Rollout; r != nil {
		line("rollout", "%d, issued %s, expires %s, signed by %s", r.Version, r.Issued.UTC().Format(time.RFC3339), r.Expires.UTC().Format(time.RFC3339), signers(r.Signatures))
	}
	if r := in.Rollout; r != nil && r.Canary != nil {
		line("canary", "%s, %g %% of the nodes %s", r.Canary.Release.ID(), float64(r.Canary.Share)*100/release.Whole, strings.Join(r.Canary.Zones, " "))
	}
	c := in.Counts
	line("model", "%d items, dimension %d, %d users, %d neighbours an item, %d trend lists", c.Items, c.Dim, c.Users, c.Neighbours, c.Trends)
	if len(c.Goals) > 0 {
		line("blends", "for %s; %d table entries, %d of sessions", strings.Join(c.Goals, ", "), c.Table, c.Session)
	}
	if in.Release != "" {
		line("rules", "%s", in.Rules.text())
	}
	line("catalogue", "%s", strings.Join(c.Fields, ", "))
	line("verified", "hashes, checksums, references, %d known answers", c.Checks)
	for _, h := range in.Held {
		line("held", "%s, %s%s%s", h.Release, h.Role, flag(h.Revoked, ", by keys revoked since"), fault(h.Fault))
	}
	for i := range in.Components {
		in.Components[i].write(line)
	}
	if len(in.Card) > 0 {
		line("card", "%s", strings.TrimSpace(string(in.Card)))
	}
	return t.Flush()
}

func (c *Component) write(line func(string, string, ...any)) {
	packed := ""
	if c.Chunks > 0 {
		packed = fmt.Sprintf(", %d bytes in %d chunks", c.Packed, c.Chunks)
	}
	line("component "+c.Name, "%d bytes%s", c.Size, packed)
	for _, s := range c.Sections {
		line("  "+s.Name, "%d bytes%s%s", s.Size, flag(s.Critical, " critical"), flag(s.Hot, " hot"))
	}
}

func signers(list []Signature) string {
	var out []string
	for _, s := range list {
		out = append(out, s.Key+flag(s.Revoked, " (revoked since)")+flag(!s.Trusted && !s.Revoked, " (not verified)"))
	}
	return strings.Join(out, ", ")
}

func fault(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func flag(on bool, text string) string {
	if on {
		return text
	}
	return ""
}
