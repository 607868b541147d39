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
