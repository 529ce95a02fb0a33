package httpout

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
)

func TestMain(m *testing.M) { os.Exit(realtest.Run(m)) }

func realRT(t *testing.T) (*realtest.RTServer, *RTTransport, Config) {
	t.Helper()
	rt := realtest.RT(t, realtest.Dovecot(t))
	cfg := Config{Kind: RT, URL: rt.URL + "/", Token: bridge.Secret(rt.Token), Queue: "Support", Timeout: time.Minute, Connections: 2}
	if errs := cfg.Problems(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return rt, NewRT(cfg), cfg
}

// ticketMessage is of the shape that compose.go gives one.
func ticketMessage(customer, id, references string) []byte {
	if references != "" {
		references = "In-Reply-To: <" + references + ">\r\nReferences: <" + references + ">\r\n"
	}
	return []byte("From: =?utf-8?q?J=C3=BCrgen?= <" + customer + ">\r\nReply-To: <" + customer + ">\r\nTo: support@example.com\r\n" +
		"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_=E2=98=BA_?= =?utf-8?q?aus_dem_Chat?=\r\nMessage-ID: <" + id + ">\r\n" + references +
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n" +
		"--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n" +
		"--a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
		"=D0=9F=D1=80=D0=B8=D0=B2=D0=B5=D1=82\r\n\r\nStatus: resolved\r\nRef: KX7Q-2M9D\r\n" +
		"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>html</p>\r\n--a--\r\n" +
		"--m\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename*=utf-8''%C3%BC.png\r\nContent-Transfer-Encoding: base64\r\n\r\nAP8B/g==\r\n" +
		"--m\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=empty.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n--m--\r\n")
}

// TestRealRT: a ticket in the customer's name with text, files and number; it is
// found by its Message-ID; a follow-up lands in it, with and without its number.
func TestRealRT(t *testing.T) {
	rt, tr, cfg := realRT(t)
	ctx := t.Context()
	const customer, id = "rest@customer.example.org", "T.rest+1/x%y@example.com"
	if seen, err := tr.Probe(ctx, id); err != nil || seen.Found {
		t.Fatalf("before: %+v, %v", seen, err)
	}
	got := tr.Send(ctx, bridge.Delivery{Action: bridge.Raise, MessageID: id, Data: ticketMessage(customer, id, "")})
	if got.Outcome != bridge.Accepted || got.Ticket == "" || got.TicketURL != rt.URL+"/Ticket/Display.html?id="+got.Ticket {
		t.Fatalf("got %+v", got)
	}
	ticket := realtest.RTTicketOf(t, rt.Tickets(t), customer)
	m := ticket.Messages[0]
	if ticket.Subject != "Grüße ☺ aus dem Chat" || ticket.Queue != "Support" || ticket.Status != "new" ||
		strings.TrimSpace(m.Text) != "Привет\n\nStatus: resolved\nRef: KX7Q-2M9D" {
		t.Errorf("got %+v", ticket)
	}
	if len(m.Attachments) != 2 || m.Attachments[0].Name != "ü.png" || !bytes.Equal(m.Attachments[0].Content, []byte{0, 255, 1, 254}) ||
		m.Attachments[1].Name != "empty.bin" || string(m.Attachments[1].Content) != "\n" {
		t.Errorf("attachments: %+v", m.Attachments)
	}
	seen, err := tr.Probe(ctx, id)
	if err != nil || !seen.Found || seen.Ticket != got.Ticket || seen.TicketURL != got.TicketURL {
		t.Errorf("after: %+v, %v", seen, err)
	}

	cfg.Reply = true
	for i, d := range []struct {
		t      *RTTransport
		ticket string
	}{{tr, got.Ticket}, {tr, ""}, {NewRT(cfg), got.Ticket}} {
		r := d.t.Send(ctx, bridge.Delivery{Action: bridge.Append, MessageID: "T.more@example.com", Ticket: d.ticket, Data: ticketMessage(customer, "T.more@example.com", id)})
		if r.Outcome != bridge.Accepted || r.Ticket != got.Ticket {
			t.Errorf("follow-up %d: %+v", i, r)
		}
	}
	ticket = realtest.RTTicketOf(t, rt.Tickets(t), customer)
	var kinds []string
	for _, m := range ticket.Messages {
		kinds = append(kinds, m.Type)
	}
	if strings.Join(kinds, " ") != "Create Comment Comment Correspond" || len(ticket.Messages[2].Attachments) != 2 {
		t.Errorf("messages: %v", kinds)
	}
}

// TestRealRTRefusals: what RT says to a wrong key, queue or ticket.
func TestRealRTRefusals(t *testing.T) {
	_, tr, cfg := realRT(t)
	if err := tr.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	for name, change := range map[string]func(*Config){
		"key":   func(c *Config) { c.Token = "1-14-wrong" },
		"queue": func(c *Config) { c.Queue = "Nowhere" },
	} {
		bad := cfg
		change(&bad)
		tr := NewRT(bad)
		if err := tr.Check(t.Context()); err == nil {
			t.Errorf("%s: check finds nothing", name)
		}
		r := tr.Send(t.Context(), bridge.Delivery{Action: bridge.Raise, MessageID: "T.x@example.com", Data: ticketMessage("no@customer.example.org", "T.x@example.com", "")})
		if r.Outcome != bridge.Temporary || !r.Broken {
			t.Errorf("%s: %+v", name, r)
		}
	}
	r := tr.Send(t.Context(), bridge.Delivery{Action: bridge.Append, Ticket: "999999", Data: ticketMessage("no@customer.example.org", "T.x@example.com", "")})
	if r.Outcome != bridge.Permanent {
		t.Errorf("no such ticket: %+v", r)
	}
}

// TestRealRTDown: nothing was handed over.
func TestRealRTDown(t *testing.T) {
	rt := realtest.NewRT(t, realtest.Dovecot(t), realtest.RTConfig{})
	tr := NewRT(Config{Kind: RT, URL: rt.URL, Token: bridge.Secret(rt.Token), Queue: "Support", Timeout: time.Minute, Connections: 1})
	d := bridge.Delivery{Action: bridge.Raise, MessageID: "T.down@example.com", Data: ticketMessage("down@customer.example.org", "T.down@example.com", "")}
	rt.Kill9(t)
	if r := tr.Send(t.Context(), d); r.Outcome != bridge.Temporary || !r.Broken || r.Stage != atConnect {
		t.Errorf("killed: %+v", r)
	}
	rt.Start(t)
	rt.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if r := tr.Send(ctx, d); r.Outcome != bridge.InDoubt {
		t.Errorf("frozen: %+v", r)
	}
	rt.Resume(t)
	all := rt.WaitTickets(t, 1) // it had read the request: the doubt was right
	seen, err := tr.Probe(t.Context(), d.MessageID)
	if err != nil || !seen.Found || len(all) != 1 {
		t.Errorf("probe: %+v, %v; %d tickets", seen, err, len(all))
	}
}
