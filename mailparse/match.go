package mailparse

import (
	"fmt"
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
	attachments []Attachment                     // Skip is set in place
	note        func(format string, args ...any) // nil: nobody asks why
}

// conditions hold if all of all, one of any and none of none hold.
type conditions struct{ all, any, none []condition }

func (c conditions) empty() bool { return len(c.all)+len(c.any)+len(c.none) == 0 }

// condition is one test of a mail.
type condition struct {
	test  string // its key in the profile
	re    *pattern
	names []string // domains, ids, classes
	name  string   // of a header field or an id
}

func readConditions(t table) conditions {
	return conditions{readConditionList(t, "all"), readConditionList(t, "any"), readConditionList(t, "none")}
}

func readConditionList(t table, key string) []condition {
	var cs []condition
	for _, c := range t.tables(key) {
		cs = append(cs, readCondition(c))
	}
	return cs
}

func readCondition(t table) condition {
	defer t.done()
	if len(t.m) != 1 {
		t.problem("", "want exactly one condition in each { … }, not %d", len(t.m))
	}
	for _, key := range []string{"from_local", "from_name", "from_address", "subject", "text", "first_line", "link"} {
		if t.has(key) {
			return condition{test: key, re: t.pattern(key)}
		}
	}
	for _, key := range []string{"from_domain", "html_id", "html_class"} {
		if t.has(key) {
			c := condition{test: key, names: t.strs(key)}
			for i := range c.names {
				if key == "from_domain" {
					c.names[i] = strings.ToLower(c.names[i])
				}
			}
			return c
		}
	}
	for key, name := range map[string]string{"header": "name", "html_text": "id"} {
		if sub, ok := t.sub(key); ok {
			c := condition{test: key, name: sub.str(name), re: sub.pattern("re")}
			if c.name == "" || c.re == nil {
				sub.problem("", "want { %s = \"…\", re = '…' }", name)
			}
			sub.done()
			return c
		}
	}
	for _, key := range []string{"from_local", "from_domain", "from_name", "from_address", "subject", "header", "html_id", "html_class", "html_text", "text", "first_line", "link"} {
		t.used[key] = true
	}
	return condition{}
}

// of reports whether the condition is about the sender, which nobody but the
// product can choose.
func (c condition) ofSender() bool { return strings.HasPrefix(c.test, "from_") }

// ofHTML and ofText: where the HTML shows the profile's structure, html
// conditions decide and text ones do not count.
func (c condition) ofHTML() bool { return strings.HasPrefix(c.test, "html_") }
func (c condition) ofText() bool { return c.test == "text" || c.test == "first_line" }

func (c condition) String() string {
	switch c.test {
	case "from_domain", "html_id", "html_class":
		return c.test + " " + strings.Join(c.names, " or ")
	case "header", "html_text":
		return fmt.Sprintf("%s %s =~ %s", c.test, c.name, c.re)
	case "":
		return "nothing"
	}
	return fmt.Sprintf("%s =~ %s", c.test, c.re)
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
	return s.byClass(sel.name)
}

// hasClass is len(s.byClass(class)) > 0, stopping at the first.
func (s span) hasClass(class string) bool {
	for _, i := range s.doc.classed {
		if s.from <= i && i < s.to && s.doc.nodes[i].hasClass(class) {
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
	return n.hasClass(s.name)
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
	m.text = dropBanners(m.text)
	return m.text
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
	}
	return m.lines
}

func (m *matcher) firstLine() string {
	for line := range strings.Lines(m.bodyText()) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// holds evaluates conditions, cheapest reading first as the profile wrote them.
func (c conditions) hold(m *matcher) bool {
	for _, x := range c.all {
		if !x.holds(m) {
			return false
		}
	}
	for _, x := range c.none {
		if x.holds(m) {
			return false
		}
	}
	return len(c.any) == 0 || slices.ContainsFunc(c.any, func(x condition) bool { return x.holds(m) })
}

func (c condition) holds(m *matcher) bool {
	if c.ofText() && m.structured {
		return false
	}
	switch c.test {
	case "from_local":
		return c.re.matches(m.local)
	case "from_name":
		return c.re.matches(m.from.Name)
	case "from_address":
		return c.re.matches(m.from.Address)
	case "from_domain":
		return slices.ContainsFunc(c.names, func(d string) bool { return underDomain(m.domain, d) })
	case "subject":
		return c.re.matches(m.subject)
	case "header":
		return slices.ContainsFunc(m.header.Values(c.name), func(v string) bool { return c.re.matches(decodeHeader(v)) })
	case "html_id":
		return slices.ContainsFunc(c.names, func(id string) bool { return m.present(selector{true, id}) })
	case "html_class":
		return slices.ContainsFunc(c.names, func(class string) bool { return m.present(selector{false, class}) })
	case "html_text":
		e, ok := m.body.byID(c.name)
		return ok && c.re.matches(strings.TrimSpace(e.text()))
	case "text":
		return c.re.matches(head(m.bodyText(), maxMatched))
	case "first_line":
		return c.re.matches(head(m.firstLine(), maxLine))
	case "link":
		return slices.ContainsFunc(m.links(), func(l string) bool { return c.re.matches(l) })
	}
	return false
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

// underDomain: domain is d or a subdomain of it.
func underDomain(domain, d string) bool {
	return domain == d || len(domain) > len(d) && strings.HasSuffix(domain, d) && domain[len(domain)-len(d)-1] == '.'
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
