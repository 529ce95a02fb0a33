package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ticketbridge/bridge"
)

// dropped is bridge.Delivery.Dropped of one that is dead.
const dropped = `detail LIKE '` + bridge.DroppedFrom + `%'`

// droppable are the states from which DropDelivery buries.
func droppable(d bridge.Delivery) error {
	switch d.State {
	case bridge.Sending, bridge.Sent, bridge.Confirmed:
		return fmt.Errorf("%w: it is %s", bridge.ErrState, d.State)
	case bridge.Dead:
		if d.Dropped() {
			return fmt.Errorf("%w: it is dead, and was dropped before", bridge.ErrState)
		}
	}
	return nil
}

// undelivered is a conversation with all its deliveries, locked, and the one of
// them that a person acts on.
type undelivered struct {
	conv  *conversation
	all   []bridge.Delivery // by id
	which int
}

func lockUndelivered(ctx context.Context, tx *session, delivery int64) (*undelivered, error) {
	u := &undelivered{}
	var key string
	err := tx.row(ctx, `SELECT c.key FROM deliveries d JOIN conversations c ON c.id = d.conversation_id WHERE d.id = $1`, delivery).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, bridge.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	// In the order of intake.lock: no mail of the conversation is judged meanwhile.
	if err := tx.d.lockKeys(ctx, tx, []string{"conversation " + key}); err != nil {
		return nil, err
	}
	c, err := scanConversation(tx.row(ctx, selectConversations+` WHERE c.key = $1`+tx.d.forUpdate, key).Scan)
	if err != nil {
		return nil, err
	}
	u.conv = &c
	err = tx.each(ctx, selectDeliveries+` WHERE d.conversation_id = $1 ORDER BY d.id`+tx.d.forUpdate, []any{c.ID}, gather(&u.all, scanPlainDelivery))
	u.which = slices.IndexFunc(u.all, func(d bridge.Delivery) bool { return d.ID == delivery })
	if err == nil && u.which < 0 {
		err = bridge.ErrNotFound
	}
	return u, err
}

func (u *undelivered) asked() bridge.Delivery { return u.all[u.which] }

// behind are the later ones that are not sent, and would not be by themselves in
// its place.
func (u *undelivered) behind() (ds []bridge.Delivery) {
	for _, d := range u.all[u.which+1:] {
		switch d.State {
		case bridge.Ready, bridge.Retry, bridge.Held:
			ds = append(ds, d)
		case bridge.Dead, bridge.Bounced:
			if !d.Dropped() {
				ds = append(ds, d)
			}
		}
	}
	return ds
}

// followed: those behind it go on about the ticket that it was to open, and
// nothing else has opened one.
func (u *undelivered) followed() bool {
	d, behind := u.asked(), u.behind()
	if d.Action != bridge.Raise || d.State == bridge.Doubt || u.conv.Link.Ticket != "" || len(behind) == 0 {
		return false
	}
	gone := messageIDs(append(behind, d))
	return !slices.ContainsFunc(u.conv.Thread, func(id string) bool { return !gone[id] })
}

func messageIDs(ds []bridge.Delivery) map[string]bool {
	ids := map[string]bool{}
	for _, d := range ds {
		ids[d.MessageID] = true
	}
	return ids
}

// forget takes messages that did not arrive out of the conversation's thread.
func (u *undelivered) forget(ds []bridge.Delivery) {
	gone := messageIDs(ds)
	c := u.conv
	c.Thread = slices.DeleteFunc(slices.Clone(c.Thread), func(id string) bool { return gone[id] })
	if gone[c.Link.MessageID] {
		c.Link.MessageID, c.Link.Confirmed = "", time.Time{}
	}
}

// drop buries the delivery. Of one in doubt nobody knows that it did not arrive;
// what any other was to tell, the conversation's next message tells.
func (u *undelivered) drop(ctx context.Context, tx *session, why string, now time.Time) error {
	d := u.asked()
	text := fmt.Sprintf("%s%s): %s", bridge.DroppedFrom, d.State, why)
	_, err := tx.exec(ctx, `UPDATE deliveries SET state = 'dead', detail = $1, next = NULL, settled = $2 WHERE id = $3`, text, now.UnixMicro(), d.ID)
	if err == nil && d.State != bridge.Doubt {
		err = u.untell(ctx, tx, d, now)
	}
	if err != nil {
		return err
	}
	return journal(ctx, tx, []bridge.Event{{At: now, What: "dropped", Text: fmt.Sprintf("was %s: %s", d.State, why), Mail: d.Mail, Conversation: d.Conversation, Delivery: d.ID}})
}

