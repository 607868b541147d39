package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/model"
	"github.com/edged/edged/rules"
	"github.com/edged/edged/train"
)

type rulesCmd struct {
	Check rulesCheckCmd `cmd:"" help:"Say what is wrong with a document of rules, with the line."`
}

func (rulesCmd) Help() string { return "Example:\n\n  edged rules check rules.yaml --release release" }

type rulesCheckCmd struct {
	File    string `arg:"" help:"Document of rules, YAML or JSON (docs/rules.md)." type:"path"`
	Release string `help:"Release directory: also say what its catalogue has nothing of." placeholder:"DIR" type:"path"`
}

func (rulesCheckCmd) Help() string {
	return `Fails where a node would refuse the document. What a catalogue has nothing of is a warning: rules outlive items.

Example:

  edged rules check rules.yaml --release release`
}

func (c *rulesCheckCmd) Run(_ context.Context, std streams) error {
	document, err := vfs.ReadFile(vfs.OS, c.File, rules.MaxDocument)
	if err != nil {
		return err
	}
	faults, err := c.faults(document)
	if err != nil {
		return err
	}
	for _, f := range faults {
		kind := "error"
		if f.Warning {
			kind = "warning"
		}
		fmt.Fprintf(std.out, "%s: %s: %v\n", c.File, kind, f)
	}
	if rules.Failed(faults) {
		return errors.New("rules: the document does not load")
	}
	return nil
}

func (c *rulesCheckCmd) faults(document []byte) ([]rules.Fault, error) {
	if c.Release == "" {
		return rules.Check(document), nil
	}
	m, err := model.OpenFiles(vfs.OS, filepath.Join(c.Release, train.ModelFile), filepath.Join(c.Release, train.CatalogueFile))
	if err != nil {
		return nil, err
	}
	_, faults := rules.Compile(document, m)
	return faults, nil
}
