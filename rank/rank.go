// Package rank turns a visitor's recent items into scored and explained recommendations. It is the one scorer:
// serving, self-check, evaluation and batches all call it.
//
// The visitor's vector is folded in exactly from the recent items (fold.go), searched against all items, and what is
// missing to the number asked for comes down a ladder:
//
//	personal   by the visitor's vector, positive scores only (session: by a blend, all of the history being of this session)
//	segment    trending in the setting, or as much of it as the release has a list for, where that is more than the country
//	regional   trending in the country: live, then as of the release
//	global     trending everywhere: live, then as of the release; then the popular ones
//
// Where the release has a blend for the goal, the first rung is the blend's instead (blend.go): tables, the visitor's
// vector, popularity of late, repeats and past visits, weighed by how much is known of the visitor.
//
// No item comes twice, none that is unavailable, expired, excluded or not selected, and N items come whenever N exist.
// An item says where it comes from (Source, Level). Scores of the levels personal and session compare with each other,
// others within one source. Pages are consistent: the same request with another Offset continues the same list.
//
// A Ranker is immutable and may be used by any number of goroutines. A Scratch and an Answer belong to one of them at
// a time; with both reused, and once they have grown, a call allocates nothing. What an Answer holds is valid until it
// is used again.
package rank

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/edged/edged"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/trend"
)

// Limits of a request.
const (
	MaxDepth   = 1000 // Offset+N; what lies deeper is not given out
	MaxHistory = 2000 // recent visits that Recommend takes, the newest; a node gives it edged.MaxRecent at most
)

// Release says which release a Ranker serves.
type Release struct {
	ID      string // such as "7-3fa9c2d1"
	Version uint64
	Created time.Time
}

// Recent is one item of a visitor's history.
type Recent struct {
	Row     edged.Row
	Weight  float32         // of the event, see model.Weight; not above 0: counts nothing
	Type    edged.EventType // only said back in the reason; may be empty
	Time    int64           // Unix milliseconds; 0: not known, counts as new
	Session bool            // of the session under way
}

// Request says what is wanted. Rows out of the model's range are ignored.
type Request struct {
	Recent      []Recent         // newest first
	Goal        model.Goal       // empty: by the history and ExcludeSeen, see Ranker.Goal
	Exclude     []edged.Row      // any order
	Only        *model.Selection // nothing else comes; of this release's model; nil: all
	ExcludeSeen bool             // leave out all of Recent, too; for the goal next what is of the session never comes
	N, Offset   int
	Rules       *rules.Plan // the list is for its Apply: the N best by what it makes of scores, or at least so many more; may be nil
	Obey        *rules.Plan // nothing else comes than what its exclude and only let through; may be nil
	Relevance   float32     // from 0 to 1: only items of the first rung with at least this part of the best one's score; 0: all
	Best        float32     // the score that Relevance goes by, of a page before; 0: the best of this list
	Setting     edged.Setting
	Live        *trend.List // trending now in the setting's country (everywhere where that is ""); may be nil
	LiveGlobal  *trend.List // trending now everywhere; may be nil
	Explain     bool        // fill in the Reason of all items; see Ranker.Explain for that of some
	Deadline    time.Time   // the search stops then with what it has; zero: never
	Now         time.Time   // judges expiry; zero: the Ranker's clock
}

// Item is one recommendation.
type Item struct {
	Row    edged.Row
	Score  float32 // see the package comment for what it compares with
	Source Source
	Level  Level
	Reason Reason // empty but for its Terms until asked for: Request.Explain, Ranker.Explain
}

// Reason says why. For a personal item Rows are the up to three other items of the history that speak most for it, Shares
// what each adds to the score by the tables and the factors, and Rest what all others add together. Terms are what else adds
// to the score of a blend: Shares, Rest and Terms sum to the score.
type Reason struct {
	Code   string
	Rows   []edged.Row
	Shares []float32
	Rest   float32
	Terms  Terms
}

