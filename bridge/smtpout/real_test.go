package smtpout

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
)

// realConfig logs in as box where it is not nil.
func realConfig(at realtest.Addr, tlsMode, caFile string, box *realtest.Mailbox) Config {
	c := config(at.Host(), at.Port(), tlsMode, identity{caFile: caFile})
	if box != nil {
		c.Username, c.Password = box.Address, bridge.Secret(box.Password)
	}
	return c
}

// ticket is a delivery to box with a subject of its own and dots in awkward places.
func ticket(box *realtest.Mailbox, n int) bridge.Delivery {
	d := delivery(22 << 10)
	d.Recipient = box.Address
	d.Data = bytes.Replace(d.Data, []byte("hello"), fmt.Appendf(nil, "ticket %d", n), 1)
	d.Data = append(d.Data, ".\r\n..\r\n.a\r\nend\r\n"...)
	return d
}

// mustArrive checks that exactly the tickets 1 to n are in box, byte for byte
// under what servers put on top.
func mustArrive(t *testing.T, box *realtest.Mailbox, n int) {
	t.Helper()
	mails := box.Wait(t, "INBOX", n)
	if len(mails) != n {
		t.Fatalf("%d messages arrived, want %d", len(mails), n)
	}
	seen := map[string]bool{}
	for _, m := range mails {
		subject := m.Header("Subject")
		var i int
		fmt.Sscanf(subject, "ticket %d", &i)
		want := ticket(box, i)
		if seen[subject] || i < 1 || i > n || !bytes.HasSuffix(m.Raw, want.Data) {
			t.Errorf("%q: twice, unknown, or other bytes", subject)
		}
		seen[subject] = true
		if got := m.Header("Return-Path"); got != "<"+want.ReversePath+">" {
			t.Errorf("Return-Path %s", got)
		}
	}
}

func TestRealServers(t *testing.T) {
	dovecot := realtest.Dovecot(t)
	postfix := realtest.Postfix(t, dovecot)
	login := dovecot.NewMailbox(t, "bridge")
	lmtp := realConfig(dovecot.LMTP, "none", "", nil)
	lmtp.Kind = "lmtp"
	socket := config("unix:"+dovecot.LMTPSocket, 0, "none", identity{})
	socket.Kind = "lmtp"
	for _, tc := range []struct {
		name string
		cfg  Config
	}{
		{"submission", realConfig(postfix.Submission, "starttls", postfix.CAFile, login)},
		{"submissions", realConfig(postfix.Submissions, "implicit", postfix.CAFile, login)},
		{"relay", realConfig(postfix.SMTP, "none", "", nil)},
		{"relay with STARTTLS", realConfig(postfix.SMTP, "starttls", postfix.CAFile, nil)},
		{"lmtp", lmtp},
		{"lmtp by socket", socket},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := New(tc.cfg)
			defer tr.Close()
			box := dovecot.NewMailbox(t, "support")
			if _, err := tr.Check(t.Context(), trialFrom, box.Address); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				got := tr.Send(t.Context(), ticket(box, i+1))
				mustResult(t, got, bridge.Accepted, atDot)
				if got.Code != "250 2.0.0" || tc.cfg.Kind == "smtp" && !strings.Contains(got.Reply, "queued as") {
					t.Errorf("got %v", got)
				}
			}
			mustArrive(t, box, 3)
			if len(tr.idle) != 1 {
				t.Errorf("%d connections are kept, want 1", len(tr.idle))
			}
		})
	}
}

// TestRealRefusals: each kind of refusal, and the connection serves on.
func TestRealRefusals(t *testing.T) {
	dovecot := realtest.Dovecot(t)
	postfix := realtest.NewPostfix(t, dovecot, realtest.PostfixConfig{Main: "message_size_limit = 100000"})
	box := dovecot.NewMailbox(t, "support")
	tr := New(realConfig(postfix.SMTP, "none", "", nil))
	defer tr.Close()
	sent := 0
	for _, tc := range []struct {
		name   string
		change func(*bridge.Delivery)
		want   bridge.Outcome
		at     stage
		code   string
	}{
		{"refused", func(d *bridge.Delivery) { d.Recipient = "refused@" + realtest.Domain }, bridge.Permanent, atRcpt, "550 "},
		{"later", func(d *bridge.Delivery) { d.Recipient = "later@" + realtest.Domain }, bridge.Temporary, atRcpt, "451 "},
		{"too big", func(d *bridge.Delivery) { d.Data = delivery(200_000).Data }, bridge.Permanent, atMail, ""},
	} {
		d := ticket(box, 0)
		tc.change(&d)
		got := tr.Send(t.Context(), d)
		if got.Outcome != tc.want || got.Stage != string(tc.at) || !strings.HasPrefix(got.Code, tc.code) || got.Broken {
			t.Errorf("%s: got %v", tc.name, got)
		}
		sent++
		mustResult(t, tr.Send(t.Context(), ticket(box, sent)), bridge.Accepted, atDot)
	}
	mustArrive(t, box, sent)
	if len(tr.idle) != 1 {
		t.Errorf("%d connections are kept, want 1", len(tr.idle))
	}
}

// TestRealSizeAtMail has the server itself refuse by size, and serve on.
func TestRealSizeAtMail(t *testing.T) {
	dovecot := realtest.Dovecot(t)
	postfix := realtest.NewPostfix(t, dovecot, realtest.PostfixConfig{Main: "message_size_limit = 100000"})
	box := dovecot.NewMailbox(t, "support")
	tr := New(realConfig(postfix.SMTP, "none", "", nil))
	defer tr.Close()
	mustResult(t, tr.Send(t.Context(), ticket(box, 1)), bridge.Accepted, atDot)
	tr.idle[0].ext["SIZE"] = "" // as a server that declares SIZE without a limit
	big := delivery(200_000)
	got := tr.Send(t.Context(), big)
	mustResult(t, got, bridge.Permanent, atMail)
	if got.Code != "552 5.3.4" {
		t.Errorf("got %v", got)
	}
	mustResult(t, tr.Send(t.Context(), ticket(box, 2)), bridge.Accepted, atDot)
	mustArrive(t, box, 2)
	if len(tr.idle) != 1 {
		t.Errorf("%d connections are kept, want 1", len(tr.idle))
	}
}

