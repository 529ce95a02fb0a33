// Package imapin watches mailboxes over IMAP and hands their mails over, oldest
// first, each at least once; the store recognises what it has already.
//
// # The way of a session
//
//	link.go     connect, TLS, log in: one link per folder
//	session.go  open the folder, compare it with the cursor (first start,
//	            UIDVALIDITY changed, UIDs used again); look, read, wait
//	batch.go    sizes, then bodies, a batch at a time; one by one what is suspect
//	fetch.go    one question to the server, and insisting on the answer
//	mark.go     on_done: keyword or move, once all a mail says is sent
//	mailbox.go  all folders of a mailbox, while this daemon holds its lease
//	conn.go     deadlines and limits below go-imap, which has none
//
// # What is promised
//
// A mail is passed by only if it is recorded, gone, or older than watching
// began. Nothing in the mailbox is changed but what on_done
// says: folders are opened with EXAMINE otherwise, bodies read with BODY.PEEK.
//
// A mail that breaks the connection or the program is found by fetching the
// batch it was in one by one, with the attempts counted before each; after
// max_fetch_attempts it is handed over without its body, and after as many more
// without anything, so that the others go on.
package imapin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// Handler records a batch durably, its cursor with it, and returns what became
// of each mail. On error nothing was recorded: the same batch comes again.
type Handler func(ctx context.Context, b bridge.Batch) ([]bridge.MailRecord, error)

// Watcher watches one folder of a mailbox.
type Watcher struct {
	cfg    Config
	folder string
	store  bridge.Cursors
	handle Handler
	log    *slog.Logger
	door   *door
	dial   imaplink.Dialer
	pause  func(failures int) time.Duration
	board  board
	sent   chan struct{} // a delivery was sent

	// What a session leaves to the next; Run's goroutine owns it.
	watched bool   // it has been well before
	begun   bool   // the pending batch of the last run was looked up
	suspect uint32 // mails up to here are fetched one by one
	blamed  string // what went wrong with the last of them
	excused uint32 // the mail whose last attempt failed by the server's own fault,
	counted int    // and its count
	initial bool   // RescanTo bounds a first reading, no rescan
	noted   uint32 // store.BeginBatch
}

// New returns a watcher of one folder. Several of one mailbox should come from
// NewAll, which makes them log in one after the other.
func New(cfg Config, folder string, store bridge.Cursors, handle Handler, log *slog.Logger) *Watcher {
	w := &Watcher{
		cfg: cfg, folder: folder, store: store, handle: handle,
		log:  log.With("mailbox", cfg.Name, "folder", folder),
		door: newDoor(), dial: imaplink.Dial, pause: backoff, sent: make(chan struct{}, 1),
	}
	w.board.s = Status{Mailbox: cfg.Name, Folder: folder, Since: time.Now()}
	return w
}

// NewAll returns a watcher for each folder of cfg.
func NewAll(cfg Config, store bridge.Cursors, handle Handler, log *slog.Logger) []*Watcher {
	var ws []*Watcher
	for _, folder := range cfg.Folders {
		w := New(cfg, folder, store, handle, log)
		if len(ws) > 0 {
			w.door = ws[0].door
		}
		ws = append(ws, w)
	}
	return ws
}

// Status tells how the watching goes.
func (w *Watcher) Status() Status { return w.board.read() }

// begin forgets what another daemon may have changed since.
func (w *Watcher) begin() {
	w.watched, w.begun, w.suspect, w.blamed, w.excused, w.counted, w.initial, w.noted = false, false, 0, "", 0, 0, false, 0
	w.board.set(func(s *Status) {
		if s.Standby != "" {
			s.HeldBy, s.Standby, s.Since = "", "", time.Now()
		}
	})
}

// Run watches until ctx ends, and then returns nil; whatever else happens, it
// tries again. It returns an error only for a config that cannot work, and
// ErrLost when the store takes nothing more under the lease ctx is bound to.
func (w *Watcher) Run(ctx context.Context) error {
	if err := errors.Join(w.cfg.Problems()...); err != nil {
		return fmt.Errorf("mailbox %s: %w", w.cfg.Name, err)
	}
	defer w.finish(ctx)
	for failures := 0; ; {
		ready, err := w.session(ctx)
		w.board.set(func(s *Status) {
			if s.Connected {
				s.Connected, s.Since = false, time.Now()
			}
		})
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, bridge.ErrLost) {
			return err
		}
		if !ready.IsZero() && time.Since(ready) > soundAfter {
			failures = 0
		}
		failures++
		w.door.blame(err)
		wait := max(w.pause(failures), w.door.shutFor())
		w.report("watching interrupted", err, wait)
		if sleep(ctx, wait) != nil {
			return nil
		}
	}
}

// report logs a fault once and shows it until it is over.
func (w *Watcher) report(what string, err error, wait time.Duration) {
	log := w.log.Debug
	if w.board.fault(err, time.Now().Add(wait)) {
		log = w.log.Warn
	}
	log(what, "err", err, "retry", wait.Round(time.Millisecond).String())
}

// well notes that all goes well: aloud the first time, and after trouble.
func (w *Watcher) well() {
	switch n := w.board.well(); {
	case n > 0:
		w.log.Info("watching again", "failures", n)
	case !w.watched:
		w.log.Info("watching")
	}
	w.watched = true
}

