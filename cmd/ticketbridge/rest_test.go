package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/killpoint"
)

// A daemon that can tell when it is at rest: everything is read, recorded, marked
// and sent, and nothing will happen before something new does. It is the daemon
// of `serve`, wired by newDaemon, with a store around the real one that only
// listens. So asking whether it rests touches neither database nor network, and a
// test need not wait for longer than the daemon works.

// top is the newest mail of an INBOX: how far it has to be read.
type top struct{ Validity, UID uint32 }

// restful is such a daemon.
type restful struct {
	*daemon
	heard *listeningStore
}

func newRestful(ctx context.Context, a *app, file string) (*restful, error) {
	cfg, err := a.loadConfig(file, true)
	if err != nil {
		return nil, err
	}
	r := &restful{}
	b := *a
	b.open = func(ctx context.Context, c *config, existing bool) (bridge.Store, error) {
		s, err := a.open(ctx, c, existing)
		r.heard = &listeningStore{Store: s, nothing: -1, asked: map[string]int{}, marked: map[string]int{}}
		for _, m := range c.Mailboxes {
			r.heard.marks = r.heard.marks || m.OnDone != ""
		}
		return r.heard, err
	}
	r.daemon, err = b.newDaemon(ctx, cfg, newLogger(a.stderr, cfg.Log, false), hooks{})
	return r, err
}

// live works until ctx ends, and ends as `serve` does.
func (r *restful) live(ctx context.Context) error {
	defer r.close()
	return within(ctx, stopWithin, r.run)
}

// atRest tells whether it is, with the mailboxes read up to want.
func (r *restful) atRest(want map[string]top) bool {
	for _, s := range r.statuses() {
		to := want[s.Mailbox]
		if !s.Connected || s.Err != "" || s.Cursor.UIDValidity != to.Validity || s.Cursor.UID < to.UID || s.Cursor.RescanTo != 0 {
			return false
		}
		if r.heard.marks && !r.heard.allMarked(s.Mailbox) {
			return false
		}
	}
	return r.heard.allSent()
}

// untilRest waits for it. lull is the pause between two looks.
func (r *restful) untilRest(ctx context.Context, want map[string]top) error {
	const lull = 3 * time.Millisecond
	for tick := time.NewTicker(lull); !r.atRest(want); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not at rest: %w", context.Cause(ctx))
		}
	}
	return nil
}

// listeningStore hears what the daemon does with its store.
type listeningStore struct {
	bridge.Store
	marks bool // on_done is set

	mu      sync.Mutex     // guards what follows
	news    int            // mails recorded and messages sent, of which some may be done
	asked   map[string]int // by mailbox: the news when it was last asked for what is done, from 1
	marked  map[string]int // and when it was last asked for what is marked by now
	flying  int            // deliveries claimed and not settled
	changes int            // of the outbox
	nothing int            // up to this change nothing is due
	doubts  bool           // some may be waiting to be looked into
}

func (s *listeningStore) allMarked(mailbox string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marked[mailbox] > s.news
}

func (s *listeningStore) allSent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flying == 0 && s.nothing == s.changes && !s.doubts
}

func (s *listeningStore) Accept(ctx context.Context, as []bridge.Arrival, c bridge.Cursor, judge bridge.Judge) ([]bridge.MailRecord, error) {
	records, err := s.Store.Accept(ctx, as, c, judge)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.news++
		if r.State == bridge.MailTicket || r.State == bridge.MailUpdate {
			s.changes++
		}
	}
	return records, err
}

func (s *listeningStore) Unmarked(ctx context.Context, mailbox, folder string, validity uint32) ([]uint32, error) {
	s.mu.Lock()
	s.asked[mailbox] = s.news + 1
	s.mu.Unlock()
	uids, err := s.Store.Unmarked(ctx, mailbox, folder, validity)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && len(uids) == 0 {
		s.marked[mailbox] = s.asked[mailbox]
	}
	return uids, err
}

func (s *listeningStore) Marked(ctx context.Context, mailbox, folder string, validity uint32, uids []uint32) error {
	err := s.Store.Marked(ctx, mailbox, folder, validity, uids)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.marked[mailbox] = s.asked[mailbox]
	}
	return err
}

