package edged

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// Setting is what is known of the moment in which somebody looks, as far as what is popular may go by it. A part that is "" is not known.
type Setting struct {
	Country  string `json:"country"`
	Device   string `json:"device,omitempty"`
	Referrer string `json:"referrer,omitempty"` // the host the visitor came from, see ReferrerHost
	Daypart  string `json:"daypart,omitempty"`  // see DaypartOf
}

// The parts of a Setting, as bits. A setting is refined in this order: without its last known part it is its parent.
const (
	ByCountry = 1 << iota
	ByDevice
	ByReferrer
	ByDaypart

	settingParts = 4
)

// SettingOf is what an event's context says of the setting.
func SettingOf(context map[string]string) Setting {
	return Setting{context[Country], context[Device], ReferrerHost(context[Referrer]), DaypartOf(context[LocalHour])}
}

// Context is a context that says the setting; nil where that is empty.
func (s Setting) Context() map[string]string {
	context := map[string]string{
		Country: s.Country, Device: s.Device, Referrer: s.Referrer,
		LocalHour: map[string]string{Night: "0", Morning: "6", Afternoon: "12", Evening: "18"}[s.Daypart],
	}
	maps.DeleteFunc(context, func(_, value string) bool { return value == "" })
	if len(context) == 0 {
		return nil
	}
	return context
}

func (s *Setting) parts() [settingParts]*string {
	return [...]*string{&s.Country, &s.Device, &s.Referrer, &s.Daypart}
}

// Known says which parts are known.
func (s Setting) Known() (by int) {
	for i, part := range s.parts() {
		if *part != "" {
			by |= 1 << i
		}
	}
	return by
}

// Refined reports whether more is known than the country.
func (s Setting) Refined() bool { return s.Known()&^ByCountry != 0 }

// Only is the setting without the parts that are not among by.
func (s Setting) Only(by int) Setting {
	for i, part := range s.parts() {
		if by&(1<<i) == 0 {
			*part = ""
		}
	}
	return s
}

// Parent is the setting without its last known part. That of the empty one is itself.
func (s Setting) Parent() Setting {
	parts := s.parts()
	for i := settingParts - 1; i >= 0; i-- {
		if *parts[i] != "" {
			*parts[i] = ""
			break
		}
	}
	return s
}

// Narrowest is, of the settings that say more of s than its country, by no other parts than these, and that has knows, the one that says most; of
// those with as many parts that with the earlier ones.
func (s Setting) Narrowest(by int, has func(Setting) bool) (Setting, bool) {
	by &= s.Known()
	if by&^ByCountry == 0 {
		return s, false
	}
	for _, parts := range narrowing {
		if parts&^by != 0 {
			continue
		}
		if narrow := s.Only(parts); has(narrow) {
			return narrow, true
		}
	}
	return s, false
}

// narrowing are the sets of parts with more than the country, in the order in which they are asked for.
var narrowing = func() (sets []int) {
	for by := range 1 << settingParts {
		if by&^ByCountry != 0 {
			sets = append(sets, by)
		}
	}
	slices.SortFunc(sets, func(a, b int) int {
		return cmp.Or(bits.OnesCount(uint(b))-bits.OnesCount(uint(a)), cmp.Compare(bits.Reverse8(uint8(b)), bits.Reverse8(uint8(a))))
	})
	return sets
}()

// Compare orders settings part by part: parents come before what refines them.
func (s Setting) Compare(t Setting) int {
	a, b := s.parts(), t.parts()
	for i := range a {
		if c := strings.Compare(*a[i], *b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// String is such as "country GB, device phone"; "everywhere" for the empty one.
func (s Setting) String() string {
	text := ""
	for i, part := range s.parts() {
		if *part != "" {
			text += ", " + [...]string{Country, Device, Referrer, "daypart"}[i] + " " + *part
		}
	}
	if text == "" {
		return "everywhere"
	}
	return text[2:]
}

// ReferrerHost is the host of a referrer, which is a URL or a host, without its port and "www.".
func ReferrerHost(referrer string) string {
	host := referrer
	if i := strings.Index(host, "://"); i >= 0 {
		host = host[i+3:]
	}
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	if len(host) >= 4 && strings.EqualFold(host[:4], "www.") {
		host = host[4:]
	}
	return strings.ToLower(host)
}

// The parts of a day.
const (
	Night     = "night"     // 0 to 5
	Morning   = "morning"   // 6 to 11
	Afternoon = "afternoon" // 12 to 17
	Evening   = "evening"   // 18 to 23
)

// DaypartOf is the part of the day of an hour from 0 to 23 of the visitor's clock, "" where that is not known.
func DaypartOf(hour string) string {
	h := 0
	for i := range len(hour) {
		if hour[i] < '0' || hour[i] > '9' || i == 2 {
			return ""
		}
		h = 10*h + int(hour[i]-'0')
	}
	if hour == "" || h > 23 {
		return ""
	}
	return [...]string{Night, Morning, Afternoon, Evening}[h/6]
}
