package mailparse

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// headerBlock is the From, Date, Subject, To … that a client writes above a
// forwarded or quoted mail.
type headerBlock struct {
	value   [numFields]string // as written, wrapped lines joined
	has     [numFields]bool
	order   []labelField
	locales localeSet // that have all these labels
	first   int       // its first line
	next    int       // the line behind it
	depth   int
	indent  int
	glued   bool // all on one line
	spaced  bool // a blank line stood behind each label
	blank   bool // a blank line ends it
}

const (
	maxBlockLines = 40 // with long To lists wrapped; what is longer is no header block
	maxLabelBytes = 64
)

// readBlock reads a header block that begins at line i. It answers nil unless
// there are at least two fields and one is From. Behind a forward's separator a
// first label in a language we do not know is taken as From if an address
// stands behind it: Gmail translates From into more languages than we have.
func readBlock(lines []fwdLine, i int, outer string, sep separator) *headerBlock {
	anyLabel := sep.use == useForward || sep.use == useNamed
	first, _ := labelAt(lines[i].text)
	noColons := first == nil && sep.kind == '-' && sep.text != ""
	b := &headerBlock{first: i, depth: lines[i].depth, indent: lines[i].indent, locales: likelyLocales(lines, i)}
	field := fieldOther
	j := i
	for ; j < len(lines) && j < i+maxBlockLines; j++ {
		line := &lines[j]
		if line.empty() {
			if next, ok := b.acrossBlank(lines, j); ok {
				b.spaced = true
				j = next - 1
				continue
			}
			b.blank = true
			break
		}
		uses, value := labelAt(line.text)
		if uses == nil {
			uses, value = b.labelWithoutColon(line.text, noColons)
		}
		if uses == nil && j == i && anyLabel {
			uses, value = b.unknownFrom(line.text)
		}
		if f, ok := b.accept(uses); ok && (len(b.order) == 0 || line.depth == b.depth) {
			if len(b.order) == 0 && b.readGlued(line) {
				j++
				break
			}
			field = f
			b.set(f, rawValue(line.raw, value))
			continue
		}
		if len(b.order) == 0 {
			return nil
		}
		if !b.continues(lines, j, field, outer) {
			break
		}
		b.value[field] = joinWrapped(b.value[field], strings.TrimSpace(unquote(line.raw, line.depth)), field)
	}
	b.next = j
	if !b.has[fieldFrom] || len(b.order) < 2 {
		return nil
	}
	return b
}

// likelyLocales are the languages that explain most of the labels near line i,
// English ones allowed among them (Gmail translates From only). It is needed
// because "Da" is From in Italian and To in Breton.
func likelyLocales(lines []fwdLine, i int) localeSet {
	t := clientLabels()
	var labels [][]labelUse
	for j := i; j < len(lines) && j < i+12; j++ {
		if uses, _ := labelAt(lines[j].text); uses != nil {
			labels = append(labels, uses)
		} else if lines[j].empty() && len(labels) > 2 {
			break
		}
	}
	var best localeSet
	bestScore := 0
	for l := range t.locales {
		switch score := t.explained(labels, l); {
		case score > bestScore:
			bestScore, best = score, localeSet{}
			best.add(l)
		case score == bestScore && score > 0:
			best.add(l)
		}
	}
	if best.empty() {
		return localeSet{^uint64(0), ^uint64(0)}
	}
	return best
}

// explained counts how well locale l, with English, makes a block of the labels.
func (t *labelTable) explained(labels [][]labelUse, l int) int {
	var seen [numFields]bool
	score := 0
	for _, uses := range labels {
		field, points := fieldOther, 0
		for _, u := range uses {
			if u.locales.has(l) && points < 4 {
				field, points = u.field, 4
			} else if !u.locales.and(t.english).empty() && points < 3 {
				field, points = u.field, 3
			}
		}
		if points > 0 && !seen[field] {
			seen[field] = true
			if score += points; field == fieldFrom {
				score += 8
			}
		}
	}
	return score
}

