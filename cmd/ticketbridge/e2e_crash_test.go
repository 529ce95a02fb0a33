package main

import (
	"context"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"ticketbridge/bridge"
)

// crashAt names, in the environment of the test binary run as the daemon, the
// point at which it kills itself with SIGKILL.
const crashAt = "TICKETBRIDGE_TEST_CRASH_AT"

// The crash points, by the steps of bridge/doc.go.
const (
	beforeCommit = "6: composed, not committed"
	afterCommit  = "7: committed, not acknowledged"
	afterClaim   = "9: claimed, nothing sent"
	beforeRecord = "11: sent, outcome not recorded"
	afterRecord  = "11: outcome recorded"
	afterMark    = "8: sent and marked in the mailbox, not noted"
)

// crashingMain is main with a store that kills the process at a point.
func crashingMain(point string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now}
	a.open = func(ctx context.Context, c *config, existing bool) (bridge.Store, error) {
		s, err := openStore(ctx, c, existing)
		return crashingStore{s, point}, err
	}
	stopProfile := profile()
	code := a.run(ctx, os.Args[1:])
	stopProfile()
	os.Exit(code)
}

// profile writes a CPU profile of the daemon to TICKETBRIDGE_CPUPROFILE, where set.
func profile() (stop func()) {
	file := os.Getenv("TICKETBRIDGE_CPUPROFILE")
	if file == "" {
		return func() {}
	}
	f, err := os.Create(file)
	if err != nil {
		panic(err)
	}
	pprof.StartCPUProfile(f)
	return func() { pprof.StopCPUProfile(); f.Close() }
}

type crashingStore struct {
	bridge.Store
	point string
}

