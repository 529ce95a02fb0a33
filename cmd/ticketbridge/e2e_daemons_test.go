package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// twin is a second daemon of w: the same database, mailboxes and key, a state
// directory of its own.
func (w *world) twin(t testing.TB) *world {
	t.Helper()
	twin := *w
	twin.dir = t.TempDir()
	state := filepath.Join(twin.dir, "state")
	key, err := os.ReadFile(filepath.Join(w.dir, "state", "key"))
	if err == nil {
		err = os.Mkdir(state, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(state, "key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &twin
}

// query runs one statement on w's PostgreSQL database.
func (w *world) query(t testing.TB, statement string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), w.store)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

func (p *daemonProcess) says(text string) int { return strings.Count(p.logged(), text) }

// TestR9TwoDaemons: two daemons share a database. One watches, the other stands
// by. The one at work is stopped (SIGSTOP) past its lease and continued, killed,
// its database connections are cut: the other goes on, and each chat arrives
// once. SIGTERM hands over at once. In its short form with 2,000 chats.
func TestR9TwoDaemons(t *testing.T) {
	chats := 2000
	if testing.Short() {
		chats = 200
	}
	w := newWorld(t, "postgres")
	w.sink = newSink(t)
	w.extra["store"] = `lease = "2s"`
	w.extra["mailbox"] = "batch = 20"
	first := w.start(t, "")
	other := w.twin(t)
	second := other.launch(t, "")
	eventually(t, "the second stands by", func() bool { return second.says("standing by") == 2 })

	sent := 0
	deliver := func(n int) {
		t.Helper()
		var anns, bens [][]byte
		for range n {
			c := chat{conversation: sent, name: "Ada", email: fmt.Sprintf("ada%d@example.org", sent), id: fmt.Sprint("a", sent), said: []string{fmt.Sprint("Question ", sent)}}
			anns = append(anns, c.mail())
			c.id = fmt.Sprint("b", sent)
			bens = append(bens, c.mail()) // the copy in a second mailbox
			sent++
		}
		w.ann.Append(t, "INBOX", anns...)
		w.ben.Append(t, "INBOX", bens...)
	}
	round := chats / 5
	// It may have tried before the locks of a stopped daemon were free.
	taken := func(p *daemonProcess) int { return p.says("msg=watching ") + p.says(`msg="watching again"`) }

	// Stopped in the midst of it, past its lease: the other takes over. Going
	// on, the first records nothing and stands by.
	deliver(round)
	w.sink.await(t, sent/10)
	before := taken(second)
	first.cmd.Process.Signal(syscall.SIGSTOP)
	// Stopped within a statement it keeps its locks for as long as it stands still:
	// PostgreSQL 15 has time-outs only between statements. An admin ends it then.
	patience := time.Now().Add(35 * time.Second)
	eventually(t, "the second has taken over", func() bool {
		if time.Now().After(patience) {
			w.query(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
				AND xact_start < now() - interval '20 s'`)
		}
		return taken(second) >= before+2
	})
	deliver(round)
	first.cmd.Process.Signal(syscall.SIGCONT)
	eventually(t, "the first has given up", func() bool { return first.says("mailbox given up") == 2 && first.says("standing by") == 2 })

	// Its connections cut: it goes on by itself.
	w.sink.await(t, sent/2)
	w.query(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	deliver(round)

	// Killed: the other takes over after the lease.
	w.sink.await(t, sent/2)
	before = taken(first)
	second.kill()
	deliver(round)
	eventually(t, "the first has taken over", func() bool { return taken(first) >= before+2 })
	second = other.launch(t, "")

	// Told to stop: at once.
	eventually(t, "the second stands by again", func() bool { return second.says("standing by") >= 2 })
	first.stop(t)
	deliver(chats - sent)
	w.settled(t, sent)
	second.stop(t)

	if got := w.states(t, "mails"); got["ticket"] != chats || got["ignored"] != chats || len(got) != 2 {
		t.Errorf("mails %v, want %d tickets and as many copies", got, chats)
	}
	// A message that was under way when its daemon was killed or stopped is in
	// doubt; it may have arrived. None arrives twice, and all others have.
	deliveries := w.states(t, "deliveries")
	once := map[string]int{}
	for _, m := range w.sink.messages() {
		id, _, _ := strings.Cut(m[strings.Index(m, "Message-ID: ")+12:], "\r\n")
		once[id]++
	}
	for id, n := range once {
		if n > 1 {
			t.Errorf("%s arrived %d times", id, n)
		}
	}
	if deliveries["sent"]+deliveries["doubt"] != chats || len(once) < deliveries["sent"] {
		t.Errorf("deliveries %v, %d arrived; want %d sent, or in doubt", deliveries, len(once), chats)
	}
	t.Logf("%d chats in two mailboxes: deliveries %v, %d messages arrived, none twice", chats, deliveries, len(once))
}

// settled waits until every chat has its delivery and none is on its way.
func (w *world) settled(t testing.TB, chats int) {
	t.Helper()
	patiently(t, fmt.Sprintf("%d deliveries at rest", chats), func() bool {
		n := 0
		for _, state := range []string{"sent", "doubt", "confirmed", "held", "dead"} {
			n += w.states(t, "deliveries")[state]
		}
		return n == chats && w.states(t, "mails")["ticket"] == chats && w.states(t, "mails")["ignored"] == chats
	})
}

// patiently is eventually for campaigns.
func patiently(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 3 min: %s", what)
		}
	}
}

func (s *sink) await(t testing.TB, n int) {
	t.Helper()
	patiently(t, fmt.Sprintf("%d messages at the helpdesk", n), func() bool { return s.count() >= n })
}
