package client

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// EventType says what a visitor did: one of those below, or the shop's own.
type EventType string

// The event types known by name.
const (
	View       EventType = "view"
	Click      EventType = "click"
	Cart       EventType = "cart"
	Purchase   EventType = "purchase"
	Return     EventType = "return"
	Like       EventType = "like"
	Dismiss    EventType = "dismiss"
	Impression EventType = "impression"
)

// Request asks for recommendations. Zero values are left to the node.
type Request struct {
	User    string            `json:"user,omitempty"`
	Session string            `json:"session,omitempty"`
	Slot    string            `json:"slot,omitempty"`
	N       int               `json:"n,omitempty"`
	Recent  []Seen            `json:"recent,omitempty"` // newest first; none: what the node knows
	Exclude []string          `json:"exclude,omitempty"`
	Goal    string            `json:"goal,omitempty"` // new, any or next
	Fields  []string          `json:"fields,omitempty"`
	Explain bool              `json:"explain,omitempty"`
	Context map[string]string `json:"context,omitempty"`
	Cursor  *string           `json:"cursor,omitempty"` // pages: empty for the first, then the Answer's
	Timeout time.Duration     `json:"-"`                // of the search; what was found until then comes

	Filter       string   `json:"filter,omitempty"` // an expression: only items for which it holds
	Boost        []Boost  `json:"boost,omitempty"`
	Diversity    *float64 `json:"diversity,omitempty"`    // 0 to 1; nil: what rules say
	Explore      *float64 `json:"explore,omitempty"`      // 0 to 1; nil: what rules say
	MinRelevance float64  `json:"minRelevance,omitempty"` // 0 to 1
	Cap          *Cap     `json:"cap,omitempty"`
}

// Boost multiplies the scores of items for which an expression holds.
type Boost struct {
	Where string  `json:"where"`
	By    float64 `json:"by"` // 0.01 to 100
}

// Cap is how many items of one category, and of one brand, may come; 0: any number.
type Cap struct {
	Category int `json:"category,omitempty"`
	Brand    int `json:"brand,omitempty"`
}

// Share is a number for what may be left unsaid: Request{Diversity: client.Share(0.3)}.
func Share(x float64) *float64 { return &x }

// MarshalJSON writes the request as the node reads it.
func (q Request) MarshalJSON() ([]byte, error) {
	type plain Request
	return json.Marshal(struct {
		plain
		TimeoutMs int64 `json:"timeoutMs,omitempty"`
	}{plain(q), millis(q.Timeout)})
}

// MarshalJSON writes the page as the node reads it.
func (q Page) MarshalJSON() ([]byte, error) {
	type plain Page
	return json.Marshal(struct {
		plain
		TimeoutMs int64 `json:"timeoutMs,omitempty"`
	}{plain(q), millis(q.Timeout)})
}

func millis(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return max(d.Milliseconds(), 1)
}

// Page asks for the slots of one page; all but the slots counts for each of them.
type Page struct {
	Slots   []Slot            `json:"slots"`
	User    string            `json:"user,omitempty"`
	Session string            `json:"session,omitempty"`
	Recent  []Seen            `json:"recent,omitempty"`
	Exclude []string          `json:"exclude,omitempty"`
	Goal    string            `json:"goal,omitempty"`
	Fields  []string          `json:"fields,omitempty"`
	Explain bool              `json:"explain,omitempty"`
	Context map[string]string `json:"context,omitempty"`
	Timeout time.Duration     `json:"-"` // of each slot's search

	Filter       string   `json:"filter,omitempty"` // an expression: only items for which it holds
	Boost        []Boost  `json:"boost,omitempty"`
	Diversity    *float64 `json:"diversity,omitempty"`    // 0 to 1; nil: what rules say
	Explore      *float64 `json:"explore,omitempty"`      // 0 to 1; nil: what rules say
	MinRelevance float64  `json:"minRelevance,omitempty"` // 0 to 1
	Cap          *Cap     `json:"cap,omitempty"`
}

// Slot is one place on a page.
type Slot struct {
	Slot string `json:"slot,omitempty"`
	N    int    `json:"n,omitempty"`
}

// Seen is an item a visitor met; all but the item is optional.
type Seen struct {
	Item string    `json:"item"`
	Type EventType `json:"type,omitempty"`
	Time time.Time `json:"time,omitzero"`
}

// Items makes a history of ids alone, the newest first.
func Items(ids ...string) []Seen {
	list := make([]Seen, len(ids))
	for i, id := range ids {
		list[i].Item = id
	}
	return list
}

