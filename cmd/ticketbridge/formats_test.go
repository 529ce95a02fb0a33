package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ticketbridge/bridge"
)

// ownProfile is the least a profile of an operator can be.
const ownProfile = `name = "NAME"
title = "Our own chat"
enabled = true
[evidence]
text = { grade = "A", date = "2026-11", source = "our own templates" }
[match]
all = [{ from_local = '^chat$' }]
[[kind]]
name = "message"
any = [{ subject = '^Chat ' }]
action = "process"
[customer]
address = [{ text = { label = ["Email"], before = '^Message:$' }, take = "only" }]
[turns.text]
from = ['^Message:$']
single = true
`

// withProfiles writes a config whose formats.dir holds the given files.
func withProfiles(t *testing.T, enabled string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "profiles"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "profiles", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(repoRoot, "testdata", "config", "ok-least.toml"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := strings.Replace(string(text), `enabled = ["intercom"]`, `enabled = ["intercom", "`+enabled+`"]`+"\ndir = \"profiles\"", 1)
	file := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(file, []byte(cfg+"[format."+enabled+"]\nauthenticate = \"none\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFormats(t *testing.T) {
	run := func(args ...string) (string, int) {
		var out bytes.Buffer
		a := testApp(nil)
		a.stdout, a.stderr = &out, &out
		code := a.run(t.Context(), append([]string{"formats"}, args...))
		return out.String(), code
	}
	out, code := run()
	if code != exitOK || !strings.Contains(out, "\nintercom ") || !strings.Contains(out, "workspace_host app_id") || !strings.Contains(out, "html A 2020-02 to 2021-03") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	if strings.Contains(out, " yes ") {
		t.Errorf("nothing is enabled without a config:\n%s", out)
	}
	file := withProfiles(t, "ours", map[string]string{"ours.toml": strings.Replace(ownProfile, "NAME", "ours", 1), "README": "not a profile"})
	out, code = run("--config", file)
	if code != exitOK || !strings.Contains(out, "Our own chat") || strings.Count(out, " yes ") != 2 {
		t.Errorf("exit %d:\n%s", code, out)
	}
	out, code = run("--config", file, "--json")
	if code != exitOK || !strings.Contains(out, `{"name":"ours","title":"Our own chat","source":"`+filepath.Dir(file)+`/profiles/ours.toml","enabled":true,"pins":[],"kinds":["message (process)"],"evidence":[{"aspect":"text","grade":"A","date":"2026-11","source":"our own templates","note":""}]}`) {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

// TestOwnProfileReplacesBuiltIn: a file named like a built-in takes its place.
func TestOwnProfileReplacesBuiltIn(t *testing.T) {
	file := withProfiles(t, "livehelperchat", map[string]string{"x.toml": strings.Replace(ownProfile, "NAME", "livehelperchat", 1)})
	c, err := testApp(map[string]string{"ANN_PASSWORD": "a", "SMTP_PASSWORD": "b"}).loadConfig(file, true)
	if err != nil {
		t.Fatal(err)
	}
	ps, err := c.profiles()
	if err != nil || len(ps) != 2 || ps[1].Title != "Our own chat" {
		t.Errorf("%v, %v", ps, err)
	}
}

// TestWrongProfileFile: what is wrong in a profile is reported with its own file
// and line, beside what is wrong in the config.
func TestWrongProfileFile(t *testing.T) {
	file := withProfiles(t, "ours", map[string]string{
		"ours.toml": strings.NewReplacer("NAME", "ours", "action", "acton").Replace(ownProfile),
		"big.toml":  strings.Repeat("#", maxProfileSize+1),
	})
	_, err := testApp(map[string]string{"ANN_PASSWORD": "a"}).loadConfig(file, true)
	if err == nil {
		t.Fatal("no problem")
	}
	for _, want := range []string{"profiles/ours.toml:11: kind[0].acton: ", "formats.dir: ", "/profiles/big.toml: more than a profile can be", "SMTP_PASSWORD is not set"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%s", want, err)
		}
	}
	gone := withProfiles(t, "ours", nil)
	if err := os.Remove(filepath.Join(filepath.Dir(gone), "profiles")); err != nil {
		t.Fatal(err)
	}
	if _, err := testApp(nil).loadConfig(gone, false); err == nil || !strings.Contains(err.Error(), "formats.dir: ") {
		t.Errorf("got %v", err)
	}
}

func TestWritten(t *testing.T) {
	for text, want := range map[string]string{"5d": "5d", "240h": "10d", "1h": "1h", "90m": "1h30m", "12m": "12m", "30s": "30s", "1h0m5s": "1h0m5s", "0s": "0s"} {
		var d bridge.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := written(d); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestFormatsTest: a profile is tried on mails, by name or as a file, and the
// exit code says whether all of them would become tickets.
func TestFormatsTest(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	run := func(args ...string) (out string, stderr string, code int) {
		var b, e bytes.Buffer
		a := testApp(nil)
		a.stdout, a.stderr = &b, &e
		code = a.run(t.Context(), append([]string{"formats"}, args...))
		return b.String(), e.String(), code
	}
	template, _, code := run("template")
	if code != exitOK {
		t.Fatalf("template: exit %d", code)
	}
	profile := write("acme.toml", template) // which loads, or the test below fails
	good := write("good.eml", "From: chat@acme.example\nSubject: Chat with Ada [17]\nDate: Tue, 24 Nov 2026 12:00:00 +0000\n\n"+
		"Visitor: Ada\nVisitor e-mail: ada@example.org\nTranscript:\n[24/11/2026 11:00] Ada: Hello?\n")
	bad := write("bad.eml", "From: chat@acme.example\nSubject: Chat with Ada [17]\n\nVisitor mail: ada@example.org\n")
	for _, tc := range []struct {
		name string
		args []string
		code int
		want []string // in stdout, or, with exit 2, in stderr
	}{
		{"a file", []string{profile, good}, exitOK, []string{"==> " + good, "yes text =~ (?m)^Visitor e-mail:", "customer      ada@example.org Ada", "turn        Ada (customer)", "process"}},
		{"one of two", []string{profile, good, bad}, exitFailed, []string{"==> " + bad, `not in the text, which begins "Visitor mail: ada@example.org"`, "result        no"}},
		{"a name", []string{"intercom", good}, exitFailed, []string{"no from_local =~ ^notifications$", "found: chat"}},
		{"unreadable", []string{profile, filepath.Join(dir, "none.eml"), good}, exitFailed, []string{"==> " + good}},
		{"no such format", []string{"intercon", good}, exitUsage, []string{`did you mean "intercom"?`}},
		{"no mail", []string{"intercom"}, exitUsage, []string{"want test PROFILE MAIL…"}},
		{"needs settings", []string{"generic-labelled", good}, exitFailed, []string{"generic-labelled.sender: required", "generic-labelled.line: required"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, stderr, code := run(append([]string{"test"}, tc.args...)...)
			if code == exitUsage || out == "" {
				out = stderr
			}
			for _, w := range tc.want {
				if code != tc.code || !strings.Contains(out, w) {
					t.Errorf("exit %d, no %q in:\n%s", code, w, out)
				}
			}
			if tc.name == "unreadable" && strings.Count(stderr, "\n") != 1 {
				t.Errorf("stderr:\n%s", stderr)
			}
		})
	}
	// With a config its settings count.
	cfg := withProfiles(t, "acme-chat", map[string]string{"acme.toml": template})
	if out, _, code := run("test", "--config", cfg, "acme-chat", good); code != exitFailed || !strings.Contains(strings.Join(strings.Fields(out), " "), `write [format.acme-chat] from_address = "chat@acme.example"`) {
		t.Errorf("unpinned: exit %d\n%s", code, out)
	}
	if _, stderr, code := run("tset"); code != exitUsage || !strings.Contains(stderr, `did you mean "test"?`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
