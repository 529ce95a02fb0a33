package imapin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// maxBatchBytes bounds the bodies of one batch. Two batches are in memory: one
// at the handler, one being fetched.
const maxBatchBytes = 16 << 20

// meta is what is known of a mail before its body.
type meta struct {
	uid      uint32
	size     int64
	received time.Time
}

// catchUp reads what lies above the cursor. While the handler has one batch the
// next is fetched.
func (s *session) catchUp(ctx context.Context) error {
	if err := s.look(); err != nil {
		return err
	}
	var busy *handing
	defer func() {
		if busy != nil {
			<-busy.ended
		}
	}()
	for {
		s.w.board.set(func(st *Status) { st.Behind = s.behind(busy) })
		var b *bridge.Batch
		var err error
		if busy == nil || busy.batch.Cursor.UID > s.w.suspect {
			if b, err = s.next(ctx); err != nil {
				return err
			}
		} // else whatever happens now is the suspect's doing, and nobody else's
		if err := s.settle(ctx, busy); err != nil {
			return err
		}
		done := busy == nil
		busy = nil
		if b != nil {
			busy = s.w.hand(ctx, *b)
		}
		if s.Slow != nil && busy != nil {
			// One batch a session, lest a server that is always in a hurry to
			// be left alone keeps us from ever getting on.
			err := s.settle(ctx, busy)
			busy = nil
			return errors.Join(err, s.Slow)
		}
		if b == nil && done {
			s.w.board.set(func(st *Status) { st.Behind = 0 })
			return s.arrive(ctx)
		}
	}
}

func (s *session) behind(busy *handing) int64 {
	n := s.q.len() + int64(len(s.ahead))
	if busy != nil {
		n += int64(len(busy.batch.Mails))
	}
	return n
}

// settle waits for the handler.
func (s *session) settle(ctx context.Context, h *handing) error {
	if h == nil {
		return nil
	}
	<-h.ended
	if h.err != nil {
		s.blame(ctx, h.batch.Cursor.UID, h.err)
		return h.err
	}
	s.recorded(h.batch.Cursor)
	var aside int64
	for _, m := range h.batch.Mails {
		if m.Problem != "" {
			aside++
		}
	}
	s.w.board.set(func(st *Status) {
		st.Recorded += int64(len(h.batch.Mails))
		st.SetAside += aside
	})
	s.ackSoon()
	return nil
}

// arrive notes what was passed by at the end, and the end of a rescan.
func (s *session) arrive(ctx context.Context) error {
	if to := s.cur.RescanTo; to > 0 {
		cur, err := s.at(s.cur, max(to, s.cur.UID))
		if err != nil {
			return err
		}
		s.cur = cur
	}
	s.w.initial = false
	s.rescanTo = 0
	if s.cur == s.saved {
		return nil
	}
	return s.save(ctx)
}

// next fetches the next batch; nil: nothing is left.
func (s *session) next(ctx context.Context) (*bridge.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		uid, ok := s.q.next()
		if !ok && len(s.ahead) == 0 {
			return nil, nil
		}
		fetch := s.nextMany
		if len(s.ahead) == 0 && uid <= s.w.suspect {
			fetch = s.nextOne
		}
		b, err := fetch(ctx)
		if b != nil || err != nil {
			return b, err
		}
	}
}

// nextMany fetches as many mails as batch and maxBatchBytes allow; nil if there
// was nothing to fetch among them.
func (s *session) nextMany(ctx context.Context) (*bridge.Batch, error) {
	if len(s.ahead) == 0 {
		uids := s.q.take(s.cfg.Batch, math.MaxUint32)
		s.aheadTo = uids[len(uids)-1]
		if err := s.note(ctx, s.aheadTo); err != nil {
			return nil, err
		}
		metas, err := s.sizes(uids)
		if err != nil {
			s.blame(ctx, s.aheadTo, err)
			return nil, err
		}
		s.ahead = metas
	}
	n := s.fitting()
	metas := s.ahead[:n]
	mails, err := s.mails(metas)
	if err != nil {
		s.blame(ctx, s.aheadTo, err)
		return nil, err
	}
	s.ahead = s.ahead[n:]
	if len(s.ahead) == 0 {
		s.pass(s.aheadTo, metas)
	} else {
		s.pass(metas[n-1].uid, metas)
	}
	return s.batch(mails), nil
}

