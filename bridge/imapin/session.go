package imapin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// session is a link with the folder open.
type session struct {
	*link
	w        *Watcher
	opened   time.Time
	cur      bridge.Cursor // where reading stands; what is up to here was handed over or passed by
	saved    bridge.Cursor // what the store knows of it
	rescanTo uint32
	noIdle   bool
	ack      acker
	ackNext  time.Time // when the store is asked for mails that are done
	q        *queue
	done     imap.UIDSet // of what is to be read: what carries our keyword already
	ahead    []meta      // sized, not yet fetched
	aheadTo  uint32      // the last UID that was asked for with them
	tail     meta        // of that one, if it was there
}

func (s *session) canIdle() bool { return s.Caps.Has(imap.CapIdle) && !s.noIdle }

// open opens the folder and finds where to go on.
func (s *session) open(ctx context.Context, cur bridge.Cursor, known bool) error {
	want, err := s.cfg.onDone()
	if err != nil {
		return err
	}
	box, err := s.openFolder(s.w.folder, want == ack{})
	if err != nil {
		return err
	}
	if box.UIDValidity == 0 {
		return fmt.Errorf("open %s: the server gives no UIDVALIDITY, so nothing can be told apart", s.w.folder)
	}
	s.opened = time.Now()
	top, err := s.top(box)
	if err != nil {
		return err
	}
	s.setAck(newAcker(want, s.Caps, box.PermanentFlags))
	next, changed, err := s.reconcile(cur, known, box, top)
	if err != nil {
		return err
	}
	s.cur, s.saved, s.rescanTo = next, next, next.RescanTo
	if !changed {
		return nil
	}
	s.w.suspect, s.w.noted = 0, 0 // they are of other UIDs
	return s.save(ctx)
}

