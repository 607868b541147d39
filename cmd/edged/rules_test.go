package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/train"
)

// smallRelease writes a release of one item.
func smallRelease(t *testing.T) string {
	t.Helper()
	b := &model.Build{
		Meta: model.Meta{Dim: 1, Users: 1, Created: time.Unix(1e9, 0), A0: .1, Reg: .1, Nu: 1}, IDs: []string{"mug"}, Vectors: []float32{1}, Popularity: []float32{1},
		Items: []edged.Item{{ID: "mug", Brand: "b1"}},
	}
	var m, c bytes.Buffer
	dir := t.TempDir()
	err := errors.Join(b.WriteModel(&m), b.WriteCatalogue(&c))
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, train.ModelFile), m.Bytes(), 0o600), os.WriteFile(filepath.Join(dir, train.CatalogueFile), c.Bytes(), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRulesCheck(t *testing.T) {
	release := smallRelease(t)
	for _, test := range []struct {
		document string
		code     int
		says     []string
	}{
		{"rules:\n- {name: a, exclude: {brand: b1}}\n", exitDone, nil},
		{"rules:\n- {name: a, exclude: {brand: b2}}\n- {name: b, pin: {item: cup}}\n", exitDone, []string{
			`warning: line 2: rule "a": no item of the catalogue is chosen by brand "b2"`, `warning: line 3: rule "b": pin: the catalogue has no item "cup"`,
		}},
		{"rules:\n- {name: a, exclude: {item: [mug, nosuch, cup]}}\n- name: b\n  boost: {item: [mug, mgu], by: 2}\n", exitDone, []string{
			`warning: line 2: rule "a": the catalogue has no item "nosuch"`, `warning: line 2: rule "a": the catalogue has no item "cup"`, `warning: line 4: rule "b": the catalogue has no item "mgu"`,
		}},
		{"rules:\n- {name: a, exclude: {brnd: b1}}\n- {name: b, boost: {tag: x, by: 0}}\n", exitFailed, []string{
			`error: line 2: rule "a": exclude.brnd: unknown key`, `error: line 3: rule "b": boost.by: want a number from 0.01 to 100`,
		}},
	} {
		file := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(file, []byte(test.document), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := invoke(t, nil, "rules", "check", file, "--release", release)
		if lines := strings.Count(stdout, "\n"); code != test.code || lines != len(test.says) {
			t.Errorf("%s: exit %d, %d lines: %s%s", test.document, code, lines, stdout, stderr)
		}
		for _, says := range test.says {
			if !strings.Contains(stdout, says) {
				t.Errorf("%s: %s; want %s", test.document, stdout, says)
			}
		}
		if code, _, _ := invoke(t, nil, "rules", "check", file); code != test.code {
			t.Errorf("without a release: exit %d", code)
		}
	}
}
