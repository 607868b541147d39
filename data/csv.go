package data

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// Limits of a table read as text.
const (
	maxLine    = 1 << 20  // bytes of one physical line
	maxSpan    = 64 << 10 // bytes of a record that spans lines
	maxColumns = 4096
	maxBlanks  = 1024 // blank lines at the end of a file that go uncounted
)

// line is one physical line without its end. text is the reader's own copy only when kept is set.
type line struct {
	number int64
	text   []byte
	end    string // what ended it: "\n", "\r\n" or nothing
	long   bool   // it had more than maxLine bytes; text is its beginning
}

// lines reads physical lines, of which some can be put back.
type lines struct {
	r      *bufio.Reader
	number int64
	back   []line // put back, the next one last
	buf    []byte
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 256<<10)} }

// next returns the next line; its text is valid until the next call.
func (l *lines) next() (line, error) {
	if n := len(l.back); n > 0 {
		ln := l.back[n-1]
		l.back = l.back[:n-1]
		return ln, nil
	}
	ln := line{number: l.number + 1}
	text, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		text, ln.long, err = l.rest(text)
	}
	if err != nil && !(errors.Is(err, io.EOF) && len(text) > 0) {
		return line{}, err
	}
	l.number++
	ln.text, ln.end = cutEnd(text)
	return ln, nil
}

// rest reads on when a line is longer than the buffer, and drops what goes beyond maxLine.
func (l *lines) rest(text []byte) ([]byte, bool, error) {
	l.buf = append(l.buf[:0], text...)
	long := false
	for {
		more, err := l.r.ReadSlice('\n')
		if room := maxLine + 2 - len(l.buf); len(more) > room {
			long, more = true, more[:room]
		}
		l.buf = append(l.buf, more...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return l.buf, long, err
		}
	}
}

func cutEnd(b []byte) ([]byte, string) {
	if t, ok := bytes.CutSuffix(b, []byte("\r\n")); ok {
		return t, "\r\n"
	}
	if t, ok := bytes.CutSuffix(b, []byte("\n")); ok {
		return t, "\n"
	}
	return b, ""
}

// unread puts lines back, the first of them next.
func (l *lines) unread(list []line) {
	for i := len(list) - 1; i >= 0; i-- {
		l.back = append(l.back, list[i])
	}
}

// record is one row of a table, or what is wrong with one line.
type record struct {
	line   int64
	raw    string // the text it was read from
	fields []string
	fault  string // why it is no row, empty when it is one
}

// Faults of a line. They are names of reasons in a report.
const (
	faultQuote   = "unbalanced quote"
	faultFields  = "wrong number of fields"
	faultUTF8    = "not UTF-8"
	faultControl = "control character"
	faultLong    = "line too long"
	faultBlank   = "blank line"
)

// csvReader reads RFC 4180 records. Every physical line that is no part of a record is one record with a fault, and
// reading goes on at the next line: one broken line never costs another.
//
// A quote that was never meant to open a field makes the grammar swallow good lines up to the next quote. So where a
// record spans lines, the lines inside it are looked at: if most of them are rows by themselves, the opening
// quote is a fault of its own line.
type csvReader struct {
	lines  *lines
	comma  byte
	n      int   // fields of the header
	blanks int64 // blank lines up to this one are known not to end the file
	rec    record
	// plausible says whether fields could be a row.
	plausible func(fields []string) bool
}

