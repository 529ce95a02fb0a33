package mailparse

import (
	"strings"
	"testing"
)

// TestRest: of a mail that drifted a person who releases it sends what was said,
// not what the product wrote around it.
func TestRest(t *testing.T) {
	parser := benchParser(t)
	head := "From: \"Ada Example via Intercom\" <notifications@acme-0123456789ab.intercom-mail.com>\r\nTo: ben@example.com\r\nSubject: New message from Ada Example\r\n" +
		"Date: Wed, 11 Mar 2026 06:34:10 +0100\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
	m := parser.Parse([]byte(head + `<html><body><div id="x9"><p>Where is it?</p></div>` +
		`<table id="admin-notification-footer"><tr><td>This email was sent from Intercom</td></tr></table></body></html>`))
	if m.Chat == nil || m.Chat.Kind != "drift" || m.Chat.Rest != "Where is it?" {
		t.Errorf("the rest of a drift mail: %+v", m.Chat)
	}
	said := parser.Parse([]byte(strings.Replace(head, "text/html", "text/plain", 1) + "Where is it?\r\n\r\nOn Wed, 11 Mar 2026 at 06:30, Ben <ben@example.com> wrote:\r\n> Hello\r\n"))
	if said.Chat == nil || said.Chat.Rest != "Where is it?" {
		t.Errorf("the rest of a plain one: %+v", said.Chat)
	}
}