// here kills the process if this is the point: no deferred call runs, no buffer
// is flushed, no connection is closed in order.
func (s crashingStore) here(point string) {
	if s.point == point {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (s crashingStore) Accept(ctx context.Context, as []bridge.Arrival, c bridge.Cursor, judge bridge.Judge) ([]bridge.MailRecord, error) {
	got, err := s.Store.Accept(ctx, as, c, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		v := judge(a, k)
		s.here(beforeCommit) // inside the transaction
		return v
	})
	if err == nil && len(as) > 0 {
		s.here(afterCommit)
	}
	return got, err
}

func (s crashingStore) Marked(ctx context.Context, mailbox, folder string, validity uint32, uids []uint32) error {
	if len(uids) > 0 {
		s.here(afterMark)
	}
	return s.Store.Marked(ctx, mailbox, folder, validity, uids)
}

func (s crashingStore) Turnover(ctx context.Context, worker string, now time.Time, done []bridge.Settlement, n int) ([]bridge.Delivery, error) {
	if len(done) > 0 {
		s.here(beforeRecord)
	}
	claimed, err := s.Store.Turnover(ctx, worker, now, done, n)
	if err == nil && len(done) > 0 {
		s.here(afterRecord)
	}
	if err == nil && len(claimed) > 0 {
		s.here(afterClaim)
	}
	return claimed, err
}

// TestCrash kills the daemon at each step and starts it again: what the table in
// DESIGN promises comes true, on both databases, against real Dovecot.
func TestCrash(t *testing.T) {
	for _, tt := range []struct {
		point string
		state string // of the one delivery after the restart
		sent  int    // messages the SMTP server took in all
	}{
		{beforeCommit, "sent", 1}, // nothing happened
		{afterCommit, "sent", 1},  // known, sent
		{afterClaim, "doubt", 0},  // nobody can know that nothing was sent
		{"10: dot sent, no reply", "doubt", 1},
		{beforeRecord, "doubt", 1},
		{afterRecord, "sent", 1},
		{afterMark, "sent", 1},
	} {
		for _, database := range databases {
			t.Run(tt.point+"/"+database, func(t *testing.T) {
				w := newWorld(t, database)
				w.sink = newSink(t)
				w.extra["mailbox"] = `on_done = "keyword:$Ticket"`
				var taken chan struct{}
				if strings.HasPrefix(tt.point, "10") {
					taken = make(chan struct{})
					w.sink.hang = taken
				}
				daemon := w.start(t, tt.point)
				w.ann.Deliver(t, chat{conversation: 1, name: "Ada", email: "ada@example.org", id: "a", said: []string{"What about this?"}}.mail())
				if taken != nil {
					<-taken // the message is there, the reply is not
					daemon.kill()
				}
				daemon.died(t)

				daemon = w.start(t, "")
				eventually(t, "delivery "+tt.state, func() bool { return w.states(t, "deliveries")[tt.state] == 1 })
				marked := func() bool { return slices.Contains(w.ann.Mails(t, "INBOX")[0].Flags, "$Ticket") }
				if tt.state == "sent" {
					eventually(t, "the keyword on the mail", marked)
				}
				// The daemon at rest is a daemon that does nothing more, now or after another start.
				daemon.stop(t)
				w.start(t, "").stop(t)
				if tt.state == "doubt" && marked() {
					t.Error("the mailbox says that it was sent, which nobody knows")
				}
				if got := w.sink.count(); got != tt.sent {
					t.Errorf("the SMTP server took %d messages, want %d", got, tt.sent)
				}
				if got := w.states(t, "mails"); got["ticket"] != 1 || len(got) != 1 {
					t.Errorf("mails %v, want one ticket", got)
				}
				if got := w.states(t, "deliveries"); got[tt.state] != 1 || len(got) != 1 {
					t.Errorf("deliveries %v, want one %s", got, tt.state)
				}
			})
		}
	}
}

// TestDoubtIsSettledByAPerson: shown as maybe delivered; retry sends the very
// same bytes.
func TestDoubtIsSettledByAPerson(t *testing.T) {
	w := newWorld(t, "sqlite")
	w.sink = newSink(t)
	daemon := w.start(t, beforeRecord)
	w.ann.Deliver(t, chat{conversation: 1, name: "Ada", email: "ada@example.org", id: "a", said: []string{"What about this?"}}.mail())
	daemon.died(t)
	daemon = w.start(t, "")
	eventually(t, "doubt", func() bool { return w.states(t, "deliveries")["doubt"] == 1 })
	if out := w.admin(t, "outbox"); !strings.Contains(out, "doubt") {
		t.Errorf("outbox does not show it:\n%s", out)
	}
	w.admin(t, "retry", "d1")
	eventually(t, "sent", func() bool { return w.states(t, "deliveries")["sent"] == 1 })
	daemon.stop(t)
	got := w.sink.messages()
	if len(got) != 2 || got[0] != got[1] {
		t.Errorf("%d messages; want the same bytes twice", len(got))
	}
}

// sink is an SMTP server that keeps what it takes.
type sink struct {
	ln   net.Listener
	srv  *smtp.Server
	mu   sync.Mutex
	took []string
	n    int
	// forget: count only.
	forget bool
	// hang, where set, is closed when a message is taken; no reply follows then.
	hang chan struct{}
	// swallow, where set, gets the next message in place of a reply: the
	// connection ends.
	swallow chan string
	// refuse is how many messages get 451.
	refuse int
	// into, where set, is told of each message before it is replied to.
	into     func(raw string)
	sessions sync.WaitGroup
}

func newSink(t testing.TB) *sink {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{ln: ln}
	s.srv = smtp.NewServer(s)
	s.srv.Domain = "sink.test"
	done := make(chan struct{})
	go func() { defer close(done); s.srv.Serve(ln) }()
	t.Cleanup(func() { s.srv.Close(); <-done })
	return s
}

func (s *sink) port() int { return s.ln.Addr().(*net.TCPAddr).Port }

func (s *sink) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.took...)
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// NewSession implements smtp.Backend.
func (s *sink) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.sessions.Add(1)
	return &sinkSession{s, c}, nil
}

// quiet waits until nobody is connected: what a killed client had sent is taken then.
func (s *sink) quiet() { s.sessions.Wait() }

type sinkSession struct {
	*sink
	conn *smtp.Conn
}

func (s *sinkSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *sinkSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *sinkSession) Reset()                               {}
func (s *sinkSession) Logout() error                        { s.sessions.Done(); return nil }

func (s *sinkSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.refuse > 0 {
		s.refuse--
		s.mu.Unlock()
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Come back later"}
	}
	s.n++
	if !s.forget {
		s.took = append(s.took, string(b))
	}
	hang, swallow := s.hang, s.swallow
	s.hang, s.swallow = nil, nil
	s.mu.Unlock()
	if s.into != nil {
		s.into(string(b))
	}
	if swallow != nil {
		swallow <- string(b)
		s.conn.Conn().Close()
	}
	if hang != nil {
		close(hang)
		// The client is killed now; its end of the connection tells.
		s.conn.Conn().Read(make([]byte, 1))
	}
	return nil
}
