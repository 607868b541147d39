package rank

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edged/edged/index"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
)

// TestRecallOfShortHistories measures what searches of a release find for histories cut to some lengths, beside what was asked.
// EDGED_RELEASE is its directory, EDGED_HISTORIES a file of lines "user item item …", best of users it was not trained on.
func TestRecallOfShortHistories(t *testing.T) {
	dir, file := os.Getenv("EDGED_RELEASE"), os.Getenv("EDGED_HISTORIES")
	if dir == "" || file == "" {
		t.Skip("EDGED_RELEASE and EDGED_HISTORIES are not set")
	}
	m, err := model.OpenFiles(vfs.OS, filepath.Join(dir, model.ModelFile), filepath.Join(dir, model.CatalogueFile))
	if err != nil {
		t.Fatal(err)
	}
	histories := readHistories(t, m, file)
	for _, k := range []int{10, 100} {
		for _, items := range []int{1, 2, 3, 10, 30} {
			queries := foldedIn(m, histories, items)
			line := ""
			for _, asked := range []float32{.9, .95, .99, .999} {
				got := recallOn(m.Index(), queries, k, asked)
				line += fmt.Sprintf(" %.4f", got)
				if got < float64(asked)-.005 {
					t.Errorf("recall@%d of %d items: asked %g, got %.4f", k, items, asked, got)
				}
			}
			t.Logf("K %d, %d items, %d queries:%s", k, items, len(queries), line)
		}
	}
}

// readHistories returns the rows of each line, in an order of chance.
func readHistories(t *testing.T, m *model.Model, file string) (out [][]Recent) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(19, 1))
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var rows []Recent
		for _, id := range strings.Fields(lines.Text())[1:] {
			if row, ok := m.Row(id); ok {
				rows = append(rows, Recent{Row: row, Weight: 1})
			}
		}
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		out = append(out, rows)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// foldedIn returns the vectors of at most 2,000 histories cut to so many items.
func foldedIn(m *model.Model, histories [][]Recent, items int) (out [][]float32) {
	r := New(m, Release{})
	var s Scratch
	for _, h := range histories {
		if len(h) >= items && len(out) < 2000 {
			out = append(out, r.FoldIn(nil, &s, h[:items]))
		}
	}
	return out
}

// recallOn returns the share of the best k that is found: hits that score at least as much as the exact search's last.
func recallOn(x *index.Index, queries [][]float32, k int, asked float32) float64 {
	var s index.Scratch
	var hits, exact []index.Hit
	found := 0
	for _, v := range queries {
		exact = x.Search(exact[:0], &index.Query{Vector: v, K: k, Recall: 2}, &s)
		hits = x.Search(hits[:0], &index.Query{Vector: v, K: k, Recall: asked}, &s)
		for _, h := range hits {
			if h.Score >= exact[len(exact)-1].Score {
				found++
			}
		}
	}
	return float64(found) / float64(max(1, k*len(queries)))
}
