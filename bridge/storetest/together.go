package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"ticketbridge/bridge"
)

var togetherTests = []test{
	{"several open an empty database at once", togetherOpen},
	{"a handle that was left", togetherAbandoned},
	{"copies from two mailboxes are news once", togetherCopies},
	{"copies without a conversation", togetherLoneCopies},
	{"batches that meet in opposite order", togetherOpposite},
	{"no delivery is claimed twice, and order is kept", togetherClaims},
	{"admins beside the daemon", togetherAdmins},
}

// side runs do in goroutines and waits; each has a handle of its own.
func (e *env) side(n int, do func(i int, s bridge.Store) error) {
	e.Helper()
	stores := make([]bridge.Store, n)
	for i := range stores {
		stores[i] = e.open()
	}
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = do(i, stores[i]) })
	}
	all.Wait()
	e.must(errors.Join(errs...))
}

func togetherOpen(e *env) {
	var all sync.WaitGroup
	stores := make([]bridge.Store, 4)
	errs := make([]error, 4)
	for i := range stores {
		all.Go(func() { stores[i], errs[i] = e.fresh() })
	}
	all.Wait()
	for _, s := range stores {
		if s != nil {
			e.Cleanup(func() { s.Close() })
		}
	}
	e.must(errors.Join(errs...))
	e.accept(stores[0], Mail("support", 1, "k/1", "one"))
	e.equal("seen by all", len(e.list(stores[3])), 1)
}

// togetherAbandoned: the process is gone, what it committed is there.
func togetherAbandoned(e *env) {
	s := e.open()
	e.raise(s, 1, 3)
	claimed := e.claim(s, Start.Add(time.Hour), 2)
	func() {
		defer func() { recover() }()
		s.Accept(e.ctx, []bridge.Arrival{Mail("support", 9, "k/9", "x")}, At("support", 9), func(bridge.Arrival, bridge.Known) bridge.Verdict { panic("gone") })
	}()
	next := e.open()
	e.equal("mails", len(e.list(next)), 3)
	left, err := next.Recover(e.ctx, bridge.Recovery{Worker: "w1", Started: true, State: bridge.Doubt})
	e.must(err)
	e.equal("in doubt", deliveryIDs(left), deliveryIDs(claimed))
	e.equal("the rest goes on", deliveryIDs(e.claim(next, Start.Add(time.Hour), 10)), []int64{3})
}

func togetherCopies(e *env) {
	const mailboxes, mails = 4, 40
	e.side(mailboxes, func(i int, s bridge.Store) error {
		// Every agent gets all mails, in batches of another size each.
		name := fmt.Sprint("agent", i)
		for from := 1; from <= mails; from += i + 1 {
			var batch []bridge.Arrival
			for uid := from; uid < from+i+1 && uid <= mails; uid++ {
				conv := fmt.Sprint("k/", uid%7)
				batch = append(batch, Mail(name, uint32(uid), conv, fmt.Sprint(conv, " said ", uid), fmt.Sprint(conv, " and ", uid)))
			}
			if _, err := s.Accept(e.ctx, batch, At(name, uint32(from+i)), Judge); err != nil {
				return err
			}
		}
		return nil
	})
	s := e.open()
	c, err := s.Counts(e.ctx)
	e.must(err)
	e.equal("tickets", c.Mails[bridge.MailTicket], int64(7))
	e.equal("updates", c.Mails[bridge.MailUpdate], int64(mails-7))
	e.equal("copies", c.Mails[bridge.MailIgnored], int64((mailboxes-1)*mails))
	e.equal("conversations", c.Conversations, int64(7))
	e.equal("deliveries", c.Deliveries[bridge.Ready], int64(mails))
	turns := 0
	for i := range 7 {
		st := e.story(s, fmt.Sprint("k/", i))
		turns += len(st.Turns)
		e.equal("thread", len(st.Conversation.Thread), len(st.Deliveries))
	}
	e.equal("turns", turns, 2*mails)
	for _, m := range e.list(s) {
		if m.State == bridge.MailIgnored && m.CopyOf == 0 {
			e.Errorf("m%d was ignored as %q", m.ID, m.Reason)
		}
	}
}

func togetherLoneCopies(e *env) {
	const n = 20
	e.side(3, func(i int, s bridge.Store) error {
		for uid := uint32(1); uid <= n; uid++ {
			if _, err := s.Accept(e.ctx, []bridge.Arrival{Mail(fmt.Sprint("agent", i), uid, "", fmt.Sprint(uid))}, At(fmt.Sprint("agent", i), uid), Judge); err != nil {
				return err
			}
		}
		return nil
	})
	c, err := e.open().Counts(e.ctx)
	e.must(err)
	e.equal("parked", c.Mails[bridge.MailParked], int64(n))
	e.equal("copies", c.Mails[bridge.MailIgnored], int64(2*n))
}

func togetherOpposite(e *env) {
	const rounds, convs = 15, 10
	e.side(2, func(i int, s bridge.Store) error {
		name := fmt.Sprint("agent", i)
		for r := range rounds {
			var batch []bridge.Arrival
			for c := range convs {
				if i == 1 {
					c = convs - 1 - c
				}
				conv := fmt.Sprint("k/", c)
				batch = append(batch, Mail(name, uint32(r*convs+len(batch)+1), conv, fmt.Sprint(conv, name, r)))
			}
			if _, err := s.Accept(e.ctx, batch, At(name, uint32((r+1)*convs)), Judge); err != nil {
				return err
			}
			if err := s.SetTicket(e.ctx, 1, bridge.Link{Ticket: fmt.Sprint(r)}); err != nil {
				return err
			}
		}
		return nil
	})
	s := e.open()
	for c := range convs {
		st := e.story(s, fmt.Sprint("k/", c))
		e.equal("turns", len(st.Turns), 2*rounds)
		e.equal("thread", len(st.Conversation.Thread), 2*rounds)
	}
}

