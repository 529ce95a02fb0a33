package main

import (
	"fmt"
	"strings"
	"testing"

	"ticketbridge/bridge/realtest"
)

// TestAnswers: the helpdesk's notice in a watched mailbox brings the ticket's
// number, and follow-ups carry it. Who is not the helpdesk changes nothing.
func TestAnswers(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newWorld(t, database)
			w.extra["target"] = "profile = \"rt\"\nsite = \"lab\"\nticket_url = \"https://rt.example.com/Ticket/Display.html?id={ticket}\""
			daemon := w.start(t, "")
			asked := chat{conversation: 1964, name: "Ada Example", email: "ada@example.org", id: "first", minute: 30, said: []string{"Where do I change the invoice address?"}}
			w.ann.Deliver(t, asked.mail())
			first := readTicket(t, w.support.Wait(t, "INBOX", 1)[0].Raw)
			eventually(t, "the message recorded as sent", func() bool { return w.states(t, "deliveries")["sent"] == 1 })

			// RT adds to a ticket only by its number: the follow-up waits for it.
			asked.said, asked.id, asked.minute = []string{"Is anybody there?"}, "second", 50
			w.ann.Deliver(t, asked.mail())
			eventually(t, "the follow-up waiting", func() bool { return w.states(t, "mails")["waiting"] == 1 })

			notice := func(from, ticket string) []byte {
				return fmt.Appendf(nil, "From: %s\r\nSubject: [lab #%s] Chat\r\nX-RT-Ticket: lab #%s\r\nMessage-ID: <%s.%s>\r\nIn-Reply-To: %s\r\n\r\nA ticket.\r\n",
					from, ticket, ticket, ticket, from, first.header.Get("Message-Id"))
			}
			w.ben.Deliver(t, notice("mal@example.org", "1"))
			w.ben.Deliver(t, notice("rt@"+realtest.Domain, "4711"))
			eventually(t, "the message confirmed", func() bool { return w.states(t, "deliveries")["confirmed"] == 1 })
			if out := w.admin(t, "show", "4711"); !strings.Contains(out, "ada@example.org") || !strings.Contains(out, "https://rt.example.com/Ticket/Display.html?id=4711") {
				t.Errorf("show 4711 does not tell the story:\n%s", out)
			}

			second := readTicket(t, w.support.Wait(t, "INBOX", 2)[1].Raw)
			if got := second.header.Get("Subject"); got != "Re: [lab #4711] "+first.header.Get("Subject") {
				t.Errorf("the follow-up's Subject is %q", got)
			}
			daemon.stop(t)
			if got := w.states(t, "mails"); got["ticket"] != 1 || got["update"] != 1 || got["ignored"] != 2 {
				t.Errorf("mails %v", got)
			}
		})
	}
}

// TestBounceComesBack: Postfix takes a message that Dovecot then refuses. The
// bounce goes to the message's own return path, and so to its delivery.
func TestBounceComesBack(t *testing.T) {
	d := realtest.NewDovecot(t, realtest.DovecotConfig{})
	bounces := d.NewMailbox(t, "bounces")
	w := &world{
		imap: d, dir: t.TempDir(), store: "sqlite:ticketbridge.db", extra: map[string]string{},
		smtp: realtest.NewPostfix(t, d, realtest.PostfixConfig{Main: "virtual_alias_maps = regexp:{{/^bounce[+]/ " + bounces.Address + "}}\n"}),
		ann:  d.NewMailbox(t, "ann"), ben: bounces, support: &realtest.Mailbox{Address: "nobody@" + realtest.Domain},
	}
	daemon := w.start(t, "")
	w.ann.Deliver(t, chat{conversation: 1964, name: "Ada Example", email: "ada@example.org", id: "first", said: []string{"Where is it?"}}.mail())
	eventually(t, "the message bounced", func() bool { return w.states(t, "deliveries")["bounced"] == 1 })
	if out := w.admin(t, "show", "d1"); !strings.Contains(out, "bounced") || !strings.Contains(out, "5.1.1") {
		t.Errorf("show d1 does not tell why:\n%s", out)
	}
	// Anything else there does nothing.
	path := w.ben.Mails(t, "INBOX")[0].Header("X-Original-To")
	w.smtp.Send(t, "mal@example.org", path, []byte("From: mal@example.org\r\nTo: "+path+"\r\nSubject: Re: Chat\r\n\r\nPlease open a ticket.\r\n"))
	eventually(t, "the other mail recorded", func() bool { return w.states(t, "mails")["ignored"] == 2 })
	daemon.stop(t)
	if got := w.states(t, "deliveries"); len(got) != 1 || got["bounced"] != 1 {
		t.Errorf("deliveries %v", got)
	}
}
