package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// npyFile writes a matrix as NumPy does.
func npyFile(version byte, dict string, numbers any) []byte {
	var b bytes.Buffer
	b.WriteString("\x93NUMPY")
	b.Write([]byte{version, 0})
	for (b.Len()+2+len(dict)+1)%16 != 0 {
		dict += " "
	}
	dict += "\n"
	if version == 1 {
		binary.Write(&b, binary.LittleEndian, uint16(len(dict)))
	} else {
		binary.Write(&b, binary.LittleEndian, uint32(len(dict)))
	}
	b.WriteString(dict)
	binary.Write(&b, binary.LittleEndian, numbers)
	return b.Bytes()
}

func npyDict(descr string, rows, cols int) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", descr, rows, cols)
}

func TestReadNpy(t *testing.T) {
	want := []float32{1, -2.5, 3, 4, 5, float32(math.Inf(1))}
	for version := byte(1); version <= 3; version++ {
		got, dim, err := ReadNpy(bytes.NewReader(npyFile(version, npyDict("<f4", 2, 3), want)))
		if err != nil || dim != 3 || !slices.Equal(got, want) {
			t.Errorf("version %d: %v of %d, %v", version, got, dim, err)
		}
	}
	got, dim, err := ReadNpy(bytes.NewReader(npyFile(1, npyDict("<f8", 3, 1), []float64{1, 2, 3})))
	if err != nil || dim != 1 || !slices.Equal(got, []float32{1, 2, 3}) {
		t.Errorf("float64: %v of %d, %v", got, dim, err)
	}
}

func TestReadNpyRefuses(t *testing.T) {
	four := []float32{1, 2, 3, 4}
	for name, tc := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":       {nil, "EOF"},
		"another file":  {[]byte("PK\x03\x04 a zip file of arrays"), "not an npy"},
		"version":       {npyFile(9, npyDict("<f4", 2, 2), four), "version 9"},
		"integers":      {npyFile(1, npyDict("<i4", 2, 2), four), "<i4"},
		"big endian":    {npyFile(1, npyDict(">f4", 2, 2), four), ">f4"},
		"Fortran":       {npyFile(1, strings.Replace(npyDict("<f4", 2, 2), "False", "True", 1), four), "Fortran"},
		"a vector":      {npyFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", four), "matrix"},
		"no columns":    {npyFile(1, npyDict("<f4", 4, 0), four), "out of range"},
		"endless":       {npyFile(1, strings.Replace(npyDict("<f4", 2, 2), "(2, 2)", "(549755813888, 1073741824)", 1), four), "out of range"},
		"many promised": {npyFile(1, npyDict("<f4", 1<<20, 512), four), "missing"},
		"more behind":   {append(npyFile(1, npyDict("<f4", 2, 2), four), 0), "more bytes than 2 rows of 2"},
		"long header":   {npyFile(2, npyDict("<f4", 2, 2)+strings.Repeat(" ", maxNpyHeader), four), "longer"},
	} {
		if _, _, err := ReadNpy(bytes.NewReader(tc.file)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
	whole := npyFile(1, npyDict("<f4", 2, 2), four)
	for n := range whole {
		if _, _, err := ReadNpy(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("cut at %d: no error", n)
		}
	}
}

func FuzzReadNpy(f *testing.F) {
	f.Add(npyFile(1, npyDict("<f4", 2, 2), []float32{1, 2, 3, 4}))
	f.Add(npyFile(2, npyDict("<f8", 1, 2), []float64{1, 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		numbers, dim, err := ReadNpy(bytes.NewReader(b))
		if err == nil && (dim < 1 || len(numbers)%dim != 0 || len(numbers) > len(b)) {
			t.Errorf("%d numbers of %d dimensions from %d bytes", len(numbers), dim, len(b))
		}
	})
}
