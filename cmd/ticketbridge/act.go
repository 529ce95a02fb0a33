package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"slices"
	"strings"
	"unicode"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imapin"
)

// What an admin can do to one thing. Each is one transaction in the database
// and stands in the journal with who did it and why; the daemon sees it there.

var retryCommand = command{
	name: "retry", args: "ID", config: true,
	summary: "send a ticket message now that is delayed, in doubt or dead",
	help: `Makes a ticket message due at once that is in retry, held, in doubt, dead or bounced.
The bytes sent are the same as before.

With --anew a message that is dead or bounced is made anew, as the config says today:
address, identity, attachments. It takes the place of the old one and of those of its
chat that wait behind it, and tells all of them. --without-files leaves the files out,
where the server takes no message as long as that; the message says which.

In doubt means: maybe delivered. Look into the helpdesk first; sending again what did
arrive can make a second ticket where the helpdesk does not recognise the repeated
Message-ID; one made anew has another one in any case, so --anew wants a --why then.`,
	flags: func(c *call) {
		c.flags.BoolVar(&c.anew, "anew", false, "make it anew, as the config says today")
		c.flags.BoolVar(&c.withoutFiles, "without-files", false, "make it anew without the customer's files")
		c.flags.StringVar(&c.why, "why", "", "`REASON` for the journal")
	},
	run: (*app).retry,
}

var releaseCommand = command{
	name: "release", args: "ID", config: true,
	summary: "let a parked mail go its way, on your word",
	help: `Judges a parked mail again: you say that it is genuine and, with --customer, who asked.
The address is checked all the same: own domains and agents are never the customer.

One that was too large is fetched again, where the mailbox's max_size or --max-size
allows it now, and judged as if it came today.

  ticketbridge mails --state parked
  ticketbridge release m13 --max-size 60MB
  ticketbridge release m12 --customer ada@example.org`,
	flags: func(c *call) {
		c.flags.StringVar(&c.maxSize, "max-size", "", "fetch a mail again that is up to this `SIZE`")
		c.flags.StringVar(&c.customer, "customer", "", "the customer's `ADDRESS`")
		c.flags.StringVar(&c.why, "why", "", "`REASON` for the journal")
	},
	run: (*app).release,
}

var dropCommand = command{
	name: "drop", args: "ID", config: true,
	summary: "settle a parked mail or an unsent ticket message without sending",
	help: `Ignores a parked mail (m12), or buries a ticket message (d9) that is not sent. One that is
dead already stops being an alarm. Nothing is deleted: it stays in the lists with your
reason.

  ticketbridge drop m12 --why "spam"`,
	flags: func(c *call) { c.flags.StringVar(&c.why, "why", "", "`REASON` for the journal; required") },
	run:   (*app).drop,
}

var linkCommand = command{
	name: "link", args: "ID TICKET", config: true,
	summary: "note the number of a conversation's ticket by hand",
	help: `Notes which ticket a conversation became, where the helpdesk does not tell us itself.
A number that another conversation has already is most often a slip; if the two chats were
merged into one ticket, say so with --shared.

  ticketbridge link c7 4711 --url https://helpdesk.example.com/tickets/4711`,
	flags: func(c *call) {
		c.flags.StringVar(&c.url, "url", "", "the ticket's `URL`")
		c.flags.StringVar(&c.shared, "shared", "", "the ticket is another chat's too: the `REASON`, for the journal")
		c.flags.StringVar(&c.why, "why", "", "`REASON` for the journal")
	},
	run: (*app).link,
}

func (a *app) retry(ctx context.Context, c *call) error {
	if err := c.wantArgs(1, 1); err != nil {
		return err
	}
	if c.anew || c.withoutFiles {
		return a.retryAnew(ctx, c)
	}
	return a.withStore(ctx, c, func(s bridge.Store) error {
		d, err := oneDelivery(ctx, s, c.args[0], bridge.Retry, bridge.Held, bridge.Doubt, bridge.Dead, bridge.Bounced)
		if err != nil {
			return err
		}
		if err := s.RetryNow(ctx, d.ID, signed(a.who(), c.why)); err != nil {
			return actError("retry", d, err)
		}
		fmt.Fprintf(a.stdout, "%s is due now (was %s); the running daemon sends it\n", bridge.DeliveryID(d.ID), d.State)
		return nil
	})
}

