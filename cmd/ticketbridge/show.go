package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

var showCommand = command{
	name: "show", args: "ID", config: true,
	summary: "tell everything known of a mail, a chat or a ticket",
	help: `Tells everything known of one thing and why it was treated so: the mails, what was
said, the ticket messages, and what happened when.

ID is m12 (a mail), c7 (a conversation), d9 (a ticket message), a customer's address,
a ticket's number, a Ref such as KX7Q-2M9D, a Message-ID, the chat's id at its vendor, or
the link of a chat or ticket.

  ticketbridge show ada@example.org
  ticketbridge show --raw m12 > mail.eml     the mail as it came
  ticketbridge show --raw d9                 the message as it is sent`,
	flags: func(c *call) {
		c.flags.BoolVar(&c.raw, "raw", false, "print the mail (m…) or ticket message (d…) itself")
		c.jsonFlag()
	},
	run: (*app).show,
}

func (a *app) show(ctx context.Context, c *call) error {
	if err := c.wantArgs(1, 1); err != nil {
		return err
	}
	term := c.args[0]
	cfg, err := a.loadConfig(c.config, false)
	if err != nil {
		return err
	}
	return a.withStoreOf(ctx, cfg, func(s bridge.Store) error {
		if c.raw {
			return a.showRaw(ctx, s, term)
		}
		stories, err := find(ctx, s, term)
		if err != nil {
			return err
		}
		sc := a.newScreen()
		if len(stories) > 1 && !c.json {
			return a.showMany(sc, term, stories)
		}
		kept, err := cfg.readKept(ctx, s, stories)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(a.stdout, stories, func(st bridge.Story) storyJSON { return newStoryJSON(st, kept) })
		}
		tell(sc, term, stories[0], kept)
		return nil
	})
}

// find resolves what a person typed, with an answer that helps if it is nothing.
func find(ctx context.Context, s bridge.Ledger, term string) ([]bridge.Story, error) {
	stories, err := s.Find(ctx, term)
	if errors.Is(err, bridge.ErrNotFound) || err == nil && len(stories) == 0 {
		return nil, fmt.Errorf("nothing is known of %q: want an ID such as m12, c7 or d9, a customer's address, a ticket's number, a Ref, a Message-ID, or a chat's id or link", term)
	}
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", term, err)
	}
	return stories, nil
}

func (a *app) showRaw(ctx context.Context, s bridge.Ledger, term string) error {
	letter, id, ok := bridge.ParseID(term)
	var data []byte
	var err error
	switch {
	case ok && letter == 'm':
		data, err = s.Raw(ctx, id)
	case ok && letter == 'd':
		data, err = s.DeliveryData(ctx, id)
	default:
		return usagef("--raw wants the ID of a mail (m12) or of a ticket message (d9), not %q", term)
	}
	if errors.Is(err, bridge.ErrNotFound) {
		return fmt.Errorf("%s: nothing is kept of it: either there is no such thing, or it was not needed any more", term)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", term, err)
	}
	if a.newScreen().tty { // a terminal: what it holds must not act on it
		block(a.stdout, "", string(data))
		return nil
	}
	_, err = a.stdout.Write(data)
	return err
}

// showMany lists several stories a term may mean.
func (a *app) showMany(sc screen, term string, stories []bridge.Story) error {
	fmt.Fprintf(sc.w, "%s means %d things; `ticketbridge show ID` tells of one:\n\n", printable(term, 256), len(stories))
	t := table{columns: []column{{"ID", false}, {"WHEN", false}, {"TICKET", false}, {"CUSTOMER", true}, {"SUBJECT", true}}}
	for _, st := range stories {
		if c := st.Conversation; c != nil {
			text, color := ticketText(*c)
			t.add(cell{bridge.ConversationID(c.ID), bold}, cell{text: minute(c.Updated)}, cell{text, color},
				cell{text: printable(c.Customer.Address, 256)}, cell{text: printable(c.Subject, 256)})
			continue
		}
		for _, m := range st.Mails {
			t.add(cell{bridge.MailID(m.ID), bold}, cell{text: minute(m.Recorded)}, cell{string(m.State), mailColor(m.State)},
				cell{text: orDash(printable(m.Customer, 256))}, cell{text: printable(m.Subject, 256)})
		}
	}
	t.print(sc)
	return nil
}

