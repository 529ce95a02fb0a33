package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"ticketbridge/bridge"
)

// claimable and resting are the conditions of the outbox's two partial indexes,
// word for word as in the schema.
const (
	claimable = `state IN ('ready','retry')`
	resting   = `state NOT IN ('ready','retry')`
	probable  = `state = 'doubt' AND d.next IS NOT NULL`
)

// onItsWay and unopened: those behind the delivery e wait for it. It is on its
// way; or it was to open the ticket that they go on about, and did not: a person
// retries or drops it, or notes which ticket there is.
const (
	onItsWay = `e.state IN ('ready','held','sending','retry','doubt')`
	unopened = `e.action = 'raise' AND e.state IN ('dead','bounced') AND NOT e.` + dropped + ` AND EXISTS (SELECT 1 FROM conversations c
		WHERE c.id = e.conversation_id AND c.link_message_id = e.message_id AND c.link_ticket = '')`
)

// head: no earlier delivery of the conversation is in its way.
const head = `NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.conversation_id = d.conversation_id AND e.id < d.id
	AND (` + onItsWay + ` OR d.action <> 'raise' AND ` + unopened + `))`

const firstDue = `SELECT d.next FROM deliveries d WHERE d.` + claimable + ` AND ` + head + ` ORDER BY d.next, d.id LIMIT 1`