// releaseFetched fetches a mail of which only the header is here.
func releaseFetched(ctx context.Context, cfg *config, in *bridge.Ingest, m bridge.MailRecord, rel bridge.Release, maxSize string) (bridge.MailRecord, error) {
	id := bridge.MailID(m.ID)
	i := slices.IndexFunc(cfg.Mailboxes, func(b mailbox) bool { return b.Name == m.Mailbox })
	if i < 0 {
		return m, fmt.Errorf("%s: only its header is here, and the config names no mailbox %q to fetch it from", id, m.Mailbox)
	}
	from := cfg.Mailboxes[i].Config
	if maxSize != "" {
		if err := from.MaxSize.UnmarshalText([]byte(maxSize)); err != nil {
			return m, usagef("--max-size: %v", err)
		}
	}
	if m.Size > int64(from.MaxSize) {
		return m, fmt.Errorf("%s: it is %s long, more than max_size %s: add --max-size %dMB", id, bridge.Size(m.Size), from.MaxSize, m.Size/1_000_000+1)
	}
	mail, err := imapin.One(ctx, from, m.Source)
	if err != nil {
		return m, fmt.Errorf("fetch %s from %s: %w", id, m.Mailbox, err)
	}
	return in.ReleaseFetched(ctx, m, mail, rel)
}

// retryAnew has another message take the place of one that did not arrive.
func (a *app) retryAnew(ctx context.Context, c *call) error {
	cfg, err := a.loadConfig(c.config, false)
	if err != nil {
		return err
	}
	return a.withStoreOf(ctx, cfg, func(s bridge.Store) error {
		d, err := oneDelivery(ctx, s, c.args[0], bridge.Dead, bridge.Bounced, bridge.Doubt)
		if err != nil {
			return err
		}
		in, err := cfg.ingestBeside(ctx, s)
		if err != nil {
			return err
		}
		got, err := in.Anew(ctx, bridge.Anew{Delivery: d.ID, WithoutFiles: c.withoutFiles, By: a.who(), Why: c.why})
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s took the place of %s: to %s, %s; the running daemon sends it\n", bridge.DeliveryID(got.Made.ID),
			deliveryList(got.Instead), printable(got.Made.Recipient, 320), bridge.Size(got.Made.Size))
		return nil
	})
}

