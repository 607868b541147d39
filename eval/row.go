package eval

// Row is one model's line of a report.
type Row struct {
	Model string `json:"model"`
	Metrics
	Intervals map[Metric]Interval `json:"intervals,omitempty"`
	Groups    []GroupRow          `json:"groups,omitempty"`
	Curve     []Point             `json:"curve,omitempty"`
}

// GroupRow is how a model did for one kind of case. Coverage and Gini are of all lists only and 0 here.
type GroupRow struct {
	Group
	Users int `json:"users"`
	Cases int `json:"cases"`
	Metrics
	Intervals map[Metric]Interval `json:"intervals,omitempty"`
}

// Point is the accuracy of lists of K places.
type Point struct {
	K       int     `json:"k"`
	Recall  float64 `json:"recall"`
	NDCG    float64 `json:"ndcg"`
	HitRate float64 `json:"hitRate"`
}

// Row is the result with its intervals, groups, and the curve over the length of the list.
func (r *Result) Row(b Bootstrap) Row {
	return Row{Model: r.Model, Metrics: r.Metrics, Intervals: r.Intervals(b), Groups: r.Groups(b), Curve: r.Curve()}
}

// Intervals are those of the metrics of a case.
func (r *Result) Intervals(b Bootstrap) map[Metric]Interval { return r.intervals(r.set.units(), b) }

func (r *Result) intervals(units [][]int32, b Bootstrap) map[Metric]Interval {
	b.EnsureDefaults()
	s := newSample(units, len(CaseMetrics), func(c int32, dst []float64) {
		for k, m := range CaseMetrics {
			dst[k] = r.scores[c].of(m)
		}
	})
	out := make(map[Metric]Interval, len(CaseMetrics))
	for k, interval := range b.intervals(s) {
		out[CaseMetrics[k]] = interval
	}
	return out
}

// Groups are the figures of each group of the set that has cases, in the set's order. Their intervals take a quarter of the
// resamples: there are many groups, and their intervals are wide.
func (r *Result) Groups(b Bootstrap) (rows []GroupRow) {
	b.EnsureDefaults()
	b.Resamples = (b.Resamples + 3) / 4
	members := make([][][]int32, len(r.set.Groups)) // by group, the cases of each user
	counts := make([]int, len(r.set.Groups))
	for _, unit := range r.set.units() {
		mine := make(map[uint16][]int32)
		for _, c := range unit {
			for _, g := range r.set.Cases[c].Groups {
				mine[g] = append(mine[g], c)
			}
		}
		for g, cases := range mine {
			members[g] = append(members[g], cases)
			counts[g] += len(cases)
		}
	}
	for g, units := range members {
		if len(units) == 0 {
			continue
		}
		cases := make([]int32, 0, counts[g])
		for _, unit := range units {
			cases = append(cases, unit...)
		}
		rows = append(rows, GroupRow{Group: r.set.Groups[g], Users: len(units), Cases: len(cases),
			Metrics: r.summary(cases), Intervals: r.intervals(units, b)})
	}
	return rows
}

// curveAt are the lengths a curve shows, as far as the lists go.
var curveAt = []int{1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500}

// Curve is the accuracy of shorter lists, K itself being the last.
func (r *Result) Curve() (points []Point) {
	add := func(k int) {
		m := r.At(k)
		points = append(points, Point{K: k, Recall: m.Recall, NDCG: m.NDCG, HitRate: m.HitRate})
	}
	for _, k := range curveAt {
		if k < r.K {
			add(k)
		}
	}
	add(r.K)
	return points
}
