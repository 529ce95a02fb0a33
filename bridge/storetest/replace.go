package storetest

import (
	"errors"
	"testing"
	"time"

	"ticketbridge/bridge"
)

var replaceTests = []test{
	{"from which states", replaceStates},
	{"a dead message and what waits behind it", replaceOpener},
	{"a message that came back, its ticket open", replaceFollowUp},
	{"what may have arrived is said", replaceMaybe},
	{"dropped, with others behind it", replaceDropped},
	{"what no message told is told too", replaceUntold},
	{"refused by the composer", replaceRefused},
}

// anew tells all of it in one message to a new address, as the core would.
func anew(u bridge.Undelivered) (bridge.Delivery, error) {
	c := u.Conversation
	action := bridge.Append
	if len(c.Thread) == 0 && c.Link.Ticket == "" {
		action = bridge.Raise
	}
	a := bridge.Arrival{ConversationKey: c.Key + "/anew", Record: bridge.MailRecord{Recorded: Start.Add(2 * time.Hour)}}
	d := *Message(a, action, u.Turns)
	d.Recipient, d.Mail = "helpdesk@example.com", u.Turns[len(u.Turns)-1].Mail
	c.Updated = Start.Add(2 * time.Hour)
	c.Thread = append(c.Thread, d.MessageID)
	return d, nil
}

func (e *env) replace(s bridge.Store, r bridge.Replacement) bridge.Replaced {
	e.Helper()
	got, err := s.Replace(e.ctx, r, anew)
	e.must(err)
	return got
}

func replaceStates(e *env) {
	for _, state := range bridge.DeliveryStates {
		e.Run(string(state), func(t *testing.T) {
			e := &env{T: t, ctx: e.ctx, again: e.again, fresh: e.again(t)}
			s := e.open()
			e.raise(s, 1, 1)
			if state != bridge.Ready {
				d := e.claim(s, Start.Add(time.Hour), 1)[0]
				if state != bridge.Sending {
					e.settle(s, done(d, state))
				}
			}
			before := e.everything(s)
			_, err := s.Replace(e.ctx, bridge.Replacement{Delivery: 1, Why: "because"}, anew)
			if state == bridge.Dead || state == bridge.Bounced || state == bridge.Doubt {
				e.must(err)
				before = e.everything(s)
				_, err = s.Replace(e.ctx, bridge.Replacement{Delivery: 1, Why: "twice"}, anew)
			}
			if !isState(err) {
				t.Errorf("got %v", err)
			}
			e.equal("database", e.everything(s), before)
			if _, err := s.Replace(e.ctx, bridge.Replacement{Delivery: 99}, anew); !isNotFound(err) {
				t.Errorf("none: %v", err)
			}
		})
	}
}

func replaceOpener(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "two"), Mail("support", 3, "k/1", "three"))
	e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], bridge.Dead))
	e.equal("nothing goes alone", len(e.claim(s, Start.AddDate(1, 0, 0), 10)), 0)

	var u bridge.Undelivered
	got, err := s.Replace(e.ctx, bridge.Replacement{Delivery: 1, Why: "by ann: mistyped"}, func(is bridge.Undelivered) (bridge.Delivery, error) {
		u = is
		u.Conversation = nil
		e.equal("raw", string(is.Raw(2)), string(Mail("support", 2, "k/1", "two").Raw))
		e.equal("not kept", is.Raw(77), []byte(nil))
		e.equal("thread", len(is.Conversation.Thread), 0)
		e.equal("link", is.Conversation.Link, bridge.Link{Target: "mailbox"})
		return anew(is)
	})
	e.must(err)
	e.equal("turns", texts(u.Turns), "one,two,three")
	e.equal("deliveries", deliveryIDs(u.Deliveries), []int64{1, 2, 3})
	e.equal("taken, maybe", []any{len(u.Taken), u.Maybe}, []any{3, false})
	e.equal("replaced", []any{got.Made.ID, got.Made.Action, deliveryIDs(got.Instead)}, []any{int64(4), bridge.Raise, []int64{1, 2, 3}})

	st := e.story(s, "c1")
	e.equal("told", told(st.Turns), []int64{4, 4, 4})
	e.equal("thread", st.Conversation.Thread, []string{got.Made.MessageID})
	e.equal("opened by", st.Conversation.Link.MessageID, got.Made.MessageID)
	for _, d := range st.Deliveries[:3] {
		if d.State != bridge.Dead || d.ReplacedBy != 4 || !d.Dropped() || !d.Next.IsZero() {
			e.Errorf("%+v", d)
		}
		if err := s.RetryNow(e.ctx, d.ID, "too"); !isState(err) {
			e.Errorf("d%d sent as well: %v", d.ID, err)
		}
	}
	c, err := s.Counts(e.ctx)
	e.must(err)
	e.equal("needs nobody", []int64{c.Deliveries[bridge.Dead] - c.Dropped, c.Deliveries[bridge.Ready]}, []int64{0, 1})
	e.equal("journal", whats(st.Events[len(st.Events)-4:]), "replaced replaced replaced made anew")
	e.sound(s)

	claimed := e.claim(s, Start.AddDate(1, 0, 0), 10)
	e.equal("goes", deliveryIDs(claimed), []int64{4})
	e.equal("to", claimed[0].Recipient, "helpdesk@example.com")
	e.settle(s, done(claimed[0], bridge.Sent))
	e.accept(s, Mail("support", 4, "k/1", "four"))
	next := e.delivery(s, 5)
	e.equal("follows up", []any{next.Action, next.State}, []any{bridge.Append, bridge.Ready})
	e.equal("threads on", e.story(s, "c1").Conversation.Thread, []string{got.Made.MessageID, next.MessageID})
}

