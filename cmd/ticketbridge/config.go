package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imapin"
	"ticketbridge/bridge/status"
)

// config is the whole config file. Each adapter owns its part; nobody below
// this package sees more than its own. config.toml.example documents every key,
// and a test keeps the two together.
type config struct {
	StateDir   string            `toml:"state_dir"`
	Domain     string            `toml:"domain"`
	OwnDomains []string          `toml:"own_domains"`
	Agents     []string          `toml:"agents"`
	Mailboxes  []mailbox         `toml:"mailbox"`
	Formats    formats           `toml:"formats"`
	Format     map[string]format `toml:"format"`
	Target     target            `toml:"target"`
	Transport  transport         `toml:"transport"`
	Probe      lookUp            `toml:"probe"`
	Canary     canary            `toml:"canary"`
	Outbox     outbox            `toml:"outbox"`
	Store      store             `toml:"store"`
	HTTP       status.Config     `toml:"http"`
	Log        logging           `toml:"log"`

	file     string
	warnings problems // what works, but is probably not meant
}

// mailbox is one [[mailbox]].
type mailbox struct {
	imapin.Config
	// AuthservID names the mailbox's own mail server in Authentication-Results.
	AuthservID string `toml:"authserv_id"`
}

func (m *mailbox) setDefaults() { m.Config = imapin.Defaults() }

// store is where the bridge remembers. The URL is a secret: PostgreSQL's may
// hold a password.
type store struct {
	URL     bridge.Secret `toml:"url"`
	URLFile string        `toml:"url_file"`
	URLEnv  string        `toml:"url_env"`
	// Lease is how long a daemon that fell silent keeps its mailboxes from the
	// others that share the database.
	Lease bridge.Duration `toml:"lease"`
}

// formats says which chat products are read.
type formats struct {
	Dir     string   `toml:"dir"`
	Enabled []string `toml:"enabled"`
}

// format is what the operator says of one chat product. Pins and, for
// generic-labelled, labels and bounds belong to its profile.
type format struct {
	Authenticate string         `toml:"authenticate"`
	DKIMDomains  []string       `toml:"dkim_domains"`
	Settings     map[string]any `toml:",rest"`
}

// outbox is when refused messages are tried again.
type outbox struct {
	RetryFirst bridge.Duration `toml:"retry_first"`
	RetryMost  bridge.Duration `toml:"retry_most"`
	GiveUp     bridge.Duration `toml:"give_up"`
}

// logging is how the daemon logs, to standard error.
type logging struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

func newConfig() config {
	d := bridge.DefaultSchedule
	return config{
		StateDir:  "/var/lib/ticketbridge",
		Target:    target{Target: bridge.DefaultTarget()},
		Transport: defaultTransport(),
		Probe:     defaultLookUp(),
		Canary:    defaultCanary(),
		Outbox:    outbox{RetryFirst: bridge.Duration(d.First), RetryMost: bridge.Duration(d.Most), GiveUp: bridge.Duration(d.GiveUp)},
		Store:     store{URL: "sqlite:ticketbridge.db", Lease: bridge.Duration(30 * time.Second)},
		HTTP:      status.Default(),
		Log:       logging{Level: "info", Format: "text"},
	}
}

const maxConfigSize = 4 << 20

// loadConfig reads the file and checks everything in it; the error is all its
// problems. Without secrets, password files and variables are not looked at:
// the admin's views need no mailbox login and may run as somebody who must not
// read them.
func (a *app) loadConfig(file string, secrets bool) (*config, error) {
	text, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	c := newConfig()
	c.file = file
	d, err := decodeTOML(file, text, &c)
	if err != nil {
		return nil, err
	}
	c.anchor(filepath.Dir(file))
	x := &crosscheck{config: &c, decoder: d}
	x.all()
	s := &secretReader{decoder: d, file: file, credentials: a.getenv("CREDENTIALS_DIRECTORY"), getenv: a.getenv}
	s.all(&c, secrets)
	c.warnings = x.warnings.sorted()
	if all := append(d.problems, d.twins...); len(all) > 0 {
		return nil, all.sorted()
	}
	return &c, nil
}

func readConfig(file string) (string, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", problems{{file: file, text: "no such file; config.toml.example is a start, -config FILE names another"}}
	case err != nil:
		return "", problems{{file: file, text: reason(err)}}
	case !info.Mode().IsRegular():
		return "", problems{{file: file, text: "not a regular file"}}
	case info.Size() > maxConfigSize:
		return "", problems{{file: file, text: fmt.Sprintf("%s: more than a config can be", bridge.Size(info.Size()))}}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", problems{{file: file, text: reason(err)}}
	}
	return strings.TrimPrefix(string(b), "\ufeff"), nil
}

// reason is a file error without the path that stands before it anyway.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// anchor makes relative paths relative to the config file, wherever the program
// is started. Password files are anchored where they are read: a bare name may
// also be a systemd credential.
func (c *config) anchor(dir string) {
	paths := []*string{&c.StateDir, &c.Formats.Dir, &c.Transport.CAFile, &c.Probe.CAFile}
	for i := range c.Mailboxes {
		paths = append(paths, &c.Mailboxes[i].CAFile)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// ownDomains are the domains no customer can have; the bridge's own is one.
func (c *config) ownDomains() []string {
	own := slices.Clone(c.OwnDomains)
	if c.Domain != "" && !slices.ContainsFunc(own, func(d string) bool { return strings.EqualFold(d, c.Domain) }) {
		own = append(own, c.Domain)
	}
	return own
}

// agents are the addresses of colleagues: those named, those whose mailbox is
// watched, and support itself.
func (c *config) agents() []string {
	agents := slices.Clone(c.Agents)
	for _, m := range c.Mailboxes {
		if strings.Contains(m.Username, "@") {
			agents = append(agents, m.Username)
		}
	}
	if c.Target.Address != "" {
		agents = append(agents, c.Target.Address)
	}
	return agents
}
