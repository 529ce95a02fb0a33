package main

import (
	"bytes"
	"crypto/rand"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// TestWholeWay is the main job on real servers: a chat in Dovecot leaves through
// Postfix as the customer, once, recorded, and survives a restart.
func TestWholeWay(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) { wholeWay(t, newWorld(t, database)) })
	}
}

func wholeWay(t *testing.T, w *world) {
	file := make([]byte, 100_000)
	rand.Read(file)
	asked := chat{conversation: 1964, name: "Ada Example", email: "ada@example.org", id: "first", minute: 30,
		said: []string{"Hello!", "Where do I change the invoice address?"}, files: map[string][]byte{"invoice.pdf": file}}
	daemon := w.start(t, "")

	// IDLE wakes it: poll is ten minutes.
	began := time.Now()
	w.ann.Deliver(t, asked.mail())
	arrived := w.support.Wait(t, "INBOX", 1)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v from delivery to support; want at most 2 s by IDLE", took)
	}
	first := readTicket(t, arrived[0].Raw)
	checkFirst(t, w, first, file)

	// The copy in a second agent's mailbox raises nothing; the follow-up threads.
	asked.id, asked.files = "copy", nil
	w.ben.Deliver(t, asked.mail())
	eventually(t, "the copy recorded", func() bool { return w.states(t, "mails")["ignored"] == 1 })
	w.ann.Deliver(t, chat{conversation: 1964, name: "Ada Example", email: "ada@example.org", id: "second", minute: 50, said: []string{"Is anybody there?"}}.mail())
	second := readTicket(t, w.support.Wait(t, "INBOX", 2)[1].Raw)
	checkFollowUp(t, first, second)

	// People read this mailbox: nothing of theirs was touched.
	for _, m := range append(w.ann.Mails(t, "INBOX"), w.ben.Mails(t, "INBOX")...) {
		for _, f := range m.Flags {
			if f != imap.Flag("\\Recent") {
				t.Errorf("flag %s on a mail of an agent", f)
			}
		}
	}
	if out := w.admin(t, "show", "ada@example.org"); !strings.Contains(out, "Is anybody there?") || !strings.Contains(out, "no news") {
		t.Errorf("show does not tell the story:\n%s", out)
	}

	daemon.stop(t)
	daemon = w.start(t, "")
	w.ann.Deliver(t, chat{conversation: 7, name: "Cleo", email: "cleo@example.net", id: "third", said: []string{"The export stops at page 100."}}.mail())
	w.support.Wait(t, "INBOX", 3)
	daemon.stop(t)
	if got := len(w.support.Mails(t, "INBOX")); got != 3 {
		t.Errorf("%d messages at support after a restart, want 3", got)
	}
	if got := w.states(t, "deliveries"); got["sent"] != 3 || len(got) != 1 {
		t.Errorf("deliveries %v, want 3 sent", got)
	}
}

func checkFirst(t *testing.T, w *world, m ticketMessage, file []byte) {
	t.Helper()
	from, err := mail.ParseAddress(m.header.Get("From"))
	if err != nil || *from != (mail.Address{Name: "Ada Example", Address: "ada@example.org"}) {
		t.Errorf("From %v, %v", from, err)
	}
	if got := m.header.Get("Subject"); got != "Chat: Where do I change the invoice address?" {
		t.Errorf("Subject %q", got)
	}
	if got := m.header.Get("Return-Path"); !strings.HasPrefix(got, "<bounce+") {
		t.Errorf("Return-Path %s, want a token of ours", got)
	}
	if got := m.header.Get("X-Original-To"); got != w.support.Address {
		t.Errorf("X-Original-To %s", got)
	}
	for _, want := range []string{"Ada Example <ada@example.org>", "Asks     Where do I change the invoice address?", "since 11 Mar 2026, 06:30 +01:00, 2 messages without an answer",
		"https://app.intercom.com/a/apps/abcd1234/conversations/1964", "\r\n  Hello!\r\n", "\r\nRef: "} {
		if !strings.Contains(m.text, want) {
			t.Errorf("the text lacks %q:\n%s", want, m.text)
		}
	}
	if !bytes.Equal(m.files["invoice.pdf"], file) {
		t.Errorf("the attachment came as %d bytes, not the %d sent", len(m.files["invoice.pdf"]), len(file))
	}
}

