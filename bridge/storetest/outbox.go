package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
)

var outboxTests = []test{
	{"a claim", outboxClaim},
	{"due deliveries, oldest first, up to n", outboxOrder},
	{"a conversation's order", outboxConversation},
	{"how an attempt may end", outboxSettle},
	{"only the attempt that is under way is settled", outboxFencing},
	{"settle and claim in one go", outboxTurnover},
	{"an impossible settlement leaves nothing", outboxImpossible},
	{"many at once", outboxMany},
	{"the link", outboxLink},
	{"an acknowledgement quicker than the reply", outboxQuickAck},
	{"what was under way at a crash is in doubt", outboxRecover},
	{"when the next is due", outboxNextDue},
	{"a doubt is looked into", outboxProbe},
	{"a doubt ends by what is known of its attempt", outboxDoubtEnds},
	{"what another daemon left", outboxAbandoned},
}

// raise records n new conversations, a second apart.
func (e *env) raise(s bridge.Store, from, n int) []bridge.MailRecord {
	e.Helper()
	var batch []bridge.Arrival
	for i := from; i < from+n; i++ {
		batch = append(batch, Mail("support", uint32(i), fmt.Sprint("k/", i), fmt.Sprint("turn ", i)))
	}
	return e.accept(s, batch...)
}

func outboxClaim(e *env) {
	s := e.open()
	a := Mail("support", 1, "k/1", "one")
	e.accept(s, a)
	now := Start.Add(time.Hour)
	got := e.claim(s, now, 10)
	if len(got) != 1 {
		e.Fatalf("claimed %d", len(got))
	}
	want := *Message(a, bridge.Raise, a.Turns)
	want.ID, want.Conversation, want.Mail = 1, 1, 1
	want.State, want.Attempts, want.Claimed, want.Worker, want.Next = bridge.Sending, 1, now, "w1", time.Time{}
	e.equal("claimed", got[0], want)
	want.Data = nil
	e.equal("stored", e.delivery(s, 1), want)
	e.equal("claimed again", len(e.claim(s, now.AddDate(1, 0, 0), 10)), 0)
	ev := e.story(s, "d1").Events
	e.equal("event", ev[len(ev)-1], bridge.Event{At: now, What: "claimed", Text: "attempt 1 by w1", Mail: 1, Conversation: 1, Delivery: 1})
}

func outboxOrder(e *env) {
	s := e.open()
	e.raise(s, 1, 6) // due at their recording, a second apart
	at := func(n int) time.Time { return Start.Add(time.Duration(n)*time.Second + 2*time.Second) }
	e.equal("none due", len(e.claim(s, at(1).Add(-time.Microsecond), 10)), 0)
	e.equal("none wanted", len(e.claim(s, at(6), 0)), 0)
	e.equal("up to now", deliveryIDs(e.claim(s, at(2), 10)), []int64{1, 2})
	e.equal("up to n", deliveryIDs(e.claim(s, at(6), 3)), []int64{3, 4, 5})
	late := e.delivery(s, 4)
	late.Attempts = 1
	st := done(late, bridge.Retry)
	st.Next = at(5)
	e.settle(s, st) // due before d6 was
	e.equal("oldest first", deliveryIDs(e.claim(s, at(9), 10)), []int64{4, 6})
}