// TestRealRestart: a server that went away between two messages is noticed on
// the old connection and forgotten; one that is frozen runs into the time-out.
func TestRealRestart(t *testing.T) {
	dovecot := realtest.Dovecot(t)
	postfix := realtest.NewPostfix(t, dovecot, realtest.PostfixConfig{})
	login := dovecot.NewMailbox(t, "bridge")
	box := dovecot.NewMailbox(t, "support")
	tr := New(realConfig(postfix.Submissions, "implicit", postfix.CAFile, login))
	defer tr.Close()
	sent := 0
	send := func() {
		t.Helper()
		sent++
		mustResult(t, tr.Send(t.Context(), ticket(box, sent)), bridge.Accepted, atDot)
	}
	send()
	postfix.Restart(t)
	send()
	mustArrive(t, box, sent)
	postfix.Kill9(t)
	got := tr.Send(t.Context(), ticket(box, 0))
	mustResult(t, got, bridge.Temporary, atConnect)
	if !got.Broken {
		t.Errorf("got %v, not broken", got)
	}
	postfix.Start(t)
	send()
	tr.cfg.CommandTimeout = bridge.Duration(time.Second) // the session's too
	postfix.Pause(t)
	got = tr.Send(t.Context(), ticket(box, 0))
	mustResult(t, got, bridge.Temporary, atMail)
	mustHold(t, got.Reply, "no full reply within 1s")
	postfix.Resume(t)
	tr.cfg.CommandTimeout = bridge.Duration(time.Minute)
	send()
	// A Postfix that was killed between a delivery and taking it off its queue
	// delivers it once more: count messages, not copies.
	arrived := map[string]bool{}
	for end := time.Now().Add(time.Minute); len(arrived) < sent && time.Now().Before(end); {
		for _, m := range box.Mails(t, "INBOX") {
			arrived[m.Header("Subject")] = true
		}
	}
	if len(arrived) != sent {
		t.Errorf("%d messages arrived, want %d", len(arrived), sent)
	}
}

// TestRealLogin: what an admin gets wrong is told in one line.
func TestRealLogin(t *testing.T) {
	dovecot := realtest.Dovecot(t)
	postfix := realtest.Postfix(t, dovecot)
	login := dovecot.NewMailbox(t, "bridge")
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"wrong password", func(c *Config) { c.Password = "no" }, []string{"login refused: 535 5.7.8 ", "check username and password"}},
		{"unknown authority", func(c *Config) { c.CAFile = dovecot.OtherCAFile }, []string{"unknown authority", "set ca_file"}},
		{"STARTTLS port by TLS", func(c *Config) { c.TLS = "implicit" }, []string{`wants tls = "starttls"`}},
	} {
		cfg := realConfig(postfix.Submission, "starttls", postfix.CAFile, login)
		tc.change(&cfg)
		tr := New(cfg)
		_, err := tr.Check(t.Context(), trialFrom, trialTo)
		if err == nil {
			t.Fatalf("%s: nothing found", tc.name)
		}
		mustHold(t, err.Error(), append(tc.want, string(postfix.Submission)+": ")...)
		if r := tr.Send(t.Context(), delivery(300)); r.Outcome != bridge.Temporary || !r.Broken {
			t.Errorf("%s: Send: %v, broken %v", tc.name, r, r.Broken)
		}
		tr.Close()
	}
}

// TestRealCheckAsks: a mistyped target.address, or a server that will not relay,
// is found before the first ticket, and nothing is sent by asking.
func TestRealCheckAsks(t *testing.T) {
	dovecot := realtest.Dovecot(t)
	postfix := realtest.NewPostfix(t, dovecot, realtest.PostfixConfig{Main: "message_size_limit = 100000"})
	box := dovecot.NewMailbox(t, "support")
	smtp := realConfig(postfix.SMTP, "none", "", nil)
	lmtp := realConfig(dovecot.LMTP, "none", "", nil)
	lmtp.Kind = "lmtp"
	for _, tc := range []struct {
		name string
		cfg  Config
		to   string
		want string
	}{
		{"taken", smtp, box.Address, ""},
		{"refused", smtp, "refused@" + realtest.Domain, "refuses mail to <refused@" + realtest.Domain + ">: 550 "},
		{"later", smtp, "later@" + realtest.Domain, "would be tried again"},
		{"lmtp", lmtp, box.Address, ""},
		{"lmtp, nobody", lmtp, "nobody-here@" + realtest.Domain, "refuses mail to <nobody-here@" + realtest.Domain + ">: 550 "},
	} {
		offer, err := New(tc.cfg).Check(t.Context(), trialFrom, tc.to)
		switch {
		case tc.want == "" && err != nil, tc.want != "" && err == nil:
			t.Errorf("%s: got %v", tc.name, err)
		case err != nil:
			mustHold(t, err.Error(), tc.want)
		case tc.cfg.Kind == "smtp" && offer.MaxSize != 100_000:
			t.Errorf("%s: got %+v", tc.name, offer)
		}
	}
	mustResult(t, New(smtp).Send(t.Context(), ticket(box, 1)), bridge.Accepted, atDot)
	mustArrive(t, box, 1)
}
