package smtpout

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// session is one connection to the server, used by one goroutine at a time.
type session struct {
	cfg  *Config
	raw  net.Conn // the transport below TLS: closing it stops everything at once
	conn net.Conn // raw, or TLS on it
	br   *bufio.Reader
	ext  map[string]string // EHLO keywords in upper case, with their parameters

	last   []byte      // memory for the last block of a body
	dirty  bool        // a transaction was refused: RSET before the next
	broken bool        // not to be used again
	idle   *time.Timer // ends it while it is in the pool
}

// open connects and brings the session to where MAIL can be said. Cancelling
// ctx cuts it.
func (t *Transport) open(ctx context.Context) (*session, *failure) {
	conn, err := t.dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, cut(ctx, atConnect)
		}
		return nil, fault(atConnect, plainError(err, fmt.Sprintf("no connection within %v", t.cfg.ConnectTimeout.D())))
	}
	s := &session{cfg: &t.cfg, raw: conn, conn: conn, br: bufio.NewReaderSize(conn, maxReplyLine)}
	release := context.AfterFunc(ctx, func() { conn.Close() })
	f := s.start()
	switch uncut := release(); {
	case f != nil && ctx.Err() != nil:
		f = cut(ctx, f.stage)
	case f == nil && !uncut:
		f = cut(ctx, atMail)
	}
	if f != nil {
		conn.Close()
		return nil, f
	}
	return s, nil
}

// start runs TLS, banner, EHLO, STARTTLS and AUTH in the order the config asks for.
func (s *session) start() *failure {
	if s.cfg.TLS == "implicit" {
		if f := s.startTLS(); f != nil {
			return f
		}
	}
	if _, f := s.hear(atBanner, 220); f != nil {
		if s.cfg.TLS != "implicit" && errors.Is(f.err, os.ErrDeadlineExceeded) {
			f.err = fmt.Errorf("%w%s", f.err, wantsTLS)
		}
		return f
	}
	if f := s.ehlo(); f != nil {
		return f
	}
	if s.cfg.TLS == "starttls" {
		if f := s.upgrade(); f != nil {
			return f
		}
		// What was said before TLS may have been forged (RFC 3207 §4.2).
		if f := s.ehlo(); f != nil {
			return f
		}
	}
	if s.cfg.Username == "" {
		return nil
	}
	return s.auth()
}

// upgrade does STARTTLS. Bytes behind its reply came in the clear and would be
// taken for the server's once TLS is up: an injection (THREATS T16).
func (s *session) upgrade() *failure {
	if _, ok := s.ext["STARTTLS"]; !ok {
		return fault(atTLS, errors.New(`server offers no STARTTLS; tls = "starttls" requires it`))
	}
	if _, f := s.command(atTLS, 220, "STARTTLS"); f != nil {
		return f
	}
	if n := s.br.Buffered(); n > 0 {
		b, _ := s.br.Peek(n)
		return fault(atTLS, fmt.Errorf("bytes in the clear behind the reply to STARTTLS, as an attacker would inject them: %s", quote(string(b))))
	}
	s.ext = nil
	return s.startTLS()
}

func (s *session) startTLS() *failure {
	cfg, err := s.cfg.TLSConfig()
	if err != nil {
		return fault(atTLS, err)
	}
	tc := tls.Client(s.raw, cfg)
	s.raw.SetDeadline(time.Now().Add(s.cfg.ConnectTimeout.D()))
	if err := tc.Handshake(); err != nil {
		return fault(atTLS, s.tlsError(err, fmt.Sprintf("no TLS handshake within %v", s.cfg.ConnectTimeout.D())))
	}
	s.conn = tc
	s.br.Reset(tc)
	return nil
}

// tlsError adds what would be right to the errors an admin can mend.
func (s *session) tlsError(err error, late string) error {
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	switch {
	case noTLS && s.cfg.TLS == "implicit":
		return fmt.Errorf(`TLS: %w (a server without TLS from the start wants tls = "starttls")`, err)
	case unknown:
		return fmt.Errorf("TLS: %w (set ca_file to the certificate of the authority that signed it)", err)
	case name:
		return fmt.Errorf("TLS: %w (host must be a name that the certificate holds)", err)
	}
	return fmt.Errorf("TLS: %w", plainError(err, late))
}

