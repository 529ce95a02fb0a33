package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// conditions collects what a filter asks.
type conditions struct {
	where []string
	args  []any
}

// and adds a condition; ? in it stands for arg.
func (c *conditions) and(condition string, arg any) {
	c.args = append(c.args, arg)
	c.where = append(c.where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(c.args))))
}

// finish writes WHERE, ORDER BY and LIMIT behind query: newest first.
func (c *conditions) finish(query, id string, limit int) (string, []any) {
	if len(c.where) > 0 {
		query += " WHERE " + strings.Join(c.where, " AND ")
	}
	if limit <= 0 {
		limit = 100
	}
	args := append(c.args, int64(limit))
	return query + " ORDER BY " + id + " DESC LIMIT $" + strconv.Itoa(len(args)), args
}

// state adds a state, checked so that it can stand in the text itself: only then
// do partial indexes serve.
func state[S ~string](c *conditions, column, want string, states []S) error {
	if want == "" {
		return nil
	}
	if !slices.Contains(states, S(want)) {
		return fmt.Errorf("state %q: want one of %v", want, states)
	}
	c.where = append(c.where, column+" = '"+want+"'")
	return nil
}

const inMailbox = `.folder_id IN (SELECT id FROM folders WHERE mailbox = ?)`

// Mails implements bridge.Ledger. Filter.Since means recorded since.
func (s *Store) Mails(ctx context.Context, f bridge.Filter) (mails []bridge.MailRecord, err error) {
	var c conditions
	if err := state(&c, "m.state", f.State, bridge.MailStates); err != nil {
		return nil, err
	}
	if f.Mailbox != "" {
		c.and(`m`+inMailbox, f.Mailbox)
	}
	if f.Customer != "" {
		c.and(`m.customer_fold = ?`, fold(f.Customer))
	}
	if !f.Since.IsZero() {
		c.and(`m.recorded >= ?`, f.Since.UnixMicro())
	}
	if f.Conversation != 0 {
		c.and(`m.conversation_id = ?`, f.Conversation)
	}
	query, args := c.finish(selectMails, "m.id", f.Limit)
	if err := s.lone(ctx).each(query, args, gather(&mails, scanMail)); err != nil {
		return nil, fmt.Errorf("list mails: %w", err)
	}
	return mails, nil
}

// Conversations implements bridge.Ledger. They have no state; Filter.Since means
// changed since.
func (s *Store) Conversations(ctx context.Context, f bridge.Filter) (convs []bridge.Conversation, err error) {
	if f.State != "" {
		return nil, fmt.Errorf("state %q: conversations have none", f.State)
	}
	var c conditions
	if f.Mailbox != "" {
		c.and(`EXISTS (SELECT 1 FROM mails m WHERE m.conversation_id = c.id AND m`+inMailbox+`)`, f.Mailbox)
	}
	if f.Customer != "" {
		c.and(`c.customer_fold = ?`, fold(f.Customer))
	}
	if !f.Since.IsZero() {
		c.and(`c.updated >= ?`, f.Since.UnixMicro())
	}
	if f.Conversation != 0 {
		c.and(`c.id = ?`, f.Conversation)
	}
	query, args := c.finish(selectConversations, "c.id", f.Limit)
	if err := s.lone(ctx).each(query, args, gather(&convs, scanBridgeConversation)); err != nil {
		return nil, fmt.Errorf("list conversations: %w", err)
	}
	return convs, nil
}

func scanBridgeConversation(scan func(...any) error) (bridge.Conversation, error) {
	c, err := scanConversation(scan)
	return c.Conversation, err
}

