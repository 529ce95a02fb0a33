package bridge

import (
	"strings"
	"testing"

	"ticketbridge/mailparse"
)

const ourID = "tb.aaaa@example.com"

func ourOwn(id string) bool { return id == ourID }

// TestAck reads acknowledgements in the shapes of HELPDESKS §1 and §3.
func TestAck(t *testing.T) {
	const quoted = "\n> Customer chat\n> Ref: AAAA-AAAA of the visitor\n> Ref: KX7Q-2M9D\n"
	for _, test := range []struct {
		name, profile, header, body string
		want                        Ack
		ok                          bool
	}{
		{"rt auto-reply", "rt", "Subject: [lab #123] AutoReply: Chat: [x #\u20609]\nX-RT-Ticket: lab #123\nIn-Reply-To: <" + ourID + ">\nReferences: <RT-Ticket-123@lab.test> <" + ourID + ">", "hello",
			Ack{Ticket: "123", How: "X-RT-Ticket", MessageID: ourID}, true},
		{"rt notice to AdminCc, queue tag", "rt", "Subject: [acme support #77] Chat\nX-RT-Ticket: lab #77", "hello", Ack{Ticket: "77", How: "X-RT-Ticket"}, true},
		{"rt without its header", "rt", "Subject: [lab #5] AutoReply: x\nReferences: <a@b.test> <" + ourID + "> <RT-Ticket-5@lab.test>", "", Ack{Ticket: "5", How: "References", MessageID: ourID}, true},
		{"zammad trigger", "zammad", "Subject: [Ticket#2026001] Thanks for your inquiry (Chat)\nReferences: <" + ourID + ">", "", Ack{Ticket: "2026001", How: "References", MessageID: ourID}, true},
		{"zammad agent notice", "zammad", "Subject: New Ticket (Chat)\nReferences: <notification.1.2.3@z.test>", "see https://z.test/#ticket/zoom/44" + quoted, Ack{Ticket: "44", How: "Ref", Ref: "KX7Q-2M9D"}, true},
		{"znuny", "znuny", "Subject: [Ticket#2026112410000012] RE: Chat\nIn-Reply-To: <" + ourID + ">", "", Ack{Ticket: "2026112410000012", How: "In-Reply-To", MessageID: ourID}, true},
		{"osticket auto-response", "osticket", "Subject: Support Ticket Opened [#123456]\nIn-Reply-To: <" + ourID + ">", "", Ack{Ticket: "123456", How: "In-Reply-To", MessageID: ourID}, true},
		{"osticket staff alert", "osticket", "Subject: New Ticket Alert\nIn-Reply-To: <" + ourID + ">", "New ticket #123456 created", Ack{Ticket: "123456", How: "In-Reply-To", MessageID: ourID}, true},
		{"freescout auto-reply has no number", "freescout", "Subject: Re: Chat: [#\u20605]\nIn-Reply-To: <" + ourID + ">", "", Ack{How: "In-Reply-To", MessageID: ourID}, true},
		{"freescout user notice", "freescout", "Subject: [#31] Chat\nReferences: <dummy@f.test>\nX-FreeScout-Mail-Type: user.notification", quoted, Ack{Ticket: "31", How: "Ref", Ref: "KX7Q-2M9D"}, true},
		{"zendesk", "zendesk", "Subject: [Request received] Chat\nReply-To: Lab <support+idABC123-DEFG@lab.test>", quoted, Ack{Ticket: "ABC123-DEFG", How: "Ref", Ref: "KX7Q-2M9D"}, true},
		{"freshdesk", "freshdesk", "Subject: Ticket received [ACME #ACME-19]\nIn-Reply-To: <" + ourID + ">", "", Ack{Ticket: "19", How: "In-Reply-To", MessageID: ourID}, true},
		{"jira", "jira-sm", "Subject: [JIRA] (LAB-19) Chat: PROJ\u2060-12\nMessage-ID: <JIRA.1.2@Atlassian.JIRA>", quoted, Ack{Ticket: "LAB-19", How: "Ref", Ref: "KX7Q-2M9D"}, true},
		{"help scout quotes", "helpscout", "Subject: Re: Chat", quoted, Ack{How: "Ref", Ref: "KX7Q-2M9D"}, true},
		{"a mailbox acknowledges nothing", "mailbox", "Subject: [#1]\nIn-Reply-To: <" + ourID + ">", quoted, Ack{}, false},
		{"somebody else's id", "rt", "Subject: [lab #5] x\nIn-Reply-To: <tb.bbbb@example.com>", "", Ack{}, false},
		{"a Subject alone, of a stranger", "osticket", "From: x@evil.test\nSubject: [#123456]", "", Ack{}, false},
		{"a number that is none", "rt", "Subject: hello\nX-RT-Ticket: lab", "", Ack{}, false},
	} {
		got, ok := helpdesk(t, test.profile).Ack(ourOwn, parsed(t, test.header, test.body))
		if got != test.want && ok || ok != test.ok {
			t.Errorf("%s: got %+v, %v; want %+v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

// TestAckBySubject: only a sender the admin named.
func TestAckBySubject(t *testing.T) {
	h := helpdesk(t, "osticket")
	h.Answers.From = []string{"help@lab.test", "@desk.test"}
	for from, want := range map[string]bool{"help@lab.test": true, "HELP@lab.test": true, "any@desk.test": true, "any@evildesk.test": false, "@desk.test": false, "x@evil.test": false} {
		got, ok := h.Ack(ourOwn, parsed(t, "From: "+from+"\nSubject: Support Ticket Opened [#123456]", ""))
		if ok != want || ok && (got != Ack{Ticket: "123456", How: AckBySubject}) {
			t.Errorf("%s: %+v, %v", from, got, ok)
		}
	}
}

func TestTicketNumber(t *testing.T) {
	for s, want := range map[string]bool{"123": true, "LAB-19": true, "ABC123-DEFG": true, "": false, "1]": false, "1\r\nX": false, "-1": false, strings.Repeat("1", 41): false} {
		if TicketNumber(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func parsed(t *testing.T, header, body string) *mailparse.Mail {
	t.Helper()
	p, err := mailparse.NewParser(mailparse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(header, "From:") {
		header = "From: help@lab.test\n" + header
	}
	return p.Parse([]byte(strings.ReplaceAll(header+"\nContent-Type: text/plain; charset=utf-8\n\n"+body, "\n", "\r\n")))
}
