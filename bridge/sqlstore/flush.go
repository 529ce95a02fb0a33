package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ticketbridge/bridge"
)

// flush writes what the batch left behind, table by table.
func (in *intake) flush(ctx context.Context) error {
	raws := in.deflateRaws()
	defer raws() // leave nothing running
	for _, write := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"conversations", in.putConversations},
		{"deliveries", in.insertDeliveries}, // before the mails: a message that is there already changes their state
		{"mails", in.putMails},
		{"answers", in.settleAnswered},
		{"turns", in.insertTurns},
		{"what is told along", in.tellAlong},
		{"journal", in.insertJournal},
		{"raw mails", func(ctx context.Context) error { return in.insertRaws(ctx, raws()) }},
	} {
		if err := write.do(ctx); err != nil {
			return fmt.Errorf("write %s: %w", write.what, err)
		}
	}
	return nil
}

func (in *intake) putConversations(ctx context.Context) error {
	var args []any
	for _, c := range in.touched {
		args = conversationArgs(args, c)
	}
	_, err := in.tx.insert(ctx, putConversations, putConversationsCols, args)
	return err
}

func (in *intake) insertDeliveries(ctx context.Context) error {
	var made []*accepted
	for _, n := range in.news {
		if n.delivery != nil {
			made = append(made, n)
		}
	}
	if len(made) == 0 {
		return nil
	}
	ids, err := in.tx.d.reserve(ctx, in.tx, "deliveries", len(made))
	if err != nil {
		return err
	}
	var args []any
	for i, n := range made {
		n.delivery.ID = ids[i]
		args = deliveryArgs(args, n.delivery)
	}
	inserted, err := in.tx.insert(ctx, insertDeliveries, insertDeliveriesCols, args)
	if err != nil {
		return err
	}
	if inserted < int64(len(made)) {
		if err := in.doubles(ctx, made); err != nil {
			return err
		}
	}
	var bodies []blob
	for _, n := range made {
		if n.delivery.Data != nil {
			bodies = append(bodies, blob{[]any{n.delivery.ID, n.delivery.Data}, len(n.delivery.Data)})
		}
	}
	return in.insertBlobs(ctx, `INSERT INTO bodies (delivery_id, data) VALUES %s`, bodies)
}

