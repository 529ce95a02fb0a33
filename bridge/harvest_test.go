package bridge

import (
	"strings"
	"testing"
	"time"

	"ticketbridge/mailparse"
)

// harvestIngest is a bridge whose helpdesk is RT at support@example.com.
func harvestIngest(t *testing.T) *Ingest {
	in := testIngest(t)
	target := &in.Composer.Target
	target.Helpdesk, target.TicketURL = helpdesk(t, "rt"), "https://rt.example.com/Ticket/Display.html?id={ticket}"
	return in
}

// comeBack runs a raw mail through what read would do.
func comeBack(t *testing.T, in *Ingest, raw string) Arrival {
	t.Helper()
	parser, err := mailparse.NewParser(mailparse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 11, 7, 0, 0, 0, time.UTC)
	b := []byte(strings.ReplaceAll(raw, "\n", "\r\n"))
	m := Mail{Source: Source{"notices", "INBOX", 1, 7}, Raw: b, Size: int64(len(b)), Received: now.Add(-time.Minute)}
	return in.arrival(&reading{mail: m, parsed: parser.Parse(b), now: now})
}

// outstanding is what the store knows of a message that was sent.
func outstanding(link Link) Known {
	return Known{
		Conversation: &Conversation{ID: 5, Key: "intercom/abcd1234/1964", Customer: mailparse.Customer{Address: "ada@example.org"}, Link: link},
		Delivery:     &Delivery{ID: 4, Conversation: 5, State: Sent},
	}
}

// TestHarvest: what an acknowledgement does, and whose is believed.
func TestHarvest(t *testing.T) {
	in := harvestIngest(t)
	own := "<" + in.Keys.MessageID("c", "support@example.com", nil) + ">"
	ack := "From: Ada via RT <support@example.com>\nSubject: [lab #4711] AutoReply: Chat\nX-RT-Ticket: lab #4711\nIn-Reply-To: " + own + "\n\nHello\n"
	for _, tt := range []struct {
		name, mail string
		link       Link // as known before
		state      MailState
		reason     string
		ticket     string // as known after; "" the answer changes nothing
	}{
		{"the number", ack, Link{}, MailIgnored, "acknowledgement: ticket 4711 for c5 (X-RT-Ticket)", "4711"},
		{"the number again", ack, Link{Ticket: "4711"}, MailIgnored, "acknowledgement: ticket 4711 for c5", "4711"},
		{"another number", ack, Link{Ticket: "9"}, MailParked, "says ticket 4711 (X-RT-Ticket), and said ticket 9 before: until somebody says which it is (`ticketbridge link c5 NUMBER`", "none"},
		{"by References, folded in case", strings.Replace(strings.ToUpper(ack[strings.Index(ack, "From"):]), "X-RT-TICKET: LAB #4711\n", "", 1), Link{}, MailIgnored, "(In-Reply-To)", "4711"},
		{"a stranger says so", strings.Replace(ack, "support@example.com", "mal@example.org", 1), Link{}, MailIgnored, "ours: its In-Reply-To", ""},
		{"a domain that only ends alike", strings.Replace(ack, "support@example.com", "mal@evilexample.com", 1), Link{}, MailIgnored, "ours: its In-Reply-To", ""},
		{"our own message come back", "Message-ID: " + own + "\n" + ack, Link{}, MailIgnored, "ours: its Message-ID", ""},
		{"a forged id", strings.Replace(ack, own, "<tb.forged@example.com>", 1), Link{}, MailIgnored, "no chat mail", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := comeBack(t, in, tt.mail)
			k := Known{}
			if a.Answer != nil {
				k = outstanding(tt.link)
			}
			v := in.judge(a, k)
			if v.State != tt.state || !strings.Contains(v.Reason, tt.reason) {
				t.Errorf("%s: %s; want %s: …%s…", v.State, v.Reason, tt.state, tt.reason)
			}
			if v.Delivery != nil || len(v.Turns) > 0 {
				t.Error("an answer caused a message (L3)")
			}
			switch {
			case tt.ticket == "none":
				if v.Answered != nil || v.Conversation == nil || v.Conversation.Link.Ticket != "" {
					t.Errorf("of two numbers one is believed: %+v %+v", v.Answered, v.Conversation)
				}
			case tt.ticket == "" && (v.Answered != nil || v.Conversation != nil):
				t.Errorf("it changes %+v %+v", v.Answered, v.Conversation)
			case tt.ticket != "" && (v.Answered == nil || *v.Answered != Answered{4, Confirmed, v.Answered.Detail} ||
				v.Conversation.Link.Ticket != tt.ticket || v.Conversation.Link.URL != "https://rt.example.com/Ticket/Display.html?id=4711" ||
				!v.Conversation.Link.Confirmed.Equal(a.Record.Received)):
				t.Errorf("it settles %+v, link %+v", v.Answered, v.Conversation)
			}
		})
	}
	solved := in.judge(comeBack(t, in, strings.Replace(ack, "AutoReply:", "Resolved:", 1)), outstanding(Link{Ticket: "4711"}))
	if solved.Conversation == nil || solved.Conversation.Link.Resolved.IsZero() || !strings.Contains(solved.Reason, "ticket 4711 is solved for c5") {
		t.Errorf("solved: %s %+v", solved.Reason, solved.Conversation)
	}
	if v := in.judge(comeBack(t, in, ack), Known{}); v.State != MailIgnored || !strings.Contains(v.Reason, "of no ticket message that is recorded here") {
		t.Errorf("after the database was lost: %s %s", v.State, v.Reason)
	}
}

