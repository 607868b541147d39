package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/edged/edged/internal/near"
)

// maxConfig bounds the configuration file.
const maxConfig = 1 << 20

// lookup is os.LookupEnv, or a test's.
type lookup func(name string) (string, bool)

// settings is the configuration file and the environment, laid under the flags: a flag beats a variable, a variable
// beats the file, the file beats the default. All faults are collected and reported together.
//
// The file has a section for each command ("serve:", "bench: load:"); inside it a key is the flag's name in camel case,
// and a group may be written as a map: gossip: {listen: …} is --gossip-listen.
type settings struct {
	env    lookup
	path   string
	values map[*kong.Flag]entry
	faults []error
}

// entry is what the file says of a flag.
type entry struct {
	line  int
	key   string // such as serve.gossip.listen
	value any
}

// nameVariables gives every flag of every command its variable: EDGED_<COMMAND>_<FLAG>.
func nameVariables(k *kong.Kong) error {
	for _, leaf := range k.Model.Leaves(false) {
		section := strings.ReplaceAll(sectionOf(leaf), ".", "_")
		for _, flag := range leaf.Flags {
			if flag.Name != "help" && len(flag.Envs) == 0 {
				flag.Envs = []string{strings.ToUpper("EDGED_" + section + "_" + strings.ReplaceAll(flag.Name, "-", "_"))}
				flag.Tag.Envs = flag.Envs
			}
		}
	}
	return nil
}

// sectionOf is a command's place in the configuration file: "serve", "bench.load".
func sectionOf(n *kong.Node) string {
	var names []string
	for ; n != nil && n.Type == kong.CommandNode; n = n.Parent {
		names = append(names, n.Name)
	}
	slices.Reverse(names)
	return strings.Join(names, ".")
}

// readConfig reads a file, or a pipe, of at most maxConfig bytes.
func readConfig(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("%s has more bytes than may be: at most %d", name, maxConfig)
	}
	return text, errors.Join(err, f.Close())
}

// load finds the file named by --config or EDGED_CONFIG and reads all of it, whichever command runs.
func (s *settings) load(app *kong.Application, args []string, env lookup) error {
	s.values = map[*kong.Flag]entry{}
	s.path = configPath(args, env)
	if s.path == "" {
		return nil
	}
	text, err := readConfig(s.path)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return s.read(app, text)
}

// read takes the settings of a file's text.
func (s *settings) read(app *kong.Application, text []byte) error {
	var doc, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return fmt.Errorf("config: %s: %w", s.path, err)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		s.fault(more.Line, "another document begins here, want one")
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("config: %s: %w", s.path, err)
	}
	s.sections(app.Node, "", resolved(doc.Content[0]))
	return nil
}

// resolved is what a node stands for: an alias the value with that anchor, told of where the alias is. A value may hold an alias of itself; as
// commands and groups are nested a few deep only, nobody follows it for long.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.AliasNode {
		return n
	}
	value := *n.Alias
	value.Line = n.Line
	return &value
}

// isNull reports whether a node is ~, null or nothing.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func configPath(args []string, env lookup) string {
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			return v
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	v, _ := env("EDGED_CONFIG")
	return v
}

// sections walks the commands; a leaf's map holds its flags.
func (s *settings) sections(n *kong.Node, path string, m *yaml.Node) {
	if n.Leaf() && n.Type == kong.CommandNode {
		s.keys(n, path, "", m)
		return
	}
	for key, value := range s.pairs(m, path) {
		child := commandNamed(n, key.Value)
		if child == nil {
			s.fault(key.Line, "%s: unknown section; known: %s", join(path, key.Value), strings.Join(commandNames(n), ", "))
			continue
		}
		s.sections(child, join(path, key.Value), value)
	}
}

// keys reads one command's settings; prefix is the group being read ("gossip").
func (s *settings) keys(n *kong.Node, path, prefix string, m *yaml.Node) {
	for key, value := range s.pairs(m, path) {
		name := key.Value
		if prefix != "" {
			name = prefix + "-" + name
		}
		full := join(path, key.Value)
		flag := flagNamed(n, name)
		switch {
		case flag != nil:
			s.set(flag, full, value)
		case value.Kind == yaml.MappingNode && hasGroup(n, name):
			s.keys(n, full, name, value)
		default:
			s.fault(key.Line, "%s: unknown key%s", full, nearest(n, name))
		}
	}
}

// set checks a value against its flag's type by parsing it into a scratch variable.
func (s *settings) set(flag *kong.Flag, full string, value *yaml.Node) {
	if before, ok := s.values[flag]; ok {
		s.fault(value.Line, "%s: line %d says it, too", full, before.line)
		return
	}
	v, err := plain(value)
	if kind := flag.Target.Kind(); value.Kind == yaml.SequenceNode && kind != reflect.Slice || value.Kind == yaml.MappingNode && kind != reflect.Map {
		err = errors.New("want one plain value")
	}
	if err == nil {
		scratch := reflect.New(flag.Target.Type()).Elem()
		err = flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: kong.Scan().PushTyped(v, kong.FlagValueToken)}, scratch)
	}
	if err != nil {
		s.fault(value.Line, "%s: %v", full, err)
		return
	}
	s.values[flag] = entry{value.Line, full, v}
}

