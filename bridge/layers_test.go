package bridge

import (
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "ticketbridge"

// TestLayers keeps the architecture: what each directory must not import, and why.
func TestLayers(t *testing.T) {
	adapters := []string{module + "/bridge/", module + "/cmd/"}
	for dir, banned := range map[string][]string{
		"../mailparse": {"net", "net/http", "os", "database/sql", "log/slog", module}, // pure: no I/O, no clock, no log
		".":            append(adapters, "database/sql", "net/http"),                  // the core knows no adapter
	} {
		check(t, dir, func(imp string) bool { return matches(imp, banned) })
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if !e.IsDir() || e.Name() == "targets" { // data
			continue
		}
		n++
		// Adapters import bridge, never one another. imaplink is none: it is what
		// the two that speak IMAP share.
		check(t, e.Name(), func(imp string) bool { return matches(imp, adapters) && imp != module+"/bridge/imaplink" })
	}
	if n < 3 {
		t.Errorf("saw %d adapters; the test looks in the wrong place", n)
	}
}

// matches: entries ending in "/" ban everything below, others the exact path
// (the module itself bans everything of ours).
func matches(imp string, banned []string) bool {
	for _, b := range banned {
		if imp == b || strings.HasSuffix(b, "/") && strings.HasPrefix(imp, b) || b == module && strings.HasPrefix(imp, module+"/") {
			return true
		}
	}
	return false
}

func check(t *testing.T, dir string, bad func(string) bool) {
	t.Helper()
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Errorf("%s: %v", dir, err)
		return
	}
	for _, imp := range pkg.Imports {
		if bad(imp) {
			t.Errorf("%s must not import %s", filepath.Join("bridge", dir), imp)
		}
	}
}
