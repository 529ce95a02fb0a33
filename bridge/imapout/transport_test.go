package imapout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// in runs a test on the fake clock, with a Mailbox on a server.
func in(t *testing.T, test func(t *testing.T, s *server, m *Mailbox)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		m := s.mailbox()
		test(t, s, m)
		m.Close()
		synctest.Wait()
	})
}

func TestAppend(t *testing.T) {
	for caps, receipt := range map[string]string{
		"IMAP4rev1 AUTH=PLAIN UIDPLUS LITERAL+": "INBOX, UID 1 (UIDVALIDITY 7)",
		"IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS":  "INBOX, UID 1 (UIDVALIDITY 7)",
		"IMAP4rev1 AUTH=PLAIN SASL-IR":          "OK INBOX, UID 1",
	} {
		in(t, func(t *testing.T, s *server, m *Mailbox) {
			s.caps = caps
			if !strings.Contains(caps, "SASL-IR") {
				s.caps = strings.Replace(caps, "AUTH=PLAIN ", "", 1)
			}
			d := message(1)
			outcome(t, m.Send(t.Context(), d), bridge.Accepted, receipt)
			if got := s.folders["INBOX"]; len(got) != 1 || got[0] != string(d.Data) {
				t.Errorf("stored %q", got)
			}
		})
	}
}

// TestLooksFirst: whatever the attempt, what is there is not appended again; a
// database that was lost makes every attempt the first (R10).
func TestLooksFirst(t *testing.T) {
	for _, folder := range []string{"INBOX", "Processed"} {
		for attempt := range 3 {
			in(t, func(t *testing.T, s *server, m *Mailbox) {
				d := message(attempt + 1)
				s.folders[folder] = []string{string(d.Data)}
				outcome(t, m.Send(t.Context(), d), bridge.Accepted, "already there: "+folder+", UID 1")
				if s.count(d.MessageID) != 1 {
					t.Error("appended again")
				}
			})
		}
	}
}

// TestOthersAreNotOurs: SEARCH finds parts of a header, without regard to case.
func TestOthersAreNotOurs(t *testing.T) {
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		d := message(2)
		for _, id := range []string{"x" + d.MessageID, d.MessageID + ".org", strings.ToUpper(d.MessageID), "other@example.com> <" + d.MessageID} {
			s.folders["INBOX"] = append(s.folders["INBOX"], "Message-ID: <"+id+">\r\nReferences: <"+d.MessageID+">\r\n\r\n<"+d.MessageID+">")
		}
		outcome(t, m.Send(t.Context(), d), bridge.Accepted, "UID 5")
		seen, err := m.Probe(t.Context(), d.MessageID)
		if err != nil || !seen.Found || !strings.HasPrefix(seen.Where, "INBOX, UID 5 of support@example.com on 127.0.0.1:1143") {
			t.Errorf("%+v, %v", seen, err)
		}
	})
}

// TestSlowIndex: after a doubt the latest mails are read without the index.
func TestSlowIndex(t *testing.T) {
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		s.blind = true
		for i := range 250 {
			s.folders["INBOX"] = append(s.folders["INBOX"], fmt.Sprintf("Message-ID: <%d@example.org>\r\n\r\nx", i))
		}
		d := message(2)
		s.folders["INBOX"] = append(s.folders["INBOX"], strings.Replace(string(d.Data), "Message-ID: ", "MESSAGE-id:\r\n ", 1), "Subject: a later one\r\n\r\nx")
		outcome(t, m.Send(t.Context(), d), bridge.Accepted, "already there: INBOX, UID 251")
		if seen, err := m.Probe(t.Context(), d.MessageID); err != nil || !seen.Found {
			t.Errorf("%+v, %v", seen, err)
		}
		seen, err := m.Probe(t.Context(), "never@example.com")
		if err != nil || seen.Found || !strings.HasPrefix(seen.Where, "INBOX, Processed of ") {
			t.Errorf("%+v, %v", seen, err)
		}
	})
}

