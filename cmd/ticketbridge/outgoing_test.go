package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDoubtDefaults: what to do with doubts follows from where one can look.
func TestDoubtDefaults(t *testing.T) {
	least, err := os.ReadFile(filepath.Join(repoRoot, "testdata", "config", "ok-least.toml"))
	if err != nil {
		t.Fatal(err)
	}
	const look = "\n[probe]\nhost = \"imap.example.org\"\nusername = \"support\"\npassword_env = \"SMTP_PASSWORD\"\n"
	const imap = "kind = \"imap\"\n"
	for _, tt := range []struct {
		name, target, transport, probe string
		policy                         string
		first                          time.Duration
		complete                       bool
		host, folders                  string
	}{
		{"nowhere to look", "", "", "", "hold", 2 * time.Minute, false, "", ""},
		{"a mailbox to look in", "", "", look, "probe", 2 * time.Minute, false, "imap.example.org", "INBOX"},
		{"the admin's word", "on_doubt = \"resend\"\n", "", look, "resend", 2 * time.Minute, false, "imap.example.org", "INBOX"},
		{"appended", "", imap, "", "probe", 10 * time.Second, true, "mail.example.com", "INBOX"},
		{"appended elsewhere", "", imap + "folder = \"Chats\"\n", "\n[probe]\nfolders = [\"Done\"]\nafter = [\"1s\"]\ncomplete = false\n", "probe", time.Second, false, "mail.example.com", "Chats Done"},
		{"appended, looked for elsewhere", "", imap, look, "probe", 10 * time.Second, true, "imap.example.org", "INBOX"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(least), "[target]\n", "[target]\n"+tt.target, 1)
			text = strings.Replace(text, "[transport]\n", "[transport]\n"+tt.transport, 1) + tt.probe
			file := filepath.Join(t.TempDir(), "config.toml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := testApp(map[string]string{"ANN_PASSWORD": "a", "SMTP_PASSWORD": "b"}).loadConfig(file, true)
			if err != nil {
				t.Fatal(err)
			}
			p := c.Probe.probing()
			if c.Target.OnDoubt != tt.policy || p.After[0] != tt.first || p.Complete != tt.complete || c.canLook() != (tt.host != "") {
				t.Errorf("%s, %+v", c.Target.OnDoubt, p)
			}
			if m := c.supportMailbox(); m.Host != tt.host && tt.host != "" || !slices.Equal(m.Folders, strings.Fields(tt.folders)) && tt.host != "" || tt.host != "" && m.Password == "" {
				t.Errorf("looks on %s in %q", m.Host, m.Folders)
			}
		})
	}
}
