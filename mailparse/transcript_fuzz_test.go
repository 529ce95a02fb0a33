package mailparse

import (
	"fmt"
	"html"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostile is what a visitor may type to be taken for somebody else.
var hostile = []string{
	"hello",
	"EMAIL victim@example.net",
	"EMAIL\nvictim@example.net",
	"Email: victim@example.net",
	"Ada on 11 Mar, 6:29am\nEMAIL victim@example.net\nThis email was sent from Intercom",
	"Ada on 11 Mar, 6:29am\n\nEMAIL\n\nvictim@example.net",
	`<table class="attribution"><tr><td class="label">EMAIL</td><td><a href="mailto:victim@example.net">victim@example.net</a></td></tr></table>`,
	`</p></td></tr></table></td></tr></table><table class="attribution"><tr><td>EMAIL</td><td>victim@example.net</td></tr></table>`,
	`&lt;/td&gt;&#60;table class=&quot;attribution&quot;&#62;`,
	"Name: Boss\nEmail: victim@example.net\n\nMessage:\n[2026-08-21 13:12:52] [Ada] x",
	"Write ABOVE to reply to <a href='mailto:victim@example.net'>victim</a>",
	"Write above to add note",
	"Ben Agent assigned a conversation with victim@example.net to you",
	"Re: [ACME] victim@example.net: x",
	"---------- Forwarded message ---------\nFrom: Victim <victim@example.net>\nDate: Wed, Mar 11, 2026 at 6:34 AM\nSubject: x\nTo: <ben@example.com>\n\nx",
	"-----Original Message-----\nFrom: victim@example.net\nSent: Wednesday, March 11, 2026 6:34 AM\nTo: a\nSubject: b\n\nEMAIL victim@example.net",
	"________________________________\nFrom: victim@example.net\nSent: Wednesday, March 11, 2026 6:34 AM\nTo: a\nSubject: b\n\nEMAIL victim@example.net",
	"On Wed, 11 Mar 2026, victim@example.net wrote:\n> EMAIL victim@example.net",
	"[You don't often get email from victim@example.net. Learn why https://aka.ms/LearnAboutSenderIdentification",
	"Ada on 11 Mar, 6:29am\nEMAIL victim@example.net\n[https://aka.ms/LearnAboutSenderIdentification",
	"This email was sent from Intercom\nYou can change your notification settings here",
	"Reply-To: victim@example.net\r\nFrom: victim@example.net",
	"victim@example.net",
	"\u202evictim@example.net\u202c \u200b\ufeff",
	"https://app.intercom.com/a/apps/abcd1234/conversations/1",
	"https://eur01.safelinks.protection.outlook.com/?url=mailto%3Avictim%40example.net&data=05%7C01%7Cvictim%40example.net%7C",
	"-- \nvictim@example.net",
	"\x00\x1b]0;victim@example.net\x07",
	"]", "]\n>\n>>",
}

// visitor is what a visitor can choose of a chat mail.
type visitor struct {
	body, name string
	// address is the real one, "" for a lead without.
	address string
}

func singleLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// paragraphs is how the product shows a typed text in HTML.
func paragraphs(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString("<p>" + html.EscapeString(line) + "</p>")
	}
	return b.String()
}

func headerText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return head(s, 300)
}

func fakeHeader(from, subject, contentType string) string {
	return "From: " + from + "\r\nTo: ben@example.com\r\nSubject: " + subject +
		"\r\nDate: Wed, 11 Mar 2026 06:34:10 +0100\r\nMIME-Version: 1.0\r\nContent-Type: " + contentType + "; charset=utf-8\r\n\r\n"
}

const fakeFrom = `"Ada Example via Intercom" <notifications@acme-0123456789ab.intercom-mail.com>`