// rawValue is the label's value before zero-width characters were dropped.
func rawValue(raw, value string) string {
	if value == "" || strings.HasSuffix(raw, value) {
		return value
	}
	if k, size := colon(raw, len(raw)); k >= 0 {
		if v := strings.Trim(raw[k+size:], "*_ \t"); strings.TrimSpace(visible(v)) == strings.Trim(value, "*_") {
			return v
		}
	}
	return value
}

func (b *headerBlock) set(f labelField, value string) {
	if !b.has[f] {
		b.value[f] = value
	}
	b.has[f] = true
	b.order = append(b.order, f)
}

// accept chooses what the label means here: one label may be From in one
// language and To in another, so the languages of the lines before decide.
func (b *headerBlock) accept(uses []labelUse) (labelField, bool) {
	english := clientLabels().english
	best, bestRank := fieldOther, 0
	for _, u := range uses {
		if b.has[u.field] && u.field != fieldOther {
			continue
		}
		rank := 1
		switch {
		case !u.locales.and(b.locales).empty():
			rank = 3
		case !u.locales.and(english).empty():
			rank = 2
		}
		if rank > bestRank {
			best, bestRank = u.field, rank
		}
	}
	if bestRank == 0 {
		return fieldOther, false
	}
	for _, u := range uses {
		if u.field == best {
			if both := u.locales.and(b.locales); !both.empty() {
				b.locales = both
			}
		}
	}
	return best, true
}

// labelAt reads "Label: value". uses is nil where the line has no label we know.
func labelAt(text string) (uses []labelUse, value string) {
	k, size := colon(text, maxLabelBytes)
	if k <= 0 {
		return nil, ""
	}
	label, value := text[:k], text[k+size:]
	if label[0] == '*' || label[0] == '_' { // bold in the text part of an HTML mail
		label = strings.Trim(label, "*_ ")
		if value != "" && value[0] != '*' && value[0] != '_' {
			value = strings.TrimLeft(value, " \t") // "*From: *Ann"
		}
		value = strings.Trim(value, "*_ \t")
	}
	uses = clientLabels().label(strings.Trim(label, "* "))
	if uses == nil {
		return nil, ""
	}
	return uses, strings.TrimSpace(value)
}

// labelWithoutColon: Yahoo's Portuguese Subject and Polish Cc have none, and
// with eM Client no label has, below its line of dashes.
func (b *headerBlock) labelWithoutColon(text string, none bool) ([]labelUse, string) {
	if none && (len(b.order) > 0 || strings.Contains(text, "@")) {
		label, rest, _ := strings.Cut(text, " ")
		if uses := clientLabels().label(label); uses != nil && rest != "" && !strings.Contains(label, ":") {
			return uses, strings.TrimSpace(rest)
		}
	}
	if len(b.order) == 0 {
		return nil, ""
	}
	for _, label := range [...]string{"Assunto", "Dw"} {
		rest, ok := strings.CutPrefix(text, label+" ")
		if !ok || label == "Dw" && !strings.Contains(rest, "@") {
			continue
		}
		uses := clientLabels().label(label)
		for _, u := range uses {
			if !b.has[u.field] && !u.locales.and(b.locales).empty() {
				return uses, strings.TrimSpace(rest)
			}
		}
	}
	return nil, ""
}

// unknownFrom takes "Xyz: Name <address>" as From, whatever Xyz is.
func (b *headerBlock) unknownFrom(text string) ([]labelUse, string) {
	k, size := colon(text, maxLabelBytes)
	if k <= 0 || strings.ContainsAny(text[:k], "@<>/") {
		return nil, ""
	}
	value := strings.TrimSpace(text[k+size:])
	if parseMailbox(value).Address == "" {
		return nil, ""
	}
	return []labelUse{{fieldFrom, localeSet{^uint64(0), ^uint64(0)}}}, value
}

// acrossBlank: text made from HTML may have a blank line after each label. It
// goes on if a label that is still missing follows.
func (b *headerBlock) acrossBlank(lines []fwdLine, j int) (int, bool) {
	if len(b.order) == 0 || b.complete() && !b.spaced {
		return 0, false
	}
	for j < len(lines) && lines[j].empty() {
		j++
	}
	if j >= len(lines) || lines[j].depth != b.depth {
		return 0, false
	}
	uses, _ := labelAt(lines[j].text)
	for _, u := range uses {
		if b.has[u.field] || !b.speaks(u) {
			continue
		}
		if b.spaced || len(b.order) == 1 && u.field != fieldOther || u.field == fieldSubject || u.field == fieldDate {
			return j, true
		}
	}
	return 0, false
}

