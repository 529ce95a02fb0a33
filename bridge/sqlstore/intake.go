package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ticketbridge/bridge"
)

// intake is a batch of mails on its way into the database: what is known about
// them is read at once (known.go), they are judged in order in memory, each
// seeing what the ones before it left, and all is written at once (flush.go).
type intake struct {
	tx       *session
	judge    bridge.Judge
	arrivals []bridge.Arrival
	again    *bridge.MailRecord // the parked mail that is judged once more

	folders map[place]int64
	mails   map[string][]bridge.MailRecord // by content key, oldest first
	convs   map[string]*conversation       // by key
	seen    map[turnKey]bool
	// restored is when the database was last found to have been restored.
	restored time.Time

	answered map[bridge.Source]*bridge.Delivery // what an arrival answers (answers.go)

	mailIDs []int64          // reserved, not used yet
	convIDs map[string]int64 // reserved for conversations that are new, by key

	records []bridge.MailRecord // the answer, one for each arrival
	news    []*accepted
	touched []*conversation       // to be written, in order of first touch
	told    map[turnKey]*accepted // turns of earlier mails, by the mail whose delivery tells them
	along   []along
	events  []bridge.Event // beside those of the arrivals
}

// along is a mail of an earlier batch whose turns a delivery tells.
type along struct {
	mail int64
	by   *accepted
}

// accepted is one mail's share of what has to be written.
type accepted struct {
	arrival  *bridge.Arrival
	record   *bridge.MailRecord
	conv     *conversation
	decision bridge.Decision
	along    string // why mails whose turns it tells are no longer parked
	turns    []bridge.Turn
	first    int64 // the number of the first of turns
	delivery *bridge.Delivery
	answered *bridge.Answered
}

type place struct{ mailbox, folder string }

type turnKey struct {
	conversation int64
	digest       string
}

func newIntake(tx *session, as []bridge.Arrival, judge bridge.Judge) *intake {
	in := &intake{
		tx: tx, judge: judge,
		arrivals: slices.Clone(as),
		folders:  map[place]int64{},
		mails:    map[string][]bridge.MailRecord{},
		convs:    map[string]*conversation{},
		seen:     map[turnKey]bool{},
		convIDs:  map[string]int64{},
		answered: map[bridge.Source]*bridge.Delivery{},
		told:     map[turnKey]*accepted{},
		records:  make([]bridge.MailRecord, len(as)),
	}
	for i := range in.arrivals {
		a := &in.arrivals[i]
		a.Record.Recorded = orNow(a.Record.Recorded)
		a.Record = asStored(a.Record)
		a.ConversationKey, a.Ref = clean(a.ConversationKey), clean(a.Ref)
	}
	return in
}

// rejudge: the mail keeps its identity, and takes what was read in it now.
func (in *intake) rejudge(was bridge.MailRecord) {
	a := &in.arrivals[0]
	in.again = &was
	m := a.Record
	m.ID, m.Source, m.Received, m.Recorded = was.ID, was.Source, was.Received, was.Recorded
	if !a.Fetched {
		m.ContentKey, m.Size, m.HasRaw = was.ContentKey, was.Size, was.HasRaw
	}
	a.Record = m
}

// recorded is the mail if it is in the database (or the batch) already.
func (in *intake) recorded(a *bridge.Arrival) *bridge.MailRecord {
	if in.again != nil {
		return nil
	}
	same := in.mails[a.Record.ContentKey]
	for i := range same {
		if same[i].Source == a.Record.Source {
			return &same[i]
		}
	}
	return nil
}

// original is the earliest mail with the same content. To a mail judged again
// only older ones count: a copy that came later refers to it.
func (in *intake) original(a *bridge.Arrival) *bridge.MailRecord {
	same := in.mails[a.Record.ContentKey]
	if len(same) == 0 || a.Record.ContentKey == "" || in.again != nil && same[0].ID >= in.again.ID {
		return nil
	}
	m := same[0]
	m.Evidence = slices.Clone(m.Evidence)
	return &m
}

