package storetest

import (
	"errors"
	"fmt"
	"time"

	"ticketbridge/bridge"
)

// outboxProbe: the time of a look-up and how many were answered are kept, the
// one that is due first is found, and what it says ends the doubt.
func outboxProbe(e *env) {
	s := e.open()
	next := func() bridge.Delivery {
		e.Helper()
		d, err := s.NextProbe(e.ctx)
		if err != nil && !errors.Is(err, bridge.ErrNotFound) {
			e.Fatal(err)
		}
		return d
	}
	e.equal("none", next().ID, int64(0))
	e.raise(s, 1, 4)
	at := func(m int) time.Time { return Start.Add(time.Duration(m) * time.Minute) }
	ds := e.claim(s, at(60), 4)
	for i, m := range []int{80, 70, 0, 90} {
		st := done(ds[i], bridge.Doubt)
		if m > 0 {
			st.Next = at(m)
		}
		e.settle(s, st)
	}
	e.equal("for a person", e.delivery(s, 3).Next, time.Time{})
	e.equal("the first", next(), e.delivery(s, 2))
	e.equal("when", next().Next, at(70))
	e.equal("no claim", len(e.claim(s, at(1000), 10)), 0)
	due, err := s.NextDue(e.ctx)
	e.must(err)
	e.equal("nothing is due", due, time.Time{})

	again := done(ds[1], bridge.Doubt)
	again.Next, again.Probes, again.Detail = at(85), 1, "not in INBOX"
	e.settle(s, again)
	e.equal("counted", e.delivery(s, 2).Probes, 1)
	e.equal("the next", next().ID, int64(1))
	found := done(ds[0], bridge.Sent)
	found.Detail = "found: INBOX, UID 4"
	e.settle(s, found)
	d := e.delivery(s, 1)
	e.equal("found", []any{d.State, d.Detail, d.Next, d.Attempts}, []any{bridge.Sent, "found: INBOX, UID 4", time.Time{}, 1})
	e.equal("link", e.story(s, "c1").Conversation.Link.MessageID, d.MessageID)
	ev := e.story(s, "d1").Events
	e.equal("journal", ev[len(ev)-1].Text, "attempt 1: found: INBOX, UID 4")

	ready := done(ds[1], bridge.Ready)
	ready.Next = at(100)
	e.settle(s, ready)
	claimed := e.claim(s, at(100), 10)
	e.equal("sent again", deliveryIDs(claimed), []int64{2})
	e.equal("the same bytes", string(claimed[0].Data), string(ds[1].Data))
	e.equal("the next attempt, not looked into", []int{claimed[0].Attempts, claimed[0].Probes}, []int{2, 0})
	e.settle(s, found, again) // another daemon looked too, and is late
	e.equal("late", []any{e.delivery(s, 1).State, e.delivery(s, 2).State}, []any{bridge.Sent, bridge.Sending})

	e.must(s.DropDelivery(e.ctx, 4, "no"))
	e.equal("dropped", next().ID, int64(0))
}

// outboxDoubtEnds: an attempt that another daemon gave up may still end with
// something definite, which is more than a doubt; not after the next began.
func outboxDoubtEnds(e *env) {
	for _, state := range []bridge.DeliveryState{bridge.Sent, bridge.Retry, bridge.Dead, bridge.Ready} {
		s := e.open()
		uid := uint32(1000 + len(state))
		e.accept(s, Mail("support", uid, fmt.Sprint("k/", state), "one"))
		ds, err := s.Turnover(e.ctx, "slow", Start.AddDate(1, 0, 0), nil, 1)
		e.must(err)
		left, err := s.Recover(e.ctx, bridge.Recovery{Worker: "w1", Before: Start.AddDate(2, 0, 0), State: bridge.Doubt, Next: Start.AddDate(9, 0, 0)})
		e.must(err)
		e.equal("given up", deliveryIDs(left), deliveryIDs(ds))
		e.settle(s, done(ds[0], state))
		d := e.delivery(s, ds[0].ID)
		e.equal("settled by its own attempt", d.State, state)
		if state != bridge.Retry && state != bridge.Ready {
			continue
		}
		second, err := s.Turnover(e.ctx, "w1", Start.AddDate(1, 0, 0), nil, 1)
		e.must(err)
		e.equal("claimed", deliveryIDs(second), []int64{d.ID})
		e.settle(s, done(ds[0], bridge.Doubt))
		e.equal("too late", e.delivery(s, d.ID).State, bridge.Sending)
		e.settle(s, done(second[0], bridge.Sent))
	}
}

// outboxAbandoned: while a daemon runs it finds what others left, never what it
// has in flight itself; what becomes of it is the policy's.
func outboxAbandoned(e *env) {
	s := e.open()
	e.raise(s, 1, 4)
	at := func(h int) time.Time { return Start.Add(time.Duration(h) * time.Hour) }
	for _, c := range []struct {
		worker string
		at     time.Time
	}{{"mine", at(1)}, {"gone", at(1)}, {"busy", at(5)}} {
		_, err := s.Turnover(e.ctx, c.worker, c.at, nil, 1)
		e.must(err)
	}
	left, err := s.Recover(e.ctx, bridge.Recovery{Worker: "mine", Before: at(3), State: bridge.Doubt, Next: at(9)})
	e.must(err)
	e.equal("left", deliveryIDs(left), []int64{2})
	e.equal("returned", left[0], e.delivery(s, 2))
	e.equal("to be looked up", left[0].Next, at(9))
	e.equal("its own, and the busy one's", []any{e.delivery(s, 1).State, e.delivery(s, 3).State}, []any{bridge.Sending, bridge.Sending})

	left, err = s.Recover(e.ctx, bridge.Recovery{Worker: "mine", Started: true, Before: at(3), State: bridge.Retry, Next: at(7)})
	e.must(err)
	e.equal("left", deliveryIDs(left), []int64{1})
	e.equal("sent again", []any{left[0].State, left[0].Next}, []any{bridge.Retry, at(7)})
	e.equal("claimed when due", deliveryIDs(e.claim(s, at(7), 10)), []int64{4, 1})

	// A doubt from before there was anywhere to look is looked into, once.
	st := done(e.delivery(s, 4), bridge.Doubt)
	st.Attempt = 1
	e.settle(s, st)
	for _, h := range []int{11, 12} {
		_, err = s.Recover(e.ctx, bridge.Recovery{Worker: "mine", Before: at(3), State: bridge.Doubt, Next: at(h)})
		e.must(err)
		e.equal("given a time", e.delivery(s, 4).Next, at(11))
	}
	st.Probes = 3
	e.settle(s, st)
	_, err = s.Recover(e.ctx, bridge.Recovery{Worker: "mine", Before: at(3), State: bridge.Doubt, Next: at(13)})
	e.must(err)
	e.equal("a person's by now", e.delivery(s, 4).Next, time.Time{})
	if _, err := s.Recover(e.ctx, bridge.Recovery{Worker: "mine", State: bridge.Sent}); err == nil {
		e.Error("recovered as sent")
	}
}
