package mailparse

import (
	"slices"
	"strings"
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

// found is where a text turns from the forwarder's words to somebody else's.
type found struct {
	lines []fwdLine
	lead  subjectLead
	reply bool // the first thing quoted is quoted by a reply

	sep      separator
	sepLine  int // where the comment ends
	block    *headerBlock
	attr     *attribution
	attrLine int
	weak     bool
	limit    int // lines from here on are not the original's; 0: none known
	tries    int // header blocks that were none
}

func (f *found) ok() bool { return f != nil && !f.reply && (f.block != nil || f.attr != nil) }

// These bound the lines that begin like a header block, or end like an
// attribution, and are none. They keep a text made of nothing else from taking
// seconds.
const (
	maxTries        = 1000
	maxAttributions = 4000
)

// search goes down the lines to the first thing that introduces another mail.
// What comes first is outermost, and decides.
func search(lines []fwdLine, subject string, lead subjectLead) *found {
	f := &found{lines: lines, lead: lead}
	attributions := 0
	for i := 0; i < len(lines) && f.tries < maxTries; i++ {
		line := &lines[i]
		if line.empty() {
			continue
		}
		if sep, ok := separatorIn(line.text); ok {
			if b := blockBehind(lines, i, sep, subject); b != nil {
				if f.introduced(sep, i, b) {
					return f
				}
				f.tries++
				i = b.next - 1
				continue
			}
			if a, at := attributionBehind(lines, i, sep); a != nil {
				f.sep, f.sepLine, f.attr, f.attrLine = sep, i, a, at
				return f
			}
			f.tries++
			continue
		}
		if uses, _ := labelAt(line.text); uses != nil {
			if b := readBlock(lines, i, subject, false); b != nil {
				if f.introduced(separator{}, i, b) {
					return f
				}
				f.tries++
				i = b.next - 1
				continue
			}
			f.tries++
		}
		if f.attr != nil || attributions > maxAttributions || !endsWithColon(lines, i) {
			continue
		}
		attributions++
		if a, ok := attributionAt(lines, i); ok && (lead != leadNone || quotedBelow(lines, i+a.lines) || a.address != "") {
			f.attr, f.attrLine, f.sepLine = &a, i, i
			i += a.lines - 1
		}
	}
	return f.onlyAttribution()
}

// blockBehind reads the header block below a separator.
func blockBehind(lines []fwdLine, i int, sep separator, subject string) *headerBlock {
	j := i + 1
	for j < len(lines) && j < i+5 && lines[j].empty() {
		j++
	}
	if j >= len(lines) {
		return nil
	}
	known := sep.use == useForward || sep.use == useNamed
	if b := readBlock(lines, j, subject, known); b != nil {
		return b
	}
	if known {
		return foreignBlock(lines, j)
	}
	return nil
}

// attributionBehind: Yandex writes "date, Name <address>:" below its separator.
func attributionBehind(lines []fwdLine, i int, sep separator) (*attribution, int) {
	if sep.use != useForward {
		return nil, 0
	}
	j := i + 1
	for j < len(lines) && j < i+4 && lines[j].empty() {
		j++
	}
	if j >= len(lines) {
		return nil, 0
	}
	if a, ok := attributionAt(lines, j); ok && a.address != "" {
		return &a, j
	}
	return nil, 0
}

func quotedBelow(lines []fwdLine, i int) bool {
	for j := i; j < len(lines) && j < i+4; j++ {
		if !lines[j].empty() {
			return lines[j].depth > lines[max(0, i-1)].depth
		}
	}
	return false
}

// introduced decides what a header block at line i is. It returns false where
// the block does not count and the search goes on.
func (f *found) introduced(sep separator, i int, b *headerBlock) bool {
	strong := sep.use == useForward || sep.use == useNamed
	if f.attr != nil && !f.overAttribution(strong, b) {
		f.block, f.sep = nil, separator{}
		return f.decideAttribution()
	}
	switch {
	case strong && (f.lead != leadReply || b.depth == 0):
	case f.lead == leadReply:
		f.reply = true
		return true
	case f.lead == leadAmbiguous && f.finnish(b) && !strong:
		f.reply = true // "VS:" and Finnish labels: a reply
		return true
	case f.lead&leadForward != 0:
		if !b.plausible() {
			return false
		}
	default:
		if !b.plausible() || !b.whole(sep) {
			return false
		}
		if b.depth > 0 || f.quotedBefore(i) {
			f.reply = true
			return true
		}
		f.weak = true
	}
	f.sep, f.sepLine, f.block, f.attr = sep, i, b, nil
	return true
}

// overAttribution: above the block stood an attribution. Mostly it quotes all
// below it; but a forwarder's comment may hold a quote of its own.
func (f *found) overAttribution(strong bool, b *headerBlock) bool {
	at := &f.lines[f.attrLine]
	if b.depth > at.depth || b.indent >= at.indent+4 {
		return false
	}
	quoted := quotedBelow(f.lines, f.attrLine+f.attr.lines)
	switch {
	case f.lead == leadForward:
		return quoted || f.attr.address == ""
	case f.lead == leadReply:
		return false
	}
	return strong && f.attr.address == ""
}

// decideAttribution: nothing but an attribution introduces the other mail. That
// is how Outlook 2019 forwards in text mode, and how everybody replies.
func (f *found) decideAttribution() bool {
	if f.lead != leadForward && f.sep.use != useForward {
		f.reply, f.attr = true, nil
	}
	return true
}

func (f *found) onlyAttribution() *found {
	if f.attr != nil {
		f.decideAttribution()
	}
	return f
}

// plausible: three fields, among them one that says when or what.
func (b *headerBlock) plausible() bool {
	return len(b.order) >= 3 && (b.has[fieldDate] || b.has[fieldSubject])
}

// whole is what a block must be if nothing else speaks for a forward: From,
// Date and Subject with values that fit and, without a separator, in an order
// that a client writes.
func (b *headerBlock) whole(sep separator) bool {
	if !b.has[fieldFrom] || !b.has[fieldDate] || !b.has[fieldSubject] {
		return false
	}
	if !hasDigit(b.value[fieldDate]) || len(b.value[fieldDate]) < 6 {
		return false
	}
	if !strings.Contains(b.value[fieldFrom], "@") && !b.has[fieldTo] {
		return false
	}
	from, date, subject := slices.Index(b.order, fieldFrom), slices.Index(b.order, fieldDate), slices.Index(b.order, fieldSubject)
	return sep.kind != 0 || from < subject && date < subject || from == 0 && subject < date
}

// finnish: the labels are Finnish, or Finnish and a language we cannot tell apart.
func (f *found) finnish(b *headerBlock) bool {
	t := clientLabels()
	for i, code := range t.locales {
		if code == "fi" || code == "et" {
			if b.locales.has(i) {
				return true
			}
		}
	}
	return false
}

// quotedBefore: somebody's words stand quoted above line i, so what is below
// is most likely quoted too.
func (f *found) quotedBefore(i int) bool {
	for j := range f.lines[:i] {
		if f.lines[j].depth > 0 {
			return true
		}
	}
	return false
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
	fw.plain = f.unwrap(from, to)
	fw.comment = f.commentText(to)
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
	fw.subject = strings.Join(strings.Fields(visible(v[fieldSubject])), " ")
	fw.date = strings.Join(strings.Fields(visible(v[fieldDate])), " ")
}

// depth and indent of the original, relative to which its text is unwrapped.
func (f *found) level() (depth, indent int) {
	if f.block != nil {
		return f.block.depth, f.block.indent
	}
	next := f.attrLine + f.attr.lines
	for next < len(f.lines) && f.lines[next].empty() {
		next++
	}
	if next < len(f.lines) {
		return f.lines[next].depth, f.lines[next].indent
	}
	return f.lines[f.attrLine].depth, 0
}

// body returns the lines of the original, [from, to).
func (f *found) body() (from, to int) {
	from, to = 0, len(f.lines)
	if f.limit > 0 {
		to = f.limit
	}
	if f.block != nil {
		from = f.block.next
	} else {
		from = f.attrLine + f.attr.lines
	}
	for from < to && f.lines[from].empty() {
		from++
	}
	if from < to && f.closes(from) { // Zoho repeats its separator below the block
		for from++; from < to && f.lines[from].empty(); from++ {
		}
	}
	if depth, _ := f.level(); depth > 0 {
		for to > from && f.lines[to-1].depth < depth {
			to--
		}
		if to == from {
			to = len(f.lines)
		}
	}
	from = min(from, to)
	for k := to - 1; k > from; k-- { // "----- End forwarded message -----"
		if sep, ok := separatorIn(f.lines[k].text); ok && sep.use == useEnd && f.lines[k].depth <= f.lines[f.sepLine].depth {
			return from, k
		}
	}
	return from, to
}

func (f *found) closes(i int) bool {
	return f.sep.kind == '=' && f.lines[i].text == f.lines[f.sepLine].text
}

// unwrap returns the original's text without the forward's own quote marks or
// indentation.
func (f *found) unwrap(from, to int) string {
	depth, indent := f.level()
	for _, l := range f.lines[from:to] {
		if !l.empty() {
			indent = min(indent, l.indent)
		}
	}
	if f.block == nil && indent < 4 {
		indent = 0
	}
	var b strings.Builder
	for _, l := range f.lines[from:to] {
		s := unquote(l.raw, depth)
		if indent > 0 {
			s = cutIndent(s, indent)
		}
		b.WriteString(strings.TrimRight(s, " \t\u00a0\u202f"))
		b.WriteByte('\n')
	}
	return strings.Trim(dropZeroWidth(b.String()), "\n")
}

// cutIndent takes up to n blanks off: Outlook 2019 indents the original by four.
func cutIndent(s string, n int) string {
	return strings.TrimLeftFunc(s, func(c rune) bool {
		if c == ' ' || c == '\t' || c == 0xa0 {
			n--
			return n >= 0
		}
		return c == 0xfeff
	})
}

// commentText is what the forwarder wrote: above, and below where the end of
// the forward shows.
func (f *found) commentText(to int) string {
	above := f.rawText(0, f.sepLine)
	below := ""
	if to < len(f.lines) {
		if sep, ok := separatorIn(f.lines[to].text); ok && sep.use == useEnd {
			to++
		}
		below = withoutSignOff(f.rawText(to, len(f.lines)))
	}
	above = withoutSignOff(dropBanners(above))
	if above != "" && below != "" {
		return above + "\n\n" + below
	}
	return above + below
}

func (f *found) rawText(from, to int) string {
	var b strings.Builder
	for _, l := range f.lines[from:to] {
		b.WriteString(strings.TrimRight(l.raw, " \t\u00a0\u202f"))
		b.WriteByte('\n')
	}
	return strings.Trim(dropZeroWidth(b.String()), "\n \t\u00a0\ufeff")
}
