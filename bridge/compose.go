package bridge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"

	"ticketbridge/mailparse"
)

// Target is the helpdesk ticket messages go to, as the config names it.
type Target struct {
	Profile        string   `toml:"profile"`         // "mailbox"; see targets/
	Address        string   `toml:"address"`         // the one RCPT TO
	Site           string   `toml:"site"`            // what the helpdesk calls itself in its tags: RT's $rtname
	TicketURL      string   `toml:"ticket_url"`      // where a ticket is read, {ticket} in it; "" unknown
	Identity       string   `toml:"identity"`        // "as-customer", "reply-to", "command" or "auto"
	CommandFrom    string   `toml:"command_from"`    // the helpdesk's agent, in the command identity
	LocalPath      bool     `toml:"local_path"`      // foreign From passes: "auto" is as-customer
	Sender         string   `toml:"sender"`          // Sender: as the customer; "" its return path, "none" no such field
	OnDoubt        string   `toml:"on_doubt"`        // "probe", "resend" or "hold"
	ConfirmWithin  Duration `toml:"confirm_within"`  // the helpdesk acknowledges a message, or an alarm is raised; 0 none
	FollowUpWait   Duration `toml:"followup_wait"`   // for the ticket's number, where the helpdesk needs it
	FollowUpThen   string   `toml:"followup_then"`   // "hold" or "new-ticket"
	AttachOriginal bool     `toml:"attach_original"` // the mirrored mail as message/rfc822

	Helpdesk Helpdesk `toml:"-"` // the profile, with what the config overrides
}

// DefaultTarget is a target as it is without any key set.
func DefaultTarget() Target {
	return Target{Profile: "mailbox", Identity: AsCustomer, OnDoubt: "hold", ConfirmWithin: Duration(time.Hour), FollowUpWait: Duration(4 * time.Hour), FollowUpThen: HoldFollowUp}
}

// Acknowledged is how long the helpdesk may take to acknowledge a message; 0: it
// is not expected to.
func (t Target) Acknowledged() time.Duration {
	if t.Helpdesk.Answers.None {
		return 0
	}
	return t.ConfirmWithin.D()
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
	Raw          []byte   // the mirrored mail, for its attachments
	Along        []Letter // earlier mails that said part of News; their files go with it
	Now          time.Time

	WithoutFiles bool     // the message says which files it leaves out
	Instead      []string // Message-IDs of the messages it takes the place of

	fields fields // further fields: a canary's
}

// Letter is a mail and what it says.
type Letter struct {
	Mail *mailparse.Mail
	Raw  []byte
}

// letters are the mails the message is made of, in order.
func (d Draft) letters() []Letter {
	return append(slices.Clone(d.Along), Letter{d.Mail, d.Raw})
}

// Compose makes the final message: every id and date in it is fixed here, so
// that each later attempt is the same message (STYLE §8.3). It adds the new
// Message-ID to the conversation's thread.
func (c Composer) Compose(k Keys, d Draft) (Delivery, error) {
	conv := d.Conversation
	if conv.Subject == "" {
		conv.Subject = subject(d.News)
	}
	id := c.messageID(k, d)
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
	if err := c.write(&buf, k, d, dl); err != nil {
		return dl, err
	}
	if most := c.Target.Helpdesk.Limits.Size; most > 0 && Size(buf.Len()) > most {
		return dl, fmt.Errorf("it is %s long, more than the helpdesk takes (%s)", Size(buf.Len()), most)
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

// messageID is the id of what is told to whom. A message that takes another's
// place needs one of its own: the helpdesk may have seen the other's.
func (c Composer) messageID(k Keys, d Draft) string {
	id := k.MessageID(d.Conversation.Key, c.Target.Address, d.News)
	for n := 2; slices.Contains(d.Instead, id); n++ {
		id = k.MessageID(d.Conversation.Key, fmt.Sprintf("%s, message %d", c.Target.Address, n), d.News)
	}
	return id
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
func (c Composer) write(w io.Writer, k Keys, d Draft, dl Delivery) error {
	// One boundary a level, made of the Message-ID: bytes stay the same, and no
	// text can hold what only the keyed hash yields.
	local, _, _ := strings.Cut(dl.MessageID, "@")
	h := c.header(k, d, dl)
	letters := d.letters()
	text := c.text(d)
	if d.WithoutFiles || !c.Target.AttachOriginal && !slices.ContainsFunc(letters, func(l Letter) bool { return len(carried(l.Mail)) > 0 }) {
		h.add(text.header("a." + local)...)
		mw, err := message.CreateWriter(w, h.header())
		if err != nil {
			return fmt.Errorf("write header: %w", err)
		}
		return text.write(mw, "a."+local)
	}
	h.set("Content-Type", mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": "m." + local}))
	mw, err := message.CreateWriter(w, h.header())
	if err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	part, err := mw.CreatePart(text.header("a." + local).header())
	if err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	if err := text.write(part, "a."+local); err != nil {
		return err
	}
	for _, l := range letters {
		if err := c.writeFiles(mw, l.Raw, carried(l.Mail)); err != nil {
			return err
		}
	}
	for _, l := range letters {
		if !c.Target.AttachOriginal {
			break
		}
		if err := writeOriginal(mw, l.Raw); err != nil {
			return err
		}
	}
	return mw.Close()
}

// textPart is the body: plain and HTML, or plain alone where the helpdesk looks
// for commands at the top of it and might prefer the other.
type textPart struct {
	summary
	commands []string
}

func (c Composer) text(d Draft) textPart {
	return textPart{summarise(d, c.Target.Helpdesk.Neutralise), c.commands(d)}
}

func (t textPart) header(boundary string) fields {
	return fields{{"Content-Type", mime.FormatMediaType("multipart/alternative", map[string]string{"boundary": boundary})}}
}

// write writes the body as the parts of mw and closes it. They are
// encoded here, not by go-message, which would leave a line of a single dot as
// it is (T8).
func (t textPart) write(mw *message.Writer, boundary string) error {
	var body bytes.Buffer
	if err := t.encode(&body, boundary); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	if _, err := mw.Write(body.Bytes()); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return mw.Close()
}

func (t textPart) encode(w io.Writer, boundary string) error {
	var plain, html strings.Builder
	for _, line := range t.commands {
		plain.WriteString(line + "\n")
	}
	t.plain(&plain)
	bodies := [][2]string{{"text/plain; charset=utf-8", plain.String()}}
	if len(t.commands) == 0 {
		t.html(&html)
		bodies = append(bodies, [2]string{"text/html; charset=utf-8", html.String()})
	}
	parts := textproto.NewMultipartWriter(w)
	if err := parts.SetBoundary(boundary); err != nil {
		return err
	}
	for _, body := range bodies {
		pw, err := parts.CreatePart(fields{
			{"Content-Type", body[0]},
			{"Content-Transfer-Encoding", "quoted-printable"},
		}.header().Header)
		if err != nil {
			return err
		}
		if err := writeQuotedPrintable(pw, body[1]); err != nil {
			return err
		}
	}
	return parts.Close()
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
func (c Composer) header(k Keys, d Draft, dl Delivery) fields {
	conv := d.Conversation
	f := c.author(k, conv, dl)
	f.set("To", formatAddress("", c.Target.Address))
	f.set("Subject", encodeText(c.Target.subject(d)))
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
	f.add(c.commandFields(d)...)
	f.add(d.fields...)
	return slices.DeleteFunc(f, func(field [2]string) bool { return c.Target.Helpdesk.forbids(field[0]) })
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