// complete: nothing is missing that every client writes.
func (b *headerBlock) complete() bool {
	return b.has[fieldFrom] && b.has[fieldDate] && b.has[fieldSubject] && b.has[fieldTo]
}

// continues: is line j the rest of the field before it, or the body's first
// line? Only where something shows that the field is not at its end.
func (b *headerBlock) continues(lines []fwdLine, j int, field labelField, outer string) bool {
	line, value := &lines[j], b.value[field]
	switch field {
	case fieldFrom, fieldTo, fieldCc, fieldBcc, fieldReplyTo:
		if openMailbox(value) || strings.HasPrefix(line.text, "<") || strings.HasPrefix(line.text, "[") {
			return true
		}
	case fieldSubject:
		if bare, _ := peelPrefixes(outer); bare != "" {
			whole, _ := peelPrefixes(value + " " + line.text)
			if strings.EqualFold(bare, whole) || startsFold(bare, whole+" ") {
				return true
			}
			if part, _ := peelPrefixes(value); strings.EqualFold(bare, part) {
				return b.labelFollows(lines, j+1)
			}
		}
		// Wrapped at the width of a line, and the blank line still to come.
		if j < len(lines)-1 && lines[j+1].empty() && utf8.RuneCountInString(value) >= 60 && len(line.text) < 60 {
			return true
		}
	}
	if line.indent > b.indent && line.depth == b.depth {
		return true // folded like a header field
	}
	return b.labelFollows(lines, j+1)
}

// labelFollows: a label that is still missing within two lines, no blank between.
func (b *headerBlock) labelFollows(lines []fwdLine, j int) bool {
	for k := j; k < len(lines) && k < j+3 && !lines[k].empty(); k++ {
		uses, _ := labelAt(lines[k].text)
		for _, u := range uses {
			if u.field != fieldOther && !b.has[u.field] && b.speaks(u) {
				return true
			}
		}
	}
	return false
}

// speaks: the label is in the block's language, or English.
func (b *headerBlock) speaks(u labelUse) bool {
	return !u.locales.and(b.locales).empty() || !u.locales.and(clientLabels().english).empty()
}

// openMailbox: the list cannot end here.
func openMailbox(v string) bool {
	v = strings.TrimSpace(v)
	if v == "" || strings.HasSuffix(v, ",") || strings.HasSuffix(v, ";") || strings.HasSuffix(v, "@") {
		return true
	}
	if strings.Count(v, "<") > strings.Count(v, ">") || strings.Count(v, "[") > strings.Count(v, "]") || strings.Count(v, `"`)%2 == 1 {
		return true
	}
	last := v[strings.LastIndexAny(v, " ,;<[")+1:]
	_, domain, ok := strings.Cut(last, "@") // cut in the domain: no dot yet, or just after it
	return ok && (!strings.Contains(domain, ".") || strings.HasSuffix(domain, ".") || strings.HasSuffix(domain, "-"))
}

// joinWrapped puts a field together again. Inside an address, and between
// ideographs, nothing stood where the line was broken.
func joinWrapped(a, b string, f labelField) string {
	if a == "" {
		return b
	}
	if f != fieldSubject && f != fieldDate && f != fieldOther {
		open := max(strings.LastIndexByte(a, '<'), strings.LastIndexByte(a, '['))
		if open > max(strings.LastIndexByte(a, '>'), strings.LastIndexByte(a, ']')) && !strings.HasSuffix(a, " ") {
			return a + b
		}
		last := a[strings.LastIndexAny(a, " ,;")+1:]
		if strings.Contains(last, "@") && openMailbox(last) && !strings.HasSuffix(a, ",") {
			return a + b
		}
	}
	r, _ := utf8.DecodeLastRuneInString(a)
	s, _ := utf8.DecodeRuneInString(b)
	if unicode.Is(unicode.Han, r) && unicode.Is(unicode.Han, s) {
		return a + b
	}
	return a + " " + b
}
