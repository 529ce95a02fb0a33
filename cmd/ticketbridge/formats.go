package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ticketbridge/mailparse"
)

var formatsCommand = command{
	name: "formats", args: "[test PROFILE MAIL… | template]",
	summary: "list the chat products whose mails can be read; try a profile on mails",
	help: `Lists the formats (chat products) whose mails can be read: built-in ones and, with
--config, those of formats.dir, and which of them are enabled.

A grade says how well a layout is known: A a raw mail or the exact template was read,
B the vendor documents it, C one third party tells, D weak.

For who writes or mends a profile: test tells of each mail which conditions of the profile
hold and which do not, with what stands there instead, what each place held where it looks
for the customer, the messages, and what would become of it; the exit code is 1 if a mail
is not taken as a chat. PROFILE is a name or a .toml file; with --config its settings, own
domains and agents count. template prints an annotated profile to start from.

  ticketbridge formats template > acme.toml
  ticketbridge formats test acme.toml *.eml`,
	flags: func(c *call) {
		c.flags.StringVar(&c.config, "config", "", "config `FILE`, for formats.dir and what is enabled; optional")
		c.jsonFlag()
	},
	run: (*app).formats,
}

const maxProfileSize = 1 << 20

// ownProfiles reads the operator's profiles, *.toml in dir. Each error is about
// one file or one thing in it.
func ownProfiles(dir string) (own []*mailparse.Profile, errs []error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %s", dir, reason(err))}
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".toml" {
			continue
		}
		p, err := loadProfile(filepath.Join(dir, e.Name()))
		if err != nil {
			errs = append(errs, unjoin(err)...)
			continue
		}
		own = append(own, p)
	}
	return own, errs
}

func loadProfile(file string) (*mailparse.Profile, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxProfileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxProfileSize {
		return nil, fmt.Errorf("%s: more than a profile can be", file)
	}
	return mailparse.LoadProfile(file, data)
}

// unjoin takes apart an error that is several.
func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// knownProfiles are the built-in profiles in the order they are tried, the
// operator's in the place of those of the same name, else behind.
func knownProfiles(own []*mailparse.Profile) ([]*mailparse.Profile, error) {
	known, err := mailparse.Builtin()
	if err != nil {
		return nil, err
	}
	for _, p := range own {
		if i := slices.IndexFunc(known, func(k *mailparse.Profile) bool { return k.Name == p.Name }); i >= 0 {
			known[i] = p
		} else {
			known = append(known, p)
		}
	}
	return known, nil
}

// profiles returns the enabled formats as the operator configured them.
func (c *config) profiles() ([]*mailparse.Profile, error) {
	own, errs := ownProfiles(c.Formats.Dir)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	settings := map[string]map[string]any{}
	for name, f := range c.Format {
		settings[name] = f.Settings
	}
	return mailparse.Assemble(own, settings, c.Formats.Enabled)
}

// parserOptions is what the parser needs to know of the installation.
func (c *config) parserOptions() (mailparse.Options, error) {
	ps, err := c.profiles()
	return mailparse.Options{Profiles: ps, OwnDomains: c.ownDomains(), Agents: c.agents()}, err
}

// unpinnedProfiles are all built-in formats, of any workspace: for looking at a
// mail without a config. Those that need settings to work are left out.
func unpinnedProfiles() ([]*mailparse.Profile, error) {
	known, err := mailparse.Builtin()
	if err != nil {
		return nil, err
	}
	var ps []*mailparse.Profile
	for _, p := range known {
		settings := map[string]any{}
		if len(p.Pins) > 0 {
			settings["any_workspace"] = true
		}
		if q, err := p.Configure(settings); err == nil {
			ps = append(ps, q)
		}
	}
	return ps, nil
}

type formatJSON struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Source   string         `json:"source"`
	Enabled  *bool          `json:"enabled"` // null without a config
	Pins     []string       `json:"pins"`
	Kinds    []string       `json:"kinds"`
	Evidence []evidenceJSON `json:"evidence"`
}

type evidenceJSON struct {
	Aspect string `json:"aspect"`
	Grade  string `json:"grade"`
	Date   string `json:"date"`
	Source string `json:"source"`
	Note   string `json:"note"`
}

func (a *app) formats(_ context.Context, c *call) error {
	if len(c.args) > 0 {
		switch c.args[0] {
		case "test":
			return a.testProfile(c)
		case "template":
			if err := c.wantArgs(1, 1); err != nil {
				return err
			}
			_, err := io.WriteString(a.stdout, mailparse.Template())
			return err
		}
		return usagef("%q: want test, template, or nothing%s", c.args[0], didYouMean(c.args[0], []string{"test", "template"}))
	}
	dir, enabled := "", func(string) *bool { return nil }
	if c.config != "" {
		cfg, err := a.loadConfig(c.config, false)
		if err != nil {
			return err
		}
		dir = cfg.Formats.Dir
		enabled = func(name string) *bool { on := slices.Contains(cfg.Formats.Enabled, name); return &on }
	}
	own, errs := ownProfiles(dir)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	known, err := knownProfiles(own)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(a.stdout, known, func(p *mailparse.Profile) formatJSON { return newFormatJSON(p, enabled(p.Name)) })
	}
	t := table{columns: []column{{"NAME", false}, {"ENABLED", false}, {"PINS", true}, {"EVIDENCE", true}, {"TITLE", true}}}
	for _, p := range known {
		on := cell{"-", plain}
		if e := enabled(p.Name); e != nil && *e {
			on = cell{"yes", good}
		} else if e != nil {
			on = cell{"no", dimmed}
		}
		t.add(cell{p.Name, bold}, on, cell{text: orDash(strings.Join(pinList(p), " "))}, cell{text: evidenceText(p)}, cell{text: printable(p.Title, 100)})
	}
	t.print(a.newScreen())
	return nil
}

func newFormatJSON(p *mailparse.Profile, on *bool) formatJSON {
	j := formatJSON{Name: p.Name, Title: p.Title, Source: p.Source, Enabled: on, Pins: orEmpty(pinList(p)), Kinds: orEmpty(p.Kinds()), Evidence: []evidenceJSON{}}
	for _, e := range p.Evidence {
		j.Evidence = append(j.Evidence, evidenceJSON(e))
	}
	return j
}

func pinList(p *mailparse.Profile) []string {
	var names []string
	for _, pin := range p.Pins {
		names = append(names, pin.Name)
	}
	return names
}

// evidenceText is "html A 2020-02 to 2021-03, subject A 2026-03".
func evidenceText(p *mailparse.Profile) string {
	var parts []string
	for _, e := range p.Evidence {
		parts = append(parts, strings.TrimSpace(printable(e.Aspect+" "+e.Grade+" "+e.Date, 100)))
	}
	return orDash(strings.Join(parts, ", "))
}
