package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/vfs"
)

// format says how a file is written.
type format uint8

const (
	formatCSV format = iota
	formatJSONL
	formatSegment
)

// input is an open file, decompressed where it needs to be.
type input struct {
	file   vfs.File
	size   int64
	r      *bufio.Reader
	format format
}

// openInput opens a file and finds out what it is.
func openInput(fsys vfs.FS, name string) (in *input, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	in = &input{file: f, size: info.Size(), r: bufio.NewReaderSize(f, 128<<10)}
	if strings.HasSuffix(name, segmentSuffix) {
		in.format = formatSegment
		return in, nil
	}
	return in, in.sniff()
}

// sniff looks at the first bytes.
func (in *input) sniff() error {
	head, err := in.peek()
	if err != nil {
		return err
	}
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in.r)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		in.r = bufio.NewReaderSize(z, 128<<10)
		if head, err = in.peek(); err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte(segmentMagic)):
		return fmt.Errorf("an edged segment, but its name does not end in %s, or it is compressed", segmentSuffix)
	case bytes.HasPrefix(text, []byte("{")):
		in.format = formatJSONL
	case bytes.HasPrefix(text, []byte("[")):
		return fmt.Errorf("begins with '[': want one JSON object a line, not an array")
	case bytes.HasPrefix(head, []byte("PAR1")):
		return fmt.Errorf("parquet is not read; write CSV or JSONL")
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return fmt.Errorf("zstd is not read; decompress it, or write gzip")
	}
	return nil
}

func (in *input) peek() ([]byte, error) {
	head, err := in.r.Peek(512)
	if errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
		err = nil
	}
	return head, err
}

// expand replaces directories by the segments in them.
func expand(fsys vfs.FS, files []string) (list []string, err error) {
	for _, name := range files {
		info, err := fsys.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			list = append(list, name)
			continue
		}
		segments, err := segmentsIn(fsys, name)
		if err != nil {
			return nil, err
		}
		list = append(list, segments...)
	}
	return list, nil
}

// segmentsIn lists the segment files of a directory by name.
func segmentsIn(fsys vfs.FS, dir string) (list []string, err error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), segmentSuffix) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	if list == nil {
		return nil, fmt.Errorf("%s: no %s files there", dir, segmentSuffix)
	}
	return list, nil
}

// flatten reads one JSON object into the row's slots: nested keys are joined by dots, numbers and lists keep their
// text. It reports the same faults as ParseEvent does, but for keys the mapping doesn't know.
func flatten(text []byte, at map[string][]int, values []string) error {
	clear(values)
	s := &scanner{b: text}
	if err := s.flatten("", at, values); err != nil {
		return err
	}
	return s.end()
}

func (s *scanner) flatten(prefix string, at map[string][]int, values []string) error {
	seen := fieldSet{}
	return s.object(func(key string) error {
		if err := seen.add(key); err != nil {
			return err
		}
		name := prefix + key
		slots := at[name]
		if len(slots) == 0 && s.peek() == '{' {
			return s.flatten(name+".", at, values)
		}
		v, err := s.scalarText()
		for _, slot := range slots {
			if values[slot] == "" { // a column of several names may have come by another
				values[slot] = v
			}
		}
		return err
	})
}

// scalarText returns the text of a string, nothing for null, and the source of everything else.
func (s *scanner) scalarText() (string, error) {
	if s.null() {
		return "", nil
	}
	if s.peek() == '"' {
		return s.str()
	}
	raw, err := s.raw()
	return string(raw), err
}

// jsonSlots says which key of an object fills which slots. Where a column has several names, each fills it.
func (m *Mapping) jsonSlots() map[string][]int {
	at := map[string][]int{}
	for slot := range m.columns {
		for _, name := range m.columns[slot].names {
			at[name] = append(at[name], slot)
		}
	}
	return at
}

// identity is the mapping of a table whose columns are named as the fields are.
func identity(header []string, kind string) (*Mapping, error) {
	m := newMapping()
	p := &mappingParser{m: m, inside: kind}
	events, items := &eventMap{}, &itemMap{}
	for _, name := range header {
		f := &field{name: strings.TrimPrefix(name, "events."), slot: -1}
		es, isEvent := eventSetters[name]
		is, isItem := itemSetters[name]
		switch key, context := strings.CutPrefix(name, "context."); {
		case kind == Events && isEvent:
			events.fields = append(events.fields, eventField{f, es.set})
		case kind == Events && context && key != "":
			events.fields = append(events.fields, eventField{f, contextSetter(key)})
		case kind == Items && isItem:
			f.name, f.split = "items."+name, "|"
			items.fields = append(items.fields, itemSource{f, is.set})
		default:
			continue
		}
		f.slot = p.column(&noNode, []string{name})
	}
	need := []string{"item", "type", "time"}
	if m.events = events; kind == Items {
		m.events, m.items, need = nil, items, []string{"id"}
	}
	for _, name := range need {
		if !slices.Contains(header, name) {
			return nil, fmt.Errorf("no column %q; the file has %q: give a mapping", name, header)
		}
	}
	return m, nil
}

// readSegments calls fn for every record of a segment file; a torn tail ends it.
func (in *input) readSegments(want Kind, fn func(n int64, rec []byte) error) error {
	r, err := NewSegmentReader(in.file, in.size)
	if errors.Is(err, ErrTorn) {
		return nil // its writer died before the first block
	}
	if err != nil {
		return err
	}
	if r.Kind() != want {
		return fmt.Errorf("%w of that kind", ErrSegment)
	}
	for n := int64(1); ; n++ {
		rec, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, ErrTorn) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(n, rec); err != nil {
			return err
		}
	}
}

// decodeEvent is used by imports of segments.
func decodeEvent(d *decoder, rec []byte, e *edged.Event) *fault {
	if err := d.event(e, rec); err != nil {
		return badRow("event: malformed record", "%v", err)
	}
	return nil
}
