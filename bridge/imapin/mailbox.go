package imapin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// Mailbox watches a mailbox, all its folders, while this daemon holds its lease.
// Daemons that share a database so watch each mailbox once; those without it
// stand by.
type Mailbox struct {
	name     string
	leases   bridge.Leases
	hold     Hold
	watchers []*Watcher
	log      *slog.Logger
}

// Hold is how a daemon holds mailboxes.
type Hold struct {
	Holder string        // the daemon, named so that a restart has the same name
	TTL    time.Duration // how long the others wait for one that is silent
}

// Store is what watching needs of the store.
type Store interface {
	bridge.Leases
	bridge.Cursors
}

// NewMailbox returns the watching of cfg's folders.
func NewMailbox(cfg Config, store Store, hold Hold, handle Handler, log *slog.Logger) *Mailbox {
	return &Mailbox{
		name: cfg.Name, leases: store, hold: hold, log: log.With("mailbox", cfg.Name),
		watchers: NewAll(cfg, store, handle, log),
	}
}

// Statuses tells how the watching of each folder goes.
func (m *Mailbox) Statuses() []Status {
	all := make([]Status, len(m.watchers))
	for i, w := range m.watchers {
		all[i] = w.Status()
	}
	return all
}

// Sent tells that a delivery was sent, so that mails may be done. What is sent by
// other daemons is seen at the next poll.
func (m *Mailbox) Sent() {
	for _, w := range m.watchers {
		select {
		case w.sent <- struct{}{}:
		default:
		}
	}
}

// Run takes the mailbox and watches it, again and again, until ctx ends, and
// then returns nil. It returns an error only for a config that cannot work.
func (m *Mailbox) Run(ctx context.Context) error {
	for {
		asked, l := m.take(ctx)
		if ctx.Err() != nil {
			return nil
		}
		err := m.watch(ctx, l, asked)
		if !errors.Is(err, bridge.ErrLost) {
			return err
		}
		m.log.Warn("mailbox given up", "err", err)
	}
}

// take waits for the lease, which lasts at least from asked.
func (m *Mailbox) take(ctx context.Context) (asked time.Time, l bridge.Lease) {
	for failures := 0; ; {
		asked = time.Now()
		asking, cancel := context.WithTimeout(ctx, m.hold.TTL)
		l, err := m.leases.Lease(asking, m.name, m.hold.Holder, m.hold.TTL)
		cancel()
		if err == nil || ctx.Err() != nil {
			return asked, l
		}
		held, wait := errors.AsType[*bridge.HeldError](err)
		var pause time.Duration
		if wait {
			// A holder that stops gives the lease back before its time.
			pause = min(m.hold.TTL/5, 2*time.Second)
			pause += rand.N(pause/4 + 1)
			m.standBy(held)
		} else {
			failures++
			pause = backoff(failures)
			for _, w := range m.watchers {
				w.report("mailbox not taken", err, pause)
			}
		}
		if sleep(ctx, pause) != nil {
			return asked, l
		}
	}
}

// standBy shows who has the mailbox, and says so once.
func (m *Mailbox) standBy(held *bridge.HeldError) {
	text := fmt.Sprintf("held by %s until %s", held.Holder, held.Until.Format(time.TimeOnly+"Z"))
	news := false
	for _, w := range m.watchers {
		w.board.well() // whatever was wrong, it is another's now
		w.board.set(func(s *Status) {
			news = news || s.HeldBy != held.Holder
			s.HeldBy, s.Standby = held.Holder, text
		})
	}
	if news {
		m.log.Info("mailbox watched by another daemon; standing by", "holder", held.Holder, "until", held.Until)
	}
}

// watch watches while l is held.
func (m *Mailbox) watch(ctx context.Context, l bridge.Lease, asked time.Time) error {
	g, held := errgroup.WithContext(bridge.Fenced(ctx, l))
	g.Go(func() error { return m.keep(held, l, asked) })
	for _, w := range m.watchers {
		w.begin()
		g.Go(func() error { return w.Run(held) })
	}
	err := g.Wait()
	if errors.Is(err, bridge.ErrLost) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), imaplink.StopGrace)
	defer cancel()
	if err := m.leases.Release(ctx, l); err != nil {
		m.log.Warn("mailbox not given back; others have to wait until the lease ends", "err", err)
	}
	return err
}

// keep renews the lease until ctx ends. It returns ErrLost when another has the
// mailbox, or when by our own clock another may have: by then the watchers must
// have stopped, although nothing they would still record could count.
func (m *Mailbox) keep(ctx context.Context, l bridge.Lease, asked time.Time) error {
	ttl := m.hold.TTL
	for end, pause := asked.Add(ttl*9/10), ttl/3; ; {
		if sleep(ctx, pause) != nil {
			return nil
		}
		asked = time.Now()
		renewing, cancel := context.WithDeadline(ctx, end)
		err := m.leases.Renew(renewing, l, ttl)
		cancel()
		switch {
		case err == nil:
			end, pause = asked.Add(ttl*9/10), ttl/3
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, bridge.ErrLost):
			return err
		case !time.Now().Before(end):
			return fmt.Errorf("%w: not renewed for %s: %w", bridge.ErrLost, ttl, err)
		default:
			pause = min(ttl/10, time.Until(end))
		}
	}
}
