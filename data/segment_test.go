package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
)

// sampleEvents has every field, and next to none.
func sampleEvents() []edged.Event {
	return []edged.Event{
		{Item: "i", Type: edged.View, Time: 1},
		{
			ID: "order-1/é", User: "u", Session: "s", Item: "i\"2", Type: "own type", Time: 1767225600123, Value: -1.5, Quantity: 3,
			Recommendation: "r", Position: 7, Slot: "hero", Channel: "web", Context: map[string]string{"country": "IE", "device": "tv"},
		},
		{ID: "00112233445566778899aabbccddeeff", User: "u", Item: "i", Type: edged.Cart, Time: 2, Context: map[string]string{"a": "b"}},
	}
}

// sampleSegment writes the events as blocks of one.
func sampleSegment(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewSegmentWriter(&b, EventSegment)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range sampleEvents() {
		if err := errors.Join(w.Event(&e), w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	if w.Count() != 3 || w.Size() != int64(b.Len()) {
		t.Fatal(w.Count(), w.Size())
	}
	return b.Bytes()
}

// readSegment reads as far as it goes.
func readSegment(b []byte) (events []edged.Event, err error) {
	r, err := NewSegmentReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	for {
		var e edged.Event
		if err := r.Event(&e); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return events, err
		}
		events = append(events, e)
	}
}

func TestSegment(t *testing.T) {
	got, err := readSegment(sampleSegment(t))
	if err != nil || !reflect.DeepEqual(got, sampleEvents()) {
		t.Errorf("%+v %v", got, err)
	}
}

// TestSegmentCompat reads segments of every version ever written.
func TestSegmentCompat(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("testdata", "compat", "*.seg"))
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readSegment(b); err != nil || !reflect.DeepEqual(got, sampleEvents()) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// TestSegmentTruncated cuts at every length: what is whole is read, and the end is a torn tail.
func TestSegmentTruncated(t *testing.T) {
	b := sampleSegment(t)
	for n := range b {
		got, err := readSegment(b[:n])
		if !isPrefix(got) || err != nil && !errors.Is(err, ErrTorn) {
			t.Fatalf("%d of %d bytes: %d events, %v", n, len(b), len(got), err)
		}
	}
	zeros, err := readSegment(append(b, make([]byte, 4096)...))
	if len(zeros) != 3 || !errors.Is(err, ErrTorn) {
		t.Errorf("zeros at the end: %d events, %v", len(zeros), err)
	}
}

// TestSegmentFlipped flips every bit: no wrong event comes out, and only the last block can pass for torn.
func TestSegmentFlipped(t *testing.T) {
	b := sampleSegment(t)
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			got, err := readSegment(c)
			if err == nil || !isPrefix(got) {
				t.Fatalf("byte %d bit %d: %d events, %v", i, bit, len(got), err)
			}
			if len(got) < 2 && errors.Is(err, ErrTorn) {
				t.Fatalf("byte %d bit %d: damage before the last block counts as torn", i, bit)
			}
		}
	}
}

func isPrefix(got []edged.Event) bool {
	return len(got) == 0 || len(got) <= 3 && reflect.DeepEqual(got, sampleEvents()[:len(got)])
}

