package data

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// faults collects everything wrong with a mapping, each with its line, so that it is mended in one go.
type faults struct {
	name string
	list []error
}

func (f *faults) add(n *yaml.Node, format string, args ...any) {
	f.list = append(f.list, fmt.Errorf("%s:%d: %s", f.name, n.Line, fmt.Sprintf(format, args...)))
}

func (f *faults) err() error { return errors.Join(f.list...) }

// parseYAML returns the root of a document, without aliases and of bounded depth.
func parseYAML(name string, b []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	err := d.Decode(&doc)
	if err == nil {
		if err = d.Decode(&more); err == nil {
			return nil, fmt.Errorf("%s:%d: a second document begins here: one file is one document", name, more.Line)
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("%s: empty", name)
	}
	if bad := findNode(&doc, 0); bad != nil {
		return nil, fmt.Errorf("%s:%d: aliases, and nesting deeper than %d, are not read here", name, bad.Line, maxDepth)
	}
	return doc.Content[0], nil
}

// findNode returns the first node that is an alias or too deep.
func findNode(n *yaml.Node, depth int) *yaml.Node {
	if n.Kind == yaml.AliasNode || depth > maxDepth {
		return n
	}
	for _, c := range n.Content {
		if bad := findNode(c, depth+1); bad != nil {
			return bad
		}
	}
	return nil
}

// eachKey calls fn for every key of a YAML mapping; keys must be text and not repeat.
func (f *faults) eachKey(n *yaml.Node, what string, fn func(key string, k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		f.add(n, "%s: want keys and values, found %s", what, nodeKind(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			f.add(k, "%s: want a plain key, found %s", what, nodeKind(k))
			continue
		}
		if first, twice := seen[k.Value]; twice {
			f.add(k, "%s: key %q: given before, on line %d", what, clip(k.Value), first)
			continue
		}
		seen[k.Value] = k.Line
		fn(k.Value, k, v)
	}
}

// scalar returns the text of a plain value.
func (f *faults) scalar(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode {
		f.add(n, "%s: want text, found %s", what, nodeKind(n))
		return ""
	}
	if n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// oneOf returns the text of a plain value that must be one of a few.
func (f *faults) oneOf(n *yaml.Node, what string, words ...string) string {
	v := f.scalar(n, what)
	for _, w := range words {
		if v == w {
			return v
		}
	}
	f.add(n, "%s: want %s, found %q", what, strings.Join(words, " or "), clip(v))
	return ""
}

func (f *faults) boolean(n *yaml.Node, what string) bool {
	return f.oneOf(n, what, "true", "false") == "true"
}

// texts returns one text or a list of them.
func (f *faults) texts(n *yaml.Node, what string) (list []string) {
	if n.Kind != yaml.SequenceNode {
		return []string{f.scalar(n, what)}
	}
	for _, c := range n.Content {
		list = append(list, f.scalar(c, what))
	}
	if len(list) == 0 {
		f.add(n, "%s: empty list", what)
	}
	return list
}

func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", clip(n.Value))
}
