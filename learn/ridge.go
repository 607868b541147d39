package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/edged/edged/internal/parallel"
)

// Ridge are the hyper-parameters of the local ridge table: EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse
// Data", 2019) restricted to the neighbours of each target, as in fsSLIM (Ning & Karypis 2011), with the penalty of EDLAE
// (Steck, "Autoencoders that don't overfit towards the Identity", 2020).
//
// With visitors by items X, n_u = Σ_i x_ui², G = Xᵀ diag(n_u^-½) X and m the mean of its positive diagonal, for each
// target j:
//
//	N = the Neighbours items i ≠ j with the largest G_ij / G_ii^E
//	(G_NN + diag(L2·m + P·G_ii)) b = G_Nj,        B_ij = b_i
//
// Weights that are not above 0 are dropped, and each source keeps its Row heaviest targets.
type Ridge struct {
	L2         float64 // in units of m, above 0: 4, or 12 where old observations weigh less
	P          float64 // penalty by popularity: 0.5, or 0 where old observations weigh less
	E          float64 // how far popular neighbours are held back: 0.5
	Neighbours int     // K, of a target: 100
	Row        int     // targets kept of a source: 100

	// Before are the sources that each target had in an earlier table, ascending; nil: none is known. They count a fifth more
	// when neighbours are chosen: what is about as good as what was there does not take its place.
	Before [][]uint32
}

// incumbent is what an earlier neighbour counts more.
const incumbent = 1.2

// MaxNeighbours bounds Ridge.Neighbours: time grows with its cube, memory with its square.
const MaxNeighbours = 1024

// ridgeMemory bounds the systems of equations that Fit holds at once, in bytes.
const ridgeMemory = 256 << 20

func (p Ridge) check() (err error) {
	if !(p.L2 > 0) || math.IsInf(p.L2, 0) {
		err = errors.Join(err, fmt.Errorf("l2 is %v: it must be above 0", p.L2))
	}
	if !(p.P >= 0) || math.IsInf(p.P, 0) {
		err = errors.Join(err, fmt.Errorf("p is %v: it must not be negative", p.P))
	}
	if math.IsNaN(p.E) || math.Abs(p.E) > 4 {
		err = errors.Join(err, fmt.Errorf("e is %v: it must be between -4 and 4", p.E))
	}
	if p.Neighbours < 1 || p.Neighbours > MaxNeighbours {
		err = errors.Join(err, fmt.Errorf("neighbours is %d: it must be 1 to %d", p.Neighbours, MaxNeighbours))
	}
	if p.Row < 1 {
		err = errors.Join(err, fmt.Errorf("row is %d: it must be at least 1", p.Row))
	}
	return err
}

// Fit trains on visitors by items, weights not negative. Of visitors with more than 5,000 items it takes no notice.
// progress, which may be nil, hears of targets done, always from the calling goroutine.
//
// The time is about I·K³/6 multiply-adds for I items and K neighbours, and (1+⌈I/T⌉)·Σ_u |u|², T being the targets whose
// systems fit into 256 MiB. The memory beyond pairs is its transpose, those 256 MiB, and 32·I·K bytes.
func (p Ridge) Fit(ctx context.Context, pairs *Matrix, threads int, progress func(done, total int)) (*Table, error) {
	if err := errors.Join(p.check(), pairs.Check()); err != nil {
		return nil, fmt.Errorf("learn: local ridge: %w", err)
	}
	f := &ridgeFit{Ridge: p, g: newGramian(pairs, threads), threads: max(threads, 1)}
	f.base = p.L2 * f.g.mean()
	if err := f.choose(ctx); err != nil {
		return nil, err
	}
	n := pairs.Cols
	for lo, hi := 0, 0; lo < n; lo = hi {
		hi = f.batch(lo)
		if err := f.solve(ctx, lo, hi); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(hi, n)
		}
	}
	return transposed(n, f.lists).Cut(p.Row), nil
}

// ridgeFit is one Fit. lists[j] holds the sources of target j, ascending: at first with G_ij, once solved with B_ij > 0.
type ridgeFit struct {
	Ridge
	g       *gramian
	base    float64 // L2·m
	threads int
	lists   [][]Scored
	memory  []float32 // of the systems of a batch
}

// choose finds the neighbours of every target.
func (f *ridgeFit) choose(ctx context.Context) error {
	f.lists = make([][]Scored, len(f.g.diag))
	held := make([]float32, len(f.g.diag)) // G_ii^-E
	for i, d := range f.g.diag {
		if d > 0 {
			held[i] = float32(math.Pow(d, -f.E))
		}
	}
	work := make([][]Scored, f.threads)
	return f.g.each(ctx, f.threads, func(w, j int, row *sparse) {
		list := work[w][:0]
		for _, i := range row.touched {
			if int(i) != j {
				list = append(list, Scored{i, row.value[i] * held[i]})
			}
		}
		f.favour(list, j)
		work[w] = list
		list = slices.Clone(Best(list, f.Neighbours))
		slices.SortFunc(list, byItem)
		for k := range list {
			list[k].Score = row.value[list[k].Item]
		}
		f.lists[j] = list
	})
}

