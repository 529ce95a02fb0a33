package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
)

var acceptTests = []test{
	{"a new chat and all it causes", acceptNew},
	{"a chat that goes on", acceptFollowUp},
	{"later mails of a batch see what earlier ones left", acceptInOrder},
	{"the same batch again changes nothing", acceptAgain},
	{"a mail twice in a batch", acceptTwiceInBatch},
	{"copies are told of the earliest", acceptCopies},
	{"another mail under a known UID", acceptReusedUID},
	{"the judge's view is its own", acceptIsolated},
	{"a judge that panics leaves nothing", acceptPanic},
	{"impossible verdicts leave nothing", acceptImpossible},
	{"a context that ended leaves nothing", acceptCancelled},
	{"without raw", acceptWithoutRaw},
	{"an empty batch moves the cursor", acceptEmpty},
	{"a Message-ID that is in the outbox already", acceptMessageIDTwice},
	{"a Ref that is taken", acceptRefTaken},
	{"turns are counted once", acceptTurnsOnce},
	{"mails of several folders", acceptFolders},
}

func acceptNew(e *env) {
	s := e.open()
	a := Mail("support", 7, "intercom/abcd1234/1964", "hello?", "is anybody there?")
	got := e.accept(s, a)[0]

	want := a.Record
	want.ID, want.State, want.Reason, want.Conversation = got.ID, bridge.MailTicket, "2 new", got.Conversation
	want.Customer, want.HasRaw = "kim@customer.example.net", true
	want.Evidence = []string{"profile intercom", "locator: above the turns"}
	e.equal("record", got, want)
	if got.ID == 0 || got.Conversation == 0 {
		e.Fatalf("no ids: %+v", got)
	}
	listed, err := s.Mails(e.ctx, bridge.Filter{})
	e.must(err)
	e.equal("listed", listed, []bridge.MailRecord{want})

	raw, err := s.Raw(e.ctx, got.ID)
	e.must(err)
	e.equal("raw", string(raw), string(a.Raw))

	st := e.story(s, "c"+fmt.Sprint(got.Conversation))
	m := Message(a, bridge.Raise, a.Turns)
	e.equal("conversation", *st.Conversation, bridge.Conversation{
		ID: got.Conversation, Key: "intercom/abcd1234/1964", Ref: a.Ref, Format: "intercom", VendorID: "1964", Customer: st.Conversation.Customer,
		Subject: "What it is about", Identity: "as-customer", Opened: a.Record.Recorded, Updated: a.Record.Recorded,
		Thread: []string{m.MessageID}, Link: bridge.Link{Target: "mailbox", MessageID: m.MessageID},
	})
	var turns []bridge.Turn
	for _, t := range a.Turns {
		t.Mail, t.Delivery = got.ID, 1
		turns = append(turns, t)
	}
	e.equal("turns", st.Turns, turns)
	e.equal("mails", st.Mails, []bridge.MailRecord{want})
	if len(st.Deliveries) != 1 {
		e.Fatalf("%d deliveries", len(st.Deliveries))
	}
	d := *m
	d.ID, d.Conversation, d.Mail, d.Data = st.Deliveries[0].ID, got.Conversation, got.ID, nil
	e.equal("delivery", st.Deliveries[0], d)
	data, err := s.DeliveryData(e.ctx, d.ID)
	e.must(err)
	e.equal("data", string(data), string(m.Data))

	e.equal("journal", whats(st.Events), "recorded decided")
	for _, want := range []string{"ticket: 2 new", "raise by rule at-once: new"} {
		if ev := st.Events; ev[0].Text != want && ev[1].Text != want {
			e.Errorf("no %q in %+v", want, ev)
		}
	}
	e.equal("event", st.Events[0], bridge.Event{At: a.Record.Recorded, What: "recorded", Text: "ticket: 2 new", Mail: got.ID, Conversation: got.Conversation, Delivery: d.ID})

	c, err := s.Cursor(e.ctx, "support", "INBOX")
	e.must(err)
	e.equal("cursor", c, At("support", 7))
}

func acceptFollowUp(e *env) {
	s := e.open()
	first := e.accept(s, Mail("support", 1, "intercom/a/1", "one"))[0]
	a := Mail("support", 2, "intercom/a/1", "one", "two")
	var known bridge.Known
	second := e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict { known = k; return Judge(a, k) }, a)[0]
	e.equal("state", second.State, bridge.MailUpdate)
	e.equal("conversation", second.Conversation, first.Conversation)
	e.equal("seen", known.Seen, []bool{true, false})
	if known.Copy != nil {
		e.Errorf("copy of %v", known.Copy)
	}
	st := e.story(s, "c1")
	e.equal("thread", st.Conversation.Thread, []string{st.Deliveries[0].MessageID, st.Deliveries[1].MessageID})
	e.equal("the ticket's message", st.Conversation.Link.MessageID, st.Deliveries[0].MessageID)
	e.equal("updated", st.Conversation.Updated, a.Record.Recorded)
	e.equal("turns", len(st.Turns), 2)
	e.equal("told by", []int64{st.Turns[0].Mail, st.Turns[1].Mail}, []int64{first.ID, second.ID})
	e.equal("second turn", st.Turns[1].Text, "two")
}

func acceptInOrder(e *env) {
	s := e.open()
	var calls []string
	records := e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		state := "new"
		if k.Conversation != nil {
			state = fmt.Sprintf("c%d thread %d", k.Conversation.ID, len(k.Conversation.Thread))
		}
		if k.Copy != nil {
			state += fmt.Sprintf(" copy of m%d", k.Copy.ID)
		}
		calls = append(calls, fmt.Sprintf("%d %s %v", a.Record.UID, state, k.Seen))
		return Judge(a, k)
	},
		Mail("support", 1, "k/1", "one"),
		Mail("support", 2, "k/2", "uno"),
		Mail("support", 3, "k/1", "one", "two"),
		Mail("support", 4, "k/1", "one"),
		Mail("support", 5, "k/1", "two", "one"),
		Mail("support", 6, ""),
	)
	e.equal("calls", calls, []string{"1 new [false]", "2 new [false]", "3 c1 thread 1 [true false]", "4 c1 thread 2 copy of m1 [true]", "5 c1 thread 2 [true true]", "6 new []"})
	e.equal("ids", mailIDs(records), []int64{1, 2, 3, 4, 5, 6})
	e.equal("copy", records[3].CopyOf, records[0].ID)
	st := e.story(s, "c1")
	e.equal("mails", mailIDs(st.Mails), []int64{1, 3, 4, 5})
	e.equal("deliveries", len(st.Deliveries), 2)
	e.equal("turns", len(st.Turns), 2)
	if st.Deliveries[0].ID >= st.Deliveries[1].ID {
		e.Errorf("deliveries are not in order: %v", deliveryIDs(st.Deliveries))
	}
}

func acceptAgain(e *env) {
	s := e.open()
	batch := []bridge.Arrival{Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "one", "two"), Mail("support", 3, ""), Mail("support", 4, "k/1", "one")}
	first := e.accept(s, batch...)
	before := e.everything(s)
	again, err := s.Accept(e.ctx, batch, At("support", 9), func(a bridge.Arrival, _ bridge.Known) bridge.Verdict {
		e.Errorf("%s was judged again", a.Record.Source)
		return bridge.Verdict{State: bridge.MailParked}
	})
	e.must(err)
	e.equal("records", again, first)
	e.equal("database", e.everything(s), before)
	c, err := s.Cursor(e.ctx, "support", "INBOX")
	e.must(err)
	e.equal("cursor", c, At("support", 9))
	// A batch of which a part is known.
	mixed := e.accept(s, batch[1], Mail("support", 5, "k/5", "x"), batch[3])
	e.equal("known", []bridge.MailRecord{mixed[0], mixed[2]}, []bridge.MailRecord{first[1], first[3]})
	e.equal("news", mixed[1].State, bridge.MailTicket)
}

func acceptTwiceInBatch(e *env) {
	s := e.open()
	a := Mail("support", 1, "k/1", "one")
	records := e.accept(s, a, a, Mail("support", 2, "k/2", "uno"))
	e.equal("second", records[1], records[0])
	all, err := s.Mails(e.ctx, bridge.Filter{})
	e.must(err)
	e.equal("mails", mailIDs(all), reversed(records[0].ID, records[2].ID))
}

