package mailparse

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

func (p *Profile) readCustomer(t table) {
	c, ok := t.sub("customer")
	if !ok {
		if slices.ContainsFunc(p.kinds, func(k kind) bool { return k.action == Process }) {
			t.problem("customer", "required: a kind has action = \"process\"")
		}
		return
	}
	p.customer = customerRules{
		deny:      lower(c.strs("deny_domains")),
		denyLocal: lower(c.strs("deny_locals")),
		mustAgree: c.boolean("must_agree"),
		atLeast:   c.integer("at_least", 10),
	}
	for _, l := range c.tables("address") {
		p.customer.address = append(p.customer.address, readLocator(l))
	}
	for _, l := range c.tables("name") {
		p.customer.name = append(p.customer.name, readLocator(l))
	}
	if a, ok := c.sub("attributes"); ok {
		for _, name := range slices.Sorted(keys(a.m)) {
			p.customer.attributes = append(p.customer.attributes, attribute{name, a.strs(name)})
		}
	}
	if len(p.customer.address) == 0 && slices.ContainsFunc(p.kinds, func(k kind) bool { return k.action == Process }) {
		c.problem("address", "required: a kind has action = \"process\"")
	}
	c.done()
}

func lower(ss []string) []string {
	for i, s := range ss {
		ss[i] = strings.ToLower(s)
	}
	return ss
}

var takes = []string{"only", "mailto", "link_text", "group"}

func readLocator(t table) locator {
	l := locator{
		header:       t.str("header"),
		subject:      t.pattern("subject"),
		subjectGroup: t.str("subject_group"),
		fromName:     t.pattern("from_name"),
		from:         t.boolean("from"),
		take:         t.word("take", takes...),
		required:     t.boolean("required"),
	}
	places := 0
	for _, is := range []bool{l.header != "", l.subject != nil, l.subjectGroup != "", l.fromName != nil, l.from, t.has("html"), t.has("text")} {
		if is {
			places++
		}
	}
	if places != 1 {
		t.problem("", "want exactly one of html, text, header, subject, subject_group, from_name, from; not %d", places)
	}
	outside := readSelectors(t, "outside")
	if h, ok := t.sub("html"); ok {
		l.html = readHTMLPlace(h, outside)
	}
	if x, ok := t.sub("text"); ok {
		l.text = readTextPlace(x)
	}
	t.done()
	return l
}

func readHTMLPlace(t table, outside []selector) *htmlPlace {
	h := &htmlPlace{labels: t.strs("label"), outside: outside}
	for _, class := range t.strs("class") {
		h.at = append(h.at, readSelector(t, "class", class))
	}
	for _, id := range t.strs("id") {
		h.at = append(h.at, readSelector(t, "id", "#"+strings.TrimPrefix(id, "#")))
	}
	if len(h.at) == 0 {
		t.problem("", "want class or id: which element holds it")
	}
	t.done()
	return h
}

func readTextPlace(t table) *textPlace {
	x := &textPlace{
		labels:    t.strs("label"),
		after:     t.pattern("after"),
		afterLast: t.pattern("after_last"),
		unless:    t.pattern("unless"),
		last:      t.boolean("last"),
		firstLine: t.pattern("first_line"),
	}
	if x.toEnd = t.str("before") == "end"; !x.toEnd {
		x.before = t.pattern("before")
	}
	defer t.done()
	if x.firstLine != nil {
		return x
	}
	switch {
	case x.before == nil && !x.toEnd:
		t.problem("before", `required: the line that ends the region ("end" for the end of the mail). Without bounds a visitor could write there`)
	case x.toEnd && x.after == nil && x.afterLast == nil:
		t.problem("after_last", `required with before = "end": the line that begins the region. Without it a visitor could write there`)
	case x.after != nil && x.afterLast != nil:
		t.problem("after", "want after or after_last, not both")
	}
	if len(x.labels) == 0 {
		t.problem("label", "required: what stands before the value")
	}
	return x
}

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

// maxLine bounds what a line pattern is matched with; what a product writes
// before a visitor's words is shorter.
const maxLine = 1024

// maxRegion bounds a region in lines: labels, not chapters.
const maxRegion = 200

