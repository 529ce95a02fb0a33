package mailparse

import (
	"slices"
	"strings"
	"time"
)

// view is what profiles look at: one mail, or the original inside a forward.
type view struct {
	from        Address
	replyTo     []Address
	subject     string
	header      Header // nil for an inline forward: its header is gone
	plain       string
	doc         *outline  // nil: no HTML
	body        span      // the mail's own stretch of doc
	date        time.Time // zero where unknown
	forwarded   bool
	attached    bool                             // plain is that of a file beside the mail
	attachments []Attachment                     // Skip is set in place
	note        func(format string, args ...any) // nil: nobody asks why
	tried       func(*matcher, *reader)          // nil: nobody asks how a profile fared
}

// maxMatched bounds the text that conditions search. What tells a product stands
// near the top; a 2 MB near miss must not cost seconds (THREATS T20).
const maxMatched = 64 << 10

// matcher is one mail under the eyes of all profiles. What several ask for is
// made once, and only when asked for.
type matcher struct {
	*view
	subject string // without reply and forward prefixes and listed external tags

	local, domain   string   // of From
	text            string   // plain, or else rendered from the HTML; no banners
	lines, rawLines []string // the text's, without and with link targets
	hasText         bool
	rendered        string
	hasRendered     bool

	runs int        // of line patterns
	glue []*pattern // of the profile that is looking

	structured bool // the HTML shows the structure of the profile that is looking
}

func newMatcher(v *view) *matcher {
	m := &matcher{view: v}
	m.subject, _ = peelPrefixes(v.subject)
	m.local, m.domain, _ = strings.Cut(v.from.Address, "@")
	m.domain = strings.ToLower(m.domain)
	return m
}

// look turns to the next profile.
func (m *matcher) look(p *Profile) {
	m.structured = p.html != nil && slices.ContainsFunc(p.anchors(), m.present)
	if m.structured && m.partsLost(p) {
		m.structured = false
	}
	m.runs = 0
	if p.text != nil && len(p.text.glue)+len(m.glue) > 0 {
		m.glue, m.lines, m.rawLines = p.text.glue, nil, nil
	}
}

// partsLost: classic Outlook kept the ids of a mail and replaced the classes, so
// that no message can be found by its element; the text is what there is.
func (m *matcher) partsLost(p *Profile) bool {
	return p.text != nil && !p.html.part.id && !m.present(p.html.part) && !m.present(p.html.body) && m.body.hasClass("MsoNormal")
}

// present: the selector finds something in the mail's HTML.
func (m *matcher) present(s selector) bool {
	if m.body.empty() {
		return false
	}
	if s.id {
		_, ok := m.body.byID(s.name)
		return ok
	}
	return m.body.hasClass(s.name)
}

// find returns the elements a selector names, in document order.
func (m *matcher) find(s selector) []span { return m.body.find(s) }

func (s span) find(sel selector) []span {
	switch {
	case s.empty() || sel.name == "":
		return nil
	case sel.id: // templates repeat ids, which they should not
		var found []span
		for _, i := range s.doc.ids {
			if s.from <= i && i < s.to && s.doc.nodes[i].id() == sel.name {
				found = append(found, s.clip(s.doc.element(i)))
			}
		}
		return found
	}
	var found []span
	for _, i := range s.doc.classed {
		if s.from <= i && i < s.to && s.doc.nodes[i].is(sel) {
			found = append(found, s.clip(s.doc.element(i)))
		}
	}
	return found
}

// hasClass is len(s.byClass(class)) > 0, stopping at the first.
func (s span) hasClass(class string) bool {
	sel := selector{name: class}
	for _, i := range s.doc.classed {
		if s.from <= i && i < s.to && s.doc.nodes[i].is(sel) {
			return true
		}
	}
	return false
}

// is reports whether the selector names n.
func (n *node) is(s selector) bool {
	if s.id {
		return n.id() == s.name
	}
	return strings.Contains(n.attr("class"), s.name) && n.hasClass(s.name)
}

// body text for matching and for text rules. Only a mail without text/plain, or
// with an HTML part that says more than its empty text, is rendered.
func (m *matcher) bodyText() string {
	if m.hasText {
		return m.text
	}
	m.hasText = true
	m.text = m.plain
	if strings.TrimSpace(m.text) == "" || !m.body.empty() && isStub(m.text) {
		m.text = m.htmlText()
	}
	m.text = noBreakBlanks.Replace(withoutTopBanners(m.text))
	return m.text
}

