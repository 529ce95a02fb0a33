package bridge

import (
	"fmt"
	"time"
)

// Source says where a mail lies: RFC 3501 §2.3.1.1 makes the four of them its
// name for as long as UIDVALIDITY holds.
type Source struct {
	Mailbox     string // the mailbox's name in the config
	Folder      string
	UIDValidity uint32
	UID         uint32
}

func (s Source) String() string {
	return fmt.Sprintf("%s/%s/%d/%d", s.Mailbox, s.Folder, s.UIDValidity, s.UID)
}

// Mail is one message of a watched mailbox, as fetched.
type Mail struct {
	Source
	Received time.Time // INTERNALDATE
	Size     int64     // RFC822.SIZE, bytes
	Raw      []byte    // the whole message; only its header where Problem is set
	// Problem says why the body was not fetched ("31 MB, more than max_size 25 MB",
	// "the server broke off 5 times while sending it"). Such a mail is parked.
	Problem string
	// Rescan is set for mails that are read once more because UIDVALIDITY
	// changed or UIDs were used again: nothing older than watching began may be
	// raised from them.
	Rescan bool
	// Done is set for a mail that carries on_done's keyword: what it says was sent
	// (Cursors.Unmarked), whether the store remembers or not.
	Done  bool
	Since time.Time // with Rescan: when watching began
}

// Batch is a run of mails of one folder, oldest first, and where its cursor
// stands once they are recorded.
type Batch struct {
	Mails  []Mail
	Cursor Cursor
}

// Cursor is how far a folder has been read.
type Cursor struct {
	Mailbox, Folder string
	UIDValidity     uint32
	UID             uint32    // every UID up to here is recorded
	Since           time.Time // when watching began; older mails are not ours. Zero: all are
	// RescanTo is the highest UID of a rescan under way, 0 where there is none.
	RescanTo uint32
	// LastSize and LastReceived are those of the mail at UID. If another mail
	// answers to that UID later, UIDs were used again.
	LastSize     int64
	LastReceived time.Time
}

// MailState is where a mail ended. There are no others: a mail is in exactly
// one of these or untouched in its mailbox (R1).
type MailState string

// The states of a mail. Reason says why in words.
const (
	MailTicket  MailState = "ticket"  // opened a ticket
	MailUpdate  MailState = "update"  // told an existing ticket more
	MailWaiting MailState = "waiting" // recorded; the playbook's clock runs
	MailIgnored MailState = "ignored" // not ours, a copy, or no news
	MailParked  MailState = "parked"  // a person must look
)

// MailStates lists the states for views, checks and metrics.
var MailStates = []MailState{MailTicket, MailUpdate, MailWaiting, MailIgnored, MailParked}

// MailRecord is what the store knows of a mail.
type MailRecord struct {
	ID int64
	Source
	ContentKey   string
	MessageID    string
	FromAddress  string
	FromName     string
	Subject      string
	Received     time.Time
	Size         int64
	State        MailState
	Reason       string
	Format, Kind string
	Customer     string // address, "" where unknown
	Conversation int64  // 0 = none
	CopyOf       int64  // the mail this one repeats, 0 = none
	Evidence     []string
	Recorded     time.Time
	HasRaw       bool
}

// Ours reports whether the mail was read as a chat: only such mails get the
// keyword or the move of on_done. A newsletter in an agent's inbox is not ours.
func (m MailRecord) Ours() bool {
	return m.Conversation != 0 && m.State != MailParked
}
