package bridge

import (
	"fmt"
	"time"
)

// Rule looks at a conversation and its news; ok tells whether it decides.
// c holds the conversation as it will be stored, the news counted in.
type Rule struct {
	Name   string
	Decide func(c *Conversation, news []Turn, now time.Time) (d Decision, ok bool)
}

// Rules are the playbook, read top-down: the first rule that decides wins. The
// playbook's clock (first response within the hour, a ticket after a day and a
// half, trial plans) joins here: a rule that waits returns Wait and a Deadline.
func Rules(t Target) []Rule {
	return []Rule{
		{"number", t.number},
		{"follow-up", followUp},
		{"at-once", atOnce},
	}
}

// number has a follow-up wait for the ticket's number, where the helpdesk adds to
// a ticket only by that. The clock asks again when it is known, and at the deadline.
func (t Target) number(c *Conversation, news []Turn, now time.Time) (Decision, bool) {
	if len(c.Thread) == 0 || !t.Helpdesk.FollowUps.NeedsTicket || c.Link.Ticket != "" {
		return Decision{}, false
	}
	d := Decision{Action: Wait, Deadline: c.Deadline}
	more := count(len(news), "message") + " more"
	switch {
	case c.Deadline.IsZero():
		d.Deadline = now.Add(t.FollowUpWait.D())
		fallthrough
	case now.Before(c.Deadline):
		d.Reason = fmt.Sprintf("%s; %s adds to a ticket only by its number, which is not known yet: waits until %s",
			more, t.Helpdesk.Title, d.Deadline.UTC().Format("2 Jan 15:04Z"))
	case t.FollowUpThen == NewTicket:
		return Decision{Action: Raise, Reason: fmt.Sprintf("%s; no number of the first ticket came within %s, so they get their own", more, t.FollowUpWait.D())}, true
	default:
		d.Deadline = time.Time{}
		d.Reason = fmt.Sprintf("%s; no ticket number came within %s: look it up in the helpdesk, then `ticketbridge link %s NUMBER` sends this",
			more, t.FollowUpWait.D(), ConversationID(c.ID))
	}
	return d, true
}

// What becomes of a follow-up whose ticket's number does not come in time.
const (
	HoldFollowUp = "hold"       // it waits on, and is shown
	NewTicket    = "new-ticket" // it opens one that names the first
)

// followUp tells an open ticket what is new.
func followUp(c *Conversation, news []Turn, _ time.Time) (Decision, bool) {
	if len(c.Thread) == 0 {
		return Decision{}, false
	}
	ticket := "its ticket"
	if c.Link.Ticket != "" {
		ticket = "ticket " + c.Link.Ticket
	}
	return Decision{Action: Append, Reason: fmt.Sprintf("%s more for %s", count(len(news), "message"), ticket)}, true
}

// atOnce raises every conversation as soon as it is seen.
func atOnce(_ *Conversation, _ []Turn, _ time.Time) (Decision, bool) {
	return Decision{Action: Raise, Reason: "new conversation; every conversation is raised at once"}, true
}

// decide asks the rules in order.
func decide(rules []Rule, c *Conversation, news []Turn, now time.Time) Decision {
	for _, r := range rules {
		if d, ok := r.Decide(c, news, now); ok {
			d.Rule = r.Name
			return d
		}
	}
	return Decision{Action: Park, Rule: "none", Reason: "no rule of the playbook decides about it"}
}

// count writes "1 message", "3 messages".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
