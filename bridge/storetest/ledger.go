package storetest

import (
	"fmt"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

var ledgerTests = []test{
	{"lists: newest first, a hundred unless asked", ledgerLimits},
	{"filters of mails", ledgerMails},
	{"filters of conversations", ledgerConversations},
	{"filters of deliveries", ledgerDeliveries},
	{"states that do not exist", ledgerStates},
	{"counts", ledgerCounts},
	{"what waits behind another is not due", ledgerOldestDue},
	{"counts by format", ledgerFormats},
}

var findTests = []test{
	{"by every term", findTerms},
	{"ids are strict", findStrict},
	{"one term, several stories", findSeveral},
	{"nothing", findNothing},
	{"a mail without a conversation, with its copies", findLone},
	{"a customer with very many", findMany},
}

func ledgerLimits(e *env) {
	s := e.open()
	e.raise(s, 1, 130)
	for _, limit := range []int{0, -1, 1, 100, 120, 1000} {
		want := min(130, limit)
		if limit <= 0 {
			want = 100
		}
		f := bridge.Filter{Limit: limit}
		mails, err := s.Mails(e.ctx, f)
		e.must(err)
		convs, err := s.Conversations(e.ctx, f)
		e.must(err)
		ds, err := s.Deliveries(e.ctx, f)
		e.must(err)
		for what, ids := range map[string][]int64{"mails": mailIDs(mails), "conversations": conversationIDs(convs), "deliveries": deliveryIDs(ds)} {
			if len(ids) != want {
				e.Fatalf("limit %d: %d %s, want %d", limit, len(ids), what, want)
			}
			for i, id := range ids {
				if id != int64(130-i) {
					e.Fatalf("limit %d: %s %d at place %d", limit, what, id, i)
				}
			}
		}
	}
}

// mixed records mails of two mailboxes, customers and all kinds of ends:
//
//	m1 c1 ticket (support, kim)    d1 sent
//	m2 c2 ticket (support, lee)    d2 dead
//	m3 c1 update (sales, kim)      d3 ready
//	m4    parked (sales, lee)
//	m5 c1 ignored copy of m1 (sales)
func (e *env) mixed(s bridge.Store) {
	e.Helper()
	lee := changed(func(v *bridge.Verdict) {
		v.Customer = "Lee@Customer.example.net"
		if v.Conversation != nil {
			v.Conversation.Customer = mailparse.Customer{Address: v.Customer}
		}
	})
	e.accept(s, Mail("support", 10, "k/1", "one"))
	e.acceptBy(s, lee, Mail("support", 20, "k/2", "uno"))
	e.accept(s, Mail("sales", 30, "k/1", "two"))
	e.acceptBy(s, lee, Mail("sales", 40, "", "odd"))
	e.accept(s, Mail("sales", 50, "k/1", "one"))
	ds := e.claim(s, Start.Add(time.Hour), 2)
	e.settle(s, done(ds[0], bridge.Sent), done(ds[1], bridge.Dead))
}

func recorded(uid int) time.Time { return Start.Add(time.Duration(uid)*time.Second + 2*time.Second) }

func ledgerMails(e *env) {
	s := e.open()
	e.mixed(s)
	for _, test := range []struct {
		f    bridge.Filter
		want []int64
	}{
		{bridge.Filter{}, []int64{5, 4, 3, 2, 1}},
		{bridge.Filter{State: "ticket"}, []int64{2, 1}},
		{bridge.Filter{State: "parked"}, []int64{4}},
		{bridge.Filter{State: "waiting"}, []int64{}},
		{bridge.Filter{Mailbox: "sales"}, []int64{5, 4, 3}},
		{bridge.Filter{Mailbox: "sale"}, []int64{}},
		{bridge.Filter{Customer: "KIM@customer.EXAMPLE.net"}, []int64{3, 1}},
		{bridge.Filter{Customer: "lee@customer.example.net "}, []int64{4, 2}},
		{bridge.Filter{Customer: "%"}, []int64{}},
		{bridge.Filter{Since: recorded(30)}, []int64{5, 4, 3}},
		{bridge.Filter{Since: recorded(30).Add(time.Microsecond)}, []int64{5, 4}},
		{bridge.Filter{Conversation: 1}, []int64{5, 3, 1}},
		{bridge.Filter{Conversation: 1, Limit: 2}, []int64{5, 3}},
		{bridge.Filter{State: "update", Mailbox: "sales", Customer: "kim@customer.example.net", Since: recorded(30), Conversation: 1}, []int64{3}},
		{bridge.Filter{State: "update", Mailbox: "support", Conversation: 1}, []int64{}},
	} {
		got, err := s.Mails(e.ctx, test.f)
		e.must(err)
		e.equal(fmt.Sprintf("%+v", test.f), mailIDs(got), test.want)
	}
}

func ledgerConversations(e *env) {
	s := e.open()
	e.mixed(s)
	for _, test := range []struct {
		f    bridge.Filter
		want []int64
	}{
		{bridge.Filter{}, []int64{2, 1}},
		{bridge.Filter{Mailbox: "support"}, []int64{2, 1}},
		{bridge.Filter{Mailbox: "sales"}, []int64{1}},
		{bridge.Filter{Customer: "LEE@CUSTOMER.example.net"}, []int64{2}},
		{bridge.Filter{Since: recorded(21)}, []int64{1}},
		{bridge.Filter{Since: recorded(51)}, []int64{}},
		{bridge.Filter{Conversation: 2}, []int64{2}},
		{bridge.Filter{Limit: 1}, []int64{2}},
	} {
		got, err := s.Conversations(e.ctx, test.f)
		e.must(err)
		e.equal(fmt.Sprintf("%+v", test.f), conversationIDs(got), test.want)
	}
}

func ledgerDeliveries(e *env) {
	s := e.open()
	e.mixed(s)
	for _, test := range []struct {
		f    bridge.Filter
		want []int64
	}{
		{bridge.Filter{}, []int64{3, 2, 1}},
		{bridge.Filter{State: "sent"}, []int64{1}},
		{bridge.Filter{State: "dead"}, []int64{2}},
		{bridge.Filter{State: "ready"}, []int64{3}},
		{bridge.Filter{State: "doubt"}, []int64{}},
		{bridge.Filter{Mailbox: "sales"}, []int64{3}},
		{bridge.Filter{Customer: "Kim@customer.example.net"}, []int64{3, 1}},
		{bridge.Filter{Since: recorded(20)}, []int64{3, 2}},
		{bridge.Filter{Conversation: 1}, []int64{3, 1}},
		{bridge.Filter{State: "sent", Conversation: 2}, []int64{}},
	} {
		got, err := s.Deliveries(e.ctx, test.f)
		e.must(err)
		e.equal(fmt.Sprintf("%+v", test.f), deliveryIDs(got), test.want)
		for _, d := range got {
			if d.Data != nil {
				e.Error("a list with data")
			}
		}
	}
}

func ledgerStates(e *env) {
	s := e.open()
	f := bridge.Filter{State: "' OR 1=1 --"}
	_, err1 := s.Mails(e.ctx, f)
	_, err2 := s.Deliveries(e.ctx, f)
	_, err3 := s.Conversations(e.ctx, bridge.Filter{State: "ticket"})
	for i, err := range []error{err1, err2, err3} {
		if err == nil || !strings.Contains(err.Error(), "state") {
			e.Errorf("%d: %v", i, err)
		}
	}
}

func ledgerCounts(e *env) {
	s := e.open()
	none := bridge.Counts{Mails: map[bridge.MailState]int64{}, Deliveries: map[bridge.DeliveryState]int64{}}
	for _, st := range bridge.MailStates {
		none.Mails[st] = 0
	}
	for _, st := range bridge.DeliveryStates {
		none.Deliveries[st] = 0
	}
	got, err := s.Counts(e.ctx)
	e.must(err)
	e.equal("empty", got, none)
	e.mixed(s)
	want := none
	want.Mails[bridge.MailTicket], want.Mails[bridge.MailUpdate], want.Mails[bridge.MailParked], want.Mails[bridge.MailIgnored] = 2, 1, 1, 1
	want.Deliveries[bridge.Sent], want.Deliveries[bridge.Dead], want.Deliveries[bridge.Ready] = 1, 1, 1
	want.Conversations, want.OldestDue = 2, recorded(30)
	got, err = s.Counts(e.ctx)
	e.must(err)
	e.equal("mixed", got, want)
}

// ledgerOldestDue: a follow-up behind a message in doubt is not late, however long
// the doubt lasts.
func ledgerOldestDue(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "two"))
	d := e.claim(s, Start.Add(time.Hour), 1)[0]
	e.settle(s, done(d, bridge.Doubt))
	c, err := s.Counts(e.ctx)
	e.must(err)
	if c.Deliveries[bridge.Ready] != 1 || !c.OldestDue.IsZero() {
		e.Errorf("behind a doubt: %+v", c)
	}
	e.must(s.DropDelivery(e.ctx, d.ID, "it arrived"))
	c, err = s.Counts(e.ctx)
	e.must(err)
	e.equal("due now", c.OldestDue, recorded(2))
	d = e.claim(s, Start.Add(time.Hour), 1)[0]
	st := done(d, bridge.Doubt)
	st.Next = Start.Add(2 * time.Hour)
	e.settle(s, st)
	c, err = s.Counts(e.ctx)
	e.must(err)
	e.equal("in doubt, and looked up", []int64{c.Deliveries[bridge.Doubt], c.Probing}, []int64{1, 1})
}

