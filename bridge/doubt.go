package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Prober looks for messages where the target keeps what arrives: step 12 of
// doc.go. It changes nothing there.
type Prober interface {
	// Probe looks for a message by its Message-ID. An error is no answer; not
	// found is one only if every place was searched to its end.
	Probe(ctx context.Context, messageID string) (Sighting, error)
}

// Sighting is the answer of a look-up.
type Sighting struct {
	Found bool
	Where string // where it lies, or where was looked
	// OpenersOnly: a follow-up leaves no trace there. That one is not found says
	// nothing.
	OpenersOnly bool
	// Ticket is the number of the ticket that was found, where it has one.
	Ticket, TicketURL string
}

// Probing says when doubts are looked into.
type Probing struct {
	// After are the times of the look-ups, from when the doubt arose. They must
	// reach beyond what queues and indexes on the way may take.
	After []time.Duration
	// Complete: nothing but us empties where the Prober looks, so a message that
	// is not found was not delivered, and may be sent again.
	Complete bool
}

// wait is the pause before the look-up after n that were answered. Counted from
// the one before, it lets an outage of the mailbox shorten nothing.
func (p Probing) wait(n int) time.Duration {
	if n == 0 {
		return p.After[0]
	}
	return p.After[n] - p.After[n-1]
}

// doubt says how a delivery goes on that may have been delivered.
func (s *Sender) doubt(st *Settlement, d Delivery, now time.Time) {
	old := now.Sub(d.Created) > s.Schedule.GiveUp
	st.State = Doubt
	switch {
	case s.OnDoubt == "probe":
		st.Next = now.Add(s.Probing.wait(0))
	case s.OnDoubt == "resend" && !old:
		// The same bytes again; the admin chose no loss over no duplicate.
		st.State, st.Next = Retry, now.Add(s.Schedule.next(d.Attempts))
		st.Detail = "maybe delivered, sent again as configured: " + st.Detail
	}
}

const (
	// probeTimeout bounds one look-up: a search without an index takes its time.
	probeTimeout = 10 * time.Minute
	// idleProber is how long a new doubt of another daemon stays unnoticed.
	idleProber = 2 * time.Second
)

// probeAgain is when a look-up that gave no answer is made again.
var probeAgain = Schedule{First: 30 * time.Second, Most: 15 * time.Minute}

// probeDoubts looks into doubts, one at a time, until ctx ends. All it knows is
// in the store: a look-up changes nothing, so one that was cut is made again, and
// of two daemons that look for the same message the first one's answer counts.
func (s *Sender) probeDoubts(ctx context.Context) {
	silent := 0 // look-ups in a row without an answer
	for ctx.Err() == nil {
		d, err := s.Store.NextProbe(ctx)
		wait := idleProber
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			wait = 10 * time.Second // the loop beside us reports that the store is away
		case d.Next.After(time.Now()):
			wait = min(wait, time.Until(d.Next))
		default:
			if s.probe(ctx, d) {
				silent = 0
				continue
			}
			silent++
			wait = probeAgain.next(silent)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// probe looks one message up and records what that means. It reports whether
// there was an answer.
func (s *Sender) probe(ctx context.Context, d Delivery) (answered bool) {
	seen, err := s.lookUp(ctx, d.MessageID)
	if ctx.Err() != nil {
		return false
	}
	now := time.Now()
	st := Settlement{Delivery: d.ID, Attempt: d.Attempts, At: now, State: Doubt, Probes: d.Probes}
	if err != nil {
		// Due again at once, behind the others: the pause is ours, for it is the
		// mailbox that fails, and ends with a restart.
		st.Next = now
		st.Detail = cut("maybe delivered; looking for it failed: "+err.Error(), 500)
	} else {
		st.Probes++
		s.sighted(&st, d, seen, now)
	}
	if _, err := s.Store.Turnover(ctx, s.Worker, now, []Settlement{st}, 0); err != nil {
		return false
	}
	s.report(ctx, st)
	if st.State == Ready {
		s.Kick()
	}
	return err == nil
}

// lookUp asks the Prober. A panic is our bug, and no answer.
func (s *Sender) lookUp(ctx context.Context, messageID string) (seen Sighting, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.Prober.Probe(ctx, messageID)
}

// sighted turns an answer into what becomes of the delivery.
func (s *Sender) sighted(st *Settlement, d Delivery, seen Sighting, now time.Time) {
	if seen.Found {
		st.Result.Ticket, st.Result.TicketURL = seen.Ticket, seen.TicketURL
		st.State, st.Detail = arrived(st.Result), cut("found: "+seen.Where, 500)
		return
	}
	st.Detail = fmt.Sprintf("<%s> is not in %s (look-up %d of %d, %s)", d.MessageID, cut(seen.Where, 300), st.Probes, len(s.Probing.After), now.UTC().Format(time.RFC3339))
	switch {
	case st.Probes < len(s.Probing.After):
		st.Next = now.Add(s.Probing.wait(st.Probes))
	case seen.OpenersOnly && d.Action == Append:
		st.Detail = "maybe delivered, a person must decide: " + st.Detail + "; look into the ticket"
	case !s.Probing.Complete:
		st.Detail = "maybe delivered, a person must decide: " + st.Detail + "; something else may have taken it from there"
	case now.Sub(d.Created) > s.Schedule.GiveUp:
		st.State, st.Detail = Dead, "given up after "+s.Schedule.GiveUp.String()+": "+st.Detail
	default:
		st.State, st.Next, st.Detail = Ready, now, "not delivered, sent again: "+st.Detail
	}
}
