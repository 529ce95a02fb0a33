package main

import (
	"time"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

// The shapes of --json. They are a contract of their own: scripts read them, so
// they do not follow when a struct of the core changes.

type mailJSON struct {
	ID           string   `json:"id"`
	State        string   `json:"state"`
	Reason       string   `json:"reason"`
	Mailbox      string   `json:"mailbox"`
	Folder       string   `json:"folder"`
	UIDValidity  uint32   `json:"uid_validity"`
	UID          uint32   `json:"uid"`
	Received     *string  `json:"received"`
	Recorded     *string  `json:"recorded"`
	Size         int64    `json:"size"`
	From         string   `json:"from_address"`
	FromName     string   `json:"from_name"`
	Subject      string   `json:"subject"`
	MessageID    string   `json:"message_id"`
	Format       string   `json:"format"`
	Kind         string   `json:"kind"`
	Customer     string   `json:"customer"`
	Conversation *string  `json:"conversation"`
	CopyOf       *string  `json:"copy_of"`
	Evidence     []string `json:"evidence"`
}

func newMailJSON(m bridge.MailRecord) mailJSON {
	return mailJSON{
		ID: bridge.MailID(m.ID), State: string(m.State), Reason: m.Reason,
		Mailbox: m.Mailbox, Folder: m.Folder, UIDValidity: m.UIDValidity, UID: m.UID,
		Received: timeJSON(m.Received), Recorded: timeJSON(m.Recorded), Size: m.Size,
		From: m.FromAddress, FromName: m.FromName, Subject: m.Subject, MessageID: m.MessageID,
		Format: m.Format, Kind: m.Kind, Customer: m.Customer,
		Conversation: orNull(bridge.ConversationID(m.Conversation)), CopyOf: orNull(bridge.MailID(m.CopyOf)),
		Evidence: orEmpty(m.Evidence),
	}
}

type ticketJSON struct {
	Target    string  `json:"target"`
	Number    *string `json:"number"`
	URL       *string `json:"url"`
	MessageID *string `json:"message_id"`
	Confirmed *string `json:"confirmed"`
	Resolved  *string `json:"resolved"`
}

type conversationJSON struct {
	ID            string             `json:"id"`
	Key           string             `json:"key"`
	Ref           string             `json:"ref"`
	Format        string             `json:"format"`
	ChatID        string             `json:"chat_id"`
	ChatURL       string             `json:"chat_url"`
	Workspace     string             `json:"workspace"`
	Customer      mailparse.Customer `json:"customer"`
	Subject       string             `json:"subject"`
	Identity      string             `json:"identity"`
	IdentityWhy   string             `json:"identity_reason"`
	Opened        *string            `json:"opened"`
	Updated       *string            `json:"updated"`
	FirstCustomer *string            `json:"first_customer"`
	LastCustomer  *string            `json:"last_customer"`
	LastAgent     *string            `json:"last_agent"`
	Deadline      *string            `json:"deadline"`
	Messages      []string           `json:"message_ids"`
	Ticket        ticketJSON         `json:"ticket"`
}

func newConversationJSON(c bridge.Conversation) conversationJSON {
	if c.Customer.Attributes == nil {
		c.Customer.Attributes = map[string]string{}
	}
	return conversationJSON{
		ID: bridge.ConversationID(c.ID), Key: c.Key, Ref: c.Ref, Format: c.Format, ChatID: c.VendorID, ChatURL: c.URL, Workspace: c.Workspace,
		Customer: c.Customer, Subject: c.Subject, Identity: c.Identity, IdentityWhy: c.IdentityReason,
		Opened: timeJSON(c.Opened), Updated: timeJSON(c.Updated), FirstCustomer: timeJSON(c.FirstCustomer),
		LastCustomer: timeJSON(c.LastCustomer), LastAgent: timeJSON(c.LastAgent), Deadline: timeJSON(c.Deadline),
		Messages: orEmpty(c.Thread),
		Ticket: ticketJSON{Target: c.Link.Target, Number: orNull(c.Link.Ticket), URL: orNull(c.Link.URL),
			MessageID: orNull(c.Link.MessageID), Confirmed: timeJSON(c.Link.Confirmed), Resolved: timeJSON(c.Link.Resolved)},
	}
}

type deliveryJSON struct {
	ID           string  `json:"id"`
	State        string  `json:"state"`
	Detail       string  `json:"detail"`
	Action       string  `json:"action"`
	Reason       string  `json:"reason"`
	Conversation *string `json:"conversation"`
	Mail         *string `json:"mail"`
	MessageID    string  `json:"message_id"`
	ReversePath  string  `json:"reverse_path"`
	Recipient    string  `json:"recipient"`
	Size         int64   `json:"size"`
	SHA256       string  `json:"sha256"`
	Attempts     int     `json:"attempts"`
	Created      *string `json:"created"`
	Next         *string `json:"next"`
	Claimed      *string `json:"claimed"`
	Settled      *string `json:"settled"`
	Worker       string  `json:"worker"`
	Waits        *string `json:"waits_for"`
	ReplacedBy   *string `json:"replaced_by"`
}

func newDeliveryJSON(d bridge.Delivery) deliveryJSON {
	return deliveryJSON{
		ID: bridge.DeliveryID(d.ID), State: string(d.State), Detail: d.Detail, Action: string(d.Action), Reason: d.Reason,
		Conversation: orNull(bridge.ConversationID(d.Conversation)), Mail: orNull(bridge.MailID(d.Mail)),
		MessageID: d.MessageID, ReversePath: d.ReversePath, Recipient: d.Recipient, Size: d.Size, SHA256: d.SHA256,
		Attempts: d.Attempts, Created: timeJSON(d.Created), Next: timeJSON(d.Next), Claimed: timeJSON(d.Claimed),
		Settled: timeJSON(d.Settled), Worker: d.Worker, Waits: orNull(bridge.DeliveryID(d.Waits)),
		ReplacedBy: orNull(bridge.DeliveryID(d.ReplacedBy)),
	}
}

type turnJSON struct {
	mailTurn
	Mail *string `json:"mail"`
}

// mailTurn is a turn as `parse --json` writes it; its own MarshalJSON would
// swallow the field beside it.
type mailTurn struct {
	Role   mailparse.Role `json:"role"`
	Author string         `json:"author"`
	At     *string        `json:"at"`
	Text   string         `json:"text"`
}

type eventJSON struct {
	At           *string `json:"at"`
	What         string  `json:"what"`
	Text         string  `json:"text"`
	Mail         *string `json:"mail"`
	Conversation *string `json:"conversation"`
	Delivery     *string `json:"delivery"`
}

// storyMailJSON has the attachments, too; null where nothing is kept of the mail.
type storyMailJSON struct {
	mailJSON
	Attachments []attachmentJSON `json:"attachments"`
}

type attachmentJSON struct {
	Filename string  `json:"filename"`
	Type     string  `json:"content_type"`
	Size     int64   `json:"size"`
	Inline   bool    `json:"inline"`
	Carried  bool    `json:"carried"`
	Why      *string `json:"why_not"`
}

func newStoryMailJSON(m bridge.MailRecord, kept *keptMail) storyMailJSON {
	j := storyMailJSON{mailJSON: newMailJSON(m)}
	if kept == nil {
		return j
	}
	j.Attachments = []attachmentJSON{}
	sent := m.State == bridge.MailTicket || m.State == bridge.MailUpdate
	for _, f := range kept.files {
		j.Attachments = append(j.Attachments, attachmentJSON{f.Filename, f.ContentType, f.Size, f.Inline, sent && f.Skip == "", orNull(f.Skip)})
	}
	return j
}

type storyJSON struct {
	Conversation *conversationJSON `json:"conversation"`
	Mails        []storyMailJSON   `json:"mails"`
	Turns        []turnJSON        `json:"turns"`
	Deliveries   []deliveryJSON    `json:"deliveries"`
	Events       []eventJSON       `json:"events"`
}

func newStoryJSON(s bridge.Story, kept map[int64]*keptMail) storyJSON {
	j := storyJSON{Mails: []storyMailJSON{}, Turns: []turnJSON{}, Deliveries: []deliveryJSON{}, Events: []eventJSON{}}
	if s.Conversation != nil {
		c := newConversationJSON(*s.Conversation)
		j.Conversation = &c
	}
	for _, m := range s.Mails {
		j.Mails = append(j.Mails, newStoryMailJSON(m, kept[m.ID]))
	}
	for _, t := range s.Turns {
		j.Turns = append(j.Turns, turnJSON{mailTurn{t.Role, t.Author, timeJSON(t.At), t.Text}, orNull(bridge.MailID(t.Mail))})
	}
	for _, d := range s.Deliveries {
		j.Deliveries = append(j.Deliveries, newDeliveryJSON(d))
	}
	for _, e := range s.Events {
		j.Events = append(j.Events, eventJSON{timeJSON(e.At), e.What, e.Text,
			orNull(bridge.MailID(e.Mail)), orNull(bridge.ConversationID(e.Conversation)), orNull(bridge.DeliveryID(e.Delivery))})
	}
	return j
}

func timeJSON(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339Nano)
	return &s
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
