package imapin

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// onFake runs a test on the fake clock against a fakeIMAP.
func onFake(t *testing.T, test func(t *testing.T, f *fakeIMAP)) {
	leaks(t)
	synctest.Test(t, func(t *testing.T) { test(t, newFake(t)) })
}

func TestReadsAllOldestFirst(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		for i := range 450 {
			f.put(text(i, 300+i))
		}
		w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
		st := w.settle()
		w.store.once(t, f.want())
		if len(w.store.batches) != 3 {
			t.Errorf("%d batches, want 3 of at most 200", len(w.store.batches))
		}
		c := w.store.at()
		if c.UID != 450 || c.LastSize != int64(len(text(449, 749))) || c.UIDValidity != 7 {
			t.Errorf("cursor %+v", c)
		}
		if !st.Connected || !st.Idle || st.Err != "" || st.Recorded != 450 || st.Behind != 0 {
			t.Errorf("status %+v", st)
		}
		if f.seen("EXAMINE") != 1 || f.seen("SELECT") != 0 || f.seen("UID STORE") != 0 {
			t.Error("a mailbox people read must be opened with EXAMINE and left alone")
		}
		if len(w.store.attempts) != 0 {
			t.Error("attempts are counted only for suspect mails")
		}
	})
}

func TestIdleWakes(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.Start = "now"
		f.put(text(0, 500), text(1, 500))
		w := newWatch(t, cfg, newStore(), f.net.dial).start(t)
		w.settle()
		if c := w.store.at(); c.UID != 2 || !c.Since.Equal(time.Now()) || len(w.store.have()) != 0 {
			t.Fatalf("first start now: cursor %+v, mails %v", c, w.store.uids())
		}
		time.Sleep(10 * time.Second)
		f.put(text(2, 500))
		st := w.settle() // no time passes
		if got := w.store.uids(); !slices.Equal(got, []uint32{3}) {
			t.Fatalf("read %v, want [3]", got)
		}
		if st.WokenBy != "idle" || !st.Woken.Equal(time.Now()) {
			t.Errorf("woken by %q at %v", st.WokenBy, st.Woken)
		}
	})
}

func TestPollFindsWhatWasNotAnnounced(t *testing.T) {
	for _, lacks := range []string{"announcements", "IDLE", "consent to IDLE"} {
		t.Run(lacks, func(t *testing.T) {
			onFake(t, func(t *testing.T, f *fakeIMAP) {
				switch lacks {
				case "IDLE":
					f.caps = "IMAP4rev1 AUTH=PLAIN SASL-IR"
				case "consent to IDLE":
					f.setHook(func(c *fakeConn, tag, cmd, _ string) bool {
						if cmd == "IDLE" {
							c.send("%s NO not today", tag)
						}
						return cmd == "IDLE"
					})
				}
				w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
				if st := w.settle(); st.Idle != (lacks == "announcements") {
					t.Errorf("status says idle: %v", st.Idle)
				}
				f.with(func() { f.mails = append(f.mails, fakeMail{uid: 9, received: time.Now(), raw: text(9, 400)}) })
				time.Sleep(59 * time.Second)
				if synctest.Wait(); len(w.store.have()) != 0 {
					t.Fatal("read before the poll")
				}
				time.Sleep(time.Second)
				if st := w.settle(); !slices.Equal(w.store.uids(), []uint32{9}) || st.WokenBy != "poll" {
					t.Fatalf("read %v, woken by %q", w.store.uids(), st.WokenBy)
				}
			})
		})
	}
}

func TestIdleIsRefreshed(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.Poll = bridge.Duration(24 * time.Hour)
		w := newWatch(t, cfg, newStore(), f.net.dial).start(t)
		w.settle()
		searches := f.seen("UID SEARCH")
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		if n := f.seen("IDLE"); n != 16 {
			t.Errorf("%d IDLEs in an hour, want one every 4 minutes", n)
		}
		if f.seen("UID SEARCH") != searches {
			t.Error("a refresh searches")
		}
		time.Sleep(24 * time.Hour)
		if synctest.Wait(); f.seen("UID SEARCH") == searches {
			t.Error("no poll in a day")
		}
		if w.Status().Sessions != 1 {
			t.Errorf("%d sessions", w.Status().Sessions)
		}
	})
}

func TestBackoff(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		f.net.setFail(errors.New("no route to host"))
		w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
		time.Sleep(time.Hour)
		st := w.settle()
		// 1+2+4+8+16+32+64 s, then every 2 minutes, each shortened by up to half.
		if n := f.net.count(); n < 33 || n > 66 {
			t.Errorf("%d tries in an hour", n)
		}
		if st.Connected || !strings.Contains(st.Err, "no route to host") || st.Failures != f.net.count() || !st.RetryAt.After(time.Now()) {
			t.Errorf("status %+v", st)
		}
		if n := strings.Count(w.log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings about one fault", n)
		}
		f.net.setFail(nil)
		f.put(text(0, 100))
		time.Sleep(2 * time.Minute)
		if st := w.settle(); !st.Connected || st.Err != "" || st.Failures != 0 || st.Recorded != 1 {
			t.Errorf("status after recovery %+v", st)
		}
		if !strings.Contains(w.log.String(), "watching again") {
			t.Error("recovery is not logged")
		}
	})
}

