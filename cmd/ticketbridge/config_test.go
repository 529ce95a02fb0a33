package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

// testApp is an app for questions about configs.
func testApp(env map[string]string) *app {
	return &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now,
		getenv: func(k string) string { return env[k] },
		open:   func(context.Context, *config, bool) (bridge.Store, error) { panic("nothing is to be opened") }}
}

// TestConfigProblems: each testdata/config/NAME.toml has NAME.want beside it,
// the problems and warnings the admin sees; "ok" where there are none.
func TestConfigProblems(t *testing.T) {
	dir := filepath.Join(repoRoot, "testdata", "config")
	files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".toml")
		t.Run(name, func(t *testing.T) {
			c, err := testApp(map[string]string{"ANN_PASSWORD": "s3cret-a", "SMTP_PASSWORD": "s3cret-b"}).loadConfig(file, true)
			got := "ok\n"
			if err != nil {
				got = err.Error() + "\n"
			}
			if c != nil {
				for _, w := range c.warnings {
					got += "warning: " + w.String() + "\n"
				}
			}
			got = strings.ReplaceAll(got, dir+"/", "")
			got = formatList.ReplaceAllString(got, "want one of …") // there will be more of them
			if strings.Contains(got, "s3cret") {
				t.Error("a password was shown")
			}
			wantFile := strings.TrimSuffix(file, ".toml") + ".want"
			if *update {
				if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

var formatList = regexp.MustCompile(`want one of intercom, .*`)

var commentedKey = regexp.MustCompile(`(?m)^#([a-z_]+ = |\[|"System" = )`)

// exampleText is config.toml.example; with defaults, the keys that only show
// their default are active too.
func exampleText(t *testing.T, defaults bool) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repoRoot, "config.toml.example"))
	if err != nil {
		t.Fatal(err)
	}
	if defaults {
		return commentedKey.ReplaceAllString(string(b), "$1")
	}
	return string(b)
}

// TestExampleLoads: the example is a config that works once the password files
// are there.
func TestExampleLoads(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"config.toml": exampleText(t, false), "ann.password": "a\n", "smtp.password": "b\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := testApp(nil).loadConfig(filepath.Join(dir, "config.toml"), true)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.warnings) > 0 {
		t.Errorf("warnings: %v", c.warnings)
	}
	if got := c.Mailboxes[0].Password.Reveal() + c.Transport.Password.Reveal(); got != "ab" {
		t.Errorf("passwords: %q", got)
	}
}

// TestExampleDescribesAChat: the generic format of the example is one that works.
func TestExampleDescribesAChat(t *testing.T) {
	c := newConfig()
	text := strings.Replace(exampleText(t, true), `enabled = ["intercom"]`, `enabled = ["intercom", "our-chat"]`, 1)
	d, err := decodeTOML("example", text, &c)
	if err != nil {
		t.Fatal(err)
	}
	x := &crosscheck{config: &c, decoder: d}
	x.formats()
	if len(d.problems) > 0 {
		t.Fatal(d.problems)
	}
	ps, err := c.profiles()
	if err != nil || len(ps) != 2 {
		t.Fatalf("%d profiles, %v", len(ps), err)
	}
	parser, err := mailparse.NewParser(mailparse.Options{Profiles: ps, OwnDomains: c.ownDomains(), Agents: c.agents()})
	if err != nil {
		t.Fatal(err)
	}
	m := parser.Parse([]byte("From: transcripts@chat.example\r\nTo: ann@example.com\r\nSubject: Chat transcript\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n\r\n" +
		"Session: x7\r\nChat\r\n[2026-11-24 11:00:00] Ada: Hello, my Email: victim@example.net\r\n[2026-11-24 11:01:00] Assistant: Hi\r\n" +
		"Visitor Details\r\nName: Ada\r\nEmail: ada@example.org\r\nCompany: Example Ltd\r\nPowered by Chat\r\n"))
	if m.Chat == nil {
		t.Fatal("not recognised")
	}
	got := []any{m.Chat.Action, m.Chat.Customer.Address, m.Chat.Customer.Attributes["company"], m.Chat.Conversation.ID, len(m.Chat.Turns)}
	if want := []any{mailparse.Process, "ada@example.org", "Example Ltd", "x7", 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v (%s)\n%s", got, want, m.Chat.Reason, m.ExplainText())
	}
}

// exampleSets are the keys whose values in the example are no defaults, for
// only the admin knows them.
var exampleSets = []string{
	"domain", "own_domains", "agents",
	"mailbox.name", "mailbox.host", "mailbox.username", "mailbox.password_file",
	"formats.enabled", "format.authenticate", "format.workspace_host", "format.app_id",
	"target.address", "transport.host", "transport.username", "transport.password_file",
}