func acceptCopies(e *env) {
	s := e.open()
	first := e.accept(s, Mail("ann", 1, "k/1", "one"))[0]
	second := e.accept(s, Mail("bob", 1, "k/1", "one"))[0]
	var copyOf []int64
	third := e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		copyOf = append(copyOf, k.Copy.ID)
		e.equal("copy", *k.Copy, first)
		return Judge(a, k)
	}, Mail("cid", 1, "k/1", "one"))[0]
	e.equal("copy of", copyOf, []int64{first.ID})
	e.equal("states", []bridge.MailState{first.State, second.State, third.State}, []bridge.MailState{bridge.MailTicket, bridge.MailIgnored, bridge.MailIgnored})
	e.equal("copies", []int64{second.CopyOf, third.CopyOf}, []int64{first.ID, first.ID})
	e.equal("conversations", []int64{second.Conversation, third.Conversation}, []int64{first.Conversation, first.Conversation})
	e.equal("deliveries", len(e.story(s, "c1").Deliveries), 1)
	// Without a conversation too.
	x := e.accept(s, Mail("ann", 2, "", "newsletter"), Mail("bob", 2, "", "newsletter"))
	e.equal("copy without a conversation", x[1].CopyOf, x[0].ID)
}

func acceptReusedUID(e *env) {
	s := e.open()
	a, b := Mail("support", 1, "k/1", "one"), Mail("support", 1, "k/2", "uno")
	b.Record.MessageID = a.Record.MessageID // R8: the same Message-ID, other content
	records := append(e.accept(s, a), e.accept(s, b)...)
	e.equal("states", []bridge.MailState{records[0].State, records[1].State}, []bridge.MailState{bridge.MailTicket, bridge.MailTicket})
	if records[0].ID == records[1].ID || records[0].Conversation == records[1].Conversation {
		e.Errorf("taken for one: %+v", records)
	}
}

func acceptIsolated(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"))
	before := e.everything(s)
	_, err := s.Accept(e.ctx, []bridge.Arrival{Mail("support", 2, "k/1", "two"), Mail("support", 3, "k/1", "three")}, At("support", 3),
		func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
			if k.Conversation.Subject != "What it is about" || k.Conversation.Thread[0] == "scribbled" {
				e.Errorf("UID %d sees what the judge scribbled: %+v", a.Record.UID, k.Conversation)
			}
			k.Conversation.Subject, k.Conversation.Thread[0], k.Conversation.Customer.Address = "scribbled", "scribbled", "scribbled"
			return bridge.Verdict{State: bridge.MailIgnored, Reason: "looked only"} // Conversation nil: left alone
		})
	e.must(err)
	st := e.story(s, "c1")
	e.equal("mails", len(st.Mails), 3)
	if strings.Contains(e.everything(s), "scribbled") {
		e.Errorf("scribbles were stored; before:\n%s", before)
	}
}

func acceptPanic(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"))
	before := e.everything(s)
	func() {
		defer func() { e.equal("panic", recover(), "our bug") }()
		s.Accept(e.ctx, []bridge.Arrival{Mail("support", 2, "k/2", "x"), Mail("support", 3, "k/3", "y")}, At("support", 3),
			func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
				if a.Record.UID == 3 {
					panic("our bug")
				}
				return Judge(a, k)
			})
	}()
	e.equal("database", e.everything(s), before)
	// The store goes on, at once: no transaction is left open.
	ctx, cancel := context.WithTimeout(e.ctx, 3*time.Second)
	defer cancel()
	_, err := e.open().Accept(ctx, []bridge.Arrival{Mail("support", 2, "k/2", "x")}, At("support", 2), Judge)
	e.must(err)
	e.accept(s, Mail("support", 3, "k/2", "x", "y"))
}

