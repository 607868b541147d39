package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
