package train

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
)

func TestDefaultsAreValid(t *testing.T) {
	var c Config
	c.EnsureDefaults()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	e := EvalConfig{SplitTime: time.Unix(1, 0)}
	e.EnsureDefaults()
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	e := EvalConfig{Protocol: Session, Share: 0.5, Repeats: true, Train: &PairFile{}, K: 501, Config: Config{Factors: 65, A0: -1, Reg: -1, Nu: 3, Sweeps: -1, Threads: -1,
		TrendHalfLifeDays: -1, TrendLength: 501, Neighbours: 201, Shrink: -1, MaxEvents: -1, TimeLimit: -1,
		EventWeights: map[edged.EventType]float64{edged.View: -2}}}
	e.EnsureDefaults()
	err := e.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{"test: missing: ", "repeats: ", "share: ", "splitTime: missing", "k: 501", "factors: 65", "a0: -1", "reg: -1", "nu: 3", "sweeps: -1",
		"threads: -1", "trendHalfLifeDays: -1", "trendLength: 501", "neighbours: 201", "shrink: -1", "maxEvents: -1", "timeLimit: -1ns", "eventWeights.view: -2", "no type with a weight"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among\n%v", want, err)
		}
	}
}

func TestUnknownProtocol(t *testing.T) {
	e := EvalConfig{Protocol: "random", SplitTime: time.Unix(1, 0)}
	e.EnsureDefaults()
	if err := e.Validate(); err == nil || !strings.Contains(err.Error(), `protocol: "random", want temporal,`) {
		t.Errorf("got %v", err)
	}
}

func TestTypesNarrowTheWeights(t *testing.T) {
	e := EvalConfig{Types: []edged.EventType{edged.Purchase, "rent"}, Config: Config{EventWeights: map[edged.EventType]float64{edged.Purchase: 3, edged.View: 1}}}
	e.EnsureDefaults()
	if want := (map[edged.EventType]float64{edged.Purchase: 3, "rent": 1}); !maps.Equal(e.Config.EventWeights, want) {
		t.Fatalf("got %v, want %v", e.Config.EventWeights, want)
	}
}

// TestBlendsThatCannotBeServed are found before training.
func TestBlendsThatCannotBeServed(t *testing.T) {
	for want, b := range map[string]model.Blend{
		`goal "old", want new`:                            {Goal: "old", Stages: []model.Stage{{Factors: 1}}},
		"the stage from 3 items on has no weight above 0": {Goal: model.GoalNew, Stages: []model.Stage{{Factors: 1}, {From: 3}}},
		"0 stages": {Goal: model.GoalNew},
	} {
		c := Config{Blends: []model.Blend{b}}
		c.EnsureDefaults()
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestTablesThatCannotBeLearned are found before training.
func TestTablesThatCannotBeLearned(t *testing.T) {
	for want, table := range map[string]TableConfig{
		`table.model: "svd"`:     {Model: "svd", Neighbours: 1, Row: 1},
		"table.neighbours: 0":    {Model: knnTable, Row: 1},
		"table.neighbours: 1025": {Model: knnTable, Neighbours: 1025, Row: 1},
		"table.shrink: -1":       {Model: knnTable, Neighbours: 1, Shrink: -1, Row: 1},
		"table.source: 5":        {Model: knnTable, Neighbours: 1, Source: 5, Row: 1},
		"table.l2: 0":            {Model: ridgeTable, Neighbours: 1, Row: 1},
	} {
		c := Config{Table: &table}
		c.EnsureDefaults()
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
