// Package storetest says what any bridge.Store must do.
//
// It is the contract of bridge/store.go as tests, and runs on every database the
// bridge knows.
package storetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
)

// Fresh makes an empty database and returns what opens it: each time a handle
// of its own, as another process would have.
type Fresh func(t *testing.T) (open func() (bridge.Store, error))

// Run runs the suite.
func Run(t *testing.T, fresh Fresh) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Accept", acceptTests},
		{"Values", valueTests},
		{"Rejudge", rejudgeTests},
		{"Untold", untoldTests},
		{"Outbox", outboxTests},
		{"Leases", leaseTests},
		{"Cursors", cursorTests},
		{"Ledger", ledgerTests},
		{"Find", findTests},
		{"Acts", actTests},
		{"Replace", replaceTests},
		{"Answers", answerTests},
		{"Clock", clockTests},
		{"Together", togetherTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) { test.do(&env{T: t, ctx: t.Context(), again: fresh, fresh: fresh(t)}) })
			}
		})
	}
}

type test struct {
	name string
	do   func(e *env)
}

// env is a test and its database.
type env struct {
	*testing.T
	ctx   context.Context
	again Fresh // another database
	fresh func() (bridge.Store, error)
}

// open opens a handle that ends with the test.
func (e *env) open() bridge.Store {
	e.Helper()
	s, err := e.fresh()
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() {
		if err := s.Close(); err != nil {
			e.Error(err)
		}
	})
	return s
}

// must ends the test on an error.
func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// accept records mails of one mailbox with Judge.
func (e *env) accept(s bridge.Store, as ...bridge.Arrival) []bridge.MailRecord {
	e.Helper()
	return e.acceptBy(s, Judge, as...)
}

func (e *env) acceptBy(s bridge.Store, judge bridge.Judge, as ...bridge.Arrival) []bridge.MailRecord {
	e.Helper()
	last := as[len(as)-1].Record
	records, err := s.Accept(e.ctx, as, At(last.Mailbox, last.UID), judge)
	e.must(err)
	if len(records) != len(as) {
		e.Fatalf("%d records for %d arrivals", len(records), len(as))
	}
	return records
}

// claim takes up to n due deliveries at a time.
func (e *env) claim(s bridge.Store, at time.Time, n int) []bridge.Delivery {
	e.Helper()
	ds, err := s.Turnover(e.ctx, "w1", at, nil, n)
	e.must(err)
	return ds
}

// settle ends attempts.
func (e *env) settle(s bridge.Store, done ...bridge.Settlement) {
	e.Helper()
	_, err := s.Turnover(e.ctx, "w1", Start, done, 0)
	e.must(err)
}

// sendAll sends whatever is to be sent.
func (e *env) sendAll(s bridge.Store) {
	e.Helper()
	for ds := e.claim(s, Start.AddDate(1, 0, 0), 100); len(ds) > 0; ds = e.claim(s, Start.AddDate(1, 0, 0), 100) {
		for _, d := range ds {
			e.settle(s, done(d, bridge.Sent))
		}
	}
}

// done is how the attempt a delivery is in ended.
func done(d bridge.Delivery, state bridge.DeliveryState) bridge.Settlement {
	return bridge.Settlement{Delivery: d.ID, Attempt: d.Attempts, State: state, Detail: "so it ended", At: Start.Add(time.Hour)}
}

// delivery reads one delivery.
func (e *env) delivery(s bridge.Store, id int64) bridge.Delivery {
	e.Helper()
	ds, err := s.Deliveries(e.ctx, bridge.Filter{Limit: 10000})
	e.must(err)
	for _, d := range ds {
		if d.ID == id {
			return d
		}
	}
	e.Fatalf("no delivery %d", id)
	return bridge.Delivery{}
}

// story reads the one story a term means.
func (e *env) story(s bridge.Store, term string) bridge.Story {
	e.Helper()
	sts, err := s.Find(e.ctx, term)
	e.must(err)
	if len(sts) != 1 {
		e.Fatalf("%d stories of %q", len(sts), term)
	}
	return sts[0]
}

// everything is all that can be seen of a database, to tell whether it changed.
// (%#v: a record's String tells its source only.)
func (e *env) everything(s bridge.Store) string {
	e.Helper()
	var out strings.Builder
	all := bridge.Filter{Limit: 100000}
	mails, err := s.Mails(e.ctx, all)
	e.must(err)
	for _, m := range mails {
		fmt.Fprintf(&out, "%#v\n", m)
		if m.Conversation == 0 {
			fmt.Fprintf(&out, "%#v\n", e.story(s, bridge.MailID(m.ID)))
		}
	}
	convs, err := s.Conversations(e.ctx, all)
	e.must(err)
	for _, c := range convs {
		st := e.story(s, bridge.ConversationID(c.ID))
		st.Conversation = nil
		fmt.Fprintf(&out, "%#v\n%#v\n", c, st)
	}
	ds, err := s.Deliveries(e.ctx, all)
	e.must(err)
	for _, d := range ds {
		fmt.Fprintf(&out, "%#v\n", d)
	}
	return out.String()
}

// equal compares, and shows the fields that differ.
func (e *env) equal(what string, got, want any) {
	e.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	if g.IsValid() && w.IsValid() && g.Type() == w.Type() && g.Kind() == reflect.Struct {
		for i := range g.NumField() {
			if f := g.Type().Field(i); f.IsExported() && !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
				e.Errorf("%s.%s:\n got %#v\nwant %#v", what, f.Name, g.Field(i), w.Field(i))
			}
		}
		return
	}
	e.Errorf("%s:\n got %#v\nwant %#v", what, got, want)
}

// whats are the journal's lines in short.
func whats(events []bridge.Event) string {
	var out []string
	for _, ev := range events {
		out = append(out, ev.What)
	}
	return strings.Join(out, " ")
}

func ids[T any](list []T, id func(T) int64) []int64 {
	out := []int64{}
	for _, v := range list {
		out = append(out, id(v))
	}
	return out
}

func mailIDs(ms []bridge.MailRecord) []int64 {
	return ids(ms, func(m bridge.MailRecord) int64 { return m.ID })
}

func deliveryIDs(ds []bridge.Delivery) []int64 {
	return ids(ds, func(d bridge.Delivery) int64 { return d.ID })
}

func conversationIDs(cs []bridge.Conversation) []int64 {
	return ids(cs, func(c bridge.Conversation) int64 { return c.ID })
}

func reversed[T any](list ...T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
