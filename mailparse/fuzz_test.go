package mailparse

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// The properties that hold for any bytes at all. They are checked on every
// golden mail, on random mutations of them in each test run, and by go test -fuzz.

// checkMail checks what must be true of any answer.
func checkMail(t *testing.T, raw []byte, m *Mail) {
	t.Helper()
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatalf("no JSON: %v", err)
	}
	if !json.Valid(out) || !utf8.Valid(out) {
		t.Error("the JSON is not valid UTF-8")
	}
	for name, s := range map[string]string{"subject": m.Subject, "text": m.Text, "comment": m.Comment, "reply": m.Reply, "unquoted": m.Unquoted, "outer subject": m.Outer.Subject, "outer text": m.Outer.Text, "from": m.From.Name + m.From.Address} {
		checkText(t, name, s)
	}
	for _, s := range []string{m.Subject, m.From.Name, m.From.Address, m.Outer.Subject, m.Outer.MessageID, m.Date} {
		if strings.ContainsAny(s, "\r\n") {
			t.Errorf("a header value holds a line end: %q", s)
		}
	}
	for _, f := range m.Outer.Header {
		if strings.ContainsAny(f.Name+f.Value, "\r\n\x00") || !utf8.ValidString(f.Value) {
			t.Errorf("header field %q: %q", f.Name, f.Value)
		}
	}
	for _, a := range m.Attachments {
		if a.Path == "" || a.ContentType == "" || a.Size < 0 || strings.ContainsAny(a.Filename, "\r\n\x00") || !utf8.ValidString(a.Filename+a.ContentType) {
			t.Errorf("attachment %+v", a)
		}
	}
	if c := m.Chat; c != nil {
		if c.Customer.Address != "" {
			if a, err := StrictAddress(c.Customer.Address); err != nil || a != c.Customer.Address {
				t.Errorf("the customer's address %q is not in normal form: %v", c.Customer.Address, err)
			}
		}
		checkText(t, "chat", c.Text)
	}
	if len(raw) < 1<<16 {
		invented(t, m)
	}
}

func checkText(t *testing.T, name, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%s is not valid UTF-8", name)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }); i >= 0 {
		t.Errorf("%s holds a control character: %q", name, s[i:min(len(s), i+10)])
	}
}

// invented: every word of the answer stands in the decoded mail. Reply and
// Unquoted may only leave out.
func invented(t *testing.T, m *Mail) {
	t.Helper()
	known := words(m.Text)
	for w := range words(dropBanners(m.Text)) { // a banner may have stood inside a word
		known[w] = true
	}
	for name, s := range map[string]string{"reply": m.Reply, "unquoted": m.Unquoted} {
		for w := range words(s) {
			if !known[w] && !strings.Contains(m.Text, w) { // an element may have begun inside a word
				t.Errorf("%s holds %q, which the body does not", name, w)
			}
		}
	}
	if len(m.Reply) > len(m.Unquoted) {
		t.Errorf("reply is longer than unquoted: %q, %q", m.Reply, m.Unquoted)
	}
}

func words(s string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsFuncSeq(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		set[w] = true
	}
	return set
}

func seeds(tb testing.TB) [][]byte {
	tb.Helper()
	var all [][]byte
	for _, g := range goldens(tb, mailDir) {
		if raw := g.mail(); len(raw) < 1<<16 {
			all = append(all, raw)
		}
	}
	return all
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	p := benchParser(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		start := time.Now()
		m := p.Parse(raw)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%d bytes took %v", len(raw), d)
		}
		checkMail(t, raw, m)
	})
}

func FuzzHeaderWords(f *testing.F) {
	for _, s := range []string{"", "plain", "=?utf-8?q?a=0D=0Ab?=", "=?utf-8?B?R3LDvA==?= =?utf-8?B?w58=?=", "=?x?=", "=?iso-2022-jp?B?GyRCGyhC?=", "=?gb2312?B?1sI=?=", "=?utf-8?q?=C3", "=?utf-16?b?AEE=?=", "=?utf-7?q?+AEA-?="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		out := decodeHeader(strings.ToValidUTF8(v, "?"))
		if !utf8.ValidString(out) || strings.ContainsAny(out, "\r\n\x00\x1b") {
			t.Errorf("decodeHeader(%q) = %q", v, out)
		}
	})
}

