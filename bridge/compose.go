package bridge

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"

	"ticketbridge/mailparse"
)

// Target is the helpdesk ticket messages go to, as the config names it.
type Target struct {
	Profile        string `toml:"profile"`         // "mailbox"
	Address        string `toml:"address"`         // the one RCPT TO
	Identity       string `toml:"identity"`        // "as-customer"
	Sender         string `toml:"sender"`          // Sender: of every ticket message; "" its return path, "none" no such field
	OnDoubt        string `toml:"on_doubt"`        // "probe", "resend" or "hold"
	AttachOriginal bool   `toml:"attach_original"` // the mirrored mail as message/rfc822
}

// Composer makes ticket messages. It is pure: the same draft gives the same bytes.
type Composer struct {
	Target     Target
	OwnDomains []string
}

// Draft is what one ticket message is made of.
type Draft struct {
	Conversation *Conversation // the news counted in; its Subject is set by the first message
	News         []Turn        // what the message tells, without internal notes
	Action       Action        // Raise or Append
	Mail         *mailparse.Mail
	Raw          []byte // the mirrored mail, for its attachments
	Now          time.Time
}

// Compose makes the final message: every id and date in it is fixed here, so
// that each later attempt is the same message (STYLE §8.3). It adds the new
// Message-ID to the conversation's thread.
func (c Composer) Compose(k Keys, d Draft) (Delivery, error) {
	conv := d.Conversation
	if conv.Subject == "" {
		conv.Subject = subject(d.News)
	}
	id := k.MessageID(conv.Key, c.Target.Address, d.News)
	dl := Delivery{
		MessageID:   id,
		ReversePath: k.ReversePath(id),
		Recipient:   c.Target.Address,
		State:       Ready,
		Created:     d.Now,
		Next:        d.Now,
	}
	var buf bytes.Buffer
	buf.Grow(8 << 10)
	if err := c.write(&buf, d, dl); err != nil {
		return dl, err
	}
	if err := canonical(buf.Bytes()); err != nil {
		return dl, err
	}
	dl.Data = buf.Bytes()
	dl.Size = int64(buf.Len())
	sum := sha256.Sum256(dl.Data)
	dl.SHA256 = hex.EncodeToString(sum[:])
	conv.Thread = append(conv.Thread[:len(conv.Thread):len(conv.Thread)], id)
	return dl, nil
}

// canonical guards the wire: CRLF line ends, no lone CR or LF, no NUL, no line
// over 998 octets (RFC 5322 §2.1.1; THREATS T8).
func canonical(b []byte) error {
	for start := 0; start < len(b); {
		end := bytes.IndexByte(b[start:], '\n')
		if end < 1 || b[start+end-1] != '\r' {
			return fmt.Errorf("internal: line at byte %d does not end in CRLF", start)
		}
		line := b[start : start+end-1]
		if len(line) > 998 || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
			return fmt.Errorf("internal: line at byte %d is not fit for the wire", start)
		}
		start += end + 1
	}
	return nil
}

