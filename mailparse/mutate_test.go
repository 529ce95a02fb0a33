package mailparse

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime/quotedprintable"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

// rawMail is a mail that the mutations can take apart: one that is not damaged.
type rawMail struct{ head, body string }

func cutMail(raw []byte) (rawMail, bool) {
	head, body, ok := strings.Cut(string(raw), "\r\n\r\n")
	return rawMail{head + "\r\n", body}, ok && fieldLine.MatchString(head)
}

func (m rawMail) bytes() []byte { return []byte(m.head + "\r\n" + m.body) }

var (
	fieldLine     = regexp.MustCompile(`\A[A-Za-z-]+:`)
	typeField     = regexp.MustCompile(`(?im)^content-type:[ \t]*([^;\s]+)((?:.*\r\n[ \t])*.*)\r\n`)
	transferField = regexp.MustCompile(`(?im)^content-transfer-encoding:.*\r\n`)
	charsetParam  = regexp.MustCompile(`(?i)charset="?([\w-]+)"?`)
	boundaryParam = regexp.MustCompile(`(?i)boundary="?([^";\r\n]+)"?`)
)

// leafs calls do for every text part that is not encoded.
func (m rawMail) leafs(do func(rawMail) rawMail) rawMail {
	kind := typeField.FindStringSubmatch(m.head)
	switch {
	case kind != nil && strings.HasPrefix(strings.ToLower(kind[1]), "multipart/"):
		b := boundaryParam.FindStringSubmatch(kind[2])
		if b == nil || strings.Contains(m.head, "multipart/signed") {
			return m
		}
		parts := strings.Split("\r\n"+m.body, "\r\n--"+b[1])
		for i := 1; i < len(parts); i++ {
			if strings.HasPrefix(parts[i], "--") {
				break
			}
			if p, ok := cutMail([]byte(strings.TrimPrefix(parts[i], "\r\n"))); ok {
				parts[i] = "\r\n" + string(p.leafs(do).bytes())
			}
		}
		m.body = strings.TrimPrefix(strings.Join(parts, "\r\n--"+b[1]), "\r\n")
	case kind == nil || strings.HasPrefix(strings.ToLower(kind[1]), "text/"):
		if enc := transferField.FindString(m.head); enc == "" || strings.Contains(enc, "7bit") || strings.Contains(enc, "8bit") {
			return do(m)
		}
	}
	return m
}

func (m rawMail) encoded(name, body string) rawMail {
	m.head = transferField.ReplaceAllString(m.head, "") + "Content-Transfer-Encoding: " + name + "\r\n"
	m.body = body
	return m
}

func base64Lines(data []byte) string {
	s := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return b.String() + s + "\r\n"
}

// mailMutations are what happens to a mail on its way and changes nothing of
// what it says. ok is false where it does not apply.
var mailMutations = []struct {
	name string
	do   func(m rawMail) (out []byte, ok bool)
}{
	{"LF only", func(m rawMail) ([]byte, bool) { return bytes.ReplaceAll(m.bytes(), []byte("\r\n"), []byte("\n")), true }},
	{"trace fields", func(m rawMail) ([]byte, bool) {
		m.head = "Return-Path: <bounce@relay.example.net>\r\nReceived: from relay.example.net (relay.example.net [192.0.2.7])\r\n\tby mx.example.com with ESMTPS id 4711\r\n\tfor <ann@example.com>; Tue, 24 Nov 2026 09:10:11 +0000\r\nAuthentication-Results: mx.example.com; spf=pass\r\n" + m.head
		return m.bytes(), true
	}},
	{"blanks at line ends", func(m rawMail) ([]byte, bool) {
		if strings.Contains(m.head, "flowed") {
			return nil, false
		}
		out := m.leafs(func(p rawMail) rawMail {
			p.body = regexp.MustCompile(`(?m)([^ \r\n])\r$`).ReplaceAllString(p.body, "$1 \r")
			return p
		})
		return out.bytes(), true
	}},
	{"base64", func(m rawMail) ([]byte, bool) {
		return m.leafs(func(p rawMail) rawMail { return p.encoded("base64", base64Lines([]byte(p.body))) }).bytes(), true
	}},
	{"quoted-printable", func(m rawMail) ([]byte, bool) {
		return m.leafs(func(p rawMail) rawMail {
			var b strings.Builder
			w := quotedprintable.NewWriter(&b)
			w.Write([]byte(p.body))
			w.Close()
			return p.encoded("quoted-printable", b.String())
		}).bytes(), true
	}},
	{"UTF-16", func(m rawMail) ([]byte, bool) {
		return m.leafs(func(p rawMail) rawMail {
			if cs := charsetParam.FindStringSubmatch(p.head); cs == nil || !strings.EqualFold(cs[1], "utf-8") {
				return p
			}
			wide, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(p.body)
			if err != nil || !utf8.ValidString(p.body) {
				return p
			}
			p.head = charsetParam.ReplaceAllString(p.head, "charset=utf-16")
			return p.encoded("base64", base64Lines([]byte(wide)))
		}).bytes(), true
	}},
	{"fields in capitals", func(m rawMail) ([]byte, bool) {
		m.head = regexp.MustCompile(`(?m)^[A-Za-z-]+:`).ReplaceAllStringFunc(m.head, strings.ToUpper)
		return m.bytes(), true
	}},
}

