package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// invoke runs the command line in this process.
func invoke(t *testing.T, vars map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	for k, v := range vars {
		t.Setenv(k, v)
	}
	code = run(context.Background(), args, env, streams{&out, &errs})
	return code, out.String(), errs.String()
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "edged.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestConfigReportsEverythingAtOnce(t *testing.T) {
	name := configFile(t, `train:
  factros: 64
  sweeps: many
  seed: 1
  seed: 2
serve:
  gossip:
    lisen: 127.0.0.1:1
  poll: 3 bananas
  listen: [1, 2]
bench:
  load: [1, 2]
sevre: {}
`)
	code, _, stderr := invoke(t, nil, "train", "--config", name, "--data", "d", "--out", "o", "--factors", "12")
	if code != exitUsage {
		t.Errorf("exit %d, want %d", code, exitUsage)
	}
	for _, want := range []string{
		":2: train.factros: unknown key; did you mean factors?",
		":3: train.sweeps: ",
		":5: train.seed: said twice",
		":8: serve.gossip.lisen: unknown key; did you mean gossipListen?",
		":9: serve.poll: ",
		":10: serve.listen: want one plain value",
		":12: bench.load: want a map of settings",
		":13: sevre: unknown section; known: ",
		"--factors: 12, want a multiple of 8",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in:\n%s", want, stderr)
		}
	}
}

// Two words on one setting, however they are spelled, and nothing where a value is wanted.
func TestConfigContradictions(t *testing.T) {
	name := configFile(t, `serve:
  gossip: {listen: 127.0.0.1:1}
  gossipListen: 127.0.0.1:2
  name: ~
  dir:
  token:
    keyFile: null
  tokenKeyFile: k
train:
  eventWeights: {view: ~}
---
train: {factors: 12}
`)
	_, _, stderr := invoke(t, nil, "version", "--config", name)
	for _, want := range []string{
		":3: serve.gossipListen: line 2 says it, too",
		":4: serve.name: want a value; without the key the default counts",
		":5: serve.dir: want a value",
		":7: serve.token.keyFile: want a value",
		":10: train.eventWeights: want a map of plain values",
		":11: another document begins here, want one",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in:\n%s", want, stderr)
		}
	}
	if n := strings.Count(stderr, name); n != 6 {
		t.Errorf("%d faults, want 6:\n%s", n, stderr)
	}
}

// An alias is what its anchor says, and a slip in it is told where the alias stands.
func TestConfigAliases(t *testing.T) {
	name := configFile(t, `publish: {origin: &o /srv/origin}
train: &t
  factors: &f 9
  eventWeights: &w {view: 1, buy: &b 2.5}
eval: {eventWeights: *w}
serve:
  origin: *o
  gossip: {seeds: [*o, 10.0.0.1:1]}
bench:
  load: {rate: *f, pairs: *o}
`)
	_, _, stderr := invoke(t, nil, "train", "--data", "d", "--out", "o", "--config", name)
	if !strings.Contains(stderr, ":10: bench.load.pairs: ") || !strings.Contains(stderr, ":3: train.factors: 9,") || strings.Count(stderr, name) != 2 {
		t.Errorf("%s", stderr)
	}
	for _, itself := range []string{"serve: &s {gossip: *s, listen: *s}", "&all {bench: &b {load: *b}, train: *all}", "train: &t [*t]", "serve: {gossip: &g {seeds: &l [*l]}}", "? [&k x]\n: *k"} {
		code, _, stderr := invoke(t, nil, "version", "--config", configFile(t, itself))
		if code != exitUsage || stderr == "" {
			t.Errorf("%s: exit %d, %q", itself, code, stderr)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"serve:\n  gossip: {listen: 127.0.0.1:1}\n  gossipListen: 127.0.0.1:2\n", "train: &t {factors: &f 8, sweeps: *f}\neval: *t\n---\nx", "serve: &s {gossip: *s}",
		"train: {eventWeights: {view: ~, ? [1] : 2}}", "? &k a\n: *k", "bench: {load: {<<: *x}}", "- 1\n", "",
	} {
		f.Add([]byte(text))
	}
	parser, err := kong.New(new(cli), kong.PostBuild(nameVariables))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := &settings{path: "f", values: map[*kong.Flag]entry{}}
		if err := s.read(parser.Model, text); err != nil {
			return
		}
		for flag, e := range s.values {
			if said, ok := e.value.(string); !ok || e.line < 1 {
				t.Errorf("%s: %v of line %d (%v)", flag.Name, e.value, e.line, said)
			}
		}
	})
}

