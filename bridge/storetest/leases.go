package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"ticketbridge/bridge"
)

var leaseTests = []test{
	{"a mailbox has one holder", leaseHolder},
	{"a lease that ended is taken over", leaseExpires},
	{"who was overtaken writes nothing", leaseFence},
	{"one of many gets it", leaseRace},
	{"taking waits for what is being recorded", leaseWaits},
}

// over is a lease that has ended when it is taken.
const over = -time.Second

func (e *env) lease(s bridge.Store, holder string, ttl time.Duration) bridge.Lease {
	e.Helper()
	l, err := s.Lease(e.ctx, "support", holder, ttl)
	e.must(err)
	return l
}

// heldBy wants a mailbox refused because this one holds it.
func (e *env) heldBy(s bridge.Store, asks, holds string) {
	e.Helper()
	_, err := s.Lease(e.ctx, "support", asks, time.Hour)
	held, ok := errors.AsType[*bridge.HeldError](err)
	if !ok || held.Mailbox != "support" || held.Holder != holds || time.Until(held.Until) < 50*time.Minute || time.Until(held.Until) > time.Hour {
		e.Errorf("%s asks: %v; want it held by %s for an hour", asks, err, holds)
	}
}

func leaseHolder(e *env) {
	s, other := e.open(), e.open()
	a := e.lease(s, "a", time.Hour)
	e.heldBy(other, "b", "a")
	again := e.lease(s, "a", time.Hour)
	e.equal("a later run of the same has another token", again.Token != a.Token, true)
	if err := s.Renew(e.ctx, a, time.Hour); !errors.Is(err, bridge.ErrLost) {
		e.Errorf("the run before renews: %v", err)
	}
	if err := s.Release(e.ctx, a); !errors.Is(err, bridge.ErrLost) {
		e.Errorf("the run before releases: %v", err)
	}
	e.must(s.Renew(e.ctx, again, time.Hour))
	e.heldBy(other, "b", "a")
	if _, err := other.Lease(e.ctx, "sales", "b", time.Hour); err != nil {
		e.Errorf("another mailbox: %v", err)
	}
	e.must(s.Release(e.ctx, again))
	e.lease(other, "b", time.Hour)
	e.heldBy(s, "a", "b")
}

func leaseExpires(e *env) {
	s, other := e.open(), e.open()
	a := e.lease(s, "a", over)
	e.must(s.Renew(e.ctx, a, over)) // late, but nobody took it
	b := e.lease(other, "b", over)
	if err := s.Renew(e.ctx, a, time.Hour); !errors.Is(err, bridge.ErrLost) {
		e.Errorf("overtaken, it renews: %v", err)
	}
	e.must(other.Renew(e.ctx, b, time.Hour))
	e.heldBy(s, "a", "b")
}

// leaseFence: everything a watcher writes, by one that was overtaken.
func leaseFence(e *env) {
	s, other := e.open(), e.open()
	a := e.lease(s, "a", over)
	fenced := bridge.Fenced(e.ctx, a)
	_, err := s.Accept(fenced, []bridge.Arrival{Mail("support", 1, "k/1", "one")}, At("support", 1), Judge)
	e.must(err) // over, but nobody took it
	e.lease(other, "b", time.Hour)
	before := e.everything(other)
	judged := false
	for what, do := range map[string]func() error{
		"Accept": func() error {
			_, err := s.Accept(fenced, []bridge.Arrival{Mail("support", 2, "k/2", "two")}, At("support", 2),
				func(a bridge.Arrival, k bridge.Known) bridge.Verdict { judged = true; return Judge(a, k) })
			return err
		},
		"SetCursor":  func() error { return s.SetCursor(fenced, At("support", 9)) },
		"BeginBatch": func() error { return s.BeginBatch(fenced, "support", "INBOX", 9) },
		"Attempt": func() error {
			_, err := s.Attempt(fenced, bridge.Source{Mailbox: "support", Folder: "INBOX", UIDValidity: Validity, UID: 9})
			return err
		},
		"Marked": func() error { return s.Marked(fenced, "support", "INBOX", Validity, []uint32{1}) },
	} {
		if err := do(); !errors.Is(err, bridge.ErrLost) {
			e.Errorf("%s: %v, want ErrLost", what, err)
		}
	}
	e.equal("a mail was judged", judged, false)
	e.equal("the database", e.everything(other), before)
	cur, err := other.Cursor(e.ctx, "support", "INBOX")
	e.must(err)
	e.equal("cursor", cur, At("support", 1))
	e.sendAll(other)
	uids, err := other.Unmarked(e.ctx, "support", "INBOX", Validity)
	e.must(err)
	e.equal("unmarked", uids, []uint32{1})
	n, err := other.PendingBatch(e.ctx, "support", "INBOX")
	e.must(err)
	e.equal("pending", n, uint32(0))
	if err := s.SetCursor(bridge.Fenced(e.ctx, bridge.Lease{Mailbox: "nobody", Token: 1}), At("nobody", 1)); !errors.Is(err, bridge.ErrLost) {
		e.Errorf("a lease that never was: %v", err)
	}
	// Without a lease, as the admin's commands write.
	e.must(s.SetTicket(e.ctx, 1, bridge.Link{Ticket: "1"}))
}

func leaseRace(e *env) {
	var got atomic.Int64
	e.side(6, func(i int, s bridge.Store) error {
		_, err := s.Lease(e.ctx, "support", string(rune('a'+i)), time.Hour)
		if err == nil {
			got.Add(1)
			return nil
		}
		if _, held := errors.AsType[*bridge.HeldError](err); held {
			return nil
		}
		return err
	})
	e.equal("holders", got.Load(), int64(1))
}

// leaseWaits: the holder's transaction either commits before the mailbox has
// another holder, or not at all; renewing does not wait for it.
func leaseWaits(e *env) {
	s, other := e.open(), e.open()
	a := e.lease(s, "a", over)
	inside, goOn := make(chan struct{}), make(chan struct{})
	accepted := make(chan error, 1)
	go func() {
		_, err := s.Accept(bridge.Fenced(e.ctx, a), []bridge.Arrival{Mail("support", 1, "k/1", "one")}, At("support", 1),
			func(a bridge.Arrival, k bridge.Known) bridge.Verdict { close(inside); <-goOn; return Judge(a, k) })
		accepted <- err
	}()
	<-inside
	// SQLite has one writer, for which renewing waits too.
	renewing, cancel := context.WithTimeout(e.ctx, 300*time.Millisecond)
	defer cancel()
	if err := s.Renew(renewing, a, over); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		e.Errorf("renew while recording: %v", err)
	}
	taken := make(chan error, 1)
	go func() { _, err := other.Lease(e.ctx, "support", "b", time.Hour); taken <- err }()
	select {
	case err := <-taken:
		e.Errorf("taken while the holder records: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(goOn)
	e.must(<-accepted)
	e.must(<-taken)
	cur, err := other.Cursor(e.ctx, "support", "INBOX")
	e.must(err)
	e.equal("cursor", cur, At("support", 1))
}