// said is what a mail says, apart from blanks at line ends.
func said(t *testing.T, m *Mail) string {
	t.Helper()
	chat, err := json.Marshal(m.Chat)
	if err != nil {
		t.Fatal(err)
	}
	all, err := json.MarshalIndent(struct {
		Forwarded                      bool
		From                           Address
		To, Cc                         []Address
		Subject, Date                  string
		Text, Comment, Reply, Unquoted string
		Chat                           string
	}{m.Forwarded, m.From, m.To, m.Cc, m.Subject, m.Date, bare(m.Text), bare(m.Comment), bare(m.Reply), bare(m.Unquoted), string(chat)}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func bare(s string) string {
	return regexp.MustCompile(`(?m)[ \t]+$`).ReplaceAllString(s, "")
}

// TestMutatedGoldens: what a mail says does not depend on how it was carried.
func TestMutatedGoldens(t *testing.T) {
	for _, g := range goldens(t, mailDir) {
		if g.option("bytes") == "exact" || g.option("mutations") != "" {
			continue
		}
		name, _ := filepath.Rel(mailDir, g.path)
		t.Run(strings.TrimSuffix(name, ".txtar"), func(t *testing.T) {
			t.Parallel()
			raw := g.mail()
			m, ok := cutMail(raw)
			if !ok {
				return
			}
			p := g.parser(t)
			want := said(t, p.Parse(raw))
			for _, mut := range mailMutations {
				if out, ok := mut.do(m); ok {
					if got := said(t, p.Parse(out)); got != want {
						t.Errorf("%s: %s", mut.name, firstDifference([]byte(got), []byte(want)))
					}
				}
			}
		})
	}
}

// hops are ways a person passes a mail on. ok is false where the way does not
// apply.
var hops = []struct {
	name string
	do   func(m rawMail, l *letter) (mail string, ok bool)
}{
	{"attached", func(m rawMail, l *letter) (string, bool) {
		return "Content-Type: multipart/mixed; boundary=hop\r\n\r\n--hop\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n" +
			"--hop\r\nContent-Type: message/rfc822\r\n\r\n" + string(m.bytes()) + "\r\n--hop--\r\n", true
	}},
	{"Gmail text", func(m rawMail, l *letter) (string, bool) {
		return "Content-Type: text/plain; charset=utf-8\r\n\r\nSee below.\r\n\r\n---------- Forwarded message ---------\r\n" + l.block("From: %\nDate: %\nSubject: %\nTo: %\n\n\n") + l.text() + "\r\n", l.plain != "" && l.doc == nil
	}},
	{"Outlook text", func(m rawMail, l *letter) (string, bool) {
		return "Content-Type: text/plain; charset=utf-8\r\n\r\nSee below.\r\n\r\n________________________________\r\n" + l.block("From: %\nSent: %\nSubject: %\nTo: %\n\n") + l.text() + "\r\n", l.plain != "" && l.doc == nil
	}},
	{"Apple text", func(m rawMail, l *letter) (string, bool) {
		return "Content-Type: text/plain; charset=utf-8\r\n\r\nSee below.\r\n\r\n> Begin forwarded message:\r\n> \r\n" +
			eachLine(l.block("From: %\nDate: %\nSubject: %\nTo: %\n\n")+l.text(), func(s string) string { return "> " + s }), l.plain != "" && l.doc == nil
	}},
	{"Gmail HTML", func(m rawMail, l *letter) (string, bool) {
		block := strings.ReplaceAll(escapeHTML(l.block("From: %\nDate: %\nSubject: %\nTo: %\n")), "\n", "<br>\n")
		return "Content-Type: text/html; charset=utf-8\r\n\r\n<div dir=\"ltr\">See below.<br><br><div class=\"gmail_quote\"><div dir=\"ltr\" class=\"gmail_attr\">---------- Forwarded message ---------<br>" + block + "</div><br><br>" +
			hopMarks.ReplaceAllString(l.source(), "$1\"m_-4711m_12$2") + "</div></div>\r\n", l.plain == ""
	}},
	{"Outlook HTML", func(m rawMail, l *letter) (string, bool) {
		block := strings.ReplaceAll(escapeHTML(l.block("From: %\nSent: %\nSubject: %\nTo: %\n")), "\n", "<br>\n")
		block = regexp.MustCompile(`(?m)^\w+:`).ReplaceAllString(block, "<b>$0</b>")
		return "Content-Type: text/html; charset=utf-8\r\n\r\n<div>See below.</div><div id=\"appendonsend\"></div><hr style=\"display:inline-block;width:98%\" tabindex=\"-1\"><div id=\"divRplyFwdMsg\" dir=\"ltr\"><font>" + block + "</font><div>&nbsp;</div></div><div>" +
			hopMarks.ReplaceAllString(l.source(), "$1\"x_$2") + "</div>\r\n", l.plain == ""
	}},
}

var hopMarks = regexp.MustCompile(`\b((?:id|class)=)"([\w-]+)`)

func (l *letter) source() string {
	if l.message == nil {
		return ""
	}
	return l.message.html
}

// block fills in From, date, Subject and To.
func (l *letter) block(form string) string {
	for _, v := range []string{mailboxText(l.from), l.date, l.subject, "Support <support@example.com>"} {
		form = strings.Replace(form, "%", v, 1)
	}
	return form
}

func mailboxText(a Address) string {
	if a.Name == "" {
		return a.Address
	}
	return a.Name + " <" + a.Address + ">"
}

// TestForwardedGoldens: a mail says the same when it was passed on; of a chat
// mail the customer is the same, or nobody: never another.
func TestForwardedGoldens(t *testing.T) {
	for _, g := range goldens(t, mailDir) {
		if g.option("bytes") == "exact" || g.option("hops") != "" {
			continue
		}
		name, _ := filepath.Rel(mailDir, g.path)
		t.Run(strings.TrimSuffix(name, ".txtar"), func(t *testing.T) {
			t.Parallel()
			raw := g.mail()
			p := g.parser(t)
			want := p.Parse(raw)
			m, ok := cutMail(raw)
			if !ok || want.Forwarded || want.Auto || want.From.Address == "" || want.Subject == "" || want.Date == "" {
				return
			}
			b := newBudget(DefaultLimits)
			l := readMessage(raw, b).letter("direct", b)
			for _, hop := range hops {
				if body, ok := hop.do(m, l); ok {
					checkHop(t, hop.name, want, p.Parse([]byte("From: Ann <ann@desk.example>\r\nTo: tickets@desk.example\r\nSubject: Fwd: "+want.Subject+"\r\nDate: Tue, 24 Nov 2026 12:00:00 +0100\r\nMIME-Version: 1.0\r\n"+body)))
				}
			}
		})
	}
}

func checkHop(t *testing.T, hop string, want, got *Mail) {
	t.Helper()
	if want.Chat != nil && got.Chat != nil {
		if c := got.Chat.Customer.Address; c != want.Chat.Customer.Address && c != "" {
			t.Errorf("%s: customer %s instead of %s", hop, c, want.Chat.Customer.Address)
		}
		if got.Chat.Action != want.Chat.Action && got.Chat.Action != Park {
			t.Errorf("%s: %s instead of %s", hop, got.Chat.Action, want.Chat.Action)
		}
		return
	}
	if !got.Forwarded || got.Comment != "See below." {
		t.Errorf("%s: forwarded %v, comment %q", hop, got.Forwarded, got.Comment)
	}
	for _, f := range []struct{ name, got, want string }{
		{"from", mailboxText(got.From), mailboxText(want.From)}, {"subject", squeeze(got.Subject), squeeze(want.Subject)}, {"date", got.Date, want.Date},
		{"body", squeeze(got.Text), squeeze(want.Text)}, {"reply", squeeze(got.Reply), squeeze(want.Reply)}, {"unquoted", squeeze(got.Unquoted), squeeze(want.Unquoted)},
	} {
		if f.got != f.want {
			t.Errorf("%s: %s\n got %q\nwant %q", hop, f.name, f.got, f.want)
		}
	}
}