func outboxConversation(e *env) {
	far := Start.AddDate(1, 0, 0)
	for _, test := range []struct {
		first  bridge.DeliveryState // what the first delivery is in
		blocks bool
	}{
		{bridge.Ready, true}, {bridge.Held, true}, {bridge.Sending, true}, {bridge.Retry, true}, {bridge.Doubt, true},
		{bridge.Dead, true}, {bridge.Bounced, true}, {bridge.Sent, false}, {bridge.Confirmed, false},
	} {
		e.Run(string(test.first), func(t *testing.T) {
			e := &env{T: t, ctx: e.ctx, again: e.again, fresh: e.again(t)}
			s := e.open()
			judge := Judge
			if test.first == bridge.Held {
				judge = changed(func(v *bridge.Verdict) { v.Delivery.State = bridge.Held })
			}
			if test.first == bridge.Ready {
				judge = changed(func(v *bridge.Verdict) { v.Delivery.Next = far.AddDate(1, 0, 0) })
			}
			e.acceptBy(s, judge, Mail("support", 1, "k/1", "one"))
			e.accept(s, Mail("support", 2, "k/1", "two"), Mail("support", 3, "k/1", "three"))
			if test.first != bridge.Held && test.first != bridge.Ready {
				first := e.claim(s, far, 10)
				e.equal("first", deliveryIDs(first), []int64{1})
				if test.first != bridge.Sending {
					st := done(first[0], test.first)
					st.Next = far.AddDate(1, 0, 0)
					e.settle(s, st)
				}
			}
			e.equal("state", e.delivery(s, 1).State, test.first)
			behind, last := e.delivery(s, 2), e.delivery(s, 3)
			next := e.claim(s, far, 10)
			if test.blocks {
				e.equal("waits", []any{behind.Waits, behind.WaitsFor, last.Waits, last.WaitsFor}, []any{int64(1), test.first, int64(1), test.first})
				if w := behind.Waiting(); !strings.Contains(w, "waits for d1, which") || !strings.Contains(w, string(test.first)) {
					e.Errorf("said %q", w)
				}
				e.equal("in the story", e.story(s, "c1").Deliveries[1].Waits, int64(1))
				e.equal("claimed behind it", deliveryIDs(next), []int64{})
				due, err := s.NextDue(e.ctx)
				e.must(err)
				if !due.IsZero() && due.Before(far) {
					e.Errorf("next due %v", due)
				}
				return
			}
			e.equal("waits", []int64{behind.Waits, last.Waits}, []int64{0, 2})
			e.equal("claimed after it", deliveryIDs(next), []int64{2})
			e.equal("one at a time", deliveryIDs(e.claim(s, far, 10)), []int64{})
		})
	}
}

func outboxSettle(e *env) {
	s := e.open()
	e.raise(s, 1, 7)
	claimed := e.claim(s, Start.Add(time.Minute), 10)
	next := Start.Add(2 * time.Hour)
	ends := []bridge.DeliveryState{bridge.Sent, bridge.Retry, bridge.Doubt, bridge.Dead, bridge.Ready, bridge.Held, bridge.Bounced}
	var all []bridge.Settlement
	for i, d := range claimed {
		st := done(d, ends[i])
		st.Next = next
		st.Detail = ""
		st.Result = bridge.Result{Outcome: bridge.Accepted, Stage: "dot", Code: "250 2.0.0", Reply: fmt.Sprint("queued as ", i)}
		all = append(all, st)
	}
	e.settle(s, all...)
	for i, d := range claimed {
		want := d
		want.Data, want.State, want.Detail, want.Settled = nil, ends[i], fmt.Sprintf("accepted at dot: 250 2.0.0 queued as %d", i), Start.Add(time.Hour)
		if ends[i] == bridge.Retry || ends[i] == bridge.Ready || ends[i] == bridge.Doubt {
			want.Next = next
		}
		e.equal(string(ends[i]), e.delivery(s, d.ID), want)
		ev := e.story(s, bridge.DeliveryID(d.ID)).Events
		e.equal("journal", whats(ev), "recorded decided claimed "+string(ends[i]))
		e.equal("event", ev[3].At, Start.Add(time.Hour))
		if want := fmt.Sprintf("attempt 1: accepted at dot: 250 2.0.0 queued as %d", i); ev[3].Text != want {
			e.Errorf("event %q, want %q", ev[3].Text, want)
		}
	}
	// The ones that go on do so when they are due, with their attempts counted.
	e.equal("not before", len(e.claim(s, next.Add(-time.Second), 10)), 0)
	again := e.claim(s, next, 10)
	e.equal("again", deliveryIDs(again), []int64{2, 5})
	e.equal("attempts", again[0].Attempts, 2)
	if string(again[0].Data) != string(claimed[1].Data) {
		e.Error("the message changed")
	}
	// A retry without a time is due at once, not never.
	st := done(again[0], bridge.Retry)
	st.Next = time.Time{}
	e.settle(s, st)
	e.equal("due", e.delivery(s, 2).Next, st.At)
}

