package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/edged/edged/learn"
)

// pairsFile writes head and the rest as generate.py does.
func pairsFile(t *testing.T, head [3]int64, starts []int64, columns []uint32) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pairs")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range []any{head, starts, columns} {
		if err := binary.Write(f, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestTrainsWhatAFileHolds(t *testing.T) {
	path := pairsFile(t, [3]int64{2, 3, 4}, []int64{0, 3, 4}, []uint32{0, 1, 2, 1})
	m, err := read(path, 9)
	if err != nil || m.Rows() != 2 || m.Cols != 3 || !slices.Equal(m.Index, []uint32{0, 1, 2, 1}) || m.Value[3] != 9 {
		t.Fatalf("read %+v, %v", m, err)
	}
	out := filepath.Join(t.TempDir(), "vectors")
	if err := run(learn.ALS{Factors: 4, A0: 1, Reg: .1, Sweeps: 2}, path, out, 9, 1); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(out); err != nil || info.Size() != 4*4*(2+3) {
		t.Fatalf("vectors: %v, %v", info, err)
	}
}

func TestRefusesWhatIsNoMatrix(t *testing.T) {
	for name, path := range map[string]string{
		"huge":       pairsFile(t, [3]int64{1 << 40, 3, 4}, nil, nil),
		"negative":   pairsFile(t, [3]int64{2, 3, -4}, []int64{0, 3, 4}, nil),
		"cut off":    pairsFile(t, [3]int64{2, 3, 4}, []int64{0, 3, 4}, []uint32{0, 1}),
		"bad column": pairsFile(t, [3]int64{2, 3, 4}, []int64{0, 3, 4}, []uint32{0, 1, 3, 1}),
		"bad start":  pairsFile(t, [3]int64{2, 3, 4}, []int64{0, 5, 4}, []uint32{0, 1, 2, 1}),
	} {
		if err := run(learn.ALS{Factors: 4, Sweeps: 1}, path, "", 1, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