// Deliveries implements bridge.Ledger. Filter.Since means made since.
func (s *Store) Deliveries(ctx context.Context, f bridge.Filter) (ds []bridge.Delivery, err error) {
	var c conditions
	if err := state(&c, "d.state", f.State, bridge.DeliveryStates); err != nil {
		return nil, err
	}
	order := "d.id"
	if f.State != "" {
		part := resting
		if st := bridge.DeliveryState(f.State); st == bridge.Ready || st == bridge.Retry {
			part, order = claimable, "+d.id" // + keeps the planner from walking the whole table in order
		}
		c.where = append(c.where, `d.`+part)
	}
	if f.Mailbox != "" {
		c.and(`EXISTS (SELECT 1 FROM mails m WHERE m.id = d.mail_id AND m`+inMailbox+`)`, f.Mailbox)
	}
	if f.Customer != "" {
		c.and(`d.conversation_id IN (SELECT id FROM conversations WHERE customer_fold = ?)`, fold(f.Customer))
	}
	if !f.Since.IsZero() {
		c.and(`d.created >= ?`, f.Since.UnixMicro())
	}
	if f.Conversation != 0 {
		c.and(`d.conversation_id = ?`, f.Conversation)
	}
	query, args := c.finish(selectDeliveries, order, f.Limit)
	err = s.view(ctx, func(q reader) error {
		ds = nil
		if err := q.each(query, args, gather(&ds, scanPlainDelivery)); err != nil {
			return err
		}
		return q.waits(ds)
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return ds, nil
}

// waits fills in what deliveries wait for.
func (q reader) waits(ds []bridge.Delivery) error {
	behind := map[int64][]*bridge.Delivery{} // those that may wait, by conversation
	for i := range ds {
		switch d := &ds[i]; d.State {
		case bridge.Ready, bridge.Retry, bridge.Held:
			behind[d.Conversation] = append(behind[d.Conversation], d)
		}
	}
	return chunks(slices.Sorted(maps.Keys(behind)), func(convs []int64) error {
		var args []any
		query := `SELECT e.id, e.conversation_id, e.state FROM deliveries e WHERE e.conversation_id IN (` + inList(&args, convs) + `) AND (` + onItsWay + ` OR ` + unopened + `)`
		return q.each(query, args, func(scan func(...any) error) error {
			var id, conv int64
			var state bridge.DeliveryState
			err := scan(&id, &conv, &state)
			for _, d := range behind[conv] {
				if d.Action == bridge.Raise && (state == bridge.Dead || state == bridge.Bounced) {
					continue
				}
				if id < d.ID && (d.Waits == 0 || id < d.Waits) {
					d.Waits, d.WaitsFor = id, state
				}
			}
			return err
		})
	})
}

const selectDeliveries = `SELECT ` + deliveryColumns + ` FROM deliveries d`

func scanPlainDelivery(scan func(...any) error) (bridge.Delivery, error) { return scanDelivery(scan) }

// Raw implements bridge.Ledger.
func (s *Store) Raw(ctx context.Context, mail int64) (raw []byte, err error) {
	if raw, err = scanRaw(s.lone(ctx).row(selectRaw, mail)); err != nil {
		return nil, fmt.Errorf("raw mail of %s: %w", bridge.MailID(mail), err)
	}
	return raw, nil
}

const selectRaw = `SELECT r.raw, r.deflated, m.size FROM raws r JOIN mails m ON m.id = r.mail_id WHERE r.mail_id = $1`

func scanRaw(row scanner) (raw []byte, err error) {
	var deflated bool
	var size int64
	err = row.Scan(&raw, yes{&deflated}, &size)
	if errors.Is(err, sql.ErrNoRows) {
		err = bridge.ErrNotFound
	}
	if err == nil && deflated {
		raw, err = inflate(raw, size)
	}
	return raw, err
}

// DeliveryData implements bridge.Ledger.
func (s *Store) DeliveryData(ctx context.Context, delivery int64) (data []byte, err error) {
	err = s.lone(ctx).row(`SELECT data FROM bodies WHERE delivery_id = $1`, delivery).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("message of %s: %w", bridge.DeliveryID(delivery), err)
	}
	return data, nil
}

// mostRecent bounds how far Formats looks back: its price is not to grow with the
// table.
const mostRecent = 10_000

// Formats implements bridge.Ledger. Where a mail is parked for several reasons,
// drift may be the second.
func (s *Store) Formats(ctx context.Context, since time.Time) (counts []bridge.FormatCount, err error) {
	err = s.lone(ctx).each(`SELECT format, count(*), sum(CASE WHEN state = 'parked' AND (reason LIKE 'drift: %' OR reason LIKE '%; drift: %') THEN 1 ELSE 0 END)
		FROM (SELECT format, state, reason, recorded, copy_of FROM mails ORDER BY id DESC LIMIT `+fmt.Sprint(mostRecent)+`) m
		WHERE recorded >= $1 AND format <> '' AND copy_of IS NULL GROUP BY format ORDER BY format`, []any{since.UnixMicro()},
		gather(&counts, func(scan func(...any) error) (c bridge.FormatCount, err error) {
			err = scan(&c.Format, &c.Mails, &c.Drift)
			return c, err
		}))
	if err != nil {
		return nil, fmt.Errorf("count by format: %w", err)
	}
	return counts, nil
}

// Counts implements bridge.Ledger. Each number but one comes from an index alone.
func (s *Store) Counts(ctx context.Context) (bridge.Counts, error) {
	c := bridge.Counts{Mails: map[bridge.MailState]int64{}, Deliveries: map[bridge.DeliveryState]int64{}}
	for _, st := range bridge.MailStates {
		c.Mails[st] = 0
	}
	for _, st := range bridge.DeliveryStates {
		c.Deliveries[st] = 0
	}
	err := s.view(ctx, func(q reader) error {
		if err := q.each(`SELECT state, count(*) FROM mails GROUP BY state`, nil, tally(c.Mails)); err != nil {
			return err
		}
		for _, part := range []string{claimable, resting} {
			if err := q.each(`SELECT state, count(*) FROM deliveries WHERE `+part+` GROUP BY state`, nil, tally(c.Deliveries)); err != nil {
				return err
			}
		}
		if err := q.row(`SELECT count(*) FROM conversations`).Scan(&c.Conversations); err != nil {
			return err
		}
		if err := q.row(`SELECT max(before) FROM restores`).Scan(at{&c.Restored}); err != nil {
			return err
		}
		if err := q.row(`SELECT count(*) FROM deliveries WHERE ` + resting + ` AND state = 'dead' AND ` + dropped).Scan(&c.Dropped); err != nil {
			return err
		}
		if err := q.row(`SELECT count(*) FROM mails m JOIN conversations c ON c.id = m.conversation_id
			WHERE m.state = 'waiting' AND c.deadline IS NULL`).Scan(&c.Stuck); err != nil {
			return err
		}
		if err := q.row(`SELECT count(*) FROM deliveries WHERE ` + resting + ` AND state = 'doubt' AND next IS NOT NULL`).Scan(&c.Probing); err != nil {
			return err
		}
		err := q.row(firstDue).Scan(at{&c.OldestDue})
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return bridge.Counts{}, fmt.Errorf("count: %w", err)
	}
	return c, nil
}

func tally[S ~string](into map[S]int64) func(scan func(...any) error) error {
	return func(scan func(...any) error) error {
		var state S
		var n int64
		err := scan(&state, &n)
		into[state] = n
		return err
	}
}

// Unconfirmed implements bridge.Ledger.
func (s *Store) Unconfirmed(ctx context.Context, from, to time.Time) (n int64, err error) {
	err = s.lone(ctx).row(`SELECT count(*) FROM conversations c JOIN deliveries d ON d.message_id = c.link_message_id
		WHERE c.link_confirmed IS NULL AND c.link_message_id <> '' AND d.state = 'sent' AND d.settled >= $1 AND d.settled < $2`,
		from.UnixMicro(), to.UnixMicro()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what nobody confirmed: %w", err)
	}
	return n, nil
}