// write puts the message together: the text twice (plain and HTML), then the
// customer's files, then the original where the admin wants it.
func (c Composer) write(w io.Writer, d Draft, dl Delivery) error {
	// One boundary a level, made of the Message-ID: bytes stay the same, and no
	// text can hold what only the keyed hash yields.
	local, _, _ := strings.Cut(dl.MessageID, "@")
	h := c.header(d, dl)
	files := carried(d.Mail)
	if len(files) == 0 && !c.Target.AttachOriginal {
		h.set("Content-Type", alternative(local))
		mw, err := message.CreateWriter(w, h.header())
		if err != nil {
			return fmt.Errorf("write header: %w", err)
		}
		return c.writeText(mw, "a."+local, d)
	}
	h.set("Content-Type", mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": "m." + local}))
	mw, err := message.CreateWriter(w, h.header())
	if err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	text, err := mw.CreatePart(fields{{"Content-Type", alternative(local)}}.header())
	if err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	if err := c.writeText(text, "a."+local, d); err != nil {
		return err
	}
	if err := writeFiles(mw, d.Raw, files); err != nil {
		return err
	}
	if c.Target.AttachOriginal {
		if err := writeOriginal(mw, d.Raw); err != nil {
			return err
		}
	}
	return mw.Close()
}

func alternative(local string) string {
	return mime.FormatMediaType("multipart/alternative", map[string]string{"boundary": "a." + local})
}

// writeText writes both bodies as the parts of mw, a multipart/alternative, and
// closes it. The parts are encoded here, not by go-message, which would leave a
// line of a single dot as it is (T8).
func (c Composer) writeText(mw *message.Writer, boundary string, d Draft) error {
	s := summarise(d)
	var body bytes.Buffer
	parts := textproto.NewMultipartWriter(&body)
	if err := parts.SetBoundary(boundary); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	for _, part := range []struct {
		contentType string
		write       func(*strings.Builder)
	}{
		{"text/plain; charset=utf-8", s.plain},
		{"text/html; charset=utf-8", s.html},
	} {
		pw, err := parts.CreatePart(fields{
			{"Content-Type", part.contentType},
			{"Content-Transfer-Encoding", "quoted-printable"},
		}.header().Header)
		if err != nil {
			return fmt.Errorf("write text: %w", err)
		}
		var text strings.Builder
		part.write(&text)
		if err := writeQuotedPrintable(pw, text.String()); err != nil {
			return fmt.Errorf("write text: %w", err)
		}
	}
	if err := parts.Close(); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	if _, err := mw.Write(body.Bytes()); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return mw.Close()
}

// writeQuotedPrintable encodes text line by line, so that a line of one dot,
// which ends DATA for a careless server, never stands on the wire.
func writeQuotedPrintable(w io.Writer, text string) error {
	qw := quotedprintable.NewWriter(w)
	for line := range strings.Lines(text) {
		if strings.TrimRight(line, "\n") == "." {
			if err := qw.Close(); err != nil {
				return err
			}
			if _, err := io.WriteString(w, "=2E\r\n"); err != nil {
				return err
			}
			qw = quotedprintable.NewWriter(w)
			continue
		}
		if _, err := io.WriteString(qw, line); err != nil {
			return err
		}
	}
	return qw.Close()
}

// header sets what SENDING §1.7 lists and nothing else. What it leaves out
// matters as much: Auto-Submitted, Precedence, X-Loop and their kin make
// helpdesks drop the mail or stay silent.
func (c Composer) header(d Draft, dl Delivery) fields {
	conv := d.Conversation
	from := formatAddress(displayName(conv.Customer.Name), conv.Customer.Address)
	var f fields
	f.set("From", from)
	if c.Target.Sender != "none" {
		// RFC 5322 §3.6.2: not the author hands it in, so the field must say who does.
		f.set("Sender", formatAddress("", cmp.Or(c.Target.Sender, dl.ReversePath)))
	}
	f.set("Reply-To", from)
	f.set("To", formatAddress("", c.Target.Address))
	f.set("Subject", encodeText(subjectLine(d)))
	f.set("Date", messageDate(d).Format(time.RFC1123Z))
	f.set("Message-ID", "<"+dl.MessageID+">")
	if n := len(conv.Thread); n > 0 {
		f.set("In-Reply-To", "<"+conv.Thread[n-1]+">")
		f.set("References", references(conv.Thread))
	}
	f.set("MIME-Version", "1.0")
	local, _, _ := strings.Cut(dl.MessageID, "@")
	f.set("X-Bridge-Id", local)
	f.set("X-Bridge-Ref", conv.Ref)
	f.set("X-Bridge-Source", token(conv.Format))
	f.set("X-Bridge-Trust", "claimed") // no product we read tells a verified address apart
	return f
}

// maxReferences keeps the field within one header's reason; the root is never
// trimmed, helpdesks thread by it (RFC 5322 §3.6.4).
const maxReferences = 20

func references(thread []string) string {
	if len(thread) > maxReferences {
		thread = append([]string{thread[0]}, thread[len(thread)-maxReferences+1:]...)
	}
	return "<" + strings.Join(thread, ">\r\n <") + ">"
}

// messageDate is the mirrored mail's, where it is sane, else now. Never in the
// future: helpdesks sort by it.
func messageDate(d Draft) time.Time {
	date, err := time.Parse(time.RFC3339, d.Mail.Outer.Date)
	if err != nil || date.After(d.Now) || date.Year() < 2000 {
		return d.Now.Truncate(time.Second)
	}
	return date
}