// List asks for one of the lists that are the same for everyone; Country and Window count for what trends only, Category for what trends and
// what is popular.
type List struct {
	N        int
	Fields   []string
	Country  string
	Category string
	Window   string
}

func (q List) query() string {
	v := url.Values{}
	if q.N != 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
	for name, value := range map[string]string{"fields": strings.Join(q.Fields, ","), "country": q.Country, "category": q.Category, "window": q.Window} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// Answer is a list of items.
type Answer struct {
	ID           string            `json:"recommendationId"` // for events that follow from it
	Items        []Item            `json:"items"`
	Level        string            `json:"level"` // how the first item was found
	Release      string            `json:"release"`
	ReleaseAgeMs int64             `json:"releaseAgeMs"`
	Experiments  map[string]string `json:"experiments"`
	Missing      []string          `json:"missing"`      // ids in the request that the release doesn't know
	RulesVersion string            `json:"rulesVersion"` // of the document that counted; empty: none did
	Rules        []string          `json:"rules"`        // names of those that hold, where reasons were asked for
	Cursor       string            `json:"cursor"`       // of the next page; empty: there is none, or no page was asked for
	TookUs       int64             `json:"tookUs"`
}

// Item is one recommendation.
type Item struct {
	ID     string  `json:"id"`
	Score  float32 `json:"score"`
	Source string  `json:"source"`
	Reason *Reason `json:"reason"` // nil unless asked for
	Fields Fields  `json:"fields"`
}

// Reason says why an item is there: Shares, Rest and Terms sum to its score.
type Reason struct {
	Code   string             `json:"code"`
	Text   string             `json:"text"` // a sentence, in the language that Context["language"] asked for
	Items  []string           `json:"items"`
	Shares []float32          `json:"shares"`
	Rest   float32            `json:"rest"`
	Share  float32            `json:"share"`
	Pinned string             `json:"pinned"` // the rule that put it where it is, whatever its score; empty: none did
	Terms  map[string]float32 `json:"terms"`
}

// Fields are what the catalogue says of an item, as far as it was asked for.
type Fields struct {
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Categories  []string        `json:"categories"`
	Price       float64         `json:"price"`
	Currency    string          `json:"currency"`
	Image       string          `json:"image"`
	URL         string          `json:"url"`
	Brand       string          `json:"brand"`
	Tags        []string        `json:"tags"`
	Published   time.Time       `json:"published"`
	Expires     time.Time       `json:"expires"`
	Attributes  json.RawMessage `json:"attributes"`
}

// CatalogueItem is one entry of the catalogue.
type CatalogueItem struct {
	ID      string `json:"id"`
	Fields  Fields `json:"fields"`
	Release string `json:"release"`
}

// Event is one thing a visitor did to an item. Item and Type are required.
type Event struct {
	ID             string            `json:"id,omitempty"` // sent twice, it counts once; empty: Send makes one
	User           string            `json:"user,omitempty"`
	Session        string            `json:"session,omitempty"`
	Item           string            `json:"item"`
	Type           EventType         `json:"type"`
	Time           time.Time         `json:"time,omitzero"` // zero: when it arrives
	Value          float64           `json:"value,omitempty"`
	Quantity       float64           `json:"quantity,omitempty"`
	Recommendation string            `json:"recommendation,omitempty"`
	Position       int               `json:"position,omitempty"`
	Slot           string            `json:"slot,omitempty"`
	Channel        string            `json:"channel,omitempty"`
	Context        map[string]string `json:"context,omitempty"`
}

// Result says which events were taken.
type Result struct {
	Accepted int        `json:"accepted"`
	OptedOut int        `json:"optedOut"` // of visitors who said no
	Rejected []Rejected `json:"rejected"`
}

// Rejected is an event that was not taken.
type Rejected struct {
	Index int    `json:"index"`
	Error string `json:"error"`
}

// Profile is what is held on a visitor.
type Profile struct {
	Mode    string    `json:"mode"`
	Consent bool      `json:"consent"`
	Depth   int       `json:"depth"`
	Days    int       `json:"days"`
	Expires time.Time `json:"expires"`
	Items   []Seen    `json:"items"`
	Unknown int       `json:"unknown"`
}

// Limits are a visitor's consent and wishes; what is nil stays as it is.
type Limits struct {
	Consent *bool `json:"consent,omitempty"`
	Depth   *int  `json:"depth,omitempty"`
	Days    *int  `json:"days,omitempty"`
}
