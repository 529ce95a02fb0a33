package smtpout

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"ticketbridge/bridge"
)

// cutConn breaks after so many bytes in one direction; -1 is never.
type cutConn struct {
	net.Conn
	mu              sync.Mutex
	written, read   int // guarded by mu
	maxWrite, maxIn int
}

func (c *cutConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	allowed := len(b)
	if c.maxWrite >= 0 {
		allowed = min(allowed, c.maxWrite-c.written)
	}
	n, err := c.Conn.Write(b[:allowed])
	c.written += n
	if err == nil && n < len(b) {
		c.Conn.Close()
		err = syscall.EPIPE
	}
	return n, err
}

func (c *cutConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	left := len(b)
	if c.maxIn >= 0 {
		left = min(left, c.maxIn-c.read)
	}
	c.mu.Unlock()
	if left == 0 {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b[:left])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read += n
	return n, err
}

// sendCut sends one message on a connection that breaks, and returns how many
// bytes went either way and whether the server had the message whole.
func sendCut(t *testing.T, maxWrite, maxIn int) (r bridge.Result, written, read int, whole bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		dial := pipeDial(t, script{log: log}.serve)
		var conn *cutConn
		tr := New(config("mail.example.com", 0, "none", identity{}))
		tr.dial = func(ctx context.Context) (net.Conn, error) {
			c, err := dial(ctx)
			conn = &cutConn{Conn: c, maxWrite: maxWrite, maxIn: maxIn}
			return conn, err
		}
		r = tr.Send(t.Context(), delivery(300))
		written, read = conn.written, conn.read
		tr.Close()
		synctest.Wait()
		_, n := log.counts()
		whole = n == 1
	})
	return r, written, read, whole
}

// TestEveryByteOut breaks the connection after each byte that we send: up to the
// dot that is temporary, from its first byte on in doubt.
func TestEveryByteOut(t *testing.T) {
	r, total, _, _ := sendCut(t, -1, -1)
	mustResult(t, r, bridge.Accepted, atDot)
	for n := range total {
		want := bridge.Temporary
		if n > total-len(dot) {
			want = bridge.InDoubt
		}
		if r, _, _, whole := sendCut(t, n, -1); r.Outcome != want || whole {
			t.Errorf("after %d of %d bytes: %v, whole %v; want %s", n, total, r, whole, want)
		}
	}
}

// TestEveryByteIn breaks it after each byte that we get. What the server has
// whole is never called anything but accepted or in doubt.
func TestEveryByteIn(t *testing.T) {
	r, _, total, _ := sendCut(t, -1, -1)
	mustResult(t, r, bridge.Accepted, atDot)
	last := total - len("250 2.0.0 queued as 4F7\r\n")
	for n := range total {
		r, _, _, whole := sendCut(t, -1, n)
		if whole && r.Outcome != bridge.InDoubt || r.Outcome != bridge.InDoubt && r.Outcome != bridge.Temporary ||
			n > last && r.Outcome != bridge.InDoubt || n < last && r.Outcome != bridge.Temporary {
			t.Errorf("after %d of %d bytes: %v, whole %v", n, total, r, whole)
		}
	}
}

// TestReplies: what a server may say, in place of one reply.
func TestReplies(t *testing.T) {
	for _, tc := range []struct {
		name, verb, reply string
		want              bridge.Outcome
		at                stage
		reused            bool
	}{
		{"two replies to MAIL", "MAIL", "250 ok\r\n250 again\r\n", bridge.Temporary, atRcpt, false},
		{"251 to RCPT", "RCPT", "251 will forward\r\n", bridge.Accepted, atDot, true},
		{"354 to MAIL", "MAIL", "354 go\r\n", bridge.Temporary, atMail, false},
		{"250 to DATA", "DATA", "250 ok\r\n", bridge.Temporary, atData, false},
		{"acceptance with the reply to DATA", "DATA", "354 go\r\n250 queued\r\n", bridge.Temporary, atData, false},
		{"refusal with the reply to DATA", "DATA", "354 go\r\n554 no\r\n", bridge.Temporary, atData, false},
		{"251 to the dot", ".", "251 2.1.5 forwarded\r\n", bridge.Accepted, atDot, true},
		{"two replies to the dot", ".", "250 ok\r\n250 again\r\n", bridge.Accepted, atDot, false},
		{"354 to the dot", ".", "354 go on\r\n", bridge.InDoubt, atDot, false},
		{"another code behind a hyphen", ".", "250-ok\r\n554 no\r\n", bridge.InDoubt, atDot, false},
		{"endless", ".", endless(), bridge.InDoubt, atDot, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &transcript{}
				tr := plain(t, func(conn net.Conn) {
					script{log: log, instead: map[string]string{tc.verb: tc.reply}}.serve(conn)
				})
				mustResult(t, tr.Send(t.Context(), delivery(300)), tc.want, tc.at)
				if reused := len(tr.idle) == 1; reused != tc.reused {
					t.Errorf("kept for the next: %v", reused)
				}
				tr.Close()
			})
		})
	}
}

// endless is a reply with no last line within any limit.
func endless() string {
	b := make([]byte, 0, 1<<20)
	for len(b) < 1<<20 {
		b = append(b, "250-and another thing\r\n"...)
	}
	return string(b)
}
