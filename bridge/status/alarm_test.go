package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// wellStore holds nothing that needs a person.
func wellStore() *fakeStore {
	return &fakeStore{counts: bridge.Counts{
		Mails: map[bridge.MailState]int64{bridge.MailParked: 1}, Deliveries: map[bridge.DeliveryState]int64{bridge.Sent: 5},
	}}
}

// alarmed is a page with a log that can be read.
func alarmed(store *fakeStore, f *Folder) (*Page, *bytes.Buffer) {
	var log bytes.Buffer
	p := newPage(Default(), store)
	p.src.Folders = func() []Folder { return []Folder{*f} }
	p.src.Log = slog.New(slog.NewTextHandler(&log, nil))
	return p, &log
}

func kinds(as []Alarm) string {
	var ks []string
	for _, a := range as {
		ks = append(ks, a.Kind)
	}
	return strings.Join(ks, " ")
}

func broken(b bool) bridge.Settlement {
	return bridge.Settlement{State: bridge.Retry, Result: bridge.Result{Outcome: bridge.Temporary, Broken: b, Stage: "auth", Code: "535 5.7.8", Reply: "no"}}
}

// TestAlarms: each kind is raised, shown, counted and logged once, leaves
// /healthz at 200, and is over when its reason is.
func TestAlarms(t *testing.T) {
	for _, tc := range []struct {
		kind, text string
		begin, end func(*Page, *fakeStore, *Folder)
		n          string
	}{
		{"doubt", "2 ticket messages may or may not have arrived", func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Deliveries[bridge.Doubt], s.counts.Probing = 5, 3 },
			func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Probing = 5 }, "2"},
		{"dead", "1 ticket message will not arrive", func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Deliveries[bridge.Dead], s.counts.Dropped = 4, 3 },
			func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Dropped = 4 }, "1"},
		{"bounced", "1 ticket message came back", func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Deliveries[bridge.Bounced] = 1 },
			func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Deliveries[bridge.Bounced] = 0 }, "1"},
		{"on_done", "recorded mails of ann/INBOX do not get what on_done says: no such folder", func(_ *Page, _ *fakeStore, f *Folder) { f.OnDoneErr = "no such folder" },
			func(_ *Page, _ *fakeStore, f *Folder) { f.OnDoneErr = "" }, "1"},
		{"set_aside", "2 mails of ann/INBOX could not be fetched whole", func(_ *Page, _ *fakeStore, f *Folder) { f.SetAside = 2 },
			func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Mails[bridge.MailParked] = 0 }, "2"},
		{"set_aside", "1 mail of ann/INBOX could not be fetched whole", func(_ *Page, _ *fakeStore, f *Folder) { f.SetAside = 1 },
			func(*Page, *fakeStore, *Folder) { time.Sleep(25 * time.Hour) }, "1"},
		{"stuck", "2 waiting mails cannot go on without a person", func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Stuck = 2 },
			func(_ *Page, s *fakeStore, _ *Folder) { s.counts.Stuck = 0 }, "2"},
		{"unconfirmed", "1 ticket message of the last three days sent, and not acknowledged by the helpdesk within 60 min",
			func(p *Page, s *fakeStore, _ *Folder) { p.src.ConfirmWithin, s.unconfirmed = time.Hour, 1 },
			func(_ *Page, s *fakeStore, _ *Folder) { s.unconfirmed = 0 }, "1"},
		{"drift", "format intercom: 3 of 15 mails of the last day no longer match (template drift?)",
			func(_ *Page, s *fakeStore, _ *Folder) {
				s.formats = []bridge.FormatCount{{Format: "intercom", Mails: 15, Drift: 3}}
			},
			func(_ *Page, s *fakeStore, _ *Folder) {
				s.formats = []bridge.FormatCount{{Format: "intercom", Mails: 16, Drift: 3}}
			}, "3"},
		{"canary", "the last canary was not seen, so tickets may be missing too: it did not arrive within 5m", func(p *Page, _ *fakeStore, _ *Folder) { p.CanaryFlown(0, errors.New("it did not arrive within 5m")) },
			func(p *Page, _ *fakeStore, _ *Folder) { p.CanaryFlown(2*time.Second, nil) }, "1"},
		{"transport", "the mail server has not worked for 6 min; ticket messages wait, one at a time tries it: temporary at auth: 535 5.7.8 no",
			func(p *Page, s *fakeStore, _ *Folder) {
				p.AttemptSettled(broken(true))
				time.Sleep(6 * time.Minute)
				p.AttemptSettled(broken(true))
				s.counts.OldestDue = time.Now().Add(-time.Hour) // late, and no restart helps
			},
			func(p *Page, s *fakeStore, _ *Folder) {
				s.counts.OldestDue = time.Time{}
				p.AttemptSettled(broken(false))
			}, "1"},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, f := wellStore(), &Folder{Mailbox: "ann", Folder: "INBOX", Connected: true}
				p, log := alarmed(store, f)
				if as := p.look(t.Context()).alarms; len(as) > 0 {
					t.Fatalf("before: %v", as)
				}
				tc.begin(p, store, f)
				p.look(t.Context())
				time.Sleep(time.Second)
				resp := get(t, p, "GET", "/healthz")
				var h Health
				if err := json.Unmarshal([]byte(body(t, resp)), &h); err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != http.StatusOK || h.Status != "ok" || len(h.Alarms) != 1 || h.Alarms[0].Kind != tc.kind || time.Since(h.Alarms[0].Since) != time.Second {
					t.Fatalf("%s %+v", resp.Status, h)
				}
				mustHold(t, h.Alarms[0].Text, tc.text)
				mustHold(t, body(t, get(t, p, "GET", "/metrics")), `ticketbridge_alarms{kind="`+tc.kind+`"} `+tc.n)
				mustHold(t, body(t, get(t, p, "GET", "/")), "<li>"+tc.kind+": <bdi>")
				tc.end(p, store, f)
				if as := p.look(t.Context()).alarms; len(as) > 0 {
					t.Errorf("after: %v", as)
				}
				p.look(t.Context())
				for _, msg := range []string{`level=ERROR msg="alarm raised" kind=` + tc.kind, `level=ERROR msg="alarm over" kind=` + tc.kind} {
					if strings.Count(log.String(), msg) != 1 {
						t.Errorf("want once %s in:\n%s", msg, log)
					}
				}
				if strings.Count(log.String(), "\n") != 2 {
					t.Errorf("log:\n%s", log)
				}
			})
		})
	}
}

