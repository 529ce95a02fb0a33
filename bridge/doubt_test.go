package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProber answers by a function of how often it was asked before.
type fakeProber struct {
	mu    sync.Mutex
	asked []time.Time
	say   func(n int) (Sighting, error)
}

func (p *fakeProber) Probe(_ context.Context, id string) (Sighting, error) {
	p.mu.Lock()
	n := len(p.asked)
	p.asked = append(p.asked, time.Now())
	p.mu.Unlock()
	return p.say(n)
}

func never(int) (Sighting, error) { return Sighting{Where: "INBOX, Processed"}, nil }

// noTicket is the answer of a helpdesk where comments cannot be looked for.
func noTicket(int) (Sighting, error) { return Sighting{Where: "tickets", OpenersOnly: true}, nil }

var testProbing = Probing{After: []time.Duration{2 * time.Minute, 10 * time.Minute, 30 * time.Minute}}

// doubtful is a delivery whose first attempt ended in doubt.
func doubtful() (*fakeOutbox, *scripted) {
	tr := &scripted{reply: func(d Delivery) Result {
		if d.Attempts == 1 {
			return Result{Outcome: InDoubt, Stage: "dot", Reply: "the server closed the connection"}
		}
		return Result{Outcome: Accepted}
	}}
	f := ready(1)
	f.rows[0].MessageID, f.rows[0].Data = "tb.1@example.com", []byte("the bytes")
	return f, tr
}

// TestDoubtIsLookedUp: what a look-up says decides, never a blind resend.
func TestDoubtIsLookedUp(t *testing.T) {
	found := Sighting{Found: true, Where: "Processed of support, UID 7"}
	for _, tt := range []struct {
		name     string
		say      func(n int) (Sighting, error)
		complete bool
		want     DeliveryState
		attempts int
		asked    int
		detail   string
		action   Action
	}{
		{"found at once", func(int) (Sighting, error) { return found, nil }, false, Sent, 1, 1, "found: Processed of support, UID 7", Append},
		{"the index is slow", func(n int) (Sighting, error) {
			if n < 2 {
				return never(n)
			}
			return found, nil
		}, true, Sent, 1, 3, "found", Append},
		{"not found, and that is proof", never, true, Sent, 2, 3, "accepted", Append},
		{"not found, and that is none", never, false, Doubt, 1, 3, "a person must decide: <tb.1@example.com> is not in INBOX, Processed (look-up 3 of 3, 2000-01-01T00:30:00Z)", Raise},
		{"a ticket not found where only tickets are", noTicket, true, Sent, 2, 3, "accepted", Raise},
		{"a follow-up not found where only tickets are", noTicket, true, Doubt, 1, 3, "a person must decide", Append},
		{"no answer is no answer", func(n int) (Sighting, error) {
			if n < 5 {
				return Sighting{}, errors.New("connection refused")
			}
			return found, nil
		}, true, Sent, 1, 6, "found", Raise},
		{"no answer for ever", func(int) (Sighting, error) { return Sighting{}, errors.New("connection refused") }, true, Doubt, 1, 16, "looking for it failed: connection refused", Raise},
		{"a panic is no answer", func(n int) (Sighting, error) {
			if n == 0 {
				panic("boom")
			}
			return found, nil
		}, true, Sent, 1, 2, "found", Raise},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, tr := doubtful()
				f.rows[0].Action = tt.action
				p := &fakeProber{say: tt.say}
				probing := testProbing
				probing.Complete = tt.complete
				if err := runWith(t, Sender{Store: f, Transport: tr, OnDoubt: "probe", Prober: p, Probing: probing}, 3*time.Hour); err != nil {
					t.Fatal(err)
				}
				d := f.rows[0]
				if d.State != tt.want || tr.count() != tt.attempts || !strings.Contains(d.Detail, tt.detail) {
					t.Errorf("%s after %d attempts: %s", d.State, tr.count(), d.Detail)
				}
				if n := len(p.asked); n != tt.asked && (tt.asked < 10 || n < tt.asked-3 || n > tt.asked+3) {
					t.Errorf("looked up %d times, want %d", n, tt.asked)
				}
			})
		})
	}
}

// TestLookUpsAreSpaced: three answers, at the times that queues and indexes need,
// and an outage of the mailbox shortens none of the pauses.
func TestLookUpsAreSpaced(t *testing.T) {
	for _, outage := range []time.Duration{0, 5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			f, tr := doubtful()
			back := time.Now().Add(outage)
			var answers []time.Time
			p := &fakeProber{say: func(n int) (Sighting, error) {
				if time.Now().Before(back) {
					return Sighting{}, errors.New("connection refused")
				}
				answers = append(answers, time.Now())
				return never(n)
			}}
			if err := runWith(t, Sender{Store: f, Transport: tr, OnDoubt: "probe", Prober: p, Probing: testProbing}, 24*time.Hour); err != nil {
				t.Fatal(err)
			}
			if len(answers) != 3 {
				t.Fatalf("%d answers", len(answers))
			}
			for i, want := range []time.Duration{8 * time.Minute, 20 * time.Minute} {
				if gap := answers[i+1].Sub(answers[i]); gap < want || gap > want+5*time.Second {
					t.Errorf("outage %v: pause %d is %v, want %v", outage, i, gap, want)
				}
			}
			if most := 12 * int(outage/time.Hour); len(p.asked)-3 > most {
				t.Errorf("%d look-ups in an outage of %v", len(p.asked)-3, outage)
			}
		})
	}
}

