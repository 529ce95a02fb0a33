package sqlstore

import (
	"slices"
	"time"

	"ticketbridge/bridge"
)

const mailColumns = `m.id, f.mailbox, f.folder, m.uidvalidity, m.uid, m.content_key, m.message_id, m.from_address, m.from_name,
	m.subject, m.received, m.size, m.state, m.reason, m.format, m.kind, m.customer, m.conversation_id, m.copy_of, m.evidence,
	m.recorded, m.has_raw`

const selectMails = `SELECT ` + mailColumns + ` FROM mails m JOIN folders f ON f.id = m.folder_id`

func scanMail(scan func(...any) error) (bridge.MailRecord, error) { return scanMailAnd(scan) }

// scanMailAnd scans mailColumns and what follows them.
func scanMailAnd(scan func(...any) error, more ...any) (m bridge.MailRecord, err error) {
	err = scan(append([]any{&m.ID, &m.Mailbox, &m.Folder, &m.UIDValidity, &m.UID, &m.ContentKey, &m.MessageID, &m.FromAddress, &m.FromName,
		&m.Subject, at{&m.Received}, &m.Size, &m.State, &m.Reason, &m.Format, &m.Kind, &m.Customer, id{&m.Conversation}, id{&m.CopyOf},
		fromJSON{&m.Evidence}, at{&m.Recorded}, yes{&m.HasRaw}}, more...)...)
	return m, err
}

const insertMails = `INSERT INTO mails (id, folder_id, uidvalidity, uid, content_key, message_id, from_address, from_name, subject,
	received, size, state, reason, format, kind, customer, customer_fold, conversation_id, copy_of, evidence, recorded, has_raw) VALUES %s`

const insertMailsCols = 22

func mailArgs(args []any, folder int64, m *bridge.MailRecord) []any {
	return append(args, m.ID, folder, int64(m.UIDValidity), int64(m.UID), m.ContentKey, m.MessageID, m.FromAddress, m.FromName, m.Subject,
		micros(m.Received), m.Size, string(m.State), m.Reason, m.Format, m.Kind, m.Customer, fold(m.Customer), ref(m.Conversation),
		ref(m.CopyOf), list(m.Evidence), m.Recorded.UnixMicro(), bit(m.HasRaw))
}

// asStored makes of a record what reading it back would give.
func asStored(m bridge.MailRecord) bridge.MailRecord {
	for _, s := range []*string{&m.Mailbox, &m.Folder, &m.ContentKey, &m.MessageID, &m.FromAddress, &m.FromName, &m.Subject, &m.Reason,
		&m.Format, &m.Kind, &m.Customer} {
		*s = clean(*s)
	}
	m.Evidence = cleaned(m.Evidence)
	m.Received, m.Recorded = stored(m.Received), stored(m.Recorded)
	return m
}

// conversation is a row: what the bridge sees, and how many turns there are.
type conversation struct {
	bridge.Conversation
	turns  int64
	untold []bridge.Turn // of an intake's conversations: public, and told by no delivery
}

const conversationColumns = `c.id, c.key, c.ref, c.format, c.vendor_id, c.url, c.workspace, c.customer, c.customer_name,
	c.customer_locator, c.attributes, c.subject, c.identity, c.identity_reason, c.opened, c.updated, c.first_customer, c.last_customer, c.last_agent,
	c.waiting, c.deadline, c.thread, c.turns, c.link_target, c.link_message_id, c.link_ticket, c.link_url, c.link_confirmed, c.link_resolved`

const selectConversations = `SELECT ` + conversationColumns + ` FROM conversations c`

func scanConversation(scan func(...any) error) (c conversation, err error) {
	err = scan(&c.ID, &c.Key, &c.Ref, &c.Format, &c.VendorID, &c.URL, &c.Workspace, &c.Customer.Address, &c.Customer.Name,
		&c.Customer.Locator, fromJSON{&c.Customer.Attributes}, &c.Subject, &c.Identity, &c.IdentityReason, at{&c.Opened}, at{&c.Updated}, at{&c.FirstCustomer},
		at{&c.LastCustomer}, at{&c.LastAgent}, at{&c.Waiting}, at{&c.Deadline}, fromJSON{&c.Thread}, &c.turns, &c.Link.Target, &c.Link.MessageID,
		&c.Link.Ticket, &c.Link.URL, at{&c.Link.Confirmed}, at{&c.Link.Resolved})
	return c, err
}