func (s *session) ehlo() *failure {
	verb := "EHLO"
	if s.cfg.Kind == "lmtp" {
		verb = "LHLO"
	}
	r, f := s.command(atEHLO, 250, verb+" "+s.helloName())
	if f != nil {
		return f
	}
	s.ext = make(map[string]string)
	for _, l := range r.lines[1:] { // the first is a greeting
		keyword, param, _ := strings.Cut(l, " ")
		s.ext[strings.ToUpper(keyword)] = param
	}
	return nil
}

// helloName is the configured name, this machine's if it is a full one, or the
// address literal of our end (RFC 5321 §4.1.4).
func (s *session) helloName() string {
	if s.cfg.Hello != "" {
		return s.cfg.Hello
	}
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") && isDomain(name) {
		return name
	}
	if a, ok := s.raw.LocalAddr().(*net.TCPAddr); ok {
		if a.IP.To4() != nil {
			return "[" + a.IP.String() + "]"
		}
		return "[IPv6:" + a.IP.String() + "]"
	}
	return "localhost"
}

// sizeLimit is the largest message the server takes, 0 where it does not say
// (RFC 1870 §4).
func (s *session) sizeLimit() int64 {
	n, err := strconv.ParseInt(s.ext["SIZE"], 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// command sends one line and returns the reply that want allows: a code, or by
// one digit a class of codes.
func (s *session) command(at stage, want int, line string) (reply, *failure) {
	if f := s.say(at, line); f != nil {
		return reply{}, f
	}
	return s.hear(at, want)
}

func (s *session) say(at stage, line string) *failure {
	if f := s.outOfTurn(at); f != nil {
		return f
	}
	s.conn.SetDeadline(time.Now().Add(s.cfg.CommandTimeout.D()))
	if _, err := s.conn.Write([]byte(line + "\r\n")); err != nil {
		s.broken = true
		return fault(at, plainError(err, noWrite(s.cfg.CommandTimeout)))
	}
	return nil
}

// outOfTurn is a fault if the server said something unasked: it would be taken
// for the answer to what comes next.
func (s *session) outOfTurn(at stage) *failure {
	n := s.br.Buffered()
	if n == 0 {
		return nil
	}
	b, _ := s.br.Peek(n)
	s.broken = true
	return fault(at, fmt.Errorf("the server spoke out of turn: %s", quote(string(b))))
}

// hear reads the reply that want allows.
func (s *session) hear(at stage, want int) (reply, *failure) {
	r, f := s.listen(at)
	if f != nil {
		return r, f
	}
	switch {
	case r.code == want || r.class() == want:
		return r, nil
	case r.class() == 4 || r.class() == 5:
		return r, refusal(at, r)
	}
	return r, s.unexpected(at, r)
}

// listen reads any reply within the command time-out, counted for the whole of
// it: a server that drips it byte by byte gains nothing.
func (s *session) listen(at stage) (reply, *failure) {
	s.conn.SetReadDeadline(time.Now().Add(s.cfg.CommandTimeout.D()))
	r, err := readReply(s.br)
	if err != nil {
		s.broken = true
		return reply{}, fault(at, plainError(err, noReply(s.cfg.CommandTimeout)))
	}
	if r.code == 421 {
		s.broken = true // the server closes the connection (RFC 5321 §3.8)
	}
	return r, nil
}

func (s *session) unexpected(at stage, r reply) *failure {
	s.broken = true
	return fault(at, fmt.Errorf("unexpected reply %s", quote(r.String())))
}

// quitTimeout is how long a polite goodbye may take.
const quitTimeout = 5 * time.Second

// quit says goodbye and closes. Whatever goes wrong with it changes nothing.
func (s *session) quit() {
	s.conn.SetDeadline(time.Now().Add(quitTimeout))
	if _, err := s.conn.Write([]byte("QUIT\r\n")); err != nil {
		s.close()
		return
	}
	if _, err := readReply(s.br); err != nil {
		s.close()
		return
	}
	s.conn.Close() // with TLS's own goodbye
}

// close ends the connection without a word: what a server has got of a message
// up to then it drops, as the dot is missing.
func (s *session) close() { s.raw.Close() }