// TestCrashLeavesADoubtToLookUp: deliveries found Sending at the start go the
// way of the policy; a restart between the look-ups loses nothing of it.
func TestCrashLeavesADoubtToLookUp(t *testing.T) {
	for policy, want := range map[string]DeliveryState{"probe": Sent, "hold": Doubt, "resend": Sent} {
		synctest.Test(t, func(t *testing.T) {
			f := ready(1)
			f.rows[0].State, f.rows[0].Worker, f.rows[0].Claimed, f.rows[0].Attempts = Sending, "w1", time.Now(), 1
			tr := &scripted{reply: always(Result{Outcome: Accepted})}
			p := &fakeProber{say: func(n int) (Sighting, error) {
				if n < 2 {
					return never(n)
				}
				return Sighting{Found: true}, nil
			}}
			for range 40 { // stopped every minute
				if err := runWith(t, Sender{Store: f, Transport: tr, OnDoubt: policy, Prober: p, Probing: testProbing}, time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			attempts := 0
			if policy == "resend" {
				attempts = 1
			}
			if f.rows[0].State != want || tr.count() != attempts {
				t.Errorf("%s: %s after %d attempts of ours", policy, f.rows[0].State, tr.count())
			}
		})
	}
}

// TestNoEndlessDoubt: a server that never answers does not get the message for
// ever, whatever the policy.
func TestNoEndlessDoubt(t *testing.T) {
	for policy, want := range map[string]DeliveryState{"probe": Dead, "resend": Doubt} {
		synctest.Test(t, func(t *testing.T) {
			f, tr := ready(1), &scripted{reply: always(Result{Outcome: InDoubt, Stage: "dot"})}
			probing := testProbing
			probing.Complete = true
			if err := runWith(t, Sender{Store: f, Transport: tr, OnDoubt: policy, Prober: &fakeProber{say: never}, Probing: probing}, 7*24*time.Hour); err != nil {
				t.Fatal(err)
			}
			if got := f.rows[0]; got.State != want {
				t.Errorf("%s: %s: %s", policy, got.State, got.Detail)
			}
		})
	}
}

// TestStaleClaimIsNotBegun: a claim that is older than Fresh when its turn comes
// is given back; it may be another daemon's by now.
func TestStaleClaimIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := ready(16)
		var late []string
		tr := &scripted{}
		tr.reply = func(d Delivery) Result {
			if age := time.Since(d.Claimed); age > Fresh {
				late = append(late, fmt.Sprint(d.ID, " after ", age))
			}
			time.Sleep(3 * time.Minute)
			return Result{Outcome: Accepted}
		}
		if err := runSender(t, f, tr, "hold", time.Hour); err != nil {
			t.Fatal(err)
		}
		if len(late) > 0 {
			t.Errorf("begun with old claims: %v", late)
		}
		for _, s := range f.states() {
			if s != Sent {
				t.Fatalf("states %v", f.states())
			}
		}
		if tr.count() != 16 {
			t.Errorf("%d attempts for 16 deliveries", tr.count())
		}
		if !slices.ContainsFunc(f.settled, func(s Settlement) bool { return s.State == Ready && s.Result.Stage == notBegun }) {
			t.Error("nothing was given back, so nothing was tested")
		}
	})
}

// TestClaimsAgeByBothClocks: the monotonic clock stands still while a machine
// sleeps, the other one is set by people.
func TestClaimsAgeByBothClocks(t *testing.T) {
	now := time.Now()
	for what, tt := range map[string]struct {
		at    time.Time
		stale bool
	}{
		"new":                   {now, false},
		"stopped for an hour":   {now.Add(-time.Hour), true},
		"slept for an hour":     {now.Round(0).Add(-time.Hour), true}, // as if the monotonic clock had stood still
		"clock set back a year": {now.Round(0).AddDate(1, 0, 0), false},
	} {
		if age := (claim{at: tt.at}).age(); (age > Fresh) != tt.stale {
			t.Errorf("%s: %v old", what, age)
		}
	}
}

