package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

var valueTests = []test{
	{"every field of a conversation", valueConversation},
	{"every field of a delivery", valueDelivery},
	{"NUL and broken UTF-8", valueText},
	{"the world's scripts", valueUnicode},
	{"quotes, percent signs and backslashes", valueSyntax},
	{"times", valueTimes},
	{"large values", valueLarge},
	{"large batches", valueManyMails},
	{"many turns", valueManyTurns},
	{"bytes of every kind", valueBytes},
	{"a digest the judge left out", valueDigest},
}

func valueConversation(e *env) {
	s := e.open()
	when := func(h int) time.Time { return Start.Add(time.Duration(h) * time.Hour) }
	full := bridge.Conversation{
		Key: "intercom/ws/1", Ref: Ref("intercom/ws/1"), Format: "intercom", VendorID: "1", URL: "https://chat.example.com/1", Workspace: "ws",
		Customer: mailparse.Customer{Address: "Kim@Customer.example.net", Name: "Kim", Locator: "above the turns",
			Attributes: map[string]string{"plan": "trial", "größe": "12 €", "empty": ""}},
		Subject: "Invoice", Identity: "reply-to", IdentityReason: "asked for by DMARC", Opened: when(1), Updated: when(2), FirstCustomer: when(3), LastCustomer: when(4), LastAgent: when(5),
		Deadline: when(6), Thread: []string{"first@example.com"},
		Link: bridge.Link{Target: "rt", MessageID: "first@example.com", Ticket: "17", URL: "https://rt.example.com/17", Confirmed: when(7)},
	}
	give := func(c bridge.Conversation) bridge.Judge {
		return func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
			if k.Conversation != nil {
				c.ID = k.Conversation.ID
			}
			return bridge.Verdict{State: bridge.MailWaiting, Conversation: &c}
		}
	}
	e.acceptBy(s, give(full), Mail("support", 1, full.Key, "one"))
	want := full
	want.ID = 1
	e.equal("stored", *e.story(s, "c1").Conversation, want)
	// Everything that may change, changed: to the zero value and back.
	bare := bridge.Conversation{Key: full.Key, Ref: full.Ref, Format: full.Format, VendorID: full.VendorID, Workspace: full.Workspace}
	e.acceptBy(s, give(bare), Mail("support", 2, full.Key, "two"))
	want = bare
	want.ID = 1
	e.equal("emptied", *e.story(s, "c1").Conversation, want)
	var known *bridge.Conversation
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		known = k.Conversation
		return give(full)(a, k)
	}, Mail("support", 3, full.Key, "three"))
	e.equal("known", *known, want)
	want = full
	want.ID = 1
	e.equal("filled", *e.story(s, "c1").Conversation, want)
	list, err := s.Conversations(e.ctx, bridge.Filter{})
	e.must(err)
	e.equal("listed", list, []bridge.Conversation{want})
}

func valueDelivery(e *env) {
	s := e.open()
	a := Mail("support", 1, "k/1", "one")
	want := bridge.Delivery{
		Action: bridge.Append, Reason: "more of it", MessageID: "mid@example.com", ReversePath: "bounce+x@example.com", Recipient: "help@example.com",
		Data: []byte("Subject: x\r\n\r\n\x00\xff"), SHA256: strings.Repeat("ab", 32), State: bridge.Held, Detail: "20 an hour are the limit",
		Created: Start.Add(3 * time.Second),
	}
	e.acceptBy(s, changed(func(v *bridge.Verdict) { d := want; v.Delivery = &d }), a)
	d := e.delivery(s, 1)
	want.ID, want.Conversation, want.Mail, want.Size = 1, 1, 1, int64(len(want.Data))
	data := want.Data
	want.Data = nil
	e.equal("delivery", d, want)
	got, err := s.DeliveryData(e.ctx, 1)
	e.must(err)
	e.equal("data", got, data)
}

// broken holds what PostgreSQL refuses in text, and what no decoder likes.
const broken = "a\x00b\xffc\xc3(d\xed\xa0\x80e"

