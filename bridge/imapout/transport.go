// Package imapout puts finished messages straight into the support mailbox, by
// IMAP APPEND, and looks for messages there.
//
// It is the one transport that is exactly-once: an APPEND whose answer was lost
// leaves a message that can be found. Every attempt therefore looks for the
// Message-ID first, and the UID is the receipt (APPENDUID, RFC 4315).
package imapout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// Config is the support mailbox, and what to do there.
type Config struct {
	bridge.Endpoint
	bridge.Credentials
	// Timeout is how long the server may be silent while it owes an answer. A
	// search without an index takes its time.
	Timeout time.Duration
	// Folder takes the messages; "" for a Mailbox that only looks.
	Folder string
	// Folders are where to look for them: Folder, and where the helpdesk moves
	// what it has read.
	Folders []string
	// IdleTimeout is how long a connection without work is kept.
	IdleTimeout time.Duration
}

// Mailbox is a bridge.Transport and a bridge.Prober.
type Mailbox struct {
	cfg  Config
	dial imaplink.Dialer

	mu     sync.Mutex
	idle   []*session // guarded by mu; the newest last
	closed bool       // guarded by mu
	until  time.Time  // guarded by mu; the server asked us to stay away
}

var (
	_ bridge.Transport = (*Mailbox)(nil)
	_ bridge.Prober    = (*Mailbox)(nil)
)

// New returns a Mailbox. It connects when there is something to do.
func New(cfg Config) *Mailbox {
	cfg.Endpoint = cfg.endpoint()
	return &Mailbox{cfg: cfg, dial: imaplink.Dial}
}

// The stages of an attempt; bridge.Result.Stage takes their names.
const (
	atConnect = "connect"
	atAuth    = "auth"
	atSearch  = "search"
	atAppend  = "append"
)

// What bounds an attempt beside Config.Timeout: how long it may take up to the
// message's last byte, and how long the answer to that is waited for. Together
// with bridge.Fresh they stay below bridge.Orphaned.
const (
	attemptLimit = 15 * time.Minute
	answerLimit  = 12 * time.Minute
)

// Send makes one attempt; see bridge.Transport.
func (m *Mailbox) Send(ctx context.Context, d bridge.Delivery) bridge.Result {
	if len(d.Data) == 0 {
		return bridge.Result{Outcome: bridge.Permanent, Stage: atAppend, Reply: "an empty message"}
	}
	deadline := time.Now().Add(attemptLimit)
	limited, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	s, err := m.take(limited)
	if err != nil {
		return m.failed(notOpened(err), true, err)
	}
	defer m.put(s)
	release := context.AfterFunc(limited, s.Cut)
	defer release()
	seen, err := s.look(m.cfg.Folders, d.MessageID, d.Attempts > 1)
	switch {
	case err != nil:
		return m.failed(atSearch, true, err)
	case seen.Found:
		return bridge.Result{Outcome: bridge.Accepted, Stage: atSearch, Reply: "already there: " + seen.Where}
	}
	return m.append(s, d, deadline, release)
}

// Probe looks for a message in all Folders; see bridge.Prober.
func (m *Mailbox) Probe(ctx context.Context, messageID string) (bridge.Sighting, error) {
	s, err := m.take(ctx)
	if err != nil {
		return bridge.Sighting{}, err
	}
	defer m.put(s)
	defer context.AfterFunc(ctx, s.Cut)()
	seen, err := s.look(m.cfg.Folders, messageID, true)
	m.obey(err)
	seen.Where += " of " + m.cfg.Username + " on " + m.cfg.Addr()
	return seen, err
}

// notOpened is the stage of an attempt that got no session.
func notOpened(err error) string {
	if _, no := errors.AsType[*imaplink.RefusedLogin](err); no {
		return atAuth
	}
	return atConnect
}

// failed is the result of an attempt before the message could have arrived.
// broken: it is the mailbox that fails, not the message.
func (m *Mailbox) failed(stage string, broken bool, err error) bridge.Result {
	m.obey(err)
	r := bridge.Result{Outcome: bridge.Temporary, Stage: stage, Broken: broken, Reply: m.cfg.Addr() + ": " + err.Error()}
	if no, ok := errors.AsType[*imaplink.Refusal](err); ok {
		r.Code = string(no.Said.Type)
	}
	return r
}

// obey remembers a server's wish that we stay away.
func (m *Mailbox) obey(err error) {
	if slow, ok := errors.AsType[*imaplink.Throttled](err); ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.until = time.Now().Add(slow.Pause)
	}
}

// resting is an error while the server wants no visit.
func (m *Mailbox) resting() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if rest := time.Until(m.until); rest > 0 {
		return fmt.Errorf("the server asked for a pause, %s of it are left", rest.Round(time.Second))
	}
	return nil
}

// Close says goodbye on idle connections. Send and Probe must not be running.
func (m *Mailbox) Close() error {
	m.mu.Lock()
	idle := m.idle
	m.idle, m.closed = nil, true
	m.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range idle {
		s.expiry.Stop()
		all.Go(s.quit)
	}
	all.Wait()
	return nil
}
