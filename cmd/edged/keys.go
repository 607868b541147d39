package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/release"
)

type keysCmd struct {
	Init      keysInitCmd      `cmd:"" help:"Make a key for each role, the first root (trust.json, for nodes) and a gossip key."`
	Show      keysShowCmd      `cmd:"" help:"Who may sign what, until when, and which private keys are here."`
	Add       keysAddCmd       `cmd:"" help:"Make another key for a role."`
	Rotate    keysRotateCmd    `cmd:"" help:"Replace all keys of a role by new ones."`
	Revoke    keysDisownCmd    `cmd:"" help:"Take every role from a key."`
	Threshold keysThresholdCmd `cmd:"" help:"Say how many keys of a role must agree."`
	Renew     keysRenewCmd     `cmd:"" help:"Give the root a new life."`
	Sign      keysSignCmd      `cmd:"" help:"Add signatures to a root that waits for them."`
	Gossip    keysGossipCmd    `cmd:"" help:"Rotate the key of a cluster's gossip while nodes run: add, use, drop."`
	Token     keysTokenCmd     `cmd:"" help:"Make a new key for profile tokens."`
	API       keysAPICmd       `cmd:"" name:"api" help:"API keys of callers: make, list, revoke, assert."`
}

// custodyFlags say where keys are.
type custodyFlags struct {
	Keys string `help:"Directory with trust.json and the keys of the roles release and freshness." placeholder:"DIR" required:"" type:"path"`
	Root string `help:"Directory with the private keys of the role root: a medium that is kept offline. Default: --keys." placeholder:"DIR" type:"path"`
}

func (f custodyFlags) custody() *release.Custody {
	return &release.Custody{FS: vfs.OS, Dir: f.Keys, Root: f.Root}
}

// changeFlags are for commands that make a new root.
type changeFlags struct {
	custodyFlags `embed:""`

	Life time.Duration `help:"How long the new root is good: nodes take no update from one that has expired. An hour or more." default:"8760h"`
}

func (f changeFlags) check() error {
	if f.Life < time.Hour {
		return fmt.Errorf("life: %v, want an hour or more", f.Life)
	}
	return nil
}

func (f changeFlags) custody() *release.Custody {
	c := f.custodyFlags.custody()
	c.Life = f.Life
	return c
}

type keysInitCmd struct {
	changeFlags `embed:""`
}

func (keysInitCmd) Help() string {
	return "Examples:\n\n  edged keys init --keys keys\n\n  edged keys init --keys keys --root usb/edged-root"
}

func (c *keysInitCmd) Run(std streams) error {
	custody := c.custody()
	trust, err := custody.Init()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	for _, line := range [][2]string{
		{filepath.Join(custody.Root, "root.key"), "private: says who may sign; move it to a medium kept offline, with a copy elsewhere"},
		{filepath.Join(c.Keys, "release.key"), "private: signs releases; stays with whoever publishes"},
		{filepath.Join(c.Keys, "freshness.key"), "private: signs which release is served; stays with whatever renews that"},
		{filepath.Join(c.Keys, release.TrustFile), "public: every node gets it, once"},
		{filepath.Join(c.Keys, release.GossipKeyFile), "secret: every node of this cluster gets it"},
	} {
		fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
	}
	fmt.Fprintf(t, "root 1 is good until %s\n", trust.Expires().Format(time.DateOnly))
	return t.Flush()
}

type keysShowCmd struct {
	custodyFlags `embed:""`
}

func (keysShowCmd) Help() string { return "Example:\n\n  edged keys show --keys keys" }

func (c *keysShowCmd) Run(std streams) error {
	custody := c.custody()
	chain, err := custody.Chain()
	if err != nil {
		return err
	}
	here, err := custody.Present()
	if err != nil {
		return err
	}
	trust := chain[len(chain)-1]
	t := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "root %d\tissued %s, good until %s\n", trust.Version(), trust.Root().Issued.Format(time.DateOnly), trust.Expires().Format(time.DateOnly))
	for _, role := range release.Roles() {
		fmt.Fprintf(t, "%s\t%d of %d must sign\n", role, trust.Threshold(role), len(trust.KeyIDs(role)))
		for _, id := range trust.KeyIDs(role) {
			where := "private key elsewhere"
			if file, ok := here[id]; ok {
				where = file
			}
			fmt.Fprintf(t, "  %s\t%s\n", id, where)
			delete(here, id)
		}
	}
	for id, file := range here {
		fmt.Fprintf(t, "no role: %s\t%s\n", id, file)
	}
	return t.Flush()
}

type keysAddCmd struct {
	changeFlags `embed:""`

	Role string `help:"root, release or freshness." enum:"root,release,freshness" required:""`
}

func (keysAddCmd) Help() string {
	return "Both keys sign from the next publish on; revoke the old one when you like.\n\nExample:\n\n  edged keys add --keys keys --role release"
}

func (c *keysAddCmd) Run(std streams) error {
	change, err := c.custody().Grow(release.Role(c.Role))
	return showChange(std.out, change, err)
}

type keysRotateCmd struct {
	changeFlags `embed:""`

	Role string `help:"root, release or freshness." enum:"root,release,freshness" required:""`
}

func (keysRotateCmd) Help() string {
	return `What a leaked key asks for, and what to do every now and then. Publish or refresh afterwards: nodes learn of it from the origin.

Examples:

  edged keys rotate --keys keys --role freshness --root usb/edged-root
  edged publish --refresh --origin origin --keys keys`
}

func (c *keysRotateCmd) Run(std streams) error {
	change, err := c.custody().Rotate(release.Role(c.Role))
	return showChange(std.out, change, err)
}

