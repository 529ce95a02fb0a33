package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge/realtest"
)

// backup copies the database, which no daemon has open.
func (w *world) backup(t testing.TB) string {
	t.Helper()
	if !strings.HasPrefix(w.store, "sqlite:") {
		return realtest.Postgres(t).CopyDatabase(t, w.store)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	copyFile(t, filepath.Join(w.dir, "state", "ticketbridge.db"), backup)
	return backup
}

// restore puts the backup in the database's place; "" loses it.
func (w *world) restore(t testing.TB, backup string) {
	t.Helper()
	switch {
	case !strings.HasPrefix(w.store, "sqlite:") && backup == "":
		w.store = realtest.Postgres(t).NewDatabase(t)
	case !strings.HasPrefix(w.store, "sqlite:"):
		w.store = backup
	default:
		files, err := filepath.Glob(filepath.Join(w.dir, "state", "ticketbridge.db*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		if backup != "" {
			copyFile(t, backup, filepath.Join(w.dir, "state", "ticketbridge.db"))
		}
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func asks(conversation, minute int, id string, said ...string) []byte {
	return chat{conversation: conversation, name: "Ada", email: "ada@example.org", id: id, minute: minute, said: said}.mail()
}

// TestR10 runs the bridge, restores its database from a backup, or loses it, and
// runs it again: no ticket is raised twice. The keyword tells, or support's
// mailbox, or else a person has to.
func TestR10(t *testing.T) {
	for _, tt := range []struct {
		name string
		lost bool
		// what the config says
		mailbox, probe string
		// deliveries once all is at rest, and messages at support
		want    map[string]int
		arrived int
	}{
		// Sent before: chats 1 to 4 and a follow-up. Then come a new chat and a
		// follow-up to chat 3.
		{"restored", false, "", "", map[string]int{"sent": 3, "doubt": 3, "ready": 1}, 6},
		{"restored, keyword", false, `on_done = "keyword:$Ticket"`, "", map[string]int{"sent": 7}, 7},
		{"restored, probe", false, "", "after = [\"1s\"]\ncomplete = true\n", map[string]int{"sent": 7}, 7},
		{"lost", true, "", "", map[string]int{"doubt": 5, "sent": 1, "ready": 1}, 6},
		{"lost, keyword", true, `on_done = "keyword:$Ticket"`, "", map[string]int{"sent": 7}, 7},
		{"lost, probe", true, "", "after = [\"1s\"]\ncomplete = true\n", map[string]int{"sent": 7}, 7},
	} {
		for _, database := range databases {
			t.Run(tt.name+"/"+database, func(t *testing.T) {
				w := newWorld(t, database)
				w.extra["lmtp"], w.extra["mailbox"] = "yes", tt.mailbox
				if tt.probe != "" {
					w.extra["probe"] = w.supportLogin() + tt.probe
				}
				daemon := w.start(t, "")
				w.ann.Deliver(t, asks(1, 10, "a", "one"), asks(2, 10, "b", "two"))
				w.support.Wait(t, "INBOX", 2)
				daemon.stop(t)
				backup := w.backup(t)

				daemon = w.start(t, "")
				w.ann.Deliver(t, asks(3, 10, "c", "three"), asks(4, 10, "d", "four"), asks(1, 20, "e", "later"))
				w.support.Wait(t, "INBOX", 5)
				eventually(t, "all recorded as sent", func() bool { return w.states(t, "deliveries")["sent"] == 5 })
				eventually(t, "all marked", func() bool {
					return tt.mailbox == "" || !slices.ContainsFunc(w.ann.Mails(t, "INBOX"), func(m realtest.Mail) bool { return !slices.Contains(m.Flags, "$Ticket") })
				})
				daemon.stop(t)
				if tt.lost {
					backup = ""
				}
				w.restore(t, backup)

				daemon = w.start(t, "")
				if daemon.says("the database was restored from a backup, or lost") != 1 {
					t.Error("nothing is said of the restore")
				}
				next := time.Now().Truncate(time.Second).Add(time.Second)
				eventually(t, "a new second (INTERNALDATE knows no parts)", func() bool { return time.Now().After(next) })
				w.ben.Deliver(t, asks(5, 10, "f", "five"))
				w.ann.Deliver(t, asks(3, 30, "g", "and now?"))
				eventually(t, "deliveries at rest", func() bool {
					got := w.states(t, "deliveries")
					for state, n := range tt.want {
						if got[state] != n {
							return false
						}
					}
					return len(got) == len(tt.want)
				})
				daemon.stop(t)
				w.start(t, "").stop(t) // and again: nothing more happens
				checkOnce(t, w, tt.arrived)
				if out := w.admin(t, "verify"); !strings.Contains(out, "mails: ") {
					t.Errorf("verify: %s", out)
				}
			})
		}
	}
}

// checkOnce wants so many messages at support, each once, and a follow-up to
// chat 3, where it came, in the thread that the first run began.
func checkOnce(t *testing.T, w *world, arrived int) {
	t.Helper()
	mails := w.support.Mails(t, "INBOX")
	if len(mails) != arrived {
		t.Errorf("%d messages at support, want %d", len(mails), arrived)
	}
	seen, root := map[string]bool{}, ""
	for _, m := range mails {
		id := m.Header("Message-ID")
		if seen[id] {
			t.Errorf("%s arrived twice", id)
		}
		seen[id] = true
		switch body := readTicket(t, m.Raw).text; {
		case strings.Contains(body, "and now?"):
			if root == "" || !strings.Contains(m.Header("References"), root) {
				t.Errorf("the follow-up refers to %q, want %s", m.Header("References"), root)
			}
		case strings.Contains(body, "three"):
			root = id
		}
	}
}

// TestR10NoFlood: an empty database next to a mailbox with history reads what
// comes from then on (`start = "now"`), and nothing is raised.
func TestR10NoFlood(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newWorld(t, database)
			w.sink = newSink(t)
			w.extra["start"] = "now"
			var old [][]byte
			for i := range 30 {
				old = append(old, asks(i+1, 10, strings.Repeat("x", i+1), "long ago"))
			}
			w.ann.Append(t, "INBOX", old...)
			daemon := w.start(t, "")
			w.ann.Deliver(t, asks(100, 10, "new", "hello"))
			w.sink.await(t, 1)
			daemon.stop(t)
			w.restore(t, "") // and once more, with all that now lies there
			daemon = w.start(t, "")
			w.ann.Deliver(t, asks(101, 10, "newer", "hello again"))
			eventually(t, "the newer one recorded", func() bool { return w.states(t, "mails")["ticket"] == 1 })
			daemon.stop(t)
			if got := w.states(t, "mails"); len(got) != 1 || w.sink.count() > 2 {
				t.Errorf("mails %v, %d messages", got, w.sink.count())
			}
		})
	}
}