// locateText looks for labelled lines in a region of the text.
func (r *reader) locateText(l *locator) []finding {
	if r.m.structured {
		return nil
	}
	x := l.text
	if x.firstLine != nil {
		return r.locateGroup(l, x.firstLine, r.m.firstLine(), "first line")
	}
	lines := r.m.bodyLines()
	from, to, ok := x.region(lines)
	if !ok {
		return nil
	}
	var fs []finding
	for i := from; i < to; i++ {
		line := lines[i]
		where := fmt.Sprintf("line %d of the text, between %d and %d", i+1, from+1, to)
		if x.unless != nil && len(line) <= maxLine && x.unless.matches(line) {
			return []finding{{text: line, where: where, bad: "a line like a message's stands where only the product's own should"}}
		}
		label, value := labelOf(line, x.labels)
		if label == "" {
			for _, w := range addressWords(line) {
				if x.last {
					break
				}
				fs = append(fs, finding{text: w, where: where})
			}
			continue
		}
		if value == "" {
			value, i = r.valueBelow(lines[:to], i)
		}
		if x.last {
			fs = fs[:0]
		}
		fs = append(fs, valuesIn(value, "label "+label+" in "+where)...)
	}
	if x.afterLast == nil && x.after == nil {
		fs = append(fs, r.repeated(x, lines, to)...)
	}
	return fs
}

// valueBelow returns what stands in the next line that is not empty, unless
// that is a label itself, and its line.
func (r *reader) valueBelow(lines []string, i int) (value string, at int) {
	for j := i + 1; j < len(lines); j++ {
		value := strings.TrimFunc(lines[j], isBlank)
		if value == "" {
			continue
		}
		if label, _ := labelOf(value, r.p.labels); label != "" || looksLabelled(value) {
			break
		}
		return value, j
	}
	return "", i
}

// repeated looks for a second block of labels further down: a name with line
// breaks in it could have faked the first. Addresses there count only if the
// product's end line stands below them once more.
func (r *reader) repeated(x *textPlace, lines []string, end int) []finding {
	last := -1
	for i := len(lines) - 1; i > end; i-- {
		if len(lines[i]) <= maxLine && x.before.matches(lines[i]) {
			last = i
			break
		}
	}
	var fs []finding
	for i := end + 1; i < last; i++ {
		if label, value := labelOf(lines[i], x.labels); label != "" && value != "" {
			fs = append(fs, valuesIn(value, fmt.Sprintf("label %s in line %d of the text, a second block of labels", label, i+1))...)
		}
	}
	return fs
}

func valuesIn(value, where string) []finding {
	words := addressWords(value)
	if len(words) == 0 {
		if value = strings.TrimSpace(value); value == "" || !strings.ContainsAny(value, "@＠") {
			return nil // "Email: not given"
		}
		words = []string{value}
	}
	var fs []finding
	for _, w := range words {
		fs = append(fs, finding{text: w, where: where, sure: true})
	}
	return fs
}

// region returns the lines [from, to) a locator may look at.
func (x *textPlace) region(lines []string) (from, to int, ok bool) {
	switch {
	case x.afterLast != nil:
		from = lastLine(lines, x.afterLast) + 1
	case x.after != nil:
		from = firstLine(lines, 0, x.after) + 1
	}
	if from == 0 && (x.after != nil || x.afterLast != nil) {
		return 0, 0, false
	}
	to = len(lines)
	if x.before != nil {
		to = firstLine(lines, from, x.before)
	}
	if to < 0 || to-from > maxRegion {
		return 0, 0, false
	}
	return from, to, true
}

// firstLine returns the first line at or below from that matches, -1 if none does.
func firstLine(lines []string, from int, p *pattern) int {
	for i := from; i < len(lines); i++ {
		if len(lines[i]) <= maxLine && p.matches(lines[i]) {
			return i
		}
	}
	return -1
}

func lastLine(lines []string, p *pattern) int {
	for i := len(lines) - 1; i >= 0; i-- {
		if len(lines[i]) <= maxLine && p.matches(lines[i]) {
			return i
		}
	}
	return -1
}

// labelOf splits "Email: value", "Email<TAB>value" and a label alone.
func labelOf(line string, labels []string) (label, value string) {
	s := strings.TrimLeftFunc(line, isBlank)
	for _, l := range labels {
		if len(s) < len(l) || !strings.EqualFold(s[:len(l)], l) {
			continue
		}
		rest := s[len(l):]
		trimmed := strings.TrimLeftFunc(rest, isBlank)
		switch {
		case trimmed == "":
			return l, ""
		case trimmed[0] == ':':
			return l, strings.TrimFunc(trimmed[1:], isBlank)
		case strings.HasPrefix(trimmed, "："):
			return l, strings.TrimFunc(trimmed[len("："):], isBlank)
		case len(trimmed) < len(rest) && !strings.ContainsAny(trimmed[:min(1, len(trimmed))], "-/"):
			return l, strings.TrimFunc(trimmed, isBlank)
		}
	}
	return "", ""
}

// looksLabelled: "Phone: 1", so not the value of the label above.
func looksLabelled(s string) bool {
	i := strings.IndexByte(s, ':')
	return i > 0 && i < 40 && !strings.Contains(s[:i], "@") && !strings.HasPrefix(strings.ToLower(s), "mailto:")
}
