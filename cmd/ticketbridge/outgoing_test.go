package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge/httpout"
)

// TestHelpdeskAPIs: what the kinds "rt-rest" and "osticket-api" make of a config.
func TestHelpdeskAPIs(t *testing.T) {
	least, err := os.ReadFile(filepath.Join(repoRoot, "testdata", "config", "ok-least.toml"))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(least), "[transport]\n")
	load := func(t *testing.T, transport string) (*config, error) {
		file := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(file, []byte(head+"[transport]\n"+transport), 0o600); err != nil {
			t.Fatal(err)
		}
		return testApp(map[string]string{"ANN_PASSWORD": "a", "KEY": "0123456789ABCDEF"}).loadConfig(file, true)
	}
	const url = "url = \"https://help.example.com/\"\npassword_env = \"KEY\"\n"
	for name, tt := range map[string]struct {
		transport, policy string
		looks, reply      bool
	}{
		"rt":       {"kind = \"rt-rest\"\nqueue = \"Support\"\n" + url, "probe", true, false},
		"replies":  {"kind = \"rt-rest\"\nqueue = \"Support\"\nfollow_up = \"reply\"\n" + url, "probe", true, true},
		"osticket": {"kind = \"osticket-api\"\n" + url, "resend", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, tt.transport)
			if err != nil {
				t.Fatal(err)
			}
			h := c.Transport.http()
			if c.Target.OnDoubt != tt.policy || h.Token.Reveal() != "0123456789ABCDEF" || h.Timeout != 5*time.Minute || h.Reply != tt.reply || len(h.Problems()) > 0 {
				t.Errorf("on_doubt %s, %+v", c.Target.OnDoubt, h)
			}
			if _, ok := c.newTransport().(httpout.Transport); !ok {
				t.Errorf("messages leave by a %T", c.newTransport())
			}
			p, _ := c.prober()
			if _, rt := p.(*httpout.RTTransport); rt != tt.looks {
				t.Errorf("looks by a %T", p)
			}
		})
	}
	for name, tt := range map[string][2]string{
		"no queue":   {"kind = \"rt-rest\"\n" + url, "transport.queue"},
		"no url":     {"kind = \"osticket-api\"\npassword_env = \"KEY\"\n", "transport.url"},
		"no key":     {"kind = \"osticket-api\"\nurl = \"https://help.example.com\"\n", "transport.password_file"},
		"follow_up":  {"kind = \"rt-rest\"\nqueue = \"Support\"\nfollow_up = \"mail\"\n" + url, "transport.follow_up"},
		"impatience": {"kind = \"osticket-api\"\nhttp_timeout = \"1s\"\n" + url, "transport.http_timeout"},
	} {
		if _, err := load(t, tt[0]); err == nil || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%s: %v, want %s", name, err, tt[1])
		}
	}
}

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
