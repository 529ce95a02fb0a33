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
func Rules() []Rule {
	return []Rule{
		{"follow-up", followUp},
		{"at-once", atOnce},
	}
}

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
