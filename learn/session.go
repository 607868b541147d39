package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/edged/edged/internal/parallel"
)

// Sequences are sessions: number s holds Item[Start[s]:Start[s+1]] in the order in which they came, and weighs Weight[s].
type Sequences struct {
	Items  int // how many there are; every Item is below
	Start  []int
	Item   []uint32
	Weight []float32 // 0.5^(age/half-life), say
}

// Sessions is the number of sessions.
func (s *Sequences) Sessions() int { return len(s.Start) - 1 }

// Session is Session number k's items. The slice is its own.
func (s *Sequences) Session(k int) []uint32 { return s.Item[s.Start[k]:s.Start[k+1]] }

// Check says what is wrong with sequences: offsets that do not ascend, items out of range, weights that are no weights.
func (s *Sequences) Check() error {
	if err := checkStarts(s.Start, len(s.Item)); err != nil {
		return err
	}
	if len(s.Weight) != s.Sessions() {
		return fmt.Errorf("%d weights for %d sessions", len(s.Weight), s.Sessions())
	}
	for k, w := range s.Weight {
		if !isWeight(w) {
			return fmt.Errorf("the weight of session %d is %v: it must be a number, not negative", k, w)
		}
	}
	for k, i := range s.Item {
		if uint64(i) >= uint64(max(s.Items, 0)) {
			return fmt.Errorf("item %d at place %d: there are %d items", i, k, s.Items)
		}
	}
	return nil
}

// Session are the hyper-parameters of the near-pair table: what is looked at shortly after or before what. With d the
// distance of two items in session s and w_s its weight,
//
//	C_ij = Σ_s w_s (Σ_{i before j, d ≤ Window} d^-Power + Rho · Σ_{j before i, d ≤ Window} d^-Power)
//	n_i  = Σ_s w_s·[i in s] + Shrink
//	T_ij = (C_ij + Prior·L_ij) / (n_i · n_j^Target)
//
// L says how alike two items are by what they say of themselves: it speaks where few sessions do, and less the more do, as
// a conjugate prior. Target above 0 holds back what is popular everywhere (the asymmetry of Aiolli, "Efficient top-N
// recommendation for very large scale binary rated datasets", 2013). An item is not its own neighbour. An item twice in a session counts twice, in C and in the sum below; callers that
// want it once leave the repeats out. The score of j after a session is Σ_a (1+a)^-ρ T[item_a, j], a = 0 the latest.
type Session struct {
	Window int     // 10
	Power  float64 // 0.8
	Shrink float64 // 2
	Rho    float64 // weight of going back: 1
	Prior  float64 // how many near pairs being wholly alike counts for: 0, where alike is known 1 to 4
	Target float64 // 0 to 0.2
	Row    int     // targets kept of a source: 100
}

// MaxWindow bounds Session.Window: time grows with it.
const MaxWindow = 1000

func (p Session) check() (err error) {
	if p.Window < 1 || p.Window > MaxWindow {
		err = errors.Join(err, fmt.Errorf("window is %d: it must be 1 to %d", p.Window, MaxWindow))
	}
	if math.IsNaN(p.Power) || math.Abs(p.Power) > 8 {
		err = errors.Join(err, fmt.Errorf("power is %v: it must be between -8 and 8", p.Power))
	}
	if !(p.Shrink >= 0) || math.IsInf(p.Shrink, 0) {
		err = errors.Join(err, fmt.Errorf("shrink is %v: it must not be negative", p.Shrink))
	}
	if !(p.Rho >= 0) || math.IsInf(p.Rho, 0) {
		err = errors.Join(err, fmt.Errorf("rho is %v: it must not be negative", p.Rho))
	}
	if !(p.Prior >= 0) || math.IsInf(p.Prior, 0) {
		err = errors.Join(err, fmt.Errorf("prior is %v: it must not be negative", p.Prior))
	}
	if math.IsNaN(p.Target) || math.Abs(p.Target) > 4 {
		err = errors.Join(err, fmt.Errorf("target is %v: it must be between -4 and 4", p.Target))
	}
	if p.Row < 1 {
		err = errors.Join(err, fmt.Errorf("row is %d: it must be at least 1", p.Row))
	}
	return err
}

