package edged

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of what may enter. Breaking one is an error that names it.
const (
	MaxIDLen      = 512     // bytes of an item, user, session, event or recommendation id
	MaxTypeLen    = 64      // bytes of an event type, slot or channel
	MaxContext    = 16      // entries of an event's context
	MaxContextLen = 256     // bytes of one context key or value
	MaxN          = 500     // items in one answer
	MaxRecent     = 200     // recent items that count; older ones beyond are ignored
	MaxBody       = 1 << 20 // bytes of a request body
)

// EventType says what a visitor did. The eight below are known by name; users may add their own.
type EventType string

// The known event types.
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

// Event is one thing a visitor did to one item. Ids are opaque UTF-8 strings of at most MaxIDLen bytes.
type Event struct {
	ID             string            // idempotency key; empty: derived where the event is stored
	User           string            // empty: anonymous
	Session        string            // empty: none
	Item           string            // required
	Type           EventType         // required
	Time           int64             // Unix milliseconds; required
	Value          float64           // money
	Quantity       float64           // units
	Recommendation string            // id of the answer it follows
	Position       int               // place in that answer, from 1; 0: not said
	Slot           string            // where on the page
	Channel        string            // web, app, mail, store …
	Context        map[string]string // country, region, device, referrer …
}

// Context keys with a meaning of their own.
const (
	Country   = "country"
	Region    = "region"
	Device    = "device"    // such as phone or desktop
	Referrer  = "referrer"  // where the visitor came from: a URL, or its host
	LocalHour = "localHour" // by the visitor's clock, 0 to 23
)

// Validate reports the first field that breaks a limit, by name.
func (e *Event) Validate() error {
	if e.Item == "" {
		return fmt.Errorf("item: missing")
	}
	if e.Type == "" {
		return fmt.Errorf("type: missing")
	}
	if e.Time <= 0 {
		return fmt.Errorf("time: missing")
	}
	for _, f := range [...]struct {
		name, value string
		limit       int
	}{
		{"id", e.ID, MaxIDLen}, {"user", e.User, MaxIDLen}, {"session", e.Session, MaxIDLen},
		{"item", e.Item, MaxIDLen}, {"recommendation", e.Recommendation, MaxIDLen},
		{"type", string(e.Type), MaxTypeLen}, {"slot", e.Slot, MaxTypeLen}, {"channel", e.Channel, MaxTypeLen},
	} {
		if err := checkText(f.name, f.value, f.limit); err != nil {
			return err
		}
	}
	if !finite(e.Value) {
		return fmt.Errorf("value: not a finite number")
	}
	if !finite(e.Quantity) {
		return fmt.Errorf("quantity: not a finite number")
	}
	if e.Position < 0 {
		return fmt.Errorf("position: negative")
	}
	if len(e.Context) > MaxContext {
		return fmt.Errorf("context: %d entries, at most %d", len(e.Context), MaxContext)
	}
	for k, v := range e.Context {
		if err := checkText("context key", k, MaxContextLen); err != nil {
			return err
		}
		if err := checkText("context."+k, v, MaxContextLen); err != nil {
			return err
		}
	}
	return nil
}

// ValidID reports whether s can be an id: 1 to MaxIDLen bytes of UTF-8.
func ValidID(s string) error {
	if s == "" {
		return fmt.Errorf("id: empty")
	}
	return checkText("id", s, MaxIDLen)
}

func checkText(name, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%s: %d bytes, at most %d", name, len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s: not UTF-8", name)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// maxTime is the last millisecond of the year 9999, the last RFC 3339 can write.
const maxTime = 253402300799999

// ParseTime reads RFC 3339, or Unix seconds or milliseconds (a whole number above 10¹¹ is taken for milliseconds,
// which seconds reach in the year 5138), and returns Unix milliseconds.
func ParseTime(s string) (int64, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		if math.Abs(n) < 1e11 {
			n *= 1000
		}
		if !(n > 0 && n <= maxTime) {
			return 0, fmt.Errorf("time %q: out of range", strings.Clone(s)) // s itself stays with the caller
		}
		return int64(math.Round(n)), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("time %q: want RFC 3339, Unix seconds or milliseconds", strings.Clone(s))
	}
	ms := t.UnixMilli()
	if ms <= 0 || ms > maxTime {
		return 0, fmt.Errorf("time %q: out of range", strings.Clone(s))
	}
	return ms, nil
}
