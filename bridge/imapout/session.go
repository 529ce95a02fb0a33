package imapout

import (
	"context"
	"net"
	"slices"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// session is one connection, logged in, used by one goroutine at a time.
type session struct {
	*imaplink.Link
	forget context.CancelFunc // ends what keeps the link alive
	broken bool               // not to be used again
	expiry *time.Timer        // ends it while it is in the pool
}

// maxHeader bounds what is fetched of a header: one field.
const maxHeader = 1 << 20

// take returns a session from the pool that still answers, or a new one.
// Cancelling ctx cuts it short.
func (m *Mailbox) take(ctx context.Context) (*session, error) {
	if err := m.resting(); err != nil {
		return nil, err
	}
	for s := m.pooled(); s != nil; s = m.pooled() {
		release := context.AfterFunc(ctx, s.Cut)
		err := s.Do("NOOP", 0, func() error { return s.Client.Noop().Wait() })
		if release() && err == nil {
			return s, nil
		}
		s.end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return m.open(ctx)
}

// open connects and logs in. The connection outlives ctx, which belongs to one
// attempt; until it is open, the end of ctx closes it.
func (m *Mailbox) open(ctx context.Context) (*session, error) {
	release := func() bool { return true }
	dial := func(_ context.Context, e bridge.Endpoint, timeout time.Duration) (net.Conn, error) {
		c, err := m.dial(ctx, e, timeout)
		if err == nil {
			release = context.AfterFunc(ctx, func() { c.Close() })
		}
		return c, err
	}
	life, forget := context.WithCancel(context.WithoutCancel(ctx))
	l, err := imaplink.Open(life, imaplink.Config{
		Endpoint: m.cfg.Endpoint, Credentials: m.cfg.Credentials, Timeout: m.cfg.Timeout, MaxLiteral: maxHeader,
	}, dial)
	uncut := release()
	if err == nil && !uncut {
		l.Close()
		err = ctx.Err()
	}
	if err != nil {
		forget()
		m.obey(err)
		return nil, err
	}
	return &session{Link: l, forget: forget}, nil
}

// pooled takes the session that was used last.
func (m *Mailbox) pooled() *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.idle)
	if n == 0 {
		return nil
	}
	s := m.idle[n-1]
	m.idle = m.idle[:n-1]
	s.expiry.Stop()
	return s
}

// put gives a session back.
func (m *Mailbox) put(s *session) {
	if s.Slow != nil {
		m.obey(s.Slow)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.broken || m.closed || s.Slow != nil {
		go s.end() // it may wait for its reading goroutine
		return
	}
	s.expiry = time.AfterFunc(m.cfg.IdleTimeout, func() { m.expire(s) })
	m.idle = append(m.idle, s)
}

// expire ends a session that had nothing to do.
func (m *Mailbox) expire(s *session) {
	m.mu.Lock()
	i := slices.Index(m.idle, s)
	if i >= 0 {
		m.idle = slices.Delete(m.idle, i, i+1)
	}
	m.mu.Unlock()
	if i >= 0 { // else it was taken just now, or closed
		s.quit()
	}
}

// quit says goodbye and ends the session.
func (s *session) quit() {
	timer := time.AfterFunc(imaplink.StopGrace, s.Cut)
	defer timer.Stop()
	s.Logout()
	s.end()
}

func (s *session) end() {
	s.Close()
	s.forget()
}

// do runs a command; an error that leaves the connection in disorder ends the
// session's use.
func (s *session) do(what string, size int64, f func() error) error {
	err := s.Do(what, size, f)
	if err != nil && !imaplink.Refused(err) {
		s.broken = true
	}
	return err
}
