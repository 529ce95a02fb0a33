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

// ackChunk bounds how many mails one STORE or MOVE names.
const ackChunk = 500

// acker gives recorded mails of ours what on_done says.
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
			s.w.log.Warn("recorded mails are not marked", "err", text)
		}
		st.OnDoneErr = text
	})
}

// ackLeft marks what an earlier session, or run, could not, and mails that became
// ours since: a person released them, or another mail told what they say.
func (s *session) ackLeft(ctx context.Context) error {
	if s.ack.ack == (ack{}) || s.ack.err != nil || time.Since(s.ackTried) < time.Duration(s.cfg.Poll) && !s.ackAgain {
		return nil
	}
	s.ackTried, s.ackAgain = time.Now(), false
	var uids []uint32
	err := s.w.persist(ctx, "list unmarked mails", func() (err error) {
		uids, err = s.w.store.Unmarked(ctx, s.cfg.Name, s.w.folder, s.cur.UIDValidity)
		return err
	})
	if err != nil {
		return err
	}
	return s.mark(ctx, uids)
}

// mark does on_done to recorded mails. Only a broken connection is an error:
// what the server refuses is shown and tried again later.
func (s *session) mark(ctx context.Context, uids []uint32) error {
	if len(uids) == 0 || s.ack.ack == (ack{}) {
		return nil
	}
	if s.ack.err != nil {
		return nil // they stay on the store's list
	}
	for chunk := range slices.Chunk(uids, ackChunk) {
		err := s.markChunk(uidSet(chunk))
		if imaplink.Refused(err) {
			s.ackAgain = true
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
