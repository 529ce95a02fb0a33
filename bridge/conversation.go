package bridge

import (
	"time"

	"ticketbridge/mailparse"
)

// Conversation is a chat at the vendor, fed by one or more mails.
type Conversation struct {
	ID        int64
	Key       string // "intercom/abcd1234/1964"; unique
	Ref       string // "KX7Q-2M9D": last line of every ticket message; unique
	Format    string
	VendorID  string
	URL       string // the chat at the vendor
	Workspace string
	Customer  mailparse.Customer
	Subject   string // of the first ticket message; later ones repeat it to thread
	Identity  string // how its messages are sent: "as-customer"; fixed by the first
	// IdentityReason says why, where it was chosen and not configured.
	IdentityReason string

	Opened        time.Time
	Updated       time.Time
	FirstCustomer time.Time // first turn of the customer
	LastCustomer  time.Time // last turn of the customer
	LastAgent     time.Time // last turn of an agent; zero: no first response yet
	Waiting       time.Time // first turn of the customer that no agent has answered; zero: none
	Deadline      time.Time // when the playbook acts next; zero: nothing is due

	// Thread holds the Message-IDs of its ticket messages, oldest first.
	Thread []string
	Link   Link
}

// Link ties a conversation to its ticket.
type Link struct {
	Target    string // target profile
	MessageID string // of the message that opened the ticket
	Ticket    string // the helpdesk's number, "" until it is known
	URL       string
	Confirmed time.Time
	Resolved  time.Time // the helpdesk said so, and the customer nothing since
	// Why is who says so and why: it goes to the journal and is not kept here.
	Why string
}

// Turn is a turn of a conversation as recorded.
type Turn struct {
	mailparse.Turn
	Digest string // identity within the conversation: role, text, time as written
	Mail   int64  // the mail that told it first
	// Delivery is the ticket message that tells the helpdesk, 0 = none yet: its
	// mail is parked or waits, or a person dropped the message.
	Delivery int64
}

// Public reports whether the turn may leave the company: notes never do.
func (t Turn) Public() bool { return t.Role != mailparse.RoleNote }

// Action is what is done with a conversation's news.
type Action string

// The actions of a decision.
const (
	Raise  Action = "raise"  // open a ticket
	Append Action = "append" // follow up on the open one
	Wait   Action = "wait"   // the clock decides later
	Ignore Action = "ignore"
	Park   Action = "park"
)

// Decision is a value with a reason: the same words go to the log, the metric
// and the admin's view.
type Decision struct {
	Action   Action
	Rule     string // the rule that decided: "at-once", "follow-up", …
	Reason   string
	Deadline time.Time // with Wait: when to decide again
}
