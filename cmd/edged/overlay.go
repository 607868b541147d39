package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/edged/edged/client"
	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/overlay"
)

type overlayCmd struct {
	Set    overlaySetCmd    `cmd:"" help:"Say what is different from the release, on all nodes, within about a second."`
	Remove overlayRemoveCmd `cmd:"" help:"Go back to what the release says of items."`
	List   overlayListCmd   `cmd:"" help:"Show what is different from the release."`
	Export overlayExportCmd `cmd:"" help:"Write it to a file, for a release to be made with it."`
}

// nodeFlags say which node is spoken to.
type nodeFlags struct {
	Node string `help:"Admin address of a node; any one of a cluster." default:"http://127.0.0.1:8081" placeholder:"URL"`

	accessFlags `embed:""`
}

func (f *nodeFlags) admin() (*client.Admin, error) { return f.adminWithin(10 * time.Second) }

func (f *nodeFlags) adminWithin(timeout time.Duration) (*client.Admin, error) {
	return f.at(f.Node, timeout)
}

// accessFlags say how an admin listener is spoken to.
type accessFlags struct {
	KeyFile string `help:"File with the admin listener's bearer key." placeholder:"FILE" type:"path"`
	CA      string `help:"Certificates to trust (PEM) beside the machine's: a self-signed admin listener's own." placeholder:"FILE" type:"path" name:"ca"`
}

func (f *accessFlags) at(url string, timeout time.Duration) (*client.Admin, error) {
	cfg := client.Config{URL: url, Timeout: timeout}
	if f.KeyFile != "" {
		key, err := readSecret(f.KeyFile)
		if err != nil {
			return nil, err
		}
		cfg.Key = strings.TrimSpace(key)
	}
	if f.CA != "" {
		trusted, err := readCertificates(f.CA)
		if err != nil {
			return nil, err
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS13}
		cfg.HTTP = &http.Client{Transport: transport}
	}
	return client.NewAdmin(cfg)
}

// readCertificates reads certificates that are trusted beside the machine's.
func readCertificates(name string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca: %s: no certificate in PEM", name)
	}
	return pool, nil
}

type overlaySetCmd struct {
	nodeFlags `embed:""`

	ID        string        `help:"The item." placeholder:"ID"`
	Available string        `help:"Whether it may be recommended: yes or no." enum:"yes,no," default:"" placeholder:"yes|no"`
	Price     *float64      `help:"Its price, in its own currency." placeholder:"PRICE"`
	Boost     *float64      `help:"What its scores are multiplied by, 0.01 to 100." placeholder:"FACTOR"`
	Item      string        `help:"A new item: a JSON object with title, categories, brand …, whose words give it its vector." placeholder:"JSON"`
	TTL       time.Duration `help:"How long it counts; 0: until a release has it, 30 days at most." default:"0s"`
	Time      time.Time     `help:"When it was so: the newest stays, whatever arrives last; default: now." placeholder:"RFC3339"`

	File string `help:"Instead: a file of entries as POST /v1/admin/overlay takes them, a JSON object a line; - for standard input." placeholder:"FILE"`
}

func (overlaySetCmd) Help() string {
	return `The node has it on disk when the command ends.

Examples:

  edged overlay set --id 85123A --available no

  edged overlay set --id 85123A --price 10.95 --boost 1.5 --ttl 48h

  edged overlay set --id N-1 --item '{"title":"Red kitchen clock","categories":["home/kitchen"],"price":12.5,"currency":"GBP"}'

  echo '{"id":"85123A","available":false,"ttl":"24h"}' | edged overlay set --file -`
}

func (c *overlaySetCmd) check() error {
	says := c.Available != "" || c.Price != nil || c.Boost != nil || c.Item != ""
	single := c.ID != "" || says || c.TTL != 0 || !c.Time.IsZero()
	switch {
	case (c.File == "") == (c.ID == ""):
		return errors.New("id, file: want one of them")
	case c.File != "" && single:
		return errors.New("file: its entries say all there is to say")
	case c.File == "" && !says:
		return errors.New("available, price, boost, item: missing: nothing is said of the item")
	case c.Item != "" && !json.Valid([]byte(c.Item)):
		return errors.New("item: not JSON")
	}
	return nil
}

func (c *overlaySetCmd) Run(ctx context.Context, std streams) error {
	if c.File != "" {
		return c.sendFile(ctx, std)
	}
	change := client.Change{ID: c.ID, TTL: c.TTL, Time: c.Time, Price: c.Price, Boost: c.Boost}
	if c.Item != "" {
		change.Item = json.RawMessage(c.Item)
	}
	if c.Available != "" {
		is := c.Available == "yes"
		change.Available = &is
	}
	return c.send(ctx, std, change)
}

// send makes one change and says what became of it.
func (f *nodeFlags) send(ctx context.Context, std streams, change client.Change) error {
	admin, err := f.admin()
	if err != nil {
		return err
	}
	w, err := admin.Change(ctx, change)
	if err != nil {
		return err
	}
	return tellWritten(std, *w)
}

