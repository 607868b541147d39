package model

import (
	"fmt"

	"github.com/edged/edged"
	"github.com/edged/edged/index"
)

// Neighbours appends the neighbours of row to dst, nearest first. buf is working memory that may be nil and is reused.
// The table stays in the mapped file: an error means the file was truncated under the map.
func (m *Model) Neighbours(dst []index.Hit, row edged.Row, buf *[]byte) ([]index.Hit, error) {
	if m.isNew(row) {
		return dst, nil
	}
	size := m.meta.NeighbourK * hitSize
	var err error
	if *buf, err = m.model.ReadAt((*buf)[:0], secNeighbours, int(row)*size, size); err != nil {
		return dst, fmt.Errorf("neighbours of row %d: %w", row, err)
	}
	return appendNeighbours(dst, *buf), nil
}

// appendNeighbours appends the entries of one row, up to the first unused one.
func appendNeighbours(dst []index.Hit, raw []byte) []index.Hit {
	for ; len(raw) >= hitSize; raw = raw[hitSize:] {
		h := readHit(raw)
		if h.Row == edged.NoRow {
			break
		}
		dst = append(dst, h)
	}
	return dst
}

// encodeNeighbours returns the section neighbours, k for each of n rows.
func (b *Build) encodeNeighbours(n, k int) ([]byte, error) {
	out := make([]byte, 0, n*k*hitSize)
	wide, like := len(b.Neighbours)/max(n, 1), b.earlier()
	var before, list []index.Hit
	var buf []byte
	for row := range edged.Row(n) {
		before = before[:0]
		if at := like.of(row); at != edged.NoRow {
			var err error
			if before, err = like.m.Neighbours(before, at, &buf); err != nil {
				return nil, err
			}
		}
		from, at := int(row)*wide, len(out)
		list = like.hits(list[:0], b.Neighbours[from:from+wide], b.NeighbourScores[from:from+wide], before, k)
		for _, h := range list {
			out = appendHit(out, h.Row, h.Score)
		}
		for range k - len(list) {
			out = appendHit(out, edged.NoRow, 0)
		}
		if err := checkNeighbourRow(list, out[at:], row, n); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", secNeighbours, row, err)
		}
	}
	return out, nil
}

// checkNeighbours reads the whole table once.
func (m *Model) checkNeighbours() error {
	var list []index.Hit
	var buf []byte
	for row := range edged.Row(m.Len()) {
		var err error
		if list, err = m.Neighbours(list[:0], row, &buf); err != nil {
			return err
		}
		if err := checkNeighbourRow(list, buf, row, m.Len()); err != nil {
			return fmt.Errorf("%s: row %d: %w", secNeighbours, row, err)
		}
	}
	return nil
}

func checkNeighbourRow(list []index.Hit, raw []byte, row edged.Row, n int) error {
	if err := checkHits(list, n); err != nil {
		return err
	}
	for _, h := range list {
		if h.Row == row {
			return fmt.Errorf("its own neighbour")
		}
	}
	for b := raw[len(list)*hitSize:]; len(b) > 0; b = b[hitSize:] {
		if h := readHit(b); h.Row != edged.NoRow || h.Score != 0 {
			return fmt.Errorf("an entry (%d, %g) behind the last", h.Row, h.Score)
		}
	}
	return nil
}
