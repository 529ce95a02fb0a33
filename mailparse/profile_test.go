package mailparse

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestBuiltin(t *testing.T) {
	ps, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range ps {
		names = append(names, p.Name)
		if len(p.Evidence) == 0 {
			t.Errorf("%s: no evidence: an admin cannot tell how well the format is known", p.Name)
		}
		if p.label == nil && len(p.Kinds()) == 0 {
			t.Errorf("%s: no kinds", p.Name)
		}
		if p.Source != "built-in" {
			t.Errorf("%s: source %q", p.Name, p.Source)
		}
	}
	if !slices.Equal(names, builtinOrder) {
		t.Errorf("built-in formats\n got %v\nwant %v", names, builtinOrder)
	}
	off := []string{"zopim", "generic-labelled"}
	for _, p := range ps {
		if p.Enabled == slices.Contains(off, p.Name) {
			t.Errorf("%s: enabled = %v", p.Name, p.Enabled)
		}
	}
}

// Builtin shares its profiles; a caller's changes must not reach the next one.
func TestBuiltinIsNotShared(t *testing.T) {
	a, _ := Builtin()
	a[0] = nil
	b, _ := Builtin()
	if b[0] == nil {
		t.Fatal("the list is shared")
	}
	c, err := b[0].Configure(map[string]any{"app_id": "abcd1234"})
	if err != nil {
		t.Fatal(err)
	}
	if c.pin("app_id") != "abcd1234" || b[0].pin("app_id") != "" {
		t.Errorf("Configure changed the shared profile: %v %v", c.Pins, b[0].Pins)
	}
}

const minimal = `name = "x"
title = "X"
[match]
all = [{ from_local = '^x$' }]
[[kind]]
name = "message"
all = [{ subject = '.' }]
action = "park"
reason = "because"
`

func TestLoadProfileMinimal(t *testing.T) {
	p, err := LoadProfile("x.toml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "x" || p.Source != "x.toml" || p.Enabled || !p.Pinned() {
		t.Errorf("got %+v", p)
	}
}

