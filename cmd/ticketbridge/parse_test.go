package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// parseTry runs parse on texts given as files; "-" in args is the stdin.
func parseTry(t *testing.T, stdin string, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	a := testApp(nil)
	a.stdin, a.stdout, a.stderr = strings.NewReader(stdin), &o, &e
	code = a.run(t.Context(), append([]string{"parse"}, args...))
	return o.String(), e.String(), code
}

func demoFile(t *testing.T, file string) string {
	t.Helper()
	for _, m := range demoStory {
		if m.file == file {
			raw, err := m.render(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), file)
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	t.Fatalf("no %s", file)
	return ""
}

// TestParseUnreadable: what cannot be read costs the exit code and a line on
// stderr; the others are answered in order.
func TestParseUnreadable(t *testing.T) {
	dir := t.TempDir()
	var args []string
	for _, name := range []string{"a", "missing", "b", "dir", "c"} {
		file := filepath.Join(dir, name)
		switch name {
		case "missing":
		case "dir":
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
		default:
			if err := os.WriteFile(file, []byte("Subject: "+name+"\n\nhi\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args = append(args, file)
	}
	out, errs, code := parseTry(t, "", append([]string{"--json"}, args...)...)
	var subjects []string
	for line := range strings.Lines(out) {
		var m struct{ Subject string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		subjects = append(subjects, m.Subject)
	}
	if code != exitFailed || strings.Join(subjects, " ") != "a b c" {
		t.Errorf("exit %d, answered %q", code, subjects)
	}
	if want := "ticketbridge parse: " + args[1] + ": no such file or directory\nticketbridge parse: read " + args[3] + ": is a directory\n"; errs != want {
		t.Errorf("got %q, want %q", errs, want)
	}
}

// TestParseAnswersForAnyBytes: exit 0 and one valid JSON object, always.
func TestParseAnswersForAnyBytes(t *testing.T) {
	for _, in := range []string{"", "\x00", "no mail at all", "From: a@example.org\r\n\r\nhi", strings.Repeat("\xff", 5000), "Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n"} {
		out, errs, code := parseTry(t, in, "--json")
		if code != exitOK || errs != "" || strings.Count(out, "\n") != 1 {
			t.Fatalf("%.20q: exit %d, %q, %q", in, code, out, errs)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Errorf("%.20q: %v", in, err)
		}
		for _, key := range []string{"forwarded", "from_address", "to", "body_text", "reply_text", "outer", "chat", "warnings"} {
			if _, ok := got[key]; !ok {
				t.Errorf("%.20q: no %q", in, key)
			}
		}
		if _, ok := got["explain"]; ok {
			t.Error("explain is not in the contract")
		}
		if _, _, code := parseTry(t, in, "-"); code != exitOK {
			t.Errorf("%.20q for people: exit %d", in, code)
		}
	}
}

func TestParseFiles(t *testing.T) {
	a, b := demoFile(t, "01-new-chat.eml"), demoFile(t, "08-newsletter.eml")
	out, errs, code := parseTry(t, "", "--json", a, "/nonexistent.eml", b)
	if code != exitFailed || !strings.Contains(errs, "/nonexistent.eml: no such file") {
		t.Errorf("exit %d, %q", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"address":"ada@example.org"`) || !strings.Contains(lines[1], `"chat":null`) {
		t.Errorf("want one object a line, in order: %s", out)
	}
	out, _, code = parseTry(t, "", a, b)
	if code != exitOK || !strings.HasPrefix(out, "==> "+a) || !strings.Contains(out, "\n==> "+b) {
		t.Errorf("exit %d: %s", code, out)
	}
}

// TestParseForPeople: short and useful; --explain names what was decided by.
func TestParseForPeople(t *testing.T) {
	for _, tt := range []struct {
		file    string
		want    []string
		explain []string
	}{
		{"01-new-chat.eml",
			[]string{"chat        intercom, kind message, process\n", "customer    Ada Example <ada@example.org> (", "plan: trial", "customer Ada\n    Hello, we have moved"},
			[]string{"format intercom, kind message", "ada@example.org", "conversation  id 1964"}},
		{"05-typed-address.eml",
			[]string{"customer    Mal Visitor <mal@example.org>", "    EMAIL victim@example.net\n"},
			[]string{"mal@example.org"}},
		{"07-forward.eml",
			[]string{"forwarded   by Ben Agent <ben@example.com> (inline), who wrote: This one came", "customer    Cleo Sample <cleo@example.net>"},
			[]string{"inline forward"}},
		{"08-newsletter.eml",
			[]string{"automatic ", "chat        no: no format knows this mail\n", "\n    This month: ten talks"},
			[]string{"no format knows this mail"}},
	} {
		file := demoFile(t, tt.file)
		for _, try := range []struct {
			args []string
			want []string
		}{{[]string{file}, tt.want}, {[]string{"--explain", file}, tt.explain}} {
			out, errs, code := parseTry(t, "", try.args...)
			if code != exitOK || errs != "" {
				t.Errorf("%s: exit %d, %q", tt.file, code, errs)
			}
			for _, w := range try.want {
				if !strings.Contains(out, w) {
					t.Errorf("%v: no %q in:\n%s", try.args, w, out)
				}
			}
		}
	}
}

// TestParseJSONExplains: with --explain the object has one field more.
func TestParseJSONExplains(t *testing.T) {
	out, _, code := parseTry(t, "", "--json", "--explain", demoFile(t, "01-new-chat.eml"))
	var got struct {
		Chat    map[string]any
		Explain []string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	if got.Chat["format"] != "intercom" || !strings.Contains(strings.Join(got.Explain, "\n"), "intercom") {
		t.Errorf("got %+v", got)
	}
}

func TestParseProfile(t *testing.T) {
	file := demoFile(t, "01-new-chat.eml")
	if out, _, code := parseTry(t, "", "--profile", "livehelperchat", file); code != exitOK || !strings.Contains(out, "no format knows this mail") {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, errs, code := parseTry(t, "", "--profile", "intercon", file); code != exitUsage || !strings.Contains(errs, `did you mean "intercom"?`) {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestParseWithConfig: own domains are no customers.
func TestParseWithConfig(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repoRoot, "testdata", "config", "ok-least.toml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "c.toml")
	own := strings.Replace(string(text), `own_domains = ["example.com"]`, `own_domains = ["example.com", "example.org"]`, 1)
	if err := os.WriteFile(file, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := parseTry(t, "", "--json", "--config", file, demoFile(t, "01-new-chat.eml"))
	if code != exitOK || !strings.Contains(out, `"action":"park"`) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
