package bridge

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Answer is what a mail says of a ticket message of ours: the helpdesk's
// acknowledgement, which brings the ticket's number (step 13 of doc.go), or a
// bounce (bounce.go). The store finds out of which: by the reverse-path, the
// Message-ID, the Ref, or the customer, whichever is the first that is set.
//
// No answer can cause a message (L3 of SENDING §1.8): all it does is settle a
// delivery and fill in a link.
//
// Who is believed: an acknowledgement has to name one of our messages, whose id
// nobody can make up, or its Ref, and to come from an address of the helpdesk.
// Both can be copied by a customer who knows them from an auto-reply and can
// forge a sender; and a helpdesk that crashes can take a number back it has told
// (RT mails before it commits). So of two numbers neither is believed: follow-ups
// go into no stranger's ticket, and a person says which it is.
type Answer struct {
	ReversePath string
	MessageID   string
	Ref         string
	// Customers are whom the mail goes to, where nothing else names a message: it
	// is of the one conversation of theirs whose ticket is not known yet.
	Customers []string

	Ticket   string  // the number; "" where the mail tells none
	How      string  // "X-RT-Ticket", "In-Reply-To", "Ref", …
	Resolved bool    // the ticket is solved
	Bounce   *Bounce // set for what came to a reverse-path
}

// Answered is what became of a delivery by an answer. A delivery that is past
// that state already is left alone.
type Answered struct {
	Delivery int64
	State    DeliveryState // Confirmed or Bounced; "" for a note in the journal only
	Detail   string
}

// kind is what lists call the mail.
func (a *Answer) kind() string {
	if a.Bounce != nil {
		return "bounce"
	}
	return "acknowledgement"
}

// answer reads a mail as an answer to a ticket message; nil: it is none.
func (in *Ingest) answer(r *reading) *Answer {
	m := r.parsed
	if r.released != nil || in.Keys.Own(m.Outer.MessageID) {
		return nil // not an answer to our message: our message
	}
	if path := in.reversePath(m); path != "" {
		return &Answer{ReversePath: path, How: "return path", Bounce: readBounce(r.mail.Raw, m, in.Keys)}
	}
	target := in.Composer.Target
	ack, ok := target.Helpdesk.Ack(in.Keys.Own, m)
	if !ok || !target.Speaks(m.Outer.From.Address) {
		return nil
	}
	a := &Answer{MessageID: in.Keys.asWritten(ack.MessageID), Ref: ack.Ref, Ticket: ack.Ticket, How: ack.How, Resolved: ack.Resolved}
	if a.MessageID == "" && a.Ref == "" {
		if ack.Ticket == "" || ack.How != AckBySubject {
			return nil
		}
		for _, to := range slices.Concat(m.Outer.To, m.Outer.Cc) {
			a.Customers = append(a.Customers, to.Address)
		}
	}
	return a
}

// Speaks reports whether an address is the helpdesk's: one its profile names, or
// else any of the domain that support is in.
func (t Target) Speaks(address string) bool {
	if named := t.Helpdesk.Answers; len(named.From) > 0 {
		return named.from(address)
	}
	_, domain, ok := strings.Cut(t.Address, "@")
	return ok && Answers{From: []string{"@" + domain}}.from(address)
}

// harvested is the gate for answers: L4 and step 13 of doc.go.
func harvested(in *Ingest, a Arrival, k Known) (Verdict, bool) {
	ans := a.Answer
	switch {
	case ans == nil:
		return Verdict{}, false
	case ans.Bounce != nil:
		return in.returned(*ans.Bounce, k), true
	case k.Conversation == nil:
		return ignored(fmt.Sprintf("an acknowledgement (%s) of no ticket message that is recorded here", ans.How)), true
	}
	return in.acknowledged(*ans, a, k), true
}

// acknowledged: the helpdesk has the message, and perhaps tells the number.
func (in *Ingest) acknowledged(ans Answer, a Arrival, k Known) Verdict {
	c := *k.Conversation
	id := ConversationID(c.ID)
	if c.Link.Ticket != "" && ans.Ticket != "" && !strings.EqualFold(c.Link.Ticket, ans.Ticket) {
		v := parked(fmt.Sprintf("the helpdesk says ticket %s (%s), and said ticket %s before: until somebody says which it is (`ticketbridge link %s NUMBER`, then drop this), %s has none",
			ans.Ticket, ans.How, c.Link.Ticket, id, id))
		c.Link.Ticket, c.Link.URL = "", ""
		v.Conversation = &c
		return v
	}
	what := "an acknowledgement without a number"
	if ticket := cmp.Or(ans.Ticket, c.Link.Ticket); ticket != "" {
		what = "acknowledgement: ticket " + ticket
		if c.Link.Ticket == "" && len(k.Untold) > 0 {
			c.Deadline = a.reading.now // what waited for it goes out
		}
		c.Link.Ticket, c.Link.URL = ticket, cmp.Or(c.Link.URL, in.Composer.Target.ticketURL(ticket))
	}
	if ans.Resolved {
		what += " is solved"
		c.Link.Resolved = confirmedAt(a)
	}
	v := ignored(fmt.Sprintf("%s for %s (%s)", what, id, ans.How))
	if c.Link.Confirmed.IsZero() {
		c.Link.Confirmed = confirmedAt(a)
	}
	v.Conversation, v.Customer = &c, c.Customer.Address
	v.Answered = &Answered{State: Confirmed, Detail: what + ", by " + ans.How}
	if k.Delivery != nil {
		v.Answered.Delivery = k.Delivery.ID
	}
	return v
}

// confirmedAt is when the helpdesk answered, as far as can be believed.
func confirmedAt(a Arrival) time.Time {
	if r := a.Record.Received; !r.IsZero() && r.Before(a.reading.now) {
		return r
	}
	return a.reading.now
}

// ticketURL is where a ticket is read, "" if the config does not say.
func (t Target) ticketURL(ticket string) string {
	return strings.ReplaceAll(t.TicketURL, "{ticket}", url.PathEscape(ticket))
}