func acceptImpossible(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"))
	before := e.everything(s)
	for what, verdict := range map[string]bridge.Judge{
		"unknown state":      func(bridge.Arrival, bridge.Known) bridge.Verdict { return bridge.Verdict{State: "done"} },
		"no state":           func(bridge.Arrival, bridge.Known) bridge.Verdict { return bridge.Verdict{} },
		"a stranger's key":   changed(func(v *bridge.Verdict) { v.Conversation.Key = "k/other" }),
		"turns of nothing":   changed(func(v *bridge.Verdict) { v.Conversation, v.Delivery = nil, nil }),
		"delivery of none":   changed(func(v *bridge.Verdict) { v.Conversation, v.Turns = nil, nil }),
		"no Message-ID":      changed(func(v *bridge.Verdict) { v.Delivery.MessageID = "" }),
		"unknown delivery":   changed(func(v *bridge.Verdict) { v.Delivery.State = "gone" }),
		"delivery in flight": changed(func(v *bridge.Verdict) { v.Delivery.State = bridge.Sending }),
	} {
		if records, err := s.Accept(e.ctx, []bridge.Arrival{Mail("support", 2, "k/2", "x")}, At("support", 2), verdict); err == nil {
			e.Errorf("%s: accepted: %+v", what, records)
		}
	}
	e.equal("database", e.everything(s), before)
	if c, err := s.Cursor(e.ctx, "support", "INBOX"); err != nil || c.UID != 1 {
		e.Errorf("cursor at %d, %v", c.UID, err)
	}
}

// changed is Judge with its verdict changed.
func changed(do func(v *bridge.Verdict)) bridge.Judge {
	return func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		v := Judge(a, k)
		do(&v)
		return v
	}
}

func acceptCancelled(e *env) {
	s := e.open()
	ctx, cancel := context.WithCancel(e.ctx)
	_, err := s.Accept(ctx, []bridge.Arrival{Mail("support", 1, "k/1", "one")}, At("support", 1), func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		cancel()
		return Judge(a, k)
	})
	if !errors.Is(err, context.Canceled) {
		e.Errorf("error %v", err)
	}
	e.equal("database", e.everything(s), "")
	if _, err := s.Accept(ctx, nil, At("support", 1), Judge); !errors.Is(err, context.Canceled) {
		e.Errorf("error %v", err)
	}
	e.accept(s, Mail("support", 1, "k/1", "one"))
}

func acceptWithoutRaw(e *env) {
	s := e.open()
	got := e.acceptBy(s, func(bridge.Arrival, bridge.Known) bridge.Verdict {
		return bridge.Verdict{State: bridge.MailIgnored, Reason: "a newsletter"}
	}, Mail("support", 1, "", "news"))[0]
	if got.HasRaw || got.Conversation != 0 || got.Ours() {
		e.Errorf("record %+v", got)
	}
	if _, err := s.Raw(e.ctx, got.ID); !errors.Is(err, bridge.ErrNotFound) {
		e.Errorf("raw: %v", err)
	}
	if _, err := s.DeliveryData(e.ctx, 1); !errors.Is(err, bridge.ErrNotFound) {
		e.Errorf("data: %v", err)
	}
	st := e.story(s, bridge.MailID(got.ID))
	e.equal("conversation", st.Conversation, (*bridge.Conversation)(nil))
	e.equal("journal", whats(st.Events), "recorded")
}

func acceptEmpty(e *env) {
	s := e.open()
	records, err := s.Accept(e.ctx, nil, At("support", 40), Judge)
	e.must(err)
	e.equal("records", len(records), 0)
	c, err := s.Cursor(e.ctx, "support", "INBOX")
	e.must(err)
	e.equal("cursor", c, At("support", 40))
}

