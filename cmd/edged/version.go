package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/edged/edged/internal/kernel"
	"github.com/edged/edged/snapshot"
)

// version is set by the release build: -ldflags "-X main.version=v1.2.3".
var version string

type versionCmd struct {
	JSON bool `help:"As JSON." name:"json"`
}

func (versionCmd) Help() string { return "Example:\n\n  edged version --json" }

func (c versionCmd) Run(std streams) error {
	info := map[string]string{
		"version":  buildVersion(),
		"go":       runtime.Version(),
		"platform": runtime.GOOS + "/" + runtime.GOARCH,
		"kernel":   kernel.Active(),
		"snapshot": fmt.Sprintf("%d.%d", snapshot.Major, snapshot.Minor),
	}
	if err := kernel.Forced(); err != nil {
		info["kernel"] += " (" + err.Error() + ")"
	}
	if c.JSON {
		return json.NewEncoder(std.out).Encode(info)
	}
	_, err := fmt.Fprintf(std.out, "edged %s (%s, %s)\nsnapshot format %s, search kernel %s\n",
		info["version"], info["go"], info["platform"], info["snapshot"], info["kernel"])
	return err
}

func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return info.Main.Version
}
