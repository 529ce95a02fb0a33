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
	if len(l.html.labels) > 0 {
		for _, row := range r.rowsOf(l.html) {
			if label := isLabel(row.label, l.html.labels); label != "" {
				fs = append(fs, valueOf(row.value, l.take, "row "+label+" of "+row.at.String())...)
			}
		}
		return fs
	}
	for _, at := range l.html.at {
		for _, e := range r.placed(at, l.html.outside) {
			fs = append(fs, valueOf(e, l.take, at.String())...)
		}
	}
	return fs
}

// placed returns the elements of a selector that lie outside message bodies.
func (r *reader) placed(at selector, outside []selector) []span {
	var skip []span
	for _, s := range outside {
		if s != r.p.html.body {
			skip = append(skip, r.m.find(s)...)
		}
	}
	return slices.DeleteFunc(r.m.find(at), func(e span) bool {
		return r.inBody(e.from) || slices.ContainsFunc(skip, func(s span) bool { return s.contains(e) })
	})
}

// row is a labelled value in the HTML.
type row struct {
	label string
	value span
	at    selector
}

// rowsOf reads the rows of a place; address and attributes share them.
func (r *reader) rowsOf(h *htmlPlace) []row {
	if rows, ok := r.rows[h.place]; ok {
		return rows
	}
	var rows []row
	for _, at := range h.at {
		for _, e := range r.placed(at, h.outside) {
			rows = append(rows, rowsIn(e, at)...)
		}
	}
	if r.rows == nil {
		r.rows = map[int][]row{}
	}
	r.rows[h.place] = rows
	return rows
}

// inBody: node i lies in what somebody said. A visitor's text is never a place
// to look, whatever the profile says.
func (r *reader) inBody(i int32) bool {
	if r.p.html == nil {
		return false
	}
	if !r.hasBodies {
		r.bodies, r.hasBodies = r.m.find(r.p.html.body), true
	}
	return slices.ContainsFunc(r.bodies, func(b span) bool { return b.from <= i && i < b.to })
}

// maxLabel: a longer cell is no label.
const maxLabel = 60

// rowsIn pairs each cell with the next: one of them may be a label and its
// value. Clients that turn tables into blocks leave the label at the start of
// the text.
func rowsIn(e span, at selector) []row {
	var rows []row
	var cells []span
	for i := e.from; i < e.to; i++ {
		if tag := e.doc.nodes[i].tag; tag == "td" || tag == "th" {
			cells = append(cells, e.clip(e.doc.element(i)))
		}
	}
	if len(cells) == 0 {
		text := strings.TrimSpace(e.raw())
		if i := strings.IndexAny(text, " :\t\n\u00a0"); i > 0 {
			return []row{{label: text[:i], value: e, at: at}}
		}
		return nil
	}
	for i, c := range cells {
		label := c.raw()
		if len(label) > maxLabel {
			continue
		}
		for _, next := range cells[i+1:] {
			if !c.contains(next) { // a label cell may hold a table of its own
				rows = append(rows, row{label: label, value: next, at: at})
				break
			}
		}
	}
	return rows
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
