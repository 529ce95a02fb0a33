package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Sender empties the outbox: steps 9 to 12 of doc.go. One loop owns the
// schedule; up to Parallel goroutines each make one attempt at a time.
type Sender struct {
	Store     Outbox
	Transport Transport
	Worker    string // names this daemon among those that share a database
	Parallel  int    // attempts at a time
	OnDoubt   string // "probe", "resend" or "hold"
	Prober    Prober // with "probe"
	Probing   Probing
	Schedule  Schedule
	Log       *slog.Logger
	// Observe is told of every settled attempt; may be nil.
	Observe func(Settlement)

	kick chan struct{}
}

// Schedule says when a refused delivery is tried again and when it is given up.
type Schedule struct {
	First  time.Duration // after the first refusal
	Most   time.Duration // the longest pause between two attempts
	GiveUp time.Duration // since the delivery was made
}

// DefaultSchedule gives up after Postfix's queue life (bounce_queue_lifetime).
var DefaultSchedule = Schedule{First: 30 * time.Second, Most: time.Hour, GiveUp: 5 * 24 * time.Hour}

// next is the pause after the nth attempt: doubling, and jittered by a quarter
// so that what failed together does not come back together.
func (s Schedule) next(n int) time.Duration {
	d := s.Most
	if n < 20 {
		d = min(s.First<<max(n-1, 0), s.Most)
	}
	return d - d/8 + rand.N(d/4+1)
}

const (
	// ahead is how many deliveries are claimed for each goroutine in a backlog,
	// so that one commit serves many. A crash leaves all of them in doubt, so it
	// is small; with one delivery due, one is claimed.
	ahead = 4
	// lookAgain bounds how long a change by another process stays unnoticed.
	lookAgain = 2 * time.Second
	// grace is how long a stop waits for attempts that are inside DATA.
	grace = 8 * time.Second
	// rounds is how often what other daemons left behind is looked for.
	rounds = time.Minute
	// authPause is the least pause after a refused login: servers lock accounts.
	authPause = 5 * time.Minute
)

// Orphaned is how old a claim of another daemon must be before it counts as left
// behind. Transports end every attempt that was begun within Fresh sooner.
const Orphaned = 35 * time.Minute

// Fresh is how old a claim may be when its attempt begins. A process that was
// stopped, or a machine that slept, may find that another daemon has given its
// claims up: what is older is not begun.
const Fresh = 5 * time.Minute

// NewSender checks nothing and starts nothing; Run does.
func NewSender(s Sender) *Sender {
	s.kick = make(chan struct{}, 1)
	return &s
}

// Kick wakes the loop: something was accepted. It never blocks.
func (s *Sender) Kick() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// claim is a delivery to send, and when it was claimed by both clocks: the
// monotonic one does not count a machine's sleep, the other one is set by people.
type claim struct {
	Delivery
	at time.Time
}

func (c claim) age() time.Duration {
	now := time.Now()
	return max(now.Sub(c.at), now.Round(0).Sub(c.at.Round(0)))
}

// attempt is one finished attempt.
type attempt struct {
	Delivery
	result Result
}

// Run sends until ctx ends, then waits for what is in flight. What an earlier
// run left in flight is in doubt.
func (s *Sender) Run(ctx context.Context) error {
	if err := s.recover(ctx, true); err != nil {
		return err
	}
	jobs := make(chan claim, s.Parallel*ahead)
	done := make(chan attempt, s.Parallel*ahead)
	var workers sync.WaitGroup
	for range s.Parallel {
		workers.Go(func() {
			for c := range jobs {
				done <- attempt{c.Delivery, s.send(ctx, c)}
			}
		})
	}
	if s.OnDoubt == "probe" {
		var prober sync.WaitGroup
		defer prober.Wait()
		prober.Go(func() { s.probeDoubts(ctx) })
	}
	l := &sendLoop{Sender: s, jobs: jobs, done: done, round: time.Now()}
	err := l.run(ctx)
	close(jobs)
	if err == nil {
		err = l.drain(ctx, &workers)
	}
	return err
}

