package words

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a file. Breaking one is a fault that names it.
const (
	MaxFile      = 256 << 10 // bytes
	MaxLanguages = 100       // of a file; the English that is built in is none of them
	MaxSentence  = 300       // bytes
	maxTag       = 35        // bytes (RFC 5646, 4.4.1)
	maxFaults    = 20        // told at once
)

// byDefault is the member of a file that is no language: it names one.
const byDefault = "default"

// example is what a file may be.
const example = `{"de": {"becauseYouBought": "Weil Sie {items} gekauft haben", "and": " und "}}`

// reader reads a file.
type reader struct {
	file   []byte
	dec    *json.Decoder
	set    *Set
	other  string // the default, in lower case
	tags   int    // languages so far
	faults []error
}

// Parse reads a file: an object of languages, beside them the default. The error joins all that is wrong with it, each with its line, the member,
// and what to do.
func Parse(file []byte) (*Set, error) {
	if len(file) > MaxFile {
		return nil, fmt.Errorf("%d bytes, at most %d: leave languages out", len(file), MaxFile)
	}
	if !utf8.Valid(file) {
		return nil, errors.New("not UTF-8: save it as UTF-8")
	}
	r := &reader{file: file, dec: json.NewDecoder(bytes.NewReader(file)), set: English(), other: english}
	defaultLine := 0
	err := r.object("", func(name string) error {
		if name != byDefault {
			return r.language(name)
		}
		defaultLine = r.line()
		return r.named()
	})
	if _, end := r.dec.Token(); err == nil && end != io.EOF {
		err = r.at("", "more behind the object: a file is one object of languages")
	}
	if r.set.languages[r.other] == nil && err == nil {
		r.faults = append(r.faults, fmt.Errorf("line %d: %s: %s is no language of the file: add it, or name one that is there", defaultLine, byDefault, short(r.other)))
	}
	if err = errors.Join(append(r.faults, err)...); err != nil {
		return nil, err
	}
	r.set.settle(r.other)
	return r.set, nil
}

// line is where the reader is.
func (r *reader) line() int { return 1 + bytes.Count(r.file[:r.dec.InputOffset()], []byte{'\n'}) }

// at is a fault of a member.
func (r *reader) at(member, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if member != "" {
		what = member + ": " + what
	}
	return fmt.Errorf("line %d: %s", r.line(), what)
}

// fault is one that is no reason not to read on.
func (r *reader) fault(member, format string, args ...any) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, r.at(member, format, args...))
	}
}

func (r *reader) malformed(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return r.at("", "no JSON (%v): want an object such as %s", err, example)
}

// object reads an object, and each member by a function. An error ends the reading: what would follow means nothing.
func (r *reader) object(where string, member func(name string) error) error {
	token, err := r.dec.Token()
	if err != nil {
		return r.malformed(err)
	}
	if token != json.Delim('{') {
		return r.at(where, "want an object, as in %s", example)
	}
	seen := map[string]bool{}
	for r.dec.More() {
		if token, err = r.dec.Token(); err != nil {
			return r.malformed(err)
		}
		name := token.(string) // all that a Decoder gives there
		if low := strings.ToLower(name); seen[low] {
			r.fault(within(where, name), "said twice: keep one of them")
		} else {
			seen[low] = true
		}
		if err := member(name); err != nil {
			return err
		}
	}
	if _, err = r.dec.Token(); err != nil {
		return r.malformed(err)
	}
	return nil
}

// within names a member of a language.
func within(where, name string) string {
	if where == "" {
		return short(name)
	}
	return where + "." + short(name)
}

