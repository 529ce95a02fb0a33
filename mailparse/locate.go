package mailparse

import (
	"net/url"
	"slices"
	"strings"
)

// finding is a text that a locator came upon, and where.
type finding struct {
	text  string // as it stands in the mail: judged before anything is normalised
	where string
	sure  bool // it must be an address; else it only happens to stand in the region
	bad   string
}

// locate returns what a locator comes upon, in order.
func (r *reader) locate(l *locator) []finding {
	switch {
	case l.html != nil:
		return r.locateHTML(l)
	case l.text != nil:
		return r.locateText(l)
	case l.header != "":
		return r.locateHeader(l)
	case l.subject != nil:
		return r.locateGroup(l, l.subject, r.m.subject, "Subject")
	case l.subjectGroup != "":
		if s := r.subjectGroup(l.subjectGroup); s != "" {
			return []finding{{text: s, where: "Subject", sure: true}}
		}
	case l.fromName != nil:
		return r.locateGroup(l, l.fromName, r.m.from.Name, "name of From")
	case l.from:
		if a := r.m.from.Address; a != "" {
			return []finding{{text: a, where: "From", sure: true}}
		}
	}
	return nil
}

// locateGroup takes what the groups name or address of a pattern hold.
func (r *reader) locateGroup(l *locator, p *pattern, s, where string) []finding {
	g := p.groups(head(s, maxLine))
	for _, name := range []string{"address", "name"} {
		if v := p.group(g, name); v != "" {
			return []finding{{text: v, where: where, sure: true}}
		}
	}
	return nil
}

func (r *reader) locateHeader(l *locator) []finding {
	var fs []finding
	if strings.EqualFold(l.header, "Reply-To") {
		for _, a := range r.m.replyTo {
			fs = append(fs, finding{text: a.Address, where: "Reply-To", sure: true})
		}
		return fs
	}
	for _, v := range r.m.header.Values(l.header) {
		for _, a := range parseAddressList(v) {
			if a.Address != "" {
				fs = append(fs, finding{text: a.Address, where: l.header, sure: true})
			}
		}
	}
	return fs
}

// locateHTML looks into the elements the locator names, outside message bodies.
func (r *reader) locateHTML(l *locator) []finding {
	if !r.m.structured {
		return nil
	}
	var fs []finding
	for _, at := range l.html.at {
		for _, e := range r.m.find(at) {
			if r.inBody(e.from) || r.insideAny(e.from, l.html.outside) {
				continue
			}
			if len(l.html.labels) == 0 {
				fs = append(fs, valueOf(e, l.take, at.String())...)
				continue
			}
			label, value := labelledCell(e, l.html.labels)
			if label != "" {
				fs = append(fs, valueOf(value, l.take, "row "+label+" of "+at.String())...)
			}
		}
	}
	return fs
}

// insideAny: node i is, or lies in, an element that one of the selectors names.
func (r *reader) insideAny(i int32, in []selector) bool {
	if len(in) == 0 {
		return false
	}
	is := func(n *node) bool {
		return slices.ContainsFunc(in, func(s selector) bool { return n.is(s) })
	}
	return is(&r.m.doc.nodes[i]) || r.m.doc.inside(i, is)
}

// inBody: node i lies in what somebody said. A visitor's text is never a place
// to look, whatever the profile says.
func (r *reader) inBody(i int32) bool {
	return r.p.html != nil && r.p.html.body.name != "" && r.insideAny(i, []selector{r.p.html.body})
}

// labelledCell finds a cell with one of the labels and returns the next cell.
// Clients that turn tables into blocks leave the label at the start of the text.
func labelledCell(e span, labels []string) (label string, value span) {
	cells := append(e.byTag("td"), e.byTag("th")...)
	slices.SortFunc(cells, func(a, b span) int { return int(a.from - b.from) })
	for i, c := range cells {
		l := isLabel(c.raw(), labels)
		if l == "" {
			continue
		}
		for _, next := range cells[i+1:] {
			if !c.contains(next) { // a label cell may hold a table of its own
				return l, next
			}
		}
		return l, span{}
	}
	if len(cells) > 0 {
		return "", span{}
	}
	for _, l := range labels {
		text := strings.TrimSpace(e.raw())
		if len(text) > len(l) && strings.EqualFold(text[:len(l)], l) && strings.ContainsRune(" :\t\n\u00a0", firstRune(text[len(l):])) {
			return l, e
		}
	}
	return "", span{}
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// isLabel returns the label that s is, whatever its case and whether or not a
// colon follows.
func isLabel(s string, labels []string) string {
	s = strings.TrimFunc(s, isBlank)
	s = strings.TrimFunc(strings.TrimSuffix(strings.TrimSuffix(s, ":"), "："), isBlank)
	for _, l := range labels {
		if strings.EqualFold(s, l) {
			return l
		}
	}
	return ""
}

func isBlank(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u00a0' || r == '*' || r == '\u202f'
}

// valueOf takes from an element what the locator wants of it. A mailto link
// that shows another address than it writes to gives both.
func valueOf(e span, take, where string) []finding {
	if e.empty() {
		return nil
	}
	switch take {
	case "mailto":
		return mailtos(e, where)
	case "link_text":
		for _, a := range e.byTag("a") {
			if s := tidyName(plainText(a)); s != "" {
				return []finding{{text: s, where: where, sure: true}}
			}
		}
	}
	s := strings.TrimFunc(e.raw(), isBlank)
	if s == "" {
		return nil
	}
	return []finding{{text: s, where: where, sure: true}}
}

func mailtos(e span, where string) []finding {
	var fs []finding
	for _, a := range e.byTag("a") {
		for _, address := range mailtoAddresses(decodeLink(a.node().attr("href"))) {
			fs = append(fs, finding{text: address, where: where + ", mailto", sure: true})
		}
	}
	shown := strings.TrimFunc(e.raw(), isBlank)
	for _, w := range addressWords(shown) {
		fs = append(fs, finding{text: w, where: where, sure: true})
	}
	return fs
}

// mailtoAddresses reads the path of a mailto link (RFC 6068). Its parameters may
// name further recipients and are not looked at.
func mailtoAddresses(href string) []string {
	rest := strings.TrimSpace(href)
	if len(rest) < 7 || !strings.EqualFold(rest[:7], "mailto:") {
		return nil
	}
	rest, _, _ = strings.Cut(rest[7:], "?")
	var as []string
	for a := range strings.SplitSeq(rest, ",") {
		if d, err := url.PathUnescape(a); err == nil {
			a = d
		}
		if a = strings.TrimSpace(a); a != "" {
			as = append(as, a)
		}
	}
	return as
}