// send makes one attempt. A panic is our bug: the delivery goes into doubt, for
// nobody knows how far it came.
func (s *Sender) send(ctx context.Context, c claim) (r Result) {
	if ctx.Err() != nil {
		return Result{Outcome: Temporary, Stage: notBegun, Reply: "the program is stopping"}
	}
	if age := c.age(); age > Fresh {
		return Result{Outcome: Temporary, Stage: notBegun, Reply: "claimed " + age.Round(time.Second).String() + " ago; another daemon may have given it up"}
	}
	defer func() {
		if p := recover(); p != nil {
			r = Result{Outcome: InDoubt, Stage: "internal", Reply: cut(fmt.Sprint(p), 200)}
		}
	}()
	return s.Transport.Send(ctx, c.Delivery)
}

// notBegun is the stage of an attempt of which not a byte was sent.
const notBegun = "before"

// recover settles what an earlier run, or a daemon that is gone, left sending.
func (s *Sender) recover(ctx context.Context, started bool) error {
	now := time.Now()
	r := Recovery{Worker: s.Worker, Started: started, Before: now.Add(-Orphaned), State: Doubt}
	switch s.OnDoubt {
	case "probe":
		r.Next = now.Add(s.Probing.wait(0))
	case "resend":
		r.State, r.Next = Retry, now.Add(s.Schedule.next(1))
	}
	left, err := s.Store.Recover(ctx, r)
	if err != nil {
		return fmt.Errorf("recover the outbox: %w", err)
	}
	for _, d := range left {
		s.report(ctx, Settlement{Delivery: d.ID, Attempt: d.Attempts, State: d.State, Detail: d.Detail, Next: d.Next})
	}
	return nil
}

// sendLoop is the state of one Run, owned by its goroutine.
type sendLoop struct {
	*Sender
	jobs     chan<- claim
	done     <-chan attempt
	inFlight int
	settled  []Settlement // finished, not yet recorded
	broken   int          // failures of the transport in a row
	pause    time.Time    // nothing is claimed before
	storeErr error        // the last one, so that it is logged once
	round    time.Time    // when other daemons' deliveries were last looked at
}

func (l *sendLoop) run(ctx context.Context) error {
	for ctx.Err() == nil {
		wake := l.turnover(ctx)
		timer := time.NewTimer(wake)
		select {
		case <-ctx.Done():
		case <-l.kick:
		case <-timer.C:
		case a := <-l.done:
			l.settle(a)
			l.gather()
		}
		timer.Stop()
	}
	return nil
}

// gather takes what else has finished, so that one commit records it all.
func (l *sendLoop) gather() {
	for {
		select {
		case a := <-l.done:
			l.settle(a)
		default:
			return
		}
	}
}

// turnover records what finished, claims what is due and hands it out. It
// returns how long to sleep if nothing happens.
func (l *sendLoop) turnover(ctx context.Context) time.Duration {
	now := time.Now()
	free := l.room(now)
	if now.Sub(l.round) > rounds {
		l.round = now
		if err := l.recover(ctx, false); err != nil {
			l.storeFailed(ctx, err)
		}
	}
	if len(l.settled) == 0 {
		if free == 0 {
			return l.sleep(now, lookAgain)
		}
		if wait := l.untilDue(ctx, now); wait > 0 {
			return l.sleep(now, wait)
		}
	}
	claimed, err := l.Store.Turnover(ctx, l.Worker, now, l.settled, free)
	if err != nil {
		l.storeFailed(ctx, err)
		return time.Second
	}
	if l.storeErr != nil {
		l.Log.Info("outbox can be recorded again")
		l.storeErr = nil
	}
	for _, st := range l.settled {
		l.report(ctx, st)
	}
	l.settled = l.settled[:0]
	l.inFlight += len(claimed)
	for _, d := range claimed {
		l.jobs <- claim{d, now} // has room: inFlight never exceeds its capacity
	}
	if l.inFlight > 0 || free == 0 {
		return l.sleep(now, lookAgain) // a finished attempt wakes us
	}
	return l.sleep(now, max(l.untilDue(ctx, now), time.Millisecond))
}

// untilDue is how long nothing is due, at most lookAgain; 0 = something is.
func (l *sendLoop) untilDue(ctx context.Context, now time.Time) time.Duration {
	due, err := l.Store.NextDue(ctx)
	if err != nil {
		l.storeFailed(ctx, err)
		return time.Second
	}
	if due.IsZero() {
		return lookAgain
	}
	return min(max(due.Sub(now), 0), lookAgain)
}

// room is how many deliveries may be claimed now: none while the transport
// rests, one to try whether it is back.
func (l *sendLoop) room(now time.Time) int {
	switch {
	case now.Before(l.pause):
		return 0
	case l.broken > 0:
		return max(1-l.inFlight, 0)
	default:
		return l.Parallel*ahead - l.inFlight
	}
}

