package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imapout"
)

// way is the way of a ticket message with eyes at its end: what the doctor and
// the daemon's canaries share. It has connections of its own and opens all
// folders read-only, so it disturbs nobody.
type way struct {
	cfg       *config
	ingest    *bridge.Ingest
	transport bridge.Transport
	support   *imapout.Mailbox // nil: no login to it
	prober    bridge.Prober    // nil: nowhere to look
	watched   []watched
	undo      []func() error
}

// watched is a mailbox where acknowledgements may come.
type watched struct {
	mailbox
	address string
	box     *imapout.Mailbox
}

// newWay wires it; nothing is connected yet.
func (c *config) newWay(secret []byte, log *slog.Logger) (*way, error) {
	in, err := c.newIngest(nil, secret, log)
	if err != nil {
		return nil, err
	}
	w := &way{cfg: c, ingest: in, transport: c.newTransport()}
	w.undo = append(w.undo, w.transport.Close)
	switch {
	case c.Transport.imap() || c.Probe.Host != "":
		w.support = imapout.New(c.supportMailbox())
		w.prober = w.support
		w.undo = append(w.undo, w.support.Close)
	default:
		var closeProber func() error
		w.prober, closeProber = c.prober()
		w.undo = append(w.undo, closeProber)
	}
	for _, m := range c.Mailboxes {
		box := imapout.New(imapout.Config{
			Endpoint: m.Endpoint, Credentials: m.Credentials, Timeout: m.Timeout.D(), Folders: m.Folders, IdleTimeout: c.Transport.IdleTimeout.D(),
		})
		address := m.Username
		if !strings.Contains(address, "@") {
			address += "@" + c.Domain
		}
		w.watched = append(w.watched, watched{m, address, box})
		w.undo = append(w.undo, box.Close)
	}
	return w, nil
}

func (w *way) close() {
	for _, undo := range slices.Backward(w.undo) {
		undo()
	}
}

// flight is a canary on its way, and what was seen of it so far.
type flight struct {
	bridge.Passage
	delivery bridge.Delivery
	ends     []imapout.Ends // of the watched mailboxes, when it began
	seen     map[string]bool
	sent     time.Time
	arrived  time.Duration // how long it took to be seen; 0: not yet
	answered time.Duration
	trouble  []error // of the last look
}

// begin makes a canary and notes where the watched mailboxes end.
func (w *way) begin(ctx context.Context, c bridge.Composer, y bridge.Canary) (*flight, error) {
	d, err := c.Canary(w.ingest.Keys, y)
	if err != nil {
		return nil, fmt.Errorf("compose a canary: %w", err)
	}
	f := &flight{delivery: d, seen: map[string]bool{}, Passage: bridge.Passage{
		Tried: true, Address: y.Address, MessageID: d.MessageID, Ref: w.ingest.Keys.CanaryRef(y.Nonce), Looked: w.prober != nil,
	}}
	for _, m := range w.watched {
		ends, err := m.box.Ends(ctx)
		if err != nil {
			f.trouble = append(f.trouble, fmt.Errorf("mailbox %s: %w", m.Name, err))
		}
		f.ends = append(f.ends, ends) // nil: not looked into
	}
	return f, nil
}

// send hands the canary over, within a time.
func (w *way) send(ctx context.Context, f *flight, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	f.sent = time.Now()
	f.Result = w.transport.Send(ctx, f.delivery)
}

// look takes one look at both ends.
func (w *way) look(ctx context.Context, f *flight) {
	f.trouble = nil
	if err := w.lookForCopies(ctx, f); err != nil {
		f.trouble = append(f.trouble, fmt.Errorf("support mailbox: %w", err))
	}
	if f.arrived == 0 && (len(f.Landings) > 0 || f.Result.Ticket != "") {
		f.arrived = time.Since(f.sent)
	}
	for i, m := range w.watched {
		if f.ends[i] == nil {
			continue
		}
		mails, err := m.box.Naming(ctx, f.ends[i], f.MessageID, f.Ref)
		if err != nil {
			f.trouble = append(f.trouble, fmt.Errorf("mailbox %s: %w", m.Name, err))
		}
		for _, mail := range mails {
			w.hear(f, m, mail)
		}
	}
	if f.answered == 0 && f.Acknowledged() {
		f.answered = time.Since(f.sent)
	}
}

// lookForCopies looks where ticket messages end.
func (w *way) lookForCopies(ctx context.Context, f *flight) error {
	if w.support == nil {
		if w.prober == nil || len(f.Landings) > 0 {
			return nil
		}
		s, err := w.prober.Probe(ctx, f.MessageID)
		if err == nil && s.Found {
			f.Landings = append(f.Landings, bridge.Landing{Where: s.Where})
		}
		return err
	}
	copies, err := w.support.Copies(ctx, f.MessageID)
	if err != nil {
		return err
	}
	f.Taken = f.Taken || len(copies) < len(f.Landings)
	for _, c := range copies {
		if w.once(f, "support", c) {
			f.Landings = append(f.Landings, w.landing(f, c))
		}
	}
	return nil
}

// once reports whether a mail is seen for the first time.
func (w *way) once(f *flight, mailbox string, c imapout.Copy) bool {
	key := fmt.Sprintf("%s/%s/%d", mailbox, c.Folder, c.UID)
	defer func() { f.seen[key] = true }()
	return !f.seen[key]
}

// landing reads the header of a copy as it arrived.
func (w *way) landing(f *flight, c imapout.Copy) bridge.Landing {
	sent, arrived := w.ingest.Parser.Parse(f.delivery.Data), w.ingest.Parser.Parse(c.Raw)
	l := bridge.Landing{
		Where: fmt.Sprintf("%s, UID %d", c.Folder, c.UID), Junk: c.Junk,
		Changed: bridge.Rewritten(sent, arrived), AuthResults: bridge.AuthResults(arrived.Outer.Header),
	}
	l.Requester, l.Field = w.cfg.Target.Helpdesk.RequesterOf(arrived)
	return l
}

// hear reads a mail that names the canary.
func (w *way) hear(f *flight, m watched, c imapout.Copy) {
	if !w.once(f, m.Name, c) {
		return
	}
	a, ok := f.ReadAnswer(w.ingest.Keys, w.cfg.Target.Target, w.ingest.Parser.Parse(c.Raw), c.Raw)
	if !ok {
		return
	}
	a.Mailbox = fmt.Sprintf("%s, %s", m.Name, c.Folder)
	f.Answers = append(f.Answers, a)
}

// watch looks again and again until done says so or the time is over. What
// cannot be looked at is tried again; the last trouble stays in the flight.
func (w *way) watch(ctx context.Context, f *flight, within time.Duration, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		before := f.trouble
		w.look(ctx, f)
		if ctx.Err() != nil {
			f.trouble = before // the time being over is none
		}
		if done() || ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// troubles is what kept it from looking, nil where nothing did.
func (f *flight) troubles() error { return errors.Join(f.trouble...) }

// canaryFrom is whom canaries are from where nobody says otherwise: nobody, at
// the bridge's own domain.
func (c *config) canaryFrom() string { return "ticketbridge-test@" + c.Domain }
