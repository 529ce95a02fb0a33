package imapin

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// One mail breaks the connection each time its body is asked for. It is found,
// handed over without its body, and the others come whole.
func TestPoisonMail(t *testing.T) {
	for name, fault := range map[string]func(f *fakeIMAP, c *fakeConn, tag string) bool{
		"hangs up": func(_ *fakeIMAP, c *fakeConn, _ string) bool { c.hangUp(); return true },
		"cut": func(f *fakeIMAP, c *fakeConn, _ string) bool {
			seq, m := f.mail(40)
			c.raw([]byte(fmt.Sprintf("* %d FETCH (UID 40 BODY[] {%d}\r\n%s", seq, len(m.raw), m.raw[:100])))
			c.hangUp()
			return true
		},
		"NO":         func(_ *fakeIMAP, c *fakeConn, tag string) bool { c.send("%s NO cannot read it", tag); return true },
		"sends none": func(_ *fakeIMAP, c *fakeConn, tag string) bool { c.send("%s OK done", tag); return true },
		"4 GB": func(_ *fakeIMAP, c *fakeConn, tag string) bool {
			c.send("* 1 FETCH (UID 40 BODY[] {4294967295}")
			return true
		},
		"odd keyword": func(_ *fakeIMAP, c *fakeConn, tag string) bool { c.send("* 1 FETCH (UID 40 XBODY ())"); return true },
	} {
		t.Run(name, func(t *testing.T) {
			onFake(t, func(t *testing.T, f *fakeIMAP) {
				for i := range 100 {
					f.put(text(i, 300))
				}
				f.setHook(func(c *fakeConn, tag, cmd, args string) bool {
					set, items, _ := strings.Cut(args, " ")
					if !strings.HasSuffix(cmd, "FETCH") || !strings.Contains(items, "BODY.PEEK[]") {
						return false
					}
					f.mu.Lock()
					in := cmd == "UID FETCH" && inSet(set, 40, f.mails) || cmd == "FETCH" && set == "40"
					f.mu.Unlock()
					return in && fault(f, c, tag)
				})
				w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
				time.Sleep(10 * time.Minute)
				st := w.settle()
				w.store.once(t, f.want())
				if st.SetAside != 1 || st.Recorded != 100 || st.Err != "" {
					t.Errorf("status %+v", st)
				}
				m := w.store.have()[39]
				if m.Size != 300 || string(m.Raw) != string(headerOf(text(39, 300))) || !strings.Contains(m.Problem, "set aside after 5 attempts") {
					t.Errorf("problem %q, %d bytes", m.Problem, len(m.Raw))
				}
				if n := w.store.attempts[m.Source]; n != 6 {
					t.Errorf("%d attempts counted, want 5 and one for its header", n)
				}
				// Mails of the next batch are no longer suspect.
				f.put(text(100, 300))
				w.settle()
				if n := len(w.store.attempts); n != 100 {
					t.Errorf("attempts of %d mails, want those of the first batch", n)
				}
			})
		})
	}
}

// Even its size cannot be asked for: go-imap dies of the date.
func TestPoisonDate(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		for i := range 5 {
			f.put(text(i, 300))
		}
		f.setHook(func(c *fakeConn, tag, cmd, args string) bool {
			set, items, _ := strings.Cut(args, " ")
			f.mu.Lock()
			in := inSet(set, 2, f.mails)
			f.mu.Unlock()
			if cmd != "UID FETCH" || !in || !strings.Contains(items, "INTERNALDATE") {
				return false
			}
			c.send(`* 2 FETCH (UID 2 RFC822.SIZE 300 INTERNALDATE "yesterday")`)
			return true
		})
		w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
		time.Sleep(time.Hour)
		st := w.settle()
		w.store.once(t, f.want())
		if m := w.store.have()[1]; st.SetAside != 1 || m.Raw != nil || !strings.Contains(m.Problem, "yesterday") {
			t.Errorf("problem %q; status %+v", m.Problem, st)
		}
	})
}

