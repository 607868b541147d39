package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"regexp"
)

// ErrTooLarge is wrapped by the error of ReadFile when a file is larger than the caller allows.
var ErrTooLarge = errors.New("file too large")

// IsTemp reports whether name is one WriteFile writes to before the rename. After a crash such files may lie about;
// whoever owns the directory removes them.
func IsTemp(name string) bool { return temporary.MatchString(name) }

var temporary = regexp.MustCompile(`\.[0-9a-f]{16}\.tmp$`)

// WriteFile replaces the file called name by data, durably: after a crash it holds what it held before, or all of
// data; once WriteFile has returned nil, it is data. Several may write the same name: the last one's data stays.
func WriteFile(fsys FS, name string, data []byte) error {
	return replace(fsys, name, data, func(string) error { return nil })
}

// WriteSharedFile is WriteFile for what every user of the machine may read.
func WriteSharedFile(fsys FS, name string, data []byte) error {
	return replace(fsys, name, data, fsys.Share)
}

// replace lets prepare change the temporary file before it takes the name.
func replace(fsys FS, name string, data []byte, prepare func(temp string) error) error {
	temp := fmt.Sprintf("%s.%016x.tmp", name, rand.Uint64())
	err := writeSynced(fsys, temp, data)
	if err == nil {
		err = prepare(temp)
	}
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, discard(fsys, temp))
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// discard leaves no error where the file was never made.
func discard(fsys FS, name string) error { return fsys.RemoveAll(name) }

func writeSynced(fsys FS, name string, data []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// ErrIrregular is wrapped by the error of ReadFile for what is no file: a pipe, a device or a socket may not answer for ever.
var ErrIrregular = errors.New("not a regular file")

// ReadFile reads a whole regular file of at most max bytes; a larger one is refused before memory is taken for it.
func ReadFile(fsys FS, name string, max int64) ([]byte, error) {
	open := fsys.Open
	if o, ok := fsys.(osFS); ok {
		open = o.openRegular
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	b, err := readAll(f, name, max)
	return b, errors.Join(err, f.Close())
}

func readAll(f File, name string, max int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, irregular(name, info)
	}
	if info.Size() > max {
		return nil, fmt.Errorf("read %s: %w: %d bytes, at most %d", name, ErrTooLarge, info.Size(), max)
	}
	b := make([]byte, info.Size())
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // cut while being read: what is there is what it holds
	}
	return b[:n], err
}

func irregular(name string, info fs.FileInfo) error {
	return fmt.Errorf("read %s: %w (%s)", name, ErrIrregular, info.Mode())
}