func ledgerFormats(e *env) {
	s := e.open()
	counts := func(since time.Time) []bridge.FormatCount {
		e.Helper()
		got, err := s.Formats(e.ctx, since)
		e.must(err)
		return got
	}
	e.equal("empty", len(counts(time.Time{})), 0)
	as := func(state bridge.MailState, reason string) bridge.Judge {
		return changed(func(v *bridge.Verdict) { *v = bridge.Verdict{State: state, Reason: reason} })
	}
	of := func(format string, uid uint32, text string) bridge.Arrival {
		a := Mail("support", uid, "", text)
		a.Record.Format = format
		return a
	}
	e.acceptBy(s, as(bridge.MailParked, "drift: from this product's sender"), of("intercom", 1, "a"), of("intercom", 2, "b"))
	e.acceptBy(s, as(bridge.MailParked, "two addresses: drift:; drift: a mail of kind message"), of("intercom", 3, "c"))
	e.acceptBy(s, as(bridge.MailParked, "no address in driftwood: x"), of("intercom", 4, "d"), of("zopim", 5, "e"))
	e.acceptBy(s, as(bridge.MailIgnored, "drift: dropped"), of("zopim", 6, "f"))
	e.acceptBy(s, as(bridge.MailIgnored, "no chat mail"), of("", 7, "g"))
	e.acceptBy(s, changed(func(v *bridge.Verdict) { *v = bridge.Verdict{State: bridge.MailIgnored, Reason: "a copy", CopyOf: 1} }), of("intercom", 8, "h"))
	e.equal("all", counts(time.Time{}), []bridge.FormatCount{{Format: "intercom", Mails: 4, Drift: 3}, {Format: "zopim", Mails: 2}})
	e.equal("since", counts(recorded(3)), []bridge.FormatCount{{Format: "intercom", Mails: 2, Drift: 1}, {Format: "zopim", Mails: 2}})
	e.must(s.DropMail(e.ctx, 3, "seen to"))
	e.equal("one was seen to", counts(recorded(3))[0], bridge.FormatCount{Format: "intercom", Mails: 2})
	e.equal("none", len(counts(recorded(100))), 0)
}