// TestNoAlarm: what is no reason to call somebody.
func TestNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, f := wellStore(), &Folder{Mailbox: "ann", Folder: "INBOX", Connected: true}
		p, _ := alarmed(store, f)
		store.formats = []bridge.FormatCount{{Format: "a", Mails: 2, Drift: 2}, {Format: "b", Mails: 100, Drift: 19}}
		p.AttemptSettled(broken(true))
		time.Sleep(4 * time.Minute) // a server restarts
		store.counts.Deliveries[bridge.Dead], store.counts.Dropped = 7, 7
		if as := p.look(t.Context()).alarms; len(as) > 0 {
			t.Errorf("got %v", as)
		}
	})
}

// TestAlarmsWithoutStore: a database that does not answer neither raises nor
// clears what only it knows.
func TestAlarmsWithoutStore(t *testing.T) {
	store, f := wellStore(), &Folder{Mailbox: "ann", Folder: "INBOX", Connected: true}
	p, log := alarmed(store, f)
	store.counts.Deliveries[bridge.Doubt] = 1
	store.formats = []bridge.FormatCount{{Format: "intercom", Mails: 3, Drift: 3}}
	for _, err := range []error{nil, errors.New("disk full"), nil} {
		store.err = err
		if got := kinds(p.look(t.Context()).alarms); got != "doubt drift" {
			t.Errorf("%v: got %s", err, got)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, log)
	}
}

// TestWatch: alarms are raised while nobody asks, and without a page.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, f := wellStore(), &Folder{Mailbox: "ann", Folder: "INBOX", Connected: true}
		p, _ := alarmed(store, f)
		p.cfg.Listen = ""
		raised := make(chan string, 10)
		p.src.Log = slog.New(slog.NewTextHandler(writer(func(b []byte) { raised <- string(b) }), nil))
		f.OnDoneErr = "no such folder"
		began := time.Now()
		go p.Run(t.Context())
		mustHold(t, <-raised, "alarm raised", "on_done", "ann/INBOX")
		p.AttemptSettled(broken(true))
		mustHold(t, <-raised, "alarm raised", "kind=transport")
		if took := time.Since(began); took < brokenAfter || took > brokenAfter+2*watchEvery {
			t.Errorf("took %v", took)
		}
	})
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }
