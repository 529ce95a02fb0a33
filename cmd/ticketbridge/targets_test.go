package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"ticketbridge/bridge"
)

func runTargets(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	a := testApp(map[string]string{"ANN_PASSWORD": "a", "SMTP_PASSWORD": "b"})
	a.stdout, a.stderr = &out, &out
	code := a.run(t.Context(), append([]string{"targets"}, args...))
	return out.String(), code
}

// TestTargets: each helpdesk with its evidence, its date and what nobody tried.
func TestTargets(t *testing.T) {
	out, code := runTargets(t)
	known, err := bridge.Helpdesks()
	if err != nil || code != exitOK {
		t.Fatal(err, code)
	}
	for _, h := range known {
		for _, want := range append([]string{h.Name, h.Title, h.Evidence[0].Grade + " " + h.Evidence[0].Date}, h.Unverified...) {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not shown in\n%s", h.Name, want, out)
			}
		}
	}
	if out, code := runTargets(t, "zendsk"); code != exitFailed || !strings.Contains(out, "zendesk") {
		t.Errorf("exit %d: %s", code, out)
	}
	out, code = runTargets(t, "rt", "--json")
	var js map[string]any
	if err := json.Unmarshal([]byte(out), &js); err != nil || code != exitOK || js["resend"] != "second-ticket" {
		t.Errorf("%v, exit %d: %s", err, code, out)
	}
}

// TestTargetOverride: the admin sees the profile as the daemon uses it.
func TestTargetOverride(t *testing.T) {
	file := filepath.Join(repoRoot, "testdata", "config", "target-override-ok.toml")
	out, code := runTargets(t, "osticket", "--config", file)
	for _, want := range []string{`requester = ["reply-to", "from"]`, `tag = "[Help #{ticket}]"`, "per_hour = 100", `by = ["references", "subject-tag"]`, `resend = "ignored"`} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("exit %d, %s is not in\n%s", code, want, out)
		}
	}
	if plain, _ := runTargets(t, "osticket"); strings.Contains(plain, "Help") {
		t.Error("an override changed the built-in profile")
	}
	c, err := testApp(map[string]string{"ANN_PASSWORD": "a", "SMTP_PASSWORD": "b"}).loadConfig(file, true)
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := c.Target.FollowUp(&bridge.Conversation{Subject: "Chat: x", Link: bridge.Link{Ticket: "5"}}); s != "Re: [Help #5] Chat: x" {
		t.Errorf("the daemon's follow-up: %q", s)
	}
}
