// Package smtpout hands finished messages over: by SMTP to a submission server
// or smarthost, or by LMTP.
//
// It speaks SMTP itself. What makes this package is to know, for every fault at
// every byte, whether the message may have been accepted, and a general client
// hides that: go-smtp v0.25 takes "250 ok" for acceptance although the
// connection broke before the line's end, reads on behind lines that are no
// SMTP, buffers the dot together with the body, hears nothing while it writes,
// and has no time limit there.
//
// One goroutine, that of the caller, drives a session; while a body is written
// a second one listens. A session that a fault, a 421 or a cancelled context
// touched is closed; the others go to the pool.
package smtpout

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"ticketbridge/bridge"
)

// Transport is a bridge.Transport over SMTP or LMTP.
type Transport struct {
	cfg   Config
	addr  string
	dial  func(context.Context) (net.Conn, error) // without TLS
	slots chan struct{}                           // one for each connection in use

	mu      sync.Mutex
	idle    []*session     // guarded by mu; the newest last
	closed  bool           // guarded by mu
	leaving sync.WaitGroup // idle sessions that say QUIT; added to under mu
}

var _ bridge.Transport = (*Transport)(nil)

// New returns a transport for a config without problems. It connects when there
// is something to send.
func New(cfg Config) *Transport {
	cfg.Endpoint = cfg.endpoint()
	plain := cfg.Endpoint
	plain.TLS = "none" // sessions shake hands themselves, to tell the stages apart
	return &Transport{
		cfg:   cfg,
		addr:  cfg.Addr(),
		slots: make(chan struct{}, cfg.Connections),
		dial: func(ctx context.Context) (net.Conn, error) {
			return plain.Dial(ctx, cfg.ConnectTimeout.D())
		},
	}
}

// Send makes one attempt; see bridge.Transport.
func (t *Transport) Send(ctx context.Context, d bridge.Delivery) bridge.Result {
	m, f := newMessage(d)
	if f != nil {
		return f.result(t.addr)
	}
	if f := t.enter(ctx); f != nil {
		return f.result(t.addr)
	}
	defer t.leave()
	r, f := t.attempt(ctx, m)
	if f != nil {
		return f.result(t.addr)
	}
	return bridge.Result{
		Outcome: bridge.Accepted,
		Stage:   string(atDot),
		Code:    r.codes(),
		Reply:   printable(r.text()),
	}
}

// attemptLimit is how long an attempt may take up to its dot, however lively the
// server drips: it bounds how long a delivery is in flight, with ReplyTimeout.
const attemptLimit = 15 * time.Minute

var errTooSlow = fmt.Errorf("the attempt took more than %v", attemptLimit)

// attempt sends on a pooled connection or a new one. A pooled one that died
// while it waited is replaced once; nothing was handed over on it.
func (t *Transport) attempt(ctx context.Context, m *message) (reply, *failure) {
	m.dotBy = time.Now().Add(attemptLimit)
	if s := t.pooled(); s != nil {
		r, f := t.use(ctx, s, m)
		if f == nil || !f.stale() {
			return r, f
		}
	}
	limited, cancel := m.limit(ctx)
	defer cancel()
	s, f := t.open(limited)
	if f != nil {
		return reply{}, f
	}
	return t.use(ctx, s, m)
}

func (t *Transport) use(ctx context.Context, s *session, m *message) (reply, *failure) {
	r, f := s.transact(ctx, m)
	t.put(s)
	return r, f
}

// Close says QUIT on idle connections, within quitTimeout, and closes them.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	idle := t.idle
	t.idle = nil
	for _, s := range idle {
		s.idle.Stop()
		t.leaving.Go(s.quit)
	}
	t.mu.Unlock()
	t.leaving.Wait()
	return nil
}
