package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// RetryNow implements bridge.Ledger.
func (s *Store) RetryNow(ctx context.Context, delivery int64, why string) error {
	from := []bridge.DeliveryState{bridge.Retry, bridge.Doubt, bridge.Held, bridge.Dead, bridge.Bounced}
	err := s.actOnDelivery(ctx, delivery, from, func(ctx context.Context, tx *session, d bridge.Delivery, now time.Time) (bridge.Event, error) {
		if d.Forgone() {
			return bridge.Event{}, fmt.Errorf("%w: it is dead, and what it said is told by another", bridge.ErrState)
		}
		_, err := tx.exec(ctx, `UPDATE deliveries SET state = 'ready', next = $1, probes = 0, settled = NULL WHERE id = $2`, now.UnixMicro(), delivery)
		return bridge.Event{What: "released", Text: fmt.Sprintf("from %s: %s", d.State, why)}, err
	})
	if err != nil {
		return fmt.Errorf("retry %s: %w", bridge.DeliveryID(delivery), err)
	}
	return nil
}

// DropDelivery implements bridge.Ledger.
func (s *Store) DropDelivery(ctx context.Context, delivery int64, why string) error {
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		u, err := lockUndelivered(ctx, tx, delivery)
		if err != nil {
			return err
		}
		d := u.asked()
		if err := droppable(d); err != nil {
			return err
		}
		if u.followed() {
			return fmt.Errorf("%w: %s", bridge.ErrFollowed, bridge.DeliveryID(u.behind()[0].ID))
		}
		return u.drop(ctx, tx, why, time.Now())
	})
	if err != nil {
		return fmt.Errorf("drop %s: %w", bridge.DeliveryID(delivery), err)
	}
	return nil
}

// actOnDelivery locks a delivery, which must be in one of the states, and
// journals what do did with it.
func (s *Store) actOnDelivery(ctx context.Context, delivery int64, from []bridge.DeliveryState,
	do func(ctx context.Context, tx *session, d bridge.Delivery, now time.Time) (bridge.Event, error)) error {
	return s.write(ctx, func(ctx context.Context, tx *session) error {
		d, err := scanPlainDelivery(tx.row(ctx, selectDeliveries+` WHERE d.id = $1`+tx.d.forUpdate, delivery).Scan)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return bridge.ErrNotFound
		case err != nil:
			return err
		case !slices.Contains(from, d.State):
			return fmt.Errorf("%w: it is %s", bridge.ErrState, d.State)
		}
		now := time.Now()
		e, err := do(ctx, tx, d, now)
		if err != nil {
			return err
		}
		e.At, e.Mail, e.Conversation, e.Delivery = now, d.Mail, d.Conversation, d.ID
		return journal(ctx, tx, []bridge.Event{e})
	})
}

// DropMail implements bridge.Ledger.
func (s *Store) DropMail(ctx context.Context, mail int64, why string) error {
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		m, err := lockMail(ctx, tx, mail, bridge.MailParked)
		if err != nil {
			return err
		}
		reason := fmt.Sprintf("dropped: %s (was parked: %s)", why, m.Reason)
		if _, err := tx.exec(ctx, `UPDATE mails SET state = 'ignored', reason = $1 WHERE id = $2`, reason, mail); err != nil {
			return err
		}
		return journal(ctx, tx, []bridge.Event{{At: time.Now(), What: "dropped", Text: why, Mail: m.ID, Conversation: m.Conversation}})
	})
	if err != nil {
		return fmt.Errorf("drop %s: %w", bridge.MailID(mail), err)
	}
	return nil
}

// SetTicket implements bridge.Ledger. What l leaves empty stays as it is, but
// another ticket's number takes the URL with it. With Confirmed set, the
// helpdesk has answered the message that opened the ticket: so it did arrive.
func (s *Store) SetTicket(ctx context.Context, conversation int64, l bridge.Link) error {
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		c, err := scanConversation(tx.row(ctx, selectConversations+` WHERE c.id = $1`+tx.d.forUpdate, conversation).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return bridge.ErrNotFound
		}
		if err != nil {
			return err
		}
		link := merged(c.Link, l)
		_, err = tx.exec(ctx, `UPDATE conversations SET link_target = $1, link_message_id = $2, link_ticket = $3, link_url = $4, link_confirmed = $5
			WHERE id = $6`, link.Target, link.MessageID, link.Ticket, link.URL, micros(link.Confirmed), conversation)
		if err != nil {
			return err
		}
		now := time.Now()
		events := []bridge.Event{{At: now, What: "linked", Text: strings.TrimSuffix("ticket "+link.Ticket+", "+l.Why, ", "), Conversation: conversation}}
		if !l.Confirmed.IsZero() {
			err = confirm(ctx, tx, link.MessageID, now, &events)
		}
		if err == nil && link.Ticket != c.Link.Ticket {
			err = dueNow(ctx, tx, conversation, now)
		}
		if err != nil {
			return err
		}
		return journal(ctx, tx, events)
	})
	if err != nil {
		return fmt.Errorf("set ticket of %s: %w", bridge.ConversationID(conversation), err)
	}
	return nil
}

func merged(is, l bridge.Link) bridge.Link {
	if l.Ticket != "" && l.Ticket != is.Ticket {
		is.URL = ""
	}
	for _, f := range []struct{ to, from *string }{
		{&is.Target, &l.Target}, {&is.MessageID, &l.MessageID}, {&is.Ticket, &l.Ticket}, {&is.URL, &l.URL},
	} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	if !l.Confirmed.IsZero() {
		is.Confirmed = l.Confirmed
	}
	return is
}

// confirm closes the delivery that was answered, doubt about it included.
func confirm(ctx context.Context, tx *session, messageID string, now time.Time, events *[]bridge.Event) error {
	return tx.each(ctx, `UPDATE deliveries SET state = 'confirmed', next = NULL, settled = $1 WHERE message_id = $2 AND state IN ('sent','doubt')
		RETURNING id, conversation_id, mail_id`, []any{now.UnixMicro(), messageID}, func(scan func(...any) error) error {
		e := bridge.Event{At: now, What: string(bridge.Confirmed), Text: "its ticket is known"}
		err := scan(&e.Delivery, &e.Conversation, &e.Mail)
		*events = append(*events, e)
		return err
	})
}