// tell writes one story top-down: what it is, what happened, what was said,
// what was sent, and what a person can do now.
func tell(sc screen, term string, s bridge.Story, kept map[int64]*keptMail) {
	if s.Conversation != nil {
		tellConversation(sc, *s.Conversation)
	}
	for _, m := range s.Mails {
		tellMail(sc, m, kept[m.ID], len(s.Mails) > 1 && !strings.EqualFold(term, bridge.MailID(m.ID)))
	}
	tellTurns(sc, s.Turns)
	tellDeliveries(sc, s.Deliveries)
	tellEvents(sc, s.Events)
	if todo := nextSteps(s, kept); len(todo) > 0 {
		heading(sc, "what you can do")
		for _, line := range todo {
			fmt.Fprintln(sc.w, "  "+line)
		}
	}
}

func heading(sc screen, text string) { fmt.Fprintf(sc.w, "\n%s\n", sc.paint(bold, text)) }

// fact writes one labelled line, long ones wrapped under their start.
func fact(sc screen, label, text string) {
	if text == "" {
		return
	}
	const indent = 14
	for i, line := range wrap(text, max(sc.width-indent, 30)) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(sc.w, "  %-*s%s\n", indent-2, label, line)
	}
}

func tellConversation(sc screen, c bridge.Conversation) {
	fmt.Fprintf(sc.w, "%s  conversation %s, Ref %s\n", sc.paint(bold, bridge.ConversationID(c.ID)), printable(c.Key, 256), c.Ref)
	fact(sc, "customer", person(c.Customer.Name, c.Customer.Address)+attributes(c.Customer))
	fact(sc, "found", printable(c.Customer.Locator, 256))
	fact(sc, "subject", printable(c.Subject, 256))
	fact(sc, "chat", printable(c.URL, 500))
	switch {
	case c.Link.Ticket != "":
		ticket := printable(c.Link.Ticket, 64)
		if c.Link.URL != "" {
			ticket += "  " + printable(c.Link.URL, 500)
		}
		if !c.Link.Confirmed.IsZero() {
			ticket += "  (known since " + stamp(c.Link.Confirmed) + ")"
		}
		if !c.Link.Resolved.IsZero() {
			ticket += "  solved " + stamp(c.Link.Resolved) + ": tell the chat"
		}
		fact(sc, "ticket", ticket)
	case len(c.Thread) > 0:
		known := "not confirmed"
		if !c.Link.Confirmed.IsZero() {
			known = "confirmed " + stamp(c.Link.Confirmed)
		}
		fact(sc, "ticket", known+", number not known yet; opened by <"+printable(c.Link.MessageID, 256)+">")
	default:
		fact(sc, "ticket", "none")
	}
	if c.Identity != "" {
		sent := c.Identity
		if c.IdentityReason != "" {
			sent += ": " + c.IdentityReason
		}
		fact(sc, "sent", printable(sent, 256))
	}
	fact(sc, "opened", stamp(c.Opened)+", last changed "+stamp(c.Updated))
	if !c.LastCustomer.IsZero() {
		answered := "no agent has answered in the mails seen"
		if !c.LastAgent.IsZero() {
			answered = "an agent last " + stamp(c.LastAgent)
		}
		fact(sc, "spoken", "the customer last "+stamp(c.LastCustomer)+", "+answered)
	}
	if !c.Deadline.IsZero() {
		fact(sc, "due", stamp(c.Deadline))
	}
}

func person(name, address string) string {
	name, address = printable(name, 128), printable(address, 320)
	if name == "" {
		return address
	}
	return name + " <" + address + ">"
}