func tellWritten(std streams, w client.Written) error {
	_, err := fmt.Fprintf(std.out, "written %d, older than what is held %d\n", w.Written, w.Older)
	return err
}

// sendFile sends the lines of a file, many at a time.
func (c *overlaySetCmd) sendFile(ctx context.Context, std streams) error {
	admin, err := c.admin()
	if err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	var sum client.Written
	err = eachBatch(in, func(batch []json.RawMessage) error {
		w, err := admin.ChangeJSON(ctx, batch)
		if err == nil {
			sum.Written, sum.Older = sum.Written+w.Written, sum.Older+w.Older
		}
		return err
	})
	return errors.Join(tellWritten(std, sum), err)
}

const (
	maxEntryLine  = 64 << 10
	overlayBatch  = 200 // entries of one request
	maxBatchBytes = 512 << 10
)

// eachBatch reads lines of JSON.
func eachBatch(in io.Reader, send func([]json.RawMessage) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxEntryLine)
	var batch []json.RawMessage
	size, line := 0, 0
	for lines.Scan() {
		line++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if !json.Valid(text) {
			return fmt.Errorf("line %d: not JSON", line)
		}
		batch, size = append(batch, bytes.Clone(text)), size+len(text)
		if len(batch) < min(overlayBatch, overlay.MaxChanges) && size < maxBatchBytes {
			continue
		}
		if err := send(batch); err != nil {
			return fmt.Errorf("up to line %d: %w", line, err)
		}
		batch, size = nil, 0
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", line+1, err)
	}
	if len(batch) == 0 {
		return nil
	}
	return send(batch)
}

type overlayRemoveCmd struct {
	nodeFlags `embed:""`

	ID    string   `help:"The item." placeholder:"ID" required:""`
	Field []string `help:"Only these fields: available, price, boost, item." enum:"available,price,boost,item" placeholder:"FIELD,…"`
}

func (overlayRemoveCmd) Help() string {
	return `Examples:

  edged overlay remove --id 85123A

  edged overlay remove --id 85123A --field available`
}

func (c *overlayRemoveCmd) Run(ctx context.Context, std streams) error {
	return c.send(ctx, std, client.Change{ID: c.ID, Take: c.Field, Remove: len(c.Field) == 0})
}

type overlayListCmd struct {
	nodeFlags `embed:""`

	JSON bool `help:"As JSON." name:"json"`
}

func (overlayListCmd) Help() string {
	return `Nodes that hold the same show the same version.

Example:

  edged overlay list`
}

func (c *overlayListCmd) Run(ctx context.Context, std streams) error {
	admin, err := c.admin()
	if err != nil {
		return err
	}
	var all *client.Overlay
	for after := ""; all == nil || after != ""; {
		page, err := admin.Overlay(ctx, after, 0)
		if err != nil {
			return err
		}
		if all == nil {
			all = page
		} else {
			all.List = append(all.List, page.List...)
		}
		after = page.Next
	}
	all.Next = ""
	if c.JSON {
		return encodeJSON(std.out, all)
	}
	return writeOverlay(std.out, all)
}

func writeOverlay(out io.Writer, o *client.Overlay) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "version %s, %d of %d entries\n", o.Version, o.Entries, o.Limit)
	if len(o.List) > 0 {
		fmt.Fprintln(t, "ID\tFIELD\tVALUE\tEFFECT\tWRITTEN\tBY\tUNTIL")
	}
	for i := range o.List {
		e := &o.List[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", oneLine(e.ID), e.Field, cell(e.Value()), e.Effect, e.Written.Format(time.RFC3339), cmp.Or(e.By, "-"), e.Until.Format(time.RFC3339))
	}
	return t.Flush()
}

// shownCell is how many letters of a value a table shows.
const shownCell = 60

// cell is a text on one line of a table, cut where it is long.
func cell(text string) string {
	var line bytes.Buffer
	if json.Compact(&line, []byte(text)) == nil {
		text = line.String()
	}
	text = oneLine(text)
	if letters := []rune(text); len(letters) > shownCell {
		return string(letters[:shownCell-1]) + "…"
	}
	return text
}

func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

type overlayExportCmd struct {
	nodeFlags `embed:""`

	Out string `help:"File." placeholder:"FILE" required:"" type:"path"`
}

func (overlayExportCmd) Help() string {
	return `What entries with a --ttl say, and boosts, goes on being said by the overlay; all else stands in the release made with the file.

Example:

  edged overlay export --out overlay.bin
  edged train --data shop --overlay overlay.bin --out release`
}

func (c *overlayExportCmd) Run(ctx context.Context, std streams) error {
	admin, err := c.admin()
	if err != nil {
		return err
	}
	file, err := admin.OverlayFile(ctx)
	if err != nil {
		return err
	}
	entries, err := overlay.DecodeFile(file)
	if err != nil {
		return err
	}
	if err := vfs.WriteFile(vfs.OS, c.Out, file); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%d entries\n", len(entries))
	return err
}
