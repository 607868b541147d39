package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// checkJSON holds a document against its limits before any of it is decoded into values: size, UTF-8, syntax, depth,
// number of values, and no key twice in one object (two readers could pick different ones).
func checkJSON(what string, b []byte, limit int) error {
	if len(b) > limit {
		return fmt.Errorf("%s: %d bytes, at most %d: %w", what, len(b), limit, ErrTooLarge)
	}
	if !utf8.Valid(b) {
		return formatf("%s: not UTF-8", what)
	}
	if !json.Valid(b) {
		return formatf("%s: not JSON, or cut short", what)
	}
	w := walker{what: what, dec: json.NewDecoder(bytes.NewReader(b))}
	w.dec.UseNumber()
	return w.value(0)
}

// walker reads a document token by token; its recursion ends at maxDepth.
type walker struct {
	what   string
	dec    *json.Decoder
	values int
}

func (w *walker) value(depth int) error {
	if w.values++; w.values > maxValues {
		return fmt.Errorf("%s: more than %d values: %w", w.what, maxValues, ErrTooLarge)
	}
	tok, err := w.dec.Token()
	if err != nil {
		return formatf("%s: %v", w.what, err)
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return nil
	}
	if depth >= maxDepth {
		return fmt.Errorf("%s: nested deeper than %d: %w", w.what, maxDepth, ErrTooLarge)
	}
	if delim == '{' {
		return w.object(depth)
	}
	return w.array(depth)
}

func (w *walker) array(depth int) error {
	for w.dec.More() {
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func (w *walker) object(depth int) error {
	seen := map[string]bool{}
	for w.dec.More() {
		tok, err := w.dec.Token()
		if err != nil {
			return formatf("%s: %v", w.what, err)
		}
		key := tok.(string) // the decoder gives nothing else for a key
		if seen[key] {
			return formatf("%s: key %.80q twice", w.what, key)
		}
		seen[key] = true
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

// field is one key of an object and where its value goes.
type field struct {
	name     string
	dst      any
	optional bool
}

// decode reads the known keys of an object by their exact names (encoding/json alone would take "Version" for
// "version" and null for absent). Unknown keys are skipped: see Critical in FORMAT.md.
func decode(what string, b []byte, fields ...field) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil || object == nil {
		return formatf("%s: not an object", what)
	}
	for _, f := range fields {
		raw, ok := object[f.name]
		if !ok && f.optional {
			continue
		}
		if !ok {
			return formatf("%s: %s: missing", what, f.name)
		}
		if err := decodeField(raw, f.dst); err != nil {
			return formatf("%s: %s: %v", what, f.name, err)
		}
	}
	return nil
}

func decodeField(raw json.RawMessage, dst any) error {
	if string(raw) == "null" {
		return fmt.Errorf("null")
	}
	return json.Unmarshal(raw, dst)
}

// decodeList reads an array of at most limit elements, each by one call of element.
func decodeList(what string, raw json.RawMessage, limit int, element func(i int, raw json.RawMessage) error) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return formatf("%s: not an array", what)
	}
	if len(list) > limit {
		return fmt.Errorf("%s: %d entries, at most %d: %w", what, len(list), limit, ErrTooLarge)
	}
	for i, raw := range list {
		if err := element(i, raw); err != nil {
			return err
		}
	}
	return nil
}

// checkType refuses a document of another type or major version.
func checkType(what, got, want string) error {
	if got != want {
		return formatf("%s: type %.80q, want %q", what, got, want)
	}
	return nil
}

// checkCritical refuses what a document calls critical and this edged does not know.
func checkCritical(what string, critical []string, known func(string) bool) error {
	if len(critical) > MaxCritical {
		return fmt.Errorf("%s: critical: %d entries, at most %d: %w", what, len(critical), MaxCritical, ErrTooLarge)
	}
	for _, name := range critical {
		if !known(name) {
			return fmt.Errorf("%s: critical %.80q is unknown to this version: %w", what, name, ErrCritical)
		}
	}
	return nil
}

// seconds is t as documents hold it: UTC, whole seconds.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