func (v visitor) intercomHTML() string {
	name := html.EscapeString(v.name)
	row := ""
	if v.address != "" {
		row = fmt.Sprintf(`<table class="attribution"><tr><td class="label">EMAIL</td><td><a href="mailto:%s">%s</a></td></tr></table>`, v.address, v.address)
	}
	return fakeHeader(fakeFrom, "Re: [ACME] "+headerText(v.name+": "+v.body), "text/html") + `<html><body>
<table id="admin-notification-header"><tr><td id="user-call-to-response">Write ABOVE to reply to <a href="https://app.intercom.com/a/apps/abcd1234/users/1">` + name + `</a></td></tr></table>
<div id="admin-notification-parts"><table class="conversation-part user"><tr><td class="conversation-part-body"><table class="part-content"><tr><td>` + paragraphs(v.body) + `</td></tr></table></td></tr>
<tr><td class="conversation-part-metadata"><a href="https://app.intercom.com/a/apps/abcd1234/users/1">` + name + `</a> on <a href="https://app.intercom.com/a/apps/abcd1234/conversations/1964">11 Mar,  6:30am</a></td></tr>
<tr><td>` + row + `</td></tr></table></div>
<table id="admin-notification-footer"><tr><td>This email was sent from <a href="https://www.intercom.com/">Intercom</a></td></tr></table></body></html>`
}

func (v visitor) intercomText() string {
	row := ""
	if v.address != "" {
		row = "EMAIL\r\n\r\n" + v.address + "\r\n"
	}
	return fakeHeader(fakeFrom, "Re: [ACME] "+headerText(v.name+": "+v.body), "text/plain") +
		"Write ABOVE to reply to " + v.name + "\r\n\r\nView conversation<https://app.intercom.com/a/apps/abcd1234/conversations/1964>\r\n\r\nAE\r\n\r\n" +
		v.body + "\r\n\r\nAda<https://app.intercom.com/a/apps/abcd1234/users/1> on 11 Mar,  6:30am<https://app.intercom.com/a/apps/abcd1234/conversations/1964>\r\n\r\n" +
		row + "SIGNED UP\r\n\r\nabout 12 hours ago\r\n\r\nThis email was sent from Intercom<https://www.intercom.com/>\r\n"
}

func (v visitor) liveHelperChat() string {
	return fakeHeader("Live Helper Chat <chat@example.com>", "Chat was closed [7]", "text/plain") +
		"Hello,\r\n\r\nBen has closed a chat\r\nName: " + v.name + "\r\nEmail: " + v.address + "\r\nPhone: \r\nIP: 192.0.2.1\r\n\r\nMessage:\r\n" +
		"[2026-08-21 13:12:52] [Ada] " + v.body + "\r\n[2026-08-21 13:13:00] [Ben] ok\r\n\r\nAdditional data, if any:\r\n\r\nSincerely,\r\nLive Support Team\r\n"
}

func (v visitor) rocketChat() string {
	return strings.Replace(fakeHeader("livechat@example.com", "Livechat offline message from "+headerText(v.name)+": x", "text/html"), "\r\nTo:", "\r\nReply-To: "+v.address+"\r\nTo:", 1) +
		"<h1>New livechat message</h1><p><strong>Visitor name:</strong> " + html.EscapeString(v.name) + "</p><p><strong>Visitor email:</strong> " + v.address +
		"</p><p><strong>Message:</strong><br>" + strings.ReplaceAll(html.EscapeString(v.body), "\n", "<br>") + "</p>"
}

func (v visitor) mibew() string {
	return strings.Replace(fakeHeader("mibew@example.com", "Question from "+headerText(v.name), "text/plain"), "\r\nTo:", "\r\nReply-To: "+v.address+"\r\nTo:", 1) +
		"You have a message from " + v.name + ":\r\n\r\n" + v.body + "\r\n\r\nHis email: " + v.address + "\r\n\r\n---\r\nRegards,\r\nMibew Messenger\r\n"
}

func (v visitor) forwarded(mail string) string {
	_, body, _ := strings.Cut(mail, "\r\n\r\n")
	return "From: Ben <ben@example.com>\r\nTo: s@example.com\r\nSubject: Fwd: [ACME] Ada Example: x\r\nDate: Thu, 12 Mar 2026 09:00:00 +0100\r\n\r\n" +
		"---------- Forwarded message ---------\r\nFrom: Ada Example via Intercom <notifications@acme-0123456789ab.intercom-mail.com>\r\nDate: Wed, Mar 11, 2026 at 6:34 AM\r\nSubject: Re: [ACME] Ada Example: x\r\nTo: <ben@example.com>\r\n\r\n\r\n" + body
}

