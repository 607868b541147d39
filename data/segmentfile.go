package data

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/edged/edged/internal/vfs"
)

// segmentFile is a segment of the import being written, made with its first record.
type segmentFile struct {
	im          *importer
	kind        Kind
	folder, day string
	name        string
	file        vfs.File
	w           *SegmentWriter
}

func (s *segmentFile) add(rec []byte) error {
	if s.file == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	return s.w.Record(rec)
}

func (s *segmentFile) create() (err error) {
	s.name = fmt.Sprintf("%06d%s", s.im.dir.m.Sequence+1, segmentSuffix)
	if s.day != "" {
		s.name = s.day + "-" + s.name
	}
	path := s.im.dir.file(s.folder, s.name)
	s.im.made = append(s.im.made, path)
	if s.file, err = s.im.dir.fs.Create(path); err == nil {
		s.w, err = NewSegmentWriter(s.file, s.kind)
	}
	return err
}

// finish makes the file durable and describes it.
func (s *segmentFile) finish() (*segment, error) {
	if s.file == nil {
		return nil, nil
	}
	err := s.w.Flush()
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, s.abort())
	}
	if err := s.file.Close(); err != nil {
		return nil, err
	}
	return &segment{
		Day: s.day, File: s.name, Size: s.w.Size(), Count: s.w.Count(),
		Hash: sumText(s.w.file.Sum(nil)), Content: sumText(s.w.content.Sum(nil)),
	}, nil
}

func (s *segmentFile) abort() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

func sumText(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }
