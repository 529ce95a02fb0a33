package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ticketbridge/bridge"
)

func selectLease(clock string) string {
	return "SELECT holder, until, CASE WHEN until <= " + clock + " THEN 1 ELSE 0 END FROM leases WHERE mailbox = $1"
}

// Lease implements bridge.Leases.
func (s *Store) Lease(ctx context.Context, mailbox, holder string, ttl time.Duration) (bridge.Lease, error) {
	// Not 0, and never given out before, whatever backup the database comes from.
	l := bridge.Lease{Mailbox: clean(mailbox), Holder: clean(holder), Token: 1 + rand.Int64N(1<<62)}
	// Whoever waits asks every other second: that must not cost a transaction.
	err := heldBy(s.lone(ctx).row(s.d.selectLease, l.Mailbox), l)
	if err == nil {
		err = s.write(ctx, func(ctx context.Context, tx *session) error {
			if err := heldBy(tx.row(ctx, s.d.selectLease+tx.d.forUpdate, l.Mailbox), l); err != nil {
				return err
			}
			return take(ctx, tx, l, ttl)
		})
	}
	if held, _ := errors.AsType[*bridge.HeldError](err); err == nil || held != nil {
		err = errors.Join(err, s.watch(ctx))
	}
	if err != nil {
		return bridge.Lease{}, fmt.Errorf("lease of mailbox %s: %w", mailbox, err)
	}
	return l, nil
}

// heldBy reads a lease; the error is a *bridge.HeldError if l cannot have it.
func heldBy(row scanner, l bridge.Lease) error {
	held := bridge.HeldError{Mailbox: l.Mailbox}
	var over bool
	err := row.Scan(&held.Holder, at{&held.Until}, yes{&over})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case over || held.Holder == l.Holder:
		return nil
	}
	return &held
}

// take writes the lease, unless another daemon was quicker to make the row.
func take(ctx context.Context, tx *session, l bridge.Lease, ttl time.Duration) error {
	n, err := tx.exec(ctx, `INSERT INTO leases (mailbox, holder, token, until) VALUES ($1, $2, $3, `+tx.d.clock+` + $4)
		ON CONFLICT (mailbox) DO UPDATE SET holder = excluded.holder, token = excluded.token, until = excluded.until
		WHERE leases.holder = excluded.holder OR leases.until <= `+tx.d.clock,
		l.Mailbox, l.Holder, l.Token, ttl.Microseconds())
	if err != nil || n == 1 {
		return err
	}
	if err := heldBy(tx.row(ctx, tx.d.selectLease, l.Mailbox), l); err != nil {
		return err
	}
	return errors.New("taken by another daemon at the same time")
}

// Renew implements bridge.Leases.
func (s *Store) Renew(ctx context.Context, l bridge.Lease, ttl time.Duration) error {
	if err := s.change(ctx, "renew", l, `UPDATE leases SET until = `+s.d.clock+` + $1 WHERE mailbox = $2 AND token = $3`, ttl.Microseconds()); err != nil {
		return err
	}
	return s.watch(ctx)
}

// Release implements bridge.Leases.
func (s *Store) Release(ctx context.Context, l bridge.Lease) error {
	return s.change(ctx, "release", l, `UPDATE leases SET holder = '', until = $1 WHERE mailbox = $2 AND token = $3`, int64(0))
}

func (s *Store) change(ctx context.Context, what string, l bridge.Lease, query string, arg int64) error {
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		n, err := tx.exec(ctx, query, arg, l.Mailbox, l.Token)
		if err == nil && n == 0 {
			err = bridge.ErrLost
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s lease of mailbox %s: %w", what, l.Mailbox, err)
	}
	return nil
}

// fenced lets a transaction go on only while the lease its context is bound to
// is the last one given out, and keeps it so until the transaction ends: taking
// the mailbox waits for us, renewing the lease does not (FOR KEY SHARE).
func (tx *session) fenced(ctx context.Context) error {
	l, bound := bridge.Fence(ctx)
	if !bound {
		return nil
	}
	var token int64
	err := tx.row(ctx, `SELECT token FROM leases WHERE mailbox = $1`+tx.d.forKeyShare, l.Mailbox).Scan(&token)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && token != l.Token:
		return fmt.Errorf("%w: %s", bridge.ErrLost, l.Mailbox)
	case err != nil:
		return fmt.Errorf("check lease of mailbox %s: %w", l.Mailbox, err)
	}
	return nil
}
