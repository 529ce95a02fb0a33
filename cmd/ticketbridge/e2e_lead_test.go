package main

import (
	"slices"
	"strings"
	"testing"
)

// TestLead: a visitor without an address asks, in two agents' mailboxes; what he
// asked is told with the mail that has his address, and on_done reaches all.
func TestLead(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newWorld(t, database)
			w.extra["poll"], w.extra["mailbox"] = "5s", `on_done = "keyword:$Ticket"`
			daemon := w.start(t, "")
			mail := func(id string, minute int, email, said string) []byte {
				return chat{conversation: 7, name: "Lea", email: email, id: id, minute: minute, said: []string{said}}.mail()
			}
			w.ann.Deliver(t, mail("a", 1, "", "Is there a family plan?"))
			eventually(t, "parked", func() bool { return w.states(t, "mails")["parked"] == 1 })
			w.ben.Deliver(t, mail("a-ben", 1, "", "Is there a family plan?"))
			eventually(t, "a copy", func() bool { return w.states(t, "mails")["ignored"] == 1 })
			if out := w.admin(t, "show", "m2"); !strings.Contains(out, "a copy of m1") {
				t.Errorf("the other agent's is no copy:\n%s", out)
			}
			if out := w.admin(t, "conversations"); !strings.Contains(out, "none") && !strings.Contains(out, "–") {
				t.Errorf("a conversation without a customer:\n%s", out)
			}
			w.ann.Deliver(t, mail("b", 5, "lea@example.org", "I am lea@example.org."))
			eventually(t, "one ticket", func() bool { return w.states(t, "deliveries")["sent"] == 1 })
			w.ben.Deliver(t, mail("c", 9, "lea@example.org", "And for schools?"))
			eventually(t, "its follow-up", func() bool { return w.states(t, "deliveries")["sent"] == 2 && len(w.support.Mails(t, "INBOX")) > 1 })
			checkLead(t, w)
			eventually(t, "on_done reaches what was told later", func() bool {
				marked := 0
				for _, m := range append(w.ann.Mails(t, "INBOX"), w.ben.Mails(t, "INBOX")...) {
					if slices.Contains(m.Flags, "$Ticket") {
						marked++
					}
				}
				return marked == 4
			})
			daemon.stop(t)
			w.admin(t, "verify")
		})
	}
}

func checkLead(t *testing.T, w *world) {
	t.Helper()
	mails := w.support.Mails(t, "INBOX")
	if len(mails) != 2 {
		t.Fatalf("%d messages at support, want 2", len(mails))
	}
	first, next := readTicket(t, mails[0].Raw), readTicket(t, mails[1].Raw)
	if i, j := strings.Index(first.text, "Is there a family plan?"), strings.LastIndex(first.text, "I am lea@example.org."); i < 0 || j < i {
		t.Errorf("the ticket lacks a question:\n%s", first.text)
	}
	if from := first.header.Get("From"); !strings.Contains(from, "lea@example.org") {
		t.Errorf("from %s", from)
	}
	if next.header.Get("References") != first.header.Get("Message-ID") || strings.Contains(next.text, "family") || !strings.Contains(next.text, "And for schools?") {
		t.Errorf("the follow-up: %v\n%s", next.header, next.text)
	}
	for _, id := range []string{"m1", "m3"} {
		out := w.admin(t, "show", id)
		for _, want := range []string{"m1  mail, ticket", "m2  mail, ignored", "m3  mail, ticket", "m4  mail, update", "Is there a family plan?", "d1  raise, sent", "d2  append, sent"} {
			if !strings.Contains(out, want) {
				t.Errorf("show %s lacks %q:\n%s", id, want, out)
			}
		}
	}
}

// TestReleasedMailIsMarked: on_done reaches a mail that a person released while
// the daemon runs, and none that stays parked.
func TestReleasedMailIsMarked(t *testing.T) {
	w := newWorld(t, "sqlite")
	w.extra["poll"], w.extra["mailbox"] = "5s", `on_done = "keyword:$Ticket"`
	daemon := w.start(t, "")
	for i, id := range []string{"a", "b"} {
		w.ann.Deliver(t, chat{conversation: 8 + i, name: "Lea", id: id, said: []string{"Is there a family plan?"}}.mail())
	}
	eventually(t, "parked", func() bool { return w.states(t, "mails")["parked"] == 2 })
	w.admin(t, "release", "m1", "--customer", "lea@example.org")
	eventually(t, "sent", func() bool { return w.states(t, "deliveries")["sent"] == 1 })
	eventually(t, "marked", func() bool {
		var flags []bool
		for _, m := range w.ann.Mails(t, "INBOX") {
			flags = append(flags, slices.Contains(m.Flags, "$Ticket"))
		}
		return slices.Equal(flags, []bool{true, false})
	})
	daemon.stop(t)
}