func attributes(c mailparse.Customer) string {
	var parts []string
	for k, v := range c.Attributes {
		parts = append(parts, printable(k, 40)+": "+printable(v, 80))
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}

func tellMail(sc screen, m bridge.MailRecord, kept *keptMail, brief bool) {
	fmt.Fprintf(sc.w, "\n%s  mail, %s: %s\n", sc.paint(bold, bridge.MailID(m.ID)), sc.paint(mailColor(m.State), string(m.State)), printable(m.Reason, 500))
	fact(sc, "from", person(m.FromName, m.FromAddress))
	fact(sc, "subject", printable(m.Subject, 256))
	fact(sc, "lies in", fmt.Sprintf("%s, folder %s, UID %d (UIDVALIDITY %d), %s", printable(m.Mailbox, 64), printable(m.Folder, 128), m.UID, m.UIDValidity, bridge.Size(m.Size)))
	fact(sc, "received", stamp(m.Received)+", recorded "+stamp(m.Recorded))
	if m.Format != "" {
		fact(sc, "read as", printable(m.Format, 64)+", kind "+printable(m.Kind, 64))
	}
	if m.CopyOf != 0 {
		fact(sc, "copy of", bridge.MailID(m.CopyOf))
	}
	if kept != nil {
		for _, f := range kept.files {
			fact(sc, "attachment", attachmentText(f)+carriedText(m, f))
		}
	}
	if brief {
		return
	}
	label := "evidence"
	for _, e := range m.Evidence {
		fact(sc, label, printable(e, 500))
		label = ""
	}
}

func tellTurns(sc screen, turns []bridge.Turn) {
	if len(turns) == 0 {
		return
	}
	heading(sc, "what was said")
	for _, t := range turns {
		when := "time unknown"
		if !t.At.IsZero() {
			when = stamp(t.At)
		} else if t.Written != "" {
			when = printable(t.Written, 64)
		}
		told := ""
		if t.Mail != 0 {
			told = "  (told by " + bridge.MailID(t.Mail) + ")"
		}
		fmt.Fprintf(sc.w, "  %s  %s %s%s\n", when, t.Role, sc.paint(bold, printable(t.Author, 128)), sc.paint(dimmed, told))
		block(sc.w, "    ", t.Text)
	}
}

func tellDeliveries(sc screen, ds []bridge.Delivery) {
	if len(ds) == 0 {
		return
	}
	heading(sc, "what was sent")
	for _, d := range ds {
		fmt.Fprintf(sc.w, "  %s  %s, %s\n", sc.paint(bold, bridge.DeliveryID(d.ID)), d.Action, sc.paint(deliveryColor(d.State), string(d.State)))
		fact(sc, "  why", printable(d.Reason, 500))
		fact(sc, "  to", printable(d.Recipient, 320)+", "+bridge.Size(d.Size).String()+", made "+stamp(d.Created))
		fact(sc, "  id", "<"+printable(d.MessageID, 320)+">")
		attempts := fmt.Sprintf("%d", d.Attempts)
		if !d.Next.IsZero() {
			attempts += ", next " + stamp(d.Next)
		}
		fact(sc, "  attempts", attempts)
		fact(sc, "  waits", d.Waiting())
		fact(sc, "  last word", printable(d.Detail, 500))
	}
}

func tellEvents(sc screen, events []bridge.Event) {
	if len(events) == 0 {
		return
	}
	heading(sc, "what happened")
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b bridge.Event) int { return a.At.Compare(b.At) })
	for _, e := range events {
		id := strings.TrimSpace(bridge.MailID(e.Mail) + " " + bridge.DeliveryID(e.Delivery))
		if id == "" {
			id = bridge.ConversationID(e.Conversation)
		}
		text := printable(e.What, 64)
		if e.Text != "" {
			text += ": " + printable(e.Text, 500)
		}
		lead := fmt.Sprintf("  %s  %-7s ", stamp(e.At), id)
		for _, line := range wrap(text, max(sc.width-len(lead), 30)) {
			fmt.Fprintln(sc.w, lead+line)
			lead = strings.Repeat(" ", len(lead))
		}
	}
}
