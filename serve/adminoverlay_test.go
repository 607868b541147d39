package serve

import (
	"strings"
	"testing"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/overlay"
)

// kept is an overlay that changes nothing.
type kept struct{ *overlay.Store }

func (k kept) Write(changes []overlay.Change) (overlay.Result, error) {
	r, _, err := k.Store.Write(changes)
	return r, err
}

func (k kept) Show(after string, n int) any {
	return k.Snapshot().Page(after, n, func(*overlay.Entry) string { return "active" })
}

func (k kept) File() []byte { return k.Snapshot().Encode() }

func (f *fixture) overlaid() Overlay {
	f.t.Helper()
	s, damage, err := overlay.Open(vfs.NewMem(), "overlay", "a", f.clock)
	if err != nil || damage != nil {
		f.t.Fatal(err, damage)
	}
	return kept{s}
}

func TestAdminOverlay(t *testing.T) {
	f := newFixture(t)
	for _, test := range []struct {
		method, target, body string
		status               int
		says                 string
	}{
		{"GET", "/v1/admin/overlay", "", 200, `"list": []`},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","available":false},{"id":"b","available":true,"ttl":"1h"}]}`, 200, `"written": 2`},
		{"GET", "/v1/admin/overlay", "", 200, `"entries": 2`},
		{"GET", "/v1/admin/overlay?n=1", "", 200, `"next": "a"`},
		{"GET", "/v1/admin/overlay?after=a", "", 200, `"id": "b"`},
		{"GET", "/v1/admin/overlay?n=1001", "", 400, "n: want a whole number from 0 to 1000"},
		{"GET", "/v1/admin/overlay?m=1", "", 400, "m: unknown query parameter"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","available":null}]}`, 200, `"written": 1`},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"b","remove":true}],"time":"2001-01-01T00:00:00Z"}`, 400, "entries[0]: time: more than 30 days ago"},
		{"POST", "/v1/admin/overlay", `{}`, 400, "entries: missing"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a"}]}`, 400, "entries[0]: says nothing"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"available":true}]}`, 400, "entries[0].id: missing"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","available":true,"remove":true}]}`, 400, "entries[0].remove: beside"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","available":"no"}]}`, 400, "entries[0].available: want true or false"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","available":true,"ttl":"1y"}]}`, 400, "entries[0].ttl: want a duration"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","price":0}]}`, 400, "entries[0]: price: want a number above 0"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","boost":1e9}]}`, 400, "entries[0]: boost: want a number from 0.01 to 100"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","item":{"titel":"x"}}]}`, 400, "entries[0].item: titel: unknown field"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","item":{"id":"b"}}]}`, 400, "entries[0].item: id: is said beside the item"},
		{"POST", "/v1/admin/overlay", `{"entries":[{"id":"a","item":{"vector":[1]}}]}`, 400, "entries[0].item: vector: follows"},
		{"POST", "/v1/admin/overlay", `{"entries":[` + strings.Repeat(`{"id":"a","available":true},`, 1000) + `{"id":"a","available":true}]}`, 400, "entries[1000]: more than 1000 entries"},
		{"POST", "/v1/admin/overlay", strings.Repeat(" ", maxOverlayBody+1), 413, "larger than"},
		{"GET", "/v1/admin/overlay/file", "", 200, "EDGOVL"},
		{"DELETE", "/v1/admin/overlay", "", 405, "can't be used here"},
	} {
		w := f.admin(test.method, test.target, "", test.body)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) {
			t.Errorf("%s %s %.80s: %d, want %d saying %q:\n%.300s", test.method, test.target, test.body, w.Code, test.status, test.says, w.Body)
		}
	}
}
