package imapin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A fault happens to one command; then the server is in order again. What is
// asked of the watcher is always the same: each mail once, in order, whole.
func TestFaults(t *testing.T) {
	big := text(2, 60_000)
	hang := func(c *fakeConn, tag string) { c.silence() }
	eof := func(c *fakeConn, tag string) { c.hangUp() }
	bye := func(c *fakeConn, tag string) { c.send("* BYE maintenance in 5 minutes"); c.hangUp() }
	no := func(c *fakeConn, tag string) { c.send("%s NO [UNAVAILABLE] try later", tag) }
	plainNo := func(c *fakeConn, tag string) { c.send("%s NO I will not", tag) }
	bad := func(c *fakeConn, tag string) { c.send("%s BAD what was that", tag) }
	garbage := func(c *fakeConn, tag string) { c.raw([]byte("\x00\xff}{)(*&^%$#\r\n\r\n")) }
	drip := func(c *fakeConn, tag string) {
		for range 4000 {
			c.raw([]byte("x"))
			time.Sleep(10 * time.Second)
		}
	}
	faults := map[string]func(c *fakeConn, tag string){
		"hang": hang, "EOF": eof, "BYE": bye, "NO UNAVAILABLE": no, "NO": plainNo, "BAD": bad, "garbage": garbage, "drip": drip,
	}
	for _, cmd := range []string{"CAPABILITY", "AUTHENTICATE", "EXAMINE", "NOOP", "UID SEARCH", "size", "body", "IDLE", "DONE"} {
		for name, fault := range faults {
			t.Run(cmd+"/"+name, func(t *testing.T) {
				onFake(t, func(t *testing.T, f *fakeIMAP) {
					f.put(text(1, 500), big, text(3, 500))
					faulty := true
					f.setHook(func(c *fakeConn, tag, got, args string) bool {
						switch {
						case got == "UID FETCH" && strings.Contains(args, "BODY"):
							got = "body"
						case got == "UID FETCH":
							got = "size"
						}
						if got != cmd || !faulty {
							return false
						}
						faulty = false
						fault(c, tag)
						return true
					})
					w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
					time.Sleep(15 * time.Minute)
					f.put(text(4, 500))
					time.Sleep(time.Minute)
					st := w.settle()
					if faulty {
						t.Fatal("the fault never happened")
					}
					w.store.once(t, f.want())
					if st.Err != "" || !st.Connected || st.SetAside != 0 {
						t.Errorf("status %+v", st)
					}
				})
			})
		}
	}
}

// bodyFault answers the first n body fetches that hold uid with fault.
func (f *fakeIMAP) bodyFault(uid uint32, n int, fault func(c *fakeConn, tag, set string) bool) *int {
	met := 0
	f.setHook(func(c *fakeConn, tag, cmd, args string) bool {
		set, items, _ := strings.Cut(args, " ")
		if cmd != "UID FETCH" || !strings.Contains(items, "BODY.PEEK[]") || met >= n {
			return false
		}
		f.mu.Lock()
		in := inSet(set, uid, f.mails)
		f.mu.Unlock()
		if !in {
			return false
		}
		met++
		return fault(c, tag, set)
	})
	return &met
}

func (f *fakeIMAP) mail(uid uint32) (seq int, m fakeMail) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.mails, func(m fakeMail) bool { return m.uid == uid })
	return i + 1, f.mails[i]
}