func outboxFencing(e *env) {
	s := e.open()
	e.raise(s, 1, 1)
	d := e.claim(s, Start.Add(time.Minute), 1)[0]
	other := d
	other.Attempts = 2
	e.settle(s, done(other, bridge.Sent))
	e.equal("a later attempt's", e.delivery(s, d.ID).State, bridge.Sending)

	left, err := s.Recover(e.ctx, bridge.Recovery{Worker: "w1", Started: true, State: bridge.Doubt})
	e.must(err)
	e.equal("recovered", deliveryIDs(left), []int64{d.ID})
	e.must(s.RetryNow(e.ctx, d.ID, "nobody saw it"))
	e.settle(s, done(d, bridge.Sent)) // w1 was not dead, only slow
	e.equal("after it was given up", e.delivery(s, d.ID).State, bridge.Ready)
	second := e.claim(s, time.Now().Add(time.Minute), 1)[0]
	e.equal("attempt", second.Attempts, 2)
	e.settle(s, done(d, bridge.Dead))
	e.equal("an earlier attempt's", e.delivery(s, d.ID).State, bridge.Sending)
	e.settle(s, done(second, bridge.Sent), done(second, bridge.Dead), done(d, bridge.Dead))
	e.equal("the first word counts", e.delivery(s, d.ID).State, bridge.Sent)
	e.settle(s, done(second, bridge.Retry))
	e.equal("settled is settled", e.delivery(s, d.ID).State, bridge.Sent)

	st := e.story(s, "d1")
	if n := strings.Count(whats(st.Events), "late"); n != 5 {
		e.Errorf("%d late settlements journaled: %s", n, whats(st.Events))
	}
	ghost := done(d, bridge.Sent)
	ghost.Delivery = 4711
	before := e.everything(s)
	e.settle(s, ghost)
	e.equal("one that never was", e.everything(s), before)
}

func outboxTurnover(e *env) {
	s := e.open()
	e.raise(s, 1, 2)
	e.accept(s, Mail("support", 3, "k/1", "more"))
	now := Start.Add(time.Hour)
	first := e.claim(s, now, 10)
	e.equal("first", deliveryIDs(first), []int64{1, 2})
	second, err := s.Turnover(e.ctx, "w2", now, []bridge.Settlement{done(first[0], bridge.Sent)}, 10)
	e.must(err)
	e.equal("its settlement makes room", deliveryIDs(second), []int64{3})
	e.equal("worker", second[0].Worker, "w2")
	e.equal("settled", e.delivery(s, 1).State, bridge.Sent)
}

func outboxImpossible(e *env) {
	s := e.open()
	e.raise(s, 1, 3)
	ds := e.claim(s, Start.Add(time.Hour), 2)
	before := e.everything(s)
	for _, state := range []bridge.DeliveryState{bridge.Sending, "", "gone"} {
		if _, err := s.Turnover(e.ctx, "w1", Start.Add(time.Hour), []bridge.Settlement{done(ds[0], bridge.Sent), done(ds[1], state)}, 10); err == nil {
			e.Errorf("settled as %q", state)
		}
	}
	e.equal("database", e.everything(s), before)
}

func outboxMany(e *env) {
	s := e.open()
	const n = 700
	e.raise(s, 1, n)
	now := Start.Add(24 * time.Hour)
	claimed := e.claim(s, now, 10*n)
	e.equal("claimed", len(claimed), n)
	var all []bridge.Settlement
	for _, d := range claimed {
		all = append(all, done(d, bridge.Sent))
	}
	e.settle(s, all...)
	c, err := s.Counts(e.ctx)
	e.must(err)
	e.equal("sent", c.Deliveries[bridge.Sent], int64(n))
}

func outboxLink(e *env) {
	s := e.open()
	link := func() bridge.Link { return e.story(s, "c1").Conversation.Link }
	e.accept(s, Mail("support", 1, "k/1", "one"))
	d := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.settle(s, done(d, bridge.Dead))
	e.equal("link", link(), bridge.Link{Target: "mailbox", MessageID: d.MessageID})

	// The next message that opens a ticket, and does, is the ticket's.
	raise := changed(func(v *bridge.Verdict) { v.Delivery.Action = bridge.Raise })
	e.acceptBy(s, raise, Mail("support", 2, "k/1", "two"))
	e.equal("link", link().MessageID, d.MessageID)
	second := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.settle(s, done(second, bridge.Sent))
	e.equal("link", link(), bridge.Link{Target: "mailbox", MessageID: second.MessageID})

	// A follow-up changes nothing about it; a target that answers at once does.
	e.accept(s, Mail("support", 3, "k/1", "three"))
	e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], bridge.Sent))
	e.equal("link", link().MessageID, second.MessageID)
	e.acceptBy(s, raise, Mail("support", 4, "k/1", "four"))
	fourth := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.settle(s, done(fourth, bridge.Confirmed))
	e.equal("link", link(), bridge.Link{Target: "mailbox", MessageID: fourth.MessageID, Confirmed: Start.Add(time.Hour)})

	// One that answers with the number tells it with the outcome; a follow-up finds it.
	e.acceptBy(s, raise, Mail("support", 5, "k/1", "five"))
	fifth := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.equal("ticket before", fifth.Ticket, "")
	st := done(fifth, bridge.Confirmed)
	st.Result.Ticket, st.Result.TicketURL = "4711", "https://help.example.com/4711"
	e.settle(s, st)
	e.equal("link", link(), bridge.Link{Target: "mailbox", MessageID: fifth.MessageID, Ticket: "4711", URL: "https://help.example.com/4711", Confirmed: Start.Add(time.Hour)})
	e.accept(s, Mail("support", 6, "k/1", "six"))
	e.equal("ticket of a follow-up", e.claim(s, Start.Add(time.Hour), 1)[0].Ticket, "4711")
	e.equal("updated is the judge's", e.story(s, "c1").Conversation.Updated, Start.Add(6*time.Second))
}

