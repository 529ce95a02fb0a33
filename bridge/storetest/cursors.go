package storetest

import (
	"errors"
	"testing"
	"time"

	"ticketbridge/bridge"
)

var cursorTests = []test{
	{"a cursor is kept", cursorKept},
	{"attempts are counted", cursorAttempts},
	{"a batch is noted", cursorBatch},
	{"what on_done has still to reach", cursorMarks},
	{"what is done", cursorDone},
	{"a mail whose UID another took is not marked", cursorReusedUID},
}

func cursorKept(e *env) {
	s := e.open()
	if _, err := s.Cursor(e.ctx, "support", "INBOX"); !errors.Is(err, bridge.ErrNotFound) {
		e.Errorf("never read: %v", err)
	}
	a := bridge.Cursor{Mailbox: "support", Folder: "INBOX", UIDValidity: 1<<32 - 1, UID: 1<<32 - 1, Since: Start, RescanTo: 1<<32 - 2, LastSize: 1 << 40, LastReceived: Start}
	b := bridge.Cursor{Mailbox: "support", Folder: "Chats", UIDValidity: 0}
	for _, c := range []bridge.Cursor{a, b} {
		e.must(s.SetCursor(e.ctx, c))
	}
	for _, want := range []bridge.Cursor{a, b} {
		got, err := s.Cursor(e.ctx, want.Mailbox, want.Folder)
		e.must(err)
		e.equal("cursor", got, want)
	}
	// It goes back too: a rescan.
	a.UIDValidity, a.UID, a.RescanTo, a.Since = 8, 0, 17, Start.AddDate(0, 0, 1)
	e.must(s.SetCursor(e.ctx, a))
	got, err := e.open().Cursor(e.ctx, "support", "INBOX")
	e.must(err)
	e.equal("cursor", got, a)
}

func cursorAttempts(e *env) {
	s := e.open()
	attempt := func(folder string, validity, uid uint32) int {
		e.Helper()
		n, err := s.Attempt(e.ctx, bridge.Source{Mailbox: "support", Folder: folder, UIDValidity: validity, UID: uid})
		e.must(err)
		return n
	}
	e.equal("counts", []int{attempt("INBOX", Validity, 5), attempt("INBOX", Validity, 5), attempt("INBOX", Validity, 6), attempt("Chats", Validity, 5), attempt("INBOX", 2, 5)},
		[]int{1, 2, 1, 1, 1})
	if _, err := s.Cursor(e.ctx, "support", "INBOX"); !errors.Is(err, bridge.ErrNotFound) {
		e.Errorf("an attempt made a cursor: %v", err)
	}
	_, err := s.Accept(e.ctx, nil, At("support", 5), Judge)
	e.must(err)
	e.equal("what is recorded is forgotten", attempt("INBOX", Validity, 5), 1)
	e.equal("what is not, is not", attempt("INBOX", Validity, 6), 2)
	e.equal("another UIDVALIDITY's is", attempt("INBOX", 2, 5), 1)
	e.equal("another folder's is not", attempt("Chats", Validity, 5), 2)
}

func cursorBatch(e *env) {
	s := e.open()
	pending := func(folder string) uint32 {
		e.Helper()
		n, err := s.PendingBatch(e.ctx, "support", folder)
		e.must(err)
		return n
	}
	e.equal("none", pending("INBOX"), uint32(0))
	e.must(s.BeginBatch(e.ctx, "support", "INBOX", 1<<32-1))
	e.equal("noted", pending("INBOX"), uint32(1<<32-1))
	e.equal("of another folder", pending("Chats"), uint32(0))
	if _, err := s.Cursor(e.ctx, "support", "INBOX"); !errors.Is(err, bridge.ErrNotFound) {
		e.Errorf("a batch made a cursor: %v", err)
	}
	e.must(s.SetCursor(e.ctx, At("support", 3)))
	_, err := s.Accept(e.ctx, nil, At("support", 4), Judge)
	e.must(err)
	e.equal("a cursor does not end it", pending("INBOX"), uint32(1<<32-1))
	e.must(s.BeginBatch(e.ctx, "support", "INBOX", 0))
	e.equal("ended", pending("INBOX"), uint32(0))
	c, err := s.Cursor(e.ctx, "support", "INBOX")
	e.must(err)
	e.equal("cursor", c, At("support", 4))
}

