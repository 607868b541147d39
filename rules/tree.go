package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseTree reads YAML or JSON as a tree of nodes with their lines. What begins with { is JSON.
func parseTree(doc []byte) (*yaml.Node, []Fault) {
	if len(doc) > MaxDocument {
		return nil, []Fault{{Reason: fmt.Sprintf("%d bytes, at most %d", len(doc), MaxDocument)}}
	}
	if t := bytes.TrimLeft(doc, " \t\r\n"); len(t) > 0 && t[0] == '{' {
		return parseJSON(doc)
	}
	return parseYAML(doc)
}

func parseYAML(doc []byte) (*yaml.Node, []Fault) {
	d := yaml.NewDecoder(bytes.NewReader(doc))
	var root, more yaml.Node
	if err := d.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, []Fault{{Line: 1, Reason: "an empty document; want rules: […]"}}
		}
		return nil, []Fault{yamlFault(err)}
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, []Fault{{Line: more.Line, Reason: "more than one document"}}
	}
	if len(root.Content) != 1 {
		return nil, []Fault{{Line: 1, Reason: "an empty document; want rules: […]"}}
	}
	return root.Content[0], nil
}

// yamlFault takes the line out of the library's message.
func yamlFault(err error) Fault {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, reason, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				return Fault{Line: line, Reason: "not YAML: " + reason}
			}
		}
	}
	return Fault{Line: 1, Reason: "not YAML: " + text}
}

// jsonTree builds the tree of a JSON document, which YAML libraries read with exceptions.
type jsonTree struct {
	doc []byte
	d   *json.Decoder
	at  int // bytes counted for lines
	row int
}

func parseJSON(doc []byte) (*yaml.Node, []Fault) {
	t := &jsonTree{doc: doc, d: json.NewDecoder(bytes.NewReader(doc)), row: 1}
	t.d.UseNumber()
	node, err := t.value(0)
	if err == nil {
		_, more := t.d.Token()
		if !errors.Is(more, io.EOF) {
			err = errors.New("something after the document")
		}
	}
	if err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			t.at, t.row = 0, 1
			return nil, []Fault{{Line: t.line(int(syntax.Offset)), Reason: "not JSON: " + err.Error()}}
		}
		return nil, []Fault{{Line: t.line(int(t.d.InputOffset())), Reason: "not JSON: " + err.Error()}}
	}
	return node, nil
}

// line is that of a byte behind all asked for before.
func (t *jsonTree) line(offset int) int {
	offset = min(offset, len(t.doc))
	if offset > t.at {
		t.row += bytes.Count(t.doc[t.at:offset], []byte{'\n'})
		t.at = offset
	}
	return t.row
}

// maxDepth bounds the nesting of JSON; the language itself needs six.
const maxDepth = 32

func (t *jsonTree) value(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	token, err := t.d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: t.line(int(t.d.InputOffset()))}
	switch v := token.(type) {
	case json.Delim:
		return n, t.collection(n, v, depth)
	case string:
		n.Tag, n.Value = "!!str", v
	case json.Number:
		n.Tag, n.Value = "!!float", v.String()
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(v)
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

func (t *jsonTree) collection(n *yaml.Node, open json.Delim, depth int) error {
	n.Kind = yaml.SequenceNode
	if open == '{' {
		n.Kind = yaml.MappingNode
	}
	for t.d.More() {
		child, err := t.value(depth + 1)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, child)
	}
	_, err := t.d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