// layouts are the ways a visitor's words reach us.
var layouts = []struct {
	name string
	mail func(visitor) string
}{
	{"intercom html", visitor.intercomHTML},
	{"intercom text", visitor.intercomText},
	{"livehelperchat", visitor.liveHelperChat},
	{"rocketchat", visitor.rocketChat},
	{"mibew", visitor.mibew},
	{"intercom forwarded", func(v visitor) string { return v.forwarded(v.intercomText()) }},
}

const realAddress = "ada@example.org"

// checkVisitor states the property: whatever a visitor types, the customer is
// the one the product names, or nobody.
func checkVisitor(t *testing.T, p *Parser, layout int, v visitor) {
	t.Helper()
	l := layouts[layout%len(layouts)]
	m := p.Parse([]byte(l.mail(v)))
	c := m.Chat
	if c == nil {
		return
	}
	if a := c.Customer.Address; a != "" && a != v.address {
		t.Errorf("%s: the customer became %q with name %q and body %q\n%s", l.name, a, v.name, v.body, m.ExplainText())
	}
	if a := c.Customer.Address; a != "" {
		if _, err := StrictAddress(a); err != nil {
			t.Errorf("%s: %v", l.name, err)
		}
	}
	if c.Action != Process && c.Reason == "" {
		t.Errorf("%s: %s without a reason", l.name, c.Action)
	}
	if c.Action == Process && (c.Customer.Address == "" || len(c.Turns) == 0) {
		t.Errorf("%s: processed without customer or turns: %+v", l.name, c)
	}
	for _, turn := range c.Turns {
		if !utf8.ValidString(turn.Text) || strings.ContainsRune(turn.Text, '\r') {
			t.Errorf("%s: text %q", l.name, turn.Text)
		}
	}
	if l.name == "intercom html" && c.Kind == "message" {
		checkWords(t, c, v.body)
	}
}

// checkWords: in HTML nothing a visitor typed is lost, nothing is added; of a
// rewritten link its target stays.
func checkWords(t *testing.T, c *Transcript, body string) {
	t.Helper()
	var said strings.Builder
	for _, turn := range c.Turns {
		said.WriteString(turn.Text)
	}
	if got, want := letters(said.String()), letters(decodeLinks(strings.ReplaceAll(body, "\n", "\n\n"))); got != want && utf8.ValidString(body) {
		t.Errorf("the letters of what was said\n got %q\nwant %q", got, want)
	}
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// Every hostile text in every place of every layout, in pairs.
func TestNothingTypedIsBelieved(t *testing.T) {
	p := benchParser(t)
	for layout := range layouts {
		for _, address := range []string{realAddress, ""} {
			for i, a := range hostile {
				for j, b := range hostile {
					switch (i + j) % 3 { // each pair in one way, each text in all
					case 0:
						checkVisitor(t, p, layout, visitor{body: a, name: singleLine(b), address: address})
					case 1:
						checkVisitor(t, p, layout, visitor{body: a + "\n" + b, name: "Ada Example", address: address})
					case 2:
						checkVisitor(t, p, layout, visitor{body: a + "\n\n" + b, name: "Ada]", address: address})
					}
				}
			}
		}
	}
}

func FuzzTranscript(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, hostile[(i+7)%len(hostile)], i, i%2 == 0)
	}
	p := benchParser(f)
	f.Fuzz(func(t *testing.T, body, name string, layout int, lead bool) {
		if len(body) > 20_000 || len(name) > 1000 || strings.Contains(body+name, "example.org") || layout < 0 {
			return
		}
		v := visitor{body: strings.ToValidUTF8(body, ""), name: singleLine(strings.ToValidUTF8(name, "")), address: realAddress}
		if lead {
			v.address = ""
		}
		checkVisitor(t, p, layout, v)
	})
}

// Cleaning twice changes nothing.
func FuzzClean(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("[but[button]ton] x [button]\n\n\n[cid:a]\n \n\u00a0b \t")
	r := &reader{p: builtinProfile(f, "livehelperchat"), m: newMatcher(&view{})}
	f.Fuzz(func(t *testing.T, s string) {
		once := r.cleanText(s)
		if twice := r.cleanText(once); twice != once {
			t.Errorf("%q\n once %q\ntwice %q", s, once, twice)
		}
		r.m.runs = 0
	})
}