// Fit trains on sessions. alike is L, or nil where nothing is known. The time is 2·Window adds an item of a session, the memory 8 bytes for each of those items and
// 16·I·Row bytes.
func (p Session) Fit(ctx context.Context, s *Sequences, alike *Table, threads int) (*Table, error) {
	err := errors.Join(p.check(), s.Check())
	if alike != nil && alike.Rows() != s.Items {
		err = errors.Join(err, fmt.Errorf("%d items, but %d that are alike", s.Items, alike.Rows()))
	}
	if err != nil {
		return nil, fmt.Errorf("learn: session table: %w", err)
	}
	threads = max(threads, 1)
	f := newNearPairs(p, s, alike)
	lists, rows, work := make([][]Scored, s.Items), make([]*sparse, threads), make([][]Scored, threads)
	parallel.For(threads, s.Items, 64, func(w, lo, hi int) {
		if rows[w] == nil {
			rows[w] = newSparse(s.Items)
		}
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			work[w] = f.row(rows[w], i, work[w][:0])
			lists[i] = slices.Clone(Best(work[w], p.Row))
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return tableOf(s.Items, func(i int, list []Scored) []Scored { return append(list, lists[i]...) }), nil
}

// nearPairs is one Fit: where each item is in the sessions.
type nearPairs struct {
	Session
	s       *Sequences
	alike   *Table
	near    []float32 // near[d] = d^-Power
	session []uint32  // of each place in s.Item
	start   []int     // item i is at place[start[i]:start[i+1]]
	place   []uint32
	weight  []float64 // n_i
	target  []float32 // n_i^-Target
}

func newNearPairs(p Session, s *Sequences, alike *Table) *nearPairs {
	f := &nearPairs{Session: p, s: s, alike: alike, weight: make([]float64, s.Items), target: make([]float32, s.Items), near: make([]float32, p.Window+1), session: make([]uint32, len(s.Item))}
	for d := range p.Window {
		f.near[d+1] = float32(math.Pow(float64(d+1), -p.Power))
	}
	for k := range s.Sessions() {
		for at := s.Start[k]; at < s.Start[k+1]; at++ {
			f.session[at] = uint32(k)
		}
	}
	f.start, f.place = postings(s.Item, s.Items)
	for i := range f.weight {
		f.weight[i] = p.Shrink
		for _, at := range f.place[f.start[i]:f.start[i+1]] {
			f.weight[i] += float64(s.Weight[f.session[at]])
		}
		if f.weight[i] > 0 {
			f.target[i] = float32(math.Pow(f.weight[i], -p.Target))
		}
	}
	return f
}

// postings lists where each of n numbers is: number i at place[start[i]:start[i+1]], ascending.
func postings(numbers []uint32, n int) (start []int, place []uint32) {
	start, place = make([]int, n+1), make([]uint32, len(numbers))
	for _, i := range numbers {
		start[i+1]++
	}
	for i := range n {
		start[i+1] += start[i]
	}
	next := slices.Clone(start)
	for at, i := range numbers {
		place[next[i]] = uint32(at)
		next[i]++
	}
	return start, place
}

// row appends row i of T to list.
func (f *nearPairs) row(row *sparse, i int, list []Scored) []Scored {
	row.clear()
	for _, at := range f.place[f.start[i]:f.start[i+1]] {
		k := int(f.session[at])
		w := f.s.Weight[k]
		lo, hi := f.s.Start[k], f.s.Start[k+1]
		for d, q := 1, int(at)+1; d <= f.Window && q < hi; d, q = d+1, q+1 {
			row.add(f.s.Item[q], w*f.near[d])
		}
		for d, q := 1, int(at)-1; d <= f.Window && q >= lo; d, q = d+1, q-1 {
			row.add(f.s.Item[q], float32(f.Rho)*w*f.near[d])
		}
	}
	if f.alike != nil && f.Prior > 0 && f.weight[i] > 0 {
		items, likeness := f.alike.Row(i)
		for k, j := range items {
			row.add(j, float32(f.Prior)*likeness[k])
		}
	}
	for _, j := range row.touched {
		if t := float32(float64(row.value[j])/f.weight[i]) * f.target[j]; int(j) != i && t > 0 {
			list = append(list, Scored{j, t})
		}
	}
	return list
}