// acceptMessageIDTwice: the conversation was lost, its delivery was not.
func acceptMessageIDTwice(e *env) {
	s := e.open()
	sent := e.accept(s, Mail("support", 1, "k/1", "one"))[0]
	d := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.settle(s, done(d, bridge.Sent))

	b := Mail("support", 2, "k/2", "one and more")
	records := e.acceptBy(s, changed(func(v *bridge.Verdict) { v.Delivery.MessageID = d.MessageID }),
		b, Mail("support", 3, "k/3", "three"), Mail("support", 4, "k/4", "four"))
	e.equal("state", records[0].State, bridge.MailIgnored)
	e.equal("copy of", records[0].CopyOf, sent.ID)
	if want := bridge.DeliveryID(d.ID); !strings.Contains(records[0].Reason, want) || !strings.Contains(records[0].Reason, "sent") {
		e.Errorf("reason %q does not name %s", records[0].Reason, want)
	}
	st := e.story(s, bridge.MailID(records[0].ID))
	e.equal("deliveries", len(st.Deliveries), 0)
	e.equal("turns", len(st.Turns), 1)
	e.equal("thread", slices.Contains(st.Conversation.Thread, d.MessageID), true)
	e.equal("journal names it", st.Events[0].Delivery, d.ID)
	all, err := s.Deliveries(e.ctx, bridge.Filter{})
	e.must(err)
	e.equal("deliveries in all", deliveryIDs(all), []int64{d.ID})

	// Twice within a batch, between others that are not.
	records = e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		v := Judge(a, k)
		if a.Record.UID < 8 {
			v.Delivery.MessageID = "twice@example.com"
		}
		return v
	}, Mail("support", 5, "k/5", "five"), Mail("support", 6, "k/6", "six"), Mail("support", 8, "k/8", "eight"))
	e.equal("states", []bridge.MailState{records[0].State, records[1].State, records[2].State},
		[]bridge.MailState{bridge.MailTicket, bridge.MailIgnored, bridge.MailTicket})
	e.equal("copy of", records[1].CopyOf, records[0].ID)
}

func acceptRefTaken(e *env) {
	s := e.open()
	mail := func(uid uint32, key string) bridge.Arrival {
		a := Mail("support", uid, key, key)
		a.Ref = "ABCD-EFGZ"
		return a
	}
	e.accept(s, mail(1, "k/1"))
	e.accept(s, mail(2, "k/2"), mail(3, "k/3"), mail(4, "k/2"), mail(5, "k/1"))
	refs := map[string]string{}
	for i := range 3 {
		c := e.story(s, fmt.Sprint("c", i+1)).Conversation
		if other, taken := refs[c.Ref]; taken {
			e.Errorf("%s and %s share the Ref %s", other, c.Key, c.Ref)
		}
		refs[c.Ref] = c.Key
		e.equal("found by it", e.story(s, c.Ref).Conversation.Key, c.Key)
		if len(c.Ref) != 9 || strings.ContainsAny(c.Ref, "ILOU") {
			e.Errorf("Ref %q is not one", c.Ref)
		}
	}
	e.equal("the first keeps it", refs["ABCD-EFGZ"], "k/1")
}

func acceptTurnsOnce(e *env) {
	s := e.open()
	// A judge that gives a turn twice, and one that is recorded already.
	twice := changed(func(v *bridge.Verdict) { v.Turns = append(v.Turns, v.Turns...) })
	e.acceptBy(s, twice, Mail("support", 1, "k/1", "one", "two"))
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		v := Judge(a, k)
		v.Turns = a.Turns
		return v
	}, Mail("support", 2, "k/1", "two", "three", "one"))
	var texts []string
	for _, t := range e.story(s, "c1").Turns {
		texts = append(texts, t.Text)
	}
	e.equal("turns", texts, []string{"one", "two", "three"})
}

func acceptFolders(e *env) {
	s := e.open()
	a, b := Mail("support", 1, "k/1", "one"), Mail("support", 1, "k/1", "one", "two")
	b.Record.Folder = "Chats/Übersee"
	records := e.accept(s, a, b)
	e.equal("folder", records[1].Folder, "Chats/Übersee")
	e.equal("state", records[1].State, bridge.MailUpdate)
	if _, err := s.Cursor(e.ctx, "support", "INBOX"); !errors.Is(err, bridge.ErrNotFound) && err != nil {
		e.Error(err)
	}
	mails, err := s.Mails(e.ctx, bridge.Filter{Mailbox: "support"})
	e.must(err)
	e.equal("mails", mails, reversed(records...))
	again, err := s.Accept(e.ctx, []bridge.Arrival{b, a}, At("support", 2), Judge)
	e.must(err)
	e.equal("again", again, reversed(records...))
}
