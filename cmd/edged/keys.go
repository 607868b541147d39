package main

import (
	"fmt"
	"path/filepath"

	"github.com/edged/edged/internal/vfs"
	"github.com/edged/edged/profile"
	"github.com/edged/edged/release"
)

type keysCmd struct {
	Init  keysInitCmd  `cmd:"" help:"Make a signing key, the trust file for nodes and a gossip key."`
	Token keysTokenCmd `cmd:"" help:"Print a new key for profile tokens."`
	API   keysAPICmd   `cmd:"" name:"api" help:"API keys of callers: make, list, revoke, assert."`
}

type keysInitCmd struct {
	Keys string `help:"Directory for the keys; it must not hold any yet." placeholder:"DIR" required:"" type:"path"`
}

func (keysInitCmd) Help() string { return "Example:\n\n  edged keys init --keys keys" }

func (c keysInitCmd) Run(std streams) error {
	key, err := release.InitKeys(vfs.OS, c.Keys)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, `signing key %s
  %-40s private: stays with whoever publishes
  %-40s public: every node gets it
  %-40s secret: every node of this cluster gets it
`, key.ID(), filepath.Join(c.Keys, release.KeyFile), filepath.Join(c.Keys, release.TrustFile), filepath.Join(c.Keys, release.GossipKeyFile))
	return err
}

// keysTokenCmd prints a key instead of writing it, because a file of several keys is edited by hand in a rotation.
type keysTokenCmd struct{}

func (keysTokenCmd) Help() string { return "Example:\n\n  edged keys token >> token.keys" }

func (keysTokenCmd) Run(std streams) error {
	_, err := fmt.Fprintln(std.out, profile.NewTokenKey())
	return err
}
