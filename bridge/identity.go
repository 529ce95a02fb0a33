package bridge

import (
	"cmp"
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
