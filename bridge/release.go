package bridge

import (
	"bytes"
	"cmp"
	"context"
	"errors"
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
	in.vouch(&a, &rel)
	got, err := in.Store.Rejudge(ctx, a, in.judge)
	if err != nil {
		return rec, fmt.Errorf("release %s: %w", MailID(rec.ID), err)
	}
	in.report([]MailRecord{got})
	return got, nil
}

// ReleaseFetched judges a parked mail again of which only the header is kept, now
// that it was fetched whole: as if it came today, trust included. A person who
// names the customer vouches for it.
func (in *Ingest) ReleaseFetched(ctx context.Context, rec MailRecord, m Mail, rel Release) (MailRecord, error) {
	header, err := in.Store.Raw(ctx, rec.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return rec, fmt.Errorf("read %s: %w", MailID(rec.ID), err)
	}
	if !bytes.HasPrefix(m.Raw, bytes.TrimRight(header, "\r\n")) {
		return rec, fmt.Errorf("%s: another mail lies there now: its header differs: %w", MailID(rec.ID), ErrState)
	}
	a, err := in.read(ctx, m)
	if err != nil {
		return rec, err
	}
	if rel.Customer != "" {
		if rel.Customer, err = mailparse.StrictAddress(rel.Customer); err != nil {
			return rec, fmt.Errorf("customer: %w", err)
		}
		in.vouch(&a, &rel)
	}
	a.ID, a.Fetched = rec.ID, true
	got, err := in.Store.Rejudge(ctx, a, in.judge)
	if err != nil {
		return rec, fmt.Errorf("release %s: %w", MailID(rec.ID), err)
	}
	in.report([]MailRecord{got})
	return got, nil
}

// vouch: a person says that the mail is what it says it is. What no profile reads
// is a conversation of its own.
func (in *Ingest) vouch(a *Arrival, rel *Release) {
	r := a.reading
	r.released = rel
	if a.ConversationKey != "" {
		return
	}
	key := "mail/" + a.Record.ContentKey
	if c := r.parsed.Chat; c != nil {
		key = in.Keys.conversationKey(c, a.Record.ContentKey)
	}
	a.setConversation(in.Keys, key, releasedTurns(r.parsed))
}

// releasedTurns are the mail's turns or, where no profile could read them, its
// text without the product's own words, quotes and signature as one turn of the
// customer.
func releasedTurns(p *mailparse.Mail) []mailparse.Turn {
	if p.Chat != nil && len(p.Chat.Turns) > 0 {
		return p.Chat.Turns
	}
	text := cmp.Or(p.Reply, p.Text)
	if p.Chat != nil {
		text = cmp.Or(p.Chat.Rest, text)
	}
	at, _ := time.Parse(time.RFC3339, p.Date)
	return []mailparse.Turn{{Role: mailparse.RoleCustomer, Author: p.From.Name, At: at, Written: p.Date, Text: text}}
}

// HeaderOnly: the body was left on the server because it was too large.
func (m MailRecord) HeaderOnly(raw []byte) bool {
	return len(body(raw)) == 0 && m.Size > int64(len(raw))+1024
}
