package bridge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/textproto"
	"strings"

	"ticketbridge/mailparse"
)

// Bounce is a delivery status notification (RFC 3464) as far as it matters.
type Bounce struct {
	// Why it does not count, "" if it does: anybody may write to a reverse-path he
	// has seen.
	Why    string
	Action string // failed, delayed, delivered, relayed, expanded; "" where the report tells none
	Status string // "5.1.1", "" where it tells none
	Text   string // the diagnostic, or what the notice says; one line
}

// reversePath is the return path of ours that the mail is addressed to.
func (in *Ingest) reversePath(m *mailparse.Mail) string {
	for _, name := range []string{"X-Original-To", "Delivered-To", "To"} {
		for _, value := range m.Outer.Header.Values(name) {
			if in.Keys.OwnReversePath(value) {
				return in.Keys.asWritten(value)
			}
		}
	}
	return ""
}

// readBounce reads a mail to a return path of ours. It counts with an empty
// reverse-path of its own (RFC 5321 §4.5.5), and if it is a report or returns our
// message.
func readBounce(raw []byte, m *mailparse.Mail, k Keys) *Bounce {
	b := &Bounce{Text: cut(foldSpace(m.Outer.Text), 200)}
	h := m.Outer.Header
	report := strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.Get("Content-Type"))), "multipart/report")
	path, kept := "", false
	for _, value := range h.Values("Return-Path") {
		path, kept = strings.Trim(strings.TrimSpace(value), "<>"), true
		break // the one the last server added
	}
	switch {
	case kept && path != "":
		b.Why = fmt.Sprintf("it comes from %s, and a bounce has no return path", shown(path))
	case !kept && !report:
		b.Why = "its return path is not known, and it is no report"
	case !report && !returnsOurs(raw, k):
		b.Why = "it is no report, and returns no message of ours"
	}
	if b.Why == "" {
		b.readStatus(raw)
	}
	return b
}

// returnsOurs looks for a Message-ID of ours below the header.
func returnsOurs(raw []byte, k Keys) bool {
	const field = "message-id:"
	for rest := body(raw); ; {
		i := bytes.IndexByte(rest, '\n')
		line := rest
		if i >= 0 {
			line = rest[:i]
		}
		line = bytes.TrimSpace(bytes.TrimLeft(line, "> \t"))
		if len(line) > len(field) && strings.EqualFold(string(line[:len(field)]), field) && k.Own(string(line[len(field):])) {
			return true
		}
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
}

// maxStatus is how much of a report is read; Postfix's are under 1 KB.
const maxStatus = 64 << 10

// readStatus takes the per-recipient fields (RFC 3464 §2.3) of the report. Our
// messages have one recipient, so the first that tells an Action counts.
func (b *Bounce) readStatus(raw []byte) {
	// What cannot be read leaves the notice's own text, which a person reads.
	_ = mailparse.EachAttachment(raw, func(a mailparse.Attachment, r io.Reader) error {
		if a.ContentType != "message/delivery-status" || b.Action != "" {
			return nil
		}
		fields := textproto.NewReader(bufio.NewReader(io.LimitReader(r, maxStatus)))
		for {
			h, err := fields.ReadMIMEHeader()
			if action := h.Get("Action"); action != "" {
				b.Action, b.Status = strings.ToLower(foldSpace(action)), cut(foldSpace(h.Get("Status")), 20)
				if text := foldSpace(h.Get("Diagnostic-Code")); text != "" {
					b.Text = cut(printable(text), 300)
				}
				return nil
			}
			if err != nil {
				return nil
			}
		}
	})
}

// failed: a report that tells no Action is the old kind, which only failures made.
func (b Bounce) failed() bool { return b.Action == "failed" || b.Action == "" }

func (b Bounce) String() string {
	if b.Status == "" {
		return b.Text
	}
	return strings.TrimSpace(b.Status + " " + strings.TrimPrefix(b.Text, "smtp; "))
}

// returned settles the delivery a bounce is about. Whatever else comes to a
// return path does nothing.
func (in *Ingest) returned(b Bounce, k Known) Verdict {
	switch {
	case b.Why != "":
		return ignored("addressed to a return path of ours, but no bounce: " + b.Why)
	case k.Delivery == nil:
		return ignored("a bounce of a message that is not recorded here: " + b.String())
	}
	id := DeliveryID(k.Delivery.ID)
	v := ignored(fmt.Sprintf("bounce of %s: %s", id, b))
	v.Answered = &Answered{Delivery: k.Delivery.ID, Detail: "returned: " + b.String()}
	if b.failed() {
		v.Answered.State = Bounced
	} else {
		v.Reason = cut(fmt.Sprintf("notice about %s, %s: %s", id, b.Action, b), 400)
		v.Answered.Detail = b.Action + ": " + b.String()
	}
	return v
}
