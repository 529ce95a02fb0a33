package mailparse

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// Mail is what one mail says: the answer of Parser.Parse and, as JSON, of
// `ticketbridge parse --json`. Of a forward of somebody else's mail the fields
// From … Unquoted are the original's; Outer is always the mail as received.
type Mail struct {
	Forwarded bool
	// Carrier says how the original came: "direct", "inline" (a forward in the
	// body) or "attached" (a message/rfc822 part or .eml file).
	Carrier string

	From    Address // zero where there is none
	To, Cc  []Address
	Subject string // of a forward without the forwarder's Fwd:, WG:, TR: …
	Date    string // RFC 3339; of an inline forward as written in its header block

	Text     string // body_text: of a forward no separator, header block or the forward's own '> '
	Comment  string // what the forwarder wrote above; "" where nothing
	Reply    string // Text without quoted mails, their intro line, and signature
	Unquoted string // Text without quoted mails, signature kept

	Auto        bool // automatic reply, bounce, list robot
	Attachments []Attachment
	Outer       Outer
	Chat        *Transcript // nil: not recognised as a chat mail
	Warnings    []string    // what was damaged or cut, each once: "charset-damage", "limit-parts" …

	// Explain holds the steps of the reasoning, in order, for `parse --explain`.
	Explain []string
}

// Outer is the mail as received.
type Outer struct {
	From      Address
	To, Cc    []Address
	Subject   string
	Date      string // RFC 3339, "" where unreadable
	MessageID string // without the angle brackets
	Text      string // the whole decoded text; of an HTML-only mail its text
	Header    Header // all fields, top to bottom
}

// Address is a mailbox as shown. Address is empty where only a name was given.
type Address struct {
	Address string `json:"address"`
	Name    string `json:"name"`
}

// Field is one header field: its name as written and its unfolded value,
// encoded words still encoded.
type Field struct{ Name, Value string }

// Header keeps a header's fields in order, top to bottom. Order matters: only
// trace fields above our own server's are to be believed (RFC 8601 §5).
type Header []Field

// Get returns the first value of the field, "" where there is none.
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Values returns all values of the field, top to bottom.
func (h Header) Values(name string) []string {
	var vs []string
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			vs = append(vs, f.Value)
		}
	}
	return vs
}

// Attachment is a leaf part that is not the body text. Its content is not held:
// EachAttachment streams it from the raw mail.
type Attachment struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"` // decoded, bytes
	Inline      bool   `json:"inline"`

	ContentID string `json:"-"` // without the angle brackets
	Path      string `json:"-"` // "2.1": IMAP's part number, through attached messages
	// Skip says why the ticket does not carry it (logo, tracking pixel,
	// "Image removed by sender"); "" means it is carried.
	Skip string `json:"-"`
}

// Action is what a profile says is to be done with a mail it recognised.
type Action string

// The actions. Whatever fits a product's sender but no kind is parked as drift.
const (
	Process Action = "process"
	Ignore  Action = "ignore"
	Park    Action = "park"
)

// Transcript is what a recognised chat mail says.
type Transcript struct {
	Format string // profile name
	Kind   string // "message", "assignment", … or "drift"
	Action Action
	Reason string // for a person; always set when Action is not Process
	// Lead: parked for nothing but that no address stands in it. Another mail of
	// the same conversation, or a person, may tell it.
	Lead bool

	Conversation Conversation
	Customer     Customer
	// Candidates are all addresses that were weighed, winner first.
	Candidates []Candidate
	Turns      []Turn
	// Text is the cleaned chat as the ticket shows it.
	Text string
	// Rest is what the mail says where no message could be told apart: its text
	// without quotes and what the product puts there. For a person who releases it.
	Rest string
	// Full: the mail holds the whole chat so far; else it is a delta.
	Full bool
	// Hold: how long to wait for a second mail of the same event (profile [merge]).
	Hold time.Duration
	// Evidence: which profile, which locator, what was dropped; in order.
	Evidence []string
}

// Conversation is the chat at the vendor.
type Conversation struct {
	ID        string `json:"id"`
	Link      string `json:"link"`
	Workspace string `json:"workspace"`
	// Key identifies the conversation among all formats and workspaces:
	// "intercom/abcd1234/1964". Empty where the mail does not tell.
	Key string `json:"-"`
}

