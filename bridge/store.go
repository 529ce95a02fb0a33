package bridge

import (
	"context"
	"errors"
	"time"
)

// Store keeps what must survive a crash. Each method is one transaction, safe
// for concurrent use, and durable when it returns. An error means nothing was
// changed. Times are kept to the microsecond, UTC.
type Store interface {
	Leases
	Cursors
	Intake
	Clockwork
	Outbox
	Replacer
	Ledger
	Verifier
	Close() error
}

// Sentinels of the store.
var (
	ErrNotFound = errors.New("not found")
	// ErrState: the thing is not in a state that allows this.
	ErrState = errors.New("not possible in this state")
)

// Cursors is what a mailbox watcher keeps.
type Cursors interface {
	// Cursor returns ErrNotFound for a folder never read before.
	Cursor(ctx context.Context, mailbox, folder string) (Cursor, error)
	SetCursor(ctx context.Context, c Cursor) error
	// Attempt counts one more attempt to fetch a mail and returns the count. A
	// watcher calls it, before the fetch, only for mails of a batch that failed
	// before, so that one poison mail is found and set aside.
	Attempt(ctx context.Context, s Source) (int, error)
	// BeginBatch notes that the UIDs up to last are about to be fetched, so that
	// a restart knows which batch a crash may be due to; last 0 ends it.
	// PendingBatch returns what was noted, 0 where nothing.
	BeginBatch(ctx context.Context, mailbox, folder string, last uint32) error
	PendingBatch(ctx context.Context, mailbox, folder string) (uint32, error)
	// Unmarked lists the UIDs of mails of ours (MailRecord.Ours) that are done and
	// that on_done has not reached yet, oldest first; Marked takes them off the list.
	// Done: nothing of their conversation waits, and each of its deliveries is Sent
	// or Confirmed, replaced, or dropped by a person.
	Unmarked(ctx context.Context, mailbox, folder string, uidValidity uint32) ([]uint32, error)
	Marked(ctx context.Context, mailbox, folder string, uidValidity uint32, uids []uint32) error
}

// Arrival is a mail that was read, as the store needs it to tell what is known.
type Arrival struct {
	Record MailRecord // ID, State, Reason, Conversation, CopyOf still open
	Raw    []byte
	// ConversationKey is "" for a mail that belongs to none.
	ConversationKey string
	// Ref is the token a new conversation would get.
	Ref   string
	Turns []Turn // with their digests, in order
	// Answer is set for a mail that answers a ticket message. The store finds out
	// which, and of what conversation; the mail itself belongs to none.
	Answer *Answer
	// ID refers to the recorded mail when one that is parked is judged again; of a
	// new one the store sets what it will be before the judge sees it.
	ID int64

	// Fetched: the mail is judged again with bytes that were not there before; they,
	// its content key and its size take the place of what is recorded.
	Fetched bool

	reading *reading // for the judge; the store carries it along
}

// Known is what the store knows of an arrival, read in the transaction that
// will write the verdict.
type Known struct {
	// Copy is the earliest mail with the same content key, nil if there is none.
	Copy *MailRecord
	// Conversation is nil for a new one. It is locked until the transaction ends.
	Conversation *Conversation
	// Delivery is the one an answer is about, nil where there is none.
	Delivery *Delivery
	// Seen tells for each of the arrival's turns whether it is recorded already.
	Seen []bool
	// Restored is when the database was last found to have been restored from a
	// backup, or lost; zero: never. What came before may have been sent.
	Restored time.Time
	// Untold are the conversation's recorded turns that may leave the company and
	// that no ticket message tells, in order.
	Untold []Turn
	// Raw reads a recorded mail that is kept, for its files; nil where Untold is
	// empty. What goes wrong with it fails the transaction.
	Raw func(mail int64) []byte
}

// Verdict is what becomes of an arrival.
type Verdict struct {
	State  MailState
	Reason string
	// Decision is recorded with the mail when Rule is not "".
	Decision Decision
	// Conversation is stored as given (new if its ID is 0); nil: left alone.
	Conversation *Conversation
	Turns        []Turn // the news, appended in order
	// Delivery tells Known.Untold and the news; nil: nothing is sent.
	Delivery *Delivery
	// Along is the reason for the other mails whose turns the delivery tells: if
	// they were parked or waiting, they take this verdict's State with it.
	Along    string
	Answered *Answered // what the mail settles; nil: nothing
	CopyOf   int64
	Customer string
	Evidence []string
	KeepRaw  bool
}

// Judge decides about one arrival. It is pure: the store may call it again if a
// transaction has to be repeated.
type Judge func(a Arrival, k Known) Verdict

// Intake records mails.
type Intake interface {
	// Accept records the arrivals in order and moves the cursor, all in one
	// transaction, so that a crash leaves either everything or nothing. An
	// arrival whose source and content are recorded already is returned as it
	// stands, without being judged. A delivery whose Message-ID is in the outbox
	// already is not made again: its mail is ignored, with that as the reason.
	Accept(ctx context.Context, as []Arrival, c Cursor, judge Judge) ([]MailRecord, error)
	// Rejudge judges a mail again that is parked (a person released it) or waiting
	// (its time has come). ErrState if it is neither.
	Rejudge(ctx context.Context, a Arrival, judge Judge) (MailRecord, error)
}

// Overdue is a conversation whose deadline has passed, with the newest mail of it
// that waits.
type Overdue struct {
	Key  string // the conversation's
	Mail MailRecord
}

// Clockwork is what the clock needs.
type Clockwork interface {
	// Overdue lists up to n conversations whose deadline has passed and that have
	// mails waiting, the longest due first.
	Overdue(ctx context.Context, now time.Time, n int) ([]Overdue, error)
}