// Turnover implements bridge.Outbox.
func (s *Store) Turnover(ctx context.Context, worker string, now time.Time, done []bridge.Settlement, n int) (claimed []bridge.Delivery, err error) {
	var reached int64
	err = s.write(ctx, func(ctx context.Context, tx *session) error {
		reached = 0
		var events []bridge.Event
		if err := settle(ctx, tx, done, &events); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
		claimed = nil
		if n > 0 {
			if claimed, err = claim(ctx, tx, worker, now, n, &events); err != nil {
				return fmt.Errorf("claim: %w", err)
			}
		}
		if err := journal(ctx, tx, events); err != nil || len(claimed) == 0 {
			return err
		}
		reached, err = s.ahead(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("turn the outbox over: %w", err)
	}
	if reached > 0 {
		// What was claimed is to be sent all the same: the witness counts only if
		// the database is restored, and renewing a lease tells of the fault.
		_ = s.witness.reached(reached)
	}
	return claimed, nil
}

// claim takes due deliveries. Without the body's row a delivery would be sent
// empty; the join leaves it where `verify` finds it.
func claim(ctx context.Context, tx *session, worker string, now time.Time, n int, events *[]bridge.Event) ([]bridge.Delivery, error) {
	var claimed []bridge.Delivery
	err := tx.each(ctx, `SELECT `+deliveryColumns+`, b.data, coalesce((SELECT c.link_ticket FROM conversations c WHERE c.id = d.conversation_id), '')
		FROM deliveries d JOIN bodies b ON b.delivery_id = d.id
		WHERE d.`+claimable+` AND d.next <= $1 AND `+head+` ORDER BY d.next, d.id LIMIT $2`+tx.d.skipLocked,
		[]any{now.UnixMicro(), int64(n)}, func(scan func(...any) error) error {
			var data []byte
			var ticket string
			d, err := scanDelivery(scan, &data, &ticket)
			d.Data, d.Ticket = data, ticket
			claimed = append(claimed, d)
			return err
		})
	if err != nil || len(claimed) == 0 {
		return nil, err
	}
	args := []any{now.UnixMicro(), worker}
	ids := make([]int64, len(claimed))
	for i := range claimed {
		d := &claimed[i]
		ids[i] = d.ID
		d.State, d.Next, d.Claimed, d.Worker = bridge.Sending, time.Time{}, stored(now), clean(worker)
		d.Attempts++
		*events = append(*events, bridge.Event{At: now, What: "claimed", Text: fmt.Sprintf("attempt %d by %s", d.Attempts, worker),
			Mail: d.Mail, Conversation: d.Conversation, Delivery: d.ID})
	}
	slices.Sort(ids)
	_, err = tx.exec(ctx, `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, next = NULL, claimed = $1, worker = $2
		WHERE id IN (`+inList(&args, ids)+`)`, args...)
	return claimed, err
}

// attempt names what a settlement may settle.
type attempt struct{ delivery, n int64 }

// settled is what has to be known of a delivery that was settled.
type settled struct {
	attempt
	conversation, mail int64
	action             bridge.Action
	messageID          string
	state              bridge.DeliveryState
}

// settle records how attempts ended, and what became of doubts about them. Only
// the last attempt counts; what an earlier one has to say, after its worker was
// given up, is noted.
func settle(ctx context.Context, tx *session, done []bridge.Settlement, events *[]bridge.Event) error {
	first := map[attempt]bridge.Settlement{}
	var order []attempt
	for _, st := range done {
		a := attempt{st.Delivery, int64(st.Attempt)}
		if !slices.Contains(bridge.DeliveryStates, st.State) || st.State == bridge.Sending {
			return fmt.Errorf("%s: impossible settlement: state %q", bridge.DeliveryID(st.Delivery), st.State)
		}
		if _, twice := first[a]; !twice {
			first[a] = st
			order = append(order, a)
		}
	}
	slices.SortFunc(order, func(a, b attempt) int { return cmp.Compare(a.delivery, b.delivery) })
	took := map[attempt]settled{}
	err := chunks(order, func(order []attempt) error { return settleRows(ctx, tx, order, first, took) })
	if err != nil {
		return err
	}
	if err := link(ctx, tx, took, first); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	for _, st := range done {
		d, ok := took[attempt{st.Delivery, int64(st.Attempt)}]
		e := bridge.Event{At: orNow(st.At), What: string(d.state), Text: fmt.Sprintf("attempt %d: %s", st.Attempt, detail(st)),
			Mail: d.mail, Conversation: d.conversation, Delivery: st.Delivery}
		if !ok {
			if e, ok, err = late(ctx, tx, st); err != nil {
				return err
			} else if !ok {
				continue // a delivery that never was
			}
		}
		*events = append(*events, e)
	}
	return nil
}

// settleRows updates the deliveries that still are in the attempt, or in doubt
// about it. A delivery whose acknowledgement was quicker than its reply is confirmed at once.
func settleRows(ctx context.Context, tx *session, order []attempt, by map[attempt]bridge.Settlement, took map[attempt]settled) error {
	var args []any
	n := 1
	for n < len(order) { // few texts to prepare
		n *= 2
	}
	for i := range n {
		a := order[min(i, len(order)-1)]
		st := by[a]
		at := orNow(st.At)
		args = append(args, a.delivery, a.n, string(st.State), detail(st), micros(due(st.State, st.Next, at)), at.UnixMicro(), int64(st.Probes))
	}
	query := `UPDATE deliveries SET state = CASE WHEN v.column3 = 'sent' AND deliveries.action = 'raise' AND EXISTS
			(SELECT 1 FROM conversations c WHERE c.id = deliveries.conversation_id AND c.link_message_id = deliveries.message_id AND c.link_confirmed IS NOT NULL)
			THEN 'confirmed' ELSE v.column3 END,
		detail = v.column4, next = v.column5, settled = v.column6, probes = v.column7
		FROM (VALUES (CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT))`
	if n > 1 {
		query += `,` + tuples(8, 7, n-1)
	}
	query += `) AS v WHERE deliveries.id = v.column1 AND deliveries.state IN ('sending','doubt') AND deliveries.attempts = v.column2
		RETURNING id, attempts, conversation_id, mail_id, action, message_id, state`
	return tx.each(ctx, query, args, func(scan func(...any) error) error {
		var d settled
		err := scan(&d.delivery, &d.n, &d.conversation, &d.mail, &d.action, &d.messageID, &d.state)
		took[d.attempt] = d
		return err
	})
}

// link ties conversations to the messages that opened their tickets.
func link(ctx context.Context, tx *session, took map[attempt]settled, by map[attempt]bridge.Settlement) error {
	var opened []settled
	for _, d := range took {
		if d.action == bridge.Raise && (d.state == bridge.Sent || d.state == bridge.Confirmed) {
			opened = append(opened, d)
		}
	}
	slices.SortFunc(opened, func(a, b settled) int { return cmp.Compare(a.conversation, b.conversation) })
	for _, d := range opened {
		st := by[d.attempt]
		var confirmed any
		if st.State == bridge.Confirmed {
			confirmed = orNow(st.At).UnixMicro()
		}
		_, err := tx.exec(ctx, `UPDATE conversations SET link_message_id = $1, link_confirmed = coalesce(CAST($2 AS BIGINT), link_confirmed)
			WHERE id = $3 AND (link_message_id <> $4 OR CAST($5 AS BIGINT) IS NOT NULL)`, d.messageID, confirmed, d.conversation, d.messageID, confirmed)
		if err == nil && st.Result.Ticket != "" {
			_, err = tx.exec(ctx, `UPDATE conversations SET link_ticket = $1, link_url = $2 WHERE id = $3`,
				clean(st.Result.Ticket), clean(st.Result.TicketURL), d.conversation)
			if err == nil {
				err = dueNow(ctx, tx, d.conversation, orNow(st.At))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// late makes the event for a settlement that came too late to count.
func late(ctx context.Context, tx *session, st bridge.Settlement) (e bridge.Event, ok bool, err error) {
	var state string
	var attempts int64
	e = bridge.Event{At: orNow(st.At), What: "late", Delivery: st.Delivery}
	err = tx.row(ctx, `SELECT conversation_id, mail_id, state, attempts FROM deliveries WHERE id = $1`, st.Delivery).
		Scan(&e.Conversation, &e.Mail, &state, &attempts)
	if errors.Is(err, sql.ErrNoRows) {
		return e, false, nil
	}
	e.Text = fmt.Sprintf("attempt %d ended %s (%s), but the delivery is %s after attempt %d by now", st.Attempt, st.State, detail(st), state, attempts)
	return e, err == nil, err
}

func detail(st bridge.Settlement) string {
	if st.Detail == "" && st.Result.Outcome != "" {
		return st.Result.String()
	}
	return st.Detail
}

// due is when a delivery in this state is due: never, unless it can be claimed
// or, in doubt, is to be looked up.
func due(state bridge.DeliveryState, next, now time.Time) time.Time {
	switch {
	case state == bridge.Doubt && next.IsZero(), state != bridge.Ready && state != bridge.Retry && state != bridge.Doubt:
		return time.Time{}
	case next.IsZero():
		return now
	}
	return stored(next)
}

// Recover implements bridge.Outbox.
func (s *Store) Recover(ctx context.Context, r bridge.Recovery) (left []bridge.Delivery, err error) {
	if r.State != bridge.Doubt && r.State != bridge.Retry {
		return nil, fmt.Errorf("recover what was being sent: impossible state %q", r.State)
	}
	whose := `d.worker <> $1 AND d.claimed < $2`
	if r.Started {
		whose = `(d.worker = $1 OR d.claimed < $2)`
	}
	err = s.write(ctx, func(ctx context.Context, tx *session) error {
		left = nil
		err := tx.each(ctx, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.state = 'sending' AND d.`+resting+`
			AND `+whose+` ORDER BY d.id`+tx.d.forUpdate, []any{clean(r.Worker), r.Before.UnixMicro()},
			gather(&left, func(scan func(...any) error) (bridge.Delivery, error) { return scanDelivery(scan) }))
		if err != nil {
			return err
		}
		if err := leftSending(ctx, tx, r, left); err != nil {
			return err
		}
		if r.State != bridge.Doubt || r.Next.IsZero() {
			return nil
		}
		_, err = tx.exec(ctx, `UPDATE deliveries SET next = $1 WHERE state = 'doubt' AND `+resting+` AND next IS NULL AND probes = 0`, r.Next.UnixMicro())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("recover what was being sent: %w", err)
	}
	return left, nil
}

// leftSending settles deliveries whose attempt nobody will.
func leftSending(ctx context.Context, tx *session, r bridge.Recovery, left []bridge.Delivery) error {
	now := time.Now()
	var events []bridge.Event
	for i := range left {
		d := &left[i]
		d.Detail = fmt.Sprintf("attempt %d was under way when %s stopped; nobody knows how far it came", d.Attempts, d.Worker)
		d.State, d.Settled, d.Probes, d.Next = r.State, stored(now), 0, due(r.State, r.Next, stored(now))
		_, err := tx.exec(ctx, `UPDATE deliveries SET state = $1, detail = $2, settled = $3, next = $4, probes = 0 WHERE id = $5`,
			string(d.State), d.Detail, now.UnixMicro(), micros(d.Next), d.ID)
		if err != nil {
			return err
		}
		events = append(events, bridge.Event{At: now, What: string(d.State), Text: d.Detail, Mail: d.Mail, Conversation: d.Conversation, Delivery: d.ID})
	}
	return journal(ctx, tx, events)
}

// NextDue implements bridge.Outbox.
func (s *Store) NextDue(ctx context.Context) (next time.Time, err error) {
	err = s.lone(ctx).row(firstDue).Scan(at{&next})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("when the next delivery is due: %w", err)
	}
	return next, nil
}

// NextProbe implements bridge.Outbox.
func (s *Store) NextProbe(ctx context.Context) (bridge.Delivery, error) {
	d, err := scanPlainDelivery(s.lone(ctx).row(selectDeliveries + ` WHERE d.` + probable + ` ORDER BY d.next, d.id LIMIT 1`).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return bridge.Delivery{}, fmt.Errorf("which doubt is looked into next: %w", err)
	}
	return d, nil
}

func journal(ctx context.Context, tx *session, events []bridge.Event) error {
	var args []any
	for _, e := range events {
		args = eventArgs(args, e)
	}
	if _, err := tx.insert(ctx, insertJournal, insertJournalCols, args); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}