// Customer is who asked. Address is empty where none was found or two differ.
type Customer struct {
	Address    string            `json:"address"`
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes"`
	Locator    string            `json:"locator"`
}

// Candidate is an address that was weighed: where it stood, what speaks for it,
// and, where it cannot be the customer, why.
type Candidate struct {
	Address  string
	Locator  string
	Evidence string
	Excluded string // "" = eligible
}

// Role is who speaks in a turn.
type Role string

// The roles of a turn. Notes are internal and never leave the company.
const (
	RoleCustomer Role = "customer"
	RoleAgent    Role = "agent"
	RoleBot      Role = "bot"
	RoleNote     Role = "note"
	RoleSystem   Role = "system"
)

// Turn is one utterance.
type Turn struct {
	Role   Role
	Author string
	At     time.Time // zero where unknown
	// Written is the time as the mail writes it. With Role and Text it is the
	// turn's identity: copies for other agents differ in pixels, tokens and To,
	// yet two "hello?" at two times are two turns.
	Written string
	Text    string
}

// MarshalJSON writes `at` as RFC 3339 or null.
func (t Turn) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Role   Role    `json:"role"`
		Author string  `json:"author"`
		At     *string `json:"at"`
		Text   string  `json:"text"`
	}{t.Role, t.Author, rfc3339(t.At), t.Text})
}

// MarshalJSON writes the transcript by the contract of `parse --json`.
func (t *Transcript) MarshalJSON() ([]byte, error) {
	c := t.Customer
	if c.Attributes == nil {
		c.Attributes = map[string]string{}
	}
	return marshal(struct {
		Format       string       `json:"format"`
		Kind         string       `json:"kind"`
		Action       Action       `json:"action"`
		Reason       string       `json:"reason"`
		Conversation Conversation `json:"conversation"`
		Customer     Customer     `json:"customer"`
		Turns        []Turn       `json:"turns"`
		Text         string       `json:"text"`
	}{t.Format, t.Kind, t.Action, t.Reason, t.Conversation, c, orEmpty(t.Turns), t.Text})
}

// MarshalJSON writes the mail by the contract of `parse --json`: null for an
// address, name, date or comment that is not there, [] for empty lists.
func (m *Mail) MarshalJSON() ([]byte, error) {
	type outer struct {
		FromAddress *string   `json:"from_address"`
		FromName    *string   `json:"from_name"`
		To          []Address `json:"to"`
		Cc          []Address `json:"cc"`
		Subject     string    `json:"subject"`
		Date        *string   `json:"date"`
		MessageID   *string   `json:"message_id"`
		Text        string    `json:"body_text"`
	}
	o := m.Outer
	return marshal(struct {
		Forwarded   bool         `json:"forwarded"`
		FromAddress *string      `json:"from_address"`
		FromName    *string      `json:"from_name"`
		To          []Address    `json:"to"`
		Cc          []Address    `json:"cc"`
		Subject     string       `json:"subject"`
		Date        *string      `json:"date"`
		Text        string       `json:"body_text"`
		Comment     *string      `json:"comment"`
		Reply       string       `json:"reply_text"`
		Unquoted    string       `json:"unquoted_text"`
		Auto        bool         `json:"auto"`
		Attachments []Attachment `json:"attachments"`
		Outer       outer        `json:"outer"`
		Chat        *Transcript  `json:"chat"`
		Warnings    []string     `json:"warnings"`
	}{
		m.Forwarded, orNull(m.From.Address), orNull(m.From.Name), orEmpty(m.To), orEmpty(m.Cc),
		m.Subject, orNull(m.Date), m.Text, orNull(m.Comment), m.Reply, m.Unquoted, m.Auto,
		orEmpty(m.Attachments),
		outer{orNull(o.From.Address), orNull(o.From.Name), orEmpty(o.To), orEmpty(o.Cc),
			o.Subject, orNull(o.Date), orNull(o.MessageID), o.Text},
		m.Chat, orEmpty(m.Warnings),
	})
}

// marshal writes < > & as they are: mails are full of them, and what is written
// goes to a terminal or a file, not into a page.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
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

func rfc3339(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.Format(time.RFC3339)
	return &s
}
