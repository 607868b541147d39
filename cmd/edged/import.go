package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/edged/edged/data"
	"github.com/edged/edged/internal/vfs"
)

type importCmd struct {
	Events importEventsCmd `cmd:"" help:"Events, and the items their rows speak of where the mapping says so."`
	Items  importItemsCmd  `cmd:"" help:"Items: a catalogue."`
}

// importFlags are the same for every kind.
type importFlags struct {
	Mapping string   `help:"Mapping file (YAML): which column is what. Without one, fields are named as edged's own are." placeholder:"FILE" type:"path"`
	Data    string   `help:"Data directory, created if absent." placeholder:"DIR" required:"" type:"path"`
	MaxBad  float64  `help:"Share of broken rows above which nothing is imported." default:"0.05"`
	JSON    string   `help:"Write the report as JSON to this file, - for standard output." placeholder:"FILE" name:"json"`
	Files   []string `arg:"" help:"CSV or JSONL, plain or gzip; or event logs of nodes (files or directories)." name:"file" type:"path"`
}

func (f *importFlags) check() error {
	if !(f.MaxBad >= 0 && f.MaxBad <= 1) {
		return fmt.Errorf("maxBad: %v, want 0 to 1", f.MaxBad)
	}
	return nil
}

type importEventsCmd struct {
	importFlags
	Forget string `help:"Take no event of the users and sessions that this file names, one a line." placeholder:"FILE" type:"path"`
}

func (importEventsCmd) Help() string {
	return "Example:\n\n  edged import events --mapping examples/online-retail/mapping.yaml --data shop online-retail.csv.gz\n\n  edged import events --forget erased.txt --data new shop/events   # a data directory without some"
}

func (c *importEventsCmd) Run(ctx context.Context, std streams) error {
	forget, err := c.forget()
	if err != nil {
		return usageError{err}
	}
	return c.run(ctx, std, data.Events, forget)
}

// maxForget bounds the file of those who are forgotten.
const maxForget = 256 << 20

// forget reads who is not to come into the data.
func (c *importEventsCmd) forget() (map[string]bool, error) {
	if c.Forget == "" {
		return nil, nil
	}
	text, err := vfs.ReadFile(vfs.OS, c.Forget, maxForget)
	if err != nil {
		return nil, fmt.Errorf("forget: %w", err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if id := strings.TrimRight(line, "\r\n"); id != "" {
			ids[id] = true
		}
	}
	return ids, nil
}

type importItemsCmd struct{ importFlags }

func (importItemsCmd) Help() string {
	return "Example:\n\n  edged import items --mapping mapping.yaml --data shop catalogue.jsonl"
}

func (c *importItemsCmd) Run(ctx context.Context, std streams) error {
	return c.run(ctx, std, data.Items, nil)
}

func (f *importFlags) run(ctx context.Context, std streams, kind string, forget map[string]bool) (err error) {
	mapping, err := f.mapping()
	if err != nil {
		return usageError{err}
	}
	dir, err := data.CreateDir(vfs.OS, f.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	p := newProgress(std.err)
	report, err := data.Import(ctx, dir, mapping, f.Files, data.ImportOptions{
		Kind: kind, MaxBad: f.maxBad(), Forget: forget, Progress: func(r data.Report) { p.update("import", rowCount(r)) },
	})
	p.done()
	if err != nil && report.Rows == 0 {
		return err
	}
	if err != nil {
		report.Rows, report.Events, report.Items, report.Duplicates = report.Dropped, 0, 0, 0 // of the rest nothing was kept
	}
	return errors.Join(err, f.show(std.out, report))
}

func (f *importFlags) mapping() (*data.Mapping, error) {
	if f.Mapping == "" {
		return nil, nil
	}
	return data.LoadMapping(vfs.OS, f.Mapping)
}

// maxBad says 0, which means none, in Import's way, where 0 asks for the default.
func (f *importFlags) maxBad() float64 {
	if f.MaxBad == 0 {
		return -1
	}
	return f.MaxBad
}

func rowCount(r data.Report) string { return fmt.Sprintf("%d rows", r.Rows) }

func (f *importFlags) show(out io.Writer, r data.Report) error {
	if f.JSON == "-" {
		return encodeJSON(out, r)
	}
	if err := writeReport(out, r); err != nil {
		return err
	}
	return writeJSONValue(f.JSON, r)
}

// writeReport accounts for every row, with an example or two of what was dropped.
func writeReport(out io.Writer, r data.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "rows\t%d\n  events\t%d\n  duplicates\t%d\n  dropped\t%d\nitems\t%d\n", r.Rows, r.Events, r.Duplicates, r.Dropped, r.Items)
	for _, reason := range r.Reasons {
		fmt.Fprintf(w, "%s: %s\t%d\n", reason.Class, reason.Name, reason.Count)
		for _, e := range reason.Examples {
			fmt.Fprintf(w, "    %s:%d\t%s\n", e.File, e.Line, strings.TrimSpace(e.Text+"  "+e.Error))
		}
	}
	return w.Flush()
}
