package storetest

import (
	"errors"
	"strings"
	"time"

	"ticketbridge/bridge"
)

var rejudgeTests = []test{
	{"a mail that was fetched whole since", rejudgeFetched},
	{"a parked mail becomes a ticket", rejudgeTicket},
	{"it joins the conversation there is", rejudgeJoins},
	{"it may be parked again", rejudgeParkedAgain},
	{"its raw mail goes when it is not kept", rejudgeDropsRaw},
	{"only parked mails", rejudgeState},
	{"copies that came later are not its original", rejudgeCopies},
	{"an error changes nothing", rejudgeError},
	{"its message is in the outbox already", rejudgeDouble},
	{"its message is made now, not when the mail came", rejudgeCreated},
}

// released is the arrival of a parked mail that a person released.
func released(rec bridge.MailRecord, conversation string, turns ...string) bridge.Arrival {
	a := Mail("elsewhere", 99, conversation, turns...)
	a.ID = rec.ID
	a.Record.ContentKey = rec.ContentKey
	a.Record.Format, a.Record.Kind = "generic", "released"
	a.Record.Recorded = time.Time{}
	return a
}

func rejudgeTicket(e *env) {
	s := e.open()
	parked := e.accept(s, Mail("support", 1, "", "who am I"))[0]
	e.equal("parked", parked.State, bridge.MailParked)
	a := released(parked, "mail/1", "who am I")
	var known bridge.Known
	got, err := s.Rejudge(e.ctx, a, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		known = k
		e.equal("id", a.ID, parked.ID)
		return Judge(a, k)
	})
	e.must(err)
	e.equal("known", known, bridge.Known{Seen: []bool{false}})
	// What the mail is stays, what was read in it is new.
	want := parked
	want.State, want.Reason, want.Conversation, want.Customer = bridge.MailTicket, "1 new", 1, "kim@customer.example.net"
	want.Format, want.Kind, want.MessageID = "generic", "released", a.Record.MessageID
	want.Evidence = []string{"profile intercom", "locator: above the turns"}
	e.equal("record", got, want)
	list, err := s.Mails(e.ctx, bridge.Filter{})
	e.must(err)
	e.equal("listed", list, []bridge.MailRecord{want})
	raw, err := s.Raw(e.ctx, parked.ID)
	e.must(err)
	e.equal("raw", string(raw), string(Mail("support", 1, "", "who am I").Raw))

	st := e.story(s, "m1")
	e.equal("deliveries", len(st.Deliveries), 1)
	e.equal("delivery's mail", st.Deliveries[0].Mail, parked.ID)
	e.equal("turn's mail", st.Turns[0].Mail, parked.ID)
	e.equal("journal", whats(st.Events), "recorded judged again decided")
	if d := time.Since(st.Events[1].At); d < 0 || d > time.Minute {
		e.Errorf("judged again %v ago", d)
	}
	if n := len(e.claim(s, time.Now().Add(time.Hour), 5)); n != 1 {
		e.Errorf("%d deliveries to claim", n)
	}
}

func rejudgeJoins(e *env) {
	s := e.open()
	parked := e.accept(s, Mail("support", 1, "", "odd"))[0]
	e.accept(s, Mail("support", 2, "k/1", "one"))
	got, err := s.Rejudge(e.ctx, released(parked, "k/1", "one", "odd"), Judge)
	e.must(err)
	e.equal("state", got.State, bridge.MailUpdate)
	st := e.story(s, "c1")
	e.equal("mails", mailIDs(st.Mails), []int64{1, 2})
	var texts []string
	for _, t := range st.Turns {
		texts = append(texts, t.Text)
	}
	e.equal("turns, in the order they were recorded", texts, []string{"one", "odd"})
	e.equal("journal", whats(st.Events), "recorded recorded decided judged again decided")
	e.sendAll(s)
	uids, err := s.Unmarked(e.ctx, "support", "INBOX", Validity)
	e.must(err)
	e.equal("unmarked", uids, []uint32{1, 2})
}

func rejudgeParkedAgain(e *env) {
	s := e.open()
	parked := e.accept(s, Mail("support", 1, "", "odd"))[0]
	got, err := s.Rejudge(e.ctx, released(parked, "k/1", "odd"), func(bridge.Arrival, bridge.Known) bridge.Verdict {
		return bridge.Verdict{State: bridge.MailParked, Reason: "still no address", KeepRaw: true}
	})
	e.must(err)
	e.equal("state", got.State, bridge.MailParked)
	e.equal("reason", got.Reason, "still no address")
	if _, err := s.Raw(e.ctx, got.ID); err != nil {
		e.Error(err)
	}
	got, err = s.Rejudge(e.ctx, released(got, "k/1", "odd"), Judge)
	e.must(err)
	e.equal("state", got.State, bridge.MailTicket)
}

func rejudgeDropsRaw(e *env) {
	s := e.open()
	parked := e.accept(s, Mail("support", 1, "", "odd"))[0]
	got, err := s.Rejudge(e.ctx, released(parked, "k/1", "odd"), changed(func(v *bridge.Verdict) { v.KeepRaw = false }))
	e.must(err)
	e.equal("has raw", got.HasRaw, false)
	if _, err := s.Raw(e.ctx, parked.ID); !errors.Is(err, bridge.ErrNotFound) {
		e.Errorf("raw: %v", err)
	}
}