func valueText(e *env) {
	s := e.open()
	a := Mail("supp\x00ort", 1, "intercom/\x00/9"+"\xff", "hel\x00lo", "\xff")
	for _, f := range []*string{&a.Record.FromAddress, &a.Record.FromName, &a.Record.Subject, &a.Record.MessageID, &a.Record.Format, &a.Record.Kind,
		&a.Record.ContentKey, &a.Record.Folder, &a.Turns[0].Author, &a.Turns[0].Written, &a.Turns[0].Digest, &a.Ref} {
		*f += broken
	}
	judge := changed(func(v *bridge.Verdict) {
		c := v.Conversation
		for _, f := range []*string{&v.Reason, &v.Customer, &v.Decision.Reason, &c.Format, &c.VendorID, &c.URL, &c.Workspace, &c.Subject, &c.Identity, &c.IdentityReason,
			&c.Customer.Address, &c.Customer.Name, &c.Customer.Locator, &c.Link.Target, &v.Delivery.MessageID, &v.Delivery.ReversePath,
			&v.Delivery.Recipient, &v.Delivery.Reason, &v.Delivery.Detail, &v.Delivery.SHA256} {
			*f += broken
		}
		c.Customer.Attributes = map[string]string{broken: broken}
		v.Evidence = []string{broken}
	})
	cursor := bridge.Cursor{Mailbox: a.Record.Mailbox, Folder: a.Record.Folder, UIDValidity: Validity, UID: 1}
	records, err := s.Accept(e.ctx, []bridge.Arrival{a}, cursor, judge)
	e.must(err)
	listed, err := s.Mails(e.ctx, bridge.Filter{})
	e.must(err)
	e.equal("listed", listed, records)
	st := e.story(s, "c1")
	everything := fmt.Sprintf("%+v%+v%+v", listed, st, *st.Conversation)
	if !utf8.ValidString(everything) || strings.Contains(everything, "\x00") {
		e.Errorf("broken text came back: %q", everything)
	}
	e.equal("turn", st.Turns[0].Text, "hel\uFFFDlo")

	// The same values find it again: known, seen, and in searches.
	again, err := s.Accept(e.ctx, []bridge.Arrival{a}, cursor, func(bridge.Arrival, bridge.Known) bridge.Verdict {
		e.Error("judged again")
		return bridge.Verdict{State: bridge.MailParked}
	})
	e.must(err)
	e.equal("again", again, records)
	b := a
	b.Record.UID, b.Record.ContentKey = 2, "other"
	_, err = s.Accept(e.ctx, []bridge.Arrival{b}, cursor, func(_ bridge.Arrival, k bridge.Known) bridge.Verdict {
		e.equal("seen", k.Seen, []bool{true, true})
		return bridge.Verdict{State: bridge.MailIgnored}
	})
	e.must(err)
	if _, err := s.Cursor(e.ctx, a.Record.Mailbox, a.Record.Folder); err != nil {
		e.Error(err)
	}
	for _, term := range []string{a.Record.MessageID, "kim@customer.example.net" + broken, "<" + st.Deliveries[0].MessageID + ">"} {
		if _, err := s.Find(e.ctx, term); err != nil {
			e.Errorf("find %q: %v", term, err)
		}
	}
	d := e.claim(s, Start.Add(time.Hour), 1)[0]
	bad := done(d, bridge.Dead)
	bad.Detail = "550 " + broken
	e.settle(s, bad)
	if got := e.delivery(s, d.ID).Detail; !utf8.ValidString(got) || !strings.HasPrefix(got, "550 a\uFFFDb") {
		e.Errorf("detail %q", got)
	}
	e.must(s.RetryNow(e.ctx, d.ID, broken))
}

