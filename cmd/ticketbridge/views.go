package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"ticketbridge/bridge"
)

// The lists an admin looks at. They read the same database the daemon writes,
// so they work while it runs.

var mailsCommand = command{
	name: "mails", config: true,
	summary: "list the mails that were read, and what became of each",
	help: `Lists the mails that were read, newest first, with what became of each and why.

  ticketbridge mails --state parked        what waits for a person
  ticketbridge mails --since 2h --json     for scripts`,
	flags: listFlags("state", "mailbox", "customer"),
	run:   (*app).mails,
}

var conversationsCommand = command{
	name: "conversations", config: true,
	summary: "list the chats and their tickets",
	help: `Lists the chats, newest first, each with its customer and its ticket.

  ticketbridge conversations --customer ada@example.org`,
	flags: listFlags("customer"),
	run:   (*app).conversations,
}

var outboxCommand = command{
	name: "outbox", config: true,
	summary: "list the ticket messages and how their sending goes",
	help: `Lists the messages made for the helpdesk, newest first, and where each stands:

  ready sending sent confirmed    the way of a message
  retry                           refused for now; tried again by itself
  held                            a limit tripped; waits for time or a person
  doubt                           maybe delivered: the server fell silent after the last byte
  dead bounced                    will not arrive unless a person acts

  ticketbridge outbox --state doubt`,
	flags: listFlags("state", "mailbox", "customer"),
	run:   (*app).outbox,
}

// listing is what the flags of a list say.
type listing struct {
	filter bridge.Filter
	conv   string
}

func listFlags(which ...string) func(c *call) {
	return func(c *call) {
		l := &c.list
		if slices.Contains(which, "state") {
			c.flags.StringVar(&l.filter.State, "state", "", "only those in `STATE`")
		}
		if slices.Contains(which, "mailbox") {
			c.flags.StringVar(&l.filter.Mailbox, "mailbox", "", "only those of the mailbox `NAME`")
		}
		c.flags.StringVar(&l.filter.Customer, "customer", "", "only those of the customer `ADDRESS`")
		if slices.Contains(which, "state") {
			c.flags.StringVar(&l.conv, "conversation", "", "only those of the conversation `ID`")
		}
		c.flags.Var(moment{&l.filter.Since, c.now}, "since", "only those newer than `WHEN`: 2h, 3d, 2026-11-01")
		c.flags.IntVar(&l.filter.Limit, "limit", 50, "at most `N`")
		c.jsonFlag()
	}
}

// check refuses states that do not exist; an empty list would mislead.
func (l *listing) check(states []string) error {
	f := &l.filter
	if f.State != "" && !slices.Contains(states, f.State) {
		return usagef("--state %q: want one of %s", f.State, strings.Join(states, ", "))
	}
	if f.Limit < 1 {
		return usagef("--limit %d: want at least 1", f.Limit)
	}
	if l.conv != "" {
		letter, id, ok := bridge.ParseID(l.conv)
		if !ok || letter != 'c' {
			return usagef("--conversation %q: want an ID such as c7", l.conv)
		}
		f.Conversation = id
	}
	return nil
}

func (a *app) mails(ctx context.Context, c *call) error {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	if err := c.list.check(names(bridge.MailStates)); err != nil {
		return err
	}
	return a.withStore(ctx, c, func(s bridge.Store) error {
		mails, err := s.Mails(ctx, c.list.filter)
		if err != nil {
			return fmt.Errorf("list mails: %w", err)
		}
		if c.json {
			return printJSON(a.stdout, mails, newMailJSON)
		}
		t := table{columns: []column{{"ID", false}, {"RECORDED", false}, {"STATE", false}, {"MAILBOX", false}, {"CONV", false}, {"CUSTOMER", true}, {"SUBJECT", true}, {"WHY", true}}}
		for _, m := range mails {
			t.add(cell{bridge.MailID(m.ID), bold}, cell{text: minute(m.Recorded)}, cell{string(m.State), mailColor(m.State)},
				cell{text: printable(m.Mailbox, 64)}, cell{text: orDash(bridge.ConversationID(m.Conversation))},
				cell{text: orDash(printable(m.Customer, 256))}, cell{text: printable(m.Subject, 256)}, cell{text: printable(m.Reason, 256)})
		}
		return a.printList(t, len(mails), c.list.filter.Limit, "no mail")
	})
}

