package mailparse

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// letter is one mail as a reader sees it, received or unwrapped from a forward.
type letter struct {
	carrier   string // Mail.Carrier
	around    *letter
	forwarded bool
	message   *message // nil for an inline forward

	from        Address
	to, cc      []Address
	replyTo     []Address
	subject     string
	date        string
	when        time.Time
	header      Header
	comment     string
	plain       string
	doc         *outline
	body        span
	onlyHTML    bool // plain was made from body
	attachments []Attachment
	explain     []string

	shown  string // cache of text
	asText bool
}

func (l *letter) note(format string, args ...any) {
	l.explain = append(l.explain, fmt.Sprintf(format, args...))
}

// letter reads the fields of a decoded mail.
func (m *message) letter(carrier string, b *budget) *letter {
	l := &letter{
		carrier: carrier, forwarded: carrier == "attached", message: m,
		header: m.header, plain: trimBody(m.plain), attachments: m.attachments,
	}
	seen := 0
	for _, f := range m.header { // one pass: a mail has thirty fields and we want six, the first of each
		bit, into := 0, (*[]Address)(nil)
		switch {
		case strings.EqualFold(f.Name, "From"):
			if seen&1 == 0 {
				l.from = firstAddress(parseAddressList(f.Value))
			}
			bit = 1
		case strings.EqualFold(f.Name, "To"):
			bit, into = 2, &l.to
		case strings.EqualFold(f.Name, "Cc"):
			bit, into = 4, &l.cc
		case strings.EqualFold(f.Name, "Reply-To"):
			bit, into = 8, &l.replyTo
		case strings.EqualFold(f.Name, "Subject"):
			if seen&16 == 0 {
				l.subject = decodeWords(f.Value, b)
			}
			bit = 16
		case strings.EqualFold(f.Name, "Date"):
			if seen&32 == 0 {
				l.when = parseDate(f.Value)
				l.date = rfc3339Date(l.when)
			}
			bit = 32
		}
		if into != nil && seen&bit == 0 {
			*into = parseAddressList(f.Value)
		}
		seen |= bit
	}
	if m.html != "" {
		if m.doc == nil {
			m.doc = parseHTML(m.html, b)
		}
		l.doc, l.body = m.doc, m.doc.all()
	}
	return l
}

func firstAddress(list []Address) Address {
	if len(list) == 0 {
		return Address{}
	}
	return list[0]
}

// text is the body as text: the plain part, unless it is empty or only says
// that there is an HTML part.
func (l *letter) text() string {
	if l.asText {
		return l.shown
	}
	l.asText = true
	l.shown = l.plain
	if l.doc != nil && (strings.TrimSpace(l.plain) == "" || isStub(l.plain)) {
		if t := l.body.text(); strings.TrimSpace(t) != "" {
			l.shown, l.plain = trimBody(t), ""
		}
	}
	return l.shown
}

// stubs are what mailers put into a plain part they do not mean.
var stubs = []string{
	"does not support html", "doesn't support html", "not support html", "cannot display html", "can't display html", "unable to display html", "html-enabled", "html enabled", "html compatible", "html-compatible",
	"html capable", "html-capable", "view this email in your browser", "view this message in your browser", "view this email in html", "view this message in html", "view the html", "to view this message", "to view this email",
	"is in html", "html version of this", "html format", "html-format", "html message", "html email", "html-e-mail", "html-mail", "html-nachricht", "html-darstellung", "html anzeigen", "format html", "formato html", "en html", "in html",
}

// isStub: short, and it speaks of HTML instead of the matter.
func isStub(plain string) bool {
	if len(plain) > 400 {
		return false
	}
	low := strings.ToLower(plain)
	if !strings.Contains(low, "html") && !strings.Contains(low, "view this") {
		return false
	}
	for _, s := range stubs {
		if strings.Contains(low, s) {
			return true
		}
	}
	return false
}

// withoutQuotes cuts the text, or the HTML where that is all there is.
func (l *letter) withoutQuotes() (reply, unquoted string) {
	text := l.text()
	if l.doc == nil {
		return withoutQuotes(dropBanners(text))
	}
	inHTML, unquotedInHTML, ok := htmlWithoutQuotes(l.body)
	if ok && (l.plain == "" || l.onlyHTML) {
		return inHTML, unquotedInHTML
	}
	reply, unquoted = withoutQuotes(dropBanners(text))
	if ok {
		reply, unquoted = untilSame(reply, inHTML), untilSame(unquoted, unquotedInHTML)
	}
	return reply, unquoted
}

// untilSame cuts a text where the HTML, whose markup names the quote, ends:
// the text part alone may not tell, in a language or form we do not know.
func untilSame(text, inHTML string) string {
	at := 0
	for _, c := range inHTML {
		if unicode.IsSpace(c) {
			continue
		}
		at += len(text[at:]) - len(strings.TrimLeftFunc(text[at:], unicode.IsSpace))
		if next, size := utf8.DecodeRuneInString(text[at:]); next != c {
			return text
		} else {
			at += size
		}
	}
	return trimBody(text[:at])
}

// beside are the attachments of a forward that lie next to the attached original.
func (l *letter) beside(original *message) []Attachment {
	var more []Attachment
	for _, a := range l.attachments {
		if a.Path != original.at && !a.Inline {
			more = append(more, a)
		}
	}
	return more
}

// outer describes the mail as received.
func (l *letter) outer(m *message) Outer {
	id := strings.TrimSpace(m.header.Get("Message-ID"))
	if i := strings.IndexByte(id, '<'); i >= 0 {
		id = id[i+1:]
	}
	id, _, _ = strings.Cut(id, ">")
	return Outer{
		From: l.from, To: l.to, Cc: l.cc, Subject: l.subject, Date: l.date,
		MessageID: oneLine(id), Text: l.text(), Header: m.header,
	}
}