// TestCutAnywhere: the connection ends after any byte of ours, and a server may
// have stored what it got whole. Then a message that is there was accepted or is
// in doubt, and once the connection is back it is there once.
func TestCutAnywhere(t *testing.T) {
	for _, caps := range []string{"IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS LITERAL+", "IMAP4rev1 AUTH=PLAIN SASL-IR"} {
		outcomes := map[bridge.Outcome]int{}
		for n, done := 1, false; !done; n++ {
			in(t, func(t *testing.T, s *server, m *Mailbox) {
				s.caps, s.budget = caps, n
				d := message(1)
				r := m.Send(t.Context(), d)
				outcomes[r.Outcome]++
				there := s.count(d.MessageID)
				switch {
				case there > 1, r.Outcome == bridge.Accepted && there != 1, r.Outcome == bridge.Permanent:
					t.Errorf("cut after %d bytes: there %d times, %s", n, there, r)
				case there == 1 && r.Outcome == bridge.Temporary:
					t.Errorf("cut after %d bytes: it is there, and the result is %s", n, r)
				}
				done = r.Outcome == bridge.Accepted
				s.mu.Lock()
				s.budget = 0
				s.mu.Unlock()
				d = message(2)
				outcome(t, m.Send(t.Context(), d), bridge.Accepted)
				if s.count(d.MessageID) != 1 {
					t.Errorf("cut after %d bytes: there %d times in the end", n, s.count(d.MessageID))
				}
			})
		}
		if outcomes[bridge.Temporary] < 100 || outcomes[bridge.InDoubt] < 1 {
			t.Errorf("outcomes %v", outcomes)
		}
	}
}

// TestFaults: each fault at each command. However the attempts go, the message
// is there once when the server is well again.
func TestFaults(t *testing.T) {
	faults := map[string]func(c *client, tag string){
		"closes":  func(c *client, tag string) { c.conn.Close() },
		"BYE":     func(c *client, tag string) { c.say("* BYE going down"); c.conn.Close() },
		"NO":      func(c *client, tag string) { c.say("%s NO not now", tag) },
		"BAD":     func(c *client, tag string) { c.say("%s BAD what", tag) },
		"garbage": func(c *client, tag string) { c.say("\x00\xff{99999999999999}") },
		"silence": func(c *client, tag string) {},
		"cut tag": func(c *client, tag string) { fmt.Fprintf(c.conn, "%s O", tag); c.conn.Close() },
	}
	for _, command := range []string{"AUTHENTICATE", "NOOP", "EXAMINE", "UID SEARCH", "UID FETCH", "APPEND"} {
		for name, fault := range faults {
			for _, obeyed := range []bool{false, true} {
				in(t, func(t *testing.T, s *server, m *Mailbox) {
					var well atomic.Bool
					s.folders["INBOX"] = []string{"Message-ID: <x" + message(1).MessageID + ">\r\n\r\n"}
					s.hook = func(c *client, tag, cmd string) bool {
						if well.Load() || !strings.HasPrefix(cmd, command) {
							return false
						}
						if obeyed {
							if answer, ok := c.obey(cmd); !ok || strings.HasPrefix(answer, "BAD") {
								return true
							}
						}
						fault(c, tag)
						return true
					}
					at := fmt.Sprintf("%s at %s, obeyed %v", name, command, obeyed)
					r := m.Send(t.Context(), message(1))
					definite := name == "NO" || name == "BAD"
					if n := s.count(message(1).MessageID); n == 1 && r.Outcome == bridge.Temporary && !definite {
						t.Errorf("%s: it is there, and the result is %s", at, r)
					}
					if r.Outcome == bridge.Accepted || r.Outcome == bridge.Permanent {
						t.Errorf("%s: %s", at, r)
					}
					if r.Outcome == bridge.InDoubt && command != "APPEND" {
						t.Errorf("%s: %s before anything was sent", at, r)
					}
					if _, err := m.Probe(t.Context(), "never@example.com"); err == nil && !slices.Contains([]string{"APPEND", "UID FETCH"}, command) {
						t.Errorf("%s: an answer of nobody", at)
					}
					well.Store(true)
					outcome(t, m.Send(t.Context(), message(2)), bridge.Accepted)
					if n := s.count(message(1).MessageID); n != 1 {
						t.Errorf("%s: there %d times in the end", at, n)
					}
				})
			}
		}
	}
}

