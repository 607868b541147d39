package data

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// readAllCSV shows what a table of three columns reads as: a record or fault a line.
func readAllCSV(text string) string {
	c, header, err := newCSV(strings.NewReader(text), ',')
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", header)
	for {
		rec, err := c.next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			return err.Error()
		}
		if rec.fault != "" {
			fmt.Fprintf(&b, "%d: %s\n", rec.line, rec.fault)
			continue
		}
		fmt.Fprintf(&b, "%d: %s\n", rec.line, strings.ReplaceAll(fmt.Sprint(rec.fields), "\n", `\n`))
	}
}

func TestCSV(t *testing.T) {
	const head = "a,b,c\n"
	for _, c := range []struct{ name, in, want string }{
		{"plain", "1,2,3\n4,,6\n", "2: [1 2 3]\n3: [4  6]\n"},
		{"no end of line", "1,2,3", "2: [1 2 3]\n"},
		{"windows", "1,2,3\r\n4,\"5\",6\r\n", "2: [1 2 3]\n3: [4 5 6]\n"},
		{"quotes", `1,"2, ""two""",3` + "\n", "2: [1 2, \"two\" 3]\n"},
		{"two lines", "1,\"x\ny\",3\n4,5,6\n", "2: [1 x\\ny 3]\n4: [4 5 6]\n"},
		{"empty quoted", `1,"",3`, "2: [1  3]\n"},
		{"too few", "1,2\n4,5,6\n", "2: wrong number of fields\n3: [4 5 6]\n"},
		{"too many", "1,2,3,4\n4,5,6\n", "2: wrong number of fields\n3: [4 5 6]\n"},
		{"bare quote", "1,2\",3\n4,5,6\n", "2: unbalanced quote\n3: [4 5 6]\n"},
		{"after quote", "1,\"2\"x,3\n4,5,6\n", "2: unbalanced quote\n3: [4 5 6]\n"},
		{"never closed", "1,\"2,3\n4,5,6\n7,8,9", "2: unbalanced quote\n3: [4 5 6]\n4: [7 8 9]\n"},
		{"closed by another's opening", "1,\"2,3\n4,5,6\n7,\"8\",9\n", "2: unbalanced quote\n3: [4 5 6]\n4: [7 8 9]\n"},
		{"closed by another's fault", "1,\"2,3\n4,5,6\n7,8\",9\n", "2: unbalanced quote\n3: [4 5 6]\n4: unbalanced quote\n"},
		{"not UTF-8", "1,\xff,3\n4,5,6\n", "2: not UTF-8\n3: [4 5 6]\n"},
		{"control", "1,\x00,3\n4,5,6\n", "2: control character\n3: [4 5 6]\n"},
		{"blank inside", "1,2,3\n\n4,5,6\n", "2: [1 2 3]\n3: blank line\n4: [4 5 6]\n"},
		{"blank at the end", "1,2,3\n\n\n", "2: [1 2 3]\n"},
		{"too long", strings.Repeat("x", maxLine+10) + "\n4,5,6\n", "2: line too long\n3: [4 5 6]\n"},
	} {
		want := "[a b c]\n" + c.want
		got := readAllCSV(head + c.in)
		if got != want {
			t.Errorf("%s:\n%swant:\n%s", c.name, got, want)
		}
	}
}

// TestManyBlankLines reads them without looking at each again and again.
func TestManyBlankLines(t *testing.T) {
	text := "a,b\n1,2\n" + strings.Repeat("\n", 5*maxBlanks) + "3,4\n"
	if n := strings.Count(readAllCSV(text), faultBlank); n != 5*maxBlanks {
		t.Errorf("%d blank lines, want %d", n, 5*maxBlanks)
	}
}

// FuzzCSV checks that every line is accounted for, once and in order.
func FuzzCSV(f *testing.F) {
	f.Add("a,b,c\n1,\"x\ny\",3\n4,5,6\n")
	f.Add("a,b,c\n1,\"2,3\n4,5,6\n7,\"8\",9\n")
	f.Add("\xef\xbb\xbfa\r\n\"\"\"\"\n\n\n1")
	f.Fuzz(func(t *testing.T, text string) {
		c, _, err := newCSV(strings.NewReader(text), ',')
		if err != nil {
			return
		}
		last := int64(1)
		for {
			rec, err := c.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if rec.line != last+1 {
				t.Fatalf("line %d after %d", rec.line, last)
			}
			if rec.fault == "" && len(rec.fields) != c.n {
				t.Fatalf("%d fields, want %d", len(rec.fields), c.n)
			}
			last = rec.line + int64(strings.Count(rec.raw, "\n"))
		}
		if lines := int64(strings.Count(text, "\n")) + 1; last > lines {
			t.Fatalf("line %d of %d", last, lines)
		}
	})
}