// fitting is how many of the mails ahead fit into one batch, at least one.
func (s *session) fitting() int {
	room := int64(maxBatchBytes)
	for i, m := range s.ahead {
		room -= min(m.size, int64(s.cfg.MaxSize))
		if room < 0 && i > 0 {
			return i
		}
	}
	return len(s.ahead)
}

// pass moves the reading position to uid, over everything that was not there.
func (s *session) pass(uid uint32, metas []meta) {
	s.cur.UID, s.cur.LastSize, s.cur.LastReceived = uid, 0, time.Time{}
	last := s.tail
	if n := len(metas); n > 0 && metas[n-1].uid == uid {
		last = metas[n-1]
	}
	if last.uid == uid {
		s.cur.LastSize, s.cur.LastReceived = last.size, last.received
	}
	if uid >= s.cur.RescanTo {
		s.cur.RescanTo = 0
	}
}

func (s *session) batch(mails []bridge.Mail) *bridge.Batch {
	if len(mails) == 0 {
		return nil
	}
	return &bridge.Batch{Mails: mails, Cursor: s.cur}
}

// nextOne fetches one suspect mail alone, its attempt counted before; nil if it
// is gone.
func (s *session) nextOne(ctx context.Context) (*bridge.Batch, error) {
	uid := s.q.take(1, math.MaxUint32)[0]
	n, err := s.attempt(ctx, uid)
	if err != nil {
		return nil, err
	}
	most := s.cfg.MaxFetchAttempts
	if n > 2*most {
		s.pass(uid, nil)
		m := s.mail(meta{uid: uid})
		m.Problem = s.setAside(uid, n)
		return s.batch([]bridge.Mail{m}), nil
	}
	metas, err := s.sizes([]uint32{uid})
	var mails []bridge.Mail
	if err == nil && n > most {
		mails, err = s.headers(metas, func(meta) string { return s.setAside(uid, n) })
	} else if err == nil {
		mails, err = s.mails(metas)
	}
	if err != nil {
		s.blame(ctx, uid, err)
		return nil, err
	}
	s.w.excused = 0
	s.pass(uid, metas)
	return s.batch(mails), nil
}

func (s *session) attempt(ctx context.Context, uid uint32) (n int, err error) {
	if s.w.excused == uid {
		return s.w.counted, nil
	}
	err = s.w.persist(ctx, "count attempt", func() error {
		n, err = s.w.store.Attempt(ctx, s.source(uid))
		return err
	})
	s.w.counted = n
	return n, err
}

func (s *session) setAside(uid uint32, n int) string {
	s.w.log.Error("mail set aside", "mail", s.source(uid).String(), "attempts", n-1, "err", s.w.blamed)
	return fmt.Sprintf("set aside after %d attempts to read it; the last: %s", n-1, s.w.blamed)
}

// blame remembers that some mail up to uid may be why err came. A server that
// says it is in trouble itself, or a stop, is no mail's fault.
func (s *session) blame(ctx context.Context, uid uint32, err error) {
	var no *imaplink.Refusal
	var wait *imaplink.Throttled
	if ctx.Err() != nil {
		return
	}
	if errors.As(err, &no) && no.Passing() || errors.As(err, &wait) {
		s.w.excused = uid
		return
	}
	s.w.excused = 0
	s.w.suspect = max(s.w.suspect, uid)
	s.w.blamed = imaplink.Printable(err.Error(), 200)
}

// note tells the store what is about to be fetched.
func (s *session) note(ctx context.Context, last uint32) error {
	if last <= s.w.noted {
		return nil
	}
	err := s.w.persist(ctx, "begin batch", func() error {
		return s.w.store.BeginBatch(ctx, s.cfg.Name, s.w.folder, last)
	})
	if err == nil {
		s.w.noted = last
	}
	return err
}

