package storetest

import (
	"time"

	"ticketbridge/bridge"
)

var answerTests = []test{
	{"what an answer is about", answerAbout},
	{"an answer to nothing of ours", answerStray},
	{"an acknowledgement confirms", answerConfirms},
	{"an acknowledgement that is quicker than the reply", answerOvertakes},
	{"a bounce", answerBounce},
	{"a note about a delivery", answerNote},
	{"what nobody confirmed", answerMissing},
	{"the customer alone tells only what is certain", answerLonely},
}

// answer makes the arrival of a mail that answers a ticket message.
func answer(uid uint32, ans bridge.Answer) bridge.Arrival {
	a := Mail("notices", uid, "", "an answer "+string(rune('a'+uid)))
	a.Answer = &ans
	return a
}

// answered judges by a fixed verdict, and notes what was known.
func answered(known *bridge.Known, state bridge.DeliveryState, link func(*bridge.Link)) bridge.Judge {
	return func(_ bridge.Arrival, k bridge.Known) bridge.Verdict {
		*known = k
		v := bridge.Verdict{State: bridge.MailIgnored, Reason: "an answer"}
		if k.Delivery == nil {
			return v
		}
		v.Answered = &bridge.Answered{Delivery: k.Delivery.ID, State: state, Detail: "it says so"}
		if link != nil {
			c := *k.Conversation
			link(&c.Link)
			v.Conversation = &c
		}
		return v
	}
}

// sent raises two conversations and sends their messages.
func (e *env) sent(s bridge.Store) []bridge.Delivery {
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/2", "two"))
	ds := e.claim(s, Start.Add(time.Hour), 2)
	e.settle(s, done(ds[0], bridge.Sent), done(ds[1], bridge.Sent))
	return ds
}

func answerAbout(e *env) {
	s := e.open()
	ds := e.sent(s)
	e.must(s.SetTicket(e.ctx, ds[0].Conversation, bridge.Link{Ticket: "7"}))
	for i, ans := range []bridge.Answer{
		{ReversePath: ds[1].ReversePath, MessageID: ds[0].MessageID}, // the first that is set counts
		{MessageID: ds[1].MessageID, Ref: Ref("k/1")},
		{Ref: Ref("k/2")},
		{Customers: []string{"nobody@example.org", "KIM@customer.example.net"}},
	} {
		var k bridge.Known
		got := e.acceptBy(s, answered(&k, "", nil), answer(uint32(i+1), ans))
		if k.Delivery == nil || k.Conversation == nil {
			e.Errorf("%+v is about nothing", ans)
			continue
		}
		e.equal("delivery", []any{k.Delivery.ID, k.Delivery.State, k.Delivery.Conversation}, []any{ds[1].ID, bridge.Sent, ds[1].Conversation})
		e.equal("conversation", k.Conversation.Key, "k/2")
		e.equal("the mail belongs to none", got[0].Conversation, int64(0))
	}
}

func answerStray(e *env) {
	s := e.open()
	ds := e.sent(s)
	before := []bridge.Story{e.story(s, "c1"), e.story(s, "c2")}
	for i, ans := range []bridge.Answer{
		{ReversePath: "bounce+other@example.com", MessageID: ds[0].MessageID}, {MessageID: "tb.other@example.com"}, {Ref: "XXXX-XXXX"}, {}, {Customers: []string{""}},
	} {
		var k bridge.Known
		e.acceptBy(s, answered(&k, bridge.Confirmed, nil), answer(uint32(i+1), ans))
		if k.Delivery != nil || k.Conversation != nil {
			e.Errorf("%+v is about %+v", ans, k)
		}
	}
	e.equal("nothing else", []bridge.Story{e.story(s, "c1"), e.story(s, "c2")}, before)
}

