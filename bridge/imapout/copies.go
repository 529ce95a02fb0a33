package imapout

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge/imaplink"
)

// Copy is a message that was found. Of what is not ours nothing is fetched.
type Copy struct {
	Folder string
	Junk   bool // the folder is where the server puts spam
	UID    uint32
	Stored time.Time // INTERNALDATE
	Raw    []byte    // the header; of an answer also the beginning of the body
}

// maxAnswer is how much of an answer is fetched: a number and a quoted Ref stand
// near its top.
const maxAnswer = 256 << 10

// Copies returns the copies of a message that lie in Folders and in those for
// junk, their headers only.
func (m *Mailbox) Copies(ctx context.Context, messageID string) (copies []Copy, err error) {
	err = m.each(ctx, func(s *session, f folder) error {
		uids, err := s.findAll(f.name, messageID, true)
		if err != nil || len(uids) == 0 {
			return err
		}
		found, err := s.fetch(f, uids, &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, Peek: true}, maxHeader)
		copies = append(copies, found...)
		return err
	})
	return copies, err
}

// Ends is where each folder ended at some moment: the UIDs the next mails get.
type Ends map[string]imap.UID

// Ends returns where the folders end now.
func (m *Mailbox) Ends(ctx context.Context) (Ends, error) {
	ends := Ends{}
	err := m.each(ctx, func(s *session, f folder) error {
		box, err := s.examine(f.name)
		if err == nil {
			ends[f.name] = max(box.UIDNext, 1)
		}
		return err
	})
	return ends, err
}

// Naming returns the mails that came after ends and hold one of the words, in
// header or body, with the beginning of their text.
func (m *Mailbox) Naming(ctx context.Context, ends Ends, words ...string) (mails []Copy, err error) {
	err = m.each(ctx, func(s *session, f folder) error {
		from := max(ends[f.name], 1)
		box, err := s.examine(f.name)
		if err != nil || box.NumMessages == 0 {
			return err
		}
		uids, err := s.naming(f.name, from, words)
		if err != nil || len(uids) == 0 {
			return err
		}
		found, err := s.fetch(f, uids, &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: maxAnswer}}, maxAnswer)
		mails = append(mails, found...)
		return err
	})
	return mails, err
}

// naming searches for mails from a UID on that hold one of the words.
func (s *session) naming(folder string, from imap.UID, words []string) (uids []imap.UID, err error) {
	criteria := &imap.SearchCriteria{Text: words[:1]}
	for _, word := range words[1:] {
		criteria = &imap.SearchCriteria{Or: [][2]imap.SearchCriteria{{*criteria, {Text: []string{word}}}}}
	}
	var set imap.UIDSet
	set.AddRange(from, 0)
	criteria.UID = []imap.UIDSet{set}
	err = s.do("search "+imaplink.Printable(folder, 80), 0, func() error {
		d, err := s.Client.UIDSearch(criteria, nil).Wait()
		if err == nil {
			uids = d.AllUIDs()
		}
		return err
	})
	// "n:*" is the last mail too, however low its UID (RFC 3501 §6.4.8).
	uids = slices.DeleteFunc(uids, func(u imap.UID) bool { return u < from })
	return uids[max(0, len(uids)-maxHits):], err
}

// folder is one to look in.
type folder struct {
	name string
	junk bool
}

// each runs do for Folders and the folders for junk, in one session.
func (m *Mailbox) each(ctx context.Context, do func(*session, folder) error) error {
	s, err := m.take(ctx)
	if err != nil {
		return err
	}
	defer m.put(s)
	defer context.AfterFunc(ctx, s.Cut)()
	folders := make([]folder, 0, len(m.cfg.Folders)+2)
	for _, name := range m.cfg.Folders {
		folders = append(folders, folder{name, false})
	}
	junk, err := s.junk()
	if err != nil {
		return err
	}
	for _, name := range junk {
		if i := slices.Index(m.cfg.Folders, name); i >= 0 {
			folders[i].junk = true
			continue
		}
		folders = append(folders, folder{name, true})
	}
	for _, f := range folders {
		err := do(s, f)
		if f.junk && imaplink.Refused(err) {
			continue // not for this login
		}
		if err != nil {
			m.obey(err)
			return err
		}
	}
	return nil
}

// junkNames are what servers call the folder where no \Junk tells (RFC 6154 §2).
var junkNames = []string{"junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail", "quarantine"}

// junk lists the folders for spam and quarantine.
func (s *session) junk() (names []string, err error) {
	err = s.do("list folders", 0, func() error {
		all, err := s.Client.List("", "*", nil).Collect()
		for _, f := range all {
			leaf := f.Mailbox
			if f.Delim != 0 {
				leaf = leaf[strings.LastIndexByte(leaf, byte(f.Delim))+1:]
			}
			closed := slices.Contains(f.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(f.Attrs, imap.MailboxAttrNonExistent)
			if !closed && (slices.Contains(f.Attrs, imap.MailboxAttrJunk) || slices.Contains(junkNames, strings.ToLower(leaf))) {
				names = append(names, f.Mailbox)
			}
		}
		return err
	})
	return names, err
}

// examine opens a folder read-only.
func (s *session) examine(folder string) (box *imap.SelectData, err error) {
	err = s.do("open "+imaplink.Printable(folder, 80), 0, func() (err error) {
		box, err = s.Client.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
		return err
	})
	return box, err
}

// fetch reads one section of each mail in the open folder. A mail that went away
// meanwhile is left out.
func (s *session) fetch(f folder, uids []imap.UID, section *imap.FetchItemBodySection, size int64) (copies []Copy, err error) {
	items := &imap.FetchOptions{UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{section}}
	err = s.do("read mails in "+imaplink.Printable(f.name, 80), int64(len(uids))*size, func() error {
		cmd := s.Client.Fetch(imap.UIDSetNum(uids...), items)
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			got, err := readPiece(m)
			if err != nil {
				s.Cut() // see ReadLiteral
				return err
			}
			if got.raw != nil {
				copies = append(copies, Copy{Folder: f.name, Junk: f.junk, UID: uint32(got.uid), Stored: got.stored, Raw: got.raw})
			}
		}
		return cmd.Close()
	})
	return copies, err
}