func FuzzSegment(f *testing.F) {
	f.Add(sampleSegment(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, _ := readSegment(b)
		for i := range events {
			if err := CheckEvent(&events[i]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzRecord checks that what decodes encodes to the same bytes.
func FuzzRecord(f *testing.F) {
	for _, e := range sampleEvents() {
		f.Add(AppendEventRecord(nil, &e))
	}
	d := newDecoder()
	f.Fuzz(func(t *testing.T, rec []byte) {
		var e edged.Event
		if d.event(&e, rec) != nil {
			return
		}
		if !bytes.Equal(AppendEventRecord(nil, &e), rec) {
			t.Fatalf("%x has two encodings", rec)
		}
		if _, has := keyOf(rec); has != (e.ID != "") {
			t.Fatal("keyOf sees another id")
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	for _, e := range sampleEvents() {
		f.Add(AppendEventJSON(nil, &e))
	}
	f.Add([]byte(`{"item":"\ud83d\ude00","type":"view","time":1.5e9,"context":{"a":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvent(b)
		if err != nil {
			return
		}
		again, err := ParseEvent(AppendEventJSON(nil, &e))
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%+v\n%+v %v", e, again, err)
		}
	})
}

func FuzzParseItem(f *testing.F) {
	f.Add([]byte(`{"id":"a","title":"T","categories":["x"],"price":1,"available":false,"attributes":{"a":[1]},"vector":[1,2],"updated":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := ParseItem(b)
		if err != nil {
			return
		}
		one := AppendItemJSON(nil, &it)
		again, err := ParseItem(one)
		if err != nil || !bytes.Equal(AppendItemJSON(nil, &again), one) {
			t.Fatalf("%s: %v", one, err)
		}
	})
}

func TestParseEventErrors(t *testing.T) {
	for in, want := range map[string]string{
		`{"item":"i","type":"view","time":1,"colour":1}`: `event: colour: unknown field`,
		`{"item":"i","item":"j"}`:                        `event: field "item": given twice`,
		`{"item": ""}`:                                   `event: item: empty`, `{"item":null,"type":"view","time":1}`: `event: item: missing`,
		`{"item":5}`:                            `event: item: byte 8: want a string, found a number`,
		`{"item":"i","type":"view"}`:            `event: time: missing`,
		`{"item":"i","type":"view","time":1} x`: `event: byte 36: something after the end of the object`,
		`[]`:                                    `event: byte 0: want an object, found an array`,
		"{\"item\":\"\xff\"}":                   `event: item: byte 10: not UTF-8`,
		`{"item":"\ud800"}`:                     `event: item: byte 15: half a surrogate pair`,
		`{"item":"i","type":"view","time":"soon"}`:          `event: time: time "soon": want RFC 3339, Unix seconds or milliseconds`,
		`{"item":"i","type":"view","time":1,"position":-1}`: `event: position: want a whole number from 0 to 2147483647`,
	} {
		if _, err := ParseEvent([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", in, err, want)
		}
	}
}

// TestManyPasses imports one day with far more events than memory is given for, and finds each once.
func TestManyPasses(t *testing.T) {
	const n = 30_000
	var b bytes.Buffer
	b.WriteString("item,type,time,user\n")
	for i := range n {
		fmt.Fprintf(&b, "i%d,view,2026-02-01,u%d\n", i%50, i%1000) // each row thirty times
	}
	m := parsedMapping(t, `events: {item: item, type: type, user: user, time: {column: time, layout: '2006-01-02'}}`)
	want := map[string]int{}
	for _, memory := range []int64{64 << 20, 1 << 20} {
		d := writable(t, newDisk(t, "t.csv", b.String()), "d")
		for round := range 2 {
			rep, err := Import(context.Background(), d, m, []string{"t.csv"}, ImportOptions{MaxMemory: memory, Clock: clock})
			if err != nil || rep.Rows != n || round == 0 && rep.Events != n || round == 1 && rep.Duplicates != n {
				t.Fatal(memory, round, rep.String(), err)
			}
		}
		got := map[string]int{}
		if err := d.Events(context.Background(), 0, 0, func(e *edged.Event) error { got[e.ID]++; return nil }); err != nil {
			t.Fatal(err)
		}
		if len(want) == 0 {
			want = got
		}
		if len(got) != n || !reflect.DeepEqual(got, want) {
			t.Errorf("%d different ids with %d bytes, want those of one pass", len(got), memory)
		}
	}
}

// TestForgottenStayOut takes nothing of those who are to be forgotten, out of whatever file, and shows nothing of it.
func TestForgottenStayOut(t *testing.T) {
	var b bytes.Buffer
	w, err := NewSegmentWriter(&b, EventSegment)
	if err != nil {
		t.Fatal(err)
	}
	for i, who := range []edged.Event{{User: "u-17"}, {User: "u-1"}, {Session: "s-9"}, {User: "u-2", Session: "s-9"}, {Session: "u-1"}, {}} {
		who.ID, who.Item, who.Type, who.Time = fmt.Sprint("e", i), "i", edged.View, noon.UnixMilli()
		if err := w.Event(&who); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	forget := map[string]bool{"u-17": true, "s-9": true}
	_, rep := importText(t, nil, "n.seg", b.String(), ImportOptions{Forget: forget})
	if want := "6 rows: 3 events, 0 items, 0 duplicates, 3 dropped (3 forgotten)"; rep.String() != want || rep.Bad() != 0 || rep.Reasons[0].Examples[0].Text != "" {
		t.Errorf("%s, want %s; %+v", rep.String(), want, rep.Reasons)
	}
	got, _ := importText(t, nil, "e.csv", "user,item,type,time\nu-17,i,view,2026-01-02T00:00:00Z\nu-1,i,view,2026-01-02T00:00:00Z\n", ImportOptions{Forget: forget})
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, `"u-1"`) {
		t.Error(got)
	}
}

// TestFutureInSegments holds a node's log to what holds for rows: a clock may be a day ahead, no more.
func TestFutureInSegments(t *testing.T) {
	var b bytes.Buffer
	w, err := NewSegmentWriter(&b, EventSegment)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range []time.Duration{0, 24 * time.Hour, 24*time.Hour + time.Millisecond, 1e4 * time.Hour} {
		e := edged.Event{ID: fmt.Sprint("e", i), Item: "i", Type: edged.View, Time: noon.Add(at).UnixMilli()}
		if err := w.Event(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	_, rep := importText(t, nil, "n.seg", b.String(), ImportOptions{MaxBad: 1})
	if want := "4 rows: 2 events, 0 items, 0 duplicates, 2 dropped (2 time: in the future)"; rep.String() != want || rep.Bad() != 2 {
		t.Errorf("%s, want %s", rep.String(), want)
	}
}