func cursorMarks(e *env) {
	s := e.open()
	unmarked := func(folder string, validity uint32) []uint32 {
		e.Helper()
		uids, err := s.Unmarked(e.ctx, "support", folder, validity)
		e.must(err)
		return uids
	}
	e.equal("empty", len(unmarked("INBOX", Validity)), 0)
	other := Mail("support", 4, "k/4", "four")
	other.Record.Folder = "Chats"
	e.accept(s,
		Mail("support", 9, "k/1", "one"),
		Mail("support", 2, ""),           // parked: not ours
		Mail("support", 3, "k/3", "one"), // ours
		other,
		Mail("support", 5, "k/1", "one"), // a copy: ours
	)
	e.acceptBy(s, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		return bridge.Verdict{State: bridge.MailParked, Conversation: k.Conversation}
	}, Mail("support", 6, "k/1", "six"))
	var ours []uint32
	for _, m := range reversed(e.list(s)...) {
		if m.Ours() && m.Folder == "INBOX" {
			ours = append(ours, m.UID)
		}
	}
	e.equal("ours", len(ours), 3)
	e.equal("nothing is sent yet", len(unmarked("INBOX", Validity)), 0)
	e.sendAll(s)
	e.equal("unmarked", unmarked("INBOX", Validity), []uint32{3, 5, 9})
	e.equal("of another folder", unmarked("Chats", Validity), []uint32{4})
	e.equal("of another UIDVALIDITY", len(unmarked("INBOX", 1)), 0)

	e.must(s.Marked(e.ctx, "support", "INBOX", Validity, []uint32{3, 9, 4, 77}))
	e.equal("marked", unmarked("INBOX", Validity), []uint32{5})
	e.equal("another folder's is not", unmarked("Chats", Validity), []uint32{4})
	e.must(s.Marked(e.ctx, "support", "INBOX", Validity, nil))
	e.must(s.Marked(e.ctx, "nobody", "INBOX", Validity, []uint32{5}))
	e.must(s.Marked(e.ctx, "support", "INBOX", 1, []uint32{5}))
	e.equal("as it was", unmarked("INBOX", Validity), []uint32{5})
	var many []uint32
	for i := range uint32(2000) {
		many = append(many, i)
	}
	e.must(s.Marked(e.ctx, "support", "INBOX", Validity, many))
	e.equal("all", len(unmarked("INBOX", Validity)), 0)
}

// cursorDone: the mark is the mailbox's own word, after the database is lost, that
// all its conversation says was sent.
func cursorDone(e *env) {
	for _, state := range bridge.DeliveryStates {
		e.Run(string(state), func(t *testing.T) {
			e := &env{T: t, ctx: e.ctx, again: e.again, fresh: e.again(t)}
			s := e.open()
			unmarked := func() []uint32 {
				t.Helper()
				uids, err := s.Unmarked(e.ctx, "support", "INBOX", Validity)
				e.must(err)
				return uids
			}
			e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/1", "one"), Mail("support", 3, "k/2", "two"))
			ds := e.claim(s, Start.Add(time.Hour), 2)
			e.settle(s, done(ds[1], bridge.Sent))
			if state != bridge.Sending {
				e.settle(s, done(ds[0], state))
			}
			want := []uint32{3}
			if state == bridge.Sent || state == bridge.Confirmed {
				want = []uint32{1, 2, 3} // with the copy
			}
			e.equal("unmarked", unmarked(), want)
			if state == bridge.Sending || len(want) == 3 {
				return
			}
			e.must(s.DropDelivery(e.ctx, ds[0].ID, "told by telephone"))
			e.equal("once a person dropped it", unmarked(), []uint32{1, 2, 3})
		})
	}
	s := e.open()
	e.accept(s, Mail("support", 1, "k/1", "one"))
	e.sendAll(s)
	e.acceptBy(s, waits(time.Time{}), Mail("support", 2, "k/1", "two"))
	e.accept(s, Mail("support", 3, "k/1", "two")) // a copy: no less done than what it copies
	uids, err := s.Unmarked(e.ctx, "support", "INBOX", Validity)
	e.must(err)
	e.equal("while one waits", len(uids), 0)
}

func (e *env) list(s bridge.Store) []bridge.MailRecord {
	e.Helper()
	ms, err := s.Mails(e.ctx, bridge.Filter{Limit: 10000})
	e.must(err)
	return ms
}

// cursorReusedUID: a restored mailbox gave UID 1 to a newsletter (R6); the
// keyword meant for the chat that lay there would hit a stranger's mail (R5).
func cursorReusedUID(e *env) {
	s := e.open()
	first := e.accept(s, Mail("support", 1, "k/1", "one"), Mail("support", 2, "k/2", "two"), Mail("support", 3, "k/3", "three"))
	e.accept(s, Mail("support", 1, "", "newsletter"), Mail("support", 3, "k/3", "three"))
	e.sendAll(s)
	uids, err := s.Unmarked(e.ctx, "support", "INBOX", Validity)
	e.must(err)
	e.equal("unmarked", uids, []uint32{2, 3})
	e.equal("the records stay", e.story(s, "c1").Mails, first[:1])
}