// A server in trouble says so; that is no reason to set a mail aside.
func TestServerInTroubleIsNoPoison(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		f.put(text(1, 300), text(2, 300))
		f.setHook(func(c *fakeConn, tag, cmd, _ string) bool {
			if cmd != "UID FETCH" {
				return false
			}
			c.send("%s NO [SERVERBUG] Internal error occurred.", tag)
			return true
		})
		store := newStore()
		store.pending = 2 // and the last run died here
		w := newWatch(t, testConfig(), store, f.net.dial).start(t)
		time.Sleep(6 * time.Hour)
		if st := w.settle(); !strings.Contains(st.Err, "SERVERBUG") {
			t.Errorf("status %+v", st)
		}
		f.setHook(nil)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		store.once(t, f.want())
		for _, m := range store.have() {
			if m.Problem != "" {
				t.Errorf("mail %d: %s", m.UID, m.Problem)
			}
		}
	})
}

func TestTooLarge(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.MaxSize = 20_000
		f.put(text(1, 500), text(2, 20_000), text(3, 20_001), text(4, 500))
		f.put(text(5, 30_000))
		f.setHook(func(c *fakeConn, tag, cmd, args string) bool { // 5 is called small
			if cmd != "UID FETCH" || !strings.Contains(args, "RFC822.SIZE") {
				return false
			}
			set, _, _ := strings.Cut(args, " ")
			f.mu.Lock()
			defer f.mu.Unlock()
			for i, m := range f.mails {
				if inSet(set, m.uid, f.mails) {
					c.send(`* %d FETCH (RFC822.SIZE %d UID %d INTERNALDATE %q)`, i+1, min(len(m.raw), 25_000-1000*i), m.uid, m.date())
				}
			}
			c.send("%s OK done", tag)
			return true
		})
		f.setHook(nil)
		w := newWatch(t, cfg, newStore(), f.net.dial).start(t)
		st := w.settle()
		w.store.once(t, f.want())
		for _, m := range w.store.have() {
			want := ""
			switch m.UID {
			case 3:
				want = "20KB, more than max_size 20KB"
			case 5:
				want = "30KB, more than max_size 20KB"
			}
			if m.Problem != want || want != "" && string(m.Raw) != string(headerOf(f.want()[m.UID])) {
				t.Errorf("mail %d: problem %q, %d bytes", m.UID, m.Problem, len(m.Raw))
			}
		}
		if st.SetAside != 2 || f.seen("UID FETCH 3,5 (UID BODY.PEEK[HEADER]<0.262144>)") != 1 {
			t.Errorf("status %+v, commands %q", st, f.commands)
		}
	})
}

func TestLyingSize(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.MaxSize = 20_000
		f.put(text(1, 30_000), text(2, 500))
		f.setHook(func(c *fakeConn, tag, cmd, args string) bool {
			if cmd != "UID FETCH" || !strings.Contains(args, "RFC822.SIZE") {
				return false
			}
			for uid := 1; uid <= 2; uid++ {
				c.send(`* %d FETCH (RFC822.SIZE 100 UID %d INTERNALDATE "01-Nov-2026 10:00:00 +0100")`, uid, uid)
			}
			c.send("%s OK done", tag)
			return true
		})
		w := newWatch(t, cfg, newStore(), f.net.dial).start(t)
		w.settle()
		w.store.once(t, f.want())
		if m := w.store.have()[0]; m.Size != 30_000 || m.Problem == "" || string(m.Raw) != string(headerOf(text(1, 30_000))) {
			t.Errorf("size %d, problem %q", m.Size, m.Problem)
		}
		if m := w.store.have()[1]; m.Problem != "" || m.Size != 100 {
			t.Errorf("size %d, problem %q: an estimate is no lie", m.Size, m.Problem)
		}
	})
}

