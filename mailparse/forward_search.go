package mailparse

import (
	"slices"
	"strings"
)

// The search for what introduces another mail: the lines of a text part, or of
// the HTML's text, from the top.

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
	maxAttributions = 1000
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
			if b := readBlock(lines, i, subject, separator{}); b != nil {
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
	if b := readBlock(lines, j, subject, sep); b != nil {
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
		if !b.plausible() || !b.whole(sep) || f.inHeader(b.first) {
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
// is how Outlook 2019 forwards in text mode, and how everybody replies: in a
// thread of that name, too, but then with quote marks.
func (f *found) decideAttribution() bool {
	if f.lead != leadForward || quotedBelow(f.lines, f.attrLine+f.attr.lines) {
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
	if b.order[0] == fieldOther {
		return false // a whole header, as bounces return it, begins with Return-Path
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

// inHeader: the line above is a header field, or its folded end, that no client
// shows: a whole header follows, as bounces return it.
func (f *found) inHeader(i int) bool {
	if i == 0 || f.lines[i-1].empty() {
		return false
	}
	above := &f.lines[i-1]
	if above.indent > f.lines[i].indent {
		return true
	}
	name, _, ok := strings.Cut(above.text, ":")
	return ok && (name == "Received" || strings.Contains(name, "-") && !strings.ContainsAny(name, " @<>"))
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
