package storetest

import (
	"time"

	"ticketbridge/bridge"
)

var clockTests = []test{
	{"whose time has come", clockOverdue},
	{"a waiting mail is judged again", clockRejudge},
	{"what was waited for makes it due", clockTicket},
}

// waits judges like Judge, but has follow-ups wait until a time; zero: for ever.
func waits(until time.Time) bridge.Judge {
	return func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		v := Judge(a, k)
		if v.State == bridge.MailUpdate {
			c := *k.Conversation
			c.Deadline = until
			v.State, v.Reason, v.Delivery, v.Conversation = bridge.MailWaiting, "waits", nil, &c
			v.Decision = bridge.Decision{Action: bridge.Wait, Rule: "test", Reason: "waits", Deadline: until}
		}
		return v
	}
}

func (e *env) overdue(s bridge.Store, now time.Time, n int) []bridge.Overdue {
	e.Helper()
	due, err := s.Overdue(e.ctx, now, n)
	e.must(err)
	return due
}

func clockOverdue(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/2", "one"), Mail("support", 3, "k/3", "one"))
	noon := Start.Add(3 * time.Hour)
	e.acceptBy(s, waits(noon), Mail("support", 4, "k/1", "two"))
	e.acceptBy(s, waits(noon), Mail("support", 5, "k/1", "three"))
	e.acceptBy(s, waits(noon.Add(-time.Hour)), Mail("support", 6, "k/2", "two"))
	e.acceptBy(s, waits(time.Time{}), Mail("support", 7, "k/3", "two"))
	e.equal("before", len(e.overdue(s, noon.Add(-2*time.Hour), 10)), 0)
	counts, err := s.Counts(e.ctx)
	e.must(err)
	e.equal("stuck", counts.Stuck, int64(1))
	due := e.overdue(s, noon, 10)
	e.equal("due", len(due), 2)
	e.equal("the longest first", []any{due[0].Key, due[0].Mail.ID, due[1].Key, due[1].Mail.ID}, []any{"k/2", int64(6), "k/1", int64(5)})
	e.equal("as recorded", due[0].Mail, e.story(s, "m6").Mails[1])
	e.equal("at most", len(e.overdue(s, noon, 1)), 1)
}

func clockRejudge(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"))
	e.acceptBy(s, waits(Start), Mail("support", 2, "k/1", "two"))
	e.acceptBy(s, waits(Start), Mail("support", 3, "k/1", "three"))
	d := e.overdue(s, Start.Add(time.Hour), 1)[0]
	a := bridge.Arrival{ID: d.Mail.ID, Record: d.Mail, ConversationKey: d.Key}
	var known bridge.Known
	got, err := s.Rejudge(e.ctx, a, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		known = k
		c := *k.Conversation
		c.Deadline = time.Time{}
		return bridge.Verdict{State: bridge.MailUpdate, Reason: "its time has come", Conversation: &c, Along: "told along", KeepRaw: true,
			Delivery: Message(a, bridge.Append, k.Untold), Decision: bridge.Decision{Action: bridge.Append, Rule: "test", Reason: "now"}}
	})
	e.must(err)
	e.equal("untold", len(known.Untold), 2)
	e.equal("the mail", []any{got.ID, got.State, got.HasRaw}, []any{int64(3), bridge.MailUpdate, true})
	story := e.story(s, "c1")
	e.equal("the one before it", []any{story.Mails[1].State, story.Mails[1].Reason}, []any{bridge.MailUpdate, "told along"})
	e.equal("deliveries", len(story.Deliveries), 2)
	e.equal("nothing is due any more", len(e.overdue(s, Start.Add(time.Hour), 1)), 0)
	if _, err := s.Rejudge(e.ctx, a, waits(Start)); !isState(err) {
		e.Errorf("judged a third time: %v", err)
	}
}

func clockTicket(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/2", "one"))
	e.acceptBy(s, waits(time.Time{}), Mail("support", 3, "k/1", "two"))
	for _, conv := range []int64{1, 2} {
		e.must(s.SetTicket(e.ctx, conv, bridge.Link{Ticket: "7"}))
	}
	due := e.overdue(s, time.Now().Add(time.Second), 10)
	e.equal("due", len(due), 1)
	e.equal("only what waits", e.story(s, "c2").Conversation.Deadline.IsZero(), true)
}
