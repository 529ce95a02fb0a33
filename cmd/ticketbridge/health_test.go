package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHealthWithoutPage: the lock tells whether a daemon runs.
func TestHealthWithoutPage(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(repoRoot, "testdata", "config", "ok-least.toml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(file, append([]byte("state_dir = \".\"\nhttp.listen = \"\"\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func() (string, int) {
		var out bytes.Buffer
		a := testApp(nil)
		a.stdout, a.stderr = &out, &out
		code := a.run(t.Context(), []string{"health", "-config", file})
		return out.String(), code
	}
	if out, code := ask(); code != exitFailed || !strings.Contains(out, "no daemon runs") {
		t.Errorf("exit %d: %s", code, out)
	}
	unlock, err := lockState(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if out, code := ask(); code != exitOK || !strings.Contains(out, "a daemon runs") {
		t.Errorf("exit %d: %s", code, out)
	}
}
