package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ticketbridge/mailparse"
)

// Replacement asks for a ticket message in place of one that did not arrive.
type Replacement struct {
	Delivery int64
	// Dropped: a person drops the message, and the new one is made only for those
	// behind it, which may not go without a ticket.
	Dropped bool
	Why     string // who says so and why, for the journal
}

// Undelivered is a ticket message that did not arrive, and what is replaced with
// it, read in the transaction that will write the new one.
type Undelivered struct {
	// Conversation is locked. Its Thread and Link name only what may have arrived,
	// without what is replaced.
	Conversation *Conversation
	// Deliveries are replaced: the one asked for and those behind it that are not
	// sent, oldest first.
	Deliveries []Delivery
	// Turns are what the Deliveries tell, and what no ticket message tells.
	Turns []Turn
	// Maybe: one of the Deliveries was in doubt at some time.
	Maybe bool
	// Taken are the Message-IDs of all the conversation's deliveries.
	Taken []string
	// Raw reads a recorded mail; nil: it is not kept. What goes wrong with it fails
	// the transaction.
	Raw func(mail int64) []byte
}

// Recompose makes the new message. It changes the conversation as Composer does,
// and sets the delivery's Mail and Action. An error ends it, nothing changed. Like
// a Judge it is pure and may be called again.
type Recompose func(u Undelivered) (Delivery, error)

// Replaced is what Replace did.
type Replaced struct {
	Made    Delivery
	Instead []Delivery // as they were, oldest first
}

// Replacer puts one new ticket message in the place of others.
type Replacer interface {
	// Replace takes a delivery that is dead, bounced or in doubt and everything
	// unsent behind it in its conversation out of the outbox, and puts the one that
	// compose makes in their place. They are dead then, refer to it with ReplacedBy
	// and need nobody's attention; the turns they told, it tells.
	//
	// With Dropped any unsent delivery that is to open the ticket can be taken, and
	// is dropped as DropDelivery would.
	Replace(ctx context.Context, r Replacement, compose Recompose) (Replaced, error)
}

// ErrFollowed: the message was to open the ticket that messages behind it go on
// about; they have to be made anew with it.
var ErrFollowed = errors.New("others follow it")

// Anew is a person's word on a ticket message that did not arrive: make it anew,
// as the config says today.
type Anew struct {
	Delivery     int64
	WithoutFiles bool
	Dropped      bool   // see Replacement
	By, Why      string // Why is wanted where it may have arrived
}

// Anew replaces a ticket message and what waits behind it by one that tells all
// of it, and all that its conversation left untold.
func (in *Ingest) Anew(ctx context.Context, a Anew) (Replaced, error) {
	now := time.Now()
	why := "by " + a.By
	if a.Why != "" {
		why += ": " + a.Why
	}
	got, err := in.Store.Replace(ctx, Replacement{Delivery: a.Delivery, Dropped: a.Dropped, Why: why}, func(u Undelivered) (Delivery, error) {
		return in.recompose(u, a, now)
	})
	if err != nil {
		return got, fmt.Errorf("make %s anew: %w", DeliveryID(a.Delivery), err)
	}
	if in.Kick != nil {
		in.Kick()
	}
	return got, nil
}

// recompose decides what the new message is and makes it.
func (in *Ingest) recompose(u Undelivered, a Anew, now time.Time) (Delivery, error) {
	if u.Maybe && strings.TrimSpace(a.Why) == "" {
		return Delivery{}, fmt.Errorf("%w: it may have arrived, and a new message has a new Message-ID, so the helpdesk would hold both; look there first, then say --why it did not", ErrState)
	}
	if len(u.Turns) == 0 {
		return Delivery{}, fmt.Errorf("%w: other ticket messages tell all that it said", ErrState)
	}
	c := u.Conversation
	d := Draft{Conversation: c, Action: Append, Now: now, WithoutFiles: a.WithoutFiles, Instead: u.Taken}
	_, missing := in.Composer.Target.FollowUp(c)
	switch {
	case len(c.Thread) == 0 && c.Link.Ticket == "":
		d.Action = Raise
		c.Subject = ""
		if today := in.Composer.Target.Identity; today != AutoIdentity { // which stays as it was chosen
			c.Identity, c.IdentityReason = today, ""
		}
	case missing != "" && u.Deliveries[0].Action == Raise:
		d.Action = Raise // as it was: a ticket of its own
	case missing != "":
		return Delivery{}, fmt.Errorf("%w: a follow-up needs %s; `ticketbridge link` notes it", ErrState, missing)
	}
	letters := in.along(u.Turns, 0, u.Raw)
	if n := mailsOf(u.Turns); len(letters) < n && !a.WithoutFiles {
		return Delivery{}, fmt.Errorf("%w: of the %s that told it %d are kept, so files would be missing; --without-files sends the text", ErrState, count(n, "mail"), len(letters))
	}
	d.Mail = &mailparse.Mail{}
	if n := len(letters); n > 0 {
		d.Along, d.Mail, d.Raw = letters[:n-1], letters[n-1].Mail, letters[n-1].Raw
	}
	d.News = inZoneOf((&reading{parsed: d.Mail}).turns(), u.Turns)
	c.Updated, c.Deadline = now, time.Time{}
	dl, err := in.Composer.Compose(in.Keys, d)
	if err != nil {
		return dl, err
	}
	dl.Action, dl.Mail = d.Action, u.Turns[len(u.Turns)-1].Mail
	dl.Reason = "in place of " + deliveryIDs(u.Deliveries)
	return dl, nil
}

// mailsOf counts the mails that told the turns.
func mailsOf(turns []Turn) int {
	mails := map[int64]bool{}
	for _, t := range turns {
		mails[t.Mail] = true
	}
	return len(mails)
}

func deliveryIDs(ds []Delivery) string {
	var ids []string
	for _, d := range ds {
		ids = append(ids, DeliveryID(d.ID))
	}
	return strings.Join(ids, ", ")
}
