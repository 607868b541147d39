package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// edgedOut runs a command line and returns what it prints and its exit code.
func edgedOut(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, func(string) (string, bool) { return "", false }, streams{&out, &errs})
	return out.String() + errs.String(), code
}

func TestAPIKeyCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "api-keys.json")
	pk, code := edgedOut(t, "keys", "api", "make", "--file", file, "--origins", "https://shop.example", "--note", "web")
	if code != 0 || !regexp.MustCompile(`^edged_pk_[\w-]{43}\n$`).MatchString(pk) {
		t.Fatalf("%d %q", code, pk)
	}
	sk, code := edgedOut(t, "keys", "api", "make", "--file", file, "--kind", "secret")
	if code != 0 || !strings.HasPrefix(sk, "edged_sk_") {
		t.Fatalf("%d %q", code, sk)
	}
	held, err := os.ReadFile(file)
	if err != nil || bytes.Contains(held, []byte(strings.TrimSpace(pk))) || bytes.Contains(held, []byte(strings.TrimSpace(sk))) {
		t.Errorf("the file holds a key, or can't be read: %v", err)
	}
	list, _ := edgedOut(t, "keys", "api", "list", "--file", file)
	ids := regexp.MustCompile(`(?m)^[0-9a-f]{8} `).FindAllString(list, -1)
	if len(ids) != 2 || !strings.Contains(list, "https://shop.example") {
		t.Fatalf("%s", list)
	}
	secret := filepath.Join(t.TempDir(), "secret.key")
	if err := os.WriteFile(secret, []byte(sk), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, code := edgedOut(t, "keys", "api", "assert", "--key-file", secret, "--user", "u-17"); code != 0 || !strings.HasPrefix(text, "v1.") {
		t.Errorf("%d %s", code, text)
	}
	if text, code := edgedOut(t, "keys", "api", "assert", "--key-file", secret, "--user", "u-17", "--for", "2h"); code != exitUsage {
		t.Errorf("for two hours: %d %s", code, text)
	}
	if text, code := edgedOut(t, "keys", "api", "revoke", "--file", file, "--id", strings.TrimSpace(ids[0])); code != 0 {
		t.Errorf("%d %s", code, text)
	}
	if text, code := edgedOut(t, "keys", "api", "revoke", "--file", file, "--id", strings.TrimSpace(ids[0])); code != exitFailed {
		t.Errorf("revoked twice: %d %s", code, text)
	}
	if text, code := edgedOut(t, "keys", "token"); code != 0 || len(text) != 45 {
		t.Errorf("%d %q", code, text)
	}
}
