package train

import (
	"context"
	"fmt"
	"testing"

	"github.com/edged/edged"
)

// TestRatingsAreForetold: what biases explain is found, and only the end of each user's ratings is asked.
func TestRatingsAreForetold(t *testing.T) {
	s := &shop{}
	for u := range 60 {
		for k := range 20 {
			i := (u*7 + k*3) % 50
			s.events = append(s.events, edged.Event{User: fmt.Sprintf("u%d", u), Item: fmt.Sprintf("i%d", i), Type: edged.View, Time: opening, Value: float64(1 + (u+i)%2 + i%3)})
		}
	}
	r, err := Evaluate(context.Background(), []Source{s}, EvalConfig{Protocol: LeaveLast, Share: 0.2, Ratings: true, Resamples: 100, Config: Config{Factors: 8, Sweeps: 2}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Ratings == nil || r.Ratings.Count != 60*4 || r.Ratings.RMSE > 0.6 {
		t.Errorf("%+v, want 240 ratings within 0.6", r.Ratings)
	}
	if r.Users != 60 || r.Results[len(r.Results)-1].Model != servedModel {
		t.Errorf("%d users, %+v", r.Users, r.Results)
	}
}
