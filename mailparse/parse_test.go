package mailparse

import (
	"strings"
	"sync"
	"testing"
)

// rfc822 wraps a mail as an attachment of another.
func rfc822(header, text, inner string) string {
	b := "o" + itoa(len(inner))
	return header + "Content-Type: multipart/mixed; boundary=\"" + b + "\"\n\n--" + b + "\nContent-Type: text/plain\n\n" + text + "\n--" + b + "\nContent-Type: message/rfc822\n\n" + inner + "\n--" + b + "--\n"
}

func gmailForward(from, subject, comment, text string) string {
	return comment + "\n\n---------- Forwarded message ---------\nFrom: " + from + "\nDate: Mon, Nov 23, 2026 at 4:02 PM\nSubject: " + subject + "\nTo: Support <support@example.com>\n\n\n" + text
}

func plainMail(from, subject, text string) string {
	return "From: " + from + "\nTo: support@example.com\nSubject: " + subject + "\nDate: Tue, 24 Nov 2026 10:11:12 +0100\nContent-Type: text/plain; charset=utf-8\n\n" + text + "\n"
}

const ada = "Ada Example <ada@example.org>"

// Whose letter is told, and how it came.
func TestCarrier(t *testing.T) {
	bens := "From: Ben Agent <ben@example.com>\nSubject: Fwd: Invoice\n"
	adas := plainMail(ada, "Invoice", "Where is it?")
	for _, c := range []struct{ name, raw, carrier, from, text, comment string }{
		{"direct", adas, "direct", "ada@example.org", "Where is it?", ""},
		{"inline", plainMail("ben@example.com", "Fwd: Invoice", gmailForward(ada, "Invoice", "Please.", "Where is it?")), "inline", "ada@example.org", "Where is it?", "Please."},
		{"attached", rfc822(bens, "Please.", adas), "attached", "ada@example.org", "Where is it?", "Please."},
		{"attached without a word or subject", rfc822("From: ben@example.com\n", "", adas), "attached", "ada@example.org", "Where is it?", ""},
		{"attached to a reply as evidence", rfc822("From: Cora <cora@example.net>\nSubject: Re: Your ticket\n", "See what Ada wrote.", adas), "direct", "cora@example.net", "See what Ada wrote.", ""},
		{"attached to a new mail with many words", rfc822("From: Cora <cora@example.net>\nSubject: A complaint\n", strings.Repeat("Words of Cora. ", 100), adas), "direct", "cora@example.net", strings.TrimSpace(strings.Repeat("Words of Cora. ", 100)), ""},
		{"in a bounce", strings.Replace(rfc822("From: MAILER-DAEMON@example.com\nSubject: Fwd: Undelivered\n", "Not delivered.", adas), "multipart/mixed", "multipart/report; report-type=delivery-status", 1), "direct", "MAILER-DAEMON@example.com", "Not delivered.", ""},
		{"from desk to desk", plainMail("Dora <dora@example.com>", "Fwd: Fwd: Invoice", gmailForward("Ben <ben@example.com>", "Fwd: Invoice", "For you.", gmailForward(ada, "Invoice", "Please.", "Where is it?"))), "inline", "ada@example.org", "Where is it?", "Please."},
		{"the customer forwards somebody's", plainMail("Ben <ben@example.com>", "Fwd: Fwd: Invoice", gmailForward(ada, "Fwd: Invoice", "For you.", gmailForward("Cora <cora@example.net>", "Invoice", "See this.", "Pay now."))), "inline", "ada@example.org", "", "For you."},
		{"inline in attached", rfc822(bens, "x", plainMail("Dora <dora@example.com>", "Fwd: Invoice", gmailForward(ada, "Invoice", "Please.", "Where is it?"))), "inline", "ada@example.org", "Where is it?", "Please."},
	} {
		p := benchParser(t)
		m := p.Parse([]byte(crlf(c.raw)))
		if m.Carrier != c.carrier || m.From.Address != c.from || m.Comment != c.comment || c.text != "" && m.Text != c.text {
			t.Errorf("%s: carrier %s, from %q, text %q, comment %q", c.name, m.Carrier, m.From.Address, m.Text, m.Comment)
		}
		if m.Forwarded != (c.carrier != "direct") {
			t.Errorf("%s: forwarded %v", c.name, m.Forwarded)
		}
		if m.Outer.Text == "" && !strings.Contains(c.name, "without a word") {
			t.Errorf("%s: no outer text", c.name)
		}
	}
}

// A chat mail is recognised whole, attached to an agent's mail, and after two
// hops; a forward that a visitor pasted into a chat is the visitor's text.
func TestChatThroughForwards(t *testing.T) {
	chat := strings.ReplaceAll(string(intercomMail(t, false)), "\r\n", "\n")
	p := benchParser(t)
	for name, raw := range map[string]string{
		"direct":         chat,
		"attached":       rfc822("From: ben@example.com\nSubject: FW: chat\n", "Please take it.", chat),
		"attached twice": rfc822("From: dora@example.com\nSubject: Fwd: FW: chat\n", "", rfc822("From: ben@example.com\nSubject: FW: chat\n", "Please take it.", chat)),
		"pasted forward": strings.Replace(chat, "<p class=3D\"intercom-align-left\"", "<p>---------- Forwarded message ---------<br>From: Victim &lt;victim@example.net&gt;<br>Date: Mon, Nov 23, 2026<br>Subject: x<br>To: y@example.net</p><p>hello</p>\n<p class=3D\"intercom-align-left\"", 1),
	} {
		m := p.Parse([]byte(crlf(raw)))
		if m.Chat == nil || m.Chat.Format != "intercom" || m.Chat.Customer.Address != "ada@example.org" {
			t.Errorf("%s: chat %+v", name, m.Chat)
		}
		if want := strings.HasPrefix(name, "attached"); m.Forwarded != want {
			t.Errorf("%s: forwarded %v", name, m.Forwarded)
		}
	}
}

// A Parser is used by many goroutines at once.
func TestParserIsShared(t *testing.T) {
	p := benchParser(t)
	raw, fwd := intercomMail(t, true), forwardMail()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if m := p.Parse(raw); m.Chat == nil {
					t.Error("no chat")
				}
				if m := p.Parse(fwd); m.From.Address != "ada@example.org" {
					t.Errorf("from %q", m.From.Address)
				}
			}
		})
	}
	wg.Wait()
}
