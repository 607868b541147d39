package train

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// mapNewItems gives items that no vector was learned of the vectors that what they say of themselves maps to, and keeps the map for items that come after the
// release. What fold-ins take from all vectors together stays that of those learned.
func (l *lesson) mapNewItems(ctx context.Context, cfg *Config, items []edged.Item) error {
	counts, names := itemFeatures(items)
	features := learn.TFIDF(counts)
	if l.factors.Active == 0 || len(features.Index) == 0 {
		return nil
	}
	w, err := l.contentMap(ctx, features, cfg.Threads)
	if err != nil {
		return err
	}
	d := l.factors.ALS.Factors
	y := learn.Apply(w, features, d)
	keeps, err := l.keepsContent(cfg, items, y)
	if err != nil {
		return err
	}
	if !keeps {
		l.content = shippedContent(counts, names, w, d)
	}
	var fresh []int
	for i := range items {
		if l.taught[i] == 0 && features.Count(i) > 0 {
			fresh = append(fresh, i)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	l.sumVectors()
	for _, i := range fresh {
		copy(l.factors.Y[i*d:][:d], y[i*d:][:d])
	}
	return nil
}

// keptContent is the part of what a new content map explains of the vectors that the earlier one has to, so that it stays: nothing of it is sent then.
const keptContent = .8

// keepsContent reports whether the content map of the release gone on from is about as good as the one that gives y, for it is sent anew whole.
func (l *lesson) keepsContent(cfg *Config, items []edged.Item, y []float32) (bool, error) {
	if cfg.previous == nil || !l.warm || !cfg.previous.model.MapsContent() {
		return false, nil
	}
	d := l.factors.ALS.Factors
	before, now := 0.0, 0.0
	var old []float32
	for i := range items {
		v := l.evidence(i)
		if v == 0 {
			continue
		}
		var err error
		if old, err = cfg.previous.model.AppendContent(old[:0], &items[i]); err != nil {
			return false, fmt.Errorf("previous release: %w", err)
		}
		exact := l.factors.Y[i*d:][:d]
		before += v * explained(exact, old)
		now += v * explained(exact, y[i*d:][:d])
	}
	l.kept = before >= keptContent*now
	return l.kept, nil
}

// explained is |y|² − |y − x|²: what x says of y.
func explained(y, x []float32) (sum float64) {
	for k := range y {
		sum += float64(x[k]) * (2*float64(y[k]) - float64(x[k]))
	}
	return sum
}

// Limits of the map that a release carries.
const (
	fewestFeatures = 1024
	mostFeatures   = 32_768
	longestFeature = 256 // bytes of a name
)

// shippedContent is the part of a content map that a release carries: half as many features as it has items, or fewestFeatures, at most
// mostFeatures; those that say most of all items together, by the items that have a feature times the square of its vector's length. On Online Retail
// the vectors they give are at a cosine of .97, on average, to those by all (a quarter: .90).
func shippedContent(counts *learn.Matrix, names []string, w []float32, d int) *model.Content {
	seen := make([]int, counts.Cols)
	for _, f := range counts.Index {
		seen[f]++
	}
	said := make([]float64, len(names))
	var chosen []int
	for f, name := range names {
		for _, x := range w[f*d:][:d] {
			said[f] += float64(x) * float64(x)
		}
		if said[f] *= float64(seen[f]); seen[f] > 1 && said[f] > 0 && len(name) <= longestFeature {
			chosen = append(chosen, f)
		}
	}
	slices.SortFunc(chosen, func(a, b int) int { return cmp.Or(cmp.Compare(said[b], said[a]), cmp.Compare(a, b)) })
	chosen = chosen[:min(len(chosen), mostFeatures, max(counts.Rows()/2, fewestFeatures))]
	slices.Sort(chosen)
	c := &model.Content{}
	for _, f := range chosen {
		c.Features = append(c.Features, names[f])
		c.Rarity = append(c.Rarity, float32(math.Log1p(float64(counts.Active())/float64(seen[f]))))
		c.Vectors = append(c.Vectors, w[f*d:][:d]...)
	}
	return c
}

// sumVectors notes the diagonal of YᵀY and the mean vector.
func (l *lesson) sumVectors() {
	d := l.factors.ALS.Factors
	squares, sums := make([]float64, d), make([]float64, d)
	for at, y := range l.factors.Y {
		squares[at%d] += float64(y) * float64(y)
		sums[at%d] += float64(y)
	}
	l.gram, l.mean = make([]float32, d), make([]float32, d)
	for k := range d {
		l.gram[k], l.mean[k] = float32(squares[k]), float32(sums[k]/float64(l.factors.Active))
	}
}