func valueUnicode(e *env) {
	s := e.open()
	texts := []string{"Grüße aus Köln 🙂👩‍👩‍👧", "请问发票怎么改？", "فاتورة خاطئة", "הַחֶשְׁבּוֹן", "नमस्ते", "e\u0301 is not é", "\u202Eright to left\u202C", "\uFEFFbom", "tab\tand\nlines\r\n"}
	a := Mail("Empfang/Ä", 1, "intercom/ключ/1", texts...)
	a.Record.Subject, a.Record.FromName = texts[0], texts[1]
	got := e.accept(s, a)[0]
	e.equal("subject", got.Subject, texts[0])
	var back []string
	for _, t := range e.story(s, "intercom/ключ/1").Turns {
		back = append(back, t.Text)
	}
	e.equal("turns", back, texts)
	list, err := s.Mails(e.ctx, bridge.Filter{Mailbox: "Empfang/Ä"})
	e.must(err)
	e.equal("of the mailbox", mailIDs(list), []int64{got.ID})
}

func valueSyntax(e *env) {
	s := e.open()
	nasty := `'; DROP TABLE mails; -- " \ %s %d $1 $12 ?1 ? @id {{x}}` + "`"
	a := Mail(nasty, 1, nasty, nasty)
	a.Record.Subject = nasty
	got := e.acceptBy(s, changed(func(v *bridge.Verdict) { v.Evidence = []string{nasty, `{"a":"b"}`, ""} }), a)[0]
	list, err := s.Mails(e.ctx, bridge.Filter{Mailbox: nasty})
	e.must(err)
	e.equal("listed", list, []bridge.MailRecord{got})
	e.equal("subject", list[0].Subject, nasty)
	e.equal("evidence", list[0].Evidence, []string{nasty, `{"a":"b"}`, ""})
	e.equal("turn", e.story(s, nasty).Turns[0].Text, nasty)
}

func valueTimes(e *env) {
	s := e.open()
	zone := time.FixedZone("somewhere", 5*3600+1800)
	for i, when := range []time.Time{
		time.Date(2026, 3, 29, 2, 30, 0, 123456789, zone),
		time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC),
		time.UnixMicro(0),
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		{},
	} {
		want := when
		if !when.IsZero() {
			want = when.UTC().Truncate(time.Microsecond)
		}
		key := fmt.Sprint("k/", i)
		a := Mail("support", uint32(i+1), key, key)
		a.Record.Received = when
		a.Turns[0].At = when
		got := e.acceptBy(s, changed(func(v *bridge.Verdict) { v.Conversation.LastCustomer = when }), a)[0]
		st := e.story(s, bridge.MailID(got.ID))
		e.equal("returned", got.Received, want)
		e.equal("received", st.Mails[0].Received, want)
		e.equal("turn", st.Turns[0].At, want)
		e.equal("conversation", st.Conversation.LastCustomer, want)
		c := bridge.Cursor{Mailbox: "support", Folder: "INBOX", UIDValidity: 1, Since: when, LastReceived: when}
		e.must(s.SetCursor(e.ctx, c))
		back, err := s.Cursor(e.ctx, "support", "INBOX")
		e.must(err)
		e.equal("cursor", []time.Time{back.Since, back.LastReceived}, []time.Time{want, want})
	}
}

func valueLarge(e *env) {
	s := e.open()
	r := rand.NewChaCha8([32]byte{7})
	raw := make([]byte, 12<<20)
	r.Read(raw)
	text := strings.Repeat("ten chars ", 200_000)
	a := Mail("support", 1, "k/1", text)
	a.Raw, a.Record.Size = raw, int64(len(raw))
	b := Mail("support", 2, "k/2", "two")
	b.Raw, b.Record.Size = bytes.Repeat([]byte("compress me "), 1<<20), 12<<20
	got := e.acceptBy(s, changed(func(v *bridge.Verdict) {
		v.Reason = text
		v.Evidence = strings.Fields(text)[:20000]
		v.Delivery.Data = raw
		v.Delivery.SHA256 = ""
	}), a, b)
	for i, want := range [][]byte{a.Raw, b.Raw} {
		back, err := s.Raw(e.ctx, got[i].ID)
		e.must(err)
		if !bytes.Equal(back, want) {
			e.Errorf("raw mail %d came back as %d bytes", i, len(back))
		}
	}
	d := e.claim(s, Start.Add(time.Hour), 1)[0]
	if !bytes.Equal(d.Data, raw) || d.Size != int64(len(raw)) {
		e.Errorf("message came back as %d bytes, size %d", len(d.Data), d.Size)
	}
	if st := e.story(s, "c1"); st.Turns[0].Text != text || st.Mails[0].Reason != text {
		e.Error("text came back changed")
	}
}

