package index

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/internal/kmeans"
	"github.com/edged/edged/quant"
)

// LayoutConfig says how to lay rows out. Zero values mean the defaults.
type LayoutConfig struct {
	Bits    int // of a dimension's code: 1 or 2; default 2 up to 64 dimensions, 1 above
	Cells   int // besides the head; default: by the number of rows
	Head    int // longest rows that make up the head; all of them: a flat scan in norm order
	Seed    uint64
	Threads int          // default: those of the machine. They do not change the result
	Stop    func() error // ends it early, with this error; nil: nothing does
}

// EnsureDefaults replaces zero values for n rows of dim dimensions.
func (c *LayoutConfig) EnsureDefaults(n, dim int) {
	if c.Bits == 0 {
		c.Bits = 1
		if dim <= 64 {
			c.Bits = 2
		}
	}
	c.Head = min(c.Head, n)
	if c.Cells == 0 && c.Head < n {
		c.Cells = defaultCells(n)
	}
	if c.Head == n && n > 0 {
		c.Cells = 0
	}
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
}

// defaultCells: 128 for 40,000 rows, 256 for 100,000, 1,024 for a million.
func defaultCells(n int) int {
	cells := 16
	for cells < 4096 && float64(cells) < .55*math.Sqrt(float64(n)) {
		cells *= 2
	}
	return cells
}

// Arrangement is a layout and the order of rows it wants.
type Arrangement struct {
	Layout Layout
	Order  []edged.Row // place → row
}

// builder holds what the steps of LayOut share.
type builder struct {
	rows    *quant.Rows
	cfg     LayoutConfig
	inverse *quant.Inverse
	cells   *kmeans.Cells
	wide    int // dimensions under the frame
	out     *Arrangement
}

// LayOut codes rows for queries like the given ones (rows of as many floats as rows.Dim; they should be of many users,
// none of them one to be measured with). Equal arguments give equal bytes.
func LayOut(rows *quant.Rows, queries []float32, cfg LayoutConfig) (*Arrangement, error) {
	n := rows.Len()
	if n == 0 || n > MaxRows {
		return nil, fmt.Errorf("layout: %d rows, want 1 to %d", n, MaxRows)
	}
	cfg.EnsureDefaults(n, rows.Dim)
	if cfg.Bits != 1 && cfg.Bits != 2 || cfg.Head < 0 || cfg.Cells < 0 || cfg.Cells >= MaxCells {
		return nil, fmt.Errorf("layout: %d bits, %d cells, head of %d", cfg.Bits, cfg.Cells, cfg.Head)
	}
	frame, err := quant.NewFrame(queries, rows.Dim, cfg.Seed)
	if err != nil {
		return nil, err
	}
	b := &builder{rows: rows, cfg: cfg, wide: quant.CodeDim(rows.Dim), out: &Arrangement{}}
	b.out.Layout = Layout{Bits: cfg.Bits, Head: cfg.Head > 0, Frame: *frame}
	if b.inverse, err = frame.Inverse(); err != nil {
		return nil, err
	}
	if err := b.place(); err != nil {
		return nil, err
	}
	if err := stopped(cfg.Stop); err != nil {
		return nil, err
	}
	b.code()
	return b.out, stopped(cfg.Stop)
}

// place decides which row lies where, and the centroids.
func (b *builder) place() error {
	order := Order(b.rows)
	head, tail := order[:b.cfg.Head], order[b.cfg.Head:]
	l := &b.out.Layout
	l.Starts = []uint32{0}
	var unit []float32
	if b.cfg.Head > 0 {
		unit = append(unit, b.mean(head)...)
		l.Starts = append(l.Starts, uint32(len(head)))
	}
	b.out.Order = append(b.out.Order, head...)
	if len(tail) > 0 {
		b.cells = b.train(tail)
		members := b.members(tail)
		for _, rows := range members {
			b.out.Order = append(b.out.Order, rows...)
			l.Starts = append(l.Starts, uint32(len(b.out.Order)))
		}
		unit = append(unit, b.cells.Unit...)
	}
	return b.centroids(unit)
}

const sampleOfCell = 100 // rows a cell is trained on

