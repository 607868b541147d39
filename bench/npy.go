package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
)

// Limits of an npy file read.
const (
	maxNpyHeader = 64 << 10
	maxNpyItems  = 1 << 33 // numbers
)

var (
	npyDescr = regexp.MustCompile(`'descr'\s*:\s*'([<|>=][a-z]\d+)'`)
	npyOrder = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape = regexp.MustCompile(`'shape'\s*:\s*\(\s*(\d+)\s*,\s*(\d+)\s*,?\s*\)`)
)

// ReadNpy reads a NumPy matrix of float32 or float64 in C order, rows of dim numbers. Memory is taken as the numbers
// come, not as the header promises.
func ReadNpy(r io.Reader) (numbers []float32, dim int, err error) {
	header, err := npyHeader(r)
	if err != nil {
		return nil, 0, fmt.Errorf("npy: %w", err)
	}
	n, dim, size, err := parseNpy(header)
	if err != nil {
		return nil, 0, fmt.Errorf("npy: %w", err)
	}
	buf := make([]byte, 64<<10)
	for left := n * int64(size); left > 0; {
		part := buf[:min(left, int64(len(buf)))]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, 0, fmt.Errorf("npy: %d bytes missing, the file is cut off: %w", left, err)
		}
		numbers = appendNumbers(numbers, part, size)
		left -= int64(len(part))
	}
	if n, _ := io.ReadFull(r, buf[:1]); n > 0 {
		return nil, 0, fmt.Errorf("npy: more bytes than %d rows of %d numbers: write the file anew with numpy.save", len(numbers)/dim, dim)
	}
	return numbers, dim, nil
}

func appendNumbers(dst []float32, b []byte, size int) []float32 {
	for ; len(b) >= size; b = b[size:] {
		if size == 4 {
			dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		} else {
			dst = append(dst, float32(math.Float64frombits(binary.LittleEndian.Uint64(b))))
		}
	}
	return dst
}

// npyHeader reads up to the numbers: magic, version, length (two bytes in version 1, four later), a Python dictionary.
func npyHeader(r io.Reader) (string, error) {
	var start [12]byte
	if _, err := io.ReadFull(r, start[:10]); err != nil {
		return "", fmt.Errorf("not an npy file, it ends after a few bytes: %w", err)
	}
	if string(start[:6]) != "\x93NUMPY" {
		return "", errors.New("not an npy file, as numpy.save writes them")
	}
	size := int(binary.LittleEndian.Uint16(start[8:]))
	switch start[6] {
	case 1:
	case 2, 3:
		if _, err := io.ReadFull(r, start[10:]); err != nil {
			return "", fmt.Errorf("the header is cut off: %w", err)
		}
		size = int(min(binary.LittleEndian.Uint32(start[8:]), maxNpyHeader+1))
	default:
		return "", fmt.Errorf("version %d, want 1 to 3", start[6])
	}
	if size > maxNpyHeader {
		return "", fmt.Errorf("header longer than %d bytes", maxNpyHeader)
	}
	header := make([]byte, size)
	if _, err := io.ReadFull(r, header); err != nil {
		return "", fmt.Errorf("the header is cut off: %w", err)
	}
	return string(header), nil
}

func parseNpy(header string) (n int64, dim, size int, err error) {
	descr, order, shape := npyDescr.FindStringSubmatch(header), npyOrder.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	if descr == nil || order == nil || shape == nil {
		return 0, 0, 0, fmt.Errorf("want a matrix, one row a vector; the header says %.200q", header)
	}
	switch descr[1] {
	case "<f4":
		size = 4
	case "<f8":
		size = 8
	default:
		return 0, 0, 0, fmt.Errorf("numbers of type %s, want <f4 or <f8: save x.astype(numpy.float32)", descr[1])
	}
	if order[1] != "False" {
		return 0, 0, 0, errors.New("in Fortran order, want C order: save numpy.ascontiguousarray(x)")
	}
	rows, err1 := strconv.ParseInt(shape[1], 10, 40)
	cols, err2 := strconv.ParseInt(shape[2], 10, 31)
	if err1 != nil || err2 != nil || cols < 1 || rows > maxNpyItems/cols {
		return 0, 0, 0, fmt.Errorf("shape (%s, %s) is out of range", shape[1], shape[2])
	}
	return rows * cols, int(cols), size, nil
}
