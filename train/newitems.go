package train

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
	"github.com/edged/edged/model"
)

// mapNewItems gives items without events the vectors that what they say of themselves maps to, and keeps the map for items that come after the
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
	l.content = shippedContent(counts, names, w, d)
	var fresh []int
	for i := range items {
		if l.items.Count(i) == 0 && features.Count(i) > 0 {
			fresh = append(fresh, i)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	y := learn.Apply(w, features, d)
	l.sumVectors()
	for _, i := range fresh {
		copy(l.factors.Y[i*d:][:d], y[i*d:][:d])
	}
	return nil
}

// Limits of the map that a release carries.
const (
	fewestFeatures = 4096
	mostFeatures   = 65_536
	longestFeature = 256 // bytes of a name
)

// shippedContent is the part of a content map that a release carries: as many features as it has items, or fewestFeatures, at most mostFeatures;
// those that say most of all items together, by the items that have a feature times the square of its vector's length.
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
	chosen = chosen[:min(len(chosen), mostFeatures, max(counts.Rows(), fewestFeatures))]
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