// sleep ends no later than the transport's rest does.
func (l *sendLoop) sleep(now time.Time, d time.Duration) time.Duration {
	if rest := l.pause.Sub(now); rest > 0 {
		return min(rest, lookAgain)
	}
	return d
}

// storeFailed: without the store nothing is sent. Settlements stay in memory
// and are recorded when it is back.
func (l *sendLoop) storeFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if l.storeErr == nil {
		l.Log.Error("outbox cannot be recorded; sending stops until it can", "err", err, "unrecorded", len(l.settled))
	}
	l.storeErr = err
}

// settle turns an attempt's result into what becomes of the delivery
// (INVARIANTS §3.2).
func (l *sendLoop) settle(a attempt) {
	l.inFlight--
	now := time.Now()
	st := Settlement{Delivery: a.ID, Attempt: a.Attempts, At: now, Result: a.result, Detail: cut(a.result.String(), 500)}
	switch a.result.Outcome {
	case Accepted:
		st.State = arrived(a.result)
	case Permanent:
		st.State = Dead
	case InDoubt:
		l.doubt(&st, a.Delivery, now)
	default:
		st.State, st.Next = Retry, now.Add(max(l.Schedule.next(a.Attempts), a.result.RetryAfter))
		if now.Sub(a.Created) > l.Schedule.GiveUp {
			st.State, st.Next = Dead, time.Time{}
			st.Detail = "given up after " + l.Schedule.GiveUp.String() + ": " + st.Detail
		}
	}
	if a.result.Stage == notBegun {
		st.State, st.Next = Ready, now
	}
	l.settled = append(l.settled, st)
	l.judgeTransport(a.result, now)
}

// arrived: a target that answers with the ticket's number leaves nothing to wait for.
func arrived(r Result) DeliveryState {
	if r.Ticket != "" {
		return Confirmed
	}
	return Sent
}

// judgeTransport keeps a broken transport from burning attempts: after a
// failure that is not the message's nothing is claimed for a while, then one.
func (l *sendLoop) judgeTransport(r Result, now time.Time) {
	if !r.Broken {
		if r.Stage != notBegun {
			l.broken, l.pause = 0, time.Time{}
		}
		return
	}
	if now.Before(l.pause) {
		return // attempts that were under way when it broke tell nothing new
	}
	l.broken++
	rest := max(Schedule{First: time.Second, Most: 5 * time.Minute}.next(min(l.broken, 10)), r.RetryAfter)
	if r.Stage == "auth" {
		rest = max(rest, authPause)
	}
	l.pause = now.Add(rest)
	l.Log.Warn("transport is broken", "err", r.String(), "failures", l.broken, "rest", rest.Round(time.Millisecond).String())
}

// report logs what became of a delivery: an error is what needs a person.
func (s *Sender) report(ctx context.Context, st Settlement) {
	level := slog.LevelInfo
	switch {
	case st.State == Dead, st.State == Doubt && st.Next.IsZero():
		level = slog.LevelError
	case st.State == Retry, st.State == Doubt:
		level = slog.LevelWarn
	}
	s.Log.Log(ctx, level, "delivery "+string(st.State), "delivery", DeliveryID(st.Delivery), "attempt", st.Attempt, "reason", st.Detail)
	if s.Observe != nil {
		s.Observe(st)
	}
}

// drain waits for attempts in flight and records how they ended. What is not
// finished when grace ends stays Sending, and so in doubt at the next start.
func (l *sendLoop) drain(ctx context.Context, workers *sync.WaitGroup) error {
	idle := make(chan struct{})
	go func() { workers.Wait(); close(idle) }()
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	for l.inFlight > 0 {
		select {
		case a := <-l.done:
			l.settle(a)
			continue
		case <-deadline.C:
			l.Log.Warn("stopped while sending", "deliveries", l.inFlight)
		}
		break
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if len(l.settled) > 0 {
		if _, err := l.Store.Turnover(ctx, l.Worker, time.Now(), l.settled, 0); err != nil {
			return errors.Join(errors.New("the outcome of the last attempts could not be recorded; they are in doubt"), err)
		}
		for _, st := range l.settled {
			l.report(ctx, st)
		}
	}
	if l.inFlight == 0 {
		<-idle
	}
	return nil
}