// decide has one arrival judged and notes what is to be written.
func (in *intake) decide(ctx context.Context, i int) error {
	a := &in.arrivals[i]
	if m := in.recorded(a); m != nil {
		in.records[i] = *m
		return nil
	}
	conv := in.convs[a.ConversationKey]
	if in.again == nil {
		a.ID = in.mailIDs[0]
	}
	k := in.known(a, conv)
	var rawErr error
	if len(k.Untold) > 0 {
		k.Raw = func(mail int64) []byte {
			raw, err := in.raw(ctx, mail)
			rawErr = errors.Join(rawErr, err)
			return raw
		}
	}
	v := in.judge(*a, k)
	if rawErr != nil {
		return rawErr
	}
	if err := possible(a, v, conv); err != nil {
		return fmt.Errorf("impossible verdict: %w", err)
	}
	conv = in.converse(a, v, conv)
	in.records[i] = in.record(a, v, conv)
	n := &accepted{arrival: a, record: &in.records[i], conv: conv, decision: v.Decision, along: v.Along, answered: v.Answered}
	in.append(n, v.Turns)
	if v.Delivery != nil {
		in.enqueue(n, *v.Delivery)
		in.tell(n)
	}
	in.news = append(in.news, n)
	in.mails[a.Record.ContentKey] = append(in.mails[a.Record.ContentKey], in.records[i])
	return nil
}

func (in *intake) known(a *bridge.Arrival, conv *conversation) bridge.Known {
	k := bridge.Known{Copy: in.original(a), Seen: make([]bool, len(a.Turns)), Delivery: in.answered[a.Record.Source], Restored: in.restored}
	if conv == nil {
		return k
	}
	c := conv.Conversation // a copy: whatever the judge does with it, ours stays
	c.Thread, c.Customer.Attributes = slices.Clone(c.Thread), maps.Clone(c.Customer.Attributes)
	k.Conversation, k.Untold = &c, slices.Clone(conv.untold)
	for i, t := range a.Turns {
		k.Seen[i] = in.seen[turnKey{conv.ID, clean(t.Digest)}]
	}
	return k
}

// possible finds verdicts that could only be recorded wrong: bugs of the judge.
func possible(a *bridge.Arrival, v bridge.Verdict, conv *conversation) error {
	switch {
	case !slices.Contains(bridge.MailStates, v.State):
		return fmt.Errorf("state %q", v.State)
	case v.Conversation != nil && (a.ConversationKey == "" || clean(v.Conversation.Key) != a.ConversationKey):
		return fmt.Errorf("conversation %q for a mail of %q", v.Conversation.Key, a.ConversationKey)
	case v.Conversation == nil && conv == nil && (len(v.Turns) > 0 || v.Delivery != nil):
		return errors.New("turns or a delivery without a conversation")
	case v.Delivery != nil && v.Delivery.MessageID == "":
		return errors.New("a delivery without a Message-ID")
	case v.Delivery != nil && v.Delivery.State != "" && (!slices.Contains(bridge.DeliveryStates, v.Delivery.State) || v.Delivery.State == bridge.Sending):
		return fmt.Errorf("delivery state %q", v.Delivery.State)
	}
	return nil
}

// converse takes over the conversation as the judge gives it.
func (in *intake) converse(a *bridge.Arrival, v bridge.Verdict, conv *conversation) *conversation {
	if v.Conversation == nil {
		return conv
	}
	if conv == nil {
		conv = &conversation{Conversation: bridge.Conversation{ID: in.convIDs[a.ConversationKey], Ref: a.Ref}}
		in.convs[a.ConversationKey] = conv
	}
	c := *v.Conversation
	c.ID, c.Key, c.Ref = conv.ID, a.ConversationKey, conv.Ref
	conv.Conversation = c
	in.touch(conv)
	return conv
}

func (in *intake) touch(conv *conversation) {
	if !slices.Contains(in.touched, conv) {
		in.touched = append(in.touched, conv)
	}
}

