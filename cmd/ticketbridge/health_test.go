package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ticketbridge/bridge/status"
)

// TestHealthTellsAlarms: they are told, and leave the daemon well.
func TestHealthTellsAlarms(t *testing.T) {
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(status.Health{Status: "ok", Mailboxes: []status.MailboxHealth{{Connected: true}},
			Alarms: []status.Alarm{{Kind: "doubt", Text: "2 ticket messages may or may not have arrived"}, {Kind: "drift", What: "intercom", Text: "format intercom: \x1b[2J"}}})
	}))
	defer answers.Close()
	text, err := os.ReadFile(filepath.Join(repoRoot, "testdata", "config", "ok-least.toml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, append([]byte("http.listen = \""+answers.Listener.Addr().String()+"\"\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := testApp(nil)
	a.stdout, a.stderr = &out, &out
	code := a.run(t.Context(), []string{"health", "-config", file})
	want := "ok: up 0s, 1 of 1 folder connected, 0 parked\nalarm: doubt: 2 ticket messages may or may not have arrived\nalarm: drift: format intercom: \\x1b[2J\n"
	if code != exitOK || out.String() != want {
		t.Errorf("exit %d: %q, want %q", code, out.String(), want)
	}
}

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
