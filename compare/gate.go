package compare

import (
	"fmt"
	"slices"
	"strings"
)

// Limits say what a new release may change. The zero value of each means its default.
type Limits struct {
	Growth     float64 // most times as many items or bytes
	Shrink     float64 // least times as many items or bytes
	Norm       float64 // most times as long, or as short, as the median vector was
	Recall     float64 // least, after quantisation
	Overlap    float64 // least share of a visitor's items that stay
	Coverage   float64 // least times as many different items over all visitors
	Popularity float64 // most shift of the shares of items
	Short      float64 // most share of visitors whom rules leave nothing or less than half of a list, in any case they speak of
}

// Defaults are the limits of a shop that publishes each day or week.
func Defaults() Limits {
	return Limits{Growth: 2, Shrink: .5, Norm: 4, Recall: .9, Overlap: .2, Coverage: .5, Popularity: .6, Short: .2}
}

// EnsureDefaults replaces zero values.
func (l *Limits) EnsureDefaults() {
	d := Defaults()
	for _, f := range []struct{ is, def *float64 }{
		{&l.Growth, &d.Growth}, {&l.Shrink, &d.Shrink}, {&l.Norm, &d.Norm}, {&l.Recall, &d.Recall},
		{&l.Overlap, &d.Overlap}, {&l.Coverage, &d.Coverage}, {&l.Popularity, &d.Popularity}, {&l.Short, &d.Short},
	} {
		if *f.is == 0 {
			*f.is = *f.def
		}
	}
}

// Figure is something measured, and what it may be.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Min   float64 `json:"min,omitempty"`
	Max   float64 `json:"max,omitempty"` // 0 with a Min: no limit above
	What  string  `json:"what"`          // in words, with the figures it comes from
	Fault string  `json:"fault,omitempty"`
}

// String is the figure for people.
func (f Figure) String() string {
	if f.Fault == "" {
		return fmt.Sprintf("%s: %s", f.Name, f.What)
	}
	return fmt.Sprintf("%s: %s: %s", f.Name, f.What, f.Fault)
}

// Names of the figures.
const (
	Items      = "items"
	Bytes      = "bytes"
	Numbers    = "numbers"
	Norm       = "norm"
	Recall     = "recall"
	Overlap    = "overlap"
	Coverage   = "coverage"
	Popularity = "popularity"
	Short      = "short"
	Before     = "before"
)

// what to do when a figure is outside its limits.
var what = map[string]string{
	Items:      "look whether the catalogue or the events came whole, and once only",
	Bytes:      "look at the sections that have grown (edged inspect), and at whether data came twice",
	Numbers:    "vectors hold no numbers: train again with more regularisation, and tell us",
	Norm:       "look at the training: its loss, and the weights of events",
	Recall:     "look at the data: vectors whose lists hang on less than a byte can say mostly follow chance; fewer factors or more regularisation (edged train --config) help",
	Overlap:    "look at the lists of some visitors (edged inspect --against) and at the events since",
	Coverage:   "look whether a few items crowd out the others (edged inspect --against)",
	Popularity: "look for events that came twice or from robots, or a source that is missing",
	Short:      "look what the rules' exclude, only and cap leave there (edged rules check --release)",
	Before:     "publish its own directory again to repair the origin, or bring a sound copy of that back",
}

// Report is what was measured.
type Report struct {
	Figures []Figure `json:"figures"`
}

// Outside lists the figures that are outside their limits, those named left out.
func (r *Report) Outside(forgiven ...string) (list []Figure) {
	for _, f := range r.Figures {
		if f.Fault != "" && !slices.Contains(forgiven, f.Name) {
			list = append(list, f)
		}
	}
	return list
}

// Error says what is outside its limits, nil where nothing is.
func (r *Report) Error(forgiven ...string) error {
	list := r.Outside(forgiven...)
	if len(list) == 0 {
		return nil
	}
	var lines []string
	for _, f := range list {
		lines = append(lines, f.String()+": "+what[f.Name])
	}
	return fmt.Errorf("outside the limits: %s", strings.Join(lines, "; "))
}

