package imapin

import (
	"regexp"
	"sync"
	"time"

	"ticketbridge/bridge"
)

// Status is what the health page shows of one folder.
type Status struct {
	Mailbox, Folder string

	// Standby says which other daemon watches the mailbox, and until when at
	// least; "" where this one does. HeldBy is that daemon.
	Standby, HeldBy string

	Connected bool
	Since     time.Time // of the connection, or of the lack of one
	Idle      bool      // the server tells of new mails; else they are polled for
	Woken     time.Time // when the folder was last looked at
	WokenBy   string    // "start", "idle" or "poll"
	Cursor    bridge.Cursor
	Behind    int64 // mails seen above the cursor and not yet recorded

	Failures int       // in a row
	Err      string    // why it is not working now, or why the last session ended; "" once all is well
	ErrAt    time.Time // since when there is trouble without a break
	RetryAt  time.Time // when it is tried again; zero: it is being tried
	// OnDoneErr says why recorded mails do not get their keyword or move.
	OnDoneErr string

	// Counters since the start of the program.
	Recorded int64 // mails handed over and recorded
	SetAside int64 // of these, without their body
	Skipped  int64 // older than watching began
	Vanished int64 // gone before they could be read
	Acked    int64 // got on_done's keyword or move
	Sessions int64
}

// board is a Status that many may read.
type board struct {
	mu sync.Mutex // guards s
	s  Status
}

func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.s
}

func (b *board) set(change func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.s)
}

// ownEnd is our end of a connection in an error of package net, with a port that
// is another each time: the same fault is no news because of it.
var ownEnd = regexp.MustCompile(`\S+:\d+->`)

func faultText(err error) string { return ownEnd.ReplaceAllString(err.Error(), "") }

// fault notes err and when it is tried again. It reports whether this is news.
func (b *board) fault(err error, retry time.Time) (news bool) {
	b.set(func(s *Status) {
		s.Failures++
		s.RetryAt = retry
		if s.Err == "" {
			s.ErrAt = time.Now()
		}
		if text := faultText(err); text != s.Err {
			s.Err, news = text, true
		}
	})
	return news
}

// well notes that nothing is wrong any more, and returns how often it was.
func (b *board) well() (failures int) {
	b.set(func(s *Status) {
		failures = s.Failures
		s.Failures, s.Err, s.ErrAt, s.RetryAt = 0, "", time.Time{}, time.Time{}
	})
	return failures
}
