package bench

import (
	"math"
	"slices"
	"sync"

	"github.com/viterin/vek/vek32"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

// countFound counts hits whose true score is that of the true k-th, or above.
func countFound(in *searchInput, hits []index.Hit, query []float32, least float32) (found int) {
	for _, h := range hits {
		if vek32.Dot(in.items[int(h.Row)*in.dim:][:in.dim], query) >= least-1e-5*float32(math.Abs(float64(least))) {
			found++
		}
	}
	return found
}

// trueScores returns each query's k-th best score.
func trueScores(items, queries []float32, dim, k, threads int) []float32 {
	best := trueBest(items, queries, dim, k, threads)
	out := make([]float32, len(best))
	for i, b := range best {
		out[i] = b[len(b)-1].Score
	}
	return out
}

func trueRows(items, queries []float32, dim, k, threads int) [][]edged.Row {
	out := make([][]edged.Row, len(queries)/dim)
	for i, b := range trueBest(items, queries, dim, k, threads) {
		for _, h := range b {
			out[i] = append(out[i], h.Row)
		}
	}
	return out
}

// trueBest returns the best k of a float32 scan for each query, best first.
func trueBest(items, queries []float32, dim, k, threads int) [][]index.Hit {
	n, count := len(items)/dim, len(queries)/dim
	out := make([][]index.Hit, count)
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() {
			const part = 512 // items that stay in the cache while the queries go by
			from, to := count*t/threads, count*(t+1)/threads
			for at := 0; at < n; at += part {
				for i := from; i < to; i++ {
					q := queries[i*dim:][:dim]
					for row := at; row < min(n, at+part); row++ {
						out[i] = keep(out[i], index.Hit{Row: edged.Row(row), Score: vek32.Dot(items[row*dim:][:dim], q)}, k)
					}
				}
			}
		})
	}
	wg.Wait()
	return out
}

// keep inserts h in a sorted list of at most k.
func keep(list []index.Hit, h index.Hit, k int) []index.Hit {
	if len(list) == k && !h.Before(list[k-1]) {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, h, func(a, b index.Hit) int {
		if a.Before(b) {
			return -1
		}
		return 1
	})
	if len(list) < k {
		return slices.Insert(list, at, h)
	}
	copy(list[at+1:], list[at:])
	list[at] = h
	return list
}
