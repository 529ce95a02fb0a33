package imapin

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"ticketbridge/bridge"
)

// dialer connects to a mailbox's server; tests put a pipe in its place.
type dialer func(ctx context.Context, e bridge.Endpoint, timeout time.Duration) (net.Conn, error)

func dialEndpoint(ctx context.Context, e bridge.Endpoint, timeout time.Duration) (net.Conn, error) {
	return e.Dial(ctx, timeout)
}

// link is one connection, logged in. One goroutine uses it, one command at a time.
type link struct {
	cfg    Config
	conn   *conn
	client *imapclient.Client
	caps   imap.CapSet
	wake   chan struct{} // the server announced a mail
	// onAlert is told what the server wants people to read (RFC 3501 §7.1).
	onAlert func(text string)
	unstop  func() bool
	over    chan struct{} // closed when ctx and its grace have ended
	hung    bool
	slow    *throttled // the server asked for a pause while it did as it was told
}

// stopGrace is what a connection gets for DONE and LOGOUT once ctx has ended.
const stopGrace = 2 * time.Second

// hungGrace is how much longer than any deadline go-imap may take before we
// leave it where it is. A client that does not come back must cost a goroutine,
// not the mailbox.
const hungGrace = 3 * time.Second

var errHung = errors.New("the IMAP client does not come back (please report)")

// connect dials, secures and logs in. When ctx ends the connection follows
// within stopGrace, whatever it is doing: go-imap knows no contexts.
func connect(ctx context.Context, cfg Config, dial dialer) (*link, error) {
	raw, err := dial(ctx, cfg.Endpoint, cfg.Timeout.D())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", cfg.Addr(), err)
	}
	greeted := false
	if cfg.TLS == "starttls" {
		if raw, err = startTLS(ctx, raw, cfg.Endpoint, cfg.Timeout.D()); err != nil {
			return nil, err
		}
		greeted = true
	}
	l := newLink(ctx, cfg, raw, greeted)
	if err := l.login(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// literalSlack is how much longer a mail may be than max_size before we stop
// reading it: some servers only estimate RFC822.SIZE.
const literalSlack = 1 << 20

func newLink(ctx context.Context, cfg Config, raw net.Conn, greeted bool) *link {
	l := &link{cfg: cfg, wake: make(chan struct{}, 1), onAlert: func(string) {}, over: make(chan struct{})}
	l.conn = newConn(raw, cfg.Timeout.D(), int64(cfg.MaxSize)+literalSlack)
	if greeted {
		// After STARTTLS there is no second greeting, but go-imap waits for one.
		// Having got it, it asks for the capabilities, which it must do again
		// anyway: what was said in plain text is void (RFC 3501 §6.2.1).
		l.conn.pending = []byte("* OK TLS\r\n")
	}
	l.expect(0)
	l.client = imapclient.New(l.conn, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		// It runs on the reading goroutine: it must not block nor call the client.
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages == nil {
				return
			}
			select {
			case l.wake <- struct{}{}:
			default:
			}
		},
	}})
	l.unstop = context.AfterFunc(ctx, func() {
		l.conn.stopWithin(stopGrace)
		time.AfterFunc(stopGrace+hungGrace, func() { close(l.over) })
	})
	return l
}

