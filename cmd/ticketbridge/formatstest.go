package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"ticketbridge/mailparse"
)

// testProfile tries one profile on mails, for whoever writes or mends it.
func (a *app) testProfile(c *call) error {
	if len(c.args) < 3 {
		return usagef("want test PROFILE MAIL…")
	}
	profile, opts, err := a.profileToTest(c, c.args[1])
	if err != nil {
		return err
	}
	parser, err := mailparse.NewParser(opts)
	if err != nil {
		return err
	}
	var failed error
	for i, name := range c.args[2:] {
		raw, err := a.readInput(name)
		if err != nil {
			fmt.Fprintf(a.stderr, "ticketbridge formats test: %s\n", printable(err.Error(), 1000))
			failed = errSilent
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprintf(a.stdout, "==> %s\n", printable(name, 256))
		t := parser.Try(profile, raw)
		a.explained(strings.Split(strings.TrimRight(t.Text(), "\n"), "\n"))
		if !t.Processed() {
			failed = errSilent
		}
	}
	return failed
}

// profileToTest is the profile a name or a .toml file means, with the settings
// of the config where there is one; without, of any workspace.
func (a *app) profileToTest(c *call, name string) (*mailparse.Profile, mailparse.Options, error) {
	var opts mailparse.Options
	var own []*mailparse.Profile
	settings := map[string]map[string]any{}
	if c.config != "" {
		cfg, err := a.loadConfig(c.config, false)
		if err != nil {
			return nil, opts, err
		}
		opts.OwnDomains, opts.Agents = cfg.ownDomains(), cfg.agents()
		var errs []error
		if own, errs = ownProfiles(cfg.Formats.Dir); len(errs) > 0 {
			return nil, opts, errors.Join(errs...)
		}
		for format, f := range cfg.Format {
			settings[format] = f.Settings
		}
	}
	if filepath.Ext(name) == ".toml" {
		p, err := loadProfile(name)
		if err != nil {
			return nil, opts, err
		}
		own, name = append(own, p), p.Name
	}
	if c.config == "" {
		known, err := knownProfiles(own)
		if err != nil {
			return nil, opts, err
		}
		var all []string
		for _, p := range known {
			all = append(all, p.Name)
			if p.Name == name && len(p.Pins) > 0 {
				settings[name] = map[string]any{"any_workspace": true}
			}
		}
		if !slices.Contains(all, name) {
			return nil, opts, usagef("%q: there is no such format%s", name, orElse(didYouMean(name, all), "; want a .toml file or one of "+strings.Join(all, ", ")))
		}
	}
	ps, err := mailparse.Assemble(own, settings, []string{name})
	if err != nil {
		return nil, opts, err // its keys name the format
	}
	return ps[0], opts, nil
}