// TestRefusals: what a server's NO means for the message and for the others, and
// what to do about it.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		answer  string
		outcome bridge.Outcome
		broken  bool
		words   string
	}{
		{"NO [TRYCREATE] no such mailbox", bridge.Temporary, true, "make it, or correct transport.folder"},
		{"NO [OVERQUOTA] Quota exceeded", bridge.Temporary, true, "the support mailbox is full"},
		{"NO [NOPERM] read-only", bridge.Temporary, true, "may not write there"},
		{"NO [UNAVAILABLE] backend", bridge.Temporary, true, "may pass"},
		{"NO [TOOBIG] 25 MB at most", bridge.Permanent, false, "25 MB at most"},
		{"NO no reason", bridge.Temporary, false, "NO no reason"},
		{"BAD invalid message", bridge.Temporary, false, "BAD invalid message"},
	} {
		in(t, func(t *testing.T, s *server, m *Mailbox) {
			s.hook = func(c *client, tag, cmd string) bool {
				if !strings.HasPrefix(cmd, "APPEND") {
					return false
				}
				c.obey(strings.Replace(cmd, "INBOX", "nowhere", 1))
				c.say("%s %s", tag, tt.answer)
				return true
			}
			r := m.Send(t.Context(), message(1))
			outcome(t, r, tt.outcome, tt.words)
			if r.Broken != tt.broken {
				t.Errorf("%s: broken %v", r, r.Broken)
			}
		})
	}
	in(t, func(t *testing.T, s *server, m *Mailbox) { // a folder to look in is missing: nothing is appended blindly
		delete(s.folders, "Processed")
		r := m.Send(t.Context(), message(1))
		outcome(t, r, bridge.Temporary, "open Processed", "NONEXISTENT")
		if !r.Broken || s.count(message(1).MessageID) != 0 {
			t.Errorf("%s, broken %v", r, r.Broken)
		}
	})
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		s.hook = func(c *client, tag, cmd string) bool {
			if strings.HasPrefix(cmd, "AUTHENTICATE") {
				c.say("%s NO wrong", tag)
			}
			return strings.HasPrefix(cmd, "AUTHENTICATE")
		}
		r := m.Send(t.Context(), message(1))
		if outcome(t, r, bridge.Temporary, "log in as support@example.com"); r.Stage != "auth" || !r.Broken {
			t.Errorf("%s, broken %v", r, r.Broken)
		}
	})
}

// TestThrottling: a pause that the server asks for is kept (R17).
func TestThrottling(t *testing.T) {
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		var well atomic.Bool
		s.hook = func(c *client, tag, cmd string) bool {
			if !well.Load() && strings.HasPrefix(cmd, "EXAMINE") {
				c.say("%s NO Request is throttled. Suggested Backoff Time: 89117 milliseconds", tag)
				return true
			}
			return false
		}
		if r := m.Send(t.Context(), message(1)); !r.Broken {
			t.Errorf("%s", r)
		}
		well.Store(true)
		dials, heard := s.visits()
		time.Sleep(80 * time.Second)
		outcome(t, m.Send(t.Context(), message(2)), bridge.Temporary, "asked for a pause")
		if _, err := m.Probe(t.Context(), "x@example.com"); err == nil {
			t.Error("looked")
		}
		if d, h := s.visits(); d != dials || len(h) != len(heard) {
			t.Error("the server was visited all the same")
		}
		time.Sleep(10 * time.Second)
		outcome(t, m.Send(t.Context(), message(3)), bridge.Accepted)
	})
}

