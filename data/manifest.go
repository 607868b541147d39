package data

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/edged/edged/internal/vfs"
)

const (
	manifestName   = "manifest.json"
	manifestFormat = 1
	maxManifest    = 256 << 20
)

// segment is one file the manifest names.
type segment struct {
	Day     string `json:"day,omitempty"`
	File    string `json:"file"`
	Size    int64  `json:"size"`
	Count   int64  `json:"count"`
	Hash    string `json:"hash"`
	Content string `json:"content"`
}

// manifest says what a directory holds.
type manifest struct {
	Format   int       `json:"format"`
	Sequence int64     `json:"sequence"`
	Events   []segment `json:"events"`
	Items    []segment `json:"items"`
}

// readManifest reads a directory's manifest; a directory without one is empty.
func readManifest(fsys vfs.FS, dir string) (*manifest, error) {
	name := filepath.Join(dir, manifestName)
	b, err := vfs.ReadFile(fsys, name, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return &manifest{Format: manifestFormat}, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

func parseManifest(b []byte) (*manifest, error) {
	m := &manifest{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("something after the end of the object")
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("format %d, this program reads %d", m.Format, manifestFormat)
	}
	for _, s := range slices.Concat(m.Events, m.Items) {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	for _, s := range m.Events {
		if _, err := time.Parse(time.DateOnly, s.Day); err != nil {
			return nil, fmt.Errorf("segment %s: day %q: want YYYY-MM-DD", s.File, s.Day)
		}
	}
	if !slices.IsSortedFunc(m.Events, byDay) {
		return nil, fmt.Errorf("events out of order")
	}
	return m, nil
}

func (s *segment) check() error {
	switch {
	case s.File == "" || s.File != path.Base(s.File) || strings.ContainsAny(s.File, `\`) || !strings.HasSuffix(s.File, segmentSuffix):
		return fmt.Errorf("segment file %q: not a plain name ending in %s", s.File, segmentSuffix)
	case s.Size < segmentHeader || s.Count <= 0:
		return fmt.Errorf("segment %s: size %d, count %d", s.File, s.Size, s.Count)
	}
	return nil
}

// byDay orders event segments by day; the order of arrival within a day is kept by a stable sort.
func byDay(a, b segment) int { return cmp.Compare(a.Day, b.Day) }

// add returns the manifest with more segments, one import later.
func (m *manifest) add(events, items []segment) *manifest {
	n := &manifest{
		Format: manifestFormat, Sequence: m.Sequence + 1,
		Events: slices.Concat(m.Events, events), Items: slices.Concat(m.Items, items),
	}
	slices.SortStableFunc(n.Events, byDay)
	return n
}

// encode writes one segment a line, so that people can read it and tools can diff it.
func (m *manifest) encode() []byte {
	b := fmt.Appendf(nil, "{\"format\":%d,\"sequence\":%d,\n\"events\":", m.Format, m.Sequence)
	b = append(appendSegments(b, m.Events), ",\n\"items\":"...)
	return append(appendSegments(b, m.Items), "}\n"...)
}

func appendSegments(b []byte, list []segment) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		line, err := json.Marshal(s)
		if err != nil {
			panic("BUG: segment does not marshal: " + err.Error())
		}
		b = append(append(b, "\n  "...), line...)
	}
	return append(b, ']')
}

// digest identifies the content: days, records and their order, not files.
func (m *manifest) digest() string {
	h := sha256.New()
	for _, s := range m.Events {
		fmt.Fprintf(h, "event %s %d %s\n", s.Day, s.Count, s.Content)
	}
	for _, s := range m.Items {
		fmt.Fprintf(h, "item %d %s\n", s.Count, s.Content)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// files returns the names of the segments in use, by folder.
func (m *manifest) files() map[string]bool {
	used := map[string]bool{}
	for _, s := range m.Events {
		used[filepath.Join(eventsDir, s.File)] = true
	}
	for _, s := range m.Items {
		used[filepath.Join(itemsDir, s.File)] = true
	}
	return used
}