func (l *link) close() {
	l.unstop()
	l.conn.Conn.Close()
	// It waits for the reading goroutine; its error is the reason we already know.
	closed := make(chan error, 1)
	go func() { closed <- l.client.Close() }()
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
func (l *link) expect(size int64) time.Duration {
	quiet := l.cfg.Timeout.D()
	total := 5*quiet + time.Duration(size/8192)*time.Second
	l.conn.expect(quiet, total, size)
	return total
}

// do runs commands and waits for their answers, which may bring size bytes of
// bodies. The error says what was being done.
func (l *link) do(what string, size int64, f func() error) error {
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
	return l.explain(what, err)
}

// explain finds the cause behind an error of go-imap, which loses types and
// texts on the way.
func (l *link) explain(what string, err error) error {
	h := l.conn.hints()
	if h.alert != "" {
		l.onAlert(h.alert)
	}
	if h.pause > 0 && err == nil {
		l.slow = &throttled{what, h.pause, nil}
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
		err = &refusal{what, said}
	case errors.As(err, &cut):
		err = fmt.Errorf("%s: %w", what, cut)
	case h.bye != "":
		err = fmt.Errorf("%s: the server said goodbye: %s", what, h.bye)
	case fault != nil && !errors.Is(fault, net.ErrClosed):
		err = fmt.Errorf("%s: %w", what, fault)
	default:
		err = fmt.Errorf("%s: %s", what, printable(err.Error(), 300))
	}
	if h.pause > 0 {
		return &throttled{what, h.pause, err}
	}
	return err
}

// refusal is the server's NO, BAD or BYE to a command.
type refusal struct {
	what string
	said *imap.Error
}

func (e *refusal) Error() string {
	code := ""
	if e.said.Code != "" {
		code = "[" + printable(string(e.said.Code), 40) + "] "
	}
	return fmt.Sprintf("%s: the server says %s %s%s", e.what, e.said.Type, code, printable(e.said.Text, 200))
}

// passing reports codes by which a server says that it is its own trouble, not
// the request's (RFC 5530 §3).
func (e *refusal) passing() bool {
	switch e.said.Code {
	case imap.ResponseCodeUnavailable, imap.ResponseCodeServerBug, imap.ResponseCodeInUse, imap.ResponseCodeLimit:
		return true
	}
	return e.said.Type == imap.StatusResponseTypeBye
}

// throttled is a server's wish that we stay away for a while.
type throttled struct {
	what  string
	pause time.Duration
	err   error // nil: the command itself went well
}

func (e *throttled) Error() string {
	if e.err != nil {
		return fmt.Sprintf("%v (the server asks for a pause of %s)", e.err, e.pause)
	}
	return fmt.Sprintf("%s: the server asks for a pause of %s", e.what, e.pause)
}

func (e *throttled) Unwrap() error { return e.err }

// startTLS turns a plain connection into a TLS one, or closes it: there is no
// way back to plain text. Nothing of what was said before is kept, and a byte
// after the server's OK that was not encrypted ends it (nostarttls.secvuln.info).
func startTLS(ctx context.Context, raw net.Conn, e bridge.Endpoint, timeout time.Duration) (_ net.Conn, err error) {
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	defer func() {
		if err != nil {
			raw.Close()
			err = fmt.Errorf("STARTTLS with %s: %w", e.Addr(), err)
		}
	}()
	raw.SetDeadline(time.Now().Add(timeout))
	if err := askSTARTTLS(raw); err != nil {
		return nil, err
	}
	cfg, err := e.TLSConfig()
	if err != nil {
		return nil, err
	}
	tc := tls.Client(raw, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return tc, raw.SetDeadline(time.Time{})
}

func askSTARTTLS(raw net.Conn) error {
	r := bufio.NewReader(raw)
	greeting, err := plainLine(r)
	if err != nil {
		return err
	}
	if word, _, _ := strings.Cut(strings.TrimPrefix(greeting, "* "), " "); !strings.EqualFold(word, "OK") {
		// PREAUTH: a session of somebody else's making (RFC 9051 §7.1.4).
		return fmt.Errorf("the server greets with %q; want * OK", printable(greeting, 100))
	}
	if _, err := raw.Write([]byte("s STARTTLS\r\n")); err != nil {
		return err
	}
	for range 100 {
		line, err := plainLine(r)
		if err != nil {
			return err
		}
		answer, ok := strings.CutPrefix(line, "s ")
		if !ok {
			continue
		}
		if word, _, _ := strings.Cut(answer, " "); !strings.EqualFold(word, "OK") {
			return fmt.Errorf("the server refuses: %s", printable(answer, 200))
		}
		if n := r.Buffered(); n > 0 {
			return fmt.Errorf("%d bytes in plain text after the server's OK: somebody may be writing into the connection", n)
		}
		return nil
	}
	return errors.New("the server talks, but does not answer")
}

// plainLine reads a line of at most the reader's buffer.
func plainLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// refusedLogin is a server that does not take our credentials: trying again
// soon would only lock the account.
type refusedLogin struct{ err error }

func (e *refusedLogin) Error() string { return e.err.Error() }
func (e *refusedLogin) Unwrap() error { return e.err }

// login waits for the greeting and authenticates. After any error here the
// connection is half way between two states and must be dropped.
func (l *link) login() error {
	var caps imap.CapSet
	err := l.do("greeting", 0, func() error {
		if err := l.client.WaitGreeting(); err != nil {
			return err
		}
		if caps = l.client.Caps(); caps == nil {
			return errors.New("no capabilities told")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if l.client.State() == imap.ConnStateNotAuthenticated {
		if err := l.authenticate(caps); err != nil {
			return err
		}
	}
	// At this moment go-imap may still hold those of before the login. Once it
	// has read the next answer it knows that it must ask again, and Caps waits.
	return l.do("CAPABILITY", 0, func() error {
		if err := l.client.Noop().Wait(); err != nil {
			return err
		}
		if l.caps = l.client.Caps(); l.caps == nil {
			return errors.New("no capabilities told")
		}
		return nil
	})
}

// authenticate is where OAuth 2 will come in: one more mechanism, with a token.
func (l *link) authenticate(caps imap.CapSet) error {
	user, password := l.cfg.Username, l.cfg.Password.Reveal()
	plain := caps.Has(imap.AuthCap("PLAIN"))
	if !plain && caps.Has(imap.CapLoginDisabled) {
		return &refusedLogin{errors.New("log in as " + user + ": the server permits no password here (LOGINDISABLED, no AUTH=PLAIN)")}
	}
	err := l.do("log in as "+user, 0, func() error {
		if plain {
			return l.client.Authenticate(sasl.NewPlainClient("", user, password))
		}
		return l.client.Login(user, password).Wait()
	})
	var no *refusal
	if errors.As(err, &no) && !no.passing() {
		return &refusedLogin{err}
	}
	return err
}
