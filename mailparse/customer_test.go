package mailparse

import (
	"slices"
	"strings"
	"testing"
)

// THREATS T2: what can never be the customer.
func TestExcluded(t *testing.T) {
	own := []string{"corp.example", "Own.Test."}
	agents := []string{"ann@agents.example"}
	for _, c := range []struct{ address, want string }{
		{"ada@example.org", ""},
		{"support@customer.example", ""}, // a customer's own desk may ask
		{"ada@notcorp.example", ""},
		{"ada@corp.example.org", ""},
		{"boss@corp.example", "own domain"},
		{"BOSS@CORP.EXAMPLE", "own domain"},
		{"boss@mail.corp.example", "own domain"},
		{"boss@corp.example.", "own domain"},
		{"boss+x@corp.example", "own domain"},
		{`"boss"@corp.example`, "own domain"},
		{"support+id123@corp.example", "own domain"},
		{"x@own.test", "own domain"},
		{"ann@agents.example", "agent"},
		{"Ann+chat@Agents.Example", "agent"},
		{"anna@agents.example", ""},
		{"x@intercom.io", "chat product"},
		{"x@acme-01.intercom-mail.com", "chat product"},
		{"x@tawk.email", "chat product"},
		{"x@a.on.crisp.email", "chat product"},
		{"no-reply@shop.example", "nobody reads"},
		{"No-Reply+1@shop.example", "nobody reads"},
		{"MAILER-DAEMON@shop.example", "nobody reads"},
		{"postmaster@shop.example", "nobody reads"},
		{"", "not an address"},
		{"ada", "not an address"},
		{"@example.org", "not an address"},
	} {
		got := Excluded(c.address, own, agents)
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.address, got, c.want)
		}
	}
}

func TestAddressWords(t *testing.T) {
	for s, want := range map[string]string{
		"write to ada@example.org, please":              "ada@example.org",
		"(ada@example.org) <mailto:bo@example.net>":     "ada@example.org bo@example.net",
		"ada@example.org<mailto:ada@example.org>":       "ada@example.org ada@example.org",
		"see https://x.example/?u=a@b.example":          "",
		"@ada and 5 @ 3":                                "",
		"ada\u200b@example.org":                         "ada\u200b@example.org",
		"[cid:image001.png@01D0.example]":               "",
		"ada＠example.org":                               "ada＠example.org",
		"a@b.example\u00a0c@d.example":                  "a@b.example c@d.example",
		"MAILTO:ada@example.org":                        "ada@example.org",
		"Ada <ada@example.org>; Bo <bo@example.net>.":   "ada@example.org bo@example.net",
		"'ada@example.org' \"bo@example.net\" *c@d.ex*": "ada@example.org bo@example.net c@d.ex",
	} {
		if got := strings.Join(addressWords(s), " "); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestMailtoAddresses(t *testing.T) {
	for href, want := range map[string][]string{
		"mailto:ada@example.org":                     {"ada@example.org"},
		"MAILTO: ada%40example.org?cc=x@y.example":   {"ada@example.org"},
		"mailto:a@b.example,c@d.example":             {"a@b.example", "c@d.example"},
		"mailto:ada%E2%80%8B@example.org":            {"ada\u200b@example.org"},
		"mailto:":                                    nil,
		"https://example.org/mailto:ada@example.org": nil,
		"mailto:%zz@example.org":                     {"%zz@example.org"},
	} {
		if got := mailtoAddresses(href); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", href, got, want)
		}
	}
}

func TestLabelOf(t *testing.T) {
	labels := []string{"Email", "His email", "E-Mail"}
	for line, want := range map[string][2]string{
		"Email: ada@example.org":   {"Email", "ada@example.org"},
		"  EMAIL\tada@example.org": {"Email", "ada@example.org"},
		"Email":                    {"Email", ""},
		"Email:":                   {"Email", ""},
		"Email : x":                {"Email", "x"},
		"Email：x":                  {"Email", "x"},
		"*Email:* x":               {"Email", "x"},
		"His email: x":             {"His email", "x"},
		"E-Mail: x":                {"E-Mail", "x"},
		"Emailed you":              {},
		"Email-Adresse: x":         {},
		"My Email: x":              {},
		"":                         {},
	} {
		label, value := labelOf(line, labels)
		if label != want[0] || value != want[1] {
			t.Errorf("%q: %q %q, want %q", line, label, value, want)
		}
	}
}

func TestTidyName(t *testing.T) {
	for s, want := range map[string]string{
		"Ada  Example\n":         "Ada Example",
		"Ada\u202eelpmaxE":       "AdaelpmaxE",
		"A\x00d\x07a":            "Ada",
		"می\u200cخواهم":          "می\u200cخواهم",
		strings.Repeat("ü", 300): strings.Repeat("ü", 100),
	} {
		if got := tidyName(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"ada@example.org":        "ada@example.org",
		"a b":                    `"a b"`,
		"x\x1b]0;y\x07":          `"x\x1b]0;y\a"`,
		"a\nlevel=info":          `"a\nlevel=info"`,
		strings.Repeat("x", 200): strings.Repeat("x", 120) + "…",
	} {
		if got := printable(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

// Candidates: the winner comes first, the others say why not.
func TestCandidatesOrder(t *testing.T) {
	m := parseGolden(t, "intercom/agent-row-beside")
	cs := m.Chat.Candidates
	if len(cs) != 2 || cs[0].Address != "ada@example.org" || cs[0].Excluded != "" || !strings.Contains(cs[1].Excluded, "own domain") {
		t.Errorf("got %+v", cs)
	}
	m = parseGolden(t, "intercom/typed-address-and-none-real")
	cs = m.Chat.Candidates
	if len(cs) != 1 || cs[0].Address != "victim@example.net" || !strings.Contains(cs[0].Excluded, "typed in a message") {
		t.Errorf("what was typed is shown, and excluded: %+v", cs)
	}
	if cs := parseGolden(t, "intercom/typed-address-not-believed").Chat.Candidates; len(cs) != 1 {
		t.Errorf("with a winner nothing typed is listed: %+v", cs)
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	var body strings.Builder
	for i := range 1000 {
		body.WriteString(strings.Repeat("x", i%20+1) + "@example.net ")
	}
	raw := strings.Replace(string(goldenNamed(t, "intercom/lead-without-address").mail()), "Do you ship to islands?</p>", body.String()+"</p>", 1)
	m := goldenNamed(t, "intercom/lead-without-address").parser(t).Parse([]byte(raw))
	if n := len(m.Chat.Candidates); n != maxCandidates {
		t.Errorf("%d candidates", n)
	}
}

func goldenNamed(t testing.TB, name string) *golden {
	t.Helper()
	dir, _, _ := strings.Cut(name, "/")
	for _, g := range goldens(t, mailDir+"/"+dir) {
		if strings.HasSuffix(g.path, name+".txtar") {
			return g
		}
	}
	t.Fatalf("no golden file %s", name)
	return nil
}

func parseGolden(t testing.TB, name string) *Mail {
	t.Helper()
	g := goldenNamed(t, name)
	m := g.parser(t).Parse(g.mail())
	if m.Chat == nil {
		t.Fatalf("%s: no chat", name)
	}
	return m
}