// putConversations makes new conversations and brings known ones up to date. A
// conversation's key, ref and place at the vendor never change.
const putConversations = `INSERT INTO conversations (id, key, ref, format, vendor_id, url, workspace, customer, customer_fold,
	customer_name, customer_locator, attributes, subject, identity, identity_reason, opened, updated, first_customer, last_customer, last_agent, waiting, deadline,
	thread, turns, link_target, link_message_id, link_ticket, link_url, link_confirmed, link_resolved) VALUES %s
	ON CONFLICT (id) DO UPDATE SET url = excluded.url, customer = excluded.customer, customer_fold = excluded.customer_fold,
	customer_name = excluded.customer_name, customer_locator = excluded.customer_locator, attributes = excluded.attributes,
	subject = excluded.subject, identity = excluded.identity, identity_reason = excluded.identity_reason, opened = excluded.opened, updated = excluded.updated,
	first_customer = excluded.first_customer, last_customer = excluded.last_customer, last_agent = excluded.last_agent,
	waiting = excluded.waiting, deadline = excluded.deadline, thread = excluded.thread, turns = excluded.turns, link_target = excluded.link_target,
	link_message_id = excluded.link_message_id, link_ticket = excluded.link_ticket, link_url = excluded.link_url,
	link_confirmed = excluded.link_confirmed, link_resolved = excluded.link_resolved`

const putConversationsCols = 30

func conversationArgs(args []any, c *conversation) []any {
	return append(args, c.ID, c.Key, c.Ref, c.Format, c.VendorID, c.URL, c.Workspace, c.Customer.Address, fold(c.Customer.Address),
		c.Customer.Name, c.Customer.Locator, dict(c.Customer.Attributes), c.Subject, c.Identity, c.IdentityReason, micros(c.Opened), micros(c.Updated),
		micros(c.FirstCustomer), micros(c.LastCustomer), micros(c.LastAgent), micros(c.Waiting), micros(c.Deadline), list(c.Thread), c.turns,
		c.Link.Target, c.Link.MessageID, c.Link.Ticket, c.Link.URL, micros(c.Link.Confirmed), micros(c.Link.Resolved))
}

const insertTurns = `INSERT INTO turns (conversation_id, digest, n, mail_id, role, author, at, written, text, delivery_id) VALUES %s`

const insertTurnsCols = 10

func turnArgs(args []any, conversation, n int64, t bridge.Turn) []any {
	return append(args, conversation, t.Digest, n, t.Mail, string(t.Role), t.Author, micros(t.At), t.Written, t.Text, ref(t.Delivery))
}

const turnColumns = `t.digest, t.mail_id, t.role, t.author, t.at, t.written, t.text, t.delivery_id`

const selectTurns = `SELECT ` + turnColumns + ` FROM turns t`

// scanTurn scans turnColumns and what follows them.
func scanTurn(scan func(...any) error, more ...any) (t bridge.Turn, err error) {
	err = scan(append([]any{&t.Digest, &t.Mail, &t.Role, &t.Author, at{&t.At}, &t.Written, &t.Text, id{&t.Delivery}}, more...)...)
	return t, err
}

const deliveryColumns = `d.id, d.conversation_id, d.mail_id, d.action, d.reason, d.message_id, d.reverse_path, d.recipient, d.size,
	d.sha256, d.state, d.detail, d.attempts, d.probes, d.created, d.next, d.claimed, d.worker, d.settled, d.replaced_by`

// scanDelivery scans deliveryColumns and what follows them.
func scanDelivery(scan func(...any) error, more ...any) (d bridge.Delivery, err error) {
	err = scan(slices.Concat([]any{&d.ID, &d.Conversation, &d.Mail, &d.Action, &d.Reason, &d.MessageID, &d.ReversePath, &d.Recipient, &d.Size,
		&d.SHA256, &d.State, &d.Detail, &d.Attempts, &d.Probes, at{&d.Created}, at{&d.Next}, at{&d.Claimed}, &d.Worker, at{&d.Settled}, id{&d.ReplacedBy}}, more)...)
	return d, err
}

const insertDeliveries = `INSERT INTO deliveries (id, conversation_id, mail_id, action, reason, message_id, reverse_path, recipient,
	size, sha256, state, detail, created, next) VALUES %s ON CONFLICT (message_id) DO NOTHING`

const insertDeliveriesCols = 14

func deliveryArgs(args []any, d *bridge.Delivery) []any {
	return append(args, d.ID, d.Conversation, d.Mail, string(d.Action), d.Reason, d.MessageID, d.ReversePath, d.Recipient,
		d.Size, d.SHA256, string(d.State), d.Detail, d.Created.UnixMicro(), micros(d.Next))
}

const insertJournal = `INSERT INTO journal (at, what, text, mail_id, conversation_id, delivery_id) VALUES %s`

const insertJournalCols = 6

func eventArgs(args []any, e bridge.Event) []any {
	return append(args, e.At.UnixMicro(), e.What, e.Text, ref(e.Mail), ref(e.Conversation), ref(e.Delivery))
}

// gather collects what scan makes of each row.
func gather[T any](into *[]T, scan func(func(...any) error) (T, error)) func(func(...any) error) error {
	return func(row func(...any) error) error {
		v, err := scan(row)
		*into = append(*into, v)
		return err
	}
}

// orNow is the clock for what comes without a time.
func orNow(t time.Time) time.Time {
	if t.IsZero() {
		t = time.Now()
	}
	return stored(t)
}