// TestExampleShowsDefaults: with every commented key active the example decodes
// without an unknown key, each of its values but exampleSets is the default,
// and every key there is stands in it.
func TestExampleShowsDefaults(t *testing.T) {
	got := newConfig()
	d, err := decodeTOML("example", exampleText(t, true), &got)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.problems) > 0 {
		t.Fatal(d.problems)
	}
	want := newConfig()
	var m mailbox
	m.setDefaults()
	want.Mailboxes = []mailbox{m}
	want.Format = map[string]format{"intercom": {Settings: map[string]any{"any_workspace": false, "time_zone": "", "hold": "5m"}}}
	delete(got.Format, "our-chat") // described by the admin: there are no defaults

	have := values(reflect.ValueOf(got), "")
	for key, def := range values(reflect.ValueOf(want), "") {
		line := lineOf(d.lines, strings.NewReplacer("mailbox.", "mailbox[0].", "format.", "format.intercom.").Replace(key))
		if _, own := keyLine(d.lines, key); !own {
			t.Errorf("%s does not stand in the example", key)
			continue
		}
		if !slices.Contains(exampleSets, key) && !sameValue(have[key], def) {
			t.Errorf("line %d: %s is %v, the default %v", line, key, have[key], def)
		}
	}
	for _, key := range exampleSets {
		if _, own := keyLine(d.lines, key); !own {
			t.Errorf("%s does not stand in the example", key)
		}
	}
}

func keyLine(lines map[string]int, key string) (int, bool) {
	n, ok := lines[strings.NewReplacer("mailbox.", "mailbox[0].", "format.", "format.intercom.").Replace(key)]
	return n, ok
}

// sameValue: an empty list is as good as none.
func sameValue(a, b any) bool {
	if v := reflect.ValueOf(b); v.Kind() == reflect.Slice && v.Len() == 0 {
		return reflect.ValueOf(a).Len() == 0
	}
	return reflect.DeepEqual(a, b)
}

// values lists every key of a config with its value.
func values(v reflect.Value, path string) map[string]any {
	out := map[string]any{}
	for i := range v.NumField() {
		f, fv := v.Type().Field(i), v.Field(i)
		name, opt, _ := strings.Cut(f.Tag.Get("toml"), ",")
		key := join(path, name)
		switch {
		case opt == "rest":
			for _, k := range fv.MapKeys() {
				out[join(path, k.String())] = fv.MapIndex(k).Interface()
			}
			continue
		case f.Anonymous && name == "":
			key = path
		case name == "" || name == "-":
			continue
		}
		for fv.Kind() == reflect.Slice && fv.Type().Elem().Kind() == reflect.Struct && fv.Len() > 0 {
			fv = fv.Index(0)
		}
		if fv.Kind() == reflect.Map {
			for _, k := range fv.MapKeys() {
				for k, v := range values(fv.MapIndex(k), key) {
					out[k] = v
				}
			}
			continue
		}
		if fv.Kind() == reflect.Struct {
			for k, v := range values(fv, key) {
				out[k] = v
			}
			continue
		}
		out[key] = fv.Interface()
	}
	return out
}

// TestLoadForViews: the admin's views need no password and must not stumble
// over one that only the daemon may read.
func TestLoadForViews(t *testing.T) {
	file := filepath.Join(repoRoot, "testdata", "config", "ok-least.toml")
	c, err := testApp(nil).loadConfig(file, false)
	if err != nil {
		t.Fatal(err)
	}
	if c.Mailboxes[0].Password != "" {
		t.Error("a password was read")
	}
	if _, err := testApp(nil).loadConfig(file, true); err == nil || !strings.Contains(err.Error(), "ANN_PASSWORD is not set") {
		t.Errorf("the daemon needs it: %v", err)
	}
}

func TestConfigFileItself(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.toml")
	if err := os.WriteFile(big, make([]byte, maxConfigSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		filepath.Join(dir, "none.toml"): "no such file; config.toml.example is a start",
		dir:                             "not a regular file",
		big:                             "more than a config can be",
	} {
		if _, err := testApp(nil).loadConfig(file, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", file, err, want)
		}
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	c := newConfig()
	c.StateDir, c.Formats.Dir, c.Transport.CAFile = "state", "/abs", "ca.pem"
	c.Mailboxes = []mailbox{{}, {}}
	c.Mailboxes[1].CAFile = "x/ca.pem"
	c.anchor("/etc/tb")
	got := []string{c.StateDir, c.Formats.Dir, c.Transport.CAFile, c.Mailboxes[0].CAFile, c.Mailboxes[1].CAFile}
	if want := []string{"/etc/tb/state", "/abs", "/etc/tb/ca.pem", "", "/etc/tb/x/ca.pem"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
