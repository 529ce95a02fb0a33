package main

import (
	"strings"
	"testing"

	"ticketbridge/bridge/realtest"
)

// TestMistypedAddress: support's address is mistyped in the config, so the server
// refuses the message for good. Once the config is right, one command makes it
// anew beside the running daemon, with the follow-up that waited behind it.
func TestMistypedAddress(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newWorld(t, database)
			right := w.support.Address
			w.support.Address = "refused@" + realtest.Domain
			daemon := w.start(t, "")
			w.ann.Deliver(t, firstQuestion.mail())
			eventually(t, "refused", func() bool { return w.states(t, "deliveries")["dead"] == 1 })
			second := firstQuestion
			second.id, second.minute, second.said = "b", 5, []string{"Are you there?"}
			w.ann.Deliver(t, second.mail())
			eventually(t, "the follow-up waits", func() bool { return w.states(t, "deliveries")["ready"] == 1 })
			daemon.stop(t)

			w.support.Address = right
			daemon = w.start(t, "")
			if out := w.admin(t, "show", "d1"); !strings.Contains(out, "ticketbridge retry d1 --anew") {
				t.Errorf("not offered:\n%s", out)
			}
			out := w.admin(t, "retry", "d1", "--anew", "--why", "mistyped")
			if want := "d3 took the place of d1 is dead, d2 is ready: to " + right; !strings.Contains(out, want) {
				t.Errorf("lacks %q: %s", want, out)
			}
			eventually(t, "sent", func() bool { return w.states(t, "deliveries")["sent"] == 1 })
			third := firstQuestion
			third.id, third.minute, third.said = "c", 9, []string{"And this?"}
			w.ann.Deliver(t, third.mail())
			eventually(t, "both sent and arrived", func() bool { return w.states(t, "deliveries")["sent"] == 2 && len(w.support.Mails(t, "INBOX")) > 1 })
			daemon.stop(t)
			checkAnew(t, w)
			w.admin(t, "verify") // ends with exit 1 where something is wrong
		})
	}
}

// checkAnew looks at what arrived: one message with both questions, and its follow-up.
func checkAnew(t *testing.T, w *world) {
	t.Helper()
	mails := w.support.Mails(t, "INBOX")
	if len(mails) != 2 {
		t.Fatalf("%d messages at support, want 2", len(mails))
	}
	opener, next := readTicket(t, mails[0].Raw), readTicket(t, mails[1].Raw)
	for _, want := range []string{"What about this?", "Are you there?"} {
		if !strings.Contains(opener.text, want) || strings.Contains(next.text, want) {
			t.Errorf("%q: want it in the first message alone:\n%s\n%s", want, opener.text, next.text)
		}
	}
	if h := opener.header; h.Get("References") != "" || strings.HasPrefix(h.Get("Subject"), "Re:") {
		t.Errorf("it opens no ticket: %v", h)
	}
	if h := next.header; h.Get("References") != opener.header.Get("Message-ID") || !strings.Contains(next.text, "And this?") {
		t.Errorf("it does not thread on %s: %v", opener.header.Get("Message-ID"), h)
	}
}