// Settlement is how one claimed delivery goes on.
type Settlement struct {
	Delivery int64
	Attempt  int // the attempt it belongs to; an older one's is only journaled
	State    DeliveryState
	Detail   string
	Next     time.Time // with Retry; with Doubt the next look-up, zero: a person decides
	Probes   int       // with Doubt: look-ups answered so far
	At       time.Time
	Result   Result
}

// Recovery says whose deliveries were left Sending, and what becomes of them.
type Recovery struct {
	Worker string
	// Started: the worker has just started, so what it has in flight itself was
	// left behind. Otherwise only other workers' deliveries are looked at.
	Started bool
	Before  time.Time     // what another worker claimed before was left behind
	State   DeliveryState // Doubt, or Retry where the admin chose to send again
	Next    time.Time     // see Settlement
}

// Outbox is what the sender needs.
type Outbox interface {
	// Turnover records the settlements of finished attempts and claims up to n
	// due deliveries, oldest first, in one transaction. A settlement counts while
	// the delivery is Sending, or in Doubt, after its attempt. Each claimed one becomes
	// Sending with its attempt counted before the first byte is sent. At most
	// one delivery of a conversation is claimed, and none of a conversation that
	// has an earlier one ready, held, sending, retry or in doubt: order is kept.
	Turnover(ctx context.Context, worker string, now time.Time, done []Settlement, n int) ([]Delivery, error)
	// Recover settles what was left Sending: nobody knows how far it came. With
	// a time for a look-up, doubts that nobody looked into yet get it too.
	Recover(ctx context.Context, r Recovery) ([]Delivery, error)
	// NextDue tells when the earliest claimable delivery is due; zero: none.
	NextDue(ctx context.Context) (time.Time, error)
	// NextProbe returns the delivery in doubt whose look-up is due first, without
	// Data. ErrNotFound: there is none.
	NextProbe(ctx context.Context) (Delivery, error)
}

// Filter narrows a list. The zero value lists the newest first, 100 of them.
type Filter struct {
	State        string // one of MailStates or DeliveryStates; another is an error
	Mailbox      string
	Customer     string    // address, compared without case
	Since        time.Time // mails recorded, conversations changed, deliveries made since
	Limit        int
	Conversation int64
}

// Event is one line of the journal: what happened to a thing, and why.
type Event struct {
	At           time.Time
	What         string // "recorded", "decided", "claimed", "sent", "released" …
	Text         string
	Mail         int64
	Conversation int64
	Delivery     int64
}

// Story is everything known around one mail or conversation.
type Story struct {
	Conversation *Conversation // nil: a mail that belongs to none
	Mails        []MailRecord
	Turns        []Turn
	Deliveries   []Delivery // without Data
	Events       []Event
}

// Counts are the numbers of the health page and metrics.
type Counts struct {
	Mails         map[MailState]int64
	Deliveries    map[DeliveryState]int64
	Conversations int64
	Restored      time.Time // the database, from a backup, or lost; zero: never
	Dropped       int64     // of the dead: those a person dropped
	Stuck         int64     // of the waiting mails: those that wait for what only a person can bring
	Probing       int64     // of those in doubt: those that will be looked up by themselves
	OldestDue     time.Time // of deliveries that can be claimed; zero: none
}

// FormatCount says how many mails a format took, and how many of these are
// parked as drift: from the product's sender, but unlike any of its mails.
type FormatCount struct {
	Format       string
	Mails, Drift int64
}

// Ledger is what people look at and act on.
type Ledger interface {
	Mails(ctx context.Context, f Filter) ([]MailRecord, error)
	Conversations(ctx context.Context, f Filter) ([]Conversation, error)
	Deliveries(ctx context.Context, f Filter) ([]Delivery, error)
	// Find resolves a term a person has at hand: m12, c7, d9, a customer's
	// address, a ticket's number, a Ref token, a Message-ID, a vendor's
	// conversation id, or the URL of a chat or ticket; a # before a number,
	// brackets and quotes around an id do not matter. Several stories are possible; none is ErrNotFound.
	Find(ctx context.Context, term string) ([]Story, error)
	Raw(ctx context.Context, mail int64) ([]byte, error)
	DeliveryData(ctx context.Context, delivery int64) ([]byte, error)
	// RetryNow makes a delivery in retry, doubt, held, dead or bounced due at
	// once; who and why go to the journal. One that was replaced, or dropped while
	// it surely had not arrived, is told by others: that is ErrState.
	RetryNow(ctx context.Context, delivery int64, why string) error
	// DropMail ignores a parked mail; DropDelivery buries one that is not sent,
	// or makes a dead one a settled matter. Unless it was in doubt, no ticket
	// message tells its turns then. ErrFollowed: Replace it with Dropped.
	DropMail(ctx context.Context, mail int64, why string) error
	DropDelivery(ctx context.Context, delivery int64, why string) error
	// SetTicket records the ticket of a conversation. What l leaves empty stays,
	// but another number takes the URL with it. With Confirmed set, the helpdesk
	// has answered the message that opened the ticket, and its delivery, sent or
	// in doubt, becomes Confirmed.
	SetTicket(ctx context.Context, conversation int64, l Link) error
	Counts(ctx context.Context) (Counts, error)
	// Formats counts by format what was recorded since then, by name, copies left
	// out; it looks at the newest ten thousand mails at most.
	Formats(ctx context.Context, since time.Time) ([]FormatCount, error)
	// Unconfirmed counts the messages sent in a time that were to open a ticket and
	// that no acknowledgement came for.
	Unconfirmed(ctx context.Context, from, to time.Time) (int64, error)
}