// newCSV reads the header.
func newCSV(r io.Reader, comma byte) (*csvReader, []string, error) {
	c := &csvReader{lines: newLines(r), comma: comma}
	ln, err := c.lines.next()
	if err != nil {
		return nil, nil, err
	}
	ln.text = bytes.TrimPrefix(ln.text, []byte("\xef\xbb\xbf"))
	fields, fault := c.parse(nil, string(ln.text))
	if fault == "" && len(fields) > maxColumns {
		fault = "too many columns"
	}
	if fault == "" && ln.long {
		fault = faultLong
	}
	if fault != "" {
		return nil, nil, errors.New("header: " + fault)
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	c.n = len(fields)
	return c, fields, nil
}

// next returns the next record, valid until the next call.
func (c *csvReader) next() (*record, error) {
	ln, err := c.lines.next()
	if err != nil {
		return nil, err // blank lines before the end are no rows
	}
	if len(ln.text) == 0 && c.n > 1 {
		return c.blank(ln)
	}
	c.rec = record{line: ln.number, raw: string(ln.text), fields: c.rec.fields[:0]}
	if ln.long {
		c.rec.fault = faultLong
		return &c.rec, nil
	}
	c.rec.fields, c.rec.fault = c.parse(c.rec.fields, c.rec.raw)
	if c.rec.fault == faultOpen {
		c.span(ln.end)
	}
	if c.rec.fault == "" && len(c.rec.fields) != c.n {
		c.rec.fault = faultFields
	}
	return &c.rec, nil
}

// blank decides whether a blank line is a row: at the end of the file it is none.
func (c *csvReader) blank(ln line) (*record, error) {
	var held []line
	for ln.number >= c.blanks {
		next, err := c.lines.next()
		if err != nil {
			return nil, err
		}
		held = append(held, line{next.number, bytes.Clone(next.text), next.end, next.long})
		if len(next.text) > 0 || len(held) == maxBlanks {
			c.blanks = next.number
		}
	}
	c.lines.unread(held)
	c.rec = record{line: ln.number, fields: c.rec.fields[:0], fault: faultBlank}
	return &c.rec, nil
}

// faultOpen is parse's word for a quoted field that does not end with the text.
const faultOpen = "open quote"

// parse splits text into fields, which share its memory.
func (c *csvReader) parse(fields []string, text string) ([]string, string) {
	if fault := faultyText(text); fault != "" {
		return fields, fault
	}
	for {
		if len(text) > 0 && text[0] == '"' {
			field, rest, fault := quoted(text[1:], c.comma)
			if fault != "" {
				return fields, fault
			}
			fields = append(fields, field)
			if rest == "" {
				return fields, ""
			}
			text = rest[1:]
			continue
		}
		field, rest, more := cutByte(text, c.comma)
		if strings.IndexByte(field, '"') >= 0 {
			return fields, faultQuote
		}
		fields = append(fields, field)
		if !more {
			return fields, ""
		}
		text = rest
	}
}

func cutByte(s string, c byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// quoted reads a field after its opening quote. rest is empty or begins with a comma.
func quoted(text string, comma byte) (field, rest, fault string) {
	escaped := false
	for i := 0; ; i++ {
		j := strings.IndexByte(text[i:], '"')
		if j < 0 {
			return "", "", faultOpen
		}
		i += j
		if i+1 < len(text) && text[i+1] == '"' {
			escaped = true
			i++
			continue
		}
		if field, rest = text[:i], text[i+1:]; rest != "" && rest[0] != comma {
			return "", "", faultQuote
		}
		if escaped {
			field = strings.ReplaceAll(field, `""`, `"`)
		}
		return field, rest, ""
	}
}

// faultyText looks for bytes no table of text has.
func faultyText(text string) string {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return faultControl
		}
	}
	if !utf8.ValidString(text) {
		return faultUTF8
	}
	return ""
}

// span reads on where a quoted field goes over the end of the line. If that leads nowhere, the line is faulty and
// those after it are put back.
func (c *csvReader) span(end string) {
	text := []byte(c.rec.raw)
	var held []line
	for len(text) < maxSpan && end != "" {
		ln, err := c.lines.next()
		if err != nil || ln.long {
			if err == nil {
				held = append(held, line{ln.number, bytes.Clone(ln.text), ln.end, ln.long})
			}
			break
		}
		held = append(held, line{ln.number, bytes.Clone(ln.text), ln.end, ln.long})
		text = append(append(text, end...), ln.text...)
		end = ln.end
		if bytes.IndexByte(ln.text, '"') < 0 {
			continue
		}
		fields, fault := c.parse(c.rec.fields[:0], string(text))
		if fault == "" && len(fields) == c.n && !c.swallowed(held[:len(held)-1]) {
			c.rec.raw, c.rec.fields, c.rec.fault = string(text), fields, ""
			return
		}
		if fault != faultOpen {
			break
		}
	}
	c.rec.fault, c.rec.fields = faultQuote, c.rec.fields[:0]
	c.lines.unread(held)
}

// swallowed says whether most of the lines inside a record are rows by themselves.
func (c *csvReader) swallowed(inside []line) bool {
	if c.n < 3 || len(inside) == 0 {
		return false // prose has lines with one comma
	}
	rows := 0
	for _, ln := range inside {
		fields, fault := c.parse(nil, string(ln.text))
		if fault == "" && len(fields) == c.n && (c.plausible == nil || c.plausible(fields)) {
			rows++
		}
	}
	return 2*rows > len(inside)
}