// reopenAfter is how long a folder stays open without being opened again.
const reopenAfter = time.Hour

// session is one connection, from the cursor to its end. ready is when the
// folder was open, zero if it never was.
func (w *Watcher) session(ctx context.Context) (ready time.Time, err error) {
	cur, known, err := w.cursor(ctx)
	if err != nil {
		return ready, err
	}
	l, err := w.connect(ctx)
	if err != nil {
		return ready, err
	}
	defer l.Close()
	defer func() {
		if l.Slow != nil { // whatever else ended the session
			w.door.blame(l.Slow)
		}
	}()
	s := &session{link: l, w: w}
	if err := s.open(ctx, cur, known); err != nil {
		return ready, err
	}
	ready = time.Now()
	w.board.set(func(st *Status) {
		st.Connected, st.Since, st.Idle, st.Cursor = true, ready, s.canIdle(), s.cur
		st.Sessions++
	})
	for by := "start"; ; {
		if time.Since(s.opened) > reopenAfter {
			// A view that the server forgot to keep up to date looks like a
			// quiet mailbox, and is one for ever.
			if err := s.open(ctx, s.saved, true); err != nil {
				return ready, err
			}
		}
		w.board.set(func(st *Status) { st.Woken, st.WokenBy = time.Now(), by })
		if err := s.markDone(ctx); err != nil {
			return ready, err
		}
		if err := s.catchUp(ctx); err != nil {
			return ready, err
		}
		if s.Slow != nil {
			return ready, s.Slow
		}
		w.well()
		if by, err = s.wait(ctx); err != nil {
			return ready, err
		}
	}
}

// connect passes the mailbox's door and logs in.
func (w *Watcher) connect(ctx context.Context) (*link, error) {
	waiting := func(why string, until time.Time) {
		w.board.set(func(s *Status) {
			s.RetryAt = until
			if s.Err == "" {
				s.Err, s.ErrAt = why, time.Now()
			}
		})
	}
	if err := w.door.enter(ctx, waiting); err != nil {
		return nil, err
	}
	defer w.door.leave()
	w.board.set(func(s *Status) { s.RetryAt = time.Time{} })
	l, err := connect(ctx, w.cfg, w.dial)
	w.door.blame(err)
	if err != nil {
		return nil, err
	}
	l.OnAlert = func(text string) { w.log.Warn("server alert", "text", text) }
	return l, nil
}

// cursor reads where the folder stands, and once what the last run was at when
// it ended.
func (w *Watcher) cursor(ctx context.Context) (cur bridge.Cursor, known bool, err error) {
	err = w.persist(ctx, "read cursor", func() error {
		cur, err = w.store.Cursor(ctx, w.cfg.Name, w.folder)
		known = err == nil
		if errors.Is(err, bridge.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil || w.begun {
		return cur, known, err
	}
	err = w.persist(ctx, "read pending batch", func() error {
		w.suspect, err = w.store.PendingBatch(ctx, w.cfg.Name, w.folder)
		return err
	})
	w.begun = err == nil
	if w.suspect > cur.UID {
		w.blamed = "the program ended while it was at work on it"
		w.log.Warn("last run ended within a batch", "from", cur.UID+1, "to", w.suspect)
	}
	return cur, known, err
}

// errStumbled is a panic of the handler: our bug, met with some mail.
var errStumbled = errors.New("the program stumbled")

// persist repeats f until the store has taken it or ctx ends: a database that
// is down is no reason to hang up, let alone to blame a mail.
func (w *Watcher) persist(ctx context.Context, what string, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		if err == nil && n > 1 {
			w.well()
		}
		if err == nil || errors.Is(err, errStumbled) || errors.Is(err, bridge.ErrLost) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := w.pause(n)
		w.report("recording interrupted", fmt.Errorf("%s: %w", what, err), wait)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// handing is a batch at the handler.
type handing struct {
	batch   bridge.Batch
	ended   chan struct{}
	records []bridge.MailRecord
	err     error
}

// hand gives a batch to the handler, so that the next can be fetched meanwhile.
func (w *Watcher) hand(ctx context.Context, b bridge.Batch) *handing {
	h := &handing{batch: b, ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		what := fmt.Sprintf("record %d mails up to %d", len(b.Mails), b.Cursor.UID)
		h.err = w.persist(ctx, what, func() (err error) {
			h.records, err = w.call(ctx, b)
			return err
		})
	}()
	return h
}

// call is the one place where a panic in what becomes of mails is caught.
func (w *Watcher) call(ctx context.Context, b bridge.Batch) (records []bridge.MailRecord, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("handler panicked", "to", b.Cursor.UID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %s", errStumbled, imaplink.Printable(fmt.Sprint(p), 200))
		}
	}()
	return w.handle(ctx, b)
}

// finish tells the store that this end is no crash, so that the next run need
// not suspect the batch under way.
func (w *Watcher) finish(ctx context.Context) {
	at := w.board.read().Cursor.UID
	if w.noted <= at || w.suspect > at {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), imaplink.StopGrace)
	defer cancel()
	if err := w.store.BeginBatch(ctx, w.cfg.Name, w.folder, 0); err != nil && !errors.Is(err, bridge.ErrLost) {
		w.log.Warn("batch not taken back", "err", err)
	}
}
