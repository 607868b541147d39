package eval

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"f": func(x float64) string { return fmt.Sprintf("%.4f", x) },
	"d": func(x float64) string { return fmt.Sprintf("%+.4f", x) },
	"g": func(x float64) string { return fmt.Sprintf("%.3g", x) },
	"percent": func(before, after float64) string {
		if before == 0 {
			return "–"
		}
		return fmt.Sprintf("%+.2f %%", 100*(after-before)/before)
	},
}).Parse(pageText))

// page is what the template shows.
type page struct {
	Title, Subtitle, Method string
	Tiles                   []tile
	Sections                []section
	Serving                 []Loss
	Ratings                 *Ratings
	Choice                  []Fact
	Selection               *Selection
	Winner                  *Trial // of the blends for new items; nil: not known
	TrialPlot               template.HTML
	Facts                   []Fact
}

// tile is one figure in large type.
type tile struct{ Value, Text string }

// section is one question.
type section struct {
	Title, Text     string
	K, Users, Cases int
	Bars, Curves    template.HTML
	Rows            []pageRow
	Shows           shows
	Comparisons     []Comparison
	Groups          []pageGroups
}

type pageRow struct {
	Row
	Own bool
}

type pageGroups struct {
	Dimension string
	Rows      []pageGroup
}

type pageGroup struct {
	Name         string
	Users        int
	Own, Popular Metrics
	Low, High    float64
}

// WriteHTML writes the report as one page that needs nothing else: no script, no font, no other file.
func (r *Report) WriteHTML(w io.Writer) error {
	p := page{Title: r.Title, Serving: r.Serving, Ratings: r.Ratings, Selection: r.Selection, Choice: r.Choice, Facts: r.Facts}
	if p.Title == "" {
		p.Title = "What would have been recommended, and what was chosen"
	}
	p.Subtitle = "Protocol: " + r.Protocol
	if !r.SplitTime.IsZero() {
		p.Subtitle += ", test from " + r.SplitTime.Format(time.DateOnly)
	}
	p.Method = "Everything below was learned from one part of the data and then asked about another that it had not seen. All items compete for every list. Plain models stand beside what a node serves, because a figure alone says nothing."
	parts := append([]Part{r.Part}, r.Parts...)
	if r.Cold != nil {
		parts = append(parts, *r.Cold)
	}
	for i := range parts {
		if len(parts[i].Results) > 0 {
			p.Sections = append(p.Sections, parts[i].section())
			p.Tiles = append(p.Tiles, parts[i].tile())
		}
	}
	if r.Selection != nil {
		p.TrialPlot, p.Winner = plotTrials(r.Selection.Trials), r.Selection.winner()
	}
	return pageTemplate.Execute(w, p)
}

// result finds a model's row; nil where there is none.
func (p *Part) result(model string) *Row {
	for i := range p.Results {
		if p.Results[i].Model == model {
			return &p.Results[i]
		}
	}
	return nil
}

// own is the row that serves, popular the plainest one.
func (p *Part) own() *Row {
	if r := p.result(p.Chosen); r != nil {
		return r
	}
	return &p.Results[len(p.Results)-1]
}
func (p *Part) popular() *Row { return &p.Results[0] }

func (p *Part) tile() tile {
	return tile{fmt.Sprintf("%.0f of 100", 100*p.own().HitRate),
		fmt.Sprintf("%s: found something they chose among %d items; %.0f by %s", p.Name, p.K, 100*p.popular().HitRate, p.popular().Model)}
}

func (p *Part) section() section {
	s := section{Shows: p.shows(), Title: p.Name, Text: p.Question, K: p.K, Users: p.Users, Cases: p.Cases, Comparisons: p.Comparisons}
	own := p.own()
	for _, r := range p.Results {
		s.Rows = append(s.Rows, pageRow{r, r.Model == own.Model})
	}
	s.Bars, s.Curves, s.Groups = plotBars(p.Results, own.Model), plotCurves(p.Results, own.Model), p.groups()
	return s
}

// shows says which figures a section has: of items that nobody had there is no popularity, for one.
type shows struct{ Novelty, Diversity, Lift bool }

func (p *Part) shows() (s shows) {
	for _, r := range p.Results {
		s.Novelty, s.Diversity, s.Lift = s.Novelty || r.Novelty > 0, s.Diversity || r.Diversity > 0, s.Lift || r.PopularityLift > 0
	}
	return s
}

// groups are the served row's, beside the popular one's.
func (p *Part) groups() (all []pageGroups) {
	popular := make(map[Group]Metrics)
	for _, g := range p.popular().Groups {
		popular[g.Group] = g.Metrics
	}
	for _, g := range p.own().Groups {
		if len(all) == 0 || all[len(all)-1].Dimension != g.Dimension {
			all = append(all, pageGroups{Dimension: g.Dimension})
		}
		rows := &all[len(all)-1].Rows
		*rows = append(*rows, pageGroup{g.Name, g.Users, g.Metrics, popular[g.Group], g.Intervals[Recall].Low, g.Intervals[Recall].High})
	}
	return all
}

// drawing collects the elements of a picture.
type drawing struct {
	strings.Builder
	width, height float64
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(d, format, args...) }