// noBreakBlanks are what clients make of a blank behind a label.
var noBreakBlanks = strings.NewReplacer("\u00a0", " ", "\u202f", " ")

// withoutTopBanners takes banners off the paragraphs at the top. Further down a
// visitor may have typed something like one, and what goes with it could be the
// product's own line below his words.
func withoutTopBanners(text string) string {
	for range 5 {
		text = strings.TrimLeft(text, "\n")
		paragraph, rest, more := strings.Cut(text, "\n\n")
		if len(paragraph) > 2000 {
			break
		}
		kept := dropBanners(paragraph)
		switch {
		case kept == paragraph:
			return text
		case strings.TrimSpace(kept) != "":
			if more {
				return kept + "\n\n" + rest
			}
			return kept
		}
		text = rest
	}
	return text
}

func (m *matcher) htmlText() string {
	if !m.hasRendered && !m.body.empty() {
		m.rendered, m.hasRendered = m.body.text(), true
	}
	return m.rendered
}

func (m *matcher) bodyLines() []string {
	if m.lines == nil {
		m.rawLines = strings.Split(m.bodyText(), "\n")
		m.lines = make([]string, len(m.rawLines))
		for i, l := range m.rawLines {
			m.lines[i] = bareLine(l)
		}
		m.unwrap()
	}
	return m.lines
}

// unwrap puts lines together that a client broke: the first keeps both, the
// second becomes empty, so that line numbers stay.
func (m *matcher) unwrap() {
	above := 0
	for i := 1; i < len(m.lines); i++ {
		if m.lines[i-1] != "" {
			above = i - 1
		}
		if m.lines[i] == "" || above < i-3 || m.lines[above] == "" || len(m.lines[i]) > maxLine || !slices.ContainsFunc(m.glue, func(p *pattern) bool { return m.fits(p, m.lines[i]) }) {
			continue
		}
		m.lines[above] += " " + m.lines[i]
		m.rawLines[above] += " " + m.rawLines[i]
		m.lines[i], m.rawLines[i] = "", ""
	}
}

func (m *matcher) firstLine() string {
	for line := range strings.Lines(m.bodyText()) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// links are the targets of the HTML's links and of those standing in the text.
func (m *matcher) links() []string {
	var ls []string
	for i := m.body.from; i < m.body.to; i++ {
		if href := m.doc.nodes[i].attr("href"); href != "" {
			ls = append(ls, decodeLink(href))
		}
	}
	m.bodyLines()
	for _, l := range m.rawLines {
		for _, u := range urlsIn(l) {
			ls = append(ls, decodeLink(u))
		}
	}
	return ls
}

// anchors are the elements by which the HTML shows this profile's structure.
func (p *Profile) anchors() []selector { return p.htmlAnchors }

func (p *Profile) collectAnchors() {
	add := func(s selector) {
		if s.name != "" && !slices.Contains(p.htmlAnchors, s) {
			p.htmlAnchors = append(p.htmlAnchors, s)
		}
	}
	if p.html != nil {
		add(p.html.part)
		add(p.html.body)
	}
	lists := [][]condition{p.match.all, p.match.any, p.match.none}
	for _, k := range p.kinds {
		lists = append(lists, k.when.all, k.when.any)
	}
	for _, list := range lists {
		for _, c := range list {
			switch c.test {
			case "html_id":
				for _, n := range c.names {
					add(selector{true, n})
				}
			case "html_class":
				for _, n := range c.names {
					add(selector{false, n})
				}
			case "html_text":
				add(selector{true, c.name})
			}
		}
	}
}

// match returns the kind of mail this is to the profile. known is false where
// the product did not send it; a nil kind with known set is drift: the product
// sent it, and it fits no kind we know.
func (m *matcher) match(p *Profile) (k *kind, known bool) {
	m.look(p)
	bySender := len(p.senders) > 0 && conditions{all: p.senders}.hold(m)
	if len(p.senders) > 0 && !bySender {
		return nil, false
	}
	if !p.match.hold(m) {
		return nil, bySender
	}
	for i := range p.kinds {
		if p.kinds[i].when.hold(m) {
			return &p.kinds[i], true
		}
	}
	// A format that is known by its text alone is not sure enough of itself to
	// call a stranger's mail its own.
	return nil, bySender || slices.ContainsFunc(p.match.all, condition.ofSender) ||
		p.pin("from_address") != "" && strings.EqualFold(p.pin("from_address"), m.from.Address)
}

// head is the first n bytes of s or fewer, not cutting a character.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
