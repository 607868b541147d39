package bench

import (
	"errors"
	"fmt"
	"math"
)

// Kind is what a request asks for.
type Kind uint8

// The kinds. Plaintext is the yardstick's only one and never part of a Mix.
const (
	RecommendGet Kind = iota
	RecommendPost
	Similar
	Trending
	Popular
	Events
	Plaintext
	kinds
)

var kindNames = [kinds]string{"recommendGet", "recommendPost", "similar", "trending", "popular", "events", "plaintext"}

func (k Kind) String() string { return kindNames[k] }

// Mix holds the weights of the kinds; only their ratios matter.
type Mix struct {
	RecommendGet, RecommendPost, Similar, Trending, Popular, Events float64
}

// DefaultMix is a shop's traffic: mostly carousels, and an event for every few of them.
var DefaultMix = Mix{RecommendGet: .45, RecommendPost: .15, Similar: .15, Trending: .05, Popular: .05, Events: .15}

func (m Mix) weights() [Plaintext]float64 {
	return [Plaintext]float64{m.RecommendGet, m.RecommendPost, m.Similar, m.Trending, m.Popular, m.Events}
}

func (m Mix) validate() error {
	var sum float64
	for k, w := range m.weights() {
		if !(w >= 0) || math.IsInf(w, 0) {
			return fmt.Errorf("mix: %s: %v, want 0 or more", Kind(k), w)
		}
		sum += w
	}
	if sum <= 0 || math.IsInf(sum, 0) {
		return errors.New("mix: all weights are 0, or too large to add up")
	}
	return nil
}

// shares are the weights as parts of one.
func (m Mix) shares() map[string]float64 {
	var sum float64
	for _, w := range m.weights() {
		sum += w
	}
	out := map[string]float64{}
	for k, w := range m.weights() {
		out[Kind(k).String()] = w / sum
	}
	return out
}

// pick maps a uniform u in [0, 1) to a kind.
func (m Mix) pick(u float64) Kind {
	weights := m.weights()
	var sum float64
	for _, w := range weights {
		sum += w
	}
	u *= sum
	last := RecommendGet
	for k, w := range weights {
		if w == 0 {
			continue
		}
		if u < w {
			return Kind(k)
		}
		u -= w
		last = Kind(k)
	}
	return last // rounding left u just above the end
}