// TestHarvestSenders: a profile that names senders believes no other.
func TestHarvestSenders(t *testing.T) {
	rt := harvestIngest(t).Composer.Target
	for address, want := range map[string]bool{"support@example.com": true, "rt@EXAMPLE.com": true, "ada@example.org": false, "": false, "@example.com": false} {
		if got := rt.Speaks(address); got != want {
			t.Errorf("%q speaks: %v", address, got)
		}
	}
	rt.Helpdesk.Answers.From = []string{"rt@desk.test"}
	if rt.Speaks("support@example.com") || !rt.Speaks("rt@desk.test") {
		t.Error("the profile's senders are not the ones who speak")
	}
	if (Target{}).Speaks("a@b.test") {
		t.Error("who speaks for no helpdesk?")
	}
}

const report = `Return-Path: %RETURN%
Delivered-To: %PATH%
From: MAILER-DAEMON@mail.example.com (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com
Original-Envelope-Id: x

Final-Recipient: rfc822; support@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <support@example.com>:
    no such user

--b
Content-Type: text/rfc822-headers

Message-ID: %ID%
Subject: Chat: Where?

--b--
`

// TestBounce: what a bounce needs to count, and what it says then.
func TestBounce(t *testing.T) {
	in := harvestIngest(t)
	id := in.Keys.MessageID("c", "support@example.com", nil)
	full := strings.NewReplacer("%PATH%", in.Keys.ReversePath(id), "%RETURN%", "<>", "%ID%", "<"+id+">").Replace(report)
	plain := "Return-Path: <>\nDelivered-To: " + in.Keys.ReversePath(id) + "\nFrom: MAILER-DAEMON@old.example.com\nSubject: failure\n\nNo such user.\n\n"
	const no = "addressed to a return path of ours, but no bounce: "
	for _, tt := range []struct {
		name, mail, reason string
		state              DeliveryState // of the delivery; "" it is not settled
		noted              bool
	}{
		{"a report", full, "bounce of d4: 5.1.1 550 5.1.1 <support@example.com>: no such user", Bounced, true},
		{"the path folded in case", strings.Replace(full, in.Keys.ReversePath(id), strings.ToUpper(in.Keys.ReversePath(id)), 1), "bounce of d4", Bounced, true},
		{"a delay", strings.Replace(full, "Action: failed", "Action: delayed", 1), "notice about d4, delayed: 5.1.1", "", true},
		{"the old kind, returning our header", plain + "--- header\nMessage-ID: <" + id + ">\n", "bounce of d4: No such user.", Bounced, true},
		{"the old kind, quoting it", plain + "> Message-Id: <" + id + ">\n", "bounce of d4", Bounced, true},
		{"somebody answers", strings.Replace(full, "Return-Path: <>", "Return-Path: <mal@example.org>", 1), no + "it comes from mal@example.org", "", false},
		{"an empty note", plain, no + "it is no report", "", false},
		{"an id nobody made", plain + "Message-ID: <tb.forged@example.com>\n", no + "it is no report", "", false},
		{"no return path kept, no report", strings.Replace(plain, "Return-Path: <>\n", "", 1), no + "its return path is not known", "", false},
		{"no return path kept, a report", strings.Replace(full, "Return-Path: <>\n", "", 1), "bounce of d4", Bounced, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := comeBack(t, in, tt.mail)
			if a.Answer == nil || a.Answer.ReversePath != in.Keys.ReversePath(id) || a.Record.Kind != "bounce" {
				t.Fatalf("read as %+v", a.Answer)
			}
			v := in.judge(a, outstanding(Link{}))
			if v.State != MailIgnored || !strings.HasPrefix(v.Reason, tt.reason) {
				t.Errorf("%s: %s; want %s…", v.State, v.Reason, tt.reason)
			}
			if (v.Answered != nil) != tt.noted || v.Answered != nil && (v.Answered.State != tt.state || v.Answered.Delivery != 4) {
				t.Errorf("it settles %+v", v.Answered)
			}
			if v.Delivery != nil {
				t.Error("a bounce caused a message (L3)")
			}
		})
	}
	if a := comeBack(t, in, strings.Replace(full, "bounce+", "bounce+x", 1)); a.Answer != nil {
		t.Errorf("a token nobody made: %+v", a.Answer)
	}
	if v := in.judge(comeBack(t, in, full), Known{}); v.Answered != nil || !strings.HasPrefix(v.Reason, "a bounce of a message that is not recorded here: 5.1.1") {
		t.Errorf("after the database was lost: %s", v.Reason)
	}
}