func (a *app) conversations(ctx context.Context, c *call) error {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	if err := c.list.check(nil); err != nil {
		return err
	}
	return a.withStore(ctx, c, func(s bridge.Store) error {
		convs, err := s.Conversations(ctx, c.list.filter)
		if err != nil {
			return fmt.Errorf("list conversations: %w", err)
		}
		if c.json {
			return printJSON(a.stdout, convs, newConversationJSON)
		}
		t := table{columns: []column{{"ID", false}, {"UPDATED", false}, {"REF", false}, {"TICKET", false}, {"CUSTOMER", true}, {"SUBJECT", true}, {"CHAT", true}}}
		for _, v := range convs {
			text, color := ticketText(v)
			t.add(cell{bridge.ConversationID(v.ID), bold}, cell{text: minute(v.Updated)}, cell{text: v.Ref}, cell{text, color},
				cell{text: printable(v.Customer.Address, 256)}, cell{text: printable(v.Subject, 256)}, cell{text: printable(chatName(v), 256)})
		}
		return a.printList(t, len(convs), c.list.filter.Limit, "no conversation")
	})
}

func (a *app) outbox(ctx context.Context, c *call) error {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	if err := c.list.check(names(bridge.DeliveryStates)); err != nil {
		return err
	}
	return a.withStore(ctx, c, func(s bridge.Store) error {
		ds, err := s.Deliveries(ctx, c.list.filter)
		if err != nil {
			return fmt.Errorf("list the outbox: %w", err)
		}
		if c.json {
			return printJSON(a.stdout, ds, newDeliveryJSON)
		}
		t := table{columns: []column{{"ID", false}, {"CREATED", false}, {"STATE", false}, {"TRIES", false}, {"NEXT", false}, {"CONV", false}, {"WHAT", false}, {"DETAIL", true}}}
		for _, d := range ds {
			t.add(cell{bridge.DeliveryID(d.ID), bold}, cell{text: minute(d.Created)}, cell{string(d.State), deliveryColor(d.State)},
				cell{text: fmt.Sprint(d.Attempts)}, cell{text: minute(d.Next)}, cell{text: orDash(bridge.ConversationID(d.Conversation))},
				cell{text: string(d.Action)}, cell{text: printable(cmp.Or(d.Waiting(), d.Detail), 256)})
		}
		return a.printList(t, len(ds), c.list.filter.Limit, "no ticket message")
	})
}

func (a *app) printList(t table, n, limit int, none string) error {
	if n == 0 {
		fmt.Fprintln(a.stdout, none)
		return nil
	}
	t.print(a.newScreen())
	if n >= limit {
		fmt.Fprintf(a.stderr, "there may be more: --limit %d was reached\n", limit)
	}
	return nil
}

// printJSON writes one object a line, each made by shape.
func printJSON[T, J any](w io.Writer, items []T, shape func(T) J) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, item := range items {
		if err := enc.Encode(shape(item)); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

func names[T ~string](items []T) []string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = string(it)
	}
	return out
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ticketText is the ticket of a conversation as lists show it.
func ticketText(c bridge.Conversation) (text, color string) {
	switch {
	case c.Link.Ticket != "":
		return printable(c.Link.Ticket, 64), good
	case len(c.Thread) > 0:
		return "not known yet", busy
	}
	return "none", dimmed
}

// chatName names the chat at the vendor: by its link, else by format and id.
func chatName(c bridge.Conversation) string {
	if c.URL != "" {
		return c.URL
	}
	return c.Key
}

func mailColor(s bridge.MailState) string {
	return map[bridge.MailState]string{bridge.MailTicket: good, bridge.MailUpdate: good, bridge.MailWaiting: busy, bridge.MailIgnored: dimmed, bridge.MailParked: warn}[s]
}

func deliveryColor(s bridge.DeliveryState) string {
	switch s {
	case bridge.Sent, bridge.Confirmed:
		return good
	case bridge.Ready, bridge.Sending:
		return busy
	case bridge.Dead, bridge.Bounced:
		return bad
	}
	return warn
}