func TestLoadProfileProblems(t *testing.T) {
	for _, c := range []struct{ name, toml, want string }{
		{"syntax", "name = \"x\"\ntitle = \n", "x.toml:2: expected value"},
		{"unknown key", minimal + "actoin = \"park\"\n", `x.toml:10: kind[0].actoin: unknown key; did you mean "action"?`},
		{"unknown top key", "enabeld = true\n" + minimal, `x.toml:1: enabeld: unknown key; did you mean "enabled"?`},
		{"key in another case", "Enabled = true\n" + minimal, `x.toml:1: Enabled: unknown key; did you mean "enabled"?`},
		{"type", "enabled = \"yes\"\n" + minimal, "x.toml:1: enabled: want true or false, not yes"},
		{"expression", strings.Replace(minimal, "'^x$'", "'^(x$'", 1), "x.toml:4: match.all[0].from_local: want a regular expression (RE2): error parsing regexp: missing closing ): `^(x$`"},
		{"lookahead", strings.Replace(minimal, "'^x$'", "'^(?=x)$'", 1), "x.toml:4: match.all[0].from_local: want a regular expression (RE2): error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
		{"two conditions in one", strings.Replace(minimal, "{ subject = '.' }", "{ subject = '.', text = 'x' }", 1), "x.toml:7: kind[0].all[0]: want exactly one condition in each { … }, not 2"},
		{"unknown condition", strings.Replace(minimal, "{ subject = '.' }", "{ subjekt = '.' }", 1), `x.toml:7: kind[0].all[0].subjekt: unknown key; did you mean "subject"?`},
		{"action", strings.Replace(minimal, `"park"`, `"drop"`, 1), `x.toml:8: kind[0].action: want "process", "ignore" or "park", not "drop"`},
		{"reason", strings.Replace(minimal, `"because"`, `""`, 1), `x.toml:9: kind[0].reason: required with action "park": a person will read it`},
		{"no match", "name = \"x\"\ntitle = \"X\"\n[match]\n[[kind]]\nname = \"a\"\nall = [{ subject = '.' }]\naction = \"process\"\n",
			"x.toml:3: match: want at least one condition in sender, all or any: this profile would take every mail"},
		{"name", strings.Replace(minimal, `"x"`, `"X Y"`, 1), `x.toml:1: name: want a name of small letters, digits and dashes, not "X Y"`},
		{"pin", "[pins]\ntenant = \"\"\n" + strings.Replace(minimal, "name = \"x\"\ntitle = \"X\"\n", "", 1), `x.toml:2: pins.tenant: unknown key`},
		{"zone", "time_zone = \"Berlin\"\n" + minimal, `x.toml:1: time_zone: want a place such as "Europe/Berlin" or "UTC", not "Berlin"`},
		{"key without id", minimal + "[conversation]\nkey = [\"app\"]\n", `x.toml:11: conversation.key: want "id" among its parts: without it all conversations are one`},
		{"link without id", minimal + "[conversation]\nlink = ['https://x/(\\d+)']\n", `x.toml:11: conversation.link[0]: want a group (?P<id>…) in it`},
		{"key with unknown pin", minimal + "[conversation]\nkey = [\"pin:app_id\", \"id\"]\n", `x.toml:11: conversation.key[0]: there is no pin "app_id" in [pins]`},
		{"unbounded locator", minimal + "[customer]\naddress = [\n  { text = { label = [\"Email\"] } },\n]\n",
			`x.toml:12: customer.address[0].text.before: required: the line that ends the region ("end" for the end of the mail). Without bounds a visitor could write there`},
		{"open above", minimal + "[customer]\naddress = [{ text = { label = [\"Email\"], before = \"end\" } }]\n",
			`x.toml:11: customer.address[0].text.after_last: required with before = "end": the line that begins the region. Without it a visitor could write there`},
		{"two places", minimal + "[customer]\naddress = [{ header = \"Reply-To\", subject_group = \"name\" }]\n",
			`x.toml:11: customer.address[0]: want exactly one of html, text, header, subject, subject_group, from_name, from; not 2`},
		{"take", minimal + "[customer]\naddress = [{ header = \"Reply-To\", take = \"first\" }]\n",
			`x.toml:11: customer.address[0].take: want one of only, mailto, link_text, group, not "first"`},
		{"role", minimal + "[turns.html]\npart = \"p\"\nrole = { user = \"boss\" }\n", `x.toml:12: turns.html.role.user: want one of customer, agent, bot, note, system, not "boss"`},
		{"layout", minimal + "[turns.html]\npart = \"p\"\ndate = [\"2 Jan\"]\n", `x.toml:12: turns.html.date: want a layout of Go's time package with hours in it, such as "2006-01-02 15:04:05", not "2 Jan"`},
		{"line without text", minimal + "[turns.text]\nline = ['^(?P<who>.*):']\n", `x.toml:11: turns.text.line[0]: want a group (?P<text>…) in it`},
		{"selector", minimal + "[turns.html]\npart = \"div p\"\n", `x.toml:11: turns.html.part: want a class ("name") or an id ("#name"), not "div p"`},
		{"hold", minimal + "[merge]\nhold = \"5\"\n", `x.toml:11: merge.hold: want a duration such as "90s" or "5m", not "5"`},
		{"process without customer", strings.Replace(minimal, `"park"`, `"process"`, 1), `x.toml: customer: required: a kind has action = "process"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadProfile("x.toml", []byte(c.toml))
			if err == nil {
				t.Fatalf("accepted, want %s", c.want)
			}
			if got := strings.Split(err.Error(), "\n"); !slices.Contains(got, c.want) && !strings.HasPrefix(got[0], c.want) {
				t.Errorf("\n got %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestLoadProfileReportsAllAtOnce(t *testing.T) {
	_, err := LoadProfile("x.toml", []byte("name = \"\"\nenabled = 1\nfoo = 2\n[match]\nall = [{ subject = '(' }]\n[[kind]]\nname = \"a\"\naction = \"\"\n"))
	problems, ok := errors.AsType[Problems](err)
	if !ok || len(problems) < 6 {
		t.Fatalf("got %d problems: %v", len(problems), err)
	}
	one, ok := errors.AsType[Problem](err)
	if !ok || one.File != "x.toml" || one.Key == "" {
		t.Errorf("a single problem: %+v", one)
	}
}

// The two worked profiles of the reference load as they stand there.
func TestLoadProfileOfTheReference(t *testing.T) {
	for _, name := range []string{"reference-intercom.toml", "reference-livehelperchat.toml"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := LoadProfile(name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A hostile or broken file is a list of problems, never a panic.
func FuzzLoadProfile(f *testing.F) {
	files, err := builtinFiles.ReadDir("formats")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range files {
		data, err := builtinFiles.ReadFile("formats/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(minimal))
	f.Add([]byte("kind = 1\nmatch = []\nturns = \"x\"\ncustomer = [1]\nevidence = { a = 1 }\n[[pins]]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := LoadProfile("f.toml", data)
		if (p == nil) == (err == nil) {
			t.Fatalf("profile %v, error %v", p, err)
		}
		if err != nil {
			return
		}
		// What loads can be used.
		parser, err := NewParser(Options{Profiles: []*Profile{p}, Explain: true})
		if err != nil {
			t.Fatal(err)
		}
		parser.Parse([]byte("From: a@b.example\nSubject: x\nContent-Type: text/html\n\n<p id=a class=b>x y@z.example</p>"))
	})
}

func TestKeyLines(t *testing.T) {
	lines := keyLines("a = 1\n# c\n[b]\nc = [\n  { d = 1 },\n  # no\n  { d = 2 },\n]\n[[k]]\nx = 1\n[[k]]\nx = 2\n")
	for key, want := range map[string]int{"a": 1, "b": 3, "b.c": 4, "b.c[0]": 5, "b.c[1]": 7, "k[0].x": 10, "k[1].x": 12} {
		if got := lines[key]; got != want {
			t.Errorf("%s: line %d, want %d", key, got, want)
		}
	}
}

func TestPatternLiterals(t *testing.T) {
	for re, want := range map[string]string{
		`^Name: `:                  "Name: ",
		`(?i)^name`:                "",
		`a|b`:                      "",
		`^\[(?P<x>\d+)\] \[(y+)\]`: "] [",
		`x{0,3}long`:               "long",
	} {
		p, err := compilePattern(re)
		if err != nil {
			t.Fatal(err)
		}
		if p.lit != want {
			t.Errorf("%s: literal %q, want %q", re, p.lit, want)
		}
	}
	if _, err := compilePattern(strings.Repeat("a", 3000)); err == nil {
		t.Error("an expression of 3000 characters is accepted")
	}
}

// A plain search before the expression must never change the answer.
func FuzzPattern(f *testing.F) {
	f.Add(`^(?P<who>.+?) on (?P<at>\d{1,2} .*)$`, "Ada on 11 Mar")
	f.Add(`(?:a|b)c+(?i:D)`, "acd")
	f.Add(`x*yz?`, "y")
	f.Fuzz(func(t *testing.T, re, s string) {
		p, err := compilePattern(re)
		if err != nil {
			return
		}
		if got, want := p.matches(s), p.re.MatchString(s); got != want {
			t.Errorf("%q on %q: %v, the expression says %v (literals %q %q)", re, s, got, want, p.lit, p.lit2)
		}
	})
}

func TestGlobPattern(t *testing.T) {
	for _, c := range []struct {
		glob, url string
		want      bool
	}{
		{"*.intercom-mail.com/q/*", "https://acme-01.intercom-mail.com/q/x/y", true},
		{"*.intercom-mail.com/q/*", "http://intercom-mail.com/q/x", true},
		{"*.intercom-mail.com/q/*", "https://evil-intercom-mail.com/q/x", false},
		{"*.intercom-mail.com/q/*", "https://x.example/?u=https://a.intercom-mail.com/q/x", false},
		{"via.intercom.io/o*", "https://via.intercom.io/o?x=1", true},
		{"*/assets/emails/notifications/*", "https://h.example/assets/emails/notifications/a.png", true},
	} {
		p, err := compilePattern(globPattern(c.glob))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.matches(c.url); got != c.want {
			t.Errorf("%s on %s: %v", c.glob, c.url, got)
		}
	}
}

func ExampleProblem() {
	fmt.Println(Problem{File: "acme.toml", Line: 7, Key: "kind[0].action", Text: "want \"process\""})
	// Output: acme.toml:7: kind[0].action: want "process"
}