func (u *undelivered) untell(ctx context.Context, tx *session, d bridge.Delivery, now time.Time) error {
	if _, err := tx.exec(ctx, `UPDATE turns SET delivery_id = NULL WHERE conversation_id = $1 AND delivery_id = $2`, d.Conversation, d.ID); err != nil {
		return err
	}
	u.forget([]bridge.Delivery{d})
	if _, err := tx.insert(ctx, putConversations, putConversationsCols, conversationArgs(nil, u.conv)); err != nil {
		return err
	}
	return dueNow(ctx, tx, d.Conversation, now)
}

// Replace implements bridge.Replacer.
func (s *Store) Replace(ctx context.Context, r bridge.Replacement, compose bridge.Recompose) (done bridge.Replaced, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *session) error {
		u, err := lockUndelivered(ctx, tx, r.Delivery)
		if err != nil {
			return err
		}
		if err := u.replaceable(r.Dropped); err != nil {
			return err
		}
		re := &replacing{tx: tx, u: u, r: r, now: stored(time.Now()), old: append([]bridge.Delivery{u.asked()}, u.behind()...)}
		if err := re.do(ctx, compose); err != nil {
			return err
		}
		done = bridge.Replaced{Made: re.made, Instead: re.old}
		return nil
	})
	if err != nil {
		return bridge.Replaced{}, fmt.Errorf("replace %s: %w", bridge.DeliveryID(r.Delivery), err)
	}
	return done, nil
}

// replaceable says why another cannot take the delivery's place.
func (u *undelivered) replaceable(drop bool) error {
	d := u.asked()
	switch {
	case d.ReplacedBy != 0:
		return fmt.Errorf("%w: %s took its place already", bridge.ErrState, bridge.DeliveryID(d.ReplacedBy))
	case drop:
		return droppable(d)
	case d.State != bridge.Dead && d.State != bridge.Bounced && d.State != bridge.Doubt:
		return fmt.Errorf("%w: it is %s", bridge.ErrState, d.State)
	}
	return nil
}

// replacing is one replacement under way.
type replacing struct {
	tx    *session
	u     *undelivered
	r     bridge.Replacement
	now   time.Time
	old   []bridge.Delivery
	turns []bridge.Turn
	made  bridge.Delivery
}

func (re *replacing) do(ctx context.Context, compose bridge.Recompose) error {
	known, err := re.know(ctx)
	if err != nil {
		return err
	}
	var rawErr error
	known.Raw = func(mail int64) []byte {
		raw, err := scanRaw(re.tx.row(ctx, selectRaw, mail))
		if !errors.Is(err, bridge.ErrNotFound) {
			rawErr = errors.Join(rawErr, err)
		}
		return raw
	}
	made, err := compose(known)
	if err = errors.Join(rawErr, err); err != nil {
		return err
	}
	if made.MessageID == "" || made.Mail == 0 || slices.Contains(known.Taken, made.MessageID) {
		return fmt.Errorf("impossible message <%s> of %s", made.MessageID, bridge.MailID(made.Mail))
	}
	re.u.conv.Conversation = *known.Conversation
	re.made = made
	for _, write := range []func(context.Context) error{re.insert, re.retire, re.tell} {
		if err := write(ctx); err != nil {
			return err
		}
	}
	return nil
}

// know gathers what the new message is made of.
func (re *replacing) know(ctx context.Context) (k bridge.Undelivered, err error) {
	var ids []int64
	for _, d := range re.old {
		ids = append(ids, d.ID)
		re.u.forget([]bridge.Delivery{d})
		k.Maybe = k.Maybe || d.State == bridge.Doubt
	}
	for _, d := range re.u.all {
		k.Taken = append(k.Taken, d.MessageID)
	}
	args := []any{re.u.conv.ID}
	err = re.tx.each(ctx, selectTurns+` WHERE t.conversation_id = $1 AND t.role <> 'note' AND (t.delivery_id IS NULL OR t.delivery_id IN (`+inList(&args, ids)+`)) ORDER BY t.n`,
		args, gather(&re.turns, func(scan func(...any) error) (bridge.Turn, error) { return scanTurn(scan) }))
	if err != nil {
		return k, err
	}
	// A doubt that was settled since shows in the journal alone: it was retried by
	// hand, sent again as configured, or dropped.
	args = []any{re.u.conv.ID}
	var doubts int64
	err = re.tx.row(ctx, `SELECT count(*) FROM journal WHERE conversation_id = $1 AND delivery_id IN (`+inList(&args, ids)+`)
		AND (what = 'doubt' OR text LIKE 'from doubt: %' OR text LIKE 'was doubt: %' OR text LIKE 'attempt % was under way when %' OR text LIKE 'attempt %: maybe delivered, %')`, args...).Scan(&doubts)
	k.Maybe = k.Maybe || doubts > 0
	c := re.u.conv.Conversation
	c.Customer.Attributes = maps.Clone(c.Customer.Attributes)
	k.Conversation, k.Deliveries, k.Turns = &c, slices.Clone(re.old), slices.Clone(re.turns)
	return k, err
}

