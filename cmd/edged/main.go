// Command edged trains, publishes and serves recommendations at the edge.
//
// This package binds flags, the configuration file and exit codes to the packages that do the work, and nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/edged/edged/internal/kernel"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the whole command line. A command's name is also its section in the configuration file.
type cli struct {
	Config string `help:"Configuration file (YAML): a section for each command, its keys the command's flags." placeholder:"FILE" type:"path" env:"EDGED_CONFIG"`

	Demo    demoCmd    `cmd:"" help:"Run the whole loop on this machine: shop, training, release, three nodes, storefront."`
	Import  importCmd  `cmd:"" help:"Bring events or items into a data directory."`
	Train   trainCmd   `cmd:"" help:"Turn a data directory into a release directory."`
	Eval    evalCmd    `cmd:"" help:"Measure quality on what was held back, by time, session, history or file, beside baselines."`
	Keys    keysCmd    `cmd:"" help:"Make, rotate and revoke keys."`
	Publish publishCmd `cmd:"" help:"Verify, sign and put a release to an origin."`
	Rollout rolloutCmd `cmd:"" help:"Say which nodes serve which release: canary, hold, pin, rollback."`
	Rules   rulesCmd   `cmd:"" help:"Check rules before a node sees them."`
	Serve   serveCmd   `cmd:"" help:"Run an edge node."`
	Overlay overlayCmd `cmd:"" help:"Say what is different from the release until the next one: availability, prices, boosts, new items."`
	Status  statusCmd  `cmd:"" help:"Show what a running node serves and holds, who has which chunk, and what two of its releases differ in."`
	Inspect inspectCmd `cmd:"" help:"Show and verify a release directory, an origin or a node's store."`
	Bench   benchCmd   `cmd:"" help:"Measure: load on a server, search, a release of embeddings, a node's ratio to the yardstick."`
	Version versionCmd `cmd:"" help:"Show the build and the formats it reads and writes."`
}

// streams are where a command talks.
type streams struct {
	out, err io.Writer
}

// checker is a command whose settings can contradict each other.
type checker interface{ check() error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.LookupEnv, streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, env lookup, std streams) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("edged"),
		kong.Description("Recommendations at the edge: train, publish, serve."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { exited = code; panic(errExit) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
		kong.PostBuild(nameVariables),
	)
	if err != nil {
		panic(fmt.Sprintf("BUG: command line: %v", err))
	}
	if err := guard(func() error { return parseAndRun(parser, &c, args, env) }); err != nil {
		return report(err, exited, std.err)
	}
	return exitDone
}

// errExit unwinds from kong's help and version output, which want to end the process.
var errExit = errors.New("exit")

func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != any(errExit) {
				panic(r)
			}
			err = errExit
		}
	}()
	return f()
}

// usageError is the reader's to mend, not the machine's: exit code 2.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func parseAndRun(parser *kong.Kong, c *cli, args []string, env lookup) error {
	settings := &settings{env: env}
	if err := settings.load(parser.Model, args, env); err != nil {
		return usageError{err}
	}
	parser2 := settings
	if err := kong.Resolvers(parser2).Apply(parser); err != nil {
		return usageError{err}
	}
	k, err := parser.Parse(args)
	if err != nil {
		return usageError{settings.with(err)}
	}
	command, _ := k.Selected().Target.Addr().Interface().(checker)
	if command != nil {
		if err := errors.Join(command.check(), besidePin(k)); err != nil {
			return usageError{settings.with(settings.locate(k, err))}
		}
	}
	if err := settings.with(nil); err != nil {
		return usageError{err}
	}
	if err := kernel.Forced(); err != nil && k.Selected().Name != "version" {
		return usageError{err}
	}
	return k.Run()
}

func report(err error, exited int, w io.Writer) int {
	if errors.Is(err, errExit) {
		return exited
	}
	fmt.Fprintf(w, "edged: %v\n", err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
