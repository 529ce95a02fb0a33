package status

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ticketbridge/bridge"
)

// Alarm is something that a person must look at and no restart helps: it shows
// on the page, in /healthz, in the metrics and once in the log, and leaves the
// daemon well.
type Alarm struct {
	Kind  string    `json:"kind"` // one of alarmKinds
	What  string    `json:"what"` // the folder or format it is about; "" for all of it
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
	n     int64     // how many things it is about
}

// alarmKinds are the values of a label.
var alarmKinds = []string{"doubt", "dead", "bounced", "transport", "on_done", "set_aside", "drift", "stuck", "unconfirmed", "canary"}

const (
	brokenAfter  = 5 * time.Minute // a mail server that cannot be reached
	recentWindow = 24 * time.Hour  // of drift and of mails set aside
	// A helpdesk that never acknowledges is the admin's choice after a while.
	unconfirmedWindow = 3 * 24 * time.Hour
	// A new layout makes most mails drift; one odd mail is none. Both must hold.
	driftLeast = 3
	driftShare = 5 // one in so many
	watchEvery = 30 * time.Second
)

// alarms remembers what was raised, so that begin and end are told once, and
// what the store cannot tell: how the transport does, and which mails were set
// aside.
type alarms struct {
	mu     sync.Mutex // guards the fields below
	raised []Alarm
	broken time.Time // since when the transport is; zero: it is not
	reply  string    // of the last attempt that failed so
	canary string    // why the last canary was not seen; "": it was, or none flew
	aside  map[string]aside
}

// aside are a folder's mails that were recorded without their body.
type aside struct {
	before int64 // when the window began
	seen   int64
	last   time.Time
}

// attempt notes how the transport does.
func (a *alarms) attempt(s bridge.Settlement, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !s.Result.Broken:
		a.broken, a.reply = time.Time{}, ""
	case a.broken.IsZero():
		a.broken = now
		fallthrough
	default:
		a.reply = s.Result.String()
	}
}

// CanaryFlown notes how the last canary fared: how long it took to be seen, or
// why it was not.
func (p *Page) CanaryFlown(took time.Duration, err error) {
	p.alarms.mu.Lock()
	defer p.alarms.mu.Unlock()
	if err != nil {
		p.alarms.canary = err.Error()
		return
	}
	p.alarms.canary = ""
	p.metrics.canary.Set(took.Seconds())
	p.metrics.canarySeen.SetToCurrentTime()
}

// brokenSince is zero while the transport works.
func (a *alarms) brokenSince() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.broken
}

// weigh raises and clears alarms by what a look showed, and logs each change
// once. What the store does not tell now stays as it was.
func (p *Page) weigh(v view) []Alarm {
	a := &p.alarms
	a.mu.Lock()
	defer a.mu.Unlock()
	now := append(p.ofStore(v), a.ofFolders(v)...)
	if !a.broken.IsZero() && v.now.Sub(a.broken) > brokenAfter {
		now = append(now, Alarm{Kind: "transport", Text: "the mail server has not worked for " + brief(v.now.Sub(a.broken)) +
			"; ticket messages wait, one at a time tries it: " + a.reply, n: 1})
	}
	if a.canary != "" {
		now = append(now, Alarm{Kind: "canary", Text: "the last canary was not seen, so tickets may be missing too: " + a.canary + "; see `ticketbridge doctor`", n: 1})
	}
	for i := range now {
		now[i].Text = p.text(now[i].Text)
		now[i].Since = v.now
		if j := slices.IndexFunc(a.raised, now[i].same); j >= 0 {
			now[i].Since = a.raised[j].Since
			continue
		}
		p.src.Log.Error("alarm raised", "kind", now[i].Kind, "about", now[i].What, "reason", now[i].Text)
	}
	for _, old := range a.raised {
		if !slices.ContainsFunc(now, old.same) {
			p.src.Log.Error("alarm over", "kind", old.Kind, "about", old.What, "after", brief(v.now.Sub(old.Since)))
		}
	}
	a.raised = now
	return slices.Clone(now)
}

