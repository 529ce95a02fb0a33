package mailparse

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Configure returns the profile with the operator's settings, which are the keys
// of [format.NAME] in the config but for authentication. It reports everything
// wrong with them at once, as Problems whose Key is relative to that table.
func (p *Profile) Configure(settings map[string]any) (*Profile, error) {
	t := settingsTable(settings)
	if p.label != nil {
		return p.configureLabelled(t)
	}
	c := *p
	c.Pins = slices.Clone(p.Pins)
	for i, pin := range c.Pins {
		t.used[pin.Name] = true
		if t.has(pin.Name) {
			c.Pins[i].Value = readPin(t, pin.Name)
		}
	}
	t.used["any_workspace"] = len(c.Pins) > 0
	if t.has("any_workspace") && len(c.Pins) > 0 {
		c.AnyWorkspace = t.boolean("any_workspace")
	}
	if t.has("time_zone") {
		c.zone = readZone(t)
	}
	if t.has("hold") {
		c.hold = t.duration("hold")
	}
	t.used["time_zone"], t.used["hold"] = true, true
	t.done()
	if len(t.f.problems) > 0 {
		return nil, t.f.problems
	}
	return &c, nil
}

var (
	hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.[a-z0-9-]+$`)
	appForm  = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
)

// readPin checks the form, so that a slip is an error and not a pin that never fits.
func readPin(t table, name string) string {
	v := strings.TrimSpace(t.str(name))
	if v == "" {
		return ""
	}
	switch name {
	case "workspace_host":
		if v = strings.ToLower(v); !hostForm.MatchString(v) {
			t.problem(name, `want the host alone, such as "acme-0123456789ab.intercom-mail.com", not %q`, v)
		}
	case "app_id":
		if !appForm.MatchString(v) {
			t.problem(name, `want the id as it stands in the links, such as "abcd1234", not %q`, v)
		}
	case "from_address":
		a, err := StrictAddress(v)
		if err != nil {
			t.problem(name, `want an address such as "chat@example.com": %v`, err)
		}
		v = a
	}
	return v
}

// basedOn is the key by which a format of the operator's own name is made of
// generic-labelled.
const basedOn = "based_on"

// Assemble puts the profiles together that a config asks for: the built-in ones
// and the operator's own files (which override by name), the settings of each
// format, and the names that are enabled. An empty enabled means all profiles
// that are enabled by themselves. Problems have keys as in the config:
// "format.intercom.app_id", "formats.enabled[2]".
func Assemble(own []*Profile, settings map[string]map[string]any, enabled []string) ([]*Profile, error) {
	known, err := Builtin()
	if err != nil {
		return nil, err
	}
	var problems Problems
	for _, p := range own {
		if i := slices.IndexFunc(known, func(k *Profile) bool { return k.Name == p.Name }); i >= 0 {
			known[i] = p
		} else {
			known = append(known, p)
		}
	}
	names := slices.Sorted(maps.Keys(settings))
	for _, name := range names {
		base, ok := settings[name][basedOn]
		if !ok {
			continue
		}
		i := slices.IndexFunc(known, func(k *Profile) bool { return k.label != nil && k.Name == base })
		if i < 0 {
			problems = append(problems, Problem{Key: "format." + name + "." + basedOn, Text: fmt.Sprintf(`want "generic-labelled", not %v`, base)})
			continue
		}
		copied := *known[i]
		copied.Name, copied.Title, copied.Source = name, name, "config"
		known = append(known, &copied)
	}
	ps, more := configured(known, settings, enabled)
	problems = append(problems, more...)
	for _, name := range names {
		if _, based := settings[name][basedOn]; !based && !slices.ContainsFunc(known, func(k *Profile) bool { return k.Name == name }) {
			problems = append(problems, Problem{Key: "format." + name, Text: "there is no such format; want one of " + nameList(known)})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return ps, nil
}

func configured(known []*Profile, settings map[string]map[string]any, enabled []string) (ps []*Profile, problems Problems) {
	for i, name := range enabled {
		if !slices.ContainsFunc(known, func(k *Profile) bool { return k.Name == name }) {
			problems = append(problems, Problem{Key: fmt.Sprintf("formats.enabled[%d]", i), Text: fmt.Sprintf("there is no format %q; want one of %s", name, nameList(known))})
		}
	}
	for _, p := range known {
		wanted := slices.Contains(enabled, p.Name) || len(enabled) == 0 && p.Enabled
		s, has := settings[p.Name]
		if !wanted && !has {
			continue
		}
		c, err := p.Configure(withoutKey(s, basedOn))
		if list, ok := err.(Problems); ok {
			for _, q := range list {
				q.Key = strings.TrimSuffix("format."+p.Name+"."+q.Key, ".")
				problems = append(problems, q)
			}
			continue
		}
		if wanted {
			ps = append(ps, c)
		}
	}
	return ps, problems
}

func withoutKey(m map[string]any, key string) map[string]any {
	if _, ok := m[key]; !ok {
		return m
	}
	m = maps.Clone(m)
	delete(m, key)
	return m
}

func nameList(ps []*Profile) string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}