// train finds the cells on a sample of the rows, every so many in norm order.
func (b *builder) train(tail []edged.Row) *kmeans.Cells {
	want := min(len(tail), b.cfg.Cells*sampleOfCell)
	points := make([]float32, want*b.wide)
	parallel(b.cfg.Threads, want, func(from, to int) {
		w := b.newWorker()
		for i := from; i < to; i++ {
			w.turn(points[i*b.wide:][:b.wide], int(tail[i*len(tail)/want]))
		}
	})
	return kmeans.Train(points, b.wide, b.cfg.Cells, 10, b.cfg.Seed, b.cfg.Threads)
}

// members lists the rows of each cell in the order of tail.
func (b *builder) members(tail []edged.Row) [][]edged.Row {
	nearest := make([]int32, len(tail))
	parallel(b.cfg.Threads, len(tail), func(from, to int) {
		w := b.newWorker()
		var s kmeans.Scratch
		for i := from; i < to && (i%1024 != 0 || stopped(b.cfg.Stop) == nil); i++ {
			w.turn(w.x, int(tail[i]))
			nearest[i] = int32(b.cells.Nearest(w.x, &s))
		}
	})
	members := make([][]edged.Row, b.cells.Len())
	for i, c := range nearest {
		members[c] = append(members[c], tail[i])
	}
	return members
}

// mean returns the direction of the sum of some of the rows.
func (b *builder) mean(rows []edged.Row) []float32 {
	w := b.newWorker()
	sum := make([]float64, b.wide)
	step := max(1, len(rows)/10000)
	for i := 0; i < len(rows); i += step {
		w.turn(w.x, int(rows[i]))
		for k, v := range w.x {
			sum[k] += float64(v)
		}
	}
	norm := 0.0
	for _, v := range sum {
		norm += float64(v * v)
	}
	out := make([]float32, b.wide)
	if norm > 0 {
		for k, v := range sum {
			out[k] = float32(v / math.Sqrt(norm))
		}
	}
	return out
}

// centroids takes directions under the frame back to where rows are, C = Mᵀu, and codes them.
func (b *builder) centroids(unit []float32) error {
	l := &b.out.Layout
	n, dim, stride := len(unit)/b.wide, b.rows.Dim, quant.Stride(b.rows.Dim)
	back := make([]float32, n*dim)
	sum := make([]float64, dim)
	for c := range n {
		clear(sum)
		for i, u := range unit[c*b.wide:][:b.wide] {
			for k, m := range l.Frame.Codes[i*stride:][:dim] {
				sum[k] += float64(float64(m) * float64(u))
			}
		}
		for k, v := range sum {
			back[c*dim+k] = float32(v * float64(l.Frame.Scale))
		}
	}
	var err error
	l.Centroids, err = quant.Encode(back, dim)
	return err
}

// code writes the codes and bounds of all cells.
func (b *builder) code() {
	l := &b.out.Layout
	l.Radius = make([]float32, len(l.Starts)-1)
	n := l.Blocks() * kernel.BlockRows
	size := quant.CodeBytes(b.rows.Dim, l.Bits)
	l.Codes, l.F, l.H = make([]byte, n*size), make([]float32, n), make([]float32, n)
	first := make([]int, len(l.Radius)) // block
	for c := 1; c < len(first); c++ {
		first[c] = first[c-1] + blocksOf(int(l.Starts[c]-l.Starts[c-1]))
	}
	sigmas := make([]float64, len(l.Radius))
	if len(l.Radius) == 1 {
		sigmas[0] = b.codeHead()
	} else {
		b.codeCells(first, sigmas)
	}
	total := 0.0
	for _, s := range sigmas {
		total += s
	}
	l.Sigma = float32(math.Sqrt(total / float64(b.rows.Len()) / float64(b.wide)))
}

func (b *builder) codeCells(first []int, sigmas []float64) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range b.cfg.Threads {
		wg.Go(func() {
			w := b.newWorker()
			for c := int(next.Add(1)) - 1; c < len(first); c = int(next.Add(1)) - 1 {
				l := &b.out.Layout
				w.setCell(c)
				radius, sigma := w.codeRows(int(l.Starts[c]), int(l.Starts[c+1]), first[c])
				l.Radius[c], sigmas[c] = widened(radius), sigma
			}
		})
	}
	wg.Wait()
}