func rejudgeState(e *env) {
	s := e.open()
	got := e.accept(s, Mail("support", 1, "k/1", "one"))[0]
	before := e.everything(s)
	never := func(bridge.Arrival, bridge.Known) bridge.Verdict {
		e.Error("judged")
		return bridge.Verdict{State: bridge.MailParked}
	}
	if _, err := s.Rejudge(e.ctx, released(got, "k/2", "one"), never); !errors.Is(err, bridge.ErrState) || !strings.Contains(err.Error(), "ticket") {
		e.Errorf("a ticket: %v", err)
	}
	got.ID = 77
	if _, err := s.Rejudge(e.ctx, released(got, "k/2", "one"), never); !errors.Is(err, bridge.ErrNotFound) || !strings.Contains(err.Error(), "m77") {
		e.Errorf("none: %v", err)
	}
	e.equal("database", e.everything(s), before)
}

// rejudgeCopies: the copy in another mailbox refers to the parked mail. If the
// parked mail took the copy for its original, both would be ignored.
func rejudgeCopies(e *env) {
	s := e.open()
	parked := e.accept(s, Mail("ann", 1, "", "odd"))[0]
	copied := e.accept(s, Mail("bob", 1, "", "odd"))[0]
	e.equal("copy", copied.CopyOf, parked.ID)
	got, err := s.Rejudge(e.ctx, released(parked, "k/1", "odd"), Judge)
	e.must(err)
	e.equal("state", got.State, bridge.MailTicket)

	// An older one is.
	first := e.accept(s, Mail("ann", 2, "k/2", "two"))[0]
	second := e.acceptBy(s, func(bridge.Arrival, bridge.Known) bridge.Verdict {
		return bridge.Verdict{State: bridge.MailParked, Reason: "by hand"}
	}, Mail("bob", 2, "k/2", "two"))[0]
	a := released(second, "k/2", "two")
	got, err = s.Rejudge(e.ctx, a, Judge)
	e.must(err)
	e.equal("copy of", got.CopyOf, first.ID)
}

func rejudgeError(e *env) {
	s := e.open()
	parked := e.accept(s, Mail("support", 1, "", "odd"))[0]
	before := e.everything(s)
	_, err := s.Rejudge(e.ctx, released(parked, "k/1", "odd"), changed(func(v *bridge.Verdict) { v.State = "?" }))
	if err == nil {
		e.Error("accepted")
	}
	func() {
		defer func() { e.equal("panic", recover(), "our bug") }()
		s.Rejudge(e.ctx, released(parked, "k/1", "odd"), func(bridge.Arrival, bridge.Known) bridge.Verdict { panic("our bug") })
	}()
	e.equal("database", e.everything(s), before)
}

func rejudgeDouble(e *env) {
	s := e.open()
	parked := e.accept(s, Mail("support", 1, "", "odd"))[0]
	e.accept(s, Mail("support", 2, "k/1", "one"))
	d := e.delivery(s, 1)
	got, err := s.Rejudge(e.ctx, released(parked, "k/2", "odd"), changed(func(v *bridge.Verdict) { v.Delivery.MessageID = d.MessageID }))
	e.must(err)
	e.equal("state", got.State, bridge.MailIgnored)
	if !strings.Contains(got.Reason, "d1") {
		e.Errorf("reason %q", got.Reason)
	}
}

// rejudgeCreated: a delivery's age decides when it is given up.
func rejudgeCreated(e *env) {
	s := e.open()
	parked := e.accept(s, Mail("support", 1, "", "odd"))[0]
	_, err := s.Rejudge(e.ctx, released(parked, "k/1", "odd"), changed(func(v *bridge.Verdict) { v.Delivery.Created, v.Delivery.Next = time.Time{}, time.Time{} }))
	e.must(err)
	d := e.delivery(s, 1)
	if age := time.Since(d.Created); age < 0 || age > time.Minute || !d.Next.Equal(d.Created) {
		e.Errorf("made %v ago, due %v", age, d.Next)
	}
}

// rejudgeFetched: the bytes, the content key and the size are those of the whole
// mail from now on, and a copy of it is known.
func rejudgeFetched(e *env) {
	s := e.open()
	header := Mail("support", 1, "", "")
	header.Raw, header.Record.Size, header.Record.ContentKey = []byte("Subject: chat\r\n\r\n"), 5000, "header-only"
	e.acceptBy(s, func(bridge.Arrival, bridge.Known) bridge.Verdict {
		return bridge.Verdict{State: bridge.MailParked, Reason: "too large", KeepRaw: true}
	}, header)
	whole := Mail("support", 1, "k/1", "one")
	whole.ID, whole.Fetched = 1, true
	got, err := s.Rejudge(e.ctx, whole, Judge)
	e.must(err)
	e.equal("mail", []any{got.ID, got.State, got.ContentKey, got.Size, got.HasRaw, got.Received}, []any{int64(1), bridge.MailTicket, whole.Record.ContentKey, whole.Record.Size, true, header.Record.Received})
	e.equal("as listed", e.list(s)[0], got)
	raw, err := s.Raw(e.ctx, 1)
	e.must(err)
	e.equal("raw", string(raw), string(whole.Raw))
	e.equal("a copy", e.accept(s, Mail("ann", 7, "k/1", "one"))[0].CopyOf, int64(1))
	e.sound(s)
}
