package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/internal/vfs"
)

func sample() []Section {
	return []Section{
		{Name: "meta", Flags: Critical, Data: []byte(`{"items":3}`)},
		{Name: "vectors", Flags: Critical | Hot, Elem: 4, Data: Bytes([]float32{0, 1, -1.5, 1e9})},
		{Name: "empty", Flags: Hot, Elem: 8},
		{Name: "titles.v-1_0", Data: []byte(strings.Repeat("mug ", 16))}, // 64 bytes: no padding
		{Name: "hot.meta", Flags: Hot, Data: []byte("x")},
	}
}

var sampleNames = []string{"meta", "vectors", "empty", "titles.v-1_0", "hot.meta"}

func encode(t testing.TB, kind string, sections []Section) []byte {
	t.Helper()
	var buf bytes.Buffer
	n, err := Write(&buf, kind, sections)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(buf.Len()) {
		t.Fatalf("Write says %d bytes and wrote %d", n, buf.Len())
	}
	return buf.Bytes()
}

func opened(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Parse(b, "model", sampleNames)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// holds fails unless f holds the sections exactly.
func holds(t testing.TB, f *File, want []Section) {
	t.Helper()
	if err := f.Verify(); err != nil {
		t.Error(err)
	}
	list := f.Sections()
	if len(list) != len(want) {
		t.Fatalf("%d sections, want %d", len(list), len(want))
	}
	for i, s := range want {
		if got := list[i]; got.Name != s.Name || got.Flags != s.Flags || got.Elem != max(s.Elem, 1) || got.Data != nil {
			t.Errorf("section %d is %+v, want %s %v %d", i, got, s.Name, s.Flags, s.Elem)
		}
		n, ok := f.Len(s.Name)
		if !ok || n != len(s.Data) {
			t.Errorf("%s: length %d %v, want %d", s.Name, n, ok, len(s.Data))
		}
		got, err := f.ReadAt(nil, s.Name, 0, n)
		if err != nil || !bytes.Equal(got, s.Data) {
			t.Errorf("%s: read %q, %v", s.Name, got, err)
		}
		hot, ok := f.Hot(s.Name)
		if ok != (s.Flags&Hot != 0) || ok && !bytes.Equal(hot, s.Data) {
			t.Errorf("%s: hot %v with %q", s.Name, ok, hot)
		}
		if ok && len(hot) > 0 && uintptr(unsafe.Pointer(&hot[0]))%64 != 0 {
			t.Errorf("%s: hot memory is not aligned to 64", s.Name)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	b := encode(t, "model", sample())
	if !bytes.Equal(b, encode(t, "model", sample())) {
		t.Error("the same sections gave other bytes")
	}
	holds(t, opened(t, b), sample())
	holds(t, mustParse(t, encode(t, "none", nil), "none"), nil)
}

// TestTake: bytes that somebody takes are seen by nobody else, who gets others.
func TestTake(t *testing.T) {
	file := encode(t, "model", []Section{{Name: "hot", Flags: Hot, Data: []byte("as it was")}, {Name: "cold", Data: []byte("x")}})
	f := mustParse(t, file, "model")
	for range 3 {
		b, ok, err := f.Take("hot")
		if err != nil || !ok || string(b) != "as it was" {
			t.Fatalf("%q, %v, %v", b, ok, err)
		}
		if uintptr(unsafe.Pointer(&b[0]))%64 != 0 {
			t.Error("memory that is not aligned to 64")
		}
		copy(b, "as it is now")
		if got, err := f.ReadAt(nil, "hot", 3, 6); err != nil || string(got) != "it was" {
			t.Errorf("read %q, %v", got, err)
		}
	}
	if b, ok := f.Hot("hot"); ok {
		t.Errorf("%q is taken and there", b)
	}
	off, _, _ := f.Extent("hot")
	file[off]++
	if _, _, err := f.Take("hot"); !errors.As(err, new(*CorruptError)) {
		t.Errorf("a file that was changed: %v", err)
	}
	for _, name := range []string{"cold", "none"} {
		if _, ok, err := f.Take(name); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	f.Close()
	if _, _, err := f.Take("hot"); !errors.Is(err, ErrClosed) {
		t.Errorf("once closed: %v", err)
	}
}

// TestHotSectionsTogether: what is touched all over lies in one piece, where large pages begin.
func TestHotSectionsTogether(t *testing.T) {
	big := bytes.Repeat([]byte("0123456"), largePage/7)
	f := mustParse(t, encode(t, "model", []Section{
		{Name: "first", Flags: Hot, Data: big}, {Name: "cold", Data: big[1:]}, {Name: "second", Flags: Hot, Data: big[2:]}, {Name: "none", Flags: Hot},
	}), "model")
	address := func(name string) uintptr {
		b, ok := f.Hot(name)
		if !ok || cap(b) != len(b) {
			t.Fatalf("%s: %v, %d bytes, capacity %d", name, ok, len(b), cap(b))
		}
		return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	}
	if at := address("first"); at%largePage != 0 {
		t.Errorf("the first begins at %#x", at)
	}
	if apart := address("second") - address("first"); uint64(apart) != padded(uint64(len(big))) {
		t.Errorf("the second begins %d behind the first, which has %d bytes", apart, len(big))
	}
}

func mustParse(t testing.TB, b []byte, kind string) *File {
	t.Helper()
	f, err := Parse(b, kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.snap")
	b := encode(t, "model", sample())
	if err := vfs.WriteFile(vfs.OS, path, b); err != nil {
		t.Fatal(err)
	}
	f, err := Open(vfs.OS, path, "model", sampleNames)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, f, sample())
	f.Close()
	f.Close()
	if _, err := f.ReadAt(nil, "meta", 0, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if err := f.Verify(); !errors.Is(err, ErrClosed) {
		t.Errorf("Verify after Close: %v", err)
	}
	runtime.GC() // unmaps
	if hot, _ := f.Hot("hot.meta"); string(hot) != "x" {
		t.Errorf("hot after Close: %q", hot)
	}
	if got, err := f.ReadAt(nil, "hot.meta", 0, 1); err != nil || string(got) != "x" {
		t.Errorf("read of a hot section after Close: %q, %v", got, err)
	}
	if _, err := Open(vfs.OS, path+"no", "model", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

// A file cut while it is mapped must not end the process.
func TestFault(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("mapped files can't be cut here")
	}
	path := filepath.Join(t.TempDir(), "m.snap")
	big := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	sections := []Section{{Name: "hot", Flags: Hot, Data: big}, {Name: "cold", Data: big}}
	if err := vfs.WriteFile(vfs.OS, path, encode(t, "model", sections)); err != nil {
		t.Fatal(err)
	}
	f, err := Open(vfs.OS, path, "model", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	dst := []byte("kept")
	got, err := f.ReadAt(dst, "cold", 100_000, 50)
	if !errors.Is(err, ErrFault) || string(got) != "kept" {
		t.Errorf("read of a cut file: %q, %v", got, err)
	}
	if err := f.Verify(); !errors.Is(err, ErrFault) {
		t.Errorf("Verify of a cut file: %v", err)
	}
	if hot, _ := f.Hot("hot"); !bytes.Equal(hot, big) {
		t.Error("the hot section went with the file")
	}
}

// watched tells when its file is unmapped.
type watched struct {
	vfs.Mapping
	gone chan struct{}
}

func (w watched) Unmap() error {
	close(w.gone)
	return w.Mapping.Unmap()
}

type watchedFS struct {
	vfs.FS
	gone chan struct{}
}

func (w watchedFS) Map(name string) (vfs.Mapping, error) {
	m, err := w.FS.Map(name)
	return watched{m, w.gone}, err
}

// The mapping stays while the File can be reached, and goes after Close, with the File or with a failed Open.
func TestMappingIsReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.snap")
	if err := vfs.WriteFile(vfs.OS, path, encode(t, "model", sample())); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(fs vfs.FS) *File{
		"Close": func(fs vfs.FS) *File {
			f, err := Open(fs, path, "model", nil)
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			if _, err := f.ReadAt(nil, "meta", 0, 11); err != nil {
				t.Error(err)
			}
			f.Close()
			return f
		},
		"the File": func(fs vfs.FS) *File {
			if _, err := Open(fs, path, "model", nil); err != nil {
				t.Fatal(err)
			}
			return nil
		},
		"a failed Open": func(fs vfs.FS) *File {
			if _, err := Open(fs, path, "other", nil); err == nil {
				t.Fatal("opened as another kind")
			}
			return nil
		},
	}
	for name, open := range cases {
		gone := make(chan struct{})
		f := open(watchedFS{vfs.OS, gone})
		runtime.GC()
		select {
		case <-gone:
		case <-time.After(20 * time.Second):
			t.Errorf("the mapping did not go with %s", name)
		}
		runtime.KeepAlive(f)
	}
	gone := make(chan struct{})
	f, err := Open(watchedFS{vfs.OS, gone}, path, "model", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runtime.GC()
	}
	select {
	case <-gone:
		t.Error("unmapped while in use")
	default:
	}
	runtime.KeepAlive(f)
}

func TestGuardLetsBugsPass(t *testing.T) {
	defer func() {
		if r := recover(); r != "bug" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = guard(func() error { panic("bug") })
}

func TestReadAt(t *testing.T) {
	f := opened(t, encode(t, "model", sample()))
	got, err := f.ReadAt([]byte("a "), "titles.v-1_0", 4, 3)
	if err != nil || string(got) != "a mug" {
		t.Errorf("read %q, %v", got, err)
	}
	if got, err := f.ReadAt(nil, "meta", 11, 0); err != nil || len(got) != 0 {
		t.Errorf("nothing at the end: %q, %v", got, err)
	}
	for _, c := range [][2]int{{-1, 1}, {0, -1}, {0, 12}, {11, 1}, {12, 0}, {math.MaxInt, math.MaxInt}, {1, math.MaxInt}} {
		if _, err := f.ReadAt(nil, "meta", c[0], c[1]); err == nil {
			t.Errorf("read of %d bytes at %d passed", c[1], c[0])
		}
	}
	if _, err := f.ReadAt(nil, "none", 0, 0); !errors.Is(err, ErrNoSection) {
		t.Errorf("absent section: %v", err)
	}
	if _, ok := f.Hot("meta"); ok {
		t.Error("a cold section was handed out as hot")
	}
	if _, ok := f.Len("none"); ok {
		t.Error("an absent section has a length")
	}
	buf := make([]byte, 0, 64)
	testkit.Allocs(t, 0, func() {
		if out, err := f.ReadAt(buf, "titles.v-1_0", 0, 64); err != nil || len(out) != 64 {
			t.Error("read failed")
		}
	})
}

func TestWriteRefuses(t *testing.T) {
	many := make([]Section, maxSections+1)
	for i := range many {
		many[i].Name = string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
	}
	cases := map[string]struct {
		kind     string
		sections []Section
	}{
		"empty kind":      {"", nil},
		"long kind":       {"abcdefghijklmnopq", nil},
		"letters":         {"Model", nil},
		"space inside":    {"model", []Section{{Name: "a b"}}},
		"no name":         {"model", []Section{{}}},
		"not UTF-8":       {"model", []Section{{Name: "\xff"}}},
		"twice":           {"model", []Section{{Name: "a"}, {Name: "a"}}},
		"flags":           {"model", []Section{{Name: "a", Flags: 4}}},
		"half an element": {"model", []Section{{Name: "a", Elem: 4, Data: make([]byte, 6)}}},
		"too many":        {"model", many},
	}
	for name, c := range cases {
		var buf bytes.Buffer
		if n, err := Write(&buf, c.kind, c.sections); err == nil || n != 0 || buf.Len() != 0 {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
	if _, err := Write(&bytes.Buffer{}, "model", many[:maxSections]); err != nil {
		t.Errorf("the largest table: %v", err)
	}
}

type fullDisk struct{ room int }

func (w *fullDisk) Write(p []byte) (int, error) {
	n := min(w.room, len(p))
	w.room -= n
	if n < len(p) {
		return n, errors.New("disk full")
	}
	return n, nil
}

func TestWriteError(t *testing.T) {
	size := len(encode(t, "model", sample()))
	for room := range size {
		if n, err := Write(&fullDisk{room}, "model", sample()); err == nil || n != int64(room) {
			t.Fatalf("with room for %d: %d bytes, %v", room, n, err)
		}
	}
}

// Every cut and every flipped byte is an error that says where.
func TestEveryTruncation(t *testing.T) {
	b := encode(t, "model", sample())
	for n := range b {
		if _, err := Parse(bytes.Clone(b[:n]), "model", nil); err == nil {
			t.Errorf("%d of %d bytes were taken", n, len(b))
		}
	}
	if _, err := Parse(append(bytes.Clone(b), make([]byte, 64)...), "model", nil); err == nil {
		t.Error("a longer file was taken")
	}
}

func TestEveryFlip(t *testing.T) {
	b := encode(t, "model", sample())
	for i := range b {
		for _, mask := range []byte{1, 0x80, 0xff} {
			c := bytes.Clone(b)
			c[i] ^= mask
			f, err := Parse(c, "model", sampleNames)
			if err == nil {
				err = f.Verify()
			}
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatalf("byte %d ^ %#x: %v", i, mask, err)
			}
			if corrupt.Want == corrupt.Got || corrupt.Section == "" || corrupt.What == "" {
				t.Errorf("byte %d: the error does not say what: %+v", i, corrupt)
			}
		}
	}
}

// forge changes a file and makes its checksums right again, as an accident can't and a bug can.
func forge(t testing.TB, change func(b []byte)) []byte {
	b := encode(t, "model", sample())
	change(b)
	n := int(binary.LittleEndian.Uint32(b[12:]))
	end := min(headerSize+n*entrySize, len(b))
	binary.LittleEndian.PutUint32(b[40:], crcOf(b[headerSize:end]))
	binary.LittleEndian.PutUint32(b[60:], crcOf(b[:60]))
	return b
}

func TestForged(t *testing.T) {
	le := binary.LittleEndian
	const vectors = 64 + 64 // entry of the second section
	cases := map[string]struct {
		change func(b []byte)
		want   string // in the error; empty: taken
	}{
		"nothing":              {func(b []byte) {}, ""},
		"other major":          {func(b []byte) { le.PutUint16(b[8:], 2) }, "another version: 2.0"},
		"newer minor":          {func(b []byte) { le.PutUint16(b[10:], 7) }, ""},
		"reserved byte":        {func(b []byte) { b[44] = 1 }, "header: reserved byte at offset 44"},
		"reserved, newer":      {func(b []byte) { b[44] = 1; le.PutUint16(b[10:], 7) }, ""},
		"entry reserved":       {func(b []byte) { b[vectors+63] = 1 }, "vectors: reserved byte at offset 191"},
		"entry reserved newer": {func(b []byte) { b[vectors+63] = 1; b[10] = 7 }, ""},
		"flag":                 {func(b []byte) { b[vectors+36] |= 4 }, "vectors: flags"},
		"flag newer":           {func(b []byte) { b[vectors+36] |= 4; b[10] = 7 }, ""},
		"great flag newer":     {func(b []byte) { b[vectors+39] |= 4; b[10] = 7 }, "section vectors: flags 0x4000000"},
		"kind":                 {func(b []byte) { copy(b[16:], "other") }, `"other", want "model"`},
		"kind letters":         {func(b []byte) { b[16] = 'M' }, "header: kind"},
		"kind middle zero":     {func(b []byte) { b[17] = 0 }, "header: kind"},
		"file size":            {func(b []byte) { b[32]++ }, "header: file size"},
		"sections":             {func(b []byte) { le.PutUint32(b[12:], 1<<31) }, "number of sections"},
		"sections over file":   {func(b []byte) { le.PutUint32(b[12:], 100) }, "number of sections"},
		"fewer sections":       {func(b []byte) { b[12]-- }, "offset"},
		"name":                 {func(b []byte) { b[vectors] = ' ' }, "table: name at offset 128"},
		"name twice":           {func(b []byte) { copy(b[vectors:], "meta\x00\x00\x00") }, "name stands twice"},
		"offset":               {func(b []byte) { b[vectors+16] += 64 }, "vectors: offset at offset 144"},
		"length":               {func(b []byte) { b[vectors+24] += 64 }, "offset"},
		"length huge":          {func(b []byte) { le.PutUint64(b[vectors+24:], 1<<64-16) }, "vectors: length"},
		"length over":          {func(b []byte) { le.PutUint64(b[vectors+24:], 1<<40) }, "vectors: length"},
		"element 0":            {func(b []byte) { b[vectors+40] = 0 }, "vectors: element size"},
		"element 3":            {func(b []byte) { b[vectors+40] = 3 }, "vectors: length modulo"},
		"crc":                  {func(b []byte) { b[vectors+32]++ }, "vectors: crc"},
		"unknown":              {func(b []byte) { b[vectors] = 'w' }, `unknown critical section "wectors"`},
		"unknown, not needed":  {func(b []byte) { b[vectors] = 'w'; b[vectors+36] = 2 }, ""},
	}
	for name, c := range cases {
		_, err := Parse(forge(t, c.change), "model", sampleNames)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestErrorsAreNamed(t *testing.T) {
	cases := map[error]func(b []byte){
		ErrVersion:        func(b []byte) { b[8] = 9 },
		ErrKind:           func(b []byte) { b[16] = 'n' },
		ErrUnknownSection: func(b []byte) { b[64] = 'n' },
	}
	for want, change := range cases {
		if _, err := Parse(forge(t, change), "model", sampleNames); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestPadding(t *testing.T) {
	b := encode(t, "model", sample())
	b[len(b)-1] = 1
	err := opened(t, b).Verify()
	want := &CorruptError{Section: "hot.meta", What: "padding", Offset: int64(len(b) - 1), Want: 0, Got: 1}
	if !reflect.DeepEqual(err, error(want)) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestGolden(t *testing.T) {
	testkit.Golden(t, "v1.hex", testkit.Annotate(encode(t, "model", sample()), describe(sample())))
}

// describe is FORMAT.md once more, as a list.
func describe(sections []Section) []testkit.Field {
	fields := []testkit.Field{
		{Len: 8, What: "magic"}, {Len: 2, What: "major"}, {Len: 2, What: "minor"}, {Len: 4, What: "sections"},
		{Len: 16, What: "kind"}, {Len: 8, What: "file size"}, {Len: 4, What: "crc of the table"},
		{Len: 16, What: "reserved"}, {Len: 4, What: "crc of the header"},
	}
	for _, s := range sections {
		fields = append(fields, []testkit.Field{
			{Len: 16, What: s.Name}, {Len: 8, What: "offset"}, {Len: 8, What: "length"}, {Len: 4, What: "crc"},
			{Len: 4, What: "flags"}, {Len: 4, What: "element size"}, {Len: 20, What: "reserved"},
		}...)
	}
	for _, s := range sections {
		pad := -len(s.Data) & 63
		fields = append(fields, testkit.Field{Len: len(s.Data), What: s.Name}, testkit.Field{Len: pad, What: "padding"})
	}
	return fields
}

// Files of every version ever written stay readable.
func TestCompat(t *testing.T) {
	files, err := filepath.Glob("testdata/compat/v*.snap")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of old versions found (%v): they are kept for ever", err)
	}
	for _, path := range files {
		f, err := Open(vfs.OS, path, "model", sampleNames)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, f, sample())
		f.Close()
	}
}

func TestViews(t *testing.T) {
	want := []float32{1, -2, 3.5}
	b := Bytes(want)
	if !bytes.Equal(b[:4], []byte{0, 0, 0x80, 0x3f}) {
		t.Errorf("1.0 is % x", b[:4])
	}
	if got := F32s(b); !reflect.DeepEqual(got, want) {
		t.Errorf("aligned: %v", got)
	}
	odd := append(make([]byte, 1, 16), b...)[1:]
	if got := F32s(odd); !reflect.DeepEqual(got, want) {
		t.Errorf("not aligned: %v", got)
	}
	if got := U32s(b[:7]); len(got) != 1 || got[0] != 0x3f800000 {
		t.Errorf("7 bytes: %v", got)
	}
	if got := I8s([]byte{0xff, 1}); !reflect.DeepEqual(got, []int8{-1, 1}) {
		t.Errorf("bytes: %v", got)
	}
	if F32s(nil) != nil || Bytes[int8](nil) != nil || U32s(make([]byte, 3)) != nil {
		t.Error("nothing has become something")
	}
}

// Whatever Parse takes must verify or say where it does not, be readable, and be written again byte for byte.
func FuzzParse(f *testing.F) {
	b := encode(f, "model", sample())
	f.Add(b)
	f.Add(b[:70])
	f.Add(encode(f, "model", nil))
	f.Add(forge(f, func(b []byte) { b[10] = 3; b[64+44] = 1 }))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b, "model", nil)
		if err != nil || file.Verify() != nil {
			return
		}
		list := file.Sections()
		for i := range list {
			n, _ := file.Len(list[i].Name)
			data, err := file.ReadAt(nil, list[i].Name, 0, n)
			if err != nil {
				t.Fatal(err)
			}
			list[i].Data = data
		}
		if b[10] == 0 && b[11] == 0 && !bytes.Equal(encode(t, "model", list), b) {
			t.Error("a file of this version is not the one this version writes")
		}
	})
}