func TestHandlerFails(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		for i := range 250 {
			f.put(text(i, 300))
		}
		store := newStore()
		calls := 0
		store.before = func(b bridge.Batch) error {
			if calls++; calls < 12 {
				return errors.New("database is locked")
			}
			return nil
		}
		store.setDown(errors.New("disk full"))
		w := newWatch(t, testConfig(), store, f.net.dial).start(t)
		time.Sleep(time.Minute)
		if st := w.settle(); st.Connected || !strings.Contains(st.Err, "disk full") || f.net.count() != 0 {
			t.Errorf("with no database there is no reason to connect: %+v", st)
		}
		store.setDown(nil)
		time.Sleep(5 * time.Minute)
		if st := w.settle(); !strings.Contains(st.Err, "record 200 mails up to 200: database is locked") || !st.Connected {
			t.Errorf("status %+v", st)
		}
		time.Sleep(20 * time.Minute)
		st := w.settle()
		store.once(t, f.want())
		if st.Err != "" || len(store.attempts) != 0 {
			t.Errorf("status %+v, attempts %v: a database that is down is no mail's fault", st, store.attempts)
		}
	})
}

// Our own program stumbles over one mail, every time it sees the body.
func TestHandlerPanics(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		for i := range 20 {
			f.put(text(i, 300))
		}
		store := newStore()
		store.before = func(b bridge.Batch) error {
			for _, m := range b.Mails {
				if m.UID == 7 && len(m.Raw) == 300 {
					panic("index out of range")
				}
			}
			return nil
		}
		w := newWatch(t, testConfig(), store, f.net.dial).start(t)
		time.Sleep(10 * time.Minute)
		st := w.settle()
		store.once(t, f.want())
		if m := store.have()[6]; st.SetAside != 1 || !strings.Contains(m.Problem, "the program stumbled: index out of range") {
			t.Errorf("problem %q, status %+v", m.Problem, st)
		}
		if !strings.Contains(w.log.String(), "handler panicked") {
			t.Error("not logged")
		}
	})
}

// The last run died within a batch: its mails come one by one, each counted
// before it is fetched.
func TestAfterCrash(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		for i := range 30 {
			f.put(text(i, 300))
		}
		store := newStore()
		store.cursor = &bridge.Cursor{Mailbox: "ann", Folder: "INBOX", UIDValidity: 7, UID: 10}
		store.pending = 20
		crashed := bridge.Source{Mailbox: "ann", Folder: "INBOX", UIDValidity: 7, UID: 15}
		store.attempts[crashed] = 5 // five runs died with it
		w := newWatch(t, testConfig(), store, f.net.dial).start(t)
		w.settle()
		want := f.want()
		for uid := uint32(1); uid <= 10; uid++ {
			delete(want, uid)
		}
		store.once(t, want)
		if len(store.attempts) != 10 || len(store.batches) != 11 || store.attempts[crashed] != 6 {
			t.Errorf("attempts of %d mails, %d batches", len(store.attempts), len(store.batches))
		}
		for _, m := range store.have() {
			if (m.Problem != "") != (m.UID == 15) {
				t.Errorf("mail %d: problem %q", m.UID, m.Problem)
			}
		}
		if m := store.have()[4]; !strings.Contains(m.Problem, "set aside after 5 attempts to read it; the last: the program ended") {
			t.Errorf("problem %q", m.Problem)
		}
		w.stop()
		if store.pending > store.at().UID {
			t.Error("a clean stop leaves a batch pending")
		}
	})
}

func TestCleanStopIsNoCrash(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		f.put(text(1, 300), text(2, 300))
		store := newStore()
		hold := make(chan struct{})
		store.before = func(bridge.Batch) error { <-hold; return nil }
		w := newWatch(t, testConfig(), store, f.net.dial).start(t)
		synctest.Wait()
		if store.pending != 2 {
			t.Fatalf("pending %d while the batch is at the handler, want 2", store.pending)
		}
		go func() { time.Sleep(time.Second); close(hold) }()
		w.stop()
		if store.pending != 0 || len(store.have()) != 0 {
			t.Errorf("pending %d, recorded %v", store.pending, store.uids())
		}
		store.before = nil
		newWatch(t, testConfig(), store, f.net.dial).start(t)
		synctest.Wait()
		store.once(t, f.want())
		if len(store.attempts) != 0 {
			t.Error("mails are suspect after a clean stop")
		}
	})
}
