package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Clock decides again about conversations that waited: their deadline passed, or
// what they waited for came, which makes them due at once. It is step 5 of doc.go
// once more, with the same rules and in the same transaction; only the turns are
// not news any more, but recorded and untold.
type Clock struct {
	Ingest *Ingest
	Store  Clockwork
	Log    *slog.Logger
}

const (
	// tick bounds how long a change by another process stays unnoticed.
	tick = time.Second
	// dueAtOnce bounds what one look takes on.
	dueAtOnce = 50
)

// Run works until ctx ends. What cannot be decided now, the store being away, is
// still due at the next tick.
func (c *Clock) Run(ctx context.Context) error {
	var told string // the last trouble, so that it is logged once
	for {
		err := c.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && told != "":
			c.Log.Info("waiting conversations can be decided again")
			told = ""
		case err != nil && told != err.Error():
			told = err.Error()
			c.Log.Error("waiting conversations cannot be decided; tried again every "+tick.String(), "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tick):
		}
	}
}

// look decides about what is due now. One that fails keeps no other from its turn.
func (c *Clock) look(ctx context.Context) error {
	due, err := c.Store.Overdue(ctx, time.Now(), dueAtOnce)
	if err != nil {
		return fmt.Errorf("look for what is due: %w", err)
	}
	var errs []error
	for _, d := range due {
		err := c.Ingest.reconsider(ctx, d)
		if err != nil && !errors.Is(err, ErrState) { // another daemon was quicker
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// reconsider has the rules decide again about a mail that waits, and with it
// about all that its conversation has not told yet.
func (in *Ingest) reconsider(ctx context.Context, d Overdue) error {
	raw, err := in.Store.Raw(ctx, d.Mail.ID)
	if err != nil {
		return fmt.Errorf("read %s: %w", MailID(d.Mail.ID), err)
	}
	r := &reading{
		mail:   Mail{Source: d.Mail.Source, Received: d.Mail.Received, Size: d.Mail.Size, Raw: raw},
		parsed: in.Parser.Parse(raw),
		due:    true,
		now:    time.Now(),
	}
	a := Arrival{ID: d.Mail.ID, Record: d.Mail, Raw: raw, ConversationKey: d.Key, reading: r}
	got, err := in.Store.Rejudge(ctx, a, in.judge)
	if err != nil {
		return fmt.Errorf("decide again about %s: %w", MailID(d.Mail.ID), err)
	}
	in.report([]MailRecord{got})
	return nil
}
