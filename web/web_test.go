package web

import (
	"io/fs"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// files are the assets by name.
func files(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(Storefront(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(Storefront(), name)
		out[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEverythingIsEmbedded(t *testing.T) {
	all := files(t)
	for _, name := range []string{"index.html", "style.css", "shop.js", "edged.js", "icon.svg"} {
		if len(all[name]) < 100 {
			t.Errorf("%s: %d bytes embedded", name, len(all[name]))
		}
	}
	if string(Carousel) != all["edged.js"] {
		t.Error("Carousel is not edged.js")
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="/([^"#]+)"`).FindAllStringSubmatch(all["index.html"], -1) {
		if _, ok := all[m[1]]; !ok {
			t.Errorf("index.html wants /%s, which is not embedded", m[1])
		}
	}
}

func TestNothingComesFromElsewhere(t *testing.T) {
	address := regexp.MustCompile(`(?:https?:)?//[a-zA-Z0-9.-]+\.[a-z]{2,}[^\s"'<)]*`)
	for name, text := range files(t) {
		for _, u := range address.FindAllString(text, -1) {
			if strings.Contains(u, "www.w3.org/2000/svg") || strings.HasPrefix(u, "https://edge.example") {
				continue
			}
			t.Errorf("%s: address %s", name, u)
		}
	}
}

// A page under script-src 'self'; style-src 'self' loses inline scripts, handlers and styles silently.
func TestPagesWorkUnderAStrictPolicy(t *testing.T) {
	page := files(t)["index.html"]
	for what, re := range map[string]string{
		"an inline script":        `<script(?:\s[^>]*)?>[^<]`,
		"a script without src":    `<script(?:\s+type="module")?>`,
		"an inline style element": `<style`,
		"a style attribute":       `\sstyle\s*=`,
		"a handler attribute":     `\son[a-z]+\s*=`,
		"a javascript: address":   `javascript:`,
	} {
		if found := regexp.MustCompile(re).FindString(page); found != "" {
			t.Errorf("index.html has %s: %q", what, found)
		}
	}
}

// Titles are hostile input: they may only ever become text.
func TestScriptsNeverWriteHTML(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser|createContextualFragment|setHTML`)
	for name, text := range files(t) {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		if found := forbidden.FindString(text); found != "" {
			t.Errorf("%s uses %s", name, found)
		}
	}
}

// Every id the script looks for is on the page.
func TestPageHasWhatTheScriptAsksFor(t *testing.T) {
	all := files(t)
	for _, m := range regexp.MustCompile(`\$\('([a-z-]+)'\)`).FindAllStringSubmatch(all["shop.js"], -1) {
		if !strings.Contains(all["index.html"], `id="`+m[1]+`"`) {
			t.Errorf("shop.js asks for #%s, which index.html does not have", m[1])
		}
	}
}

// A slip in a script is a page without life. Only an engine can tell; where there is one, ask it.
func TestScriptsParse(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs node to parse scripts; nothing else does")
	}
	for _, name := range []string{"edged.js", "shop.js"} {
		cmd := exec.Command(node, "--input-type=module", "--check")
		cmd.Stdin = strings.NewReader(files(t)[name])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// Every address of the node is made in one place, which knows the key, and every caller hands it over.
func TestCarouselSendsItsKey(t *testing.T) {
	script := files(t)["edged.js"]
	if n := strings.Count(script, "new URL(path,"); n != 1 || strings.Contains(script, "new URL('/v1") {
		t.Errorf("addresses are made in %d places", n)
	}
	calls := regexp.MustCompile(`\b(?:address|sendEvents)\(.*\)`).FindAllString(script, -1)
	withKey := 0
	for _, call := range calls {
		if strings.Contains(call, "key") {
			withKey++
		}
	}
	if len(calls) != 5 || withKey != 5 { // two functions and three calls
		t.Errorf("%d of %d hand over the key: %q", withKey, len(calls), calls)
	}
}
