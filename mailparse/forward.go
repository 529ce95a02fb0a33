package mailparse

import (
	"strings"
	"unicode/utf8"
)

// forward is an inline forward of somebody else's mail.
type forward struct {
	from          Address // of the original; Address is "" where only a name was written
	to, cc        []Address
	replyTo       Address
	subject, date string // date as written
	comment       string // what the forwarder wrote
	plain         string // the original's text: no separator, block, or the forward's own '> '
	html          span   // the original's HTML where it was found there too
	hasHTML       bool
	onlyHTML      bool   // plain was made from it: there is no text part
	client        string // a guess, for people
	evidence      string
	weak          bool // nothing but a header block says so: it might be a reply
}

// findForward unwraps one forward, the outermost. nil: not a forward, and a
// reply that quotes is not one. Call it again with what it found for the next.
func findForward(subject, plain string, doc *outline) *forward {
	return findForwardIn(subject, plain, doc.all())
}

// findForwardIn is findForward for a mail whose HTML is a part of an outline.
func findForwardIn(subject, plain string, html span) *forward {
	lead := subjectLeadOf(subject)
	var text *found
	if strings.TrimSpace(plain) != "" {
		text = search(readLines(plain), subject, lead)
		if text.reply || text.block == nil && text.attr == nil && lead&leadForward == 0 && !forwardAnchors(html) {
			return nil
		}
	}
	if text == nil && lead&leadForward == 0 && !mayHoldMail(html) {
		return nil
	}
	var seen *found // in the HTML
	var r rendered
	if !html.empty() {
		r = html.rendered()
		seen = search(readLines(r.text), subject, lead)
		if text == nil && seen.reply {
			return nil
		}
		if len(seen.lines) != len(r.lines) {
			r.lines = nil // a separator was split: the lines no longer count the same
		}
		seen.setLimit(html, r)
	}
	switch {
	case text.ok() && seen.ok():
		f := text.forward(subject)
		f.addHTML(seen.forward(subject), html, r, seen)
		return f
	case text.ok():
		return text.forward(subject)
	case seen.ok():
		f := seen.forward(subject)
		f.onlyHTML = text == nil
		f.addHTML(f, html, r, seen)
		return f
	}
	return nil
}

func hides(c rune) bool { return visibleRune(c) != c }

// answers: the mail goes to the one whose words it holds, and only a header
// block says it is a forward: then it is a reply whose Subject was changed.
func (f *forward) answers(lists ...[]Address) bool {
	if !f.weak || f.from.Address == "" {
		return false
	}
	for _, list := range lists {
		for _, a := range list {
			if strings.EqualFold(a.Address, f.from.Address) {
				return true
			}
		}
	}
	return false
}

// mayHoldMail: some text in the HTML begins like a separator or a From label. It
// spares most mails, that are HTML only and no forward, a second rendering.
func mayHoldMail(s span) bool {
	for i := s.from; i < s.to; i++ {
		n := &s.doc.nodes[i]
		if n.tag != "" || len(n.text) < 3 {
			continue
		}
		t := strings.TrimSpace(n.text)
		if first, _ := utf8.DecodeRuneInString(t); isDash(first) {
			return true
		}
		if k, _ := colon(t, maxLabelBytes); k <= 0 {
			continue
		}
		uses, _ := labelAt(strings.TrimSpace(visible(t)))
		for _, u := range uses {
			if u.field == fieldFrom {
				return true
			}
		}
	}
	return false
}

// forwardAnchors: the HTML has elements that clients put around what they
// quote, so it is worth a search though the text part shows nothing.
func forwardAnchors(s span) bool {
	if s.empty() {
		return false
	}
	for _, id := range [...]string{"divRplyFwdMsg", "mail-editor-reference-message-container", "OLK_SRC_BODY_SECTION"} {
		if _, ok := s.byID(id); ok {
			return true
		}
	}
	return len(s.byClass("gmail_quote")) > 0 || len(s.byClass("moz-forward-container")) > 0 || len(s.byClass("gmail_quote_container")) > 0
}

// forward puts together what was found.
func (f *found) forward(subject string) *forward {
	fw := &forward{weak: f.weak, client: f.client(), evidence: f.evidence()}
	if f.block != nil {
		f.readBlockInto(fw)
	} else {
		fw.from = Address{Address: f.attr.address, Name: f.attr.name}
		fw.date = f.attr.date
	}
	if fw.subject == "" {
		fw.subject = withoutForwardPrefix(subject)
	}
	from, to := f.body()
	// On the way to the forwarder links were rewritten, with his address in them,
	// and banners put above the text.
	fw.plain = dropBanners(decodeLinks(f.unwrap(from, to)))
	fw.comment = decodeLinks(f.commentText(to))
	fw.judge()
	return fw
}

// judge takes an address away that hides a character (THREATS T14): it is not
// what it looks like, and without the character it would be somebody else's.
func (f *forward) judge() {
	for _, a := range []*Address{&f.from, &f.replyTo} {
		if strings.ContainsFunc(a.Address, hides) {
			a.Address = ""
			f.evidence += "; an address with hidden characters was refused"
		}
	}
	for _, list := range [][]Address{f.to, f.cc} {
		for i := range list {
			if strings.ContainsFunc(list[i].Address, hides) {
				list[i].Address = ""
			}
		}
	}
}

func (f *found) readBlockInto(fw *forward) {
	v := &f.block.value
	fw.from = parseMailbox(v[fieldFrom])
	fw.to = parseMailboxes(v[fieldTo])
	fw.cc = parseMailboxes(v[fieldCc])
	fw.replyTo = parseMailbox(v[fieldReplyTo])
	fw.subject = strings.Join(strings.Fields(visible(decodeHeader(v[fieldSubject]))), " ")
	fw.date = strings.Join(strings.Fields(visible(v[fieldDate])), " ")
}