// ingestBeside is the daemon's judge and composer, for a command beside it.
func (c *config) ingestBeside(ctx context.Context, s bridge.Store) (*bridge.Ingest, error) {
	secret, err := readKey(c.StateDir)
	if err != nil {
		return nil, err
	}
	in, err := c.newIngest(s, secret, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return in, checkKey(ctx, in.Keys, s, c.StateDir)
}

func (a *app) release(ctx context.Context, c *call) error {
	if err := c.wantArgs(1, 1); err != nil {
		return err
	}
	cfg, err := a.loadConfig(c.config, false)
	if err != nil {
		return err
	}
	return a.withStoreOf(ctx, cfg, func(s bridge.Store) error {
		m, err := parkedMail(ctx, s, c.args[0])
		if err != nil {
			return err
		}
		in, err := cfg.ingestBeside(ctx, s)
		if err != nil {
			return err
		}
		rel := bridge.Release{Customer: c.customer, By: a.who(), Why: c.why}
		raw, err := s.Raw(ctx, m.ID)
		if err != nil && !errors.Is(err, bridge.ErrNotFound) {
			return err
		}
		var got bridge.MailRecord
		if len(raw) == 0 || m.HeaderOnly(raw) {
			got, err = releaseFetched(ctx, cfg, in, m, rel, c.maxSize)
		} else {
			got, err = in.Release(ctx, m, rel)
		}
		if err != nil {
			return err
		}
		id := bridge.MailID(got.ID)
		fmt.Fprintf(a.stdout, "%s is %s: %s\n", id, got.State, printable(got.Reason, 500))
		if got.State == bridge.MailParked {
			return errSilent
		}
		if got.Conversation != 0 {
			fmt.Fprintf(a.stdout, "ticketbridge show %s tells more\n", bridge.ConversationID(got.Conversation))
		}
		return nil
	})
}

func (a *app) drop(ctx context.Context, c *call) error {
	if err := c.wantArgs(1, 1); err != nil {
		return err
	}
	if strings.TrimSpace(c.why) == "" {
		return usagef("want --why REASON: who looks at it later must see why nothing was sent")
	}
	cfg, err := a.loadConfig(c.config, false)
	if err != nil {
		return err
	}
	return a.withStoreOf(ctx, cfg, func(s bridge.Store) error {
		if letter, _, ok := bridge.ParseID(c.args[0]); ok && letter == 'd' {
			return a.dropDelivery(ctx, c, cfg, s)
		}
		m, err := parkedMail(ctx, s, c.args[0])
		if err != nil {
			return err
		}
		if err := s.DropMail(ctx, m.ID, signed(a.who(), c.why)); err != nil {
			return fmt.Errorf("drop %s: %w", bridge.MailID(m.ID), err)
		}
		fmt.Fprintf(a.stdout, "%s is ignored (was parked: %s)\n", bridge.MailID(m.ID), printable(m.Reason, 200))
		return nil
	})
}

func (a *app) dropDelivery(ctx context.Context, c *call, cfg *config, s bridge.Store) error {
	d, err := oneDelivery(ctx, s, c.args[0], bridge.Ready, bridge.Retry, bridge.Held, bridge.Doubt, bridge.Bounced, bridge.Dead)
	if err != nil {
		return err
	}
	err = s.DropDelivery(ctx, d.ID, signed(a.who(), c.why))
	if errors.Is(err, bridge.ErrFollowed) {
		return a.dropOpener(ctx, c, cfg, s, d)
	}
	if err != nil {
		return actError("drop", d, err)
	}
	fmt.Fprintf(a.stdout, "%s is dead (was %s) and will not be sent\n", bridge.DeliveryID(d.ID), d.State)
	return nil
}

// dropOpener drops a message that was to open the ticket others go on about: one
// that opens it takes their place.
func (a *app) dropOpener(ctx context.Context, c *call, cfg *config, s bridge.Store, d bridge.Delivery) error {
	in, err := cfg.ingestBeside(ctx, s)
	if err != nil {
		return err
	}
	got, err := in.Anew(ctx, bridge.Anew{Delivery: d.ID, Dropped: true, By: a.who(), Why: c.why})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s is dead (was %s) and will not be sent. The ticket it was to open, %s opens, in place of %s: with all that was said\n",
		bridge.DeliveryID(d.ID), d.State, bridge.DeliveryID(got.Made.ID), deliveryList(got.Instead[1:]))
	return nil
}

func (a *app) link(ctx context.Context, c *call) error {
	if err := c.wantArgs(2, 2); err != nil {
		return err
	}
	ticket := strings.TrimPrefix(strings.TrimSpace(c.args[1]), "#")
	if ticket == "" || len(ticket) > maxTicket || strings.ContainsFunc(ticket, func(r rune) bool { return r == ' ' || unsafeRune(r) || unicode.IsSpace(r) }) {
		return usagef("%q: want one ticket's number, without blanks, such as 4711 or HELP-17", c.args[1])
	}
	if c.url != "" && !strings.HasPrefix(c.url, "https://") && !strings.HasPrefix(c.url, "http://") {
		return usagef("--url %q: want http:// or https://", c.url)
	}
	return a.withStore(ctx, c, func(s bridge.Store) error {
		stories, err := find(ctx, s, c.args[0])
		if err != nil {
			return err
		}
		if len(stories) > 1 || stories[0].Conversation == nil {
			return fmt.Errorf("%q does not name one conversation; `ticketbridge show %s` lists what it may mean", c.args[0], c.args[0])
		}
		conv := stories[0].Conversation
		if err := soleTicket(ctx, s, *conv, ticket, c.shared); err != nil {
			return err
		}
		old := conv.Link.Ticket
		l := conv.Link
		l.Ticket, l.URL, l.Confirmed, l.Why = ticket, c.url, a.now(), signed(a.who(), cmp.Or(c.why, c.shared))
		if err := s.SetTicket(ctx, conv.ID, l); err != nil {
			return fmt.Errorf("link %s: %w", bridge.ConversationID(conv.ID), err)
		}
		was := ""
		if old != "" && old != ticket {
			was = " (was " + printable(old, 64) + ")"
		}
		fmt.Fprintf(a.stdout, "%s is ticket %s%s\n", bridge.ConversationID(conv.ID), printable(ticket, 64), was)
		return nil
	})
}

// maxTicket is longer than any helpdesk's number.
const maxTicket = 64