func answerConfirms(e *env) {
	s := e.open()
	ds := e.sent(s)
	var k bridge.Known
	at := Start.Add(2 * time.Hour)
	got := e.acceptBy(s, answered(&k, bridge.Confirmed, func(l *bridge.Link) { l.Ticket, l.URL, l.Confirmed = "4711", "https://desk.example.com/4711", at }),
		answer(1, bridge.Answer{MessageID: ds[0].MessageID}))
	d := e.delivery(s, ds[0].ID)
	e.equal("delivery", []any{d.State, d.Detail}, []any{bridge.Confirmed, "so it ended"}) // the last reply stays
	story := e.story(s, "c1")
	e.equal("link", story.Conversation.Link, bridge.Link{Target: "mailbox", MessageID: ds[0].MessageID, Ticket: "4711", URL: "https://desk.example.com/4711", Confirmed: at})
	last := story.Events[len(story.Events)-1]
	e.equal("journal", []any{last.What, last.Text, last.Delivery}, []any{"confirmed", "it says so, in " + bridge.MailID(got[0].ID), ds[0].ID})
	e.equal("the other", e.delivery(s, ds[1].ID).State, bridge.Sent)
	e.equal("found by its number", e.story(s, "4711").Conversation.ID, ds[0].Conversation)
}

func answerOvertakes(e *env) {
	s := e.open()
	e.raise(s, 1, 1)
	d := e.claim(s, Start.Add(time.Hour), 1)[0]
	var k bridge.Known
	e.acceptBy(s, answered(&k, bridge.Confirmed, func(l *bridge.Link) { l.Confirmed = Start.Add(time.Hour) }), answer(1, bridge.Answer{MessageID: d.MessageID}))
	e.equal("in flight it is left alone", e.delivery(s, d.ID).State, bridge.Sending)
	e.settle(s, done(d, bridge.Sent))
	e.equal("then it is confirmed", e.delivery(s, d.ID).State, bridge.Confirmed)
}

func answerBounce(e *env) {
	s := e.open()
	ds := e.sent(s)
	var k bridge.Known
	e.acceptBy(s, answered(&k, bridge.Bounced, nil), answer(1, bridge.Answer{ReversePath: ds[0].ReversePath}))
	d := e.delivery(s, ds[0].ID)
	e.equal("delivery", []any{d.State, d.Detail, d.Next.IsZero()}, []any{bridge.Bounced, "it says so", true})
	e.acceptBy(s, answered(&k, bridge.Confirmed, nil), answer(2, bridge.Answer{ReversePath: ds[0].ReversePath}))
	e.equal("what bounced is not confirmed", e.delivery(s, ds[0].ID).State, bridge.Bounced)
}

func answerNote(e *env) {
	s := e.open()
	ds := e.sent(s)
	var k bridge.Known
	e.acceptBy(s, answered(&k, "", nil), answer(1, bridge.Answer{ReversePath: ds[0].ReversePath}))
	e.equal("delivery", e.delivery(s, ds[0].ID).State, bridge.Sent)
	ev := e.story(s, "c1").Events
	e.equal("journal", ev[len(ev)-1].What, "answered")
}

func answerLonely(e *env) {
	s := e.open()
	ds := e.sent(s) // both are Kim's
	var k bridge.Known
	kim := bridge.Answer{Customers: []string{"kim@customer.example.net"}}
	e.acceptBy(s, answered(&k, "", nil), answer(1, kim))
	if k.Delivery != nil {
		e.Errorf("one of two was chosen: %+v", k.Delivery)
	}
	e.must(s.SetTicket(e.ctx, ds[1].Conversation, bridge.Link{Ticket: "8"}))
	e.acceptBy(s, answered(&k, "", nil), answer(2, kim))
	if k.Delivery == nil || k.Delivery.ID != ds[0].ID {
		e.Errorf("it is about %+v", k.Delivery)
	}
}

func answerMissing(e *env) {
	s := e.open()
	ds := e.sent(s) // both settled at Start + 1 h
	count := func(from, to time.Time) int64 {
		n, err := s.Unconfirmed(e.ctx, from, to)
		e.must(err)
		return n
	}
	sent := Start.Add(time.Hour)
	e.equal("sent in the time", count(sent, sent.Add(time.Second)), int64(2))
	e.equal("sent before it", count(sent.Add(time.Second), sent.Add(time.Minute)), int64(0))
	e.equal("sent after it", count(sent.Add(-time.Minute), sent), int64(0))
	var k bridge.Known
	at := sent.Add(time.Minute)
	e.acceptBy(s, answered(&k, bridge.Confirmed, func(l *bridge.Link) { l.Confirmed, l.Resolved = at, at }), answer(1, bridge.Answer{MessageID: ds[0].MessageID}))
	e.equal("one was confirmed", count(sent, at), int64(1))
	e.equal("and solved", e.story(s, "c1").Conversation.Link.Resolved, at)
}
