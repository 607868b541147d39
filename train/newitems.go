package train

import (
	"context"

	"github.com/edged/edged"
	"github.com/edged/edged/learn"
)

// mapNewItems gives items without events the vectors that what they say of themselves maps to. What fold-ins take from all
// vectors together stays that of those learned.
func (l *lesson) mapNewItems(ctx context.Context, cfg *Config, items []edged.Item) error {
	features := learn.TFIDF(itemFeatures(items))
	var fresh []int
	for i := range items {
		if l.items.Count(i) == 0 && features.Count(i) > 0 {
			fresh = append(fresh, i)
		}
	}
	if len(fresh) == 0 || l.factors.Active == 0 {
		return nil
	}
	y, err := l.mapped(ctx, features, cfg.Threads)
	if err != nil {
		return err
	}
	l.sumVectors()
	d := l.factors.ALS.Factors
	for _, i := range fresh {
		copy(l.factors.Y[i*d:][:d], y[i*d:][:d])
	}
	return nil
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