// favour raises what the earlier neighbours of a target count.
func (f *ridgeFit) favour(list []Scored, j int) {
	if j >= len(f.Before) {
		return
	}
	for k, s := range list {
		if _, ok := slices.BinarySearch(f.Before[j], s.Item); ok {
			list[k].Score *= incumbent
		}
	}
}

// batch is the end of the targets from lo on whose systems are held at once, at least one.
func (f *ridgeFit) batch(lo int) int {
	size := 0
	for hi := lo; hi < len(f.lists); hi++ {
		size += 4 * triangle(len(f.lists[hi]))
		if size > ridgeMemory && hi > lo {
			return hi
		}
	}
	return len(f.lists)
}

// systems are those of targets lo to hi, lower triangles row by row, in the memory of the batch before: what they hold is of that, and is written over whole.
func (f *ridgeFit) systems(lo, hi int) [][]float32 {
	size := 0
	for _, list := range f.lists[lo:hi] {
		size += triangle(len(list))
	}
	if cap(f.memory) < size {
		f.memory = make([]float32, size)
	}
	rest, systems := f.memory[:size], make([][]float32, hi-lo)
	for j := range systems {
		n := triangle(len(f.lists[lo+j]))
		systems[j], rest = rest[:n:n], rest[n:]
	}
	return systems
}

func triangle(n int) int { return n * (n + 1) / 2 }

// use says that neighbour number at of a target is this source.
type use struct {
	target uint32
	at     uint32
}

// solve replaces the lists of targets lo to hi by their solutions. First it fills their systems, source by source: a
// source's row of G is summed up once, and every target takes from it what it needs.
func (f *ridgeFit) solve(ctx context.Context, lo, hi int) error {
	systems := f.systems(lo, hi)
	start, uses := f.usesOf(lo, hi)
	rows := make([]*sparse, f.threads)
	parallel.For(f.threads, len(f.g.diag), 16, func(w, from, to int) {
		if rows[w] == nil {
			rows[w] = newSparse(len(f.g.diag))
		}
		for i := from; i < to && ctx.Err() == nil; i++ {
			if mine := uses[start[i]:start[i+1]]; len(mine) > 0 {
				f.g.row(rows[w], i, uint32(i))
				f.spread(rows[w].value, mine, systems, lo)
			}
		}
	})
	var bad atomic.Int64
	work := make([]*system, f.threads)
	parallel.For(f.threads, hi-lo, 16, func(w, from, to int) {
		if work[w] == nil {
			work[w] = newSystem(f.Neighbours)
		}
		for j := from; j < to && ctx.Err() == nil; j++ {
			if !f.one(work[w], lo+j, systems[j]) {
				bad.Store(int64(lo+j) + 1)
			}
		}
	})
	if at := bad.Load(); at > 0 {
		return fmt.Errorf("learn: local ridge: the equations of item %d can't be solved with l2 %v: raise it", at-1, f.L2)
	}
	return ctx.Err()
}

// usesOf turns the lists of targets lo to hi round: source i has uses[start[i]:start[i+1]].
func (f *ridgeFit) usesOf(lo, hi int) (start []int, uses []use) {
	start = make([]int, len(f.lists)+1)
	for _, list := range f.lists[lo:hi] {
		for _, s := range list {
			start[s.Item+1]++
		}
	}
	for i := range f.lists {
		start[i+1] += start[i]
	}
	next := slices.Clone(start)
	uses = make([]use, start[len(f.lists)])
	for j, list := range f.lists[lo:hi] {
		for at, s := range list {
			uses[next[s.Item]] = use{uint32(lo + j), uint32(at)}
			next[s.Item]++
		}
	}
	return start, uses
}

// spread copies what each target needs of a row of G into the target's system.
func (f *ridgeFit) spread(row []float32, uses []use, systems [][]float32, lo int) {
	for _, u := range uses {
		at := int(u.at)
		dst := systems[int(u.target)-lo][triangle(at):][:at+1]
		list := f.lists[u.target][:at+1]
		for k := range dst {
			dst[k] = row[list[k].Item]
		}
	}
}

// system is one worker's memory for a system of equations.
type system struct{ a, b []float64 }

func newSystem(n int) *system { return &system{a: make([]float64, n*n), b: make([]float64, n)} }

// one solves the system of target j and reports whether it could.
func (f *ridgeFit) one(s *system, j int, lower []float32) bool {
	list := f.lists[j]
	n := len(list)
	a, b := s.a[:n*n], s.b[:n]
	for r, src := range list {
		b[r] = float64(src.Score)
		row := a[r*n:][:r+1]
		for c, x := range lower[triangle(r):][:r+1] {
			row[c] = float64(x)
		}
		row[r] += f.base + f.P*f.g.diag[src.Item]
	}
	if !solve(a, b) {
		return false
	}
	kept := list[:0]
	for r, src := range list {
		if w := float32(b[r]); w > 0 {
			kept = append(kept, Scored{src.Item, w})
		}
	}
	f.lists[j] = kept
	return true
}
