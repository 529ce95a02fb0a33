package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ticketbridge/mailparse"
)

// Ingest reads mails and records what becomes of each: steps 2 to 7 of doc.go.
type Ingest struct {
	Parser   *mailparse.Parser
	Store    Store
	Keys     Keys
	Trust    Trust
	Composer Composer
	Identity IdentityChooser // asked where Composer.Target.Identity is "auto"
	Rules    []Rule
	Log      *slog.Logger
	// Kick wakes the outbox; Observe is told of every recorded mail. Both may be nil.
	Kick    func()
	Observe func(MailRecord)

	outage outage
}

// keyPatience is how long mails wait, untouched in their mailbox, for DNS to
// give out DKIM keys again. No chat may be delayed longer.
const keyPatience = time.Hour

// outage remembers since when keys cannot be looked up. One forged mail cannot
// cause one: only keys of domains that sign for a format count (trust.go).
type outage struct {
	mu    sync.Mutex
	since time.Time // guarded by mu; zero: keys can be had
}

// patient tells, after a mail was checked with err, whether it should wait.
func (o *outage) patient(err error, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !errors.Is(err, errNoKey) {
		o.since = time.Time{}
		return false
	}
	if o.since.IsZero() {
		o.since = now
	}
	return now.Sub(o.since) < keyPatience
}

// reading is a mail as step 2 understood it, carried to the judge.
type reading struct {
	mail     Mail
	parsed   *mailparse.Mail
	distrust string // why the mail is not believed; "" = it is
	panicked string // what our own code stumbled over
	released *Release
	due      bool // what waited is decided again (clock.go)
	now      time.Time

	identity, identityReason string // chosen, where the config leaves it open
}

// chat reports whether the mail's turns are read: its profile says so, or it only
// lacks the customer's address and names its conversation, which may know it.
func (r *reading) chat() bool {
	c := r.parsed.Chat
	return c != nil && (c.Action == mailparse.Process || c.Lead && c.Conversation.Key != "")
}

// Handle records a batch and what it causes in one transaction. On error
// nothing was recorded and the batch may be handed over again.
func (in *Ingest) Handle(ctx context.Context, b Batch) ([]MailRecord, error) {
	arrivals, err := in.readAll(ctx, b.Mails)
	if err != nil {
		return nil, err
	}
	records, err := in.Store.Accept(ctx, arrivals, b.Cursor, in.judge)
	if err != nil {
		return nil, fmt.Errorf("record %s from %s/%s: %w", count(len(b.Mails), "mail"), b.Cursor.Mailbox, b.Cursor.Folder, err)
	}
	in.report(records)
	return records, nil
}

// readAll parses the mails side by side: parsing is pure and the costliest step.
func (in *Ingest) readAll(ctx context.Context, mails []Mail) ([]Arrival, error) {
	arrivals := make([]Arrival, len(mails))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range mails {
		g.Go(func() error {
			a, err := in.read(ctx, m)
			arrivals[i] = a
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return arrivals, nil
}

// read is step 2 and the part of step 3 that may need the network. A panic in
// it is our bug; it costs this one mail its ticket, not the others theirs.
func (in *Ingest) read(ctx context.Context, m Mail) (a Arrival, err error) {
	r := &reading{mail: m, now: time.Now()}
	defer func() {
		if p := recover(); p != nil {
			in.Log.Error("mail made the program stumble", "mail", m.Source.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			r.panicked = cut(fmt.Sprint(p), 120)
			r.parsed = &mailparse.Mail{}
			a, err = in.arrival(r), nil
		}
	}()
	r.parsed = in.Parser.Parse(m.Raw)
	if r.chat() {
		r.distrust, err = in.Trust.distrust(ctx, m, r.parsed)
		if in.outage.patient(err, r.now) {
			return a, fmt.Errorf("%s: %w", m.Source, err)
		}
		if errors.Is(err, errNoKey) {
			r.distrust, err = "not authenticated: "+err.Error()+" for an hour; release it by hand", nil
		}
		r.identity, r.identityReason = in.Identity.choose(ctx, r.customer().Address)
	}
	return in.arrival(r), err
}

// arrival prepares what the store has to look up.
func (in *Ingest) arrival(r *reading) Arrival {
	m, p := r.mail, r.parsed
	a := Arrival{
		Raw:     m.Raw,
		reading: r,
		Record: MailRecord{
			Source:      m.Source,
			ContentKey:  in.Keys.ContentKey(p, m.Raw, m.Size),
			MessageID:   cut(p.Outer.MessageID, 255),
			FromAddress: cut(p.Outer.From.Address, 255),
			FromName:    cut(p.Outer.From.Name, 255),
			Subject:     cut(p.Outer.Subject, 255),
			Received:    m.Received,
			Size:        m.Size,
		},
	}
	if a.Answer = in.answer(r); a.Answer != nil {
		a.Record.Kind = a.Answer.kind()
		return a
	}
	c := p.Chat
	if c == nil {
		return a
	}
	a.Record.Format, a.Record.Kind = c.Format, c.Kind
	if r.chat() {
		a.setConversation(in.Keys, in.Keys.conversationKey(c, a.Record.ContentKey), c.Turns)
	}
	return a
}

func (a *Arrival) setConversation(k Keys, key string, turns []mailparse.Turn) {
	a.ConversationKey, a.Ref, a.Turns = key, k.Ref(key), digests(turns)
}

// conversationKey falls back to how the chat began, where the mail tells no id:
// copies for other agents, forwards, and longer transcripts of the same chat
// begin alike. Where not even times tell chats apart, each mail is its own.
func (k Keys) conversationKey(c *mailparse.Transcript, contentKey string) string {
	switch {
	case c.Conversation.Key != "":
		return c.Conversation.Key
	case len(c.Turns) > 0 && c.Turns[0].Written != "" && c.Customer.Address != "":
		began := k.mac("conversation", strings.ToLower(c.Customer.Address), digests(c.Turns[:1])[0].Digest)
		return c.Format + "/began/" + b32.EncodeToString(began[:10])
	}
	return c.Format + "/mail/" + contentKey
}

// report logs one line a mail and wakes the outbox.
func (in *Ingest) report(records []MailRecord) {
	kick := false
	for _, r := range records {
		in.Log.Info("mail recorded", "mail", MailID(r.ID), "source", r.Source.String(), "state", string(r.State),
			"reason", r.Reason, "format", r.Format, "conv", ConversationID(r.Conversation))
		if in.Observe != nil {
			in.Observe(r)
		}
		kick = kick || r.State == MailTicket || r.State == MailUpdate
	}
	if kick && in.Kick != nil {
		in.Kick()
	}
}
