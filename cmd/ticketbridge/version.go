package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

var versionCommand = command{
	name:    "version",
	summary: "say which build this is",
	help:    "Says which build this is: the module's version or the commit it was built from.",
	run: func(a *app, _ context.Context, c *call) error {
		if err := c.wantArgs(0, 0); err != nil {
			return err
		}
		fmt.Fprintln(a.stdout, buildVersion())
		return nil
	},
}

// buildVersion reads what the go command wrote into the binary.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "ticketbridge (built without module information)"
	}
	version, revision, when, modified := info.Main.Version, "", "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.time":
			when = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				modified = ", modified"
			}
		}
	}
	if version == "" || version == "(devel)" || strings.HasPrefix(version, "v0.0.0-") {
		version = "development build"
	}
	out := "ticketbridge " + version
	if revision != "" {
		out += fmt.Sprintf(" (commit %.12s of %s%s)", revision, when, modified)
	}
	return fmt.Sprintf("%s, %s %s/%s", out, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
