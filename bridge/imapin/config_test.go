package imapin

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge"
)

func TestConfigTOML(t *testing.T) {
	var file struct {
		Mailbox []toml.Primitive `toml:"mailbox"`
	}
	md, err := toml.Decode(`
[[mailbox]]
name = "ann"
host = "imap.example.com"
username = "ann@example.com"
password_file = "/run/secrets/ann"
folders = ["INBOX", "Chats"]
start = "2026-11-01"
on_done = "keyword:$Ticket"
poll = "2m"
max_size = "10MiB"
`, &file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	if err := md.PrimitiveDecode(file.Mailbox[0], &cfg); err != nil {
		t.Fatal(err)
	}
	if left := md.Undecoded(); len(left) > 0 {
		t.Errorf("undecoded %v", left)
	}
	if errs := cfg.Problems(); len(errs) > 0 {
		t.Errorf("problems %v", errs)
	}
	if cfg.Addr() != "imap.example.com:993" || cfg.TLS != "implicit" || cfg.Poll.D() != 2*time.Minute || cfg.MaxSize != 10<<20 || cfg.Batch != 200 || !slices.Equal(cfg.Folders, []string{"INBOX", "Chats"}) || cfg.PasswordFile == "" {
		t.Errorf("config %+v", cfg)
	}
	if since, all, _ := cfg.start(); all || !since.Equal(time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local)) {
		t.Errorf("start %v %v", since, all)
	}
}

func TestProblems(t *testing.T) {
	good := Defaults()
	good.Name, good.Host, good.Username, good.Password = "ann", "imap.example.com", "ann@example.com", "secret"
	for want, change := range map[string]func(c *Config){
		"":                           func(c *Config) {},
		"name: required":             func(c *Config) { c.Name = " " },
		"host: required":             func(c *Config) { c.Host = "" },
		"port: want":                 func(c *Config) { c.Port = 70000 },
		`tls: want "implicit"`:       func(c *Config) { c.TLS = "yes" },
		`tls: "none" is only`:        func(c *Config) { c.TLS, c.Port = "none", 143 },
		"port: 143 speaks STARTTLS":  func(c *Config) { c.Port = 143 },
		"port: 993 speaks TLS":       func(c *Config) { c.TLS = "starttls" },
		"ca_file: ":                  func(c *Config) { c.CAFile = "/nonexistent/ca.pem" },
		"username: required":         func(c *Config) { c.Username = "" },
		"password: required":         func(c *Config) { c.Password = "" },
		"folders: want at least one": func(c *Config) { c.Folders = nil },
		`folders: "inbox" stands`:    func(c *Config) { c.Folders = []string{"INBOX", "inbox"} },
		`folders: "" is no`:          func(c *Config) { c.Folders = []string{""} },
		`start: want "now"`:          func(c *Config) { c.Start = "yesterday" },
		`start: want "all"`:          nil,
		`on_done: want ""`:           func(c *Config) { c.OnDone = "delete" },
		`on_done: "a b" cannot`:      func(c *Config) { c.OnDone = "keyword:a b" },
		`on_done: "\\Seen" cannot`:   func(c *Config) { c.OnDone = `keyword:\Seen` },
		`on_done: "Inbox" is one`:    func(c *Config) { c.OnDone = "move:Inbox" },
		`on_done: want "", `:         func(c *Config) { c.OnDone = "move:" },
		"poll: want 1s":              func(c *Config) { c.Poll = 0 },
		"timeout: want 1s":           func(c *Config) { c.Timeout = bridge.Duration(time.Hour) },
		"idle_refresh: want 10s to":  func(c *Config) { c.IdleRefresh = bridge.Duration(29 * time.Minute) },
		"max_size: want 10KB":        func(c *Config) { c.MaxSize = 5 },
		"batch: want 1":              func(c *Config) { c.Batch = 0 },
		"max_fetch_attempts: want 1": func(c *Config) { c.MaxFetchAttempts = 0 },
	} {
		if change == nil {
			continue
		}
		c := good
		change(&c)
		errs := c.Problems()
		if want == "" && len(errs) > 0 || want != "" && !slices.ContainsFunc(errs, func(e error) bool { return strings.HasPrefix(e.Error(), want) }) {
			t.Errorf("want %q, got %v", want, errs)
		}
	}
	if errs := (Config{}).Problems(); len(errs) < 10 {
		t.Errorf("an empty config has only %d problems: all are to be told at once", len(errs))
	}
	if err := New(Config{}, "INBOX", newStore(), nil, discard).Run(t.Context()); err == nil {
		t.Error("a watcher ran without a config")
	}
}

func TestQueue(t *testing.T) {
	set := func(pairs ...imap.UID) (s imap.UIDSet) {
		for i := 0; i < len(pairs); i += 2 {
			s = append(s, imap.UIDRange{Start: pairs[i], Stop: pairs[i+1]})
		}
		return s
	}
	for _, tc := range []struct {
		name  string
		after uint32
		sets  []imap.UIDSet
		n     int
		want  []uint32
	}{
		{"plain", 0, []imap.UIDSet{set(1, 3, 5, 5)}, 10, []uint32{1, 2, 3, 5}},
		{"two sets", 0, []imap.UIDSet{set(1, 2), set(9, 10)}, 10, []uint32{1, 2, 9, 10}},
		{"n:* below n", 5, []imap.UIDSet{set(5, 5)}, 10, nil},
		{"out of order, twice", 2, []imap.UIDSet{set(7, 8, 1, 4, 3, 7)}, 10, []uint32{3, 4, 5, 6, 7, 8}},
		{"dynamic", 0, []imap.UIDSet{set(0, 0, 3, 0, 4, 4)}, 10, []uint32{4}},
		{"four billion", 0, []imap.UIDSet{set(1, math.MaxUint32)}, 3, []uint32{1, 2, 3}},
		{"the last one", math.MaxUint32 - 2, []imap.UIDSet{set(1, math.MaxUint32)}, 5, []uint32{math.MaxUint32 - 1, math.MaxUint32}},
	} {
		q := newQueue(tc.after, tc.sets...)
		if got := q.take(tc.n, math.MaxUint32); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	q := newQueue(10, set(1, 20, 30, 39))
	if n := q.len(); n != 20 {
		t.Errorf("%d left, want 20", n)
	}
	if got := q.take(5, 12); !slices.Equal(got, []uint32{11, 12}) || q.len() != 18 {
		t.Errorf("took %v, %d left", got, q.len())
	}
}

func TestBackoffGrows(t *testing.T) {
	for n, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 8: 2 * time.Minute, 1000: 2 * time.Minute} {
		for range 100 {
			if d := backoff(n); d < most/2 || d >= most {
				t.Fatalf("wait after %d failures: %v, want %v to %v", n, d, most/2, most)
			}
		}
	}
}