// TestStop: an attempt is cut until the message goes out, and let finish then.
func TestStop(t *testing.T) {
	for _, command := range []string{"AUTHENTICATE", "EXAMINE", "UID SEARCH", "APPEND"} {
		in(t, func(t *testing.T, s *server, m *Mailbox) {
			ctx, cancel := context.WithCancel(t.Context())
			s.hook = func(c *client, tag, cmd string) bool {
				if !strings.HasPrefix(cmd, command) {
					return false
				}
				cancel()
				time.Sleep(20 * time.Second)
				c.do(tag, cmd)
				return true
			}
			began := time.Now()
			r := m.Send(ctx, message(1))
			took := time.Since(began)
			if command == "APPEND" {
				outcome(t, r, bridge.Accepted)
			} else if outcome(t, r, bridge.Temporary); took > 10*time.Second {
				t.Errorf("%s: cut after %v", command, took)
			}
			time.Sleep(time.Minute)
		})
	}
}

// TestNotLate: a message is not begun to be stored after its time, by either
// clock; a server that takes it slowly leaves nothing behind.
func TestNotLate(t *testing.T) {
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		m.cfg.Timeout = time.Hour
		s.caps = "IMAP4rev1 AUTH=PLAIN SASL-IR"
		s.hook = func(c *client, tag, cmd string) bool {
			if strings.HasPrefix(cmd, "APPEND") {
				time.Sleep(attemptLimit) // before its "go on"
			}
			return false
		}
		began := time.Now()
		outcome(t, m.Send(t.Context(), message(1)), bridge.Temporary)
		if took := time.Since(began); took > attemptLimit+time.Minute {
			t.Errorf("took %v", took)
		}
		time.Sleep(time.Minute)
		if s.count(message(1).MessageID) != 0 {
			t.Error("stored")
		}
	})
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		m.cfg.Timeout = time.Hour
		s.hook = func(c *client, tag, cmd string) bool {
			if strings.HasPrefix(cmd, "APPEND") {
				c.obey(cmd)
				time.Sleep(time.Hour) // no answer
				return true
			}
			return false
		}
		began := time.Now()
		outcome(t, m.Send(t.Context(), message(1)), bridge.InDoubt)
		if took := time.Since(began); took > bridge.Orphaned-bridge.Fresh {
			t.Errorf("took %v; another daemon would have given it up", took)
		}
		time.Sleep(time.Hour)
	})
}

// TestPool: a connection serves many, and ends when there is no work.
func TestPool(t *testing.T) {
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		for i := range 5 {
			d := message(1)
			d.MessageID = fmt.Sprint(i, "@example.com")
			d.Data = []byte("Message-ID: <" + d.MessageID + ">\r\n\r\n")
			outcome(t, m.Send(t.Context(), d), bridge.Accepted)
		}
		if dials, _ := s.visits(); dials != 1 {
			t.Errorf("%d connections", dials)
		}
		time.Sleep(2 * time.Minute)
		if _, heard := s.visits(); heard[len(heard)-1] != "LOGOUT" {
			t.Errorf("the last word is %q", heard[len(heard)-1])
		}
		outcome(t, m.Send(t.Context(), message(1)), bridge.Accepted)
	})
}

func TestCheck(t *testing.T) {
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		if w, err := m.Check(t.Context()); err != nil || len(w) != 0 {
			t.Errorf("%v, %v", w, err)
		}
	})
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		s.caps = "IMAP4rev1"
		if w, err := m.Check(t.Context()); err != nil || len(w) != 1 || !strings.Contains(w[0], "UIDPLUS") {
			t.Errorf("%v, %v", w, err)
		}
	})
	in(t, func(t *testing.T, s *server, m *Mailbox) {
		delete(s.folders, "Processed")
		if _, err := m.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "Processed") {
			t.Errorf("%v", err)
		}
	})
}