// short bounds what is said of a file.
func short(text string) string {
	if len(text) > maxTag {
		text = strings.ToValidUTF8(text[:maxTag], "") + "…"
	}
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

// text reads the text of a member; ok is false where it is none, which is a fault.
func (r *reader) text(member string) (text string, ok bool, err error) {
	var raw json.RawMessage
	if err := r.dec.Decode(&raw); err != nil {
		return "", false, r.malformed(err)
	}
	if raw[0] != '"' {
		r.fault(member, "want text in quotes")
		return "", false, nil
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", false, r.malformed(err)
	}
	return text, true, nil
}

// named reads which language is the default.
func (r *reader) named() error {
	text, ok, err := r.text(byDefault)
	if ok {
		r.other = strings.ToLower(text)
	}
	return err
}

// language reads the words of one language.
func (r *reader) language(tag string) error {
	if !isTag(tag) {
		r.fault(short(tag), `no language: want a tag such as "de" or "de-AT", or %q`, byDefault)
	}
	low := strings.ToLower(tag)
	l := r.set.languages[low]
	if r.tags++; r.tags > MaxLanguages {
		r.fault(short(tag), "more than %d languages: leave some out", MaxLanguages)
		l = new(Language)
	} else if l == nil {
		l = new(Language)
		r.set.languages[low] = l
	}
	return r.object(short(tag), func(name string) error { return r.member(l, short(tag), name) })
}

// isTag reports whether a text is made as language tags are: of parts of one to eight letters and digits, the first of at least two letters.
func isTag(text string) bool {
	for i, part := range strings.Split(text, "-") {
		ok := len(part) >= 1 && len(part) <= 8 && (i > 0 || len(part) >= 2)
		for _, b := range []byte(part) {
			ok = ok && (b|0x20 >= 'a' && b|0x20 <= 'z' || i > 0 && b >= '0' && b <= '9')
		}
		if !ok {
			return false
		}
	}
	return len(text) <= maxTag && !strings.EqualFold(text, byDefault)
}

// member reads one sentence of a language, or what stands between items.
func (r *reader) member(l *Language, tag, name string) error {
	where := within(tag, name)
	text, ok, err := r.text(where)
	if err != nil || !ok {
		return err
	}
	i := memberNamed(name)
	if i < 0 {
		r.fault(where, "no code of a reason; there are %s", known())
		return nil
	}
	if l.own[i], err = compile(text, members[i].places); err != nil {
		r.fault(where, "%v", err)
	}
	return nil
}

// known are the names of all members.
func known() string {
	names := make([]string, len(members))
	for i := range members {
		names[i] = members[i].name
	}
	return strings.Join(names, ", ")
}

// compile takes a template apart. Each place may be there once: what a sentence grows to is bounded.
func compile(text string, may []Place) (parts []Part, err error) {
	if err := plain(text); err != nil {
		return nil, err
	}
	for {
		before, rest, open := strings.Cut(text, "{")
		if strings.Contains(before, "}") {
			return nil, fmt.Errorf("a } without its {: %s", wanted(may))
		}
		if !open {
			return append(parts, Part{Text: escaped(before)}), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("a { without its }: %s", wanted(may))
		}
		place := Place(max(slices.Index(places[:], name), 0))
		if place == Nothing || !slices.Contains(may, place) {
			return nil, fmt.Errorf("{%s} is not filled in here: %s", short(name), wanted(may))
		}
		if slices.ContainsFunc(parts, func(p Part) bool { return p.Place == place }) {
			return nil, fmt.Errorf("{%s} twice: keep one of them", name)
		}
		parts, text = append(parts, Part{Text: escaped(before), Place: place}), after
	}
}

// plain reports what a text is not one line of.
func plain(text string) error {
	control, turner := strings.IndexFunc(text, breaks), strings.IndexFunc(text, turns)
	switch {
	case !strings.ContainsFunc(text, visible):
		return errors.New("empty: leave it out, and the words of another language take its place")
	case len(text) > MaxSentence:
		return fmt.Errorf("%d bytes, at most %d: say it shorter", len(text), MaxSentence)
	case control >= 0:
		return fmt.Errorf("a control character or line separator at byte %d: want one plain line", control)
	case turner >= 0:
		return fmt.Errorf("a character at byte %d that turns the direction of what follows: leave it out, for titles and pages have a direction of their own", turner)
	case strings.ContainsRune(text, utf8.RuneError):
		return fmt.Errorf("no character at byte %d (U+FFFD): half a pair of escapes, or a file that was damaged", strings.IndexRune(text, utf8.RuneError))
	}
	return nil
}

// visible reports whether something is seen of a character: blanks, marks of format and fillers leave no trace.
func visible(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && r != '\u2800'
}

// breaks reports whether a character ends a line, or controls what shows it.
func breaks(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// turns reports whether a character embeds, overrides or isolates a direction (UAX 9, 2.1 to 2.5).
func turns(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }

// wanted says what may be in braces.
func wanted(may []Place) string {
	if len(may) == 0 {
		return "write it without braces"
	}
	var names []string
	for _, p := range may {
		names = append(names, "{"+places[p]+"}")
	}
	return "want " + strings.Join(names, " or ")
}

// escaped is a text as it stands within a JSON string.
func escaped(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // text always can be, and a Buffer takes all
	return strings.TrimSuffix(b.String(), "\"\n")[1:]
}
