package main

import (
	"fmt"
	"testing"
)

// scenario is a story that is killed at each of its system calls.
type scenario struct {
	name   string
	onDone string // of the mailboxes
	// first is what was there before and is dealt with; nil: the database is
	// ready, and empty.
	first func(t testing.TB, w *world)
	// mails is what the daemon finds when it starts; live is what comes once it
	// rests, by IDLE.
	mails, live func(t testing.TB, w *world)
	noDatabase  bool // the run makes it
	refuse      int  // messages that get 451 first
	swallow     bool // the reply to the first message does not come
	// race: which of two copies is read first is not determined.
	race bool
}

// ask is a chat of one customer, who says the words minute by minute from a minute on.
func ask(conversation, minute int, id string, words ...string) []byte {
	name := fmt.Sprintf("Ada %d", conversation)
	return chat{conversation: conversation, name: name, email: fmt.Sprintf("ada%d@example.org", conversation), id: id, minute: minute, said: words}.mail()
}

const newsletter = "From: News <news@example.net>\r\nTo: ann@example.com\r\nSubject: Spring offers\r\nMessage-ID: <spring@example.net>\r\nDate: Wed, 11 Mar 2026 06:00:00 +0100\r\n\r\nHello\r\n"

// unaddressed is a chat whose customer has no address: it is parked.
func unaddressed() []byte {
	return chat{conversation: 99, name: "Nobody", email: "nobody at all", id: "nobody", said: []string{"Who am I?"}}.mail()
}

func toAnn(mails ...[]byte) func(testing.TB, *world) {
	return func(t testing.TB, w *world) { w.ann.Deliver(t, mails...) }
}

// scenarios are the issue's, and what else a day holds.
func scenarios() []scenario {
	keyword := `on_done = "keyword:$Ticket"`
	return []scenario{
		{name: "new chat", onDone: keyword, mails: toAnn(ask(1, 1, "a", "What about this?"))},
		{name: "follow-up", first: toAnn(ask(1, 1, "a", "What about this?")), mails: toAnn(ask(1, 9, "b", "Anybody there?"))},
		{
			name: "copy in two mailboxes", race: true,
			mails: func(t testing.TB, w *world) {
				w.ann.Deliver(t, ask(1, 1, "a", "What about this?"))
				w.ben.Deliver(t, ask(1, 1, "copy", "What about this?"))
			},
		},
		{name: "retry", refuse: 1, mails: toAnn(ask(1, 1, "a", "What about this?"))},
		{name: "doubt", onDone: keyword, swallow: true, mails: toAnn(ask(1, 1, "a", "What about this?"), ask(1, 5, "b", "Anybody there?"))},
		{name: "move on done", onDone: `on_done = "move:Tickets"`, mails: toAnn(ask(1, 1, "a", "What about this?"), []byte(newsletter), ask(2, 1, "b", "And that?"))},
		{
			name: "UIDVALIDITY change", onDone: keyword,
			first: toAnn(ask(1, 1, "a", "What about this?"), ask(2, 1, "b", "And that?")),
			mails: func(t testing.TB, w *world) {
				w.ann.SetUIDValidity(t, "INBOX", 4711)
				w.ann.Deliver(t, ask(3, 1, "c", "Something new?"))
			},
		},
		{
			name:  "UIDVALIDITY change without keywords",
			first: toAnn(ask(1, 1, "a", "What about this?"), ask(2, 1, "b", "And that?")),
			mails: func(t testing.TB, w *world) {
				w.ann.SetUIDValidity(t, "INBOX", 4711)
				w.ann.Deliver(t, ask(2, 9, "c", "Anybody there?"))
			},
		},
		{name: "first start", noDatabase: true, onDone: keyword, mails: toAnn(ask(1, 1, "a", "What about this?"))},
		{
			name: "a morning, by IDLE", onDone: keyword,
			live: func(t testing.TB, w *world) {
				w.ann.Deliver(t, ask(1, 1, "a", "What about this?"), []byte(newsletter), unaddressed(), ask(1, 9, "b", "Anybody there?"))
				w.ben.Deliver(t, ask(2, 1, "c", "And that?"))
			},
		},
	}
}

// mode is how the messages leave, and what a doubt comes to.
type mode struct {
	name   string
	target string // config of [target]
	append bool   // by IMAP APPEND into the support mailbox; else by SMTP to a sink
	// exact: there is never a second message. Else there may be one for each doubt
	// that was ended by sending again.
	exact bool
}

func modes() []mode {
	return []mode{
		{name: "hold", target: `on_doubt = "hold"`}, // a person sends again
		{name: "resend", target: `on_doubt = "resend"`},
		{name: "probe", target: `on_doubt = "probe"`, exact: true},
		{name: "append", target: `on_doubt = "probe"`, exact: true, append: true},
	}
}

// possible tells whether the scenario can be played in the mode: only SMTP
// refuses and swallows here.
func (s scenario) possible(m mode) bool { return !m.append || s.refuse == 0 && !s.swallow }