func togetherClaims(e *env) {
	const convs, each, workers = 12, 6, 4
	first := e.open()
	for i := range each {
		var batch []bridge.Arrival
		for c := range convs {
			conv := fmt.Sprint("k/", c)
			batch = append(batch, Mail("support", uint32(i*convs+c+1), conv, fmt.Sprint(conv, " ", i)))
		}
		e.accept(first, batch...)
	}
	var mu sync.Mutex
	flight := map[int64]int64{}   // conversation → delivery
	order := map[int64][]int64{}  // conversation → deliveries as sent
	attempts := map[string]bool{} // delivery and attempt
	take := func(d bridge.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		if other, busy := flight[d.Conversation]; busy {
			return fmt.Errorf("d%d claimed while d%d of c%d is in flight", d.ID, other, d.Conversation)
		}
		once := fmt.Sprint(d.ID, " ", d.Attempts)
		if attempts[once] {
			return fmt.Errorf("d%d claimed twice", d.ID)
		}
		attempts[once] = true
		flight[d.Conversation] = d.ID
		return nil
	}
	end := func(d bridge.Delivery, state bridge.DeliveryState) {
		mu.Lock()
		defer mu.Unlock()
		delete(flight, d.Conversation)
		if state == bridge.Sent {
			order[d.Conversation] = append(order[d.Conversation], d.ID)
		}
	}
	ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
	defer cancel()
	e.side(workers, func(i int, s bridge.Store) error {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		var ended []bridge.Settlement
		for {
			ds, err := s.Turnover(ctx, fmt.Sprint("w", i), Start.AddDate(0, 0, 1), ended, 1+r.IntN(4))
			if err != nil {
				return err
			}
			ended = nil
			for _, d := range ds {
				if err := take(d); err != nil {
					return err
				}
			}
			for _, d := range ds {
				state := bridge.Sent
				if d.Attempts == 1 && r.IntN(3) == 0 {
					state = bridge.Retry
				}
				st := done(d, state)
				st.Next = Start
				ended = append(ended, st)
				end(d, state)
			}
			c, err := s.Counts(ctx)
			if err != nil {
				return err
			}
			if len(ended) == 0 && c.Deliveries[bridge.Sent] == convs*each {
				return nil
			}
		}
	})
	for conv, sent := range order {
		e.equal("sent", len(sent), each)
		for i := 1; i < len(sent); i++ {
			if sent[i] <= sent[i-1] {
				e.Errorf("c%d sent in order %v", conv, sent)
				break
			}
		}
	}
	e.equal("conversations", len(order), convs)
}

// togetherAdmins: whoever looks, retries, drops and links while mails come in
// and go out is never refused for that, and sees whole transactions.
func togetherAdmins(e *env) {
	const mails = 60
	stop := make(chan struct{})
	var once sync.Once
	e.side(4, func(i int, s bridge.Store) error {
		switch i {
		case 0:
			defer once.Do(func() { close(stop) })
			for uid := 1; uid <= mails; uid += 2 {
				batch := []bridge.Arrival{Mail("support", uint32(uid), fmt.Sprint("k/", uid), "one"), Mail("support", uint32(uid+1), fmt.Sprint("k/", uid), "one", "two")}
				if _, err := s.Accept(e.ctx, batch, At("support", uint32(uid+1)), Judge); err != nil {
					return err
				}
			}
			return nil
		case 1:
			var ended []bridge.Settlement
			return until(stop, func() error {
				ds, err := s.Turnover(e.ctx, "w1", Start.AddDate(0, 0, 1), ended, 3)
				ended = nil
				for j, d := range ds {
					ended = append(ended, done(d, []bridge.DeliveryState{bridge.Sent, bridge.Doubt, bridge.Dead}[j%3]))
				}
				return err
			})
		case 2:
			return until(stop, func() error {
				c, err := s.Counts(e.ctx)
				if err == nil && (c.Mails[bridge.MailTicket] != c.Conversations || c.Mails[bridge.MailUpdate] != c.Conversations) {
					err = fmt.Errorf("half a transaction: %+v", c)
				}
				return err
			})
		default:
			return until(stop, func() error {
				ds, err := s.Deliveries(e.ctx, bridge.Filter{State: "doubt", Limit: 2})
				for _, d := range ds {
					err = errors.Join(err, allow(s.RetryNow(e.ctx, d.ID, "looked"), bridge.ErrState))
					err = errors.Join(err, s.SetTicket(e.ctx, d.Conversation, bridge.Link{Ticket: fmt.Sprint(d.ID), Confirmed: Start}))
				}
				_, lost := s.Find(e.ctx, "kim@customer.example.net")
				return errors.Join(err, allow(lost, bridge.ErrNotFound))
			})
		}
	})
	e.equal("mails", len(e.list(e.open())), mails)
}

func until(stop <-chan struct{}, do func() error) error {
	for {
		if err := do(); err != nil {
			return err
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

func allow(err, allowed error) error {
	if errors.Is(err, allowed) {
		return nil
	}
	return err
}
