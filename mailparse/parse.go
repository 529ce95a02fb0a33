package mailparse

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options say what a Parser knows of the installation.
type Options struct {
	// Profiles in the order they are tried; the first that matches decides.
	Profiles []*Profile
	// OwnDomains (with their subdomains) and Agents are never the customer.
	OwnDomains []string
	Agents     []string
	// Limits bounds what one mail may cost; the zero value means DefaultLimits.
	Limits Limits
	// Explain: note in Mail.Explain which formats were tried and why they do
	// not fit. It costs time, so only `parse --explain` asks for it.
	Explain bool

	tried func(*matcher, *reader) // of Try; nil: nobody asks
}

// Parser reads mails. It is immutable and safe for concurrent use.
type Parser struct {
	opts Options
}

// NewParser makes a Parser of checked profiles.
func NewParser(o Options) (*Parser, error) {
	for i, p := range o.Profiles {
		if p == nil {
			return nil, fmt.Errorf("profile %d: nil", i)
		}
	}
	o.Limits = o.Limits.or(DefaultLimits)
	return &Parser{opts: o}, nil
}

// maxHops is how many forwards around a mail are unwrapped.
const maxHops = 5

// Parse reads one mail. It answers for any bytes; damage is in Warnings.
//
// The letter of interest is the mail itself or, of a forward, the original.
// Forwards are unwrapped from the outside in, until a letter is recognised as a
// chat mail. A mail that comes from the chat product itself is recognised
// before it is unwrapped: a visitor may have pasted a forward into the chat.
func (p *Parser) Parse(raw []byte) *Mail {
	b := newBudget(p.opts.Limits)
	outer := readMessage(raw, b)
	received := outer.letter("direct", b)

	l := received
	var chat *Transcript
	for hop := 0; ; hop++ {
		tried := false
		if !l.markedForward() {
			if chat = p.transcript(p.view(l), b); chat != nil {
				break
			}
			tried = true
		}
		next := p.original(l, b)
		if next == nil || hop == maxHops {
			if !tried {
				chat = p.transcript(p.view(l), b)
			}
			break
		}
		l = next
	}
	if chat == nil {
		l = p.customersLetter(received, l)
		chat = p.attachedTranscript(outer, l, b)
	}
	parkCut(chat, b.warnings)
	m := l.mail()
	m.Chat = chat
	m.Outer = received.outer(outer)
	m.Auto = outer.isAuto()
	m.Warnings = b.warnings
	return m
}

// parkCut parks a chat mail that was not read to its end: what was cut may have
// decided otherwise.
func parkCut(chat *Transcript, warnings []string) {
	if chat == nil || chat.Action != Process {
		return
	}
	for _, w := range warnings {
		if what, ok := strings.CutPrefix(w, "limit-"); ok {
			chat.Action, chat.Reason = Park, "limit: more "+what+" than a mail may have; what was cut may matter"
			return
		}
	}
}

// customersLetter chooses among nested forwards that are no chat: the outermost
// original, or a deeper one while the writer is a colleague of the forwarder —
// then it was handed from desk to desk, and the customer's is below.
func (p *Parser) customersLetter(received, innermost *letter) *letter {
	var path []*letter
	for l := innermost; l != received; l = l.around {
		path = append(path, l)
	}
	if len(path) == 0 {
		return received
	}
	for _, l := range slices.Backward(path) {
		if !p.colleagues(received.from.Address, l.from.Address) {
			return l
		}
	}
	return path[len(path)-1] // nobody else's: the colleague's it is
}

func (p *Parser) colleagues(forwarder, writer string) bool {
	_, own, _ := strings.Cut(forwarder, "@")
	_, domain, _ := strings.Cut(writer, "@")
	if domain == "" {
		return false
	}
	return strings.EqualFold(own, domain) || Excluded(writer, p.opts.OwnDomains, p.opts.Agents) != ""
}

// original returns the mail that l forwards, nil if l is no forward.
func (p *Parser) original(l *letter, b *budget) *letter {
	if m := l.attachedOriginal(); m != nil {
		next := m.letter("attached", b)
		next.around, next.comment = l, l.text()
		next.attachments = append(next.attachments, l.beside(m)...)
		next.note("attached original, part %s", m.at)
		return next
	}
	f := findForwardIn(l.subject, l.plain, l.body)
	if f == nil || f.answers(l.to, l.cc) {
		return nil
	}
	next := &letter{
		carrier: "inline", around: l, forwarded: true,
		from: f.from, to: f.to, cc: f.cc, subject: f.subject, date: f.date, when: l.when,
		comment: f.comment, plain: f.plain, attachments: l.attachments,
	}
	if f.replyTo != (Address{}) {
		next.replyTo = []Address{f.replyTo}
	}
	if f.hasHTML {
		next.doc, next.body, next.onlyHTML = f.html.doc, f.html, f.onlyHTML
	}
	if t := parseDate(f.date); !t.IsZero() {
		next.when = localTime(t, f.date, l.when)
	}
	next.note("inline forward: %s, %s", f.client, f.evidence)
	return next
}

// attachedOriginal returns the attached mail that l forwards. A bounce or a
// digest has attached mails that are no forward; a reply may carry one as
// evidence, and so may a new mail that has its own words.
func (l *letter) attachedOriginal() *message {
	if l.message == nil || len(l.message.attached) == 0 || l.message.report || l.message.digest {
		return nil
	}
	first := l.message.attached[0]
	bare, forwarded := peelPrefixes(l.subject)
	inner, _ := peelPrefixes(decodeHeader(first.header.Get("Subject")))
	switch {
	case forwarded, bare == "" || strings.EqualFold(bare, inner):
		return first
	case len(l.message.attached) == 1 && bare == l.subject && len(l.text()) < 1000: // no Re:, few words
		return first
	}
	return nil
}

// markedForward: the Subject or an attached mail says it is a forward.
func (l *letter) markedForward() bool {
	_, forwarded := peelPrefixes(l.subject)
	return forwarded
}

// view is what the profiles look at.
func (p *Parser) view(l *letter) *view {
	v := &view{
		from: l.from, replyTo: l.replyTo, subject: l.subject, header: l.header, plain: l.plain,
		doc: l.doc, body: l.body, date: l.when, forwarded: l.forwarded, attachments: l.attachments,
		tried: p.opts.tried,
	}
	if p.opts.Explain {
		v.note = l.note
	}
	return v
}

// mail is the public answer for the letter of interest.
func (l *letter) mail() *Mail {
	m := &Mail{
		Forwarded: l.forwarded, Carrier: l.carrier,
		From: l.from, To: l.to, Cc: l.cc, Subject: l.subject, Date: l.date,
		Text: l.text(), Comment: strings.TrimSpace(dropBanners(l.comment)),
		Attachments: l.attachments, Explain: l.explain,
	}
	m.Reply, m.Unquoted = l.withoutQuotes()
	return m
}

func rfc3339Date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
