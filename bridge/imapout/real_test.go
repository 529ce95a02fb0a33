package imapout

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
)

// real is a Mailbox on Dovecot. With plain, bytes can be counted.
func real(d *realtest.DovecotServer, m *realtest.Mailbox, tls string) *Mailbox {
	addr := map[string]realtest.Addr{"implicit": d.IMAPS, "starttls": d.IMAP, "none": d.IMAP}[tls]
	return New(Config{
		Endpoint:    bridge.Endpoint{Host: "127.0.0.1", Port: addr.Port(), TLS: tls, CAFile: d.CAFile},
		Credentials: bridge.Credentials{Username: m.Address, Password: bridge.Secret(m.Password)},
		Timeout:     time.Minute, IdleTimeout: time.Minute, Folder: "INBOX", Folders: []string{"INBOX", "Processed"},
	})
}

func TestDovecot(t *testing.T) {
	d := realtest.Dovecot(t)
	for _, tls := range []string{"implicit", "starttls", "none"} {
		t.Run(tls, func(t *testing.T) {
			box := d.NewMailbox(t, "support")
			box.Create(t, "Processed")
			m := real(d, box, tls)
			defer m.Close()
			if w, err := m.Check(t.Context()); err != nil || len(w) != 0 {
				t.Fatalf("%v, %v", w, err)
			}
			msg := message(1)
			if seen, err := m.Probe(t.Context(), msg.MessageID); err != nil || seen.Found {
				t.Fatalf("%+v, %v", seen, err)
			}
			outcome(t, m.Send(t.Context(), msg), bridge.Accepted, "OK INBOX, UID 1 (UIDVALIDITY ")
			outcome(t, m.Send(t.Context(), message(2)), bridge.Accepted, "already there: INBOX, UID 1")
			got := box.Mails(t, "INBOX")
			if len(got) != 1 || string(got[0].Raw) != string(msg.Data) {
				t.Fatalf("%d messages", len(got))
			}
			if flags := fmt.Sprint(got[0].Flags); strings.Contains(flags, "Seen") || !strings.Contains(flags, "Recent") && flags != "[]" {
				t.Errorf("flags %s: looking must not take \\Recent away either", flags)
			}
			box.Append(t, "Processed", []byte("Message-ID:\r\n <moved@example.com>\r\n\r\nx\r\n"))
			if seen, err := m.Probe(t.Context(), "moved@example.com"); err != nil || !strings.HasPrefix(seen.Where, "Processed, UID 1") {
				t.Errorf("%+v, %v", seen, err)
			}
		})
	}
}

// cutConn closes after the last of so many bytes of ours has gone out.
type cutConn struct {
	net.Conn
	left *atomic.Int64
}

func (c cutConn) Write(p []byte) (int, error) {
	left := c.left.Add(-int64(len(p)))
	if left > 0 {
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:max(0, int(left)+len(p))])
	c.Conn.Close()
	return n, net.ErrClosed
}

// TestDovecotCutAnywhere: the connection ends after any byte of ours. Dovecot
// then holds the message once or not at all, and once in the end. It may still be
// storing it while we look already, which is why doubts wait before that.
func TestDovecotCutAnywhere(t *testing.T) {
	d := realtest.Dovecot(t)
	box := d.NewMailbox(t, "support")
	box.Create(t, "Processed")
	healthy := real(d, box, "none")
	defer healthy.Close()
	outcomes := map[bridge.Outcome]int{}
	total := 0
	attempt := func(n int64) bridge.Outcome {
		m := real(d, box, "none")
		var left atomic.Int64
		left.Store(n)
		dial := m.dial
		m.dial = func(ctx context.Context, e bridge.Endpoint, timeout time.Duration) (net.Conn, error) {
			c, err := dial(ctx, e, timeout)
			return cutConn{c, &left}, err
		}
		msg := message(1)
		msg.MessageID = fmt.Sprintf("cut.%d.%d@example.com", n, total)
		msg.Data = []byte("Message-ID: <" + msg.MessageID + ">\r\n\r\n" + strings.Repeat("text\r\n", 20))
		r := m.Send(t.Context(), msg)
		m.Close()
		outcomes[r.Outcome]++
		total++
		msg.Attempts = 2
		for end := time.Now().Add(time.Second); r.Outcome == bridge.InDoubt && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if seen, err := healthy.Probe(t.Context(), msg.MessageID); err != nil || seen.Found {
				break
			}
		}
		again := healthy.Send(t.Context(), msg)
		outcome(t, again, bridge.Accepted)
		if r.Outcome == bridge.Temporary && strings.Contains(again.Reply, "already there") {
			t.Errorf("cut after %d bytes: it was there, and the result was %s", n, r)
		}
		return r.Outcome
	}
	n := int64(1)
	for attempt(n) != bridge.Accepted {
		n += 13
	}
	for end := n + 3; n > end-20; n-- { // around the message's end
		attempt(n)
	}
	ids := map[string]int{}
	for _, m := range box.Mails(t, "INBOX") {
		ids[m.Header("Message-Id")]++
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
	if len(ids) != total || outcomes[bridge.Temporary] < 20 {
		t.Errorf("%d messages of %d, outcomes %v", len(ids), total, outcomes)
	}
}

// TestDovecotIsAway: killed and frozen servers are waited for, and nothing is
// lost or doubled by them.
func TestDovecotIsAway(t *testing.T) {
	d := realtest.NewDovecot(t, realtest.DovecotConfig{})
	box := d.NewMailbox(t, "support")
	box.Create(t, "Processed")
	m := real(d, box, "implicit")
	m.cfg.Timeout = 2 * time.Second
	defer m.Close()
	outcome(t, m.Send(t.Context(), message(1)), bridge.Accepted)
	d.Kill9(t)
	r := m.Send(t.Context(), message(2))
	if outcome(t, r, bridge.Temporary); !r.Broken || r.Stage != atConnect {
		t.Errorf("%s, broken %v", r, r.Broken)
	}
	if _, err := m.Probe(t.Context(), "x@example.com"); err == nil {
		t.Error("an answer of a dead server")
	}
	d.Start(t)
	d.Pause(t)
	if r := m.Send(t.Context(), message(3)); r.Outcome != bridge.Temporary {
		t.Errorf("frozen: %s", r)
	}
	d.Resume(t)
	outcome(t, m.Send(t.Context(), message(4)), bridge.Accepted, "already there")
	if n := len(box.Mails(t, "INBOX")); n != 1 {
		t.Errorf("%d messages", n)
	}
}