func (in *intake) record(a *bridge.Arrival, v bridge.Verdict, conv *conversation) bridge.MailRecord {
	m := a.Record
	if in.again == nil {
		m.ID, in.mailIDs = a.ID, in.mailIDs[1:]
	}
	m.State, m.Reason, m.CopyOf, m.Conversation = v.State, v.Reason, v.CopyOf, 0
	if conv != nil && a.Answer == nil {
		m.Conversation = conv.ID
	}
	if v.Customer != "" {
		m.Customer = v.Customer
	}
	if v.Evidence != nil {
		m.Evidence = v.Evidence
	}
	m.HasRaw = v.KeepRaw && (len(a.Raw) > 0 || m.HasRaw)
	return asStored(m)
}

// append adds the news to the conversation, each turn once.
func (in *intake) append(n *accepted, turns []bridge.Turn) {
	if len(turns) == 0 {
		return
	}
	n.first = n.conv.turns
	for _, t := range turns {
		t.Digest = clean(t.Digest)
		key := turnKey{n.conv.ID, t.Digest}
		if in.seen[key] {
			continue
		}
		in.seen[key] = true
		t.Mail = n.record.ID
		n.turns = append(n.turns, t)
		if t.Public() {
			n.conv.untold = append(n.conv.untold, t)
		}
	}
	n.conv.turns += int64(len(n.turns))
	in.touch(n.conv)
}

// enqueue completes the delivery and makes it part of the conversation's thread.
func (in *intake) enqueue(n *accepted, d bridge.Delivery) {
	d.Conversation, d.Mail = n.conv.ID, n.record.ID
	d.MessageID, d.Created = clean(d.MessageID), stored(d.Created)
	if d.Created.IsZero() && in.again == nil {
		d.Created = n.record.Recorded
	}
	d.Created = orNow(d.Created)
	if d.State == "" {
		d.State = bridge.Ready
	}
	d.Next = due(d.State, d.Next, d.Created)
	if d.Action == "" {
		d.Action = n.decision.Action
	}
	if d.SHA256 == "" {
		sum := sha256.Sum256(d.Data)
		d.SHA256 = hex.EncodeToString(sum[:])
	}
	d.Size = int64(len(d.Data))
	n.delivery = &d
	n.conv.enqueued(&d)
	in.touch(n.conv)
}

// enqueued makes a delivery part of the conversation's thread.
func (c *conversation) enqueued(d *bridge.Delivery) {
	if !slices.Contains(c.Thread, d.MessageID) {
		c.Thread = append(slices.Clone(c.Thread), d.MessageID)
	}
	if d.Action == bridge.Raise && c.Link.MessageID == "" {
		c.Link.MessageID = d.MessageID
	}
}

// tell notes that the mail's delivery tells all that its conversation's others
// left out, and settles the mails that were parked or waiting with it.
func (in *intake) tell(n *accepted) {
	mails := map[int64]bool{n.record.ID: true}
	for _, t := range n.conv.untold {
		in.told[turnKey{n.conv.ID, t.Digest}] = n
		if mails[t.Mail] {
			continue
		}
		mails[t.Mail] = true
		if m := in.accepted(t.Mail); m == nil {
			in.along = append(in.along, along{t.Mail, n})
		} else if settles(m.State) {
			m.State, m.Reason, m.Customer = n.record.State, clean(n.along), n.record.Customer
		}
	}
	n.conv.untold = nil
}

// accepted finds a mail that is not written yet.
func (in *intake) accepted(mail int64) *bridge.MailRecord {
	for _, n := range in.news {
		if n.record.ID == mail {
			return n.record
		}
	}
	return nil
}

// settles: a mail in this state is settled once a delivery tells its turns.
func settles(s bridge.MailState) bool { return s == bridge.MailParked || s == bridge.MailWaiting }

// raw reads a mail that is kept, of this batch or an earlier one.
func (in *intake) raw(ctx context.Context, mail int64) ([]byte, error) {
	for _, n := range in.news {
		if n.record.ID == mail {
			return n.arrival.Raw, nil
		}
	}
	raw, err := scanRaw(in.tx.row(ctx, selectRaw, mail))
	if errors.Is(err, bridge.ErrNotFound) {
		return nil, nil // not kept
	}
	if err != nil {
		return nil, fmt.Errorf("raw mail of %s: %w", bridge.MailID(mail), err)
	}
	return raw, nil
}
