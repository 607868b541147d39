package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edged/edged/access"
	"github.com/edged/edged/internal/vfs"
)

type keysAPICmd struct {
	Make   keysMakeCmd   `cmd:"" help:"Make a key: the file gets its hash, you get to see it once."`
	List   keysListCmd   `cmd:"" help:"Show the keys of a file."`
	Revoke keysRevokeCmd `cmd:"" help:"Take a key out of a file."`
	Assert keysAssertCmd `cmd:"" help:"Print an assertion: whoever has it may act for one user for a while."`
}

type keysMakeCmd struct {
	File    string   `help:"Key file, made if absent; each node gets it as --api-keys." placeholder:"FILE" required:"" type:"path"`
	Kind    string   `help:"publishable: may be in a page, acts for the visitor alone. secret: stays on servers, acts for anyone." enum:"publishable,secret" default:"publishable"`
	Origins []string `help:"Pages that may use a publishable key; none: any." placeholder:"ORIGIN,…"`
	Note    string   `help:"What it is for."`
}

func (keysMakeCmd) Help() string {
	return `Examples:

  edged keys api make --file api-keys.json --origins https://shop.example --note web
  edged keys api make --file api-keys.json --kind secret --note backend`
}

func (c keysMakeCmd) Run(std streams) error {
	keys, err := readAPIKeys(c.File)
	if errors.Is(err, fs.ErrNotExist) {
		keys, err = &access.Keys{}, nil
	}
	if err != nil {
		return err
	}
	text, key, err := access.New(c.Kind, c.Origins, c.Note, time.Now())
	if err != nil {
		return err
	}
	if err := writeAPIKeys(c.File, keys.With(key)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, text)
	return err
}

type keysListCmd struct {
	File string `help:"Key file." placeholder:"FILE" required:"" type:"path"`
}

func (keysListCmd) Help() string { return "Example:\n\n  edged keys api list --file api-keys.json" }

func (c keysListCmd) Run(std streams) error {
	keys, err := readAPIKeys(c.File)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tCREATED\tORIGINS\tNOTE")
	for _, k := range keys.List() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%q\n", k.ID, k.Kind, k.Created.Format(time.RFC3339), strings.Join(k.Origins, ","), k.Note)
	}
	return w.Flush()
}

type keysRevokeCmd struct {
	File string `help:"Key file." placeholder:"FILE" required:"" type:"path"`
	ID   string `help:"Id of the key, as list shows it." placeholder:"ID" required:""`
}

func (keysRevokeCmd) Help() string {
	return "Example:\n\n  edged keys api revoke --file api-keys.json --id 3fa9c2d1\n\nNodes that read the file stop taking the key within a second."
}

func (c keysRevokeCmd) Run() error {
	keys, err := readAPIKeys(c.File)
	if err != nil {
		return err
	}
	left, ok := keys.Without(c.ID)
	if !ok {
		return fmt.Errorf("%s: no key has the id %q", c.File, c.ID)
	}
	return writeAPIKeys(c.File, left)
}

type keysAssertCmd struct {
	KeyFile string        `help:"File with the secret key itself, - for standard input." placeholder:"FILE" required:""`
	User    string        `help:"Whom the assertion is for." placeholder:"ID" required:""`
	For     time.Duration `help:"How long it is good, at most an hour." default:"10m"`
}

func (keysAssertCmd) Help() string {
	return "Example:\n\n  edged keys api assert --key-file secret.key --user u-17"
}

func (c *keysAssertCmd) check() error {
	if c.For <= 0 || c.For > access.MaxAssertion {
		return fmt.Errorf("for: %v, want at most %v", c.For, access.MaxAssertion)
	}
	return nil
}

func (c keysAssertCmd) Run(std streams) error {
	secret, err := readSecret(c.KeyFile)
	if err != nil {
		return err
	}
	text, err := access.Assert(strings.TrimSpace(secret), c.User, time.Now().Add(c.For))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, text)
	return err
}

// maxSecret bounds a file that holds one key.
const maxSecret = 4 << 10

func readSecret(name string) (string, error) {
	if name == "-" {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, maxSecret))
		return string(b), err
	}
	b, err := vfs.ReadFile(vfs.OS, name, maxSecret)
	return string(b), err
}

func readAPIKeys(name string) (*access.Keys, error) {
	b, err := vfs.ReadFile(vfs.OS, name, access.MaxFile)
	if err != nil {
		return nil, err
	}
	keys, err := access.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return keys, nil
}

func writeAPIKeys(name string, keys *access.Keys) error {
	b, err := keys.File()
	if err != nil {
		return err
	}
	return vfs.WriteFile(vfs.OS, name, b)
}