// sizes asks for what decides how a mail is fetched, and leaves out what is
// gone or older than watching began.
func (s *session) sizes(uids []uint32) ([]meta, error) {
	got, err := s.link.ask(askSize, uids, 0)
	if err != nil {
		return nil, err
	}
	metas := make([]meta, 0, len(uids))
	var gone, old int64
	for _, uid := range uids {
		a, ok := got[uid]
		s.tail = meta{}
		if ok {
			s.tail = meta{uid, a.size, a.received}
		}
		switch {
		case !ok:
			gone++
		case uid <= s.rescanTo && !s.cur.Since.IsZero() && a.received.Before(s.cur.Since):
			old++
		default:
			metas = append(metas, s.tail)
		}
	}
	s.passedBy(gone, old)
	return metas, nil
}

func (s *session) passedBy(gone, old int64) {
	if gone == 0 && old == 0 {
		return
	}
	if gone > 0 {
		s.w.log.Info("mails vanished before they were read", "count", gone)
	}
	s.w.board.set(func(st *Status) {
		st.Vanished += gone
		st.Skipped += old
	})
}

// mails fetches the bodies, of too large mails the header only.
func (s *session) mails(metas []meta) ([]bridge.Mail, error) {
	var uids []uint32
	var large []meta
	var bytes int64
	for _, m := range metas {
		if m.size > int64(s.cfg.MaxSize) {
			large = append(large, m)
			continue
		}
		uids = append(uids, m.uid)
		bytes += m.size
	}
	var bodies map[uint32]answer
	var err error
	if len(uids) > 0 {
		if bodies, err = s.link.ask(askBody, uids, 2*bytes); err != nil {
			return nil, err
		}
	}
	headers, err := s.headers(large, s.tooLarge)
	if err != nil {
		return nil, err
	}
	mails := make([]bridge.Mail, 0, len(metas))
	for _, m := range metas {
		if len(headers) > 0 && headers[0].UID == m.uid {
			mails, headers = append(mails, headers[0]), headers[1:]
			continue
		}
		if a, ok := bodies[m.uid]; ok {
			mails = append(mails, s.whole(m, a.body))
		}
	}
	s.passedBy(int64(len(metas)-len(mails)), 0)
	return mails, nil
}

func (s *session) tooLarge(m meta) string {
	return fmt.Sprintf("%s, more than max_size %s", bridge.Size(m.size), s.cfg.MaxSize)
}

// whole is a mail with its body, unless that is longer than was announced.
func (s *session) whole(m meta, body []byte) bridge.Mail {
	mail := s.mail(m)
	mail.Raw = body
	if n := int64(len(body)); n > int64(s.cfg.MaxSize) {
		mail.Size = n
		mail.Problem = s.tooLarge(meta{size: n})
		mail.Raw = headerOf(body)
	}
	return mail
}

// headers fetches mails without their bodies; problem says why.
func (s *session) headers(metas []meta, problem func(meta) string) ([]bridge.Mail, error) {
	if len(metas) == 0 {
		return nil, nil
	}
	uids := make([]uint32, len(metas))
	for i, m := range metas {
		uids[i] = m.uid
	}
	got, err := s.link.ask(askHeader, uids, int64(len(uids))*maxHeader)
	if err != nil {
		return nil, err
	}
	var mails []bridge.Mail
	for _, m := range metas {
		if a, ok := got[m.uid]; ok {
			mail := s.mail(m)
			mail.Problem, mail.Raw = problem(m), a.body
			mails = append(mails, mail)
		}
	}
	return mails, nil
}

func (s *session) mail(m meta) bridge.Mail {
	mail := bridge.Mail{Source: s.source(m.uid), Received: m.received, Size: m.size, Done: s.done.Contains(imap.UID(m.uid))}
	if m.uid <= s.rescanTo && !s.w.initial {
		mail.Rescan, mail.Since = true, s.cur.Since
	}
	return mail
}

func (s *session) source(uid uint32) bridge.Source {
	return bridge.Source{Mailbox: s.cfg.Name, Folder: s.w.folder, UIDValidity: s.cur.UIDValidity, UID: uid}
}
