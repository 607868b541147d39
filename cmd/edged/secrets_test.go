package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edged/edged/profile"
)

func TestTokenKeysAreTheOwnersAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "token.keys")
	if err := os.WriteFile(name, []byte("# ours\n"+profile.NewTokenKey()), 0o644); err != nil { // as >> left it, and without its last newline
		t.Fatal(err)
	}
	c, warned := &serveCmd{Token: tokenFlags{KeyFile: name}}, func(c *serveCmd) string {
		var b bytes.Buffer
		c.warnOfSecrets(slog.New(slog.NewTextHandler(&b, nil)))
		return b.String()
	}
	if got := warned(c); !strings.Contains(got, "--token-key-file") || !strings.Contains(got, name) {
		t.Errorf("a secret that anybody reads is not told of: %q", got)
	}
	for want := 2; want < 4; want++ {
		if err := (&keysTokenCmd{File: name}).Run(streams{}); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := profile.ParseTokenKeys(file); err != nil || len(keys) != want {
			t.Errorf("%d keys, %v; want %d", len(keys), err, want)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if got := warned(c) + warned(&serveCmd{}); got != "" {
		t.Errorf("told of: %s", got)
	}
}

// A node that is told where to gossip, and no key, says that it does not.
func TestSilenceIsToldOf(t *testing.T) {
	for g, warns := range map[*gossipFlags]bool{
		{Listen: "127.0.0.1:7946"}: false, {Listen: "off"}: false, {Listen: "127.0.0.1:7950"}: true, {Listen: "127.0.0.1:7950", KeyFile: "k"}: false,
	} {
		var b bytes.Buffer
		(&serveCmd{Gossip: *g}).warnOfSilence(slog.New(slog.NewTextHandler(&b, nil)))
		if strings.Contains(b.String(), "--gossip-key-file") != warns {
			t.Errorf("%+v: %q", g, b.String())
		}
	}
}

// TestSettingsOfNone: 0 visitors are none to count from, and no gossip is said by off.
func TestSettingsOfNone(t *testing.T) {
	serve := func(args ...string) string {
		_, _, stderr := invoke(t, nil, append([]string{"serve", "--dir", t.TempDir(), "--listen", "nowhere"}, args...)...)
		return stderr
	}
	for _, c := range []struct {
		args []string
		want string
		not  string
	}{
		{[]string{"--trend-visitors", "0"}, "--trend-visitors: 0, want 1 to 64", ""},
		{[]string{"--trend-visitors", "65"}, "--trend-visitors: 65, want 1 to 64", ""},
		{nil, `--listen: "nowhere"`, "trend"},
		{[]string{"--gossip-listen", "off", "--gossip-seeds", "127.0.0.1:1"}, `--listen: "nowhere"`, "gossip"},
		{[]string{"--gossip-listen", "of"}, `--gossip-listen: "of", want host:port`, ""},
	} {
		if got := serve(c.args...); !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%v: %q", c.args, got)
		}
	}
}