// Terms are the parts of a score that follow from the item itself.
type Terms struct {
	Popular float32 // from its popularity of late; below 0 for what is less popular than the mean
	Repeat  float32 // from the visitor having had it, and its being bought again; and what it adds to its own score by the tables and the factors
	Past    float32 // from the visitor having had it before this session
	Boost   float32 // from a boost of the item (Changes)
}

func (t *Terms) sum() float32 { return t.Popular + t.Repeat + t.Past + t.Boost }

// Codes of reasons.
const (
	BecauseViewed = "becauseYouViewed"
	BecauseBought = "becauseYouBought"
	BecauseLiked  = "becauseYouLiked"
	SimilarTo     = "similarTo"
	TrendingAmong = "trendingAmong" // visitors like this one, by more than the country
	TrendingIn    = "trendingIn"    // the country
	Trending      = "trending"      // everywhere
	Popular       = "popular"
	BuyAgain      = "buyAgain" // the visitor had it
	ForYou        = "forYou"   // by what the visitor did, and no item of it speaks for this one
)

// Answer is the outcome of one call.
type Answer struct {
	Items     []Item
	Level     Level   // of the first item; Static where there is none
	Truncated bool    // the deadline cut the search short
	Scanned   int     // vectors scored
	Reranked  int     // vectors that entered the best so far
	Best      float32 // the best score of the first rung, whatever the Offset; 0 where there was none
	Err       error   // a part of the release could not be read; the items come from the others

	rows   []edged.Row // behind Reason.Rows
	shares []float32   // behind Reason.Shares
}

func (a *Answer) reset() {
	*a = Answer{Items: a.Items[:0], rows: a.rows[:0], shares: a.shares[:0], Level: Static}
}

// Ranker answers from one release.
type Ranker struct {
	m       *model.Model
	release Release
	clock   func() time.Time
	plans   []plan   // one a blend
	head    []uint32 // places of the most popular of late; none without blends
	allowed atomic.Pointer[allowed]
	changed *changed   // nil: nothing is different from the release
	rules   *rules.Set // that came with the release; nil: none did

	fresh      func() []edged.Row // looked for once
	groups     func() (*rules.Groups, error)
	selections *selections
	categories *selections // by the category's name
	obeyed     *obeyed
}

// New returns a Ranker of m.
func New(m *model.Model, release Release) *Ranker {
	return &Ranker{
		m: m, release: release, clock: time.Now, plans: plansOf(m), head: headOf(m),
		fresh:      sync.OnceValue(func() []edged.Row { return freshOf(m) }),
		groups:     sync.OnceValues(func() (*rules.Groups, error) { return rules.GroupsOf(m) }),
		selections: new(selections), categories: new(selections), obeyed: new(obeyed),
	}
}

// WithClock returns a Ranker of the same release with another clock.
func (r *Ranker) WithClock(clock func() time.Time) *Ranker {
	return &Ranker{
		m: r.m, release: r.release, clock: clock, plans: r.plans, head: r.head, fresh: r.fresh, groups: r.groups, selections: r.selections, categories: r.categories, obeyed: r.obeyed,
		changed: r.changed, rules: r.rules,
	}
}

// WithRules returns a Ranker of the same release that holds the rules which came with it. Recommend obeys those that a Request has; these are for
// whoever makes requests.
func (r *Ranker) WithRules(set *rules.Set) *Ranker {
	out := r.WithClock(r.clock)
	out.rules = set
	return out
}

// Now is the time by the Ranker's clock.
func (r *Ranker) Now() time.Time { return r.clock() }

// Rules returns the rules that came with the release, compiled for it without changes; nil where none did.
func (r *Ranker) Rules() *rules.Set { return r.rules }

// Groups returns what caps count. They are read from the catalogue when they are asked for first.
func (r *Ranker) Groups() (*rules.Groups, error) { return r.groups() }

// Model returns the model it answers from.
func (r *Ranker) Model() *model.Model { return r.m }

// Release returns the release it answers from.
func (r *Ranker) Release() Release { return r.release }
