package bridge

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeOutbox keeps deliveries in memory; sqlstore's own tests and the
// end-to-end tests show that the real ones do the same.
type fakeOutbox struct {
	mu      sync.Mutex
	rows    []Delivery
	err     error // what every call returns
	claims  int
	settled []Settlement
}

func (f *fakeOutbox) Turnover(_ context.Context, worker string, now time.Time, done []Settlement, n int) ([]Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	for _, st := range done {
		f.settled = append(f.settled, st)
		for i := range f.rows {
			if r := &f.rows[i]; r.ID == st.Delivery && (r.State == Sending || r.State == Doubt) && r.Attempts == st.Attempt {
				r.State, r.Detail, r.Next, r.Probes = st.State, st.Detail, st.Next, st.Probes
			}
		}
	}
	var claimed []Delivery
	for i := range f.rows {
		r := &f.rows[i]
		if len(claimed) < n && (r.State == Ready || r.State == Retry) && !r.Next.After(now) {
			r.State, r.Worker, r.Claimed = Sending, worker, now
			r.Attempts++
			claimed = append(claimed, *r)
			f.claims++
		}
	}
	return claimed, nil
}

func (f *fakeOutbox) Recover(_ context.Context, r Recovery) ([]Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var left []Delivery
	for i := range f.rows {
		d := &f.rows[i]
		if d.State != Sending || d.Worker == r.Worker && !r.Started || d.Worker != r.Worker && !d.Claimed.Before(r.Before) {
			continue
		}
		d.State, d.Next = r.State, r.Next
		left = append(left, *d)
	}
	return left, f.err
}

func (f *fakeOutbox) NextProbe(context.Context) (Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := Delivery{}
	for _, r := range f.rows {
		if r.State == Doubt && !r.Next.IsZero() && (first.ID == 0 || r.Next.Before(first.Next)) {
			first = r
		}
	}
	if first.ID == 0 {
		return first, errors.Join(ErrNotFound, f.err)
	}
	return first, f.err
}

func (f *fakeOutbox) NextDue(context.Context) (time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due time.Time
	for _, r := range f.rows {
		if (r.State == Ready || r.State == Retry) && (due.IsZero() || r.Next.Before(due)) {
			due = r.Next
		}
	}
	return due, f.err
}

func (f *fakeOutbox) states() []DeliveryState {
	f.mu.Lock()
	defer f.mu.Unlock()
	var s []DeliveryState
	for _, r := range f.rows {
		s = append(s, r.State)
	}
	return s
}

func (f *fakeOutbox) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// scripted is a transport that answers by a function of the delivery.
type scripted struct {
	mu    sync.Mutex
	sent  []int64
	times []time.Time
	reply func(d Delivery) Result
}

func (s *scripted) Send(_ context.Context, d Delivery) Result {
	s.mu.Lock()
	s.sent = append(s.sent, d.ID)
	s.times = append(s.times, time.Now())
	s.mu.Unlock()
	return s.reply(d)
}
func (s *scripted) Check(context.Context) error { return nil }
func (s *scripted) Close() error                { return nil }

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent)
}

func ready(n int) *fakeOutbox {
	f := &fakeOutbox{}
	for i := range n {
		f.rows = append(f.rows, Delivery{ID: int64(i + 1), Conversation: int64(i + 1), State: Ready, Created: time.Now(), Next: time.Now()})
	}
	return f
}

// runSender runs a sender for d of fake time and stops it.
func runSender(t *testing.T, f *fakeOutbox, tr *scripted, onDoubt string, d time.Duration) error {
	t.Helper()
	return runWith(t, Sender{Store: f, Transport: tr, OnDoubt: onDoubt}, d)
}

// runWith fills in what a test says nothing of.
func runWith(t *testing.T, s Sender, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	s.Worker, s.Parallel, s.Schedule = "w1", 4, DefaultSchedule
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	return NewSender(s).Run(ctx)
}

func always(r Result) func(Delivery) Result { return func(Delivery) Result { return r } }

func TestEachIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, tr := ready(100), &scripted{reply: always(Result{Outcome: Accepted})}
		if err := runSender(t, f, tr, "hold", time.Minute); err != nil {
			t.Fatal(err)
		}
		slices.Sort(tr.sent)
		if len(slices.Compact(tr.sent)) != 100 || tr.count() != 100 {
			t.Errorf("%d attempts for 100 deliveries", tr.count())
		}
		for _, s := range f.states() {
			if s != Sent {
				t.Fatalf("states %v", f.states())
			}
		}
	})
}

// TestOutcomes: INVARIANTS §3.2, what each outcome makes of a delivery.
func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		result  Result
		onDoubt string
		want    DeliveryState
		most    int // attempts within ten seconds
	}{
		{"accepted", Result{Outcome: Accepted}, "hold", Sent, 1},
		{"refused for good", Result{Outcome: Permanent, Stage: "rcpt", Code: "550"}, "hold", Dead, 1},
		{"refused for now", Result{Outcome: Temporary, Stage: "rcpt", Code: "451"}, "hold", Retry, 1},
		{"doubt is held", Result{Outcome: InDoubt, Stage: "dot"}, "hold", Doubt, 1},
		{"doubt is resent where the admin says so", Result{Outcome: InDoubt, Stage: "dot"}, "resend", Retry, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, tr := ready(1), &scripted{reply: always(tt.result)}
				if err := runSender(t, f, tr, tt.onDoubt, 10*time.Second); err != nil {
					t.Fatal(err)
				}
				if got := f.states()[0]; got != tt.want || tr.count() > tt.most {
					t.Errorf("got %s after %d attempts, want %s", got, tr.count(), tt.want)
				}
			})
		})
	}
}

// TestGivesUpAfterFiveDays: retries are spaced, jittered and bounded.
func TestGivesUpAfterFiveDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, tr := ready(1), &scripted{reply: always(Result{Outcome: Temporary, Stage: "rcpt", Code: "451"})}
		if err := runSender(t, f, tr, "hold", 7*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if f.states()[0] != Dead {
			t.Errorf("state %s, want dead", f.states()[0])
		}
		if n := tr.count(); n < 100 || n > 160 {
			t.Errorf("%d attempts in five days; want about one an hour", n)
		}
		for i := 8; i < len(tr.times); i++ {
			if gap := tr.times[i].Sub(tr.times[i-1]); gap < 50*time.Minute || gap > 70*time.Minute {
				t.Errorf("pause %d is %v, want an hour give or take an eighth", i, gap)
				break
			}
		}
	})
}

// TestBrokenTransportRests: a server that is down is not hammered, burns few
// attempts, and all is sent soon after it is back.
func TestBrokenTransportRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(time.Hour)
		tr := &scripted{reply: func(Delivery) Result {
			if time.Now().Before(back) {
				return Result{Outcome: Temporary, Stage: "connect", Broken: true}
			}
			return Result{Outcome: Accepted}
		}}
		f := ready(200)
		if err := runSender(t, f, tr, "hold", 3*time.Hour); err != nil {
			t.Fatal(err)
		}
		for _, s := range f.states() {
			if s != Sent {
				t.Fatalf("states %v", f.states())
			}
		}
		if n := tr.count() - 200; n > 60 {
			t.Errorf("%d attempts against a server that was down for an hour", n)
		}
	})
}

