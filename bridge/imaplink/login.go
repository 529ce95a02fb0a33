package imaplink

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
	"github.com/emersion/go-sasl"

	"ticketbridge/bridge"
)

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
		return fmt.Errorf("the server greets with %q; want * OK", Printable(greeting, 100))
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
			return fmt.Errorf("the server refuses: %s", Printable(answer, 200))
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

// RefusedLogin is a server that does not take our credentials: trying again
// soon would only lock the account.
type RefusedLogin struct{ Err error }

func (e *RefusedLogin) Error() string { return e.Err.Error() }
func (e *RefusedLogin) Unwrap() error { return e.Err }

// login waits for the greeting and authenticates. After any error here the
// connection is half way between two states and must be dropped.
func (l *Link) login() error {
	var caps imap.CapSet
	err := l.Do("greeting", 0, func() error {
		if err := l.Client.WaitGreeting(); err != nil {
			return err
		}
		if caps = l.Client.Caps(); caps == nil {
			return errors.New("no capabilities told")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if l.Client.State() == imap.ConnStateNotAuthenticated {
		if err := l.authenticate(caps); err != nil {
			return err
		}
	}
	// At this moment go-imap may still hold those of before the login. Once it
	// has read the next answer it knows that it must ask again, and Caps waits.
	return l.Do("CAPABILITY", 0, func() error {
		if err := l.Client.Noop().Wait(); err != nil {
			return err
		}
		if l.Caps = l.Client.Caps(); l.Caps == nil {
			return errors.New("no capabilities told")
		}
		return nil
	})
}

// authenticate is where OAuth 2 will come in: one more mechanism, with a token.
func (l *Link) authenticate(caps imap.CapSet) error {
	user, password := l.cfg.Username, l.cfg.Password.Reveal()
	plain := caps.Has(imap.AuthCap("PLAIN"))
	if !plain && caps.Has(imap.CapLoginDisabled) {
		return &RefusedLogin{errors.New("log in as " + user + ": the server permits no password here (LOGINDISABLED, no AUTH=PLAIN)")}
	}
	err := l.Do("log in as "+user, 0, func() error {
		if plain {
			return l.Client.Authenticate(sasl.NewPlainClient("", user, password))
		}
		return l.Client.Login(user, password).Wait()
	})
	var no *Refusal
	if errors.As(err, &no) && !no.Passing() {
		return &RefusedLogin{err}
	}
	return err
}