// doubles finds the deliveries whose Message-ID is in the outbox already: a
// database restored in part, or a bug. The message is not sent again; the mail
// says so.
func (in *intake) doubles(ctx context.Context, made []*accepted) error {
	byMessageID := map[string]bridge.Delivery{}
	ids := make([]string, len(made))
	for i, n := range made {
		ids[i] = n.delivery.MessageID
	}
	err := chunks(ids, func(ids []string) error {
		var args []any
		query := `SELECT ` + deliveryColumns + ` FROM deliveries d WHERE d.message_id IN (` + inList(&args, ids) + `)`
		return in.tx.each(ctx, query, args, func(scan func(...any) error) error {
			d, err := scanDelivery(scan)
			byMessageID[d.MessageID] = d
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, n := range made {
		there := byMessageID[n.delivery.MessageID]
		if there.ID == n.delivery.ID {
			continue
		}
		n.record.State = bridge.MailIgnored
		n.record.Reason = fmt.Sprintf("its ticket message is in the outbox already, as %s (%s)", bridge.DeliveryID(there.ID), there.State)
		if n.record.CopyOf == 0 && there.Mail != n.record.ID {
			n.record.CopyOf = there.Mail
		}
		n.delivery = &bridge.Delivery{ID: there.ID} // for the journal
	}
	return nil
}

func (in *intake) putMails(ctx context.Context) error {
	if in.again != nil {
		return in.updateMail(ctx, in.news[0].record)
	}
	var args []any
	for _, n := range in.news {
		args = mailArgs(args, in.folders[placeOf(n.record)], n.record)
	}
	if err := in.displaced(ctx); err != nil {
		return err
	}
	_, err := in.tx.insert(ctx, insertMails, insertMailsCols, args)
	return err
}

func (in *intake) updateMail(ctx context.Context, m *bridge.MailRecord) error {
	_, err := in.tx.exec(ctx, `UPDATE mails SET message_id = $1, from_address = $2, from_name = $3, subject = $4, state = $5, reason = $6,
		format = $7, kind = $8, customer = $9, customer_fold = $10, conversation_id = $11, copy_of = $12, evidence = $13, has_raw = $14,
		content_key = $15, size = $16 WHERE id = $17`,
		m.MessageID, m.FromAddress, m.FromName, m.Subject, string(m.State), m.Reason,
		m.Format, m.Kind, m.Customer, fold(m.Customer), ref(m.Conversation), ref(m.CopyOf), list(m.Evidence), bit(m.HasRaw), m.ContentKey, m.Size, m.ID)
	return err
}

func (in *intake) insertTurns(ctx context.Context) error {
	var args []any
	for _, n := range in.news {
		for i, t := range n.turns {
			if by := in.told[turnKey{n.conv.ID, t.Digest}]; by != nil {
				t.Delivery = by.delivery.ID
			}
			args = turnArgs(args, n.conv.ID, n.first+int64(i), t)
		}
	}
	_, err := in.tx.insert(ctx, insertTurns, insertTurnsCols, args)
	return err
}

// settleMail settles a mail whose turns are told along (see settles).
const settleMail = `UPDATE mails SET state = $1, reason = $2, customer = $3, customer_fold = $4 WHERE id = $5 AND state IN ('parked','waiting')`

// tellAlong writes which deliveries tell turns of earlier batches, and settles
// their mails.
func (in *intake) tellAlong(ctx context.Context) error {
	written := map[turnKey]bool{} // by insertTurns
	for _, n := range in.news {
		for _, t := range n.turns {
			written[turnKey{n.conv.ID, t.Digest}] = true
		}
	}
	by := map[*accepted][]string{}
	for t, n := range in.told {
		if !written[t] {
			by[n] = append(by[n], t.digest)
		}
	}
	for _, n := range in.news { // in order
		err := chunks(slices.Sorted(slices.Values(by[n])), func(digests []string) error {
			args := []any{n.delivery.ID, n.conv.ID}
			_, err := in.tx.exec(ctx, `UPDATE turns SET delivery_id = $1 WHERE conversation_id = $2 AND digest IN (`+inList(&args, digests)+`)`, args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, a := range in.along {
		m := a.by.record
		changed, err := in.tx.exec(ctx, settleMail, string(m.State), clean(a.by.along), m.Customer, fold(m.Customer), a.mail)
		if err != nil {
			return err
		}
		if changed > 0 {
			in.events = append(in.events, bridge.Event{At: orNow(a.by.delivery.Created), What: "told", Text: a.by.along, Mail: a.mail,
				Conversation: a.by.conv.ID, Delivery: a.by.delivery.ID})
		}
	}
	return nil
}

func (in *intake) insertJournal(ctx context.Context) error {
	var args []any
	for _, n := range in.news {
		e := bridge.Event{At: n.record.Recorded, What: "recorded", Text: string(n.record.State) + ": " + n.record.Reason,
			Mail: n.record.ID, Conversation: n.record.Conversation}
		if in.again != nil {
			e.At, e.What = time.Now(), "judged again"
		}
		if n.delivery != nil {
			e.Delivery = n.delivery.ID
		}
		args = eventArgs(args, e)
		if d := n.decision; d.Rule != "" {
			e.What, e.Text = "decided", fmt.Sprintf("%s by rule %s: %s", d.Action, d.Rule, d.Reason)
			if !d.Deadline.IsZero() {
				e.Text += "; again at " + stored(d.Deadline).Format("2006-01-02 15:04:05Z")
			}
			args = eventArgs(args, e)
		}
	}
	for _, e := range in.events {
		args = eventArgs(args, e)
	}
	_, err := in.tx.insert(ctx, insertJournal, insertJournalCols, args)
	return err
}