// plain turns a YAML value into what kong's mappers read: text, or text joined by commas.
func plain(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if isNull(n) {
			return nil, errors.New("want a value; without the key the default counts")
		}
		return n.Value, nil
	case yaml.SequenceNode:
		var parts []string
		for _, c := range n.Content {
			c = resolved(c)
			if c.Kind != yaml.ScalarNode || isNull(c) {
				return nil, errors.New("want a list of plain values")
			}
			parts = append(parts, kong.JoinEscaped([]string{c.Value}, ','))
		}
		return strings.Join(parts, ","), nil
	case yaml.MappingNode:
		var parts []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := resolved(n.Content[i]), resolved(n.Content[i+1])
			if key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode || isNull(value) {
				return nil, errors.New("want a map of plain values")
			}
			parts = append(parts, key.Value+"="+value.Value)
		}
		return strings.Join(parts, ";"), nil
	}
	return nil, errors.New("want a plain value, a list or a map")
}

// pairs yields a map's keys and values, reporting anything that is not a map and keys said twice.
func (s *settings) pairs(m *yaml.Node, path string) func(func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		if isNull(m) {
			return
		}
		if m.Kind != yaml.MappingNode {
			s.fault(m.Line, "%s: want a map of settings", cmp.Or(path, "the file"))
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(m.Content); i += 2 {
			k := resolved(m.Content[i])
			if seen[k.Value] {
				s.fault(k.Line, "%s: said twice", join(path, k.Value))
				continue
			}
			seen[k.Value] = true
			if !yield(k, resolved(m.Content[i+1])) {
				return
			}
		}
	}
}

func (s *settings) fault(line int, format string, args ...any) {
	s.faults = append(s.faults, fmt.Errorf("%s:%d: %s", s.path, line, fmt.Sprintf(format, args...)))
}

// with joins the collected faults and err.
func (s *settings) with(err error) error {
	all := s.faults
	if err != nil {
		all = append(slices.Clone(all), err)
	}
	return errors.Join(all...)
}

// locate has each fault name the settings it begins with as they were given.
func (s *settings) locate(k *kong.Context, err error) error {
	var out []error
	for _, e := range unjoin(err) {
		keys, rest, _ := strings.Cut(e.Error(), ":")
		if names := s.given(k, strings.Split(keys, ", ")); names != "" {
			e = named{names + ":" + rest, e}
		}
		out = append(out, e)
	}
	return errors.Join(out...)
}

// named is an error in other words.
type named struct {
	text string
	error
}

func (n named) Error() string { return n.text }
func (n named) Unwrap() error { return n.error }

// given names settings of the command as they were given; empty: one of them is none.
func (s *settings) given(k *kong.Context, keys []string) string {
	var names []string
	for _, key := range keys {
		flag := flagNamed(k.Selected(), strings.ReplaceAll(key, ".", "-"))
		if flag == nil {
			return ""
		}
		names = append(names, s.source(k, flag))
	}
	return strings.Join(names, ", ")
}

// source names a setting where it counts from: its flag, its variable, or the file's key with the line.
func (s *settings) source(k *kong.Context, flag *kong.Flag) string {
	name := "--" + flag.Name
	if slices.ContainsFunc(k.Path, func(p *kong.Path) bool { return p.Flag == flag && !p.Resolved }) {
		return name
	}
	for _, variable := range flag.Envs {
		if _, ok := s.env(variable); ok {
			return "$" + variable
		}
	}
	if e, ok := s.values[flag]; ok {
		return fmt.Sprintf("%s:%d: %s", s.path, e.line, e.key)
	}
	return name
}

// unjoin takes apart what errors.Join put together, joins of joins too.
func unjoin(err error) (list []error) {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, e := range many.Unwrap() {
		list = append(list, unjoin(e)...)
	}
	return list
}

// Validate implements kong.Resolver; the file was checked when it was read.
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver: the file's value for a flag, unless a variable gives one.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if v, ok := s.env(name); ok {
			return v, nil
		}
	}
	if e, ok := s.values[flag]; ok {
		return e.value, nil
	}
	return nil, nil
}

func commandNamed(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Type == kong.CommandNode && c.Name == name {
			return c
		}
	}
	return nil
}

func commandNames(n *kong.Node) []string {
	var names []string
	for _, c := range n.Children {
		if c.Type == kong.CommandNode {
			names = append(names, c.Name)
		}
	}
	return names
}

func flagNamed(n *kong.Node, name string) *kong.Flag {
	name = kebab(name)
	for _, f := range n.Flags {
		if f.Name == name && name != "help" {
			return f
		}
	}
	return nil
}

func hasGroup(n *kong.Node, name string) bool {
	return slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return strings.HasPrefix(f.Name, kebab(name)+"-") })
}

// kebab turns camelCase into camel-case.
func kebab(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// camel turns camel-case into camelCase.
func camel(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

// nearest suggests the known key that may have been meant.
func nearest(n *kong.Node, name string) string {
	var known []string
	for _, f := range n.Flags {
		known = append(known, camel(f.Name))
	}
	return near.DidYouMean(camel(kebab(name)), known)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