// codeHead codes a single cell in parts of whole blocks.
func (b *builder) codeHead() (sigma float64) {
	const part = 64 * kernel.BlockRows
	n := b.rows.Len()
	parts := (n + part - 1) / part
	radii, sigmas := make([]float64, parts), make([]float64, parts)
	parallel(b.cfg.Threads, parts, func(from, to int) {
		w := b.newWorker()
		w.setCell(0)
		for i := from; i < to; i++ {
			radii[i], sigmas[i] = w.codeRows(i*part, min(n, (i+1)*part), i*part/kernel.BlockRows)
		}
	})
	for _, s := range sigmas {
		sigma += s
	}
	b.out.Layout.Radius[0] = widened(slices.Max(radii))
	return sigma
}

// widened makes room for what rounding took.
func widened(radius float64) float32 { return float32(radius * (1 + 1e-5)) }

// worker is the working memory of one goroutine of a builder.
type worker struct {
	b      *builder
	wide   []int16
	dots   []int32
	x      []float32 // a row under the frame
	c      []float32 // the cell's centroid under the frame
	row    []float64
	centre []float64
	code   []byte
	cNorm  float64 // ‖c‖²
}

func (b *builder) newWorker() *worker {
	return &worker{
		b: b, dots: make([]int32, 2*b.wide), x: make([]float32, b.wide), c: make([]float32, b.wide), code: make([]byte, b.wide),
	}
}

// turn writes row i under the frame to dst.
func (w *worker) turn(dst []float32, i int) {
	w.wide = w.b.rows.AppendWide(w.wide[:0], i)
	w.b.inverse.Apply(dst, w.wide, float64(w.b.rows.Scales[i])/256, w.dots)
}

func (w *worker) setCell(c int) {
	centroids := &w.b.out.Layout.Centroids
	w.wide = centroids.AppendWide(w.wide[:0], c)
	w.b.inverse.Apply(w.c, w.wide, float64(centroids.Scales[c])/256, w.dots)
	w.centre = centroids.Append(w.centre[:0], c)
	w.cNorm = 0
	for _, v := range w.c {
		w.cNorm += float64(float64(v) * float64(v))
	}
}

// codeRows codes the rows of the places from … to, which start at a block, and returns the longest residual and the sum of
// the squared errors over f².
func (w *worker) codeRows(from, to, block int) (radius, sigma float64) {
	l := &w.b.out.Layout
	size := quant.CodeBytes(w.b.rows.Dim, l.Bits) * kernel.BlockRows
	for i := from; i < to; i++ {
		at := block*kernel.BlockRows + i - from
		w.turn(w.x, int(w.b.out.Order[i]))
		h, length := w.split(int(w.b.out.Order[i]))
		radius = max(radius, length)
		f := quant.EncodeBits(w.code, w.x, l.Bits)
		l.H[at], l.F[at] = h, f
		sigma += w.squaredError(f)
		quant.PutCode(l.Codes[at/kernel.BlockRows*size:][:size], at%kernel.BlockRows, w.code, l.Bits)
	}
	return radius, sigma
}

// split takes h·c off w.x and returns the length of the residual where rows are.
func (w *worker) split(row int) (h float32, length float64) {
	dot := 0.0
	for k, v := range w.x {
		dot += float64(float64(v) * float64(w.c[k]))
	}
	if w.cNorm > 0 {
		h = float32(dot / w.cNorm)
	}
	for k, v := range w.x {
		w.x[k] = float32(float64(v) - float64(float64(h)*float64(w.c[k])))
	}
	w.row = w.b.rows.Append(w.row[:0], row)
	for k, v := range w.row {
		r := v - float64(float64(h)*w.centre[k])
		length += float64(r * r)
	}
	return h, math.Sqrt(length)
}

// squaredError returns ‖e‖²/f², e being the error of the code of w.x.
func (w *worker) squaredError(f float32) float64 {
	if f == 0 {
		return 0
	}
	norm, y := 0.0, 0.0
	for k, v := range w.x {
		norm += float64(v) * float64(v)
		if w.b.out.Layout.Bits == 1 {
			y++
		} else {
			d := float64(w.code[k]) - 1.5
			y += d * d
		}
	}
	return max(0, y-norm/(float64(f)*float64(f)))
}

// parallel calls f for parts of 0 … n−1.
func parallel(threads, n int, f func(from, to int)) {
	var wg sync.WaitGroup
	threads = max(1, min(threads, n))
	for t := range threads {
		wg.Go(func() { f(n*t/threads, n*(t+1)/threads) })
	}
	wg.Wait()
}

// Inverse returns row → place.
func Inverse(order []edged.Row) []uint32 {
	place := make([]uint32, len(order))
	for p, row := range order {
		place[row] = uint32(p)
	}
	return place
}
