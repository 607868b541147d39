package edged_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/edged/edged"

// layers lists the packages from the top down. A package may import packages of lower layers only: never one above it,
// never one beside it. The reason is printed when a test import breaks the rule.
var layers = []struct {
	packages []string
	reason   string
}{
	{[]string{"cmd/edged", "bench/implicit"}, "flags, the configuration file and exit codes; nobody imports a command"},
	{[]string{"client"}, "programs of others import it: it speaks the API and imports nothing of ours"},
	{[]string{"demo", "bench"}, "they drive the whole from outside, as a user would"},
	{[]string{"edge"}, "one node assembled: the only place where use cases of a node meet"},
	{[]string{"serve", "node", "publish", "train", "inspect", "demo/sim"}, "use cases speak through interfaces of their own, so that each can be tested and replaced alone"},
	{[]string{"compare"}, "what two releases have in common: publishers, nodes and people ask the same"},
	{[]string{"rank"}, "the one scorer: everything that shows or measures an answer calls it"},
	{[]string{"model"}, "what a release means: the only place where vectors meet files"},
	{[]string{"index", "snapshot", "release", "cluster", "exchange", "origin", "trend", "profile", "access", "rules", "words", "overlay", "events", "learn", "eval"}, "mechanisms are useful alone and know nothing of each other"},
	{[]string{"quant", "data", "internal/kmeans"}, "codecs of vectors, events and items, and what vectors gather around"},
	{[]string{"internal/kernel", "internal/float", "internal/vfs", "internal/parallel", "internal/calm"}, "the machine"},
	{[]string{"internal/near"}, "words alone: whoever reads names may ask it"},
	{[]string{"."}, "the words of the domain import nothing of ours"},
}

// testOnly packages may be imported by any _test.go file and by nothing else.
var testOnly = []string{"internal/testkit", "origin/origintest", "cluster/clustertest"}

// assets hold embedded files only; any package above rank may import them.
var assets = []string{"web"}

func TestImportsPointDown(t *testing.T) {
	level := map[string]int{}
	for i, l := range layers {
		for _, p := range l.packages {
			level[p] = i
		}
	}
	checked := 0
	for _, file := range goFiles(t) {
		pkg := filepath.ToSlash(filepath.Dir(file))
		isTest := strings.HasSuffix(file, "_test.go") || slices.Contains(testOnly, pkg)
		from, known := level[pkg]
		if !known && !isTest && !slices.Contains(assets, pkg) {
			t.Errorf("%s: package %q is in no layer: add it to layers in arch_test.go", file, pkg)
			continue
		}
		for _, imp := range projectImports(t, file) {
			checked++
			if imp == pkg || isTest {
				continue
			}
			if err := allowed(level, pkg, from, imp); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if checked < 20 {
		t.Fatalf("looked at %d imports only: is the test reading the tree?", checked)
	}
}

func allowed(level map[string]int, pkg string, from int, imp string) error {
	if slices.Contains(testOnly, imp) {
		return fmt.Errorf("imports %s, which is for tests", imp)
	}
	if slices.Contains(assets, imp) {
		return nil
	}
	to, ok := level[imp]
	switch {
	case !ok:
		return fmt.Errorf("imports %s, which is in no layer", imp)
	case to < from:
		return fmt.Errorf("imports %s, a layer above it: %s", imp, layers[to].reason)
	case to == from:
		return fmt.Errorf("imports its neighbour %s: %s", imp, layers[to].reason)
	}
	return nil
}

// TestEveryPackageIsDocumented wants one package comment that touches its package clause, where go doc finds it.
func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		pkg := filepath.ToSlash(filepath.Dir(file))
		documented[pkg] = documented[pkg] || (f.Doc != nil && len(f.Doc.Text()) > 40)
	}
	if len(documented) < 10 {
		t.Fatalf("found %d packages only", len(documented))
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

// goFiles lists the module's Go files, those of nested modules and of test data left out. Parsing in process, not by
// "go list", lets the test cache see every file read.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// projectImports lists what a file imports of this module, relative to its root.
func projectImports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if path == module {
			imports = append(imports, ".")
		} else if rest, ok := strings.CutPrefix(path, module+"/"); ok {
			imports = append(imports, rest)
		}
	}
	return imports
}
