package smtpout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// transact sends one message and returns the reply that accepted it. Cancelling
// ctx cuts it up to the reply to DATA; from the first byte of the body on only a
// passed deadline does.
func (s *session) transact(ctx context.Context, m *message) (reply, *failure) {
	limited, cancel := m.limit(ctx)
	defer cancel()
	release := context.AfterFunc(limited, s.close)
	f := s.envelope(m)
	if !release() { // it is closed, or about to be
		s.broken = true
		switch {
		case f == nil:
			f = cut(limited, atData)
		case f.cause == faulty:
			f = cut(limited, f.stage)
		}
	}
	if f != nil {
		s.dirty = true
		return reply{}, f
	}
	r, f := s.handOver(ctx, m)
	if f != nil {
		s.dirty = true
	}
	if r.code == 421 || s.br.Buffered() > 0 {
		s.broken = true
	}
	return r, f
}

// envelope says MAIL, RCPT and DATA.
func (s *session) envelope(m *message) *failure {
	if f := s.address(m); f != nil {
		return f
	}
	_, f := s.command(atData, 354, "DATA")
	return f
}

// address says MAIL and RCPT.
func (s *session) address(m *message) *failure {
	if s.dirty {
		// Servers were seen to repeat a "552 size" to every later MAIL until RSET.
		if _, f := s.command(atMail, 2, "RSET"); f != nil {
			s.broken = true
			return fault(atMail, &said{"RSET: " + f.Error(), []error{f, errLost}})
		}
		s.dirty = false
	}
	mail, f := s.mailLine(m)
	if f != nil {
		return f
	}
	if _, f := s.command(atMail, 2, mail); f != nil {
		return f
	}
	rcpt := "RCPT TO:<" + m.to + ">"
	if _, ok := s.ext["DSN"]; ok {
		rcpt += " NOTIFY=FAILURE,DELAY"
	}
	_, f = s.command(atRcpt, 2, rcpt)
	return f
}

// mailLine is MAIL with what the server offers and the message needs.
func (s *session) mailLine(m *message) (string, *failure) {
	var b strings.Builder
	b.WriteString("MAIL FROM:<" + m.from + ">")
	if _, ok := s.ext["SIZE"]; ok {
		if limit := s.sizeLimit(); limit > 0 && int64(m.size) > limit {
			return "", ours(atMail, fmt.Errorf("the message has %d bytes, the server takes at most %d (SIZE)", m.size, limit))
		}
		fmt.Fprintf(&b, " SIZE=%d", m.size)
	}
	if m.eightBit {
		if _, ok := s.ext["8BITMIME"]; !ok {
			return "", ours(atMail, errors.New("the message has 8-bit bytes and the server offers no 8BITMIME"))
		}
		b.WriteString(" BODY=8BITMIME")
	}
	if _, ok := s.ext["DSN"]; ok {
		b.WriteString(" RET=HDRS ENVID=" + xtext(m.envid))
	}
	return b.String(), nil
}

// blockSize is how much of a body goes out at a time, each under DataTimeout.
const blockSize = 32 << 10

// dot ends the body (RFC 5321 §4.1.1.4); the message itself ends in CRLF.
const dot = ".\r\n"

// lastWords is how long a server that broke off is listened to for its reason.
const lastWords = 250 * time.Millisecond

// answered is what readReply returned.
type answered struct {
	reply reply
	err   error
}

// handOver sends the body and the dot. The server is listened to from the first
// byte on: what it says or does before the dot ends the attempt without the
// dot, so that a reply is never taken for one to a message it has not seen whole.
func (s *session) handOver(ctx context.Context, m *message) (reply, *failure) {
	if f := s.outOfTurn(atData); f != nil {
		return reply{}, f
	}
	passed := func() bool { // the deadline of ctx; the timers of ctx and of the connection may differ
		d, ok := ctx.Deadline()
		return ok && !time.Now().Before(d) || errors.Is(context.Cause(ctx), context.DeadlineExceeded)
	}
	release := context.AfterFunc(ctx, func() {
		if passed() {
			s.close()
		}
	})
	defer release()
	w := &bodyWriter{conn: s.conn, timeout: s.cfg.DataTimeout.D(), deadline: deadlineOf(ctx, m.dotBy), last: s.last}
	got := make(chan answered, 1)
	s.conn.SetReadDeadline(time.Time{})
	go func() {
		s.br.Peek(1) // any byte, or the end
		w.stop()
		r, err := readReply(s.br)
		got <- answered{r, err}
	}()
	var r reply
	var f *failure
	if dotSent, err := w.send(m.wire); err != nil {
		s.conn.SetReadDeadline(time.Now().Add(lastWords))
		f = s.bodyFailure(<-got, dotSent, err)
	} else {
		s.conn.SetReadDeadline(deadlineOf(ctx, time.Now().Add(s.cfg.ReplyTimeout.D())))
		r, f = s.verdict(<-got)
	}
	s.last = w.last
	switch {
	case f == nil || f.err == nil:
	case passed():
		f.err = fmt.Errorf("cut by the attempt's deadline: %w", f.err)
	case f.stage == atBody && !time.Now().Before(m.dotBy):
		f.err = fmt.Errorf("%w: %w", errTooSlow, f.err)
	}
	return r, f
}