// TestRetryAfter: a server that says how long it wants to be left alone is.
func TestRetryAfter(t *testing.T) {
	for name, broken := range map[string]bool{"one message": false, "the server": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var again []time.Duration
				tr := &scripted{reply: func(d Delivery) Result {
					if passed := time.Since(began); passed > time.Minute {
						again = append(again, passed)
						return Result{Outcome: Accepted}
					}
					return Result{Outcome: Temporary, Stage: "reply", Broken: broken, RetryAfter: 40 * time.Minute}
				}}
				f := ready(1)
				if err := runSender(t, f, tr, "hold", 2*time.Hour); err != nil {
					t.Fatal(err)
				}
				if tr.count() != 2 || len(again) != 1 || again[0] < 40*time.Minute || again[0] > 45*time.Minute {
					t.Errorf("%d attempts, again after %v; want one after 40m", tr.count(), again)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // nor do others try it meanwhile
		f := ready(1)
		began := time.Now()
		tr := &scripted{reply: func(Delivery) Result {
			if time.Since(began) > 30*time.Minute {
				return Result{Outcome: Accepted}
			}
			return Result{Outcome: Temporary, Stage: "reply", Broken: true, RetryAfter: 40 * time.Minute}
		}}
		f.rows = append(f.rows, Delivery{ID: 2, State: Ready, Created: began, Next: began.Add(5 * time.Minute)})
		if err := runSender(t, f, tr, "hold", 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		if tr.count() != 3 {
			t.Errorf("%d attempts for two messages, one of them refused", tr.count())
		}
	})
}

// TestShortOutageIsShort: many attempts that fail at once are one failure, so
// that an outage of seconds does not cost minutes.
func TestShortOutageIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(2 * time.Second)
		tr := &scripted{reply: func(Delivery) Result {
			if time.Now().Before(back) {
				return Result{Outcome: Temporary, Stage: "connect", Broken: true}
			}
			return Result{Outcome: Accepted}
		}}
		f := ready(40)
		if err := runSender(t, f, tr, "hold", time.Minute); err != nil {
			t.Fatal(err)
		}
		for _, s := range f.states() {
			if s != Sent {
				t.Fatalf("a minute after an outage of two seconds: %v", f.states())
			}
		}
	})
}

// TestFoundSendingIsInDoubt: what a crash left in flight is never sent blindly.
func TestFoundSendingIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := ready(3)
		f.rows[0].State, f.rows[0].Worker, f.rows[0].Claimed = Sending, "w1", time.Now()
		f.rows[1].State, f.rows[1].Worker, f.rows[1].Claimed = Sending, "w2", time.Now()
		tr := &scripted{reply: always(Result{Outcome: Accepted})}
		if err := runSender(t, f, tr, "hold", time.Minute); err != nil {
			t.Fatal(err)
		}
		if got, want := f.states(), []DeliveryState{Doubt, Sending, Sent}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v: ours in doubt, the other daemon's left alone", got, want)
		}
	})
}

// TestStoreDown: no send while outcomes cannot be recorded; it resumes alone,
// and what was sent meanwhile is recorded, not sent again.
func TestStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := ready(50)
		tr := &scripted{}
		tr.reply = func(d Delivery) Result {
			if d.ID == 5 {
				f.fail(errors.New("disk full"))
			}
			time.Sleep(10 * time.Millisecond)
			return Result{Outcome: Accepted}
		}
		time.AfterFunc(time.Minute, func() {
			if n := tr.count(); n > 20 {
				t.Errorf("%d sent while the store was down", n)
			}
			f.fail(nil)
		})
		if err := runSender(t, f, tr, "hold", 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		if tr.count() != 50 {
			t.Errorf("%d attempts for 50 deliveries", tr.count())
		}
	})
}

// TestStopWaitsForDATA: a stop lets running attempts finish and records them;
// claimed ones that were not begun become ready again, not doubtful.
func TestStopWaitsForDATA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := ready(16)
		tr := &scripted{reply: func(Delivery) Result { time.Sleep(5 * time.Second); return Result{Outcome: Accepted} }}
		start := time.Now()
		if err := runSender(t, f, tr, "hold", time.Second); err != nil {
			t.Fatal(err)
		}
		count := map[DeliveryState]int{}
		for _, s := range f.states() {
			count[s]++
		}
		if count[Sent] != 4 || count[Ready] != 12 {
			t.Errorf("states %v, want 4 sent and 12 ready", count)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("stopping took %v", took)
		}
	})
}

func TestPanickingTransportMeansDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, tr := ready(1), &scripted{reply: func(Delivery) Result { panic("boom") }}
		if err := runSender(t, f, tr, "hold", time.Second); err != nil {
			t.Fatal(err)
		}
		if f.states()[0] != Doubt {
			t.Errorf("state %s", f.states()[0])
		}
	})
}
