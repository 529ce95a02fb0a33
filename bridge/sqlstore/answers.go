package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"ticketbridge/bridge"
)

// findAnswered finds out, before anything is locked, which conversation an
// answer is about; a delivery's conversation never changes. The arrival is then
// judged under its lock like any other of that conversation.
func (in *intake) findAnswered(ctx context.Context) error {
	for i := range in.arrivals {
		a := &in.arrivals[i]
		if a.Answer == nil {
			continue
		}
		if err := in.findOne(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) findOne(ctx context.Context, a *bridge.Arrival) error {
	ans := a.Answer
	switch {
	case ans.ReversePath != "":
		return in.findDelivery(ctx, a, `d.reverse_path = $1 AND d.reverse_path <> ''`, clean(ans.ReversePath))
	case ans.MessageID != "":
		return in.findDelivery(ctx, a, `d.message_id = $1`, clean(ans.MessageID))
	case ans.Ref != "":
		// By the Ref alone: of its messages the one that opened the ticket.
		return in.findDelivery(ctx, a, `d.message_id = (SELECT c.link_message_id FROM conversations c WHERE c.ref = $1)`, clean(ans.Ref))
	}
	return in.findLonely(ctx, a)
}

func (in *intake) findDelivery(ctx context.Context, a *bridge.Arrival, where, what string) error {
	return in.tx.each(ctx, `SELECT d.id, c.key FROM deliveries d JOIN conversations c ON c.id = d.conversation_id WHERE `+where,
		[]any{what}, func(scan func(...any) error) error {
			var id int64
			err := scan(&id, &a.ConversationKey)
			in.answered[a.Record.Source] = &bridge.Delivery{ID: id}
			return err
		})
}

// findLonely finds the one message to any of the customers whose ticket is not
// known. Of two nobody could say which is meant.
func (in *intake) findLonely(ctx context.Context, a *bridge.Arrival) error {
	customers := map[string]bool{}
	for _, c := range a.Answer.Customers {
		if c = fold(clean(c)); c != "" {
			customers[c] = true
		}
	}
	if len(customers) == 0 {
		return nil
	}
	var args []any
	found := map[int64]string{}
	err := in.tx.each(ctx, `SELECT d.id, c.key FROM conversations c JOIN deliveries d ON d.conversation_id = c.id AND d.message_id = c.link_message_id
		WHERE c.customer_fold IN (`+inList(&args, slices.Sorted(maps.Keys(customers)))+`) AND c.link_ticket = '' AND d.state IN ('sending','sent','doubt') LIMIT 2`,
		args, func(scan func(...any) error) error {
			var id int64
			var key string
			err := scan(&id, &key)
			found[id] = key
			return err
		})
	if len(found) == 1 {
		for id, key := range found {
			a.ConversationKey, in.answered[a.Record.Source] = key, &bridge.Delivery{ID: id}
		}
	}
	return err
}

// knowAnswered reads the deliveries again, now that nobody else changes them.
func (in *intake) knowAnswered(ctx context.Context) error {
	for source, d := range in.answered {
		is, err := scanPlainDelivery(in.tx.row(ctx, selectDeliveries+` WHERE d.id = $1`+in.tx.d.forUpdate, d.ID).Scan)
		if err != nil {
			return fmt.Errorf("%s: %w", bridge.DeliveryID(d.ID), err)
		}
		in.answered[source] = &is
	}
	return nil
}

// settleAnswered records what answers say of their deliveries. One that is in
// flight becomes confirmed with its own settlement (outbox.go): its link is.
func (in *intake) settleAnswered(ctx context.Context) error {
	var events []bridge.Event
	for _, n := range in.news {
		ans := n.answered
		if ans == nil {
			continue
		}
		e := bridge.Event{At: n.record.Recorded, What: "answered", Text: ans.Detail + ", in " + bridge.MailID(n.record.ID), Delivery: ans.Delivery}
		if n.conv != nil {
			e.Conversation = n.conv.ID
		}
		if from := before[ans.State]; from != "" && ans.Delivery != 0 {
			e.What = string(ans.State)
			detail := ans.Detail
			if ans.State == bridge.Confirmed {
				detail = "" // the last reply says more
			}
			_, err := in.tx.exec(ctx, `UPDATE deliveries SET state = $1, detail = CASE WHEN $2 = '' THEN detail ELSE $3 END, next = NULL, settled = $4
				WHERE id = $5 AND state IN (`+from+`)`, string(ans.State), detail, detail, n.record.Recorded.UnixMicro(), ans.Delivery)
			if err != nil {
				return err
			}
		}
		events = append(events, e)
	}
	return journal(ctx, in.tx, events)
}

// before tells which states an answer ends. A bounce of what was confirmed is
// believed: helpdesks acknowledge what they then cannot store.
var before = map[bridge.DeliveryState]string{
	bridge.Confirmed: `'sent','doubt'`,
	bridge.Bounced:   `'sent','doubt','confirmed'`,
}
