package bridge

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ticketbridge/mailparse"
)

func testIngest(t *testing.T) *Ingest {
	t.Helper()
	return &Ingest{
		Keys:     testKeys(t),
		Trust:    Trust{Agents: []string{"ann@example.com"}, Formats: map[string]FormatTrust{"intercom": {Authenticate: "none"}}},
		Composer: testComposer(),
		Rules:    Rules(Target{}),
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// chatMail is a recognised chat mail as the parser returns it.
func chatMail(turns ...mailparse.Turn) *mailparse.Mail {
	return &mailparse.Mail{
		Carrier: "direct",
		Outer:   mailparse.Outer{Date: "2026-03-11T06:33:00+01:00", MessageID: "1@acme.intercom-mail.com", From: mailparse.Address{Address: "notifications@acme.intercom-mail.com"}},
		Chat: &mailparse.Transcript{
			Format: "intercom", Kind: "message", Action: mailparse.Process, Turns: turns,
			Conversation: mailparse.Conversation{ID: "1964", Key: "intercom/abcd1234/1964", Link: "https://app.intercom.com/a/apps/abcd1234/conversations/1964"},
			Customer:     mailparse.Customer{Address: "ada@example.org", Name: "Ada Example"},
		},
	}
}

// arrive runs a parsed mail through what read would do.
func arrive(in *Ingest, p *mailparse.Mail) Arrival {
	m := Mail{Source: Source{"ann", "INBOX", 1, 7}, Raw: []byte("A: b\r\n\r\nx"), Size: 9}
	return in.arrival(&reading{mail: m, parsed: p, now: time.Date(2026, 3, 11, 6, 0, 0, 0, time.UTC)})
}

func header(name, value string) func(*mailparse.Mail) {
	return func(m *mailparse.Mail) {
		m.Outer.Header = append(m.Outer.Header, mailparse.Field{Name: name, Value: value})
	}
}

// TestGates: what ends a mail's way early, and the words a person reads.
func TestGates(t *testing.T) {
	in := testIngest(t)
	own := in.Keys.MessageID("c", "support@example.com", nil)
	asked := customerSays(at(11, 6, 30), "Where is it?")
	for _, tt := range []struct {
		name   string
		change func(*mailparse.Mail)
		state  MailState
		reason string
	}{
		{"a chat", func(*mailparse.Mail) {}, MailTicket, "new conversation"},
		{"newsletter", func(m *mailparse.Mail) { m.Chat = nil }, MailIgnored, "no chat mail: no profile"},
		{"out of office", func(m *mailparse.Mail) { m.Chat, m.Auto = nil, true }, MailIgnored, "an automatic message"},
		{"a bomb", func(m *mailparse.Mail) { m.Chat, m.Warnings = nil, []string{"limit-parts"} }, MailParked, "too large or too deep"},
		{"a chat in a bomb", func(m *mailparse.Mail) { m.Warnings = []string{"limit-text"} }, MailParked, "too large or too deep"},
		{"assignment", func(m *mailparse.Mail) {
			m.Chat.Action, m.Chat.Reason = mailparse.Ignore, "assignment; the message mail follows"
		}, MailIgnored, "assignment"},
		{"drift", func(m *mailparse.Mail) { m.Chat.Action, m.Chat.Reason = mailparse.Park, "drift: fits no kind" }, MailParked, "drift"},
		{"our own message", header("Message-ID", "<"+own+">"), MailIgnored, "ours: its Message-ID"},
		{"an acknowledgement", header("References", "<x@y.test>\r\n <"+own+">"), MailIgnored, "ours: its References"},
		{"glued references", header("References", "<x@y.test><"+own+">"), MailIgnored, "ours"},
		{"our id header", header("X-Bridge-Id", strings.TrimSuffix(own, "@example.com")), MailIgnored, "ours: its X-Bridge-Id"},
		{"a bounce", header("Delivered-To", in.Keys.ReversePath(own)), MailIgnored, "return path of ours"},
		{"someone else's id", header("In-Reply-To", "<tb.forged@example.com>"), MailTicket, ""},
		{"25 hops", func(m *mailparse.Mail) {
			for range 25 {
				header("Received", "x")(m)
			}
		}, MailParked, "smells of a loop"},
		{"delivered twice", func(m *mailparse.Mail) {
			header("Delivered-To", "ann@example.com")(m)
			header("Delivered-To", "Ann@example.com")(m)
		}, MailParked, "twice"},
		{"no address", func(m *mailparse.Mail) { m.Chat.Customer.Address = "" }, MailParked, "--customer"},
		{"quoted address", func(m *mailparse.Mail) { m.Chat.Customer.Address = `"a> SIZE=1"@b.test` }, MailParked, "cannot be used"},
		{"own domain", func(m *mailparse.Mail) { m.Chat.Customer.Address = "boss@mail.example.com" }, MailParked, "cannot be the customer"},
		{"an agent", func(m *mailparse.Mail) { m.Chat.Customer.Address = "ann@example.com" }, MailParked, "cannot be the customer"},
		{"only notes", func(m *mailparse.Mail) { m.Chat.Turns[0].Role = mailparse.RoleNote }, MailIgnored, "internal notes"},
		{"nothing said", func(m *mailparse.Mail) { m.Chat.Turns = nil }, MailIgnored, "no message in it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := chatMail(asked)
			tt.change(m)
			v := in.judge(arrive(in, m), Known{})
			if v.State != tt.state || !strings.Contains(v.Reason, tt.reason) {
				t.Errorf("got %s (%s), want %s (… %s …)", v.State, v.Reason, tt.state, tt.reason)
			}
			if (v.Delivery != nil) != (tt.state == MailTicket) {
				t.Errorf("state %s, delivery %v", v.State, v.Delivery != nil)
			}
			if v.State == MailParked && !v.KeepRaw {
				t.Error("parked without its raw mail")
			}
		})
	}
}

// TestMerge: a mirrored mail is a delta; only turns not seen before are news.
func TestMerge(t *testing.T) {
	in := testIngest(t)
	first := customerSays(at(11, 6, 30), "Where is it?")
	second := customerSays(at(11, 6, 50), "Hello?")
	v := in.judge(arrive(in, chatMail(first)), Known{})
	if v.State != MailTicket || v.Decision.Action != Raise || len(v.Turns) != 1 {
		t.Fatalf("first mail: %+v", v)
	}
	conv := v.Conversation
	conv.ID = 3
	if len(conv.Thread) != 1 || conv.FirstCustomer != at(11, 6, 30) || conv.Key != "intercom/abcd1234/1964" {
		t.Errorf("conversation %+v", conv)
	}

	t.Run("copy for another agent", func(t *testing.T) {
		v := in.judge(arrive(in, chatMail(first)), Known{Conversation: conv, Seen: []bool{true}})
		if v.State != MailIgnored || !strings.Contains(v.Reason, "no news") || v.Delivery != nil {
			t.Errorf("got %s (%s)", v.State, v.Reason)
		}
	})
	t.Run("identical mail in another folder", func(t *testing.T) {
		v := in.judge(arrive(in, chatMail(first)), Known{Copy: &MailRecord{ID: 12, Source: Source{"ben", "INBOX", 1, 1}}})
		if v.State != MailIgnored || v.Reason != "a copy of m12 in ben/INBOX" || v.CopyOf != 12 {
			t.Errorf("got %s (%s)", v.State, v.Reason)
		}
	})
	t.Run("it goes on", func(t *testing.T) {
		v := in.judge(arrive(in, chatMail(first, second)), Known{Conversation: conv, Seen: []bool{true, false}})
		if v.State != MailUpdate || v.Decision.Action != Append || len(v.Turns) != 1 || v.Turns[0].Text != "Hello?" {
			t.Fatalf("got %s (%s), turns %v", v.State, v.Reason, v.Turns)
		}
		if len(v.Conversation.Thread) != 2 || len(conv.Thread) != 1 {
			t.Errorf("thread %v; the stored one %v must be left alone", v.Conversation.Thread, conv.Thread)
		}
	})
	t.Run("an internal note", func(t *testing.T) {
		note := second
		note.Role = mailparse.RoleNote
		v := in.judge(arrive(in, chatMail(first, note)), Known{Conversation: conv, Seen: []bool{true, false}})
		if v.State != MailIgnored || len(v.Turns) != 1 || v.Delivery != nil {
			t.Errorf("got %s (%s), turns %v", v.State, v.Reason, v.Turns)
		}
	})
	t.Run("another customer", func(t *testing.T) {
		m := chatMail(first, second)
		m.Chat.Customer.Address = "eve@example.net"
		v := in.judge(arrive(in, m), Known{Conversation: conv, Seen: []bool{true, false}})
		if v.State != MailParked || !strings.Contains(v.Reason, "eve@example.net") {
			t.Errorf("got %s (%s)", v.State, v.Reason)
		}
	})
	t.Run("rescan of an old mail", func(t *testing.T) {
		a := arrive(in, chatMail(first))
		a.reading.mail.Rescan, a.reading.mail.Since = true, at(12, 0, 0)
		if v := in.judge(a, Known{}); v.State != MailIgnored || !strings.Contains(v.Reason, "older than watching") {
			t.Errorf("got %s (%s)", v.State, v.Reason)
		}
	})
}

// TestNotesNeverLeave: an internal note is recorded, and not in the message.
func TestNotesNeverLeave(t *testing.T) {
	in := testIngest(t)
	note := mailparse.Turn{Role: mailparse.RoleNote, Author: "Ben", Text: "customer is a nuisance"}
	v := in.judge(arrive(in, chatMail(customerSays(at(11, 6, 30), "Where?"), note)), Known{})
	if v.Delivery == nil || len(v.Turns) != 2 {
		t.Fatalf("verdict %+v", v)
	}
	if strings.Contains(string(v.Delivery.Data), "nuisance") {
		t.Error("the note stands in the ticket message")
	}
}

// TestSameConversationSameMessageID: another agent's copy, read first after a
// restore, yields the id that was sent before.
func TestSameConversationSameMessageID(t *testing.T) {
	in := testIngest(t)
	one := in.judge(arrive(in, chatMail(customerSays(at(11, 6, 30), "Where?"))), Known{})
	m := chatMail(customerSays(at(11, 6, 30), "Where?"))
	m.Outer.MessageID, m.Outer.Date = "2@acme.intercom-mail.com", "2026-03-11T06:34:00+01:00"
	two := in.judge(arrive(in, m), Known{})
	if one.Delivery.MessageID != two.Delivery.MessageID {
		t.Errorf("%s and %s", one.Delivery.MessageID, two.Delivery.MessageID)
	}
}

func TestJudgeSurvivesAPanic(t *testing.T) {
	in := testIngest(t)
	in.Rules = []Rule{{"bad", func(*Conversation, []Turn, time.Time) (Decision, bool) { panic("boom") }}}
	v := in.judge(arrive(in, chatMail(customerSays(at(11, 6, 30), "Where?"))), Known{})
	if v.State != MailParked || !strings.Contains(v.Reason, "boom") {
		t.Errorf("got %s (%s)", v.State, v.Reason)
	}
}

func TestDecisionsOfRules(t *testing.T) {
	in := testIngest(t)
	m := chatMail(customerSays(at(11, 6, 30), "Where?"))
	for _, tt := range []struct {
		d     Decision
		state MailState
	}{
		{Decision{Action: Wait, Reason: "the clock runs", Deadline: at(12, 18, 0)}, MailWaiting},
		{Decision{Action: Ignore, Reason: "as configured"}, MailIgnored},
		{Decision{Action: Park, Reason: "look at it"}, MailParked},
	} {
		in.Rules = []Rule{{"only", func(*Conversation, []Turn, time.Time) (Decision, bool) { return tt.d, true }}}
		v := in.judge(arrive(in, m), Known{})
		if v.State != tt.state || v.Reason != tt.d.Reason || v.Delivery != nil {
			t.Errorf("%s: got %s (%s)", tt.d.Action, v.State, v.Reason)
		}
		if tt.d.Action == Wait && v.Conversation.Deadline != tt.d.Deadline {
			t.Errorf("deadline %v", v.Conversation.Deadline)
		}
	}
	in.Rules = nil
	if v := in.judge(arrive(in, m), Known{}); v.State != MailParked {
		t.Errorf("no rule: %s (%s)", v.State, v.Reason)
	}
}

func TestDistrust(t *testing.T) {
	tr := Trust{Agents: []string{"ann@example.com"}, Formats: map[string]FormatTrust{"intercom": {Authenticate: "none"}}}
	m := chatMail()
	m.Forwarded, m.Outer.From.Address = true, "eve@example.net"
	why, err := tr.distrust(t.Context(), Mail{}, m)
	if err != nil || !strings.Contains(why, "not in agents") {
		t.Errorf("a stranger's forward: %q, %v", why, err)
	}
	m.Outer.From.Address = "Ann@Example.com"
	if why, err := tr.distrust(t.Context(), Mail{}, m); err != nil || why != "" {
		t.Errorf("an agent's forward: %q, %v", why, err)
	}
	m.Outer.Header = mailparse.Header{{Name: "From", Value: "a@b.test"}, {Name: "from", Value: "c@d.test"}}
	if why, _ := tr.distrust(t.Context(), Mail{}, m); !strings.Contains(why, "2 From fields") {
		t.Errorf("two From fields: %q", why)
	}
	m.Outer.Header, tr.Formats = nil, nil
	if why, _ := tr.distrust(t.Context(), Mail{}, m); !strings.Contains(why, "authenticate is not set") {
		t.Errorf("no setting: %q", why)
	}
}
