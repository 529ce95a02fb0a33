package imapin

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"ticketbridge/bridge/imaplink"
)

// The waits between attempts. A refused password is tried at most 12 times an
// hour: servers lock accounts.
const (
	firstWait   = time.Second
	longestWait = 2 * time.Minute
	loginWait   = 5*time.Minute + time.Second
	// soundAfter is how long a session must have lasted to have been a good one.
	soundAfter = time.Minute
)

// backoff doubles from firstWait to longestWait, each wait shortened at random
// by up to half, so that many watchers do not come back in step.
func backoff(failures int) time.Duration {
	d := firstWait
	for range min(failures-1, 20) {
		d = min(2*d, longestWait)
	}
	return d/2 + rand.N(d/2)
}

// sleep waits for d or for ctx to end.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// door is where the watchers of one mailbox pass to log in: one at a time, and
// none for a while once the server has refused or asked for a pause.
type door struct {
	turn chan struct{} // holds one token

	mu    sync.Mutex // guards what follows
	until time.Time
	why   string
}

func newDoor() *door {
	d := &door{turn: make(chan struct{}, 1)}
	d.turn <- struct{}{}
	return d
}

// enter waits for the turn. waiting is told when that will take long.
func (d *door) enter(ctx context.Context, waiting func(why string, until time.Time)) error {
	select {
	case <-d.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		wait := d.shutFor()
		if wait <= 0 {
			return nil
		}
		d.mu.Lock()
		until, why := d.until, d.why
		d.mu.Unlock()
		waiting(why, until)
		if err := sleep(ctx, wait); err != nil {
			d.leave()
			return err
		}
	}
}

func (d *door) leave() { d.turn <- struct{}{} }

// shutFor is how long nobody may pass.
func (d *door) shutFor() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Until(d.until)
}

// blame shuts the door for as long as err asks.
func (d *door) blame(err error) {
	var no *imaplink.RefusedLogin
	var slow *imaplink.Throttled
	var wait time.Duration
	switch {
	case errors.As(err, &slow):
		wait = slow.Pause + rand.N(slow.Pause/10+time.Second)
	case errors.As(err, &no):
		wait = loginWait + rand.N(time.Minute)
	default:
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if until := time.Now().Add(wait); until.After(d.until) {
		d.until, d.why = until, err.Error()
	}
}
