package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/edged/edged/release"
)

// TestTries: who tries a canary is said as nodes decide it, and where nobody does, which share reaches one.
func TestTries(t *testing.T) {
	var s clusterState
	var members []string
	for i := range 10 {
		members = append(members, fmt.Sprintf(`{"name":"n%d","zone":"z%d"}`, i, i%2))
	}
	if err := json.Unmarshal([]byte(`{"members":[`+strings.Join(members, ",")+`]}`), &s); err != nil {
		t.Fatal(err)
	}
	nobody, somebody := 0, 0
	for i := range 100 {
		c := &release.Canary{Release: release.Ref{Version: 8, Manifest: release.Sum([]byte{byte(i)})}, Share: 500}
		text := s.tries(c)
		picked := 0
		for _, m := range s.Members {
			if c.Picks(m.Name, m.Zone) {
				picked++
				if !strings.Contains(text, m.Name) {
					t.Errorf("%s: not %s", text, m.Name)
				}
			}
		}
		if picked > 0 {
			somebody++
			if !strings.Contains(text, fmt.Sprintf("of 10 members now alive %d try it", picked)) {
				t.Error(text)
			}
			continue
		}
		nobody++
		_, share, ok := strings.Cut(text, "--share ")
		wide, err := parseShare("share", share)
		if !ok || err != nil || !strings.Contains(text, "NOBODY") {
			t.Fatalf("%s: %v", text, err)
		}
		for less, want := range map[int]int{0: 1, 1: 0} {
			c.Share, picked = int(wide*release.Whole+.5)-less, 0
			for _, m := range s.Members {
				if c.Picks(m.Name, m.Zone) {
					picked++
				}
			}
			if picked != want {
				t.Errorf("%s: a share of %d has %d, want %d", text, c.Share, picked, want)
			}
		}
	}
	if nobody < 40 || somebody < 20 {
		t.Errorf("nobody %d times, somebody %d", nobody, somebody)
	}
	away := &release.Canary{Release: release.Ref{Version: 8}, Share: release.Whole, Zones: []string{"mars"}}
	if text := s.tries(away); !strings.Contains(text, "none is in mars") {
		t.Error(text)
	}
}