func checkFollowUp(t *testing.T, first, second ticketMessage) {
	t.Helper()
	if got, want := second.header.Get("In-Reply-To"), first.header.Get("Message-Id"); got != want {
		t.Errorf("In-Reply-To %s, want %s", got, want)
	}
	if got, want := second.header.Get("Subject"), "Re: "+first.header.Get("Subject"); got != want {
		t.Errorf("Subject %q, want %q", got, want)
	}
	if !strings.Contains(second.text, "Is anybody there?") || strings.Contains(second.text, "Hello!") {
		t.Errorf("want only the new turn:\n%s", second.text)
	}
	ref := func(m ticketMessage) string { return m.text[strings.LastIndex(m.text, "Ref: "):] }
	if ref(first) != ref(second) {
		t.Errorf("Ref %q and %q", ref(first), ref(second))
	}
}

// TestServersRestart: Dovecot, Postfix and PostgreSQL go away and come back in
// between; each chat arrives once.
func TestServersRestart(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newPrivateWorld(t, database)
			daemon := w.start(t, "")
			say := func(n int) {
				w.ann.Deliver(t, chat{conversation: n, name: "Ada", email: "ada@example.org", id: string(rune('a' + n)), said: []string{"What about this?"}}.mail())
			}
			say(1)
			w.support.Wait(t, "INBOX", 1)
			w.imap.Kill9(t)
			w.imap.Start(t)
			say(2)
			w.support.Wait(t, "INBOX", 2)

			w.smtp.Stop(t)
			say(3)
			eventually(t, "the refused delivery waits", func() bool { return w.states(t, "deliveries")["retry"] == 1 })
			w.smtp.Start(t)
			w.support.Wait(t, "INBOX", 3)

			if w.postgres != nil {
				w.postgres.Kill9(t)
				say(4)
				eventually(t, "the mail cannot be recorded", func() bool { return strings.Contains(daemon.logged(), "recording interrupted") })
				w.postgres.Start(t)
				w.support.Wait(t, "INBOX", 4)
			}
			daemon.stop(t)
			if got := w.states(t, "deliveries"); len(got) != 1 || got["sent"] != len(w.support.Mails(t, "INBOX")) {
				t.Errorf("deliveries %v for %d messages at support", got, len(w.support.Mails(t, "INBOX")))
			}
		})
	}
}

// TestLMTP: the same way straight into the mail store, through a unix socket.
func TestLMTP(t *testing.T) {
	w := newWorld(t, "sqlite")
	w.extra["lmtp"] = "yes"
	daemon := w.start(t, "")
	w.ann.Deliver(t, chat{conversation: 1, name: "Ada", email: "ada@example.org", id: "a", said: []string{"What about this?"}}.mail())
	m := readTicket(t, w.support.Wait(t, "INBOX", 1)[0].Raw)
	if got := m.header.Get("From"); got != "Ada <ada@example.org>" {
		t.Errorf("From %s", got)
	}
	daemon.stop(t)
}

// TestUIDValidityChange: the server numbers its mails anew; nothing is raised twice.
func TestUIDValidityChange(t *testing.T) {
	w := newWorld(t, "sqlite")
	daemon := w.start(t, "")
	for i, name := range []string{"a", "b", "c"} {
		w.ann.Deliver(t, chat{conversation: i + 1, name: "Ada", email: "ada@example.org", id: name, said: []string{"What about this?"}}.mail())
	}
	w.support.Wait(t, "INBOX", 3)
	daemon.stop(t)
	w.ann.SetUIDValidity(t, "INBOX", 4711)
	daemon = w.start(t, "")
	w.ann.Deliver(t, chat{conversation: 9, name: "Cleo", email: "cleo@example.net", id: "d", said: []string{"What about that?"}}.mail())
	w.support.Wait(t, "INBOX", 4)
	daemon.stop(t)
	if got := len(w.support.Mails(t, "INBOX")); got != 4 {
		t.Errorf("%d messages at support, want 4", got)
	}
	if got := w.states(t, "mails"); got["ignored"] != 3 || got["ticket"] != 4 {
		t.Errorf("mails %v, want 4 tickets and 3 seen again", got)
	}
}
