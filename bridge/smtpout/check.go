package smtpout

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Offer is what a server would take.
type Offer struct {
	MaxSize int64 // of a message, in bytes; 0 where it does not say (RFC 1870 §4)
}

// checkTimeout bounds Check where ctx does not: a person waits for it.
const checkTimeout = time.Minute

// trialSize is what Check announces: a ticket message without files.
const trialSize = 8 << 10

// Check connects, logs in, and asks as an attempt does whether the server would
// take a message from one address to another; then it takes the question back
// (RSET) and says goodbye. DATA is never said, so nothing can be sent.
func (t *Transport) Check(ctx context.Context, from, to string) (Offer, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	s, f := t.open(ctx)
	if f != nil {
		return Offer{}, f.explain(t.addr, t.cfg.TLS == "implicit")
	}
	release := context.AfterFunc(ctx, s.close)
	m := &message{from: from, to: to, envid: token(from), size: trialSize}
	f = s.address(m)
	if f == nil || f.cause == refused {
		if _, lost := s.command(atRcpt, 2, "RSET"); f == nil {
			f = lost
		}
	}
	switch uncut := release(); {
	case !uncut && (f == nil || f.cause == faulty):
		f = cut(ctx, atRcpt)
	case s.broken:
		s.close()
	default:
		s.quit()
	}
	offer := Offer{MaxSize: s.sizeLimit()}
	if f != nil {
		return offer, f.explainAddress(t.addr, m)
	}
	return offer, nil
}

// explainAddress is the one line about an address that was refused: which, the
// server's own words, and what would be right.
func (f *failure) explainAddress(addr string, m *message) error {
	if f.cause != refused {
		return f.explain(addr, true)
	}
	what, right := "mail from <"+m.from+">", "let this login send from that domain, or correct domain"
	if f.stage == atRcpt {
		what, right = "mail to <"+m.to+">", "correct the address, or give a server that takes mail for it"
	}
	code := f.reply.codes()
	switch {
	case f.reply.class() == 4:
		right = "it may be so for a moment only; a ticket message would be tried again"
	case f.reply.code == 530 || strings.HasSuffix(code, "5.7.0"):
		right = "it wants a login: set username and password_file"
	case f.stage == atRcpt && strings.Contains(code, "5.7."):
		right = "it does not relay there: want a login that may send to it, or the server that keeps that mailbox"
	}
	return fmt.Errorf("%s: refuses %s: %w (%s)", addr, what, f, right)
}
