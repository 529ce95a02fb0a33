package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"ticketbridge/bridge"
)

// Accept implements bridge.Intake.
func (s *Store) Accept(ctx context.Context, as []bridge.Arrival, c bridge.Cursor, judge bridge.Judge) ([]bridge.MailRecord, error) {
	var in *intake
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		in = newIntake(tx, as, judge)
		if err := in.findAnswered(ctx); err != nil {
			return fmt.Errorf("look up answers: %w", err)
		}
		if err := in.lock(ctx); err != nil {
			return fmt.Errorf("lock conversations: %w", err)
		}
		if err := in.place(ctx, c); err != nil {
			return fmt.Errorf("move cursor: %w", err)
		}
		if err := in.know(ctx); err != nil {
			return err
		}
		for i := range in.arrivals {
			if err := in.decide(ctx, i); err != nil {
				return fmt.Errorf("mail %s: %w", in.arrivals[i].Record.Source, err)
			}
		}
		return in.flush(ctx)
	})
	if err != nil {
		return nil, err
	}
	return in.records, nil
}

// Rejudge implements bridge.Intake.
func (s *Store) Rejudge(ctx context.Context, a bridge.Arrival, judge bridge.Judge) (bridge.MailRecord, error) {
	var in *intake
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		in = newIntake(tx, []bridge.Arrival{a}, judge)
		if err := in.lock(ctx); err != nil {
			return fmt.Errorf("lock conversation: %w", err)
		}
		was, err := lockMail(ctx, tx, a.ID, bridge.MailParked, bridge.MailWaiting)
		if err != nil {
			return err
		}
		in.rejudge(was)
		if err := in.know(ctx); err != nil {
			return err
		}
		if err := in.decide(ctx, 0); err != nil {
			return err
		}
		return in.flush(ctx)
	})
	if err != nil {
		return bridge.MailRecord{}, fmt.Errorf("judge %s again: %w", bridge.MailID(a.ID), err)
	}
	return in.records[0], nil
}

// lockMail reads a mail to change it, which must be in one of the states given.
func lockMail(ctx context.Context, tx *session, id int64, states ...bridge.MailState) (bridge.MailRecord, error) {
	lock := tx.d.forUpdate
	if lock != "" {
		lock += " OF m"
	}
	m, err := scanMail(tx.row(ctx, selectMails+` WHERE m.id = $1`+lock, id).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return m, bridge.ErrNotFound
	case err != nil:
		return m, err
	case !slices.Contains(states, m.State):
		return m, fmt.Errorf("%w: it is %s, not %s", bridge.ErrState, m.State, states[0])
	}
	return m, nil
}
