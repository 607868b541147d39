package eval

import (
	"encoding/json"
	"io"
	"time"
)

// Report is what an evaluation found, for programs (JSON) and people (HTML). Its JSON keys are stable: keys may be added,
// none change. What an evaluation did not measure is left out.
type Report struct {
	Title     string    `json:"title,omitempty"`    // of the page: whose data this is
	Protocol  string    `json:"protocol"`           // temporal, leave-last, session, files
	SplitTime time.Time `json:"splitTime,omitzero"` // the first moment of the test period
	Created   time.Time `json:"created,omitzero"`

	Part         // the main question
	Parts []Part `json:"parts,omitempty"` // further questions: repeats allowed, cold items …
	Cold  *Part  `json:"cold,omitempty"`  // users without a history

	Serving   []Loss     `json:"serving,omitempty"`   // what quantisation and search cost
	Ratings   *Ratings   `json:"ratings,omitempty"`   // explicit ratings
	Choice    []Fact     `json:"choice,omitempty"`    // the configuration measured, in words
	Selection *Selection `json:"selection,omitempty"` // how it was chosen
	Facts     []Fact     `json:"facts,omitempty"`     // sizes of the data, as said in words
}

// Part is one question put to several models.
type Part struct {
	Name        string       `json:"name,omitempty"`     // "new items"
	Question    string       `json:"question,omitempty"` // in words: "which items will they buy for the first time?"
	K           int          `json:"k"`
	Users       int          `json:"users"`
	Cases       int          `json:"cases,omitempty"`
	Results     []Row        `json:"results"`
	Chosen      string       `json:"chosen,omitempty"` // the model of Results that a release answers with
	Comparisons []Comparison `json:"comparisons,omitempty"`
}

// Loss is one step between the model as learned and as served.
type Loss struct {
	Step     string   `json:"step"`   // "int8", "search", "HTTP", "all"
	Metric   Metric   `json:"metric"` // what was measured before and after
	Before   float64  `json:"before"`
	After    float64  `json:"after"`
	Interval Interval `json:"interval"` // of After − Before, by a paired bootstrap
}

// Ratings is how near predictions of explicit ratings came.
type Ratings struct {
	Count     int     `json:"count"`
	RMSE      float64 `json:"rmse"`
	MAE       float64 `json:"mae"`
	Intervals struct {
		RMSE Interval `json:"rmse"`
		MAE  Interval `json:"mae"`
	} `json:"intervals"`
}

// Selection is how a configuration was chosen, on a validation part of the training data.
type Selection struct {
	Metric  string  `json:"metric"` // what was maximised, "recall + ndcg"
	Trials  []Trial `json:"trials"`
	Chosen  int     `json:"chosen"` // index of the trial that won
	Limit   string  `json:"limit,omitempty"`
	Stopped bool    `json:"stopped,omitempty"` // the time limit cut trials off
}

// winner is the trial that won; nil where none was made.
func (s *Selection) winner() *Trial {
	if s.Chosen < 0 || s.Chosen >= len(s.Trials) {
		return nil
	}
	return &s.Trials[s.Chosen]
}

// Trial is one configuration that was tried.
type Trial struct {
	Name    string  `json:"name"`    // the model and its parameters
	Family  string  `json:"family"`  // the model
	Budget  float64 `json:"budget"`  // the share of the data or of the sweeps it was given, 0 to 1
	Seconds float64 `json:"seconds"` // it took
	Score   float64 `json:"score"`
	Fault   string  `json:"fault,omitempty"` // why it could not be made; its score is 0
}

// Fact is a size worth knowing: "items", "3735".
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
