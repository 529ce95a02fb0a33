package imapin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge/imaplink"
)

const (
	// ackChunk bounds how many mails one STORE or MOVE names.
	ackChunk = 500
	// ackPause is how long mails that may be done are gathered.
	ackPause = 250 * time.Millisecond
)

// acker gives mails of ours that are done (bridge.Cursors.Unmarked) what on_done
// says.
type acker struct {
	ack
	copies bool  // COPY and UID EXPUNGE in place of MOVE
	err    error // why it cannot be done here
}

// newAcker finds how on_done can be done with this server and folder.
func newAcker(want ack, caps imap.CapSet, permanent []imap.Flag) acker {
	a := acker{ack: want}
	switch {
	case want.keyword != "" && !permits(permanent, want.keyword):
		a.err = fmt.Errorf("on_done: the server keeps no keyword %s in this folder (PERMANENTFLAGS)", want.keyword)
	case want.move != "" && !caps.Has(imap.CapMove):
		// Without UIDPLUS only EXPUNGE is left, which would also remove what
		// people have marked \Deleted and may still want back.
		a.copies = true
		if !caps.Has(imap.CapUIDPlus) {
			a.err = errors.New("on_done: the server can neither MOVE nor UID EXPUNGE; use a keyword")
		}
	}
	return a
}

// permits reads PERMANENTFLAGS (RFC 3501 §7.1).
func permits(permanent []imap.Flag, keyword string) bool {
	return slices.ContainsFunc(permanent, func(f imap.Flag) bool {
		return f == imap.FlagWildcard || strings.EqualFold(string(f), keyword)
	})
}

// marks reports whether mails get anything here.
func (s *session) marks() bool { return s.ack.ack != (ack{}) && s.ack.err == nil }

// ackSoon has the store asked soon for mails that are done.
func (s *session) ackSoon() {
	if soon := time.Now().Add(ackPause); s.ackNext.After(soon) {
		s.ackNext = soon
	}
}

// sent is what tells that a delivery was sent, while that is news.
func (s *session) sent() <-chan struct{} {
	if !s.marks() || !s.ackNext.After(time.Now().Add(ackPause)) {
		return nil
	}
	return s.w.sent
}

func (s *session) setAck(a acker) {
	s.ack = a
	s.ackFault(a.err)
}

// ackFault shows why marking does not work; reading goes on.
func (s *session) ackFault(err error) {
	text := ""
	if err != nil {
		text = faultText(err)
	}
	s.w.board.set(func(st *Status) {
		if st.OnDoneErr != text && text != "" {
			s.w.log.Warn("mails that are done are not marked", "err", text)
		}
		st.OnDoneErr = text
	})
}

// markDone does on_done to what is done by now, whoever recorded or sent it. Only a
// broken connection is an error: what the server refuses is shown and tried again later.
func (s *session) markDone(ctx context.Context) error {
	if !s.marks() || time.Now().Before(s.ackNext) {
		return nil
	}
	s.ackNext = time.Now().Add(s.cfg.Poll.D())
	var uids []uint32
	err := s.w.persist(ctx, "list unmarked mails", func() (err error) {
		uids, err = s.w.store.Unmarked(ctx, s.cfg.Name, s.w.folder, s.cur.UIDValidity)
		return err
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(uids, ackChunk) {
		err := s.markChunk(uidSet(chunk))
		if imaplink.Refused(err) {
			s.ackFault(fmt.Errorf("on_done: %w", err))
			return nil
		}
		if err != nil {
			return err
		}
		err = s.w.persist(ctx, "note marked mails", func() error {
			return s.w.store.Marked(ctx, s.cfg.Name, s.w.folder, s.cur.UIDValidity, chunk)
		})
		if err != nil {
			return err
		}
		s.ackFault(nil)
		s.w.board.set(func(st *Status) { st.Acked += int64(len(chunk)) })
	}
	return nil
}

func (s *session) markChunk(set imap.UIDSet) error {
	switch {
	case s.ack.keyword != "":
		return s.store(set, imap.Flag(s.ack.keyword))
	case s.ack.copies:
		return s.copyAndExpunge(set)
	}
	// go-imap's Move falls back to an unchecked COPY, STORE and EXPUNGE without
	// CapMove; newAcker has seen to it that we never get there.
	return s.Do("MOVE to "+imaplink.Printable(s.ack.move, 80), 0, func() error {
		_, err := s.Client.Move(set, s.ack.move).Wait()
		return err
	})
}

// store adds a flag silently: the answer's flag lists may hold anything.
func (l *link) store(set imap.UIDSet, flag imap.Flag) error {
	return l.Do("STORE "+string(flag), 0, func() error {
		return l.Client.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}, nil).Close()
	})
}

// copyAndExpunge is MOVE by hand (RFC 6851 §3.3), with each step checked before
// the next: nothing is deleted that was not copied.
func (s *session) copyAndExpunge(set imap.UIDSet) error {
	copied := set
	err := s.Do("COPY to "+imaplink.Printable(s.ack.move, 80), 0, func() error {
		d, err := s.Client.Copy(set, s.ack.move).Wait()
		if err == nil && len(d.SourceUIDs) > 0 {
			copied = common(set, d.SourceUIDs)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(copied) == 0 {
		return nil // gone, all of them
	}
	if err := s.store(copied, imap.FlagDeleted); err != nil {
		return err
	}
	return s.Do("UID EXPUNGE", 0, func() error { return s.Client.UIDExpunge(copied).Close() })
}

// common is what both sets hold: a COPYUID may not make us delete other mails.
func common(asked, told imap.UIDSet) imap.UIDSet {
	var both imap.UIDSet
	nums, _ := asked.Nums()
	for _, uid := range nums {
		if told.Contains(uid) {
			both.AddNum(uid)
		}
	}
	return both
}
