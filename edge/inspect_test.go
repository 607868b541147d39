package edge

import (
	"testing"
)

// A node shows the releases it holds, what they differ in, and who has which of their pieces.
func TestInspection(t *testing.T) {
	s := newShop(t)
	first := s.publish("a")
	nodes := s.cluster("one", "two")
	until(t, "both serve the first", func() bool { return serves(t, nodes[0], first) && serves(t, nodes[1], first) })
	second := s.publish("b")
	for _, e := range nodes {
		s.must(e.node.Check(t.Context()))
	}
	until(t, "both serve the second", func() bool { return serves(t, nodes[0], second) && serves(t, nodes[1], second) })
	var held []struct {
		Release, Role string
		Components    []struct{ Chunks, Packed int }
	}
	admin(t, nodes[0], "GET", "/v1/admin/releases", "", &held)
	if len(held) != 2 || held[0].Release != second || held[0].Role != "current" || held[1].Release != first || held[1].Role != "previous" ||
		len(held[0].Components) != 2 || held[0].Components[0].Chunks < 1 || held[0].Components[0].Packed < 100 {
		t.Errorf("%+v", held)
	}
	var d struct {
		Before, Now    struct{ Release string }
		Added, Removed struct{ Count int }
	}
	if status := admin(t, nodes[0], "GET", "/v1/admin/releases/difference", "", &d); status != 200 || d.Now.Release != second || d.Before.Release != first || d.Added.Count != 50 || d.Removed.Count != 50 {
		t.Errorf("%d %+v", status, d)
	}
	if status := admin(t, nodes[0], "GET", "/v1/admin/releases/difference?release=1&against=2", "", &d); status != 200 || d.Now.Release != first {
		t.Errorf("%d %+v", status, d)
	}
	if status := admin(t, nodes[0], "GET", "/v1/admin/releases/difference?release=3", "", nil); status != 404 {
		t.Errorf("of a release that is not held: %d", status)
	}
	until(t, "one knows what two has", func() bool {
		var chunks []struct {
			Release        string
			Pieces, Rarest int
			Nodes          []struct {
				Node  string
				Count int
			}
		}
		admin(t, nodes[0], "GET", "/v1/admin/chunks", "", &chunks)
		if len(chunks) != 2 || chunks[0].Release != second || chunks[0].Rarest != 2 || len(chunks[0].Nodes) != 2 {
			return false
		}
		return chunks[0].Nodes[1].Node == "two" && chunks[0].Nodes[1].Count == chunks[0].Pieces && chunks[0].Pieces > 2
	})
}
