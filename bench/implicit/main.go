// Command implicit trains ALS on pairs in a file, for the comparison with the Python library of that name (README.md).
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/edged/edged/learn"
)

func main() {
	var p learn.ALS
	pairs := flag.String("pairs", "", "matrix written by generate.py")
	out := flag.String("out", "", "where the vectors go: visitors, then items, float32 (none: nowhere)")
	weight := flag.Float64("weight", 1, "of a pair")
	threads := flag.Int("threads", 2, "")
	flag.IntVar(&p.Factors, "factors", 64, "")
	flag.Float64Var(&p.A0, "a0", 1, "")
	flag.Float64Var(&p.Reg, "reg", 0.01, "")
	flag.Float64Var(&p.Nu, "nu", 0, "")
	flag.IntVar(&p.Sweeps, "sweeps", 15, "")
	flag.Uint64Var(&p.Seed, "seed", 1, "")
	flag.Parse()
	runtime.GOMAXPROCS(*threads)
	if err := run(p, *pairs, *out, float32(*weight), *threads); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// report is what the command prints: seconds since the start of Fit and the loss, after each sweep.
type report struct {
	Seconds []float64 `json:"seconds"`
	Losses  []float64 `json:"losses"`
	Total   float64   `json:"total"`
}

func run(p learn.ALS, from, to string, weight float32, threads int) error {
	m, err := read(from, weight)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	var r report
	start := time.Now()
	f, err := p.Fit(context.Background(), m, threads, func(_ int, loss float64) {
		r.Seconds, r.Losses = append(r.Seconds, time.Since(start).Seconds()), append(r.Losses, loss)
	})
	if err != nil {
		return err
	}
	r.Total = time.Since(start).Seconds()
	if to != "" {
		if err := write(to, f.X, f.Y); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// read takes int64 rows, columns, pairs; then the row starts (int64) and the columns (uint32), all little-endian.
func read(path string, weight float32) (*learn.Matrix, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var head [3]int64
	r := bufio.NewReaderSize(f, 1<<20)
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return nil, err
	}
	rows, cols, pairs := head[0], head[1], head[2]
	if size := info.Size(); rows < 0 || rows > size/8 || pairs < 0 || pairs > size/4 || cols < 0 || cols > math.MaxInt32 {
		return nil, fmt.Errorf("%d rows, %d columns and %d pairs in %d bytes", rows, cols, pairs, size)
	}
	start, m := make([]int64, rows+1), &learn.Matrix{Cols: int(cols), Index: make([]uint32, pairs), Value: make([]float32, pairs)}
	for _, part := range []any{start, m.Index} {
		if err := binary.Read(r, binary.LittleEndian, part); err != nil {
			return nil, err
		}
	}
	for _, s := range start {
		m.Start = append(m.Start, int(s))
	}
	for i := range m.Value {
		m.Value[i] = weight
	}
	return m, nil
}

func write(path string, parts ...[]float32) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for _, part := range parts {
		if err := binary.Write(io.Writer(w), binary.LittleEndian, part); err != nil {
			f.Close()
			return err
		}
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
