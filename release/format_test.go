package release

import (
	"os"
	"strings"
	"testing"
)

// TestFormatExamples: the examples of FORMAT.md that are complete are what the code writes.
func TestFormatExamples(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	key := testKey(1)
	root, err := rootOf(1, 1, key).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.ReplaceAll(doc, "\n ", ""), string(root)) {
		t.Errorf("a root is written as\n%s", root)
	}
	if !strings.Contains(doc, `"keyid":"`+key.ID()+`"`) {
		t.Errorf("the key's id is %s", key.ID())
	}
	rollout, err := testRollout().Encode()
	if err != nil {
		t.Fatal(err)
	}
	compact := strings.ReplaceAll(doc, "\n ", "")
	if want := strings.Replace(string(rollout), testRollout().Release.Manifest.String(), "sha256:…", 1); !strings.Contains(compact, want) {
		t.Errorf("a rollout is written as\n%s", want)
	}
	installed := `{"type":"edged.installed/1","components":["model","catalogue","rules"]}`
	if names, err := parseInstalled([]byte(installed)); err != nil || len(names) != 3 || !strings.Contains(doc, installed) {
		t.Errorf("install record: %v, %v", names, err)
	}
}
