package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rank"
)

func evalShop(t *testing.T, threads int) Report {
	t.Helper()
	cfg := EvalConfig{SplitTime: time.UnixMilli(opening + 50*dayMs), K: 10, Resamples: 100, Config: Config{Factors: 16, Sweeps: 4, Threads: threads}}
	report, err := Evaluate(context.Background(), []Source{newShop(1)}, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestEvaluateShop: two tastes that popularity cannot tell apart.
func TestEvaluateShop(t *testing.T) {
	r := evalShop(t, 2)
	pop, als, served := result(t, r, popularityModel), result(t, r, alsModel), result(t, r, servedModel)
	if als.Recall < 1.3*pop.Recall || served.Recall < 0.95*als.Recall {
		t.Fatalf("popularity %+v, als %+v, served %+v", pop, als, served)
	}
	if !reflect.DeepEqual(r.Results, evalShop(t, 1).Results) {
		t.Fatal("one thread measures something else than two")
	}
}

// TestReportKeys are the keys that scripts rely on.
func TestReportKeys(t *testing.T) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(evalShop(t, 2)); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Protocol string
		K, Users int
		Chosen   string
		Results  []map[string]any
		Counts   map[string]int
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Protocol != "temporal" || got.K != 10 || got.Users == 0 || len(got.Results) != 6 || got.Chosen != servedModel || got.Results[5]["model"] != servedModel {
		t.Fatalf("got %s", b.String())
	}
	for _, key := range []string{"recall", "ndcg", "hitRate", "mrr", "coverage"} {
		if _, ok := got.Results[0][key].(float64); !ok {
			t.Errorf("results: no %s", key)
		}
	}
	for _, key := range []string{"trainRows", "rows", "trainUsers", "items", "pairs", "testUsers", "testPairs"} {
		if got.Counts[key] == 0 {
			t.Errorf("counts: no %s", key)
		}
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := evalShop(t, 2).WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Recall@10", "Coverage@10", "popularity", servedModel, "split at 2026-04-20T08:00:00Z"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestPopularityTiesGoByID(t *testing.T) {
	l := logOf(t, Config{UsersOnly: true}, buy("c", "w", 0), buy("b", "x", 0), buy("b", "y", 0), buy("a", "y", 0), buy("c", "z", 9), buy("c", "x", 9))
	f, err := temporal(l.part(), opening+9*dayMs, 0)
	if err != nil {
		t.Fatal(err)
	}
	q := f.quiz(f.exam(examNew), f.train.histories())
	got := q.byPopularity("p", f.train.pairs(0)).open()(0, 10)
	if want := []uint32{2, 1}; !reflect.DeepEqual(got, want) { // y twice, x once, w the user has
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestEvaluateErrors(t *testing.T) {
	for _, c := range []struct {
		cfg    EvalConfig
		source Source
		want   error
	}{
		{EvalConfig{SplitTime: time.Unix(1, 0)}, newShop(1), ErrSplit},
		{EvalConfig{SplitTime: time.Unix(1, 0)}, &shop{}, ErrEmpty},
	} {
		if _, err := Evaluate(context.Background(), []Source{c.source}, c.cfg, nil); !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
	if _, err := Evaluate(context.Background(), nil, EvalConfig{}, nil); err == nil || !strings.Contains(err.Error(), "splitTime: missing") {
		t.Errorf("got %v", err)
	}
}

// TestEvaluateSaysWhatToDo where the events have one time, and where a file is missing.
func TestEvaluateSaysWhatToDo(t *testing.T) {
	s := new(shop)
	for u := range 9 {
		s.events = append(s.events, buy(fmt.Sprint(u), "x", 3), buy(fmt.Sprint(u), "y", 3))
	}
	_, err := Evaluate(t.Context(), []Source{s}, EvalConfig{SplitTime: time.UnixMilli(opening)}, nil)
	if !errors.Is(err, ErrSplit) || !strings.Contains(err.Error(), "all 18 events have one time, 2026-03-04T08:00:00Z") || !strings.Contains(err.Error(), LeaveLast) {
		t.Errorf("got %v", err)
	}
	for want, c := range map[string]EvalConfig{
		"evaluate: test: missing: the file of pairs to ask for, beside train":          {Train: pairs("a x")},
		"evaluate: train: missing: the file of pairs to learn from, beside test":       {Test: pairs("a x")},
		"evaluate: train and test: missing: the protocol files divides nothing itself": {Protocol: Files},
		"evaluate: train and test: only the protocol files takes them":                 {Protocol: LeaveLast, Train: pairs("a x"), Test: pairs("a y")},
	} {
		if _, err := Evaluate(t.Context(), nil, c, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestConfigurationInWords names the parts that are learned and what they weigh.
func TestConfigurationInWords(t *testing.T) {
	table := defaultTable(true)
	c := Config{Table: &table, Blends: []model.Blend{{Goal: model.GoalNew, Stages: []model.Stage{{Table: 1, Popular: .2}, {From: 3, Table: 1, Factors: .25}}}}}
	c.EnsureDefaults()
	got := fmt.Sprint(c.inWords())
	for _, want := range []string{"{vectors als d 64, a0 0.1, λ 0.01, half-life 0 d, 10 sweeps}", "{item table ridge l2 12, p 0, e 0.5, half-life 60 d; 100 targets of an item}",
		"{for new items 1 × item table + 0.2 × popular; from 3 items on 1 × item table + 0.25 × vectors}", "half-life 14 days"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if got := fmt.Sprint(new(Config).inWords()); !strings.Contains(got, "{item table none}") || !strings.Contains(got, "{for any list vectors alone}") {
		t.Error(got)
	}
}

// TestRollingOrigin: tests follow one another, each is trained for anew, and the main part is their mean.
func TestRollingOrigin(t *testing.T) {
	cfg := EvalConfig{SplitTime: time.UnixMilli(opening + 40*dayMs), Folds: 3, K: 10, Resamples: 100, Config: Config{Factors: 8, Sweeps: 2}}
	r, err := Evaluate(context.Background(), []Source{newShop(1)}, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Parts) != 3 || !strings.Contains(r.Parts[0].Name, "2026-04-10") || !strings.Contains(r.Parts[2].Name, "2026-05-20") {
		t.Fatalf("parts %d: %q, %q", len(r.Parts), r.Parts[0].Name, r.Parts[2].Name)
	}
	for at, row := range r.Results {
		sum := 0.0
		for _, p := range r.Parts {
			sum += p.Results[at].Recall
		}
		if d := row.Recall - sum/3; d > 1e-12 || d < -1e-12 {
			t.Errorf("%s: recall %v, the folds' mean is %v", row.Model, row.Recall, sum/3)
		}
	}
}

// TestTooLittleToChooseBy: where nobody can be asked nothing is chosen, the console and the card say so, and what is popular comes first.
func TestTooLittleToChooseBy(t *testing.T) {
	s := new(shop)
	for k := range 8 { // i7 is what most have; who has two items has them of both ends
		for u := range 10 * (k + 1) {
			s.events = append(s.events, buy(fmt.Sprint(k, "-", u), fmt.Sprint("i", k), 0))
		}
		s.events = append(s.events, buy(fmt.Sprint("two", min(k, 7-k)), fmt.Sprint("i", k), 0))
	}
	said, disk := "", vfs.NewMem()
	card, err := Run(t.Context(), []Source{s}, "rel", disk, Config{Auto: true, Factors: 8}, func(s Step) { said += s.Note + "\n" })
	if err != nil || len(card.Selection.Trials) != 0 || !strings.Contains(card.Selection.Limit, "too little data to choose by") || !strings.Contains(said, card.Selection.Limit) {
		t.Fatalf("%v, selection %+v, said %q", err, card.Selection, said)
	}
	m := openRelease(t, disk)
	var answer rank.Answer
	rank.New(m, rank.Release{}).Recommend(&answer, new(rank.Scratch), &rank.Request{Recent: []rank.Recent{{Row: 7, Weight: 1}}, ExcludeSeen: true, N: 7})
	for at := 1; at < len(answer.Items); at++ {
		if m.PopularityOf(answer.Items[at].Row) > m.PopularityOf(answer.Items[at-1].Row) {
			t.Errorf("place %d is more popular than the one before: %+v", at, answer.Items)
		}
	}
	if len(answer.Items) != 7 {
		t.Errorf("%d items", len(answer.Items))
	}
}

// TestTrialsAreNeverTooFew: a choice that takes more than it was given says so, and how many.
func TestTrialsAreNeverTooFew(t *testing.T) {
	last := ""
	say := func(s Step) {
		if s.Name == "choose" {
			last = s.Note
		}
	}
	card, err := Run(context.Background(), []Source{newShop(1)}, "rel", vfs.NewMem(), Config{Auto: true, Trials: 1, Sweeps: 1}, say)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d trials, not the 1 asked for", len(card.Selection.Trials)); !strings.HasPrefix(card.Selection.Limit, want) || last != card.Selection.Limit {
		t.Errorf("want %q, the card says %q, the last line %q", want, card.Selection.Limit, last)
	}
	t.Log(card.Selection.Limit)
}

// TestTestPairsThatTrain count as missed, and it is said; where all are such there is no question.
func TestTestPairsThatTrain(t *testing.T) {
	const train = "a x y\nb x z\nc y z"
	evaluate := func(test string) (notes string, err error) {
		cfg := EvalConfig{Train: pairs(train), Test: pairs(test), Resamples: 100, Config: Config{Factors: 8, Sweeps: 1}}
		_, err = Evaluate(context.Background(), nil, cfg, func(s Step) { notes += s.Note + "\n" })
		return notes, err
	}
	if _, err := evaluate(train); err == nil || !strings.Contains(err.Error(), "all of its 6 pairs are in pairs too") {
		t.Errorf("got %v", err)
	}
	if notes, err := evaluate("a x z\nb y"); err != nil || !strings.Contains(notes, "1 of 3 test pairs are in training too") {
		t.Errorf("%v, said %q", err, notes)
	}
	if notes, err := evaluate("a z\nb y"); err != nil || strings.Contains(notes, "in training too") {
		t.Errorf("%v, said %q", err, notes)
	}
}