// insert writes the new message and what the conversation is with it.
func (re *replacing) insert(ctx context.Context) error {
	d, c := &re.made, re.u.conv
	ids, err := re.tx.d.reserve(ctx, re.tx, "deliveries", 1)
	if err != nil {
		return err
	}
	d.ID, d.Conversation, d.MessageID, d.Created = ids[0], c.ID, clean(d.MessageID), orNow(d.Created)
	if d.State == "" {
		d.State = bridge.Ready
	}
	d.Next = due(d.State, d.Next, d.Created)
	sum := sha256.Sum256(d.Data)
	d.SHA256, d.Size = hex.EncodeToString(sum[:]), int64(len(d.Data))
	c.enqueued(d)
	if _, err := re.tx.insert(ctx, putConversations, putConversationsCols, conversationArgs(nil, c)); err != nil {
		return fmt.Errorf("write conversation: %w", err)
	}
	n, err := re.tx.insert(ctx, insertDeliveries, insertDeliveriesCols, deliveryArgs(nil, d))
	if err == nil && n != 1 {
		err = fmt.Errorf("%w: <%s> is in the outbox already", bridge.ErrState, d.MessageID)
	}
	if err == nil {
		_, err = re.tx.insert(ctx, `INSERT INTO bodies (delivery_id, data) VALUES %s`, 2, []any{d.ID, d.Data})
	}
	return err
}

// retire settles the old messages.
func (re *replacing) retire(ctx context.Context) error {
	id := bridge.DeliveryID(re.made.ID)
	var events []bridge.Event
	for i, d := range re.old {
		what, word := "replaced", fmt.Sprintf("%s took its place: %s", id, re.r.Why)
		if re.r.Dropped && i == 0 {
			what, word = "dropped", fmt.Sprintf("%s; %s tells the rest", re.r.Why, id)
		}
		_, err := re.tx.exec(ctx, `UPDATE deliveries SET state = 'dead', detail = $1, next = NULL, settled = $2, replaced_by = $3 WHERE id = $4`,
			fmt.Sprintf("%s%s): %s", bridge.DroppedFrom, d.State, word), re.now.UnixMicro(), re.made.ID, d.ID)
		if err != nil {
			return err
		}
		events = append(events, bridge.Event{At: re.now, What: what, Text: fmt.Sprintf("was %s: %s", d.State, word), Mail: d.Mail, Conversation: d.Conversation, Delivery: d.ID})
	}
	events = append(events, bridge.Event{At: re.now, What: "made anew", Text: re.made.Reason, Mail: re.made.Mail, Conversation: re.made.Conversation, Delivery: re.made.ID})
	return journal(ctx, re.tx, events)
}

// tell notes that the new message tells the turns, and settles mails of theirs
// that were parked or waiting with it.
func (re *replacing) tell(ctx context.Context) error {
	var digests []string
	mails := map[int64]bool{}
	for _, t := range re.turns {
		digests = append(digests, t.Digest)
		mails[t.Mail] = true
	}
	err := chunks(digests, func(digests []string) error {
		args := []any{re.made.ID, re.u.conv.ID}
		_, err := re.tx.exec(ctx, `UPDATE turns SET delivery_id = $1 WHERE conversation_id = $2 AND digest IN (`+inList(&args, digests)+`)`, args...)
		return err
	})
	if err != nil {
		return err
	}
	state := bridge.MailUpdate
	if re.made.Action == bridge.Raise {
		state = bridge.MailTicket
	}
	told := "told by " + bridge.DeliveryID(re.made.ID)
	customer := re.u.conv.Customer.Address
	var events []bridge.Event
	for _, mail := range slices.Sorted(maps.Keys(mails)) {
		changed, err := re.tx.exec(ctx, settleMail, string(state), told, customer, fold(customer), mail)
		if err != nil {
			return err
		}
		if changed > 0 {
			events = append(events, bridge.Event{At: re.now, What: "told", Text: told, Mail: mail, Conversation: re.u.conv.ID, Delivery: re.made.ID})
		}
	}
	return journal(ctx, re.tx, events)
}