func findTerms(e *env) {
	s := e.open()
	a := Mail("support", 1, "intercom/abcd1234/1964", "one")
	const chat = "https://app.example.com/a/apps/abcd1234/conversations/1964"
	e.acceptBy(s, changed(func(v *bridge.Verdict) { v.Conversation.URL = chat }), a)
	e.accept(s, Mail("support", 2, "intercom/abcd1234/77", "uno"))
	m := Message(a, bridge.Raise, a.Turns)
	e.must(s.SetTicket(e.ctx, 1, bridge.Link{Ticket: "HELP-17", URL: "https://help.example.com/t/17"}))
	want := e.story(s, "c1")
	e.equal("id", want.Conversation.ID, int64(1))
	for _, term := range []string{
		"m1", "M1", "d1", " c1 ", "HELP-17", a.Ref, strings.ToLower(a.Ref), a.Record.MessageID, "<" + a.Record.MessageID + ">",
		m.MessageID, "<" + m.MessageID + ">", m.ReversePath, "<" + m.ReversePath + ">", "1964", "intercom/abcd1234/1964",
		"#HELP-17", "'#HELP-17'", "\"<" + m.MessageID + ">\"", "Message-ID: <" + m.MessageID + ">", "'" + a.Record.MessageID + "'",
		chat, strings.TrimPrefix(chat, "https://"), chat + "/", chat + "?tab=1#part-9", "https://help.example.com/t/17/", "https://app.example.com/inbox/all/conversation/1964",
	} {
		e.equal(term, e.story(s, term), want)
	}
	second := e.story(s, "77")
	e.equal("the other", second.Conversation.ID, int64(2))
}

