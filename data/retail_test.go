package data

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/edged/edged"
	"github.com/edged/edged/internal/testkit"
	"github.com/edged/edged/internal/vfs"
)

const (
	retailFile = "online-retail_2009-12_2010-12.csv.gz"
	fixture    = "online-retail_fixture.csv"
)

func retailMapping(t testing.TB) *Mapping {
	t.Helper()
	m, err := LoadMapping(vfs.OS, filepath.Join(testkit.Root(), "examples", "online-retail", "mapping.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func writable(t testing.TB, fsys vfs.FS, path string) *Dir {
	t.Helper()
	d, err := CreateDir(fsys, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// mustImport imports events and checks the sum of the report.
func mustImport(t testing.TB, d *Dir, m *Mapping, files ...string) Report {
	t.Helper()
	rep, err := Import(context.Background(), d, m, files, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkSum(t, rep)
	return rep
}

func checkSum(t testing.TB, rep Report) {
	t.Helper()
	if rep.Rows != rep.Events+rep.Duplicates+rep.Dropped {
		t.Errorf("rows unaccounted for: %s", rep.String())
	}
	sum := int64(0)
	for _, r := range rep.Reasons {
		sum += r.Count
		if n := int64(len(r.Examples)); n != min(r.Count, maxExamples) {
			t.Errorf("%s: %d examples of %d", r.Name, n, r.Count)
		}
	}
	if sum != rep.Dropped {
		t.Errorf("reasons add up to %d of %d dropped", sum, rep.Dropped)
	}
}

func readManifestFile(t testing.TB, d *Dir) string {
	t.Helper()
	b, err := vfs.ReadFile(d.fs, d.file(manifestName), maxManifest)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOnlineRetail checks the counts the data's description gives, and that a second import changes nothing.
func TestOnlineRetail(t *testing.T) {
	file := testkit.DataFile(t, retailFile)
	d, m := writable(t, vfs.OS, t.TempDir()), retailMapping(t)
	rep := mustImport(t, d, m, file)
	want := "525461 rows: 520262 events, 4079 items, 0 duplicates, 5199 dropped (3078 item: does not match, 2121 keep)"
	if got := rep.String(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	purchases, countries := 0, map[string]bool{}
	last := ""
	err := d.Events(context.Background(), 0, 0, func(e *edged.Event) error {
		if e.Type == edged.Purchase && e.User != "" {
			purchases++
		}
		if e.Type != edged.Purchase && e.Type != edged.Return || e.Quantity <= 0 || e.Session == "" {
			return fmt.Errorf("%+v", e)
		}
		if day := dayOf(e.Time); day < last {
			return fmt.Errorf("%s after %s", day, last)
		} else {
			last = day
		}
		countries[e.Context[edged.Country]] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if purchases != 406323 {
		t.Errorf("%d purchases of known users, want 406323", purchases)
	}
	for c := range countries {
		if len(c) != 2 && c != "" {
			t.Errorf("country %q has no code", c)
		}
	}
	if len(countries) != 40 {
		t.Errorf("%d countries, want 40", len(countries))
	}
	before := readManifestFile(t, d)
	if rep = mustImport(t, d, m, file); rep.Duplicates != 520262 {
		t.Errorf("again: %s", rep.String())
	}
	if readManifestFile(t, d) != before {
		t.Error("a second import changed the manifest")
	}
}

// TestFixture uses the other year's column names.
func TestFixture(t *testing.T) {
	file := testkit.DataFile(t, fixture)
	d := writable(t, vfs.OS, t.TempDir())
	rep := mustImport(t, d, retailMapping(t), file)
	if rep.Rows != 442 || rep.Bad() != 0 || rep.Events == 0 || rep.Items == 0 {
		t.Error(rep.String())
	}
}

// corrupter breaks lines in ways no row survives.
type corrupter struct{ rng *rand.Rand }

// corrupt returns the line broken. kind counts up, so that each way has its share.
func (c *corrupter) corrupt(ln string, kind int) string {
	fields := strings.Split(ln, ",")
	quoted := strings.Contains(ln, `"`)
	switch kind % 9 {
	case 0: // cut before the last comma
		return ln[:c.rng.IntN(strings.LastIndexByte(ln, ',')+1)]
	case 1: // lose a comma
		i := strings.IndexByte(ln, ',')
		return ln[:i] + ln[i+1:]
	case 2: // a quote that opens and never closes
		return `"` + ln
	case 3: // a quote before any field, quoted text aside
		i := c.rng.IntN(2)
		fields[i] = `"` + fields[i]
	case 4: // a quote within
		fields[0] = fields[0][:2] + `"` + fields[0][2:]
	case 5: // noise
		b := make([]byte, 1+c.rng.IntN(200))
		for i := range b {
			b[i] = byte(c.rng.IntN(256))
		}
		b[0] = 0xff
		return strings.NewReplacer("\n", "x", "\r", "x").Replace(string(b))
	case 6: // not UTF-8
		fields[0] += "\xc3\x28"
	case 7: // a bad date
		if i := len(fields) - 4; !quoted {
			fields[i] = "2010-13-" + fields[i]
			break
		}
		return ln + "," + ln
	case 8: // a bad number
		if i := len(fields) - 5; !quoted && c.rng.IntN(2) == 0 {
			fields[i] = "1O" + fields[i]
			break
		}
		i := len(fields) - 3
		fields[i] += "p"
	}
	return strings.Join(fields, ",")
}

// spoil corrupts a share of the lines of a table and says how many, and returns the sound ones apart.
func spoil(text string, share float64, seed uint64) (spoilt, sound string, bad int64) {
	c := &corrupter{rand.New(rand.NewPCG(seed, 1))}
	lines := strings.SplitAfter(text, "\n")
	var all, good strings.Builder
	for i, ln := range lines {
		if i == 0 || ln == "" || c.rng.Float64() >= share {
			all.WriteString(ln)
			good.WriteString(ln)
			continue
		}
		bad++
		all.WriteString(c.corrupt(strings.TrimSuffix(ln, "\n"), int(bad)) + "\n")
	}
	return all.String(), good.String(), bad
}

// TestCorruptedLines imports a table of which 1 % of the lines are broken: these are counted bad, and all others
// come through as if nothing had been beside them.
func TestCorruptedLines(t *testing.T) {
	z, err := gzip.NewReader(mustOpen(t, testkit.DataFile(t, retailFile)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	spoilt, sound, bad := spoil(string(text), 0.01, 7)
	m := retailMapping(t)
	disk := vfs.NewMem()
	putFile(t, disk, "spoilt.csv", spoilt)
	putFile(t, disk, "sound.csv", sound)
	a, b := writable(t, disk, "a"), writable(t, disk, "b")
	got, want := mustImport(t, a, m, "spoilt.csv"), mustImport(t, b, m, "sound.csv")
	t.Log(got.String())
	if got.Bad() != bad {
		t.Errorf("%d bad rows, %d lines were corrupted", got.Bad(), bad)
	}
	if got.Rows != 525461 || got.Rows != want.Rows+bad || got.Events != want.Events {
		t.Errorf("got %s\nwant %s and %d bad", got.String(), want.String(), bad)
	}
	if a.Digest() != b.Digest() {
		t.Error("the sound lines did not come through as they were")
	}
}

func mustOpen(t testing.TB, name string) io.Reader {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

func putFile(t testing.TB, fsys vfs.FS, name, text string) {
	t.Helper()
	if err := vfs.WriteFile(fsys, name, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkImport(b *testing.B) {
	file, m := testkit.DataFile(b, retailFile), retailMapping(b)
	start := time.Now()
	for b.Loop() {
		mustImport(b, writable(b, vfs.OS, b.TempDir()), m, file)
	}
	b.ReportMetric(525461*float64(b.N)/time.Since(start).Seconds(), "rows/s")
}