// deadlineOf is t, or when ctx passes if that is earlier.
func deadlineOf(ctx context.Context, t time.Time) time.Time {
	if d, ok := ctx.Deadline(); ok && d.Before(t) {
		return d
	}
	return t
}

// verdict reads the reply to the dot.
func (s *session) verdict(a answered) (reply, *failure) {
	switch {
	case a.err != nil:
		s.broken = true
		return reply{}, doubt(plainError(a.err, noReply(s.cfg.ReplyTimeout)))
	case a.reply.class() == 2:
		return a.reply, nil
	case a.reply.class() == 3:
		s.broken = true
		return reply{}, doubt(fmt.Errorf("unexpected reply %s", quote(a.reply.String())))
	}
	return a.reply, refusal(atDot, a.reply)
}

// bodyFailure is how an attempt ended whose last block did not get out whole. A
// full reply of refusal is definite at any time. Otherwise the dot decides.
func (s *session) bodyFailure(a answered, dotSent bool, err error) *failure {
	s.broken = true
	at := atBody
	if dotSent {
		at = atDot
	}
	said := a.err == nil
	if said && a.reply.class() >= 4 {
		return refusal(at, a.reply)
	}
	switch {
	case said:
		err = fmt.Errorf("reply before the dot: %s", quote(a.reply.String()))
	case !errors.Is(a.err, os.ErrDeadlineExceeded): // how the connection ended
		err = plainError(a.err, "")
	case errors.Is(err, errAnswered):
		err = plainError(a.err, "reply before the dot, not a full one")
	default:
		err = plainError(err, noWrite(s.cfg.DataTimeout))
	}
	if dotSent {
		return doubt(err)
	}
	return fault(at, err)
}

// bodyWriter writes a body block by block until stop.
type bodyWriter struct {
	conn     net.Conn
	timeout  time.Duration
	deadline time.Time // of the whole body
	last     []byte    // the last block, of which the caller keeps the memory

	mu      sync.Mutex
	stopped bool // guarded by mu
}

// errAnswered: the server said something, or went away, before it had the dot.
var errAnswered = errors.New("answered before the dot")

// send writes the dot-stuffed body and the dot. dotSent reports whether any
// byte of the dot may have left: the last block holds it, and what Write counts
// went to the kernel.
func (w *bodyWriter) send(wire []byte) (dotSent bool, err error) {
	for len(wire) > blockSize {
		if _, err := w.write(wire[:blockSize]); err != nil {
			return false, err
		}
		wire = wire[blockSize:]
	}
	w.last = append(append(w.last[:0], wire...), dot...)
	n, err := w.write(w.last)
	return n > len(wire), err
}

func (w *bodyWriter) write(block []byte) (int, error) {
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return 0, errAnswered
	}
	if !time.Now().Round(0).Before(w.deadline.Round(0)) {
		w.mu.Unlock()
		return 0, errTooSlow // the machine slept, and the monotonic clock with it
	}
	by := time.Now().Add(w.timeout)
	if w.deadline.Before(by) {
		by = w.deadline
	}
	w.conn.SetWriteDeadline(by)
	w.mu.Unlock()
	n, err := w.conn.Write(block)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.stopped {
		return n, errAnswered
	}
	return n, err
}

// stop ends a write under way. If the server answers to the dot itself, all is
// written and there is nothing to end.
func (w *bodyWriter) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.conn.SetWriteDeadline(time.Unix(1, 0))
}