func TestBodyFaults(t *testing.T) {
	cut := func(n int) func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
		return func(f *fakeIMAP, c *fakeConn, _, _ string) bool {
			seq, m := f.mail(2)
			c.raw([]byte(fmt.Sprintf("* %d FETCH (UID 2 BODY[] {%d}\r\n%s", seq, len(m.raw), m.raw[:n])))
			c.hangUp()
			return true
		}
	}
	for _, tc := range []struct {
		name  string
		fault func(f *fakeIMAP, c *fakeConn, tag, set string) bool
		err   string // what the log must say, "" if nothing need go wrong
	}{
		{"cut at 0", cut(0), "broke off after 0 of"},
		{"cut within", cut(5000), "broke off after 5000 of"},
		{"cut at the last byte", cut(len(text(2, 9000)) - 1), "broke off after"},
		{"cut after the body", cut(len(text(2, 9000))), "closed the connection"},
		{"body before UID", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			for uid := uint32(1); uid <= 3; uid++ {
				if !inSet(set, uid, f.mails) {
					continue
				}
				seq, m := f.mail(uid)
				c.raw([]byte(fmt.Sprintf("* %d FETCH (BODY[] {%d}\r\n%s UID %d)\r\n", seq, len(m.raw), m.raw, m.uid)))
			}
			c.send("%s OK done", tag)
			return true
		}, ""},
		{"flag update first", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.send("* 2 FETCH (FLAGS (\\Seen) UID 2)")
			return false // and then the real answer, which go-imap drops
		}, ""},
		{"unrequested mail", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.raw([]byte("* 9 FETCH (UID 99 BODY[] {5}\r\nHello)\r\n* 8 FETCH (UID 0 BODY[] {5}\r\nHello)\r\n"))
			return false
		}, ""},
		{"unknown responses", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.raw([]byte("* VANISHED (EARLIER) 1:5\r\n* XLIST {3}\r\nabc (x)\r\n* 4 XFOO\r\n* JUNK\r\n* OK [HIGHESTMODSEQ 5] x {12}\r\n"))
			return false
		}, ""},
		{"an alert", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.send("* OK [ALERT] the disk is nearly full\x1b[2J")
			return false
		}, "the disk is nearly full"},
		{"sends it twice", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			seq, m := f.mail(2)
			c.fetched(seq, m, "BODY.PEEK[]")
			return false
		}, ""},
		{"NIL body", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.send("* 2 FETCH (UID 2 BODY[] NIL)")
			c.send("%s OK done", tag)
			return true
		}, ""},
		{"nothing, and NO", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.send("%s NO some of the messages could not be fetched", tag)
			return true
		}, ""},
		{"literal of 4 GB", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.raw([]byte("* 2 FETCH (UID 2 BODY[] {4294967295}\r\n"))
			c.silence()
			return true
		}, "announces 4294967295 bytes"},
		{"endless line", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.raw([]byte("* OK "))
			for range 9 << 20 / 4096 {
				c.raw([]byte(strings.Repeat("x", 4096)))
			}
			return true
		}, "a line of more than"},
		{"endless responses", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			line := []byte("* OK " + strings.Repeat("x", 60_000) + "\r\n")
			for range 1000 {
				c.raw(line)
			}
			return true
		}, "far more than was asked"},
		{"goodbye with a reason", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.send("* BYE Too many\x1b connections from your address")
			c.hangUp()
			return true
		}, "said goodbye: Too many  connections"},
		{"EXISTS shrinks", func(f *fakeIMAP, c *fakeConn, tag, set string) bool {
			c.send("* 1 EXISTS")
			c.send("* 3 EXPUNGE")
			c.send("* 77 EXPUNGE")
			c.send("* 0 EXISTS")
			return false
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onFake(t, func(t *testing.T, f *fakeIMAP) {
				f.put(text(1, 500), text(2, 9000), text(3, 500))
				met := f.bodyFault(2, 1, func(c *fakeConn, tag, set string) bool { return tc.fault(f, c, tag, set) })
				w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
				time.Sleep(3 * time.Minute)
				st := w.settle()
				if *met == 0 {
					t.Fatal("the fault never happened")
				}
				w.store.once(t, f.want())
				if st.Err != "" || st.SetAside != 0 {
					t.Errorf("status %+v", st)
				}
				if tc.err == "" && st.Sessions != 1 {
					t.Errorf("%d sessions, want no reconnect", st.Sessions)
				}
				if !strings.Contains(w.log.String(), tc.err) {
					t.Errorf("log does not say %q", tc.err)
				}
				if strings.Contains(w.log.String(), "\x1b") {
					t.Error("an escape sequence is in the log")
				}
			})
		})
	}
}

// A server that always sends the body before the UID is within its rights.
func TestBodyAlwaysBeforeUID(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		f.put(text(1, 500), text(2, 9000), text(3, 500))
		f.setHook(func(c *fakeConn, tag, cmd, args string) bool {
			set, items, _ := strings.Cut(args, " ")
			if !strings.HasSuffix(cmd, "FETCH") || !strings.Contains(items, "BODY.PEEK[]") {
				return false
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			for i, m := range f.mails {
				if inSet(set, m.uid, f.mails) && cmd == "UID FETCH" || set == fmt.Sprint(i+1) && cmd == "FETCH" {
					c.raw([]byte(fmt.Sprintf("* %d FETCH (BODY[] {%d}\r\n%s UID %d)\r\n", i+1, len(m.raw), m.raw, m.uid)))
				}
			}
			c.send("%s OK done", tag)
			return true
		})
		w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
		st := w.settle()
		w.store.once(t, f.want())
		if st.Sessions != 1 || st.Err != "" {
			t.Errorf("status %+v", st)
		}
	})
}

func TestExpungedBetweenSizeAndBody(t *testing.T) {
	for _, answer := range []string{"OK", "NO [EXPUNGEISSUED]"} {
		t.Run(answer, func(t *testing.T) {
			onFake(t, func(t *testing.T, f *fakeIMAP) {
				for i := range 5 {
					f.put(text(i, 300))
				}
				f.bodyFault(3, 1, func(c *fakeConn, tag, set string) bool {
					f.with(func() { f.mails = slices.Delete(f.mails, 2, 5) }) // 3, 4 and 5
					f.with(func() { f.uidNext = 6 })
					for uid := range f.want() {
						seq, m := f.mail(uid)
						c.fetched(seq, m, "BODY.PEEK[]")
					}
					c.send("%s %s done", tag, answer)
					return true
				})
				w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
				st := w.settle()
				w.store.once(t, f.want())
				if st.Vanished != 3 || st.Err != "" || st.Sessions != 1 {
					t.Errorf("status %+v", st)
				}
				if c := w.store.at(); c.UID != 5 {
					t.Errorf("cursor %+v, want UID 5: what is gone is passed", c)
				}
			})
		})
	}
}