// openFolder uses EXAMINE where nothing is to be changed: not even \Recent is.
func (l *link) openFolder(folder string, readOnly bool) (*imap.SelectData, error) {
	var box *imap.SelectData
	err := l.Do("open "+imaplink.Printable(folder, 80), 0, func() (err error) {
		box, err = l.Client.Select(folder, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
		return err
	})
	return box, err
}

// top is the highest UID given so far.
func (s *session) top(box *imap.SelectData) (uint32, error) {
	if box.UIDNext > 0 {
		return uint32(box.UIDNext) - 1, nil
	}
	if box.NumMessages == 0 {
		return 0, nil
	}
	last, err := s.search(&imap.SearchCriteria{UID: []imap.UIDSet{{imap.UIDRange{Start: 0, Stop: 0}}}})
	top := uint32(0)
	for _, r := range last {
		top = max(top, uint32(r.Stop))
	}
	return top, err
}

// reconcile compares the folder with what we know of it. changed: the cursor is
// a new one.
func (s *session) reconcile(cur bridge.Cursor, known bool, box *imap.SelectData, top uint32) (_ bridge.Cursor, changed bool, err error) {
	if !known {
		cur, err = s.firstCursor(box.UIDValidity, top)
		return cur, true, err
	}
	why := ""
	switch {
	case cur.UIDValidity != box.UIDValidity:
		why = fmt.Sprintf("UIDVALIDITY changed from %d to %d", cur.UIDValidity, box.UIDValidity)
	case box.UIDNext > 0 && top < cur.UID:
		why = fmt.Sprintf("UIDNEXT %d is not above %d, which was read", box.UIDNext, cur.UID)
	case cur.LastSize > 0 || !cur.LastReceived.IsZero():
		m, err := s.metaOf(cur.UID)
		if err != nil {
			return cur, false, err
		}
		if m != nil && (m.size != cur.LastSize || !m.received.Equal(cur.LastReceived)) {
			why = fmt.Sprintf("UID %d is another mail than before", cur.UID)
		}
	}
	if why == "" {
		return cur, false, nil
	}
	s.w.initial = false
	s.w.log.Warn("UIDs mean other mails now; reading again", "why", why, "since", cur.Since, "to", top)
	return bridge.Cursor{
		Mailbox: cur.Mailbox, Folder: cur.Folder, UIDValidity: box.UIDValidity,
		Since: cur.Since, RescanTo: top,
	}, true, nil
}

// firstCursor is where a folder never seen before starts.
func (s *session) firstCursor(uidValidity, top uint32) (bridge.Cursor, error) {
	cur := bridge.Cursor{Mailbox: s.cfg.Name, Folder: s.w.folder, UIDValidity: uidValidity}
	since, all, err := s.cfg.start()
	switch {
	case err != nil:
		return cur, err
	case all:
		return cur, nil
	case !since.IsZero():
		cur.Since, cur.RescanTo = since.UTC(), top
		s.w.initial = true
		return cur, nil
	}
	cur.Since = time.Now().UTC().Truncate(time.Second) // INTERNALDATE knows no fractions
	return s.at(cur, top)
}

// at moves a cursor to uid and takes down what lies there, if anything does.
func (s *session) at(cur bridge.Cursor, uid uint32) (bridge.Cursor, error) {
	cur.UID, cur.LastSize, cur.LastReceived = uid, 0, time.Time{}
	if uid >= cur.RescanTo {
		cur.RescanTo = 0
	}
	if uid == 0 {
		return cur, nil
	}
	m, err := s.metaOf(uid)
	if err == nil && m != nil {
		cur.LastSize, cur.LastReceived = m.size, m.received
	}
	return cur, err
}

// metaOf returns nil for a mail that is not there.
func (s *session) metaOf(uid uint32) (*meta, error) {
	got, err := s.link.ask(askSize, []uint32{uid}, 0)
	if err != nil {
		return nil, err
	}
	a, ok := got[uid]
	if !ok {
		return nil, nil
	}
	return &meta{uid, a.size, a.received}, nil
}

// save makes the store know where reading stands.
func (s *session) save(ctx context.Context) error {
	cur := s.cur
	err := s.w.persist(ctx, "set cursor", func() error { return s.w.store.SetCursor(ctx, cur) })
	if err == nil {
		s.recorded(cur)
	}
	return err
}

func (s *session) recorded(cur bridge.Cursor) {
	s.saved = cur
	s.w.board.set(func(st *Status) { st.Cursor = cur })
}

// look lists what is to be read. It always asks, whatever was announced.
func (s *session) look() error {
	if s.cur.UID == math.MaxUint32 {
		return errors.New("the server has used up all UIDs of the folder; it must give it a new UIDVALIDITY")
	}
	above := []imap.UIDSet{{imap.UIDRange{Start: imap.UID(s.cur.UID + 1), Stop: 0}}}
	var all, old imap.UIDSet
	var err error
	if to := s.cur.RescanTo; to > s.cur.UID {
		rescan := imap.SearchCriteria{UID: []imap.UIDSet{{imap.UIDRange{Start: imap.UID(s.cur.UID + 1), Stop: imap.UID(to)}}}}
		if !s.cur.Since.IsZero() {
			// SINCE compares dates in the server's zone; the times are compared later.
			rescan.Since = s.cur.Since.Add(-24 * time.Hour)
		}
		if old, err = s.search(&rescan); err != nil {
			return err
		}
		above[0][0].Start = imap.UID(to + 1)
	}
	if all, err = s.search(&imap.SearchCriteria{UID: above}); err != nil {
		return err
	}
	s.q = newQueue(s.cur.UID, old, upwards(all, above[0][0].Start))
	if s.ack.keyword != "" && s.q.len() > 0 {
		from := imap.UIDSet{imap.UIDRange{Start: imap.UID(s.cur.UID + 1), Stop: 0}}
		s.done, err = s.search(&imap.SearchCriteria{UID: []imap.UIDSet{from}, Flag: []imap.Flag{imap.Flag(s.ack.keyword)}})
	}
	return err
}

// search runs UID SEARCH after a NOOP: a server need not know of new mails
// before it was given the occasion to tell of them (RFC 3501 §5.2).
func (l *link) search(criteria *imap.SearchCriteria) (imap.UIDSet, error) {
	var options *imap.SearchOptions
	if l.Caps.Has(imap.CapESearch) {
		options = &imap.SearchOptions{ReturnAll: true} // ranges instead of a long list
	}
	var found imap.UIDSet
	err := l.Do("search", 0, func() error {
		noop := l.Client.Noop()
		d, err := l.Client.UIDSearch(criteria, options).Wait()
		if err := errors.Join(noop.Wait(), err); err != nil || d.All == nil {
			return err
		}
		set, ok := d.All.(imap.UIDSet)
		if !ok {
			return errors.New("the server answers UID SEARCH with sequence numbers")
		}
		found = set
		return nil
	})
	return found, err
}

// wait returns when there may be something new, and what said so. Meanwhile it
// marks what is done.
func (s *session) wait(ctx context.Context) (by string, err error) {
	select {
	case <-s.Wake: // while we were reading
		return "idle", nil
	default:
	}
	for poll := time.Now().Add(s.cfg.Poll.D()); ; {
		until := poll
		if s.marks() && s.ackNext.Before(poll) {
			until = s.ackNext
		}
		span := min(time.Until(until), s.cfg.IdleRefresh.D())
		listen, by := s.idle, "idle"
		if !s.canIdle() {
			listen, by = s.rest, "poll"
		}
		woken, err := listen(ctx, span)
		switch {
		case err != nil:
			return "", err
		case woken:
			return by, nil
		case !time.Now().Before(poll):
			return "poll", nil
		}
		if err := s.markDone(ctx); err != nil {
			return "", err
		}
	}
}

// rest waits without IDLE. The NOOP keeps the connection known on its way.
func (s *session) rest(ctx context.Context, span time.Duration) (woken bool, err error) {
	t := time.NewTimer(span)
	defer t.Stop()
	select {
	case <-s.Wake:
		return true, nil
	case <-s.sent():
		s.ackSoon()
		return false, nil
	case <-t.C:
		return false, s.Do("NOOP", 0, func() error { return s.Client.Noop().Wait() })
	case <-s.Client.Closed():
		return false, s.Explain("wait", imaplink.ErrGone)
	case <-ctx.Done():
		return false, s.logout(ctx)
	}
}

// idle waits in one IDLE for at most span.
func (s *session) idle(ctx context.Context, span time.Duration) (woken bool, err error) {
	var idle *imapclient.IdleCommand
	err = s.Do("IDLE", 0, func() (err error) {
		idle, err = s.Client.Idle()
		return err
	})
	if imaplink.Refused(err) {
		s.noIdle = true
		s.w.log.Warn("server refuses IDLE; polling", "err", err)
		s.w.board.set(func(st *Status) { st.Idle = false })
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- idle.Wait() }()
	s.Expect(span+s.cfg.Timeout.D(), 0)
	t := time.NewTimer(span)
	defer t.Stop()
	select {
	case <-s.Wake:
		woken = true
	case <-s.sent():
		s.ackSoon()
	case <-t.C:
	case <-ctx.Done():
	case err := <-ended:
		return false, s.Explain("IDLE", errors.Join(imaplink.ErrGone, err))
	}
	err = s.Do("DONE", 0, func() error {
		if err := idle.Close(); err != nil {
			return err
		}
		return <-ended
	})
	if ctx.Err() != nil {
		return false, s.logout(ctx)
	}
	return woken, err
}

// logout says goodbye as RFC 3501 §6.1.3 would have it; nothing depends on it.
func (s *session) logout(ctx context.Context) error {
	s.Logout()
	return ctx.Err()
}