func (r *Report) add(name string, value, least, most float64, format string, args ...any) {
	f := Figure{Name: name, Value: value, Min: least, Max: most, What: fmt.Sprintf(format, args...)}
	switch {
	case value < least:
		f.Fault = fmt.Sprintf("want at least %.4g", least)
	case most > 0 && value > most:
		f.Fault = fmt.Sprintf("want at most %.4g", most)
	}
	r.Figures = append(r.Figures, f)
}

// Gate measures a release by itself and, where there is one, beside the release before.
func Gate(before, now *Release, limits Limits, sample Sample) *Report {
	limits.EnsureDefaults()
	if sample.Visitors == 0 {
		sample.Visitors = 200
	}
	r := &Report{}
	long, nan := lengths(now.Ranker, sample.Rows)
	r.Figures = append(r.Figures, Figure{Name: Numbers, Value: float64(nan), What: fmt.Sprintf("%d vectors hold no numbers", nan)})
	if nan > 0 {
		r.Figures[0].Fault = "want none"
	}
	if now.Recall > 0 {
		r.add(Recall, now.Recall, limits.Recall, 0, "recall@10 of %.4f after quantisation", now.Recall)
	}
	r.ruled(before, now, limits, sample)
	if before == nil {
		return r
	}
	r.sizes(before, now, limits)
	was, _ := lengths(before.Ranker, sample.Rows)
	if a, b := median(was), median(long); a > 0 {
		r.add(Norm, b/a, 1/limits.Norm, limits.Norm, "the median vector is %.4g long, was %.4g", b, a)
	}
	r.answers(before, now, limits, sample)
	if sample.Rows == 0 {
		by := shift(before.Ranker, now.Ranker)
		r.add(Popularity, by, 0, limits.Popularity, "popularity has shifted by %.3f", by)
	}
	return r
}

// Missing takes note that there is a release before, which cannot be read.
func (r *Report) Missing(why error) {
	r.Figures = append(r.Figures, Figure{Name: Before, What: fmt.Sprintf("what is offered so far cannot be read: %v", why), Fault: "want something to compare with"})
}

func (r *Report) sizes(before, now *Release, limits Limits) {
	a, b := before.Ranker.Model().Len(), now.Ranker.Model().Len()
	r.add(Items, ratio(float64(b), float64(a)), limits.Shrink, limits.Growth, "%d items, were %d", b, a)
	r.bytes(before.Bytes, now.Bytes, limits)
}

func (r *Report) bytes(before, now int64, limits Limits) {
	r.add(Bytes, ratio(float64(now), float64(before)), limits.Shrink, limits.Growth, "%d bytes, were %d", now, before)
}

// Sizes measures the raw bytes of a release beside those of the one before: manifests say them before anything else is there.
func Sizes(before, now int64, limits Limits) *Report {
	limits.EnsureDefaults()
	r := &Report{}
	r.bytes(before, now, limits)
	return r
}

func (r *Report) answers(before, now *Release, limits Limits, sample Sample) {
	visitors := Visitors(before.Ranker, now.Ranker, sample.Visitors)
	mean := 0.0
	for i := range visitors {
		mean += visitors[i].Overlap() / float64(len(visitors))
	}
	r.add(Overlap, mean, limits.Overlap, 0, "%.3f of the first %d of %d visitors stay", mean, Depth, len(visitors))
	a := coverage(visitors, func(v *Visitor) []string { return v.Before })
	b := coverage(visitors, func(v *Visitor) []string { return v.Now })
	r.add(Coverage, ratio(float64(b), float64(a)), limits.Coverage, 0, "they get %d different items, got %d", b, a)
}

// ratio of two numbers of which the second may be none: then there is nothing to hold the first against.
func ratio(now, before float64) float64 {
	if before == 0 {
		return 1
	}
	return now / before
}
