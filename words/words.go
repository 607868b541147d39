package words

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// Place is what is filled in behind a part of a sentence.
type Place uint8

// The places.
const (
	Nothing Place = iota
	Item          // title of the item that speaks most
	Items         // titles of the up to three that do
	Country
	Rule // name of the rule that put the item there
)

// places are their names.
var places = [...]string{Item: "item", Items: "items", Country: "country", Rule: "rule"}

// Part is text, and what comes behind it.
type Part struct {
	Text  string // as it stands within a JSON string
	Place Place
}

// Boosted is a code beside those of reasons: boosts, more than what was found, put the item there.
const Boosted = "boosted"

// members are what a language says: each code, in English, with what may be filled in, and what stands between several items.
var members = [...]struct {
	name, english string
	places        []Place
}{
	{"becauseYouViewed", "Because you viewed {items}", []Place{Item, Items}},
	{"becauseYouBought", "Because you bought {items}", []Place{Item, Items}},
	{"becauseYouLiked", "Because you liked {items}", []Place{Item, Items}},
	{"similarTo", "Similar to {items}", []Place{Item, Items}},
	{"buyAgain", "You had it before", nil},
	{"trendingAmong", "Trending among visitors like you", nil},
	{"trendingIn", "Trending in {country}", []Place{Country}},
	{"trending", "Trending everywhere", nil},
	{"popular", "Popular with everybody", nil},
	{"pinned", "Chosen by the shop", []Place{Rule}},
	{"new", "New here", nil},
	{"forYou", "By what you did here", nil},
	{Boosted, "Recommended by the shop", nil},
	memberAnd:   {"and", " and ", nil},
	memberComma: {"comma", ", ", nil},
}

// Members that are no codes.
const (
	memberAnd = iota + 13
	memberComma
)

func memberNamed(name string) int {
	for i := range members {
		if members[i].name == name {
			return i
		}
	}
	return -1
}

// Language is how reasons are said in one language.
type Language struct {
	own  [len(members)][]Part   // nil: not said by the language itself
	said [len(members)]Sentence // by it, or by the next one that says it
}

// Sentence is how a code is said, with what stands between items in the language that says it.
type Sentence struct {
	Parts []Part
	And   string // between the last two of several items; as it stands within a JSON string
	Comma string // between the others, likewise
}

// Sentence is how a code is said, without parts where it is none.
func (l *Language) Sentence(code string) Sentence {
	if i := memberNamed(code); i >= 0 {
		return l.said[i]
	}
	return Sentence{}
}

// Set is words in some languages.
type Set struct {
	languages map[string]*Language // by tag in lower case
	other     *Language            // for all that are not there
}

const english = "en"

// English is what is built in.
func English() *Set {
	l := new(Language)
	for i := range members {
		l.own[i], _ = compile(members[i].english, members[i].places)
	}
	s := &Set{languages: map[string]*Language{english: l}}
	s.settle(english)
	return s
}

// In is the language of a tag (BCP 47), or else of what is left of it without its last parts (RFC 4647, 3.4): de for de-AT. Where none is there,
// and for no tag, it is the default.
func (s *Set) In(tag []byte) *Language {
	var low [maxTag]byte
	if len(tag) > len(low) {
		tag = tag[:max(bytes.LastIndexByte(tag[:len(low)+1], '-'), 0)] // longer ones are no language's
	}
	for i, b := range tag {
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		low[i] = b
	}
	for at := low[:len(tag)]; len(at) > 0; at = at[:max(bytes.LastIndexByte(at, '-'), 0)] {
		if l, ok := s.languages[string(at)]; ok {
			return l
		}
	}
	return s.other
}

// Gaps are the members that a language borrows from another one: "fr: new, popular". Variants of a language are left out: they are meant to say
// little.
func (s *Set) Gaps() (list []string) {
	for _, tag := range slices.Sorted(maps.Keys(s.languages)) {
		var names []string
		for i := range members {
			if s.languages[tag].own[i] == nil {
				names = append(names, members[i].name)
			}
		}
		if len(names) > 0 && len(s.line(tag)) == 1 {
			list = append(list, tag+": "+strings.Join(names, ", "))
		}
	}
	return list
}

// line is a language and those that it is a variant of, the nearest first.
func (s *Set) line(tag string) (list []*Language) {
	for ; tag != ""; tag = tag[:max(strings.LastIndexByte(tag, '-'), 0)] {
		if l := s.languages[tag]; l != nil {
			list = append(list, l)
		}
	}
	return list
}

// settle fills in what languages don't say, by what the next one says: a variant by its language, a language by the default, that by English.
func (s *Set) settle(other string) {
	s.other = s.languages[other]
	for tag, l := range s.languages {
		next := chain{s.line(tag), s.line(other), s.line(english)}
		for i := range members {
			parts, by := next.says(i)
			l.said[i] = Sentence{Parts: parts, And: by.joiner(memberAnd), Comma: by.joiner(memberComma)}
		}
	}
}

// chain are languages, each with those it is a variant of, that are asked one after the other. English, the last, says everything.
type chain [][]*Language

// says is what the first one that does says, and the chain from its language on: what stands between items is never of one before it, but may be of
// a variant, as "und" of de-AT is in what de says.
func (c chain) says(member int) ([]Part, chain) {
	for k, line := range c {
		if i := slices.IndexFunc(line, func(l *Language) bool { return l.own[member] != nil }); i >= 0 {
			return line[i].own[member], c[k:]
		}
	}
	return nil, nil
}

func (c chain) joiner(member int) string {
	parts, _ := c.says(member)
	return parts[0].Text
}
