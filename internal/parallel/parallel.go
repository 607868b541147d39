// Package parallel shares loops among goroutines. What it computes never depends on the number of threads.
package parallel

import (
	"sync"
	"sync/atomic"
)

// For calls work(worker, lo, hi) for every block of 0…n, on up to threads goroutines, and waits for them. Blocks go to
// whoever is free, so that work must not depend on which worker does it; worker (below threads) picks scratch memory.
func For(threads, n, block int, work func(worker, lo, hi int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range min(threads, (n+block-1)/block) {
		wg.Go(func() {
			for {
				lo := int(next.Add(int64(block))) - block
				if lo >= n {
					return
				}
				work(w, lo, min(lo+block, n))
			}
		})
	}
	wg.Wait()
}

// Sum adds up part(lo, hi) over blocks of 0…n in the order of the blocks, so that the sum does not depend on threads.
func Sum(threads, n, block int, part func(lo, hi int) float64) (sum float64) {
	parts := make([]float64, (n+block-1)/block)
	For(threads, n, block, func(_, lo, hi int) { parts[lo/block] = part(lo, hi) })
	for _, p := range parts {
		sum += p
	}
	return sum
}