func (a Alarm) same(b Alarm) bool { return a.Kind == b.Kind && a.What == b.What }

// ofStore are the alarms that the database tells of.
func (p *Page) ofStore(v view) (now []Alarm) {
	a := &p.alarms
	if v.storeErr != nil {
		for _, old := range a.raised {
			switch old.Kind {
			case "doubt", "dead", "bounced", "drift", "stuck", "unconfirmed":
				now = append(now, old)
			}
		}
		return now
	}
	for _, d := range []struct {
		kind string
		n    int64
		text string
	}{
		{"doubt", v.counts.Deliveries[bridge.Doubt] - v.counts.Probing, "may or may not have arrived; see `ticketbridge outbox --state doubt`"},
		{"dead", v.counts.Deliveries[bridge.Dead] - v.counts.Dropped, "will not arrive; see `ticketbridge outbox --state dead`, then retry or drop"},
		{"bounced", v.counts.Deliveries[bridge.Bounced], "came back; see `ticketbridge outbox --state bounced`, then retry or drop"},
	} {
		if d.n > 0 {
			now = append(now, Alarm{Kind: d.kind, Text: many(d.n, "ticket message") + " " + d.text, n: d.n})
		}
	}
	if n := v.counts.Stuck; n > 0 {
		now = append(now, Alarm{Kind: "stuck", n: n, Text: many(n, "waiting mail") + " cannot go on without a person; `ticketbridge mails --state waiting` says what would help"})
	}
	if n := v.unconfirmed; n > 0 {
		now = append(now, Alarm{Kind: "unconfirmed", n: n, Text: many(n, "ticket message") + " of the last three days sent, and not acknowledged by the helpdesk within " +
			brief(p.src.ConfirmWithin) + ": does it raise tickets? `ticketbridge outbox --state sent` lists them; `ticketbridge link` notes a number by hand"})
	}
	for _, f := range v.formats {
		if f.Drift >= driftLeast && f.Drift*driftShare >= f.Mails {
			now = append(now, Alarm{Kind: "drift", What: printable(f.Format), n: f.Drift,
				Text: fmt.Sprintf("format %s: %d of %d mails of the last day no longer match (template drift?); see `ticketbridge mails --state parked` and `ticketbridge formats test`", f.Format, f.Drift, f.Mails)})
		}
	}
	return now
}

// ofFolders are the alarms of watched folders. Mails that were set aside are
// parked: once nothing is, somebody has seen to them.
func (a *alarms) ofFolders(v view) (now []Alarm) {
	for _, f := range v.folders {
		if f.OnDoneErr != "" {
			now = append(now, Alarm{Kind: "on_done", What: f.name(), Text: "recorded mails of " + f.name() + " do not get what on_done says: " + f.OnDoneErr, n: 1})
		}
		s := a.aside[f.name()]
		if f.SetAside > s.seen {
			s.seen, s.last = f.SetAside, v.now
		}
		if v.now.Sub(s.last) > recentWindow || v.storeErr == nil && v.counts.Mails[bridge.MailParked] == 0 {
			s.before = s.seen
		}
		a.aside[f.name()] = s
		if n := s.seen - s.before; n > 0 {
			now = append(now, Alarm{Kind: "set_aside", What: f.name(), n: n,
				Text: many(n, "mail") + " of " + f.name() + " could not be fetched whole; see `ticketbridge mails --state parked`"})
		}
	}
	return now
}

// watch looks now and then, so that alarms are raised and cleared while nobody
// asks.
func (p *Page) watch(ctx context.Context) {
	for {
		p.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery):
		}
	}
}

// perKind counts what alarms are about.
func perKind(as []Alarm) map[string]int64 {
	n := map[string]int64{}
	for _, a := range as {
		n[a.Kind] += a.n
	}
	return n
}

func many(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
