package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

// Start is when the tests' mails begin to arrive.
var Start = time.Date(2026, 11, 23, 9, 0, 0, 123456000, time.UTC)

// Validity is the UIDVALIDITY of the tests' folders.
const Validity = 4711

// Mail makes the arrival of a chat mail. Its content is the conversation and
// the turns: the same from two mailboxes is a copy.
func Mail(mailbox string, uid uint32, conversation string, turns ...string) bridge.Arrival {
	content := conversation + "\n" + strings.Join(turns, "\n")
	raw := []byte("Subject: chat\r\n\r\n" + content + "\r\n")
	when := Start.Add(time.Duration(uid) * time.Second)
	a := bridge.Arrival{
		Record: bridge.MailRecord{
			Source:      bridge.Source{Mailbox: mailbox, Folder: "INBOX", UIDValidity: Validity, UID: uid},
			ContentKey:  digest("content", content),
			MessageID:   digest("message", content) + "@chat.example.com",
			FromAddress: "notifications@chat.example.com",
			FromName:    "Chat",
			Subject:     "New message from a visitor",
			Received:    when,
			Recorded:    when.Add(2 * time.Second),
			Size:        int64(len(raw)),
			Format:      "intercom",
			Kind:        "message",
		},
		Raw: raw,
	}
	if conversation == "" {
		return a
	}
	a.ConversationKey, a.Ref = conversation, Ref(conversation)
	for i, text := range turns {
		a.Turns = append(a.Turns, bridge.Turn{
			Turn:   mailparse.Turn{Role: mailparse.RoleCustomer, Author: "Kim", At: when.Add(time.Duration(i) * time.Millisecond), Written: "9:00", Text: text},
			Digest: digest("turn", text),
		})
	}
	return a
}

// Ref is a conversation's token in these tests.
func Ref(conversation string) string {
	d := strings.ToUpper(digest("ref", conversation))
	return d[:4] + "-" + d[4:8]
}

func digest(what, s string) string {
	sum := sha256.Sum256([]byte(what + "\x01" + s))
	return hex.EncodeToString(sum[:20])
}

// At is the folder's cursor after the mail with this UID.
func At(mailbox string, uid uint32) bridge.Cursor {
	return bridge.Cursor{Mailbox: mailbox, Folder: "INBOX", UIDValidity: Validity, UID: uid, Since: Start,
		LastSize: 22000, LastReceived: Start.Add(time.Duration(uid) * time.Second)}
}

// Judge is a small core: copies and no news are ignored, a new conversation is
// raised, one that goes on is told more.
func Judge(a bridge.Arrival, k bridge.Known) bridge.Verdict {
	if k.Copy != nil {
		return bridge.Verdict{State: bridge.MailIgnored, Reason: "a copy of " + bridge.MailID(k.Copy.ID), CopyOf: k.Copy.ID, Conversation: k.Conversation}
	}
	if a.ConversationKey == "" {
		return bridge.Verdict{State: bridge.MailParked, Reason: "no customer's address in it", KeepRaw: true}
	}
	var news []bridge.Turn
	for i, t := range a.Turns {
		if !k.Seen[i] {
			news = append(news, t)
		}
	}
	if len(news) == 0 {
		return bridge.Verdict{State: bridge.MailIgnored, Reason: "no news", Conversation: k.Conversation}
	}
	v := bridge.Verdict{State: bridge.MailUpdate, Reason: fmt.Sprintf("%d new", len(news)), Turns: news, Customer: "kim@customer.example.net",
		Evidence: []string{"profile intercom", "locator: above the turns"}, KeepRaw: true,
		Decision: bridge.Decision{Action: bridge.Append, Rule: "follow-up", Reason: "it goes on"}}
	c := k.Conversation
	if c == nil {
		c = &bridge.Conversation{Key: a.ConversationKey, Ref: a.Ref, Format: "intercom", VendorID: a.ConversationKey[strings.LastIndexByte(a.ConversationKey, '/')+1:],
			Customer: mailparse.Customer{Address: "kim@customer.example.net", Name: "Kim"}, Identity: "as-customer", Subject: "What it is about",
			Opened: a.Record.Recorded, Link: bridge.Link{Target: "mailbox"}}
		v.State, v.Decision = bridge.MailTicket, bridge.Decision{Action: bridge.Raise, Rule: "at-once", Reason: "new"}
	}
	c.Updated = a.Record.Recorded
	v.Conversation = c
	v.Delivery = Message(a, v.Decision.Action, news)
	c.Thread = append(c.Thread, v.Delivery.MessageID)
	return v
}

// Message is the ticket message that carries the turns.
func Message(a bridge.Arrival, action bridge.Action, news []bridge.Turn) *bridge.Delivery {
	var all []string
	for _, t := range news {
		all = append(all, t.Digest)
	}
	id := "tb." + digest("delivery", a.ConversationKey+strings.Join(all, ""))
	data := []byte("Message-ID: <" + id + "@example.com>\r\n\r\n" + news[0].Text + "\r\n")
	sum := sha256.Sum256(data)
	return &bridge.Delivery{
		Action: action, Reason: "because", MessageID: id + "@example.com", ReversePath: "bounce+" + id + "@example.com",
		Recipient: "support@example.com", Data: data, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
		State: bridge.Ready, Created: a.Record.Recorded, Next: a.Record.Recorded,
	}
}
