package imaplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"ticketbridge/bridge"
)

// Config is what a connection has to know.
type Config struct {
	bridge.Endpoint
	bridge.Credentials
	Timeout    time.Duration // how long the server may be silent while it owes an answer
	MaxLiteral int64         // the longest piece to take from it
}

// Dialer connects to a mailbox's server; tests put a pipe in its place.
type Dialer func(ctx context.Context, e bridge.Endpoint, timeout time.Duration) (net.Conn, error)

// Dial is the Dialer that really does.
func Dial(ctx context.Context, e bridge.Endpoint, timeout time.Duration) (net.Conn, error) {
	return e.Dial(ctx, timeout)
}

// Link is one connection, logged in. One goroutine uses it, one command at a time.
type Link struct {
	Client *imapclient.Client
	Caps   imap.CapSet
	Wake   chan struct{} // the server announced a mail
	// OnAlert is told what the server wants people to read (RFC 3501 §7.1).
	OnAlert func(text string)
	Slow    *Throttled // the server asked for a pause while it did as it was told

	cfg    Config
	conn   *conn
	unstop func() bool
	over   chan struct{} // closed when ctx and its grace have ended
	hung   bool
}

// StopGrace is what a connection gets for DONE and LOGOUT once ctx has ended.
const StopGrace = 2 * time.Second

// hungGrace is how much longer than any deadline go-imap may take before we
// leave it where it is. A client that does not come back must cost a goroutine,
// not the mailbox.
const hungGrace = 3 * time.Second

var errHung = errors.New("the IMAP client does not come back (please report)")

// Open dials, secures and logs in. When ctx ends the connection follows
// within StopGrace, whatever it is doing: go-imap knows no contexts.
func Open(ctx context.Context, cfg Config, dial Dialer) (*Link, error) {
	raw, err := dial(ctx, cfg.Endpoint, cfg.Timeout)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", cfg.Addr(), err)
	}
	greeted := false
	if cfg.TLS == "starttls" {
		if raw, err = startTLS(ctx, raw, cfg.Endpoint, cfg.Timeout); err != nil {
			return nil, err
		}
		greeted = true
	}
	l := newLink(ctx, cfg, raw, greeted)
	if err := l.login(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func newLink(ctx context.Context, cfg Config, raw net.Conn, greeted bool) *Link {
	l := &Link{cfg: cfg, Wake: make(chan struct{}, 1), OnAlert: func(string) {}, over: make(chan struct{})}
	l.conn = newConn(raw, cfg.Timeout, cfg.MaxLiteral)
	if greeted {
		// After STARTTLS there is no second greeting, but go-imap waits for one.
		// Having got it, it asks for the capabilities, which it must do again
		// anyway: what was said in plain text is void (RFC 3501 §6.2.1).
		l.conn.pending = []byte("* OK TLS\r\n")
	}
	l.expect(0)
	l.Client = imapclient.New(l.conn, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		// It runs on the reading goroutine: it must not block nor call the client.
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages == nil {
				return
			}
			select {
			case l.Wake <- struct{}{}:
			default:
			}
		},
	}})
	l.unstop = context.AfterFunc(ctx, func() {
		l.conn.stopWithin(StopGrace)
		time.AfterFunc(StopGrace+hungGrace, func() { close(l.over) })
	})
	return l
}

// Close ends the connection without a word.
func (l *Link) Close() {
	l.unstop()
	l.conn.Conn.Close()
	// It waits for the reading goroutine; its error is the reason we already know.
	closed := make(chan error, 1)
	go func() { closed <- l.Client.Close() }()
	if l.hung {
		return
	}
	select {
	case <-closed:
	case <-time.After(hungGrace):
	}
}

// expect allows for one command that brings size bytes of bodies: 8 KB/s is the
// slowest line we wait for. It returns how long that is.
func (l *Link) expect(size int64) time.Duration {
	quiet := l.cfg.Timeout
	total := 5*quiet + time.Duration(size/8192)*time.Second
	l.conn.expect(quiet, total, size)
	return total
}

// Do runs commands and waits for their answers, which may bring size bytes of
// bodies. The error says what was being done.
func (l *Link) Do(what string, size int64, f func() error) error {
	if l.hung {
		return fmt.Errorf("%s: %w", what, errHung)
	}
	late := time.NewTimer(l.expect(size) + hungGrace)
	defer late.Stop()
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	var err error
	select {
	case err = <-ended:
	case <-late.C:
		l.hung, err = true, errHung
	case <-l.over:
		l.hung, err = true, errHung
	}
	l.conn.relax()
	return l.Explain(what, err)
}

// Explain finds the cause behind an error of go-imap, which loses types and
// texts on the way.
func (l *Link) Explain(what string, err error) error {
	h := l.conn.hints()
	if h.alert != "" {
		l.OnAlert(h.alert)
	}
	if h.pause > 0 && err == nil {
		l.Slow = &Throttled{what, h.pause, nil}
	}
	if err == nil {
		return nil
	}
	var said *imap.Error
	var cut *brokenOff
	fault := l.conn.failed()
	switch {
	case errors.Is(err, errHung):
		err = fmt.Errorf("%s: %w", what, err)
	case errors.As(err, &said):
		err = &Refusal{what, said}
	case errors.As(err, &cut):
		err = fmt.Errorf("%s: %w", what, cut)
	case h.bye != "":
		err = fmt.Errorf("%s: the server said goodbye: %s", what, h.bye)
	case fault != nil && !errors.Is(fault, net.ErrClosed):
		err = fmt.Errorf("%s: %w", what, fault)
	default:
		err = fmt.Errorf("%s: %s", what, Printable(err.Error(), 300))
	}
	if h.pause > 0 {
		return &Throttled{what, h.pause, err}
	}
	return err
}

// Expect allows the server to be silent for so long, and to send size bytes of
// bodies, until the next Do.
func (l *Link) Expect(silence time.Duration, size int64) { l.conn.expect(silence, 0, size) }

// Cut breaks the connection off: whatever is under way fails.
func (l *Link) Cut() { l.conn.Conn.Close() }

// Sent is how many bytes of ours have gone out. After Cut it grows no more.
func (l *Link) Sent() int64 { return l.conn.sent.Load() }

// Logout says goodbye as RFC 3501 §6.1.3 would have it; nothing depends on it.
func (l *Link) Logout() {
	_ = l.Do("LOGOUT", 0, func() error { return l.Client.Logout().Wait() })
}