func replaceFollowUp(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "two"), Mail("support", 3, "k/1", "three"))
	for _, state := range []bridge.DeliveryState{bridge.Confirmed, bridge.Bounced, bridge.Sent} {
		e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], state))
	}
	got := e.replace(s, bridge.Replacement{Delivery: 2, Why: "full mailbox"})
	e.equal("replaced", []any{got.Made.Action, deliveryIDs(got.Instead)}, []any{bridge.Append, []int64{2}})
	st := e.story(s, "c1")
	e.equal("told", told(st.Turns), []int64{1, 4, 3})
	e.equal("thread", st.Conversation.Thread, []string{e.delivery(s, 1).MessageID, e.delivery(s, 3).MessageID, got.Made.MessageID})
	e.equal("opened by", st.Conversation.Link.MessageID, e.delivery(s, 1).MessageID)
	e.sound(s)
}

func replaceMaybe(e *env) {
	for name, to := range map[string]func(s bridge.Store){
		"in doubt":         func(bridge.Store) {},
		"dropped in doubt": func(s bridge.Store) { e.must(s.DropDelivery(e.ctx, 1, "arrived")) },
		"refused later": func(s bridge.Store) {
			e.must(s.RetryNow(e.ctx, 1, "not there"))
			e.settle(s, done(e.claim(s, time.Now().Add(time.Hour), 1)[0], bridge.Dead))
		},
	} {
		s, err := e.again(e.T)()
		e.must(err)
		e.Cleanup(func() { s.Close() })
		e.accept(s, Mail("support", 1, "k/1", "one"))
		e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], bridge.Doubt))
		to(s)
		_, err = s.Replace(e.ctx, bridge.Replacement{Delivery: 1}, func(u bridge.Undelivered) (bridge.Delivery, error) {
			e.equal(name+": maybe", u.Maybe, true)
			e.equal(name+": turns", texts(u.Turns), "one")
			return anew(u)
		})
		e.must(err)
		e.sound(s)
	}
}

func replaceDropped(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "two"))
	before := e.everything(s)
	if err := s.DropDelivery(e.ctx, 1, "spam"); !errors.Is(err, bridge.ErrFollowed) {
		e.Fatalf("dropped, and d2 goes alone: %v", err)
	}
	e.equal("database", e.everything(s), before)
	got := e.replace(s, bridge.Replacement{Delivery: 1, Dropped: true, Why: "by ann: spam"})
	e.equal("opens the ticket", got.Made.Action, bridge.Raise)
	st := e.story(s, "c1")
	e.equal("told", told(st.Turns), []int64{3, 3})
	e.equal("claimed", deliveryIDs(e.claim(s, Start.AddDate(1, 0, 0), 10)), []int64{3})
	if d := st.Deliveries[0]; d.Detail != "dropped (was ready): by ann: spam; d3 tells the rest" {
		e.Errorf("detail %q", d.Detail)
	}
	e.sound(s)

	// Without anything behind it, the next mail opens the ticket.
	s2, err := e.again(e.T)()
	e.must(err)
	e.Cleanup(func() { s2.Close() })
	e.accept(s2, Mail("support", 1, "k/1", "one"))
	e.must(s2.DropDelivery(e.ctx, 1, "spam"))
	e.acceptBy(s2, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		e.equal("untold, thread, link", []any{texts(k.Untold), len(k.Conversation.Thread), k.Conversation.Link.MessageID}, []any{"one", 0, ""})
		return Judge(a, k)
	}, Mail("support", 2, "k/1", "two"))
	e.sound(s2)
}

func replaceUntold(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"))
	e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], bridge.Dead))
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		v := waits(Start.AddDate(1, 0, 0))(a, k)
		v.Conversation.Thread = v.Conversation.Thread[:1] // of its delivery nothing came
		return v
	}, Mail("support", 2, "k/1", "two"))
	e.equal("waits", e.list(s)[0].State, bridge.MailWaiting)
	e.replace(s, bridge.Replacement{Delivery: 1, Why: "mistyped"})
	st := e.story(s, "c1")
	e.equal("told", told(st.Turns), []int64{2, 2})
	e.equal("its mail", []any{st.Mails[1].State, st.Mails[1].Reason}, []any{bridge.MailTicket, "told by d2"})
	e.sound(s)
}

func replaceRefused(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"))
	e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], bridge.Dead))
	before := e.everything(s)
	no := errors.New("too long")
	_, err := s.Replace(e.ctx, bridge.Replacement{Delivery: 1}, func(u bridge.Undelivered) (bridge.Delivery, error) {
		u.Conversation.Thread = append(u.Conversation.Thread, "x")
		return bridge.Delivery{}, no
	})
	if !errors.Is(err, no) {
		e.Error(err)
	}
	_, err = s.Replace(e.ctx, bridge.Replacement{Delivery: 1}, func(u bridge.Undelivered) (bridge.Delivery, error) {
		d, err := anew(u)
		d.MessageID = u.Taken[0]
		return d, err
	})
	if err == nil {
		e.Error("the same Message-ID again")
	}
	e.equal("database", e.everything(s), before)
}

// sound: verify finds nothing but that the tests' mails are not kept as they say.
func (e *env) sound(s bridge.Store) {
	e.Helper()
	_, err := s.Verify(e.ctx, func(p bridge.Problem) { e.Errorf("%s: %s", p.What, p.Text) })
	e.must(err)
}
