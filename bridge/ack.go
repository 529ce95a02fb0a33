package bridge

import (
	"regexp"
	"slices"
	"strings"

	"ticketbridge/mailparse"
)

// Ack is what a helpdesk's mail says of a ticket message of ours.
type Ack struct {
	Ticket    string // the number; "" where the mail tells none
	How       string // "X-RT-Ticket", "In-Reply-To", "Ref", "Subject"
	MessageID string // ours, "" where the mail names none
	Resolved  bool   // it says that the ticket is solved
	Ref       string // the token of a conversation, "" where none was looked for or found
}

// AckBySubject is the weakest How: the mail names nothing of ours, only its
// sender and Subject speak. It counts where the customer fits too.
const AckBySubject = "Subject"

// Ack reads a mail as the helpdesk's acknowledgement. In the order of
// HELPDESKS §3.1, first hit wins: the profile's header; our Message-ID, which
// own knows, in one of the fields it stands in; the Ref in a quoted body; the
// Subject alone, of a sender that is the helpdesk.
//
// It only reads: that the mail came from the helpdesk, and that the id or Ref is
// of a message that was sent, is for the caller to see.
func (h Helpdesk) Ack(own func(messageID string) bool, m *mailparse.Mail) (Ack, bool) {
	a := h.Answers
	if a.None {
		return Ack{}, false
	}
	id, field := a.ourID(own, m.Outer.Header)
	ack := Ack{MessageID: id, How: field, Ticket: a.number(m)}
	ack.Resolved = slices.ContainsFunc(a.Resolved, func(p Pattern) bool { return p.re.MatchString(m.Outer.Subject) })
	if a.RefInBody {
		ack.Ref = refIn(m.Outer.Text)
	}
	for _, name := range a.Header {
		if n := lastNumber.FindStringSubmatch(m.Outer.Header.Get(name)); n != nil {
			ack.Ticket, ack.How = n[1], name
			return ack, true
		}
	}
	switch {
	case id != "":
	case ack.Ref != "":
		ack.How = "Ref"
	case ack.Ticket != "" && a.from(m.Outer.From.Address):
		ack.How = AckBySubject
	default:
		return Ack{}, false
	}
	return ack, true
}

// lastNumber reads "lab #123".
var lastNumber = regexp.MustCompile(`#?\b(\d{1,20})\s*$`)

func (a Answers) ourID(own func(string) bool, h mailparse.Header) (id, field string) {
	for _, name := range a.OurID {
		for _, value := range h.Values(name) {
			for id := range messageIDs(value) {
				if own(id) {
					return id, name
				}
			}
		}
	}
	return "", ""
}

// messageIDs yields the ids of a References-like field, without brackets, the
// last first: the newest is the one that is answered.
func messageIDs(value string) func(yield func(string) bool) {
	ids := strings.FieldsFunc(value, func(r rune) bool { return r == '<' || r == '>' || r == ',' || r == ' ' || r == '\t' })
	return func(yield func(string) bool) {
		for _, id := range slices.Backward(ids) {
			if !yield(id) {
				return
			}
		}
	}
}

// number looks for the ticket's number in the Subject, the Reply-To, then the body.
func (a Answers) number(m *mailparse.Mail) string {
	for _, place := range []struct {
		text     string
		patterns []Pattern
	}{
		{m.Outer.Subject, a.Subject}, {m.Outer.Header.Get("Reply-To"), a.ReplyTo}, {m.Outer.Text, a.Body},
	} {
		for _, p := range place.patterns {
			if found := p.re.FindStringSubmatch(place.text); found != nil && TicketNumber(found[1]) {
				return found[1]
			}
		}
	}
	return ""
}

func (a Answers) from(address string) bool {
	return slices.ContainsFunc(a.From, func(from string) bool {
		if strings.HasPrefix(from, "@") {
			return len(address) > len(from) && strings.EqualFold(address[len(address)-len(from):], from)
		}
		return strings.EqualFold(from, address)
	})
}

var (
	refToken     = regexp.MustCompile(`\bRef:\s{0,3}([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})\b`)
	ticketNumber = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$`)
)

// refIn finds the Ref in a quoted message of ours: the last, for it is our last line.
func refIn(text string) string {
	found := refToken.FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// TicketNumber reports whether a text can be a ticket's number: nothing else is
// ever put into a Subject.
func TicketNumber(s string) bool { return ticketNumber.MatchString(s) }
