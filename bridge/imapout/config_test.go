package imapout

import (
	"errors"
	"strings"
	"testing"

	"ticketbridge/bridge"
)

func TestProblems(t *testing.T) {
	good := Config{
		Endpoint:    bridge.Endpoint{Host: "imap.example.com", TLS: "implicit"},
		Credentials: bridge.Credentials{Username: "support@example.com", PasswordFile: "x"},
		Folder:      "INBOX", Folders: []string{"INBOX"},
	}
	for want, change := range map[string]func(c *Config){
		"":                    func(c *Config) {},
		"host: required":      func(c *Config) { c.Host = "" },
		"unix socket":         func(c *Config) { c.Host, c.TLS = "unix:/run/imap", "none" },
		"port: 143 speaks":    func(c *Config) { c.Port = 143 },
		"port: 993 speaks":    func(c *Config) { c.Port, c.TLS = 993, "starttls" },
		"username: required":  func(c *Config) { c.Username = "" },
		"password_file: requ": func(c *Config) { c.PasswordFile = "" },
		`" x" is no folder's`: func(c *Config) { c.Folders = []string{" x"} },
		"folders: want at":    func(c *Config) { c.Folders = nil },
	} {
		c := good
		change(&c)
		err := errors.Join(c.Problems()...)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for tls, port := range map[string]int{"implicit": 993, "starttls": 143, "none": 143} {
		if got := New(Config{Endpoint: bridge.Endpoint{TLS: tls}}).cfg.Port; got != port {
			t.Errorf("%s: port %d", tls, got)
		}
	}
}
