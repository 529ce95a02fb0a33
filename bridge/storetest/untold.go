package storetest

import (
	"errors"
	"strings"
	"time"

	"ticketbridge/bridge"
)

var untoldTests = []test{
	{"what a parked mail said, the next one's message tells", untoldNextMail},
	{"in one batch", untoldOneBatch},
	{"the parked mail itself is released", untoldReleased},
	{"notes are never told", untoldNotes},
	{"a message that was dropped told nothing, unless in doubt", untoldDropped},
	{"a raw mail that cannot be read", untoldRaw},
}

// keeping parks the mails of a conversation without a customer, and records what
// they say; any other mail raises all of it.
func keeping(parkUpTo uint32) bridge.Judge {
	return func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		v := Judge(a, k)
		if v.State != bridge.MailTicket && v.State != bridge.MailUpdate && a.ID != 1 {
			return v
		}
		v.Along = "told by " + bridge.MailID(a.ID)
		if a.Record.UID > parkUpTo {
			return v
		}
		v.State, v.Reason, v.Delivery, v.Customer = bridge.MailParked, "whose is it?", nil, ""
		v.Conversation.Thread, v.Conversation.Customer.Address = nil, ""
		return v
	}
}

func texts(turns []bridge.Turn) string {
	var all []string
	for _, t := range turns {
		all = append(all, t.Text)
	}
	return strings.Join(all, ",")
}

func told(turns []bridge.Turn) (out []int64) {
	return ids(turns, func(t bridge.Turn) int64 { return t.Delivery })
}

func untoldNextMail(e *env) {
	s := e.open()
	parked := e.acceptBy(s, keeping(2), Mail("support", 1, "k/1", "one", "two"))[0]
	e.equal("state", parked.State, bridge.MailParked)
	e.equal("conversation", parked.Conversation, int64(1))
	e.equal("not told", told(e.story(s, "m1").Turns), []int64{0, 0})
	e.equal("nothing is due", len(e.claim(s, Start.AddDate(1, 0, 0), 5)), 0)

	var known bridge.Known
	var raw string
	got := e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		known, raw = k, string(k.Raw(1))
		e.equal("the mail's id", a.ID, int64(2))
		v := keeping(0)(a, k)
		v.State, v.Decision.Action, v.Delivery.Action = bridge.MailTicket, bridge.Raise, bridge.Raise
		return v
	}, Mail("support", 2, "k/1", "two", "three"))[0]
	e.equal("untold", texts(known.Untold), "one,two")
	e.equal("by", ids(known.Untold, func(t bridge.Turn) int64 { return t.Mail }), []int64{1, 1})
	e.equal("seen", known.Seen, []bool{true, false})
	e.equal("raw", raw, string(Mail("support", 1, "k/1", "one", "two").Raw))
	e.equal("state", got.State, bridge.MailTicket)

	st := e.story(s, "m1")
	e.equal("turns", texts(st.Turns), "one,two,three")
	e.equal("told", told(st.Turns), []int64{1, 1, 1})
	first := st.Mails[0]
	e.equal("the first mail", []any{first.State, first.Reason, first.Customer}, []any{bridge.MailTicket, "told by m2", "kim@customer.example.net"})
	e.equal("journal", whats(st.Events), "recorded decided recorded decided told")
	e.equal("told: of m1, by d1", []int64{st.Events[4].Mail, st.Events[4].Delivery}, []int64{1, 1})
	e.sendAll(s)
	uids, err := s.Unmarked(e.ctx, "support", "INBOX", Validity)
	e.must(err)
	e.equal("on_done reaches both", uids, []uint32{1, 2})
	if _, err := s.Rejudge(e.ctx, released(first, "k/1", "one"), Judge); !isState(err) {
		e.Errorf("released after it was told: %v", err)
	}

	// All is told: the next one finds nothing left.
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		if len(k.Untold) > 0 || k.Raw != nil {
			e.Errorf("untold: %v", k.Untold)
		}
		return Judge(a, k)
	}, Mail("support", 3, "k/1", "four"))
	e.equal("told", told(e.story(s, "m1").Turns), []int64{1, 1, 1, 2})
}

func untoldOneBatch(e *env) {
	s := e.open()
	got := e.acceptBy(s, keeping(2), Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "two"), Mail("support", 3, "k/1", "three"), Mail("support", 4, "k/1", "four"))
	for i, want := range []string{"told by m3", "told by m3", "1 new", "1 new"} {
		if got[i].Reason != want || got[i].State != bridge.MailUpdate {
			e.Errorf("m%d is %s (%s), want update (%s)", i+1, got[i].State, got[i].Reason, want)
		}
	}
	e.equal("listed", e.list(s), reversed(got...))
	e.equal("told", told(e.story(s, "c1").Turns), []int64{1, 1, 1, 2})
}

func untoldReleased(e *env) {
	s := e.open()
	e.acceptBy(s, keeping(2), Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "two"))
	a := Mail("support", 1, "k/1", "one")
	a.ID = 1
	got, err := s.Rejudge(e.ctx, a, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		e.equal("untold", texts(k.Untold), "one,two")
		return bridge.Verdict{State: bridge.MailTicket, Reason: "released", Conversation: k.Conversation, Customer: "kim@customer.example.net",
			Delivery: Message(a, bridge.Raise, k.Untold), Along: "told by m1", KeepRaw: true}
	})
	e.must(err)
	st := e.story(s, "m2")
	e.equal("mails", []any{got.State, st.Mails[1].State, st.Mails[1].Reason}, []any{bridge.MailTicket, bridge.MailTicket, "told by m1"})
	e.equal("told", told(st.Turns), []int64{1, 1})
}

func untoldNotes(e *env) {
	s := e.open()
	a := Mail("support", 1, "k/1", "one", "between us")
	a.Turns[1].Role = "note"
	e.acceptBy(s, keeping(1), a)
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		e.equal("untold", texts(k.Untold), "one")
		return Judge(a, k)
	}, Mail("support", 2, "k/1", "two"))
	e.equal("told", told(e.story(s, "c1").Turns), []int64{1, 0, 1})
}

func untoldDropped(e *env) {
	for state, want := range map[bridge.DeliveryState]string{bridge.Dead: "one,two", bridge.Bounced: "one,two", bridge.Doubt: ""} {
		s, err := e.again(e.T)()
		e.must(err)
		e.Cleanup(func() { s.Close() })
		e.accept(s, Mail("support", 1, "k/1", "one", "two"))
		e.settle(s, done(e.claim(s, Start.Add(time.Hour), 1)[0], state))
		e.must(s.DropDelivery(e.ctx, 1, "because"))
		e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
			e.equal("untold after "+string(state), texts(k.Untold), want)
			return Judge(a, k)
		}, Mail("support", 2, "k/1", "three"))
	}
}

// untoldRaw: the store says so; what it could not read is not left out in silence.
func untoldRaw(e *env) {
	s := e.open()
	e.acceptBy(s, keeping(1), Mail("support", 1, "k/1", "one"))
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		if raw := k.Raw(77); raw != nil {
			e.Errorf("raw of a mail that is not kept: %q", raw)
		}
		return Judge(a, k)
	}, Mail("support", 2, "k/1", "two"))
	if _, err := s.Raw(e.ctx, 77); !errors.Is(err, bridge.ErrNotFound) {
		e.Error(err)
	}
}