func valueManyMails(e *env) {
	s := e.open()
	const n = 1100
	var batch []bridge.Arrival
	for i := range n {
		batch = append(batch, Mail("support", uint32(i+1), fmt.Sprint("k/", i%700), fmt.Sprint("turn ", i)))
	}
	records := e.accept(s, batch...)
	for i, r := range records {
		if want := int64(i + 1); r.ID != want || r.UID != uint32(want) {
			e.Fatalf("mail %d has id %d, UID %d", i, r.ID, r.UID)
		}
	}
	again := e.accept(s, batch...)
	e.equal("again", again, records)
	c, err := s.Counts(e.ctx)
	e.must(err)
	e.equal("conversations", c.Conversations, int64(700))
	e.equal("tickets", c.Mails[bridge.MailTicket], int64(700))
	e.equal("updates", c.Mails[bridge.MailUpdate], int64(400))
	all, err := s.Mails(e.ctx, bridge.Filter{Limit: n})
	e.must(err)
	e.equal("listed", all, reversed(records...))
}

func valueManyTurns(e *env) {
	s := e.open()
	var texts []string
	for i := range 3000 {
		texts = append(texts, fmt.Sprint("turn ", i))
	}
	e.accept(s, Mail("support", 1, "k/1", texts[:2000]...))
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		for i, seen := range k.Seen {
			if seen != (i < 2000) {
				e.Fatalf("turn %d: seen %t", i, seen)
			}
		}
		return Judge(a, k)
	}, Mail("support", 2, "k/1", texts...))
	var back []string
	for _, t := range e.story(s, "c1").Turns {
		back = append(back, t.Text)
	}
	e.equal("turns", back, texts)
}

func valueBytes(e *env) {
	s := e.open()
	for i, raw := range [][]byte{{}, {0}, []byte("\x00\x01\x02"), bytes.Repeat([]byte{0xff}, 100), []byte(`\x00`), []byte("a"), bytes.Repeat([]byte("a"), 1<<20)} {
		key := fmt.Sprint("k/", i)
		a := Mail("support", uint32(i+1), key, key)
		a.Raw, a.Record.Size = raw, int64(len(raw))
		got := e.acceptBy(s, changed(func(v *bridge.Verdict) { v.Delivery.Data = raw }), a)[0]
		back, err := s.Raw(e.ctx, got.ID)
		if len(raw) == 0 {
			e.equal("empty raw is none", got.HasRaw, false)
		} else {
			e.must(err)
			e.equal("raw", back, raw)
		}
		d := e.claim(s, Start.Add(time.Hour), 1)
		if len(d) != 1 || !bytes.Equal(d[0].Data, raw) {
			e.Errorf("%q: claimed %+v", raw, d)
		}
	}
}

func valueDigest(e *env) {
	s := e.open()
	e.acceptBy(s, changed(func(v *bridge.Verdict) {
		v.Delivery.Data, v.Delivery.SHA256, v.Delivery.Size = []byte("abc"), "", 0
		v.Delivery.Created, v.Delivery.Next, v.Delivery.State, v.Delivery.Action = time.Time{}, time.Time{}, "", ""
	}), Mail("support", 1, "k/1", "one"))
	d := e.delivery(s, 1)
	e.equal("digest", d.SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	e.equal("size", d.Size, int64(3))
	e.equal("state", d.State, bridge.Ready)
	e.equal("action", d.Action, bridge.Raise)
	e.equal("due when recorded", d.Next, Start.Add(3*time.Second))
	e.equal("made when recorded", d.Created, Start.Add(3*time.Second))
}