// soleTicket refuses a number that another conversation has.
func soleTicket(ctx context.Context, s bridge.Ledger, conv bridge.Conversation, ticket, shared string) error {
	if strings.TrimSpace(shared) != "" {
		return nil
	}
	stories, err := s.Find(ctx, ticket)
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return fmt.Errorf("find %s: %w", ticket, err)
	}
	for _, st := range stories {
		if other := st.Conversation; other != nil && other.ID != conv.ID && other.Link.Ticket == ticket {
			return fmt.Errorf("ticket %s is that of %s (%s) already; if both chats are one ticket, add --shared REASON", printable(ticket, maxTicket),
				bridge.ConversationID(other.ID), printable(other.Customer.Address, 256))
		}
	}
	return nil
}

// oneDelivery finds the one ticket message a term means among those in states.
func oneDelivery(ctx context.Context, s bridge.Ledger, term string, states ...bridge.DeliveryState) (bridge.Delivery, error) {
	stories, err := find(ctx, s, term)
	if err != nil {
		return bridge.Delivery{}, err
	}
	letter, id, isID := bridge.ParseID(term)
	var fit, rest []bridge.Delivery
	for _, st := range stories {
		for _, d := range st.Deliveries {
			switch {
			case isID && letter == 'd' && d.ID != id:
			case hasState(d.State, states) && d.ReplacedBy == 0:
				fit = append(fit, d)
			default:
				rest = append(rest, d)
			}
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return bridge.Delivery{}, fmt.Errorf("%q means several ticket messages: %s; name one", term, deliveryList(fit))
	case len(rest) > 0:
		return bridge.Delivery{}, fmt.Errorf("not possible: %s; want one that is %s", deliveryList(rest), strings.Join(names(states), ", "))
	}
	return bridge.Delivery{}, fmt.Errorf("%q has no ticket message", term)
}

func hasState(s bridge.DeliveryState, states []bridge.DeliveryState) bool {
	for _, t := range states {
		if s == t {
			return true
		}
	}
	return false
}

func deliveryList(ds []bridge.Delivery) string {
	var parts []string
	for _, d := range ds {
		part := fmt.Sprintf("%s is %s", bridge.DeliveryID(d.ID), d.State)
		if d.ReplacedBy != 0 {
			part += ", " + bridge.DeliveryID(d.ReplacedBy) + " took its place"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// parkedMail finds the one parked mail a term means.
func parkedMail(ctx context.Context, s bridge.Ledger, term string) (bridge.MailRecord, error) {
	stories, err := find(ctx, s, term)
	if err != nil {
		return bridge.MailRecord{}, err
	}
	letter, id, isID := bridge.ParseID(term)
	var fit, rest []string
	var found bridge.MailRecord
	for _, st := range stories {
		for _, m := range st.Mails {
			switch {
			case isID && letter == 'm' && m.ID != id:
			case m.State == bridge.MailParked:
				fit, found = append(fit, bridge.MailID(m.ID)), m
			default:
				rest = append(rest, fmt.Sprintf("%s is %s (%s)", bridge.MailID(m.ID), m.State, printable(m.Reason, 120)))
			}
		}
	}
	switch {
	case len(fit) == 1:
		return found, nil
	case len(fit) > 1:
		return found, fmt.Errorf("%q means several parked mails: %s; name one", term, strings.Join(fit, ", "))
	case len(rest) > 0:
		return found, fmt.Errorf("only a parked mail can be released or dropped: %s", strings.Join(rest, ", "))
	}
	return found, fmt.Errorf("%q has no mail", term)
}

func actError(verb string, d bridge.Delivery, err error) error {
	if errors.Is(err, bridge.ErrState) && d.Forgone() {
		return fmt.Errorf("%s %s: it was dropped, and what it said goes with another; `ticketbridge retry %s --anew` sends what no other tells", verb, bridge.DeliveryID(d.ID), bridge.DeliveryID(d.ID))
	}
	if errors.Is(err, bridge.ErrState) {
		return fmt.Errorf("%s %s: it changed meanwhile; look again with `ticketbridge show %s`", verb, bridge.DeliveryID(d.ID), bridge.DeliveryID(d.ID))
	}
	return fmt.Errorf("%s %s: %w", verb, bridge.DeliveryID(d.ID), err)
}

// who is the person at the keyboard, through sudo too, for the journal.
func (a *app) who() string {
	if u := a.getenv("SUDO_USER"); u != "" {
		return u
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func signed(who, why string) string {
	if why = strings.TrimSpace(why); why == "" {
		return "by " + who
	}
	return "by " + who + ": " + why
}
