package realtest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// chat is a ticket message as the bridge sends it: From and Reply-To the customer.
func chat(customer, subject, text string, attachments ...string) []byte {
	head := "From: <" + customer + ">\r\nReply-To: <" + customer + ">\r\nTo: support@" + Domain + "\r\nSubject: " + subject + "\r\n" +
		"Message-ID: <" + strings.Replace(customer, "@", ".", 1) + "@" + Domain + ">\r\nMIME-Version: 1.0\r\n"
	const plain = "Content-Type: text/plain; charset=utf-8\r\n\r\n"
	if len(attachments) == 0 {
		return []byte(head + plain + text + "\r\n")
	}
	parts := "--b\r\n" + plain + text + "\r\n"
	for _, name := range attachments {
		parts += "--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"" + name + "\"\r\n" +
			"Content-Transfer-Encoding: base64\r\n\r\nAP8B/g==\r\n"
	}
	return []byte(head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + "--b--\r\n")
}

func TestMailBecomesTicket(t *testing.T) {
	rt := RT(t, Dovecot(t))
	elsewhere := len(rt.Postfix.Elsewhere().Mails(t, "INBOX"))
	rt.Postfix.Send(t, "bounce+1@"+Domain, rt.Support, chat("ann@customer.example.org", "Chat with Ann", "Grüße – my e-mail ☺", "photo.png"))
	all := rt.WaitUntil(t, "ticket of Ann", func(all []RTTicket) bool {
		return slices.ContainsFunc(all, func(t RTTicket) bool { return t.Subject == "Chat with Ann" })
	})
	got := RTTicketOf(t, all, "ann@customer.example.org")
	if got.Subject != "Chat with Ann" || got.Status != "new" || got.Queue != "Support" || len(got.Messages) != 1 {
		t.Fatalf("got %+v", got)
	}
	m := got.Messages[0]
	if m.Type != "Create" || m.Creator != "ann@customer.example.org" || m.MessageID != "ann.customer.example.org@"+Domain ||
		strings.TrimSpace(m.Text) != "Grüße – my e-mail ☺" {
		t.Errorf("got %+v", m)
	}
	if len(m.Attachments) != 1 || m.Attachments[0].Name != "photo.png" || !bytes.Equal(m.Attachments[0].Content, []byte{0, 255, 1, 254}) {
		t.Errorf("attachments: %+v", m.Attachments)
	}

	// RT answers the customer …
	reply := rt.Postfix.Elsewhere().Wait(t, "INBOX", elsewhere+1)[elsewhere]
	if to, about := reply.Header("X-Original-To"), reply.Header("In-Reply-To"); to != "ann@customer.example.org" || !strings.Contains(about, m.MessageID) {
		t.Errorf("auto-reply to %q about %q", to, about)
	}
	// … and tells the staff.
	for _, notice := range rt.Staff.Wait(t, "INBOX", 1) {
		if got := notice.Header("X-RT-Ticket"); !strings.HasPrefix(got, Domain+" #") {
			t.Errorf("X-RT-Ticket: %q", got)
		}
	}
}

func TestRTKeepsMailAndTicketsOverKillAndRestart(t *testing.T) {
	rt := NewRT(t, Dovecot(t), RTConfig{})
	rt.Postfix.Send(t, "", rt.Support, chat("one@customer.example.org", "one", "before"))
	rt.WaitTickets(t, 1)
	rt.Kill9(t)
	rt.Postfix.Send(t, "", rt.Support, chat("two@customer.example.org", "two", "while RT is down"))
	if n := len(rt.Tickets(t)); n != 1 {
		t.Errorf("%d tickets while RT is down, want 1", n)
	}
	rt.Start(t)
	rt.WaitTickets(t, 2)
	rt.Restart(t)
	rt.Postfix.Send(t, "", rt.Support, chat("two@customer.example.org", "["+Domain+" #2] two", "after"))
	all := rt.WaitUntil(t, "follow-up", func(all []RTTicket) bool { return len(all) > 1 && len(all[1].Messages) > 1 })
	if len(all) != 2 || all[1].Messages[1].Type != "Correspond" {
		t.Errorf("got %+v", all)
	}
}
