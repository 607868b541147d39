package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edged/edged/model"
	"github.com/edged/edged/train"
)

// pinCard writes a card as the trainer does, changed as text.
func pinCard(t *testing.T, old, changed string) string {
	t.Helper()
	cfg := train.Config{
		Table:  &train.TableConfig{Model: "ridge", L2: 4, P: .5, E: .3, Neighbours: 100, Row: 50, HalfLifeDays: 120},
		Blends: []model.Blend{{Goal: model.GoalNew, Stages: []model.Stage{{Table: 1, Popular: 0.2}}}},
	}
	cfg.EnsureDefaults()
	text, err := json.MarshalIndent(train.Card{Type: train.CardType, Config: cfg}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "card.json")
	if !strings.Contains(string(text), old) {
		t.Fatalf("no %s in %s", old, text)
	}
	writeFile(t, name, []byte(strings.Replace(string(text), old, changed, 1)))
	return name
}

// TestPin: a card as written goes as far as the missing data; what it says and cannot mean is the reader's to mend.
func TestPin(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	long := filepath.Join(t.TempDir(), "long.json")
	writeFile(t, long, nil)
	if err := os.Truncate(long, maxPin+1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pin  string
		code int
		want string
		args []string
	}{
		{pinCard(t, "", ""), exitFailed, "nothing was imported there", nil},
		{pinCard(t, "", ""), exitFailed, "nothing was imported there", []string{"--threads", "1", "--no-auto"}},
		{pinCard(t, `"factors"`, `"factros"`), exitUsage, `unknown field "factros"`, nil},
		{pinCard(t, `"popular"`, `"popluar"`), exitUsage, `unknown field "popluar"`, nil},
		{pinCard(t, `"new"`, `"old"`), exitUsage, `goal "old"`, nil},
		{pinCard(t, `"table": 1,`, ``), exitFailed, "nothing was imported there", nil},
		{pinCard(t, `"config"`, `"konfig"`), exitUsage, "no config: want the card.json", nil},
		{pinCard(t, "", ""), exitUsage, "factors: --pin takes it", []string{"--factors", "64"}},
		{pinCard(t, "", ""), exitUsage, "seed: --pin takes it", []string{"--seed", "1"}},
		{pinCard(t, "", ""), exitUsage, "--time-limit: --pin takes it", []string{"--time-limit", "5s"}},
		{long, exitUsage, "at most 67108864: want the card.json", nil},
		{os.DevNull, exitUsage, "no regular file: want the card.json", nil},
	} {
		code, _, stderr := invoke(t, nil, append([]string{"train", "--data", absent, "--out", "o", "--pin", c.pin}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, want %d with %q:\n%s", c.args, code, c.code, c.want, stderr)
		}
	}
	text, err := os.ReadFile(pinCard(t, `"table": 1,`, ""))
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.json")
	writeFile(t, none, []byte(strings.Replace(string(text), `"popular": 0.2`, `"popular": 0`, 1)))
	if code, _, stderr := invoke(t, nil, "train", "--data", absent, "--out", "o", "--pin", none); code != exitUsage || !strings.Contains(stderr, "no weight above 0") {
		t.Errorf("a stage without weights: exit %d, %s", code, stderr)
	}
	setting := configFile(t, "train:\n  sweeps: 3\n")
	if code, _, stderr := invoke(t, nil, "train", "--config", setting, "--data", absent, "--out", "o", "--pin", none); code != exitUsage || !strings.Contains(stderr, "sweeps: --pin") {
		t.Errorf("a setting of the file: exit %d, %s", code, stderr)
	}
}

// TestEvalSaysEachFaultOnce: a split time that cannot be read is not missing as well.
func TestEvalSaysEachFaultOnce(t *testing.T) {
	code, _, stderr := invoke(t, nil, "eval", "--data", "d", "--split-time", "garbage")
	if code != exitUsage || strings.Count(stderr, "--split-time") != 1 || !strings.Contains(stderr, `"garbage": want 2010-09-01`) {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if code, _, stderr := invoke(t, nil, "eval", "--data", "d", "--split-time", "2010-09-01", "--time-limit=-5s"); code != exitUsage || !strings.Contains(stderr, "--time-limit: -5s") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