// TestAbandonedByAnother: what a daemon that is gone left Sending is found while
// we run, not only when we start; what it may still be at is left alone.
func TestAbandonedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := ready(2)
		for i, age := range []time.Duration{0, Orphaned - 30*time.Minute} {
			f.rows[i].State, f.rows[i].Worker, f.rows[i].Claimed, f.rows[i].Attempts = Sending, "w2", time.Now().Add(-age), 1
		}
		tr := &scripted{reply: always(Result{Outcome: Accepted})}
		if err := runSender(t, f, tr, "hold", 32*time.Minute); err != nil {
			t.Fatal(err)
		}
		if got, want := f.states(), []DeliveryState{Sending, Doubt}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestRefusedLoginIsNotHammered: R16, at most 12 tries an hour.
func TestRefusedLoginIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, tr := ready(50), &scripted{reply: always(Result{Outcome: Temporary, Stage: "auth", Code: "535 5.7.8", Broken: true})}
		if err := runSender(t, f, tr, "hold", time.Hour); err != nil {
			t.Fatal(err)
		}
		if n := tr.count(); n > 4*ahead+12 {
			t.Errorf("%d logins in an hour", n)
		}
		if s := f.states(); slices.Contains(s, Dead) {
			t.Error("a message died of the transport's fault")
		}
	})
}

// TestWhatNeedsAPersonIsAnError: the log's levels are what alarms go by.
func TestWhatNeedsAPersonIsAnError(t *testing.T) {
	for level, sts := range map[string][]Settlement{
		"INFO":  {{State: Sent}, {State: Ready}},
		"WARN":  {{State: Retry}, {State: Doubt, Next: time.Now()}},
		"ERROR": {{State: Doubt}, {State: Dead}},
	} {
		for _, st := range sts {
			var out bytes.Buffer
			s := Sender{Log: slog.New(slog.NewTextHandler(&out, nil))}
			if s.report(t.Context(), st); !strings.Contains(out.String(), "level="+level) {
				t.Errorf("%s: %s", st.State, out.String())
			}
		}
	}
}

func TestEnhancedCode(t *testing.T) {
	for code, want := range map[string]string{"550 5.7.1": "5.7.1", "550": "", "": ""} {
		if got := (Result{Code: code}).Enhanced(); got != want {
			t.Errorf("%q: %q", code, got)
		}
	}
}

// TestOneDoubtBlocksNoOther: a look-up that fails for one message is no reason
// not to make the others'.
func TestOneDoubtBlocksNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, tr := ready(5), &scripted{reply: always(Result{Outcome: InDoubt, Stage: "dot"})}
		for i := range f.rows {
			f.rows[i].MessageID = fmt.Sprint(i)
		}
		p := poisoned{}
		if err := runWith(t, Sender{Store: f, Transport: tr, OnDoubt: "probe", Prober: p, Probing: testProbing}, time.Hour); err != nil {
			t.Fatal(err)
		}
		if got, want := f.states(), []DeliveryState{Doubt, Sent, Sent, Sent, Sent}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// poisoned finds every message but the first, which it cannot look for.
type poisoned struct{}

func (poisoned) Probe(_ context.Context, id string) (Sighting, error) {
	if id == "0" {
		return Sighting{}, errors.New("the server does not answer")
	}
	return Sighting{Found: true, Where: "INBOX"}, nil
}

// TestStoppedDaemonSendsNothingTwice: R9. One daemon stands still, with a message
// on the wire and others claimed; another one finds them after Orphaned, looks for
// them, and sends them. When the first goes on, it begins none of them, and what
// it has to say of the one on the wire comes too late to count.
func TestStoppedDaemonSendsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := ready(ahead)
		var mu sync.Mutex
		sent := map[int64][]string{}
		transport := func(worker string) *scripted {
			return &scripted{reply: func(d Delivery) Result {
				if worker == "stopped" && d.Attempts == 1 {
					time.Sleep(2 * time.Hour) // the whole process, as far as anybody sees
					return Result{Outcome: Temporary, Stage: "data", Reply: "the server closed the connection"}
				}
				mu.Lock()
				defer mu.Unlock()
				sent[d.ID] = append(sent[d.ID], worker)
				return Result{Outcome: Accepted}
			}}
		}
		probing := Probing{After: testProbing.After, Complete: true}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Hour)
		defer cancel()
		var both sync.WaitGroup
		for _, worker := range []string{"stopped", "other"} {
			s := NewSender(Sender{Store: f, Transport: transport(worker), Worker: worker, Parallel: 1, OnDoubt: "probe",
				Prober: &fakeProber{say: never}, Probing: probing, Schedule: DefaultSchedule, Log: slog.New(slog.DiscardHandler)})
			both.Go(func() { s.Run(ctx) })
			time.Sleep(time.Second) // the first one claims all
		}
		both.Wait()
		for _, d := range f.rows {
			if d.State != Sent || !slices.Equal(sent[d.ID], []string{"other"}) {
				t.Errorf("d%d is %s, sent by %v", d.ID, d.State, sent[d.ID])
			}
		}
	})
}