// TestConfigPrecedence wants flag over variable over file over default.
func TestConfigPrecedence(t *testing.T) {
	name := configFile(t, "train:\n  factors: 9\n  eventWeights: {view: 1, buy: 2.5}\n")
	fault := func(vars map[string]string, args ...string) string {
		_, _, stderr := invoke(t, vars, append([]string{"train", "--data", "d", "--out", "o"}, args...)...)
		return stderr
	}
	for _, c := range []struct {
		vars map[string]string
		args []string
		want string
	}{
		{nil, []string{"--config", name}, name + ":2: train.factors: 9,"},
		{map[string]string{"EDGED_CONFIG": name}, nil, name + ":2: train.factors: 9,"},
		{map[string]string{"EDGED_TRAIN_FACTORS": "10"}, []string{"--config", name}, "edged: $EDGED_TRAIN_FACTORS: 10,"},
		{map[string]string{"EDGED_TRAIN_FACTORS": "10"}, []string{"--config=" + name, "--factors", "11"}, "edged: --factors: 11,"},
		{nil, []string{"--config", name, "--sweeps", "0"}, "--sweeps: 0,"},
	} {
		if got := fault(c.vars, c.args...); !strings.Contains(got, c.want) {
			t.Errorf("%v %v: no %q in %q", c.vars, c.args, c.want, got)
		}
	}
}

func TestConfigMissingOrHuge(t *testing.T) {
	big, want := configFile(t, "# "+strings.Repeat("x", maxConfig)), "at most 1048576"
	wants := map[string]string{"absent.yaml": "no such file", big: want}
	if _, err := os.Stat("/dev/zero"); err == nil { // without an end
		wants["/dev/zero"] = want
	}
	for name, want := range wants {
		code, _, stderr := invoke(t, nil, "version", "--config", name)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q; want %d, %q", name, code, stderr, exitUsage, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"version"}, exitDone},
		{[]string{"--help"}, exitDone},
		{[]string{"train", "--help"}, exitDone},
		{nil, exitUsage},
		{[]string{"frobnicate"}, exitUsage},
		{[]string{"train"}, exitUsage},
		{[]string{"eval", "--data", "d", "--split-time", "soon"}, exitUsage},
		{[]string{"eval", "--data", "d", "--split-time", "2010-09-01", "--shrink", "0"}, exitUsage},
		{[]string{"eval", "--data", "d", "--split-time", "2010-09-01", "--k", "0"}, exitUsage},
		{[]string{"publish", "--origin", "o", "--keys", "k"}, exitUsage},
		{[]string{"bench", "release", "--items", "i", "--queries", "q", "--train", "t", "--out", "o", "--recall", "0"}, exitUsage},
		{[]string{"bench", "release", "--items", "i", "--queries", "q", "--train", "t", "--out", "o", "--seed", "0"}, exitUsage},
		{[]string{"train", "--data", filepath.Join(t.TempDir(), "absent"), "--out", "o"}, exitFailed},
	} {
		if code, _, stderr := invoke(t, nil, c.args...); code != c.code {
			t.Errorf("edged %s: exit %d, want %d\n%s", strings.Join(c.args, " "), code, c.code, stderr)
		}
	}
}

// TestHelpShowsAnExample wants a working example in every command's help.
func TestHelpShowsAnExample(t *testing.T) {
	for _, command := range []string{
		"demo", "import events", "import items", "train", "eval", "keys init", "publish", "serve", "inspect", "bench load", "version",
	} {
		code, stdout, _ := invoke(t, nil, append(strings.Fields(command), "--help")...)
		if code != exitDone || !strings.Contains(stdout, "edged "+command) || !strings.Contains(stdout, "Example") {
			t.Errorf("%s --help: exit %d, no example:\n%s", command, code, stdout)
		}
	}
}

// TestHelpNamesWhatACommandDoes: what hides behind a command's name is said where commands are listed.
func TestHelpNamesWhatACommandDoes(t *testing.T) {
	_, stdout, _ := invoke(t, nil, "--help")
	said := strings.Join(strings.Fields(stdout), " ")
	for _, want := range []string{"by time, session, history or file", "load on a server, search, a release of embeddings, a node's ratio"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
}