func findStrict(e *env) {
	s := e.open()
	// A vendor whose ids look like ours: the typed id wins, alone.
	e.accept(s, Mail("support", 1, "k/m2", "one"), Mail("support", 2, "k/2", "two"))
	e.equal("m2 is the mail", e.story(s, "m2").Conversation.ID, int64(2))
	for _, term := range []string{"m0", "m-1", "m+1", "m01", "m1x", "m", "1", "x1", "m99", "c99", "d99", "m9223372036854775808"} {
		if sts, err := s.Find(e.ctx, term); !isNotFound(err) {
			e.Errorf("%q: %d stories, %v", term, len(sts), err)
		}
	}
}

func findSeveral(e *env) {
	s := e.open()
	e.accept(s, Mail("support", 1, "intercom/a/5", "one"), Mail("support", 2, "tawk/b/5", "uno"), Mail("support", 3, "tawk/b/6", "six"))
	e.must(s.SetTicket(e.ctx, 3, bridge.Link{Ticket: "5"}))
	convs := func(term string) (out []int64) {
		e.Helper()
		sts, err := s.Find(e.ctx, term)
		e.must(err)
		for _, st := range sts {
			if st.Conversation == nil {
				out = append(out, -st.Mails[0].ID)
				continue
			}
			out = append(out, st.Conversation.ID)
		}
		return out
	}
	e.equal("a ticket and two chats", convs("5"), []int64{3, 2, 1})
	e.equal("a customer, without case", convs("KIM@Customer.example.net"), []int64{3, 2, 1})
	// Mails that are not in a conversation come after them.
	e.acceptBy(s, changed(func(v *bridge.Verdict) { v.Customer = "kim@customer.example.net" }), Mail("support", 4, "", "odd"), Mail("support", 5, "", "odder"))
	e.equal("and his parked mails", convs("kim@customer.example.net"), []int64{3, 2, 1, -5, -4})
}

func findNothing(e *env) {
	s := e.open()
	// Fields that are empty must not be found by an empty term.
	e.acceptBy(s, changed(func(v *bridge.Verdict) {
		v.Conversation.VendorID, v.Conversation.Customer.Address, v.Customer, v.Delivery.ReversePath = "", "", "", ""
	}), Mail("support", 1, "k/1", "one"))
	b := Mail("support", 2, "", "odd")
	b.Record.MessageID = ""
	e.accept(s, b)
	for _, term := range []string{"", " ", "<>", "nobody@example.com", "#", "''", "://", "https://", "https://app.example.com/x", "%", "_", "*", "k", strings.Repeat("x", 100_000), "\x00"} {
		if sts, err := s.Find(e.ctx, term); !isNotFound(err) {
			e.Errorf("%.20q: %d stories, %v", term, len(sts), err)
		} else if len(err.Error()) > 300 {
			e.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
}

func findLone(e *env) {
	s := e.open()
	records := e.accept(s, Mail("ann", 1, "", "odd"), Mail("bob", 1, "", "odd"), Mail("bob", 2, "", "other"))
	e.must(s.DropMail(e.ctx, 1, "spam"))
	for _, term := range []string{"m1", "m2"} {
		st := e.story(s, term)
		e.equal("mails", mailIDs(st.Mails), []int64{1, 2})
		e.equal("journal", whats(st.Events), "recorded recorded dropped")
		if st.Conversation != nil || st.Turns != nil || st.Deliveries != nil {
			e.Errorf("story %+v", st)
		}
	}
	sts, err := s.Find(e.ctx, records[0].MessageID)
	e.must(err)
	e.equal("by its Message-ID", len(sts), 2)
}

func findMany(e *env) {
	s := e.open()
	e.raise(s, 1, 150)
	sts, err := s.Find(e.ctx, "kim@customer.example.net")
	e.must(err)
	e.equal("stories", len(sts), 100)
	e.equal("newest", sts[0].Conversation.ID, int64(150))
}
