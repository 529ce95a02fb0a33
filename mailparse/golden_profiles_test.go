package mailparse

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// goldenProfiles returns the profiles a golden file is read with: all built-in
// ones that are enabled, for any workspace, or those that profile: names. pin:
// lines set the operator's pins; a file named config holds whole [format.X]
// tables, a file named profile.toml a profile of the operator's own.
func goldenProfiles(t testing.TB, g *golden) []*Profile {
	t.Helper()
	settings := map[string]map[string]any{}
	if cfg := g.file("config"); cfg != nil {
		var c struct {
			Format map[string]map[string]any `toml:"format"`
		}
		if _, err := toml.Decode(string(cfg), &c); err != nil {
			t.Fatalf("%s: config: %v", g.path, err)
		}
		settings = c.Format
	}
	var own []*Profile
	if data := g.file("profile.toml"); data != nil {
		p, err := LoadProfile("profile.toml", data)
		if err != nil {
			t.Fatalf("%s: %v", g.path, err)
		}
		own = append(own, p)
	}
	enabled := strings.Fields(g.option("profile"))
	if len(enabled) == 0 {
		builtin, err := Builtin()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range builtin {
			if p.Enabled {
				enabled = append(enabled, p.Name)
			}
		}
	}
	for _, name := range enabled {
		pinGolden(t, g, name, own, settings)
	}
	ps, err := Assemble(own, settings, enabled)
	if err != nil {
		t.Fatalf("%s: %v", g.path, err)
	}
	return ps
}

// pinGolden fills in the pins of one format: those of pin: lines, else
// any_workspace, else (pins: none) nothing.
func pinGolden(t testing.TB, g *golden, name string, own []*Profile, settings map[string]map[string]any) {
	t.Helper()
	builtin, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(builtin, own...) {
		if p.Name != name || len(p.Pins) == 0 || settings[name] != nil {
			continue
		}
		s := map[string]any{}
		pinned := false
		for line := range strings.Lines(string(g.arc.Comment)) {
			v, ok := strings.CutPrefix(line, "pin:")
			key, value, _ := strings.Cut(strings.TrimSpace(v), "=")
			if ok && p.hasPin(key) {
				s[key], pinned = value, true
			}
		}
		if !pinned && g.option("pins") != "none" {
			s["any_workspace"] = true
		}
		settings[name] = s
	}
}
