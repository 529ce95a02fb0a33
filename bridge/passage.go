package bridge

import (
	"fmt"
	"slices"
	"strings"

	"ticketbridge/mailparse"
)

// Passage is what became of one canary.
type Passage struct {
	Tried     bool
	Address   string // whom it was from
	MessageID string
	Ref       string
	Result    Result
	Looked    bool // there was a mailbox to look in, or the target told at once
	Landings  []Landing
	Taken     bool // a copy that was seen is gone: somebody empties the mailbox
	Answers   []CanaryAnswer
}

// Landing is a place a canary was found in.
type Landing struct {
	Where string // for people
	Junk  bool   // a folder for spam or quarantine
	// Changed is what a hop changed of From and Reply-To; Requester is whom the
	// helpdesk will take for the requester, by which field. None of them where
	// only the place is known.
	Changed          []string
	Requester, Field string
	AuthResults      []string
}

// CanaryAnswer is a mail in a watched mailbox that names a canary.
type CanaryAnswer struct {
	Mailbox  string
	From     string
	To       []string
	Ticket   string
	How      string // "" where the profile does not know it for an acknowledgement
	Speaks   bool   // it is from an address that counts as the helpdesk's
	Returned string // of a bounce: why
}

// ReadAnswer reads a mail that names a canary; false for the canary itself.
func (p Passage) ReadAnswer(k Keys, t Target, m *mailparse.Mail, raw []byte) (CanaryAnswer, bool) {
	if k.Own(m.Outer.MessageID) {
		return CanaryAnswer{}, false
	}
	a := CanaryAnswer{From: shown(m.Outer.From.Address), Speaks: t.Speaks(m.Outer.From.Address)}
	for _, to := range slices.Concat(m.Outer.To, m.Outer.Cc) {
		a.To = append(a.To, shown(to.Address))
	}
	in := Ingest{Keys: k}
	if in.reversePath(m) != "" {
		a.Returned = cut("returned: "+readBounce(raw, m, k).String(), 300)
		return a, true
	}
	ack, ok := t.Helpdesk.Ack(func(id string) bool { return strings.EqualFold(id, p.MessageID) }, m)
	if ok && (ack.MessageID != "" || ack.Ref == p.Ref || ack.How == AckBySubject) {
		a.Ticket, a.How = ack.Ticket, ack.How
	}
	return a, true
}

// Arrived: it was found, or the helpdesk answered it.
func (p Passage) Arrived() bool {
	return len(p.Landings) > 0 || p.Acknowledged() || p.Result.Ticket != ""
}

// Junked: every copy lies where spam goes.
func (p Passage) Junked() bool {
	return len(p.Landings) > 0 && !slices.ContainsFunc(p.Landings, func(l Landing) bool { return !l.Junk })
}

// Acknowledged: the helpdesk answered it.
func (p Passage) Acknowledged() bool {
	return slices.ContainsFunc(p.Answers, func(a CanaryAnswer) bool { return a.How != "" && a.Speaks })
}

// Returned is why it came back, "" if it did not.
func (p Passage) Returned() string {
	for _, a := range p.Answers {
		if a.Returned != "" {
			return a.Returned
		}
	}
	return ""
}

// Changed is what a hop changed of who it is from.
func (p Passage) Changed() []string {
	for _, l := range p.Landings {
		if len(l.Changed) > 0 {
			return l.Changed
		}
	}
	return nil
}

// Tickets are the different numbers that came back.
func (p Passage) Tickets() []string {
	var tickets []string
	if p.Result.Ticket != "" {
		tickets = append(tickets, p.Result.Ticket)
	}
	for _, a := range p.Answers {
		if a.Ticket != "" && !slices.Contains(tickets, a.Ticket) {
			tickets = append(tickets, a.Ticket)
		}
	}
	return tickets
}

// refusedIdentity: a definite refusal that is about who it is from (RFC 3463 §3.8).
func (p Passage) refusedIdentity() bool {
	return p.Result.Outcome == Permanent && strings.HasPrefix(p.Result.Enhanced(), "5.7.")
}

// lost: accepted, looked for, and not there.
func (p Passage) lost() bool {
	return p.Result.Outcome == Accepted && p.Looked && !p.Arrived()
}

// trouble says why nobody may send like this canary, "" if it went well or
// nobody could see.
func (p Passage) trouble() string {
	who := "the canary from " + p.Address
	switch {
	case p.refusedIdentity():
		return fmt.Sprintf("%s was refused: %s", who, p.Result)
	case p.Returned() != "":
		return fmt.Sprintf("%s was %s", who, p.Returned())
	case p.Junked():
		return fmt.Sprintf("%s ended in %s", who, p.Landings[0].Where)
	case len(p.Changed()) > 0:
		return fmt.Sprintf("a hop rewrote %s: %s", who, strings.Join(p.Changed(), ", "))
	case p.lost():
		return who + " was accepted, and did not arrive"
	}
	return ""
}