func TestWrongPassword(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.Password = "wrong, and to be hidden"
		cfg.Folders = []string{"INBOX", "Chats", "More"}
		store := newStore()
		ws := NewAll(cfg, store, store.handle, discard)
		for _, w := range ws {
			w.dial = f.net.dial
			(&watch{Watcher: w}).start(t)
		}
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		for i, at := range f.logins {
			n := 0
			for _, other := range f.logins[i:] {
				if other.Sub(at) < time.Hour {
					n++
				}
			}
			if n > 12 {
				t.Fatalf("%d logins within an hour of %v, all folders together", n, at)
			}
		}
		if len(f.logins) < 6*8 {
			t.Errorf("only %d logins in 6 hours", len(f.logins))
		}
		for _, w := range ws {
			if st := w.Status(); !strings.Contains(st.Err, "AUTHENTICATIONFAILED") || strings.Contains(st.Err, "hidden") || time.Until(st.RetryAt) > 7*time.Minute {
				t.Errorf("status %+v", st)
			}
		}
		f.setHook(func(c *fakeConn, tag, cmd, _ string) bool { // the password is put right
			if cmd == "AUTHENTICATE" {
				c.send("%s OK welcome", tag)
			}
			return cmd == "AUTHENTICATE"
		})
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		for _, w := range ws {
			if !w.Status().Connected {
				t.Errorf("not recovered: %+v", w.Status())
			}
		}
	})
}

func TestThrottling(t *testing.T) {
	for _, tc := range []struct {
		name, cmd, answer string
		atLeast           time.Duration
	}{
		{"Exchange says BYE", "UID FETCH", "* BYE Session is disconnected: Suggested Backoff Time: 89117 milliseconds", 89117 * time.Millisecond},
		{"Exchange says NO at login", "AUTHENTICATE", "%s NO Request is throttled. Suggested Backoff Time: 299900 milliseconds", 299900 * time.Millisecond},
		{"Google says OK", "EXAMINE", "* OK [UIDVALIDITY 7] x\r\n%s OK [THROTTLED] slowly", 5 * time.Minute},
		{"a day is too long", "UID SEARCH", "* BYE Suggested Backoff Time: 86400000 milliseconds", time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onFake(t, func(t *testing.T, f *fakeIMAP) {
				f.put(text(0, 100))
				var at time.Time
				f.setHook(func(c *fakeConn, tag, cmd, _ string) bool {
					if cmd != tc.cmd || !at.IsZero() {
						return false
					}
					at = time.Now()
					c.send("%s", strings.ReplaceAll(tc.answer, "%s", tag))
					if strings.Contains(tc.answer, "BYE") {
						c.hangUp()
					}
					return true
				})
				w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
				w.settle()
				dials := f.net.count()
				time.Sleep(tc.atLeast - time.Millisecond)
				if st := w.settle(); f.net.count() != dials || st.RetryAt.Before(at.Add(tc.atLeast)) {
					t.Errorf("tried again too early; status %+v", st)
				}
				time.Sleep(tc.atLeast/5 + 10*time.Second)
				synctest.Wait()
				w.store.once(t, f.want())
				if len(w.store.attempts) != 0 {
					t.Error("throttling is blamed on a mail")
				}
			})
		})
	}
}

// A server that says with every answer that it is too busy still gets on.
func TestAlwaysThrottled(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		for i := range 500 {
			f.put(text(i, 300))
		}
		f.setHook(func(c *fakeConn, tag, cmd, _ string) bool {
			if strings.HasPrefix(cmd, "UID") {
				c.send("* OK [THROTTLED]")
			}
			return false
		})
		w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
		if st := w.settle(); st.Recorded != 200 || st.Connected || !strings.Contains(st.Err, "asks for a pause of 5m0s") {
			t.Errorf("status %+v", st)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		w.store.once(t, f.want())
	})
}

func TestStopIsQuick(t *testing.T) {
	for _, where := range []string{"IDLE", "frozen", "handler", "back-off", "store down"} {
		t.Run(where, func(t *testing.T) {
			onFake(t, func(t *testing.T, f *fakeIMAP) {
				store := newStore()
				f.put(text(0, 100))
				stuck := make(chan struct{})
				switch where {
				case "frozen":
					f.setHook(func(c *fakeConn, _, cmd, _ string) bool {
						if cmd == "UID FETCH" {
							c.silence()
						}
						return cmd == "UID FETCH"
					})
				case "handler":
					store.before = func(bridge.Batch) error { <-stuck; return nil }
				case "back-off":
					f.net.setFail(errors.New("no"))
				case "store down":
					store.down = errors.New("database is locked")
				}
				w := newWatch(t, testConfig(), store, f.net.dial).start(t)
				time.Sleep(30 * time.Second)
				if where == "handler" {
					time.AfterFunc(time.Second, func() { close(stuck) })
				}
				began := time.Now()
				w.stop()
				if d := time.Since(began); d > 3*time.Second {
					t.Errorf("took %v", d)
				}
				if where == "IDLE" && f.seen("LOGOUT") != 1 {
					t.Error("no LOGOUT")
				}
			})
		})
	}
}
