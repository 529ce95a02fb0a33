package bridge

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"ticketbridge/mailparse"
)

// Release is a person's word on a parked mail: it is what it says it is, and,
// where the mail does not tell, this is the customer.
type Release struct {
	Customer string // "" = as parsed
	By       string // who says so
	Why      string
}

// Release judges a parked mail again on a person's word. The address is checked
// all the same: nobody can make the bridge write as itself.
func (in *Ingest) Release(ctx context.Context, rec MailRecord, rel Release) (MailRecord, error) {
	if rel.Customer != "" {
		address, err := mailparse.StrictAddress(rel.Customer)
		if err != nil {
			return rec, fmt.Errorf("customer %s: %w", shown(rel.Customer), err)
		}
		rel.Customer = address
	}
	raw, err := in.Store.Raw(ctx, rec.ID)
	if err != nil {
		return rec, fmt.Errorf("read %s: %w", MailID(rec.ID), err)
	}
	if int64(len(raw)) == 0 || rec.HeaderOnly(raw) {
		return rec, fmt.Errorf("%s: only its header was fetched (%s): %w", MailID(rec.ID), rec.Reason, ErrState)
	}
	r := &reading{
		mail:     Mail{Source: rec.Source, Received: rec.Received, Size: rec.Size, Raw: raw},
		parsed:   in.Parser.Parse(raw),
		released: &rel,
		now:      time.Now(),
	}
	r.identity, r.identityReason = in.Identity.choose(ctx, r.customer().Address)
	a := in.arrival(r)
	a.ID = rec.ID
	a.Record.ContentKey = rec.ContentKey
	if a.ConversationKey == "" {
		key := "mail/" + rec.ContentKey
		if c := r.parsed.Chat; c != nil {
			key = in.Keys.conversationKey(c, rec.ContentKey)
		}
		a.setConversation(in.Keys, key, releasedTurns(r.parsed))
	}
	got, err := in.Store.Rejudge(ctx, a, in.judge)
	if err != nil {
		return rec, fmt.Errorf("release %s: %w", MailID(rec.ID), err)
	}
	in.report([]MailRecord{got})
	return got, nil
}

// releasedTurns are the mail's turns or, where no profile could read them, its
// text without quotes and signature as one turn of the customer.
func releasedTurns(p *mailparse.Mail) []mailparse.Turn {
	if p.Chat != nil && len(p.Chat.Turns) > 0 {
		return p.Chat.Turns
	}
	at, _ := time.Parse(time.RFC3339, p.Date)
	return []mailparse.Turn{{Role: mailparse.RoleCustomer, Author: p.From.Name, At: at, Written: p.Date, Text: cmp.Or(p.Reply, p.Text)}}
}

// HeaderOnly: the body was left on the server because it was too large.
func (m MailRecord) HeaderOnly(raw []byte) bool {
	return len(body(raw)) == 0 && m.Size > int64(len(raw))+1024
}
