package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
)

var actTests = []test{
	{"retry, drop: from which states", actStates},
	{"a delivery that is retried", actRetry},
	{"a delivery that is dropped", actDropDelivery},
	{"a mail that is dropped", actDropMail},
	{"a ticket's number", actSetTicket},
	{"an acknowledgement", actConfirm},
}

func isNotFound(err error) bool { return errors.Is(err, bridge.ErrNotFound) }
func isState(err error) bool    { return errors.Is(err, bridge.ErrState) }

func actStates(e *env) {
	for _, test := range []struct {
		state       bridge.DeliveryState
		retry, drop bool
	}{
		{bridge.Ready, false, true}, {bridge.Held, true, true}, {bridge.Sending, false, false}, {bridge.Retry, true, true}, {bridge.Sent, false, false},
		{bridge.Confirmed, false, false}, {bridge.Doubt, true, true}, {bridge.Dead, true, true}, {bridge.Bounced, true, true},
	} {
		e.Run(string(test.state), func(t *testing.T) {
			for act, allowed := range map[string]bool{"retry": test.retry, "drop": test.drop} {
				e := &env{T: t, ctx: e.ctx, again: e.again, fresh: e.again(t)}
				s := e.open()
				e.raise(s, 1, 1)
				if test.state != bridge.Ready {
					d := e.claim(s, Start.Add(time.Hour), 1)[0]
					if test.state != bridge.Sending {
						e.settle(s, done(d, test.state))
					}
				}
				before := e.everything(s)
				do := s.RetryNow
				if act == "drop" {
					do = s.DropDelivery
				}
				switch err := do(e.ctx, 1, "because"); {
				case allowed && err != nil:
					t.Errorf("%s: %v", act, err)
				case !allowed && (!isState(err) || !strings.Contains(err.Error(), "d1") || !strings.Contains(err.Error(), string(test.state))):
					t.Errorf("%s: %v", act, err)
				case !allowed:
					e.equal("database", e.everything(s), before)
				}
				if err := do(e.ctx, 99, "because"); !isNotFound(err) || !strings.Contains(err.Error(), "d99") {
					t.Errorf("%s of none: %v", act, err)
				}
			}
		})
	}
}

func actRetry(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "two"))
	d := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.settle(s, done(d, bridge.Doubt))
	e.must(s.RetryNow(e.ctx, d.ID, "not in the helpdesk"))
	got := e.delivery(s, d.ID)
	if since := time.Since(got.Next); since < 0 || since > time.Minute || !got.Settled.IsZero() {
		e.Errorf("due at %v, settled %v", got.Next, got.Settled)
	}
	e.equal("state", got.State, bridge.Ready)
	e.equal("attempts are not forgotten", got.Attempts, 1)
	ev := e.story(s, "d1").Events
	last := ev[len(ev)-1]
	e.equal("journal", []any{last.What, last.Text, last.Delivery, last.Conversation, last.Mail}, []any{"released", "from doubt: not in the helpdesk", int64(1), int64(1), int64(1)})
	again := e.claim(s, time.Now().Add(time.Hour), 10)
	e.equal("claimed, before the one behind it", deliveryIDs(again), []int64{1})
	e.equal("attempt", again[0].Attempts, 2)
	if string(again[0].Data) != string(d.Data) || again[0].MessageID != d.MessageID {
		e.Error("another message")
	}
}

func actDropDelivery(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "two"))
	e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], bridge.Sent))
	e.must(s.DropDelivery(e.ctx, 2, "by phone"))
	got := e.delivery(s, 2)
	e.equal("state", got.State, bridge.Dead)
	if !strings.Contains(got.Detail, "by phone") || got.Settled.IsZero() || !got.Next.IsZero() || !got.Forgone() {
		e.Errorf("dropped: %+v", got)
	}
	if err := s.DropDelivery(e.ctx, 2, "again"); !isState(err) {
		e.Errorf("dropped twice: %v", err)
	}
	if err := s.RetryNow(e.ctx, 2, "after all"); !isState(err) {
		e.Errorf("retried, though the next message tells what it said: %v", err)
	}
	c, err := s.Counts(e.ctx)
	e.must(err)
	e.equal("dead, dropped", []int64{c.Deliveries[bridge.Dead], c.Dropped}, []int64{1, 1})
	st := e.story(s, "c1")
	if !strings.Contains(whats(st.Events), "dropped") {
		e.Errorf("journal: %s", whats(st.Events))
	}
	e.equal("the thread names what may have arrived", st.Conversation.Thread, []string{e.delivery(s, 1).MessageID})
	e.accept(s, Mail("support", 3, "k/1", "three"))
	e.equal("the next goes", deliveryIDs(e.claim(s, Start.Add(time.Hour), 10)), []int64{3})
}

func actDropMail(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "", "odd"), Mail("support", 2, "k/1", "one"))
	e.must(s.DropMail(e.ctx, 1, "spam"))
	got := e.list(s)[1]
	e.equal("state", got.State, bridge.MailIgnored)
	if !strings.Contains(got.Reason, "spam") || !strings.Contains(got.Reason, "no customer's address") {
		e.Errorf("reason %q", got.Reason)
	}
	e.equal("journal", whats(e.story(s, "m1").Events), "recorded dropped")
	before := e.everything(s)
	for id, is := range map[int64]func(error) bool{1: isState, 2: isState, 77: isNotFound} {
		if err := s.DropMail(e.ctx, id, "again"); !is(err) || !strings.Contains(err.Error(), bridge.MailID(id)) {
			e.Errorf("%d: %v", id, err)
		}
	}
	e.equal("database", e.everything(s), before)
}

func actSetTicket(e *env) {
	s := e.open()
	if err := s.SetTicket(e.ctx, 1, bridge.Link{Ticket: "1"}); !isNotFound(err) || !strings.Contains(err.Error(), "c1") {
		e.Errorf("none: %v", err)
	}
	rec := e.accept(s, Mail("support", 1, "k/1", "one"))[0]
	opened := e.delivery(s, 1).MessageID
	link := func() bridge.Link { return e.story(s, "c1").Conversation.Link }
	e.must(s.SetTicket(e.ctx, rec.Conversation, bridge.Link{Ticket: "17", URL: "https://help.example.com/17"}))
	e.equal("what is not said stays", link(), bridge.Link{Target: "mailbox", MessageID: opened, Ticket: "17", URL: "https://help.example.com/17"})
	e.must(s.SetTicket(e.ctx, 1, bridge.Link{Ticket: "17"}))
	e.equal("the same number", link().URL, "https://help.example.com/17")
	e.must(s.SetTicket(e.ctx, 1, bridge.Link{Ticket: "18"}))
	e.equal("another number has another URL", link(), bridge.Link{Target: "mailbox", MessageID: opened, Ticket: "18"})
	when := time.Date(2026, 11, 24, 0, 0, 0, 1000, time.UTC)
	full := bridge.Link{Target: "rt", MessageID: "other@example.com", Ticket: "19", URL: "u", Confirmed: when}
	e.must(s.SetTicket(e.ctx, 1, full))
	e.equal("all of it", link(), full)
	e.must(s.SetTicket(e.ctx, 1, bridge.Link{Why: "by ann: merged"}))
	e.equal("nothing, and the reason is not kept there", link(), full)
	ev := e.story(s, "c1").Events
	if j := whats(ev); strings.Count(j, "linked") != 5 || ev[len(ev)-1].Text != "ticket 19, by ann: merged" {
		e.Errorf("journal: %s, %+v", j, ev[len(ev)-1])
	}
	// The next mail's judge sees it, and keeps it.
	var seen bridge.Link
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		seen = k.Conversation.Link
		return Judge(a, k)
	}, Mail("support", 2, "k/1", "two"))
	e.equal("seen", seen, full)
	e.equal("kept", link(), full)
}

func actConfirm(e *env) {
	for state, want := range map[bridge.DeliveryState]bridge.DeliveryState{
		bridge.Sent: bridge.Confirmed, bridge.Doubt: bridge.Confirmed, bridge.Bounced: bridge.Bounced, bridge.Dead: bridge.Dead,
	} {
		e.Run(string(state), func(t *testing.T) {
			e := &env{T: t, ctx: e.ctx, again: e.again, fresh: e.again(t)}
			s := e.open()
			e.accept(s, Mail("support", 1, "k/1", "one"))
			e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], state))
			e.must(s.SetTicket(e.ctx, 1, bridge.Link{Ticket: "17"}))
			e.equal("a number alone proves nothing", e.delivery(s, 1).State, state)
			e.must(s.SetTicket(e.ctx, 1, bridge.Link{Ticket: "17", Confirmed: Start}))
			e.equal("answered", e.delivery(s, 1).State, want)
		})
	}
}
