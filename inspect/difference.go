package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/edged/edged"
	"github.com/edged/edged/compare"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
	"github.com/edged/edged/snapshot"
)

// Difference is what one release changes beside another.
type Difference struct {
	Before   Name                `json:"before"`
	Now      Name                `json:"now"`
	Figures  []compare.Figure    `json:"figures"` // of the publish gate, by its usual limits
	Added    Ids                 `json:"added"`
	Removed  Ids                 `json:"removed"`
	Gained   []Shift             `json:"gained"` // items whose place in popularity has risen most
	Lost     []Shift             `json:"lost"`
	Sections []SectionDifference `json:"sections"`
	Rules    *RulesDifference    `json:"rules,omitempty"` // of published releases, where they are not the same
	Visitors []compare.Visitor   `json:"visitors"`        // of the sample, with what they get
}

// RulesDifference is the rules of both; nil: none.
type RulesDifference struct {
	Before *Rules `json:"before"`
	Now    *Rules `json:"now"`
}

// Name says which release, and where it lies.
type Name struct {
	Address string `json:"address"`
	Release string `json:"release,omitempty"`
	Revoked bool   `json:"revoked,omitempty"` // keys revoked since signed it
}

func (n *Name) text() string {
	return n.Address + " " + n.Release + flag(n.Revoked, ", signed by keys revoked since")
}

// Ids are how many, and the first of them.
type Ids struct {
	Count int      `json:"count"`
	First []string `json:"first"`
}

// Shift is an item's place in the order of popularity, from 1.
type Shift struct {
	Item   string `json:"item"`
	Before int    `json:"before"`
	Now    int    `json:"now"`
}

// SectionDifference is a section beside the one of the same name; a size of −1: there is none.
type SectionDifference struct {
	Component string  `json:"component"`
	Name      string  `json:"name"`
	Before    int     `json:"before"`
	Now       int     `json:"now"`
	Same      float64 `json:"same"` // share of the bytes that are the same at the same place
}

// Bounds of what is shown.
const (
	shownIDs    = 10
	shownShifts = 5
)

// Against compares two releases that were inspected, for so many sample visitors.
func (in *Inspection) Against(before *Inspection, visitors int) *Difference {
	d := &Difference{Before: Name{before.Address, before.Release, before.Revoked}, Now: Name{in.Address, in.Release, in.Revoked}}
	d.Figures = compare.Gate(before.compared(), in.compared(), compare.Limits{}, compare.Sample{}).Figures
	d.Added, d.Removed = missing(in.ranker, before.ranker), missing(before.ranker, in.ranker)
	d.Gained, d.Lost = shifts(before.ranker.Model(), in.ranker.Model())
	for _, k := range kinds {
		d.Sections = append(d.Sections, sectionsOf(k.component, before.files[k.component], in.files[k.component])...)
	}
	if in.Release != "" && before.Release != "" && !in.Rules.same(before.Rules) { // a directory has none yet
		d.Rules = &RulesDifference{before.Rules, in.Rules}
	}
	d.Visitors = compare.Visitors(before.ranker, in.ranker, visitors)
	return d
}

func (in *Inspection) compared() *compare.Release {
	r := &compare.Release{Ranker: in.ranker}
	for _, c := range in.Components {
		r.Bytes += c.Size
	}
	var card struct {
		Quantised struct {
			Recall float64 `json:"recall"`
		} `json:"quantised"`
	}
	if json.Unmarshal(in.Card, &card) == nil {
		r.Recall = card.Quantised.Recall
	}
	return r
}

// missing lists the items of one that the other lacks.
func missing(of, from *rank.Ranker) Ids {
	list := Ids{First: []string{}}
	for row := range of.Model().Len() {
		id := of.Model().ID(edged.Row(row))
		if _, ok := from.Model().Row(id); ok {
			continue
		}
		if list.Count++; list.Count <= shownIDs {
			list.First = append(list.First, id)
		}
	}
	return list
}

