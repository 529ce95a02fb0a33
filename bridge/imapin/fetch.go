package imapin

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"ticketbridge/bridge/imaplink"
)

// answer is what the server tells of one mail.
type answer struct {
	uid      uint32
	size     int64
	received time.Time
	body     []byte
	hasSize  bool
	hasBody  bool
}

// What is asked for, and what an answer must hold to be one. Never ENVELOPE or
// BODYSTRUCTURE: go-imap dies of odd ones, and we parse mails ourselves.
var (
	askSize   = question{&imap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true}, func(a answer) bool { return a.hasSize }}
	askBody   = question{&imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}, func(a answer) bool { return a.hasBody }}
	askHeader = question{&imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{
		Specifier: imap.PartSpecifierHeader, Peek: true, Partial: &imap.SectionPartial{Size: maxHeader},
	}}}, func(a answer) bool { return a.hasBody }}
)

// maxHeader is what is fetched of the header of a mail whose body is not.
const maxHeader = 256 << 10

type question struct {
	items    *imap.FetchOptions
	answered func(answer) bool
}

// lost is a mail that the server lists and does not send.
type lost struct {
	uid uint32
	err error // the server's refusal, nil if it just sends nothing
}

func (e *lost) Error() string {
	if e.err != nil {
		return fmt.Sprintf("mail %d: %v", e.uid, e.err)
	}
	return fmt.Sprintf("mail %d: the server lists it, but does not send it", e.uid)
}

func (e *lost) Unwrap() error { return e.err }

// ask puts a question about mails and insists: who does not answer is gone, or
// the error says otherwise. size is that of the bodies awaited.
//
// A server may leave mails out for good reasons (expunged by a person a moment
// ago, RFC 3501 §7.4.1) and bad ones; and go-imap drops an answer whose UID
// comes after the body, or that follows a bare flag update of the same mail.
func (l *link) ask(q question, uids []uint32, size int64) (map[uint32]answer, error) {
	got := make(map[uint32]answer, len(uids))
	keep := func(a answer) {
		if q.answered(a) {
			got[a.uid] = a
		}
	}
	if err := l.fetch(q, uidSet(uids), size, keep); err != nil && !imaplink.Refused(err) {
		return nil, err
	}
	missing := without(uids, got)
	if len(missing) == 0 {
		return got, nil
	}
	there, err := l.exist(missing)
	if err != nil {
		return nil, err
	}
	for _, uid := range there {
		if err := l.insist(q, uid, size, got, keep); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// insist asks for one mail alone, then by its sequence number, for which the
// order of the answer's parts does not matter.
func (l *link) insist(q question, uid uint32, size int64, got map[uint32]answer, keep func(answer)) error {
	no := l.fetch(q, uidSet([]uint32{uid}), size, keep)
	if _, ok := got[uid]; ok || no != nil && !imaplink.Refused(no) {
		return no
	}
	var seqs []uint32
	err := l.Do(fmt.Sprintf("SEARCH UID %d", uid), 0, func() error {
		d, err := l.Client.Search(&imap.SearchCriteria{UID: []imap.UIDSet{uidSet([]uint32{uid})}}, nil).Wait()
		if err == nil {
			seqs = d.AllSeqNums()
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(seqs) != 1 {
		return nil // gone by now
	}
	err = l.fetch(q, imap.SeqSetNum(seqs[0]), size, func(a answer) {
		if a.uid == uid {
			keep(a)
		}
	})
	if err != nil && !imaplink.Refused(err) {
		return err
	}
	if _, ok := got[uid]; !ok {
		return &lost{uid, errors.Join(no)}
	}
	return nil
}

// exist tells which of the mails are there. The NOOP lets the server tell what
// was expunged first; until then it may list it.
func (l *link) exist(uids []uint32) ([]uint32, error) {
	var there []uint32
	err := l.Do("look for mails not sent", 0, func() error {
		noop := l.Client.Noop()
		d, err := l.Client.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{uidSet(uids)}}, nil).Wait()
		if err := errors.Join(noop.Wait(), err); err != nil {
			return err
		}
		set, _ := d.All.(imap.UIDSet)
		for _, uid := range uids {
			if set.Contains(imap.UID(uid)) {
				there = append(there, uid)
			}
		}
		return nil
	})
	return there, err
}

// fetch runs one FETCH and hands over the answers as they come.
func (l *link) fetch(q question, set imap.NumSet, size int64, got func(answer)) error {
	return l.Do("FETCH "+imaplink.Printable(set.String(), 60), size, func() error {
		cmd := l.Client.Fetch(set, q.items)
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			a, err := read(m)
			if err != nil {
				// The body was cut. From here on go-imap reads the connection
				// from two goroutines if cmd is touched again: it must go.
				l.Cut()
				return err
			}
			got(a)
		}
		return cmd.Close()
	})
}

// read takes one FETCH response apart.
func read(m *imapclient.FetchMessageData) (answer, error) {
	var a answer
	for item := m.Next(); item != nil; item = m.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			a.uid = uint32(item.UID)
		case imapclient.FetchItemDataRFC822Size:
			a.size, a.hasSize = item.Size, true
		case imapclient.FetchItemDataInternalDate:
			a.received = item.Time.UTC()
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil || a.hasBody {
				continue // BODY[] NIL is no body
			}
			body, err := imaplink.ReadLiteral(item.Literal)
			if err != nil {
				return a, err
			}
			a.body, a.hasBody = body, true
		}
	}
	return a, nil
}

func without(uids []uint32, got map[uint32]answer) []uint32 {
	if len(got) == len(uids) {
		return nil
	}
	var missing []uint32
	for _, uid := range uids {
		if _, ok := got[uid]; !ok {
			missing = append(missing, uid)
		}
	}
	return missing
}

func uidSet(uids []uint32) imap.UIDSet {
	var s imap.UIDSet
	for _, uid := range uids {
		s.AddNum(imap.UID(uid))
	}
	return s
}

// headerOf returns a message's header with the empty line after it, of what is
// no message the first maxHeader bytes.
func headerOf(raw []byte) []byte {
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if i := bytes.Index(raw[:min(len(raw), maxHeader)], []byte(end)); i >= 0 {
			return raw[:i+len(end)]
		}
	}
	return raw[:min(len(raw), maxHeader)]
}
