package imapin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// Config is one [[mailbox]] of the config file.
type Config struct {
	// Name is how logs, the database and the admin's views call the mailbox.
	// Renaming it makes it a mailbox never read before.
	Name string `toml:"name"`
	bridge.Endpoint
	bridge.Credentials
	Folders []string `toml:"folders"`
	// Start says what to read when a folder is seen for the first time: "now",
	// "all" or a date such as "2026-11-01".
	Start string `toml:"start"`
	// OnDone says what a chat mail gets once all it says is sent: "" (nothing:
	// people read this mailbox), "keyword:Name" or "move:Folder".
	OnDone  string          `toml:"on_done"`
	Poll    bridge.Duration `toml:"poll"`
	MaxSize bridge.Size     `toml:"max_size"`
	// Timeout is how long the server may be silent while it owes an answer.
	Timeout bridge.Duration `toml:"timeout"`
	// IdleRefresh is how long one IDLE lasts at most. Routers on the way forget
	// connections silent for some minutes; RFC 2177 wants less than 29 min.
	IdleRefresh      bridge.Duration `toml:"idle_refresh"`
	Batch            int             `toml:"batch"`
	MaxFetchAttempts int             `toml:"max_fetch_attempts"`
}

// Defaults is what a [[mailbox]] holds before it is decoded.
func Defaults() Config {
	return Config{
		Endpoint:         bridge.Endpoint{Port: 993, TLS: "implicit"},
		Folders:          []string{"INBOX"},
		Start:            "now",
		Poll:             bridge.Duration(60 * time.Second),
		MaxSize:          25e6,
		Timeout:          bridge.Duration(60 * time.Second),
		IdleRefresh:      bridge.Duration(4 * time.Minute),
		Batch:            200,
		MaxFetchAttempts: 5,
	}
}

// Problems says everything that is wrong with it, each as "key: what, and what
// would be right", without the table's name.
func (c Config) Problems() []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if strings.TrimSpace(c.Name) == "" || imaplink.Printable(c.Name, 100) != c.Name {
		bad(`name: required, one short line such as "ann"`)
	}
	errs = append(errs, c.Endpoint.Problems()...)
	switch {
	case c.TLS == "implicit" && c.Port == 143:
		bad(`port: 143 speaks STARTTLS; want 993, or tls = "starttls"`)
	case c.TLS == "starttls" && c.Port == 993:
		bad(`port: 993 speaks TLS from the first byte; want 143 (or what your server uses for STARTTLS), or tls = "implicit"`)
	}
	if c.Username == "" || strings.ContainsAny(c.Username, "\r\n\x00") {
		bad(`username: required, such as "ann@example.com"`)
	}
	if c.Password == "" && c.PasswordFile == "" && c.PasswordEnv == "" {
		bad("password: required (better: password_file or password_env)")
	}
	errs = append(errs, c.folderProblems()...)
	if _, _, err := c.start(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.onDone(); err != nil {
		errs = append(errs, err)
	}
	return append(errs, c.limitProblems()...)
}

func (c Config) folderProblems() []error {
	if len(c.Folders) == 0 {
		return []error{errors.New(`folders: want at least one, such as ["INBOX"]`)}
	}
	var errs []error
	for i, f := range c.Folders {
		if strings.TrimSpace(f) == "" || strings.ContainsAny(f, "\r\n\x00") {
			errs = append(errs, fmt.Errorf("folders: %q is no folder's name", f))
		}
		if slices.ContainsFunc(c.Folders[:i], func(g string) bool { return sameFolder(f, g) }) {
			errs = append(errs, fmt.Errorf("folders: %q stands there twice", f))
		}
	}
	return errs
}

func (c Config) limitProblems() []error {
	var errs []error
	within := func(key string, d bridge.Duration, low, high time.Duration) {
		if d.D() < low || d.D() > high {
			errs = append(errs, fmt.Errorf("%s: want %s to %s, not %s", key, low, high, d.D()))
		}
	}
	within("poll", c.Poll, time.Second, 24*time.Hour)
	within("timeout", c.Timeout, time.Second, 10*time.Minute)
	within("idle_refresh", c.IdleRefresh, 10*time.Second, 25*time.Minute)
	if c.MaxSize < 1e4 || c.MaxSize > 1e9 {
		errs = append(errs, fmt.Errorf("max_size: want 10KB to 1GB, not %s", c.MaxSize))
	}
	if c.Batch < 1 || c.Batch > 2000 {
		errs = append(errs, fmt.Errorf("batch: want 1 to 2000, not %d", c.Batch))
	}
	if c.MaxFetchAttempts < 1 || c.MaxFetchAttempts > 100 {
		errs = append(errs, fmt.Errorf("max_fetch_attempts: want 1 to 100, not %d", c.MaxFetchAttempts))
	}
	return errs
}

// start reads the key of the same name. A date is midnight where we run.
func (c Config) start() (since time.Time, all bool, err error) {
	switch c.Start {
	case "now":
		return time.Time{}, false, nil
	case "all":
		return time.Time{}, true, nil
	}
	since, err = time.ParseInLocation(time.DateOnly, c.Start, time.Local)
	if err != nil {
		return since, false, fmt.Errorf(`start: want "now", "all" or a date such as "2026-11-01", not %q`, c.Start)
	}
	return since, false, nil
}

// ack is on_done, taken apart: at most one of the two is set.
type ack struct {
	keyword string
	move    string
}

func (c Config) onDone() (ack, error) {
	kind, name, _ := strings.Cut(c.OnDone, ":")
	switch {
	case c.OnDone == "":
		return ack{}, nil
	case kind == "keyword" && keywordAtom(name):
		return ack{keyword: name}, nil
	case kind == "keyword":
		return ack{}, fmt.Errorf(`on_done: %q cannot be a keyword; want letters, digits, "$", "-", "_" or ".", such as "keyword:$Ticket"`, name)
	case kind == "move" && strings.TrimSpace(name) != "" && !strings.ContainsAny(name, "\r\n\x00"):
		if slices.ContainsFunc(c.Folders, func(f string) bool { return sameFolder(f, name) }) {
			return ack{}, fmt.Errorf("on_done: %q is one of folders; moved mails would be read again", name)
		}
		return ack{move: name}, nil
	}
	return ack{}, fmt.Errorf(`on_done: want "", "keyword:Name" or "move:Folder", not %q`, c.OnDone)
}

// keywordAtom is narrower than RFC 3501's flag-keyword: what every server takes.
func keywordAtom(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && !strings.ContainsRune("$-_.", rune(c)) {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

// sameFolder: INBOX is the one name that is compared without case (RFC 3501 §5.1).
func sameFolder(a, b string) bool {
	return a == b || strings.EqualFold(a, "INBOX") && strings.EqualFold(b, "INBOX")
}
