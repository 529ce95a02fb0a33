// Package httpout hands ticket messages to a helpdesk's own API, which answers
// with the ticket's number at once.
//
// osTicket takes the message as it is (POST /api/tickets.email). To a repeated
// Message-ID it makes no second ticket, so after a doubt the same bytes may go
// out again. Request Tracker's REST 2 takes fields: a ticket is made in the
// customer's name and refers to our Message-ID by a link (mid:, RFC 2392), by
// which it is found again after a doubt.
//
// What each fault means (bridge.Result): before the last byte of a request has
// gone out nothing was taken; after it only a full answer tells.
package httpout

import (
	"context"
	"net/http"
	"regexp"

	"ticketbridge/bridge"
)

// Transport is a bridge.Transport that can be tried. That of RT is a
// bridge.Prober, too.
type Transport interface {
	bridge.Transport
	// Check asks for what the first ticket will need, and makes none.
	Check(ctx context.Context) error
}

// New returns the transport for a config without problems.
func New(cfg Config) Transport {
	if cfg.Kind == RT {
		return NewRT(cfg)
	}
	return &osTicket{newClient(cfg, "X-API-Key", "")}
}

// osTicket is a bridge.Transport over osTicket's API.
type osTicket struct{ client }

var ticketNumber = regexp.MustCompile(`^\s*"?([A-Za-z0-9-]{1,40})"?\s*$`)

// refusals are osTicket's own words for a mail of which it makes no ticket: a
// banned sender, with 403 as a wrong key's, or a mail it cannot use, with 500.
var refusals = regexp.MustCompile(`^\s*"?(Ticket denied|Unable to create new ticket)`)

// Send makes one attempt; see bridge.Transport.
func (o *osTicket) Send(ctx context.Context, d bridge.Delivery) bridge.Result {
	a := o.do(ctx, http.MethodPost, "/api/tickets.email", "message/rfc822", d.Data)
	r := a.result(o.cfg.base())
	switch {
	case a.err != nil:
	case a.status >= 400 && refusals.Match(a.body):
		r.Outcome, r.Stage, r.Broken = bridge.Permanent, atReply, false
	case a.status == http.StatusCreated:
		r.Outcome, r.Broken = bridge.Accepted, false
		// The number has no link: its page is known by another id.
		if m := ticketNumber.FindSubmatch(a.body); m != nil {
			r.Ticket = string(m[1])
		}
	}
	return r
}

// Check asks whether there is an API; osTicket has no question that would try
// the key without making a ticket.
func (o *osTicket) Check(ctx context.Context) error {
	a := o.do(ctx, http.MethodGet, "/api/tickets.email", "", nil)
	if a.err == nil && (a.status < 300 || a.status >= 400) && a.status != http.StatusNotFound {
		return nil // osTicket refuses a GET
	}
	return a.check(o.cfg.base())
}

// Close implements bridge.Transport; no connection outlives its request.
func (o *osTicket) Close() error { return nil }
