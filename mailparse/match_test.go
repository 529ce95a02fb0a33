package mailparse

import (
	"strings"
	"testing"
	"time"
)

// condition text as in a profile → one condition.
func conditionOf(t testing.TB, s string) condition {
	t.Helper()
	tb, err := parseTOML("c.toml", []byte("c = "+s))
	if err != nil {
		t.Fatal(err)
	}
	c, ok := tb.sub("c")
	if !ok {
		t.Fatal("not a table")
	}
	got := readCondition(c)
	if len(tb.f.problems) > 0 {
		t.Fatalf("%s: %v", s, tb.f.problems)
	}
	return got
}

func TestConditions(t *testing.T) {
	html := `<body id="x_top"><div id="x_m_-12box" class="x_a gmail-m_5b"><p>Write above</p><a href="https://app.example/c/1">x</a></div></body>`
	plain := "\n\nFirst line\nName: Ada\nsee https://app.example/c/2\n"
	h := Header{{"X-Shop-Id", "=?utf-8?q?caf=C3=A9?="}, {"x-shop-id", "second"}}
	withHTML := &view{from: Address{"Chat@Mail.Shop.example", "Ada via Shop"}, subject: "[EXTERNAL] Re: Fwd: [ACME] Ada: hi", header: h, plain: plain, date: time.Now()}
	withHTML.doc = parseHTML(html, nil)
	withHTML.body = withHTML.doc.all()
	onlyText := &view{from: withHTML.from, subject: withHTML.subject, plain: plain}
	for _, c := range []struct {
		cond       string
		html, text bool // holds with the HTML showing the profile's structure, and in text alone
	}{
		{`{ from_local = '^Chat$' }`, true, true},
		{`{ from_domain = ["shop.example"] }`, true, true},
		{`{ from_domain = "mail.shop.example" }`, true, true},
		{`{ from_domain = ["op.example", "xmail.shop.example"] }`, false, false},
		{`{ from_name = '\S via Shop$' }`, true, true},
		{`{ from_address = '(?i)^chat@mail\.shop\.example$' }`, true, true},
		{`{ subject = '^\[ACME\] Ada: hi$' }`, true, true},
		{`{ subject = '^\[EXTERNAL\]' }`, false, false},
		{`{ header = { name = "X-SHOP-ID", re = '^café$' } }`, true, false},
		{`{ header = { name = "X-Shop-Id", re = 'second' } }`, true, false},
		{`{ html_id = "box" }`, true, false},
		{`{ html_id = ["none", "top"] }`, true, false},
		{`{ html_class = "a" }`, true, false},
		{`{ html_class = "b" }`, true, false},
		{`{ html_class = "c" }`, false, false},
		{`{ html_text = { id = "box", re = '(?i)^\s*write above' } }`, true, false},
		{`{ text = '(?m)^Name: ' }`, false, true},
		{`{ first_line = '^First' }`, false, true},
		{`{ first_line = '^Name' }`, false, false},
		{`{ link = '/c/1$' }`, true, false},
		{`{ link = '/c/2$' }`, true, true},
	} {
		cond := conditionOf(t, c.cond)
		m := newMatcher(withHTML)
		m.structured = true
		if got := cond.holds(m); got != c.html {
			t.Errorf("%s in HTML: %v", c.cond, got)
		}
		if got := cond.holds(newMatcher(onlyText)); got != c.text {
			t.Errorf("%s in text: %v", c.cond, got)
		}
		if s := cond.String(); !strings.HasPrefix(s, strings.Fields(c.cond)[1]) {
			t.Errorf("%s is shown as %s", c.cond, s)
		}
	}
}

func TestConditionLists(t *testing.T) {
	yes, no := conditionOf(t, `{ subject = 'hi' }`), conditionOf(t, `{ subject = 'ho' }`)
	m := newMatcher(&view{subject: "hi"})
	for _, c := range []struct {
		cs   conditions
		want bool
	}{
		{conditions{}, true},
		{conditions{all: []condition{yes, yes}}, true},
		{conditions{all: []condition{yes, no}}, false},
		{conditions{any: []condition{no, yes}}, true},
		{conditions{any: []condition{no}}, false},
		{conditions{none: []condition{no}}, true},
		{conditions{all: []condition{yes}, none: []condition{yes}}, false},
	} {
		if got := c.cs.hold(m); got != c.want {
			t.Errorf("%+v: %v", c.cs, got)
		}
	}
}

// Every kind a built-in profile knows is covered by a golden file.
func TestEveryKindHasAGolden(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range goldens(t, mailDir) {
		if c := g.parser(t).Parse(g.mail()).Chat; c != nil {
			seen[c.Format+"/"+c.Kind] = true
		}
	}
	ps, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		for _, k := range p.kinds {
			if !seen[p.Name+"/"+k.name] {
				t.Errorf("no mail in %s is a %s/%s", mailDir, p.Name, k.name)
			}
		}
	}
	for _, want := range []string{"intercom/drift", "intercom/foreign", "livehelperchat/drift", "provide-support/transcript", "liveperson/transcript", "generic-labelled/transcript"} {
		if !seen[want] {
			t.Errorf("no mail is a %s", want)
		}
	}
}

// A megabyte that nearly matches costs milliseconds, not minutes (THREATS T20).
func TestNearMissesAreCheap(t *testing.T) {
	line := "[2026-08-21 13:12:52] [Ada "
	for name, body := range map[string]string{
		"labels":     "Name: x\nEmail: y\n" + strings.Repeat("Message :\nName: \nEmail: ", 60_000),
		"lines":      "Hello,\n\nBen has closed a chat\nName: a\nEmail: b@c.example\n\nMessage:\n" + strings.Repeat(line+"\n", 40_000),
		"one line":   "Hello,\n\nBen has closed a chat\nName: a\nEmail: b@c.example\n\nMessage:\n" + strings.Repeat(line, 40_000),
		"meta lines": "Write ABOVE to reply to\n" + strings.Repeat("a on 1 on 2 on 11 Mar, 6:30a on\n", 40_000),
		"at signs":   "Name: x\nEmail: " + strings.Repeat("a@", 500_000) + "\nMessage:\n",
		"links":      strings.Repeat("https://app.intercom.com/a/apps/x/", 30_000),
	} {
		raw := []byte("From: \"A via Intercom\" <notifications@a-0.intercom-mail.com>\nSubject: Chat was closed\n\n" + body)
		p := benchParser(t)
		b := newBudget(p.opts.Limits)
		l := readMessage(raw, b).letter("direct", b)
		from := cpuTime(t)
		p.transcript(p.view(l), b)
		l.from = Address{"chat@shop.example", ""}
		p.transcript(p.view(l), b)
		// The aim is 50 ms on a quiet machine; under -race and beside other
		// tests it is ten times that. A pattern that backtracks takes minutes.
		if took := cpuTime(t) - from; took > 3*time.Second {
			t.Errorf("%s: %v", name, took)
		} else {
			t.Logf("%s: %v", name, took)
		}
	}
}
