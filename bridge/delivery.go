package bridge

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// DeliveryState is where a ticket message stands.
//
//	ready → sending → sent → confirmed
//
// with the side exits retry, doubt, dead, bounced and held.
type DeliveryState string

// The states of a delivery.
const (
	Ready     DeliveryState = "ready"     // final bytes committed, due now
	Held      DeliveryState = "held"      // a limit tripped; a person or time releases it
	Sending   DeliveryState = "sending"   // claimed; committed before the first byte of DATA
	Retry     DeliveryState = "retry"     // refused for now; due again at Next
	Sent      DeliveryState = "sent"      // the full reply to the dot, or APPENDUID
	Confirmed DeliveryState = "confirmed" // the helpdesk answered
	Doubt     DeliveryState = "doubt"     // maybe delivered: dot sent, no full reply
	Dead      DeliveryState = "dead"      // refused for good, given up, or dropped
	Bounced   DeliveryState = "bounced"   // accepted, then returned
)

// DeliveryStates lists the states for views, checks and metrics.
var DeliveryStates = []DeliveryState{Ready, Held, Sending, Retry, Sent, Confirmed, Doubt, Dead, Bounced}

// Delivery is one ticket message in the outbox. Data, MessageID and the
// envelope are fixed when it is made, so that every attempt is the same message.
type Delivery struct {
	ID           int64
	Conversation int64
	Mail         int64  // the mail that caused it
	Action       Action // Raise or Append
	Reason       string // the decision's
	MessageID    string // without the angle brackets
	ReversePath  string // MAIL FROM: bounce+<token>@own domain, never the customer
	Recipient    string // RCPT TO: exactly one, from the config
	Ticket       string // the conversation's, "" if not known; set when claimed
	Data         []byte // the message, CRLF; may be nil in lists
	Size         int64
	SHA256       string // hex, of Data
	State        DeliveryState
	Detail       string // the last reply or error, or why it is held, dead, dropped, in doubt
	Attempts     int
	Probes       int // look-ups of a doubt that were answered
	Created      time.Time
	Next         time.Time // when due, or in doubt looked up; zero where it is not
	Claimed      time.Time
	Worker       string // who claimed it last
	Settled      time.Time
	ReplacedBy   int64 // the delivery that took its place, 0 = none

	// Waits is the first of the conversation's earlier deliveries that must be
	// settled before this one may go, and WaitsFor where that one stands; 0 = it
	// waits for none. Lists and stories fill them.
	Waits    int64
	WaitsFor DeliveryState
}

// DroppedFrom is what Detail begins with, the state it was in behind it, once a
// person dropped the delivery or another took its place. No refusal begins like it.
const DroppedFrom = "dropped (was "

// Dropped: nobody has to see to it any more.
func (d Delivery) Dropped() bool {
	return d.State == Dead && strings.HasPrefix(d.Detail, DroppedFrom)
}

// Forgone: it was dropped and surely did not arrive, so other messages tell what
// it was to tell.
func (d Delivery) Forgone() bool {
	return d.ReplacedBy != 0 || d.Dropped() && !strings.HasPrefix(d.Detail, DroppedFrom+string(Doubt)+")")
}

// Waiting says what a delivery waits for, "" if for no other.
func (d Delivery) Waiting() string {
	if d.Waits == 0 {
		return ""
	}
	id := DeliveryID(d.Waits)
	switch d.WaitsFor {
	case Dead, Bounced:
		return fmt.Sprintf("waits for %s, which was to open the ticket and is %s: retry or drop that one", id, d.WaitsFor)
	case Doubt, Held:
		return fmt.Sprintf("waits for %s, which is %s: settle that one", id, d.WaitsFor)
	}
	return fmt.Sprintf("waits for %s, which is %s", id, d.WaitsFor)
}

// Outcome is how one attempt ended.
type Outcome string

// The outcomes of an attempt (RFC 5321 §4.2.1). InDoubt: the final dot went
// out, a full reply did not come back (RFC 1047).
const (
	Accepted  Outcome = "accepted"
	Temporary Outcome = "temporary" // 4yz, or a fault before the final dot
	Permanent Outcome = "permanent" // 5yz to MAIL, RCPT, DATA or the dot
	InDoubt   Outcome = "doubt"
)

// Result is what a transport says of one attempt.
type Result struct {
	Outcome Outcome
	// Stage is where it ended: connect, tls, banner, ehlo, auth, mail, rcpt,
	// data, body, dot.
	Stage string
	// Broken: the transport itself failed (connect, TLS, banner, EHLO, AUTH),
	// not this message. The outbox then leaves the others alone for a while.
	Broken bool
	Code   string // "250 2.0.0", "451 4.7.1"; "" where no reply
	Reply  string // the server's full reply text, or the error; capped, printable
	// RetryAfter is how long the server asks us to stay away, with Temporary.
	RetryAfter time.Duration
	// Ticket is the ticket's number, where the target answers with it at once.
	Ticket, TicketURL string
}

func (r Result) String() string {
	if r.Code == "" {
		return fmt.Sprintf("%s at %s: %s", r.Outcome, r.Stage, r.Reply)
	}
	return fmt.Sprintf("%s at %s: %s %s", r.Outcome, r.Stage, r.Code, r.Reply)
}

// Enhanced is the enhanced status code of the reply ("5.7.1", RFC 3463), "" where
// the server gave none.
func (r Result) Enhanced() string {
	_, enhanced, _ := strings.Cut(r.Code, " ")
	return enhanced
}

// Transport hands finished messages over.
type Transport interface {
	// Send makes one attempt. It may be called from several goroutines; each
	// call uses a connection of its own from a pool and gives it back. It never
	// returns Accepted without the full reply, never Temporary or Permanent
	// once the final dot may have gone out without one. Cancelling ctx before
	// the body cuts the attempt (Temporary); after the first byte of the body
	// the attempt is let finish unless ctx's cause is a passed deadline.
	Send(ctx context.Context, d Delivery) Result
	// Close ends idle connections. Send must not be running.
	Close() error
}