func (s *listeningStore) Turnover(ctx context.Context, worker string, now time.Time, done []bridge.Settlement, n int) ([]bridge.Delivery, error) {
	claimed, err := s.Store.Turnover(ctx, worker, now, done, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	if err != nil {
		return claimed, err
	}
	s.flying += len(claimed)
	for _, st := range done {
		if st.Result.Outcome != "" { // an attempt; else a look-up
			s.flying--
		}
		if st.State == bridge.Sent || st.State == bridge.Confirmed {
			s.news++
		}
		s.doubts = s.doubts || st.State == bridge.Doubt && !st.Next.IsZero()
	}
	return claimed, err
}

func (s *listeningStore) Recover(ctx context.Context, r bridge.Recovery) ([]bridge.Delivery, error) {
	left, err := s.Store.Recover(ctx, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.doubts = s.doubts || r.State == bridge.Doubt && !r.Next.IsZero()
	return left, err
}

func (s *listeningStore) NextProbe(ctx context.Context) (bridge.Delivery, error) {
	d, err := s.Store.NextProbe(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts = s.doubts && !errors.Is(err, bridge.ErrNotFound)
	return d, err
}

func (s *listeningStore) NextDue(ctx context.Context) (time.Time, error) {
	s.mu.Lock()
	changes := s.changes
	s.mu.Unlock()
	due, err := s.Store.NextDue(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && due.IsZero() {
		s.nothing = changes
	}
	return due, err
}

// restWithin is how long a daemon may take to come to rest on a busy machine.
const restWithin = time.Minute

// live runs a daemon within the test until it rests, and stops it.
func (w *world) live(t testing.TB, want map[string]top) {
	t.Helper()
	log := &lockedBuffer{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a := &app{stdin: os.Stdin, stdout: log, stderr: log, getenv: os.Getenv, now: time.Now, open: openStore}
	d, err := newRestful(ctx, a, w.config(t))
	if err != nil {
		t.Fatalf("start: %v\n%s", err, log)
	}
	done := make(chan error, 1)
	go func() { done <- d.live(ctx) }()
	patience, enough := context.WithTimeout(ctx, restWithin)
	defer enough()
	err = d.untilRest(patience, want)
	stop()
	if ended := <-done; err != nil || ended != nil {
		t.Fatalf("%v, ended with %v; the daemon's log:\n%s", err, ended, log)
	}
}

// mortal is a daemon as a process of its own, to be killed at a system call.
type mortal struct {
	*killpoint.Watch
	cmd   *exec.Cmd
	log   *lockedBuffer
	words *bufio.Reader
}

// startMortal starts a daemon that is killed at its at-th visible call; 0: never.
func (w *world) startMortal(t testing.TB, at int) *mortal {
	t.Helper()
	m := &mortal{log: &lockedBuffer{}}
	m.cmd = exec.Command(os.Args[0], w.config(t))
	m.cmd.Stderr = m.log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if m.Watch, err = killpoint.Start(m.cmd, at); err != nil {
		t.Fatalf("%v\n%s", err, m.log)
	}
	m.words = bufio.NewReader(m.Control)
	return m
}

// untilRest waits until the daemon rests; false: it died before.
func (m *mortal) untilRest(want map[string]top) bool {
	question, err := json.Marshal(want)
	if err != nil {
		return false
	}
	if _, err := m.Control.Write(append(question, '\n')); err != nil {
		return false
	}
	m.Control.SetReadDeadline(time.Now().Add(restWithin))
	_, err = m.words.ReadString('\n')
	return err == nil
}

// end asks for an orderly end and waits for one, whichever comes.
func (m *mortal) end() error {
	m.cmd.Process.Signal(syscall.SIGTERM) // it may be dead already
	return m.Wait()
}

// mortalMain is the process: it answers each question of its test once it rests.
func mortalMain() {
	control, err := killpoint.Obey()
	if err == nil {
		err = mortalLife(control)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func mortalLife(control *os.File) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now, open: openStore}
	d, err := newRestful(ctx, a, os.Args[1])
	if err != nil {
		return err
	}
	go func() {
		for questions := bufio.NewScanner(control); questions.Scan(); {
			var want map[string]top
			if json.Unmarshal(questions.Bytes(), &want) == nil && d.untilRest(ctx, want) == nil {
				fmt.Fprintln(control, "rest")
			}
		}
	}()
	return d.live(ctx)
}
