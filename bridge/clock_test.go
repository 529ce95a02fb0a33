package bridge

import (
	"strings"
	"testing"
	"time"

	"ticketbridge/mailparse"
)

// TestNumber: where follow-ups go only by the ticket's number, they wait for it.
func TestNumber(t *testing.T) {
	rt := DefaultTarget()
	rt.Helpdesk = helpdesk(t, "rt")
	other := rt
	other.FollowUpThen = NewTicket
	now := time.Date(2026, 3, 11, 12, 0, 0, 0, time.UTC)
	deadline := now.Add(4 * time.Hour)
	news := []Turn{{Turn: customerSays(at(11, 6, 30), "And now?")}}
	for _, tt := range []struct {
		name   string
		target Target
		conv   Conversation
		at     time.Time
		want   Decision // Reason: a part of it
	}{
		{"a new conversation", rt, Conversation{}, now, Decision{Action: Raise, Reason: "new conversation"}},
		{"the number is known", rt, Conversation{Thread: []string{"a"}, Link: Link{Ticket: "7"}}, now, Decision{Action: Append, Reason: "1 message more for ticket 7"}},
		{"it is not", rt, Conversation{Thread: []string{"a"}}, now, Decision{Action: Wait, Deadline: deadline, Reason: "waits until 11 Mar 16:00Z"}},
		{"more comes meanwhile", rt, Conversation{Thread: []string{"a"}, Deadline: deadline}, now.Add(time.Hour), Decision{Action: Wait, Deadline: deadline, Reason: "waits until 11 Mar 16:00Z"}},
		{"it did not come", rt, Conversation{ID: 5, Thread: []string{"a"}, Deadline: deadline}, deadline, Decision{Action: Wait, Reason: "no ticket number came within 4h0m0s: look it up in the helpdesk, then `ticketbridge link c5 NUMBER`"}},
		{"it did not come, and the admin wants a ticket", other, Conversation{Thread: []string{"a"}, Deadline: deadline}, deadline, Decision{Action: Raise, Reason: "they get their own"}},
		{"a helpdesk that needs none", DefaultTarget(), Conversation{Thread: []string{"a"}}, now, Decision{Action: Append, Reason: "its ticket"}},
	} {
		d := decide(Rules(tt.target), &tt.conv, news, tt.at)
		if d.Action != tt.want.Action || !d.Deadline.Equal(tt.want.Deadline) || !strings.Contains(d.Reason, tt.want.Reason) {
			t.Errorf("%s: %+v; want %+v", tt.name, d, tt.want)
		}
	}
}

// TestReconsider: what waited is told when the number is known, by a message that
// carries it, and with it whatever else the conversation has not told.
func TestReconsider(t *testing.T) {
	in := testIngest(t)
	target := DefaultTarget()
	target.Address, target.Helpdesk, target.Site = "support@example.com", helpdesk(t, "rt"), "lab"
	in.Composer.Target, in.Rules = target, Rules(target)
	p := chatMail(customerSays(at(11, 6, 30), "Where is it?"))
	a := arrive(in, p)
	a.ID, a.reading.due, a.Record.Evidence = 9, true, []string{"profile intercom"}
	conv := Conversation{ID: 5, Key: a.ConversationKey, Customer: p.Chat.Customer, Subject: "Chat: Where?", Thread: []string{"tb.a@example.com"}, Deadline: a.reading.now}
	k := Known{Conversation: &conv, Seen: []bool{true}, Untold: digests([]mailparse.Turn{p.Chat.Turns[0]}), Raw: func(int64) []byte { return nil }}

	v := in.judge(a, k)
	if v.State != MailWaiting || v.Delivery != nil || !v.Conversation.Deadline.IsZero() {
		t.Errorf("without the number: %s %+v", v.State, v.Conversation)
	}
	conv.Link.Ticket = "4711"
	v = in.judge(a, k)
	if v.State != MailUpdate || v.Delivery == nil || len(v.Turns) != 0 || !v.Conversation.Deadline.IsZero() {
		t.Fatalf("with the number: %s %s", v.State, v.Reason)
	}
	message := string(v.Delivery.Data)
	if !strings.Contains(message, "Subject: Re: [lab #4711] Chat: Where?") || !strings.Contains(message, "Where is it?") {
		t.Errorf("the message:\n%s", message)
	}
	if len(v.Evidence) != 1 || v.Along == "" {
		t.Errorf("evidence %q, along %q", v.Evidence, v.Along)
	}

	conv.Link.Ticket, in.Rules = "", Rules(Target{Helpdesk: target.Helpdesk, FollowUpThen: NewTicket})
	v = in.judge(a, k)
	if v.State != MailTicket || v.Delivery == nil || !strings.Contains(string(v.Delivery.Data), "Subject: Chat: Where?") || !strings.Contains(string(v.Delivery.Data), "Before   an earlier ticket of this chat") {
		t.Errorf("as a ticket of its own: %s %s", v.State, v.Reason)
	}
}
