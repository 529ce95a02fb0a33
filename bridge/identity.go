package bridge

import (
	"cmp"
	"context"
	"fmt"
	"strings"
)

// identity is how the conversation's messages are sent.
func (c Composer) identity(conv *Conversation) string {
	return cmp.Or(conv.Identity, c.Target.Identity, AsCustomer)
}

// author is who the message is from and where answers go. Requester and reply
// address are two things to a helpdesk, so the customer stands in Reply-To
// whoever stands in From.
func (c Composer) author(k Keys, conv *Conversation, dl Delivery) (f fields) {
	name := c.Target.Helpdesk.Neutralise.subject(displayName(conv.Customer.Name))
	customer := formatAddress(name, conv.Customer.Address)
	switch c.identity(conv) {
	case ReplyToAlias:
		f.set("From", formatAddress(aliasName(name), k.Alias(conv.Customer.Address)))
	case AsCommand:
		f.set("From", formatAddress("", c.Target.CommandFrom))
	default:
		f.set("From", customer)
		if c.Target.Sender != "none" {
			// RFC 5322 §3.6.2: not the author hands it in, so the field must say who does.
			f.set("Sender", formatAddress("", cmp.Or(c.Target.Sender, dl.ReversePath)))
		}
	}
	f.set("Reply-To", customer)
	if c.identity(conv) == ReplyToAlias {
		f.set("X-Original-From", conv.Customer.Address)
	}
	return f
}

// aliasName tells people that it is not the customer's own mail program.
func aliasName(name string) string {
	if name == nameless {
		return name
	}
	return name + " via chat"
}

// commands are the lines that make the customer the requester of a new ticket.
// Later messages are an agent's comments on it.
func (c Composer) commands(d Draft) []string {
	if c.identity(d.Conversation) != AsCommand || d.Action != Raise {
		return nil
	}
	return named(c.Target.Helpdesk.Command.Lines, d.Conversation.Customer.Address)
}

// commandFields do the same in the header, on channels that trust it.
func (c Composer) commandFields(d Draft) (f fields) {
	if c.identity(d.Conversation) != AsCommand || d.Action != Raise {
		return nil
	}
	for _, line := range named(c.Target.Helpdesk.Command.Headers, d.Conversation.Customer.Address) {
		name, value, _ := strings.Cut(line, ": ")
		f.set(name, value)
	}
	return f
}

// named puts the address in. It passed StrictAddress, so it ends no line.
func named(templates []string, address string) (lines []string) {
	for _, t := range templates {
		lines = append(lines, strings.ReplaceAll(t, "{customer}", address))
	}
	return lines
}

// subject is the message's Subject: the first message's in all of them, so that
// helpdesks that compare subjects find the ticket. What strangers wrote in it is
// harmless; our tag stands in front.
func (t Target) subject(d Draft) string {
	if d.Action == Append {
		s, _ := t.FollowUp(d.Conversation)
		return s
	}
	return t.topic(d.Conversation)
}

func (t Target) topic(c *Conversation) string {
	return t.Helpdesk.Neutralise.subject(cut(strings.TrimSpace(c.Subject), maxText))
}

// FollowUp is the Subject by which the helpdesk adds a message to the
// conversation's ticket, and what is missing for that; "" where nothing is. It
// goes with References to all earlier messages, which follow-ups always carry.
func (t Target) FollowUp(c *Conversation) (subject, missing string) {
	tag := t.tag(c.Link.Ticket)
	if tag == "" && t.Helpdesk.FollowUps.NeedsTicket {
		missing = fmt.Sprintf("the ticket's number: %s adds to a ticket only by %s in the Subject", t.Helpdesk.Title, t.Helpdesk.FollowUps.Tag)
	}
	if tag != "" {
		tag += " "
	}
	return "Re: " + tag + t.topic(c), missing
}

// tag is the helpdesk's own mark of a ticket; "" while its number is not known.
func (t Target) tag(ticket string) string {
	if !TicketNumber(ticket) {
		return ""
	}
	return strings.NewReplacer("{site}", t.Site, "{ticket}", ticket).Replace(t.Helpdesk.FollowUps.Tag)
}

// sendingFacts is what decides how a conversation's messages are sent.
type sendingFacts struct {
	Helpdesk   Helpdesk
	LocalPath  bool   // the admin saw mail with a foreign From arrive
	Transport  string // "smtp", "lmtp", "imap", …
	HasCommand bool   // an agent's address is configured
	Policy     DMARCPolicy
	Why        string // how the policy is known
}

// chooseIdentity is SENDING §1.5 but for its first step, the address itself,
// which a gate of the judge has passed by then.
func chooseIdentity(f sendingFacts) (identity, reason string) {
	fallback, as := ReplyToAlias, f.Helpdesk.allows(AsCustomer)
	if !f.Helpdesk.allows(ReplyToAlias) && f.HasCommand {
		fallback = AsCommand
	}
	switch {
	case !as && f.Helpdesk.allows(AsCommand) && f.HasCommand:
		return AsCommand, f.Helpdesk.Title + " does not take mail in the customer's name"
	case !as:
		return fallback, f.Helpdesk.Title + " does not take mail in the customer's name"
	case f.Transport == "lmtp" || f.Transport == "imap":
		return AsCustomer, "straight into the mail store (" + f.Transport + "), where nobody checks DMARC"
	case f.LocalPath:
		return AsCustomer, "the way to the helpdesk is local (target.local_path)"
	case !f.Helpdesk.allows(fallback):
		return AsCustomer, "the profile allows nothing else"
	case f.Helpdesk.honoursReplyTo():
		return fallback, f.Helpdesk.Title + " takes the requester from Reply-To"
	case f.Policy == DMARCNone:
		return AsCustomer, f.Why
	}
	return fallback, f.Why
}

// IdentityChooser chooses for new conversations where the config says "auto".
type IdentityChooser struct {
	Target    Target
	Transport string
	DMARC     *DMARC
}

// choose may ask the DNS. What it says holds for the whole conversation.
func (c IdentityChooser) choose(ctx context.Context, address string) (identity, reason string) {
	if c.Target.Identity != AutoIdentity {
		return c.Target.Identity, ""
	}
	f := sendingFacts{Helpdesk: c.Target.Helpdesk, LocalPath: c.Target.LocalPath, Transport: c.Transport, HasCommand: c.Target.CommandFrom != ""}
	f.Policy, f.Why = DMARCUnknown, "no policy was looked up"
	if _, domain, ok := strings.Cut(address, "@"); ok && c.DMARC != nil && c.asks(f) {
		f.Policy, f.Why = c.DMARC.Policy(ctx, domain)
	}
	return chooseIdentity(f)
}

// asks: the answer makes a difference.
func (c IdentityChooser) asks(f sendingFacts) bool {
	f.Policy = DMARCNone
	none, _ := chooseIdentity(f)
	f.Policy = DMARCEnforced
	enforced, _ := chooseIdentity(f)
	return none != enforced
}