type keysDisownCmd struct {
	changeFlags `embed:""`

	Key string `help:"Its id, as 'edged keys show' prints it." placeholder:"ID" required:""`
}

func (keysDisownCmd) Help() string {
	return "Example:\n\n  edged keys revoke --keys keys --key 34750f98bd59fcfc"
}

func (c *keysDisownCmd) Run(std streams) error {
	change, err := c.custody().Revoke(c.Key)
	return showChange(std.out, change, err)
}

type keysThresholdCmd struct {
	changeFlags `embed:""`

	Role string `help:"root, release or freshness." enum:"root,release,freshness" required:""`
	N    int    `help:"How many distinct keys of the role must sign." required:"" name:"keys-wanted" placeholder:"N"`
}

func (keysThresholdCmd) Help() string {
	return "Example:\n\n  edged keys add --keys keys --role root\n  edged keys threshold --keys keys --role root --keys-wanted 2"
}

func (c *keysThresholdCmd) Run(std streams) error {
	change, err := c.custody().Threshold(release.Role(c.Role), c.N)
	return showChange(std.out, change, err)
}

type keysRenewCmd struct {
	changeFlags `embed:""`
}

func (keysRenewCmd) Help() string {
	return "Example:\n\n  edged keys renew --keys keys --root usb/edged-root"
}

func (c *keysRenewCmd) Run(std streams) error {
	change, err := c.custody().Renew()
	return showChange(std.out, change, err)
}

type keysSignCmd struct {
	custodyFlags `embed:""`
}

func (keysSignCmd) Help() string {
	return "Where several root keys must sign and lie on different media: bring trust.json, roots/ and trust-next.json along.\n\nExample:\n\n  edged keys sign --keys keys --root usb2/edged-root"
}

func (c *keysSignCmd) Run(std streams) error {
	change, err := c.custody().Sign()
	return showChange(std.out, change, err)
}

// showChange says what has become of a root.
func showChange(w io.Writer, c *release.Change, err error) error {
	if c == nil {
		return err
	}
	for _, file := range c.Made {
		fmt.Fprintf(w, "new key %s\n", file)
	}
	if err != nil {
		return err
	}
	if c.Trust == nil {
		_, err := fmt.Fprintf(w, "root %d waits for signatures (edged keys sign):\n  %s\n", c.Version, strings.Join(c.Missing, "\n  "))
		return err
	}
	_, err = fmt.Fprintf(w, "root %d, good until %s; nodes take it when it is published (edged publish, or edged publish --refresh)\n", c.Version, c.Trust.Expires().Format(time.DateOnly))
	return err
}

// keysGossipCmd edits a gossip key file; nodes follow it.
type keysGossipCmd struct {
	Add  gossipAddCmd  `cmd:"" help:"A new key, which nodes open with: bring the file to every node."`
	Use  gossipUseCmd  `cmd:"" help:"Nodes seal with it, and open with both: bring the file to every node."`
	Drop gossipDropCmd `cmd:"" help:"The old key is worth nothing any more: bring the file to every node."`
}

type gossipFile struct {
	File string `help:"The key file. Nodes read it again when it changes." placeholder:"FILE" required:"" type:"path"`
}

func (f gossipFile) change(std streams, edit func(vfs.FS, string) error, then string) error {
	if err := edit(vfs.OS, f.File); err != nil {
		return err
	}
	_, err := fmt.Fprintf(std.out, "%s: %s\n", f.File, then)
	return err
}

type gossipAddCmd struct {
	gossipFile `embed:""`
}

func (gossipAddCmd) Help() string {
	return "Example:\n\n  edged keys gossip add --file keys/gossip.key"
}

func (c gossipAddCmd) Run(std streams) error {
	return c.change(std, release.AddGossipKey, "a key more; when every node has the file: edged keys gossip use")
}

type gossipUseCmd struct {
	gossipFile `embed:""`
}

func (gossipUseCmd) Help() string {
	return "Example:\n\n  edged keys gossip use --file keys/gossip.key"
}

func (c gossipUseCmd) Run(std streams) error {
	return c.change(std, release.UseGossipKey, "the new key seals; when every node has the file: edged keys gossip drop")
}

type gossipDropCmd struct {
	gossipFile `embed:""`
}

func (gossipDropCmd) Help() string {
	return "Example:\n\n  edged keys gossip drop --file keys/gossip.key"
}

func (c gossipDropCmd) Run(std streams) error {
	return c.change(std, release.DropGossipKeys, "one key; when every node has the file the rotation is over")
}

// keysTokenCmd adds a key behind those there are, or prints one: in a rotation the file is edited by hand.
type keysTokenCmd struct {
	File string `help:"Add it to this key file as the last one, which opens tokens and seals none; made if absent, for its owner alone to read. Without it the key is printed." placeholder:"FILE" type:"path"`
}

func (keysTokenCmd) Help() string { return "Example:\n\n  edged keys token --file token.keys" }

// maxTokenFile bounds a file of token keys.
const maxTokenFile = 4 << 10

func (c *keysTokenCmd) Run(std streams) error {
	key := profile.NewTokenKey()
	if c.File == "" {
		_, err := fmt.Fprintln(std.out, key)
		return err
	}
	file, err := vfs.ReadFile(vfs.OS, c.File, maxTokenFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(file) > 0 && file[len(file)-1] != '\n' {
		file = append(file, '\n')
	}
	file = append(append(file, key...), '\n')
	if _, err := profile.ParseTokenKeys(file); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	return vfs.WriteFile(vfs.OS, c.File, file)
}