// shifts lists the items that have gained and lost most places, among the 1,000 most popular of either.
func shifts(before, now *model.Model) (gained, lost []Shift) {
	was, is := places(before), places(now)
	var all []Shift
	for id, place := range is {
		if old, ok := was[id]; ok && old != place && min(old, place) <= 1000 {
			all = append(all, Shift{id, old, place})
		}
	}
	slices.SortFunc(all, func(a, b Shift) int {
		if by := (a.Now - a.Before) - (b.Now - b.Before); by != 0 {
			return by
		}
		return strings.Compare(a.Item, b.Item)
	})
	for i := range min(shownShifts, len(all)) {
		if s := all[i]; s.Now < s.Before {
			gained = append(gained, s)
		}
		if s := all[len(all)-1-i]; s.Now > s.Before {
			lost = append(lost, s)
		}
	}
	return gained, lost
}

func places(m *model.Model) map[string]int {
	at := make(map[string]int, m.Len())
	for i, row := range m.Popular() {
		at[m.ID(row)] = i + 1
	}
	return at
}

func sectionsOf(component string, before, now *snapshot.File) (list []SectionDifference) {
	for _, s := range now.Sections() {
		b := bytesOf(now, s.Name)
		d := SectionDifference{Component: component, Name: s.Name, Before: -1, Now: len(b)}
		if old := bytesOf(before, s.Name); old != nil {
			d.Before, d.Same = len(old), sameShare(old, b)
		}
		list = append(list, d)
	}
	for _, s := range before.Sections() {
		if _, ok := now.Len(s.Name); !ok {
			n, _ := before.Len(s.Name)
			list = append(list, SectionDifference{Component: component, Name: s.Name, Before: n, Now: -1})
		}
	}
	return list
}

func bytesOf(f *snapshot.File, name string) []byte {
	n, ok := f.Len(name)
	if !ok {
		return nil
	}
	b, err := f.ReadAt(make([]byte, 0, n), name, 0, n)
	if err != nil {
		return nil
	}
	return b
}

// sameShare is the share of the longer one's bytes that are the same at the same place.
func sameShare(a, b []byte) float64 {
	if bytes.Equal(a, b) {
		return 1
	}
	same := 0
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			same++
		}
	}
	return float64(same) / float64(max(len(a), len(b)))
}

// WriteText writes the difference for people.
func (d *Difference) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("before", "%s", d.Before.text())
	line("now", "%s", d.Now.text())
	for _, f := range d.Figures {
		line("  "+f.Name, "%s%s", f.What, flag(f.Fault != "", ": "+f.Fault))
	}
	line("items added", "%d: %s", d.Added.Count, strings.Join(d.Added.First, ", "))
	line("items removed", "%d: %s", d.Removed.Count, strings.Join(d.Removed.First, ", "))
	for _, s := range append(slices.Clone(d.Gained), d.Lost...) {
		line("popularity", "%s: place %d, was %d", s.Item, s.Now, s.Before)
	}
	for _, s := range d.Sections {
		line("  "+s.Component+" "+s.Name, "%s", s.text())
	}
	if d.Rules != nil {
		line("rules", "%s; were %s", d.Rules.Now.text(), d.Rules.Before.text())
	}
	for i := range d.Visitors {
		v := &d.Visitors[i]
		line("visitor", "had %s", strings.Join(v.Recent, " "))
		line("  before", "%s", strings.Join(v.Before, " "))
		line("  now", "%s (%.0f %% the same)", strings.Join(v.Now, " "), 100*v.Overlap())
	}
	return t.Flush()
}

func (s SectionDifference) text() string {
	switch {
	case s.Before < 0:
		return fmt.Sprintf("new, %d bytes", s.Now)
	case s.Now < 0:
		return fmt.Sprintf("gone, %d bytes", s.Before)
	}
	return fmt.Sprintf("%d bytes, were %d, %.1f %% the same", s.Now, s.Before, 100*s.Same)
}