func FuzzAddressList(f *testing.F) {
	for _, s := range []string{"", "Ann <ann@example.com>", `"Doe, Ann" <ann@example.com>; b@example.com`, "g: a@example.com, b@example.com;", "<a@b<mailto:a@b>>", `"x@y"@z.example`, "a@b (c (d) e)", "Name [mailto:a@example.com]", "=?utf-8?q?a_=3Cb=40example.com=3E?="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		v = strings.ToValidUTF8(v, "?")
		for _, a := range parseAddressList(v) {
			if !utf8.ValidString(a.Address+a.Name) || strings.ContainsAny(a.Name, "\r\n\x00") {
				t.Errorf("parseAddressList(%q): %+v", v, a)
			}
			if n, err := StrictAddress(a.Address); err == nil && !strings.Contains(strings.ToLower(v), strings.ToLower(n[:strings.IndexByte(n, '@')])) && !strings.Contains(v, "=?") {
				t.Errorf("parseAddressList(%q) invented %q", v, n)
			}
		}
	})
}

func FuzzStrictAddress(f *testing.F) {
	for _, s := range []string{"ann@example.com", "a@bücher.example", "a@xn--bcher-kva.example", "=?q?@b.c", "a\u200b@b.c", "a@b.c\r\nX: y", `"a"@b.c`, "a@[1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		n, err := StrictAddress(v)
		if err != nil {
			return
		}
		if again, err := StrictAddress(n); err != nil || again != n {
			t.Errorf("%q → %q → %q, %v", v, n, again, err)
		}
		if strings.ContainsAny(n, " \t\r\n<>\"(),:;[]\\") || strings.Count(n, "@") != 1 || len(n) > 254 || !isASCII(n) {
			t.Errorf("%q → %q", v, n)
		}
	})
}

func FuzzWithoutQuotes(f *testing.F) {
	for _, g := range goldens(f, mailDir+"/quote") {
		_, body, _ := strings.Cut(string(g.file("mail")), "\n\n")
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = string(cleanLines([]byte(strings.ToValidUTF8(text, "?")), false))
		reply, unquoted := withoutQuotes(text)
		if r, u := withoutQuotes(unquoted); u != unquoted {
			t.Errorf("unquoted again:\n%q\n%q", unquoted, u)
		} else if r != reply {
			t.Errorf("reply of unquoted:\n%q\n%q", reply, r)
		}
		if r, _ := withoutQuotes(reply); r != reply {
			t.Errorf("reply again:\n%q\n%q", reply, r)
		}
		invented(t, &Mail{Text: text, Reply: reply, Unquoted: unquoted})
	})
}

// TestRandomMutations is a short bounded run of what the fuzzer does at length.
func TestRandomMutations(t *testing.T) {
	all := seeds(t)
	p := benchParser(t)
	n := 3000
	if testing.Short() {
		n = 300
	}
	rnd := rand.New(rand.NewPCG(1, 2)) // the same mails in every run
	for range n {
		raw := mutate(rnd, all)
		checkMail(t, raw, p.Parse(raw))
		if t.Failed() {
			t.Fatalf("mail:\n%q", raw)
		}
	}
}

// mutate takes one or two mails apart and puts them together wrongly.
func mutate(rnd *rand.Rand, all [][]byte) []byte {
	a, b := all[rnd.IntN(len(all))], all[rnd.IntN(len(all))]
	raw := append([]byte(nil), a...)
	for range 1 + rnd.IntN(5) {
		if len(raw) == 0 {
			break
		}
		i := rnd.IntN(len(raw))
		j := min(len(raw), i+rnd.IntN(200))
		switch rnd.IntN(7) {
		case 0:
			raw[i] = byte(rnd.IntN(256))
		case 1:
			raw = append(raw[:i], raw[j:]...)
		case 2:
			raw = append(raw[:i:i], append(append([]byte(nil), raw[i:j]...), raw[i:]...)...)
		case 3:
			k := rnd.IntN(len(b))
			raw = append(raw[:i:i], append(b[k:min(len(b), k+300):min(len(b), k+300)], raw[i:]...)...)
		case 4:
			raw = raw[:i]
		case 5:
			odd := []string{"\r", "\n", "\r\n\r\n", "\x00", "\xff", "\x1b$B", "=?", "?=", "--", "\"", "<", ">", "\u202e", "\u200b", "=", "%", ";", "--b1--", "> ", "Fwd: ", "From: "}
			raw = append(raw[:i:i], append([]byte(odd[rnd.IntN(len(odd))]), raw[i:]...)...)
		case 6:
			for k := i; k < j; k++ {
				raw[k] ^= 0x80
			}
		}
	}
	return raw
}