func outboxQuickAck(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"))
	d := e.claim(s, Start.Add(time.Hour), 1)[0]
	when := Start.Add(2 * time.Hour)
	e.must(s.SetTicket(e.ctx, 1, bridge.Link{Ticket: "17", Confirmed: when}))
	e.equal("not ours to settle", e.delivery(s, d.ID).State, bridge.Sending)
	e.settle(s, done(d, bridge.Sent))
	e.equal("confirmed", e.delivery(s, d.ID).State, bridge.Confirmed)
	e.equal("link", e.story(s, "17").Conversation.Link, bridge.Link{Target: "mailbox", MessageID: d.MessageID, Ticket: "17", Confirmed: when})
	e.accept(s, Mail("support", 2, "k/1", "two"))
	more := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.settle(s, done(more, bridge.Sent))
	e.equal("a follow-up is not answered by it", e.delivery(s, more.ID).State, bridge.Sent)
}

func outboxRecover(e *env) {
	s := e.open()
	e.raise(s, 1, 4)
	at := func(h int) time.Time { return Start.Add(time.Duration(h) * time.Hour) }
	for i, claim := range []struct {
		worker string
		at     time.Time
	}{{"mine", at(5)}, {"silent", at(1)}, {"busy", at(5)}} {
		ds, err := s.Turnover(e.ctx, claim.worker, claim.at, nil, 1)
		e.must(err)
		e.equal("claimed", deliveryIDs(ds), []int64{int64(i + 1)})
	}
	mine := bridge.Recovery{Worker: "mine", Started: true, Before: at(2), State: bridge.Doubt}
	left, err := s.Recover(e.ctx, mine)
	e.must(err)
	e.equal("left", deliveryIDs(left), []int64{1, 2})
	for _, d := range left {
		stored := e.delivery(s, d.ID)
		e.equal("returned", d, stored)
		e.equal("state", d.State, bridge.Doubt)
		if d.Attempts != 1 || d.Detail == "" || d.Settled.IsZero() || !strings.Contains(d.Detail, d.Worker) {
			e.Errorf("left %+v", d)
		}
		e.equal("journal", whats(e.story(s, bridge.DeliveryID(d.ID)).Events), "recorded decided claimed doubt")
	}
	e.equal("another's", e.delivery(s, 3).State, bridge.Sending)
	e.equal("not claimed", e.delivery(s, 4).State, bridge.Ready)
	left, err = s.Recover(e.ctx, mine)
	e.must(err)
	e.equal("again", len(left), 0)
	e.equal("never sent blindly", deliveryIDs(e.claim(s, at(100), 10)), []int64{4})
}

func outboxNextDue(e *env) {
	s := e.open()
	due := func() time.Time {
		e.Helper()
		next, err := s.NextDue(e.ctx)
		e.must(err)
		return next
	}
	e.equal("empty", due(), time.Time{})
	e.raise(s, 1, 2)
	e.accept(s, Mail("support", 3, "k/1", "more"))
	e.equal("ready", due(), Start.Add(3*time.Second))
	first := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.equal("the other's", due(), Start.Add(4*time.Second))
	second := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.equal("what waits behind another is not due", due(), time.Time{})
	st := done(second, bridge.Retry)
	st.Next = Start.Add(5 * time.Hour)
	e.settle(s, st)
	e.equal("retry", due(), st.Next)
	e.settle(s, done(first, bridge.Dead))
	e.equal("the one behind", due(), Start.Add(5*time.Second))
}
