package imapout

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

const (
	// maxHits bounds the mails whose Message-ID is compared after a search: it
	// finds those that contain ours.
	maxHits = 50
	// latest is how many of the newest mails are read without a search, where
	// there is reason to believe that ours is among them: indexes lag behind.
	latest = 100
)

// look searches folders for a message. thorough: also among the latest mails.
// Not found is what the server says of every folder, or there is an error.
func (s *session) look(folders []string, messageID string, thorough bool) (bridge.Sighting, error) {
	for _, folder := range folders {
		uid, err := s.find(folder, messageID, thorough)
		if err != nil {
			return bridge.Sighting{}, err
		}
		if uid != 0 {
			return bridge.Sighting{Found: true, Where: fmt.Sprintf("%s, UID %d", imaplink.Printable(folder, 80), uid)}, nil
		}
	}
	return bridge.Sighting{Where: imaplink.Printable(strings.Join(folders, ", "), 200)}, nil
}

// find returns the UID of a message, 0 where it is not.
func (s *session) find(folder, messageID string, thorough bool) (imap.UID, error) {
	uids, err := s.findAll(folder, messageID, thorough)
	if len(uids) == 0 {
		return 0, err
	}
	return uids[0], err
}

// findAll returns the UIDs of all copies of a message. The folder is opened
// read-only: looking changes nothing, not even \Recent.
func (s *session) findAll(folder, messageID string, thorough bool) ([]imap.UID, error) {
	name := imaplink.Printable(folder, 80)
	box, err := s.examine(folder)
	if err != nil {
		return nil, err
	}
	var hits []imap.UID
	err = s.do("search "+name, 0, func() error {
		// SEARCH looks for parts of a header (RFC 3501 §6.4.4).
		d, err := s.Client.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: "<" + messageID + ">"}}}, nil).Wait()
		if err == nil {
			hits = d.AllUIDs()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(hits) > 0 {
		hits = hits[max(0, len(hits)-maxHits):]
		if uids, err := s.compare(name, imap.UIDSetNum(hits...), len(hits), messageID); len(uids) > 0 || err != nil {
			return uids, err
		}
	}
	if !thorough || box.NumMessages == 0 {
		return nil, nil
	}
	from := max(box.NumMessages, latest) - latest + 1
	var newest imap.SeqSet
	newest.AddRange(from, box.NumMessages)
	return s.compare(name, newest, int(box.NumMessages-from+1), messageID)
}

// compare reads the Message-IDs of n mails and returns the UIDs of those that
// are ours. A mail that the server does not send may be ours: no answer.
func (s *session) compare(name string, set imap.NumSet, n int, messageID string) (ours []imap.UID, err error) {
	items := &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{
		Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"Message-ID"}, Peek: true,
	}}}
	read := 0
	err = s.do("read Message-IDs in "+name, int64(n)*1000, func() error {
		cmd := s.Client.Fetch(set, items)
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			got, err := readPiece(m)
			if err != nil {
				s.Cut() // see ReadLiteral
				return err
			}
			if got.raw != nil {
				read++
			}
			if hasID(got.raw, messageID) {
				ours = append(ours, got.uid)
			}
		}
		return cmd.Close()
	})
	switch {
	case err != nil:
		return nil, err
	case len(ours) == 0 && read < n:
		return nil, fmt.Errorf("read Message-IDs in %s: the server sends %d of %d", name, read, n)
	}
	return ours, nil
}

// piece is what was fetched of a mail; raw is nil where the server sent none.
type piece struct {
	uid    imap.UID
	stored time.Time
	raw    []byte
}

func readPiece(m *imapclient.FetchMessageData) (p piece, err error) {
	for item := m.Next(); item != nil; item = m.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			p.uid = item.UID
		case imapclient.FetchItemDataInternalDate:
			p.stored = item.Time
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				continue
			}
			if p.raw, err = imaplink.ReadLiteral(item.Literal); err != nil {
				return piece{}, err
			}
		}
	}
	return p, nil
}

// hasID reports whether a header holds exactly this Message-ID. Ids are compared
// byte for byte (RFC 5322 §3.6.4).
func hasID(header []byte, messageID string) bool {
	h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(header))).ReadMIMEHeader()
	if err != nil && len(h) == 0 {
		return false
	}
	for _, v := range h["Message-Id"] {
		if strings.TrimSpace(v) == "<"+messageID+">" {
			return true
		}
	}
	return false
}

// errNoFolder is what to do about a folder that is not there.
var errNoFolder = errors.New("make the folder, or correct the name")