func (d *drawing) html(label string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg role="img" aria-label="%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f">%s</svg>`,
		template.HTMLEscapeString(label), d.width, d.height, d.width, d.height, d.String()))
}

func class(own bool) string {
	if own {
		return " own"
	}
	return ""
}

// plotBars draws each model's Recall with its interval.
func plotBars(rows []Row, own string) template.HTML {
	const left, right, step = 210.0, 70.0, 26.0
	d := &drawing{width: 760, height: step*float64(len(rows)) + 8}
	most := 1e-9
	for _, r := range rows {
		most = max(most, r.Recall, r.Intervals[Recall].High)
	}
	scale := (d.width - left - right) / most
	for i, r := range rows {
		y := 4 + step*float64(i)
		d.add(`<text x="%.0f" y="%.0f" text-anchor="end">%s</text>`, left-8, y+16, template.HTMLEscapeString(r.Model))
		d.add(`<rect class="bar%s" x="%.0f" y="%.0f" width="%.1f" height="18" rx="2"/>`, class(r.Model == own), left, y+3, r.Recall*scale)
		if x, ok := r.Intervals[Recall]; ok {
			d.add(`<path class="whisker" d="M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8"/>`, left+x.Low*scale, y+12, left+x.High*scale, left+x.Low*scale, y+8, left+x.High*scale, y+8)
		}
		d.add(`<text x="%.1f" y="%.0f">%.4f</text>`, left+max(r.Recall, r.Intervals[Recall].High)*scale+8, y+16, r.Recall)
	}
	return d.html("Recall of each model")
}

// plotCurves draws how many find something, by the length of the list.
func plotCurves(rows []Row, own string) template.HTML {
	const left, bottom, top, side = 48.0, 34.0, 12.0, 190.0
	d := &drawing{width: 760, height: 280}
	shown := make([]Row, 0, 3)
	for i, r := range rows {
		if len(r.Curve) > 1 && (i == 0 || r.Model == own || strings.HasPrefix(r.Model, "item-knn 2")) {
			shown = append(shown, r)
		}
	}
	if len(shown) == 0 {
		return ""
	}
	longest := float64(shown[0].Curve[len(shown[0].Curve)-1].K)
	x := func(k int) float64 { return left + math.Log(float64(k))/math.Log(max(longest, 2))*(d.width-left-side) }
	y := func(v float64) float64 { return d.height - bottom - v*(d.height-bottom-top) }
	for v := 0.0; v < 1.01; v += 0.25 {
		d.add(`<path class="axis" d="M%.0f %.1fH%.0f"/><text class="dim" x="%.0f" y="%.1f" text-anchor="end">%.0f %%</text>`, left, y(v), d.width-side, left-6, y(v)+4, 100*v)
	}
	for _, p := range shown[0].Curve {
		d.add(`<text class="dim" x="%.1f" y="%.0f" text-anchor="middle">%d</text>`, x(p.K), d.height-bottom+16, p.K)
	}
	d.add(`<text class="dim" x="%.0f" y="%.0f">customers who find something they chose, by the number of places</text>`, left, d.height-4)
	labels := newLabels(15)
	for _, r := range shown {
		var path strings.Builder
		for i, p := range r.Curve {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x(p.K), y(p.HitRate))
		}
		d.add(`<path class="curve%s" d="%s"/>`, class(r.Model == own), path.String())
		end := r.Curve[len(r.Curve)-1]
		d.add(`<text x="%.1f" y="%.1f">%s</text>`, x(end.K)+8, labels.place(y(end.HitRate)+4), template.HTMLEscapeString(r.Model))
	}
	return d.html("Hit rate by length of list")
}

// labels keeps lines of text apart.
type labels struct {
	taken []float64
	gap   float64
}

func newLabels(gap float64) *labels { return &labels{gap: gap} }

// place is the height nearest to y, downwards, where nothing is written.
func (l *labels) place(y float64) float64 {
	for moved := true; moved; {
		moved = false
		for _, t := range l.taken {
			if math.Abs(t-y) < l.gap {
				y, moved = t+l.gap, true
			}
		}
	}
	l.taken = append(l.taken, y)
	return y
}

// plotTrials draws the score of the trials of each family, those with the whole budget filled. Scores of a part of it are no match for those.
func plotTrials(trials []Trial) template.HTML {
	const left, step = 210.0, 34.0
	var families []string
	low, high, best := map[string]float64{}, map[string]float64{}, map[string]int{}
	for i, t := range trials {
		if _, ok := low[t.Family]; !ok {
			families = append(families, t.Family)
			low[t.Family], high[t.Family] = t.Score, t.Score
		}
		low[t.Family], high[t.Family] = min(low[t.Family], t.Score), max(high[t.Family], t.Score)
		if b, ok := best[t.Family]; t.Budget == 1 && (!ok || t.Score > trials[b].Score) {
			best[t.Family] = i
		}
	}
	d := &drawing{width: 760, height: step*float64(len(families)) + 22}
	row := map[string]float64{}
	for i, f := range families {
		row[f] = step*float64(i) + 16
		d.add(`<text x="%.0f" y="%.0f" text-anchor="end">%s</text><path class="axis" d="M%.0f %.0fH%.0f"/>`, left-10, row[f]+4, template.HTMLEscapeString(f), left, row[f], d.width-70)
		if b, ok := best[f]; ok {
			d.add(`<text class="dim" x="%.0f" y="%.0f">%.4f</text>`, d.width-62, row[f]+4, trials[b].Score)
		}
	}
	for i, t := range trials {
		b, ok := best[t.Family]
		span := max(high[t.Family]-low[t.Family], 1e-9)
		d.add(`<circle class="dot%s" cx="%.1f" cy="%.0f" r="%.1f"/>`, class(ok && b == i), left+(t.Score-low[t.Family])/span*(d.width-80-left), row[t.Family], 2+2*t.Budget)
	}
	d.add(`<text class="dim" x="%.0f" y="%.0f">a dot a trial, small where it had a part of the data; better to the right, each row by a scale of its own; blue: the best</text>`, 8.0, d.height-4)
	return d.html("Scores of the trials")
}
