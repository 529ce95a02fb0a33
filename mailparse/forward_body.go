package mailparse

import "strings"

// What of a forward is the original's, and what the forwarder's.

// level is depth and indent of the original, relative to which its text is unwrapped.
func (f *found) level() (depth, indent int) {
	next := f.firstLine()
	for next < len(f.lines) && f.lines[next].empty() {
		next++
	}
	switch {
	case f.block != nil && next < len(f.lines) && f.lines[next].depth < f.block.depth:
		return f.lines[next].depth, 0 // MailMate quotes the header block only
	case f.block != nil:
		return f.block.depth, f.block.indent
	case next < len(f.lines):
		return f.lines[next].depth, f.lines[next].indent
	}
	return f.lines[f.attrLine].depth, 0
}

// firstLine is the line behind the header block or attribution.
func (f *found) firstLine() int {
	if f.block != nil {
		return f.block.next
	}
	return f.attrLine + f.attr.lines
}

// body returns the lines of the original, [from, to).
func (f *found) body() (from, to int) {
	from, to = f.firstLine(), len(f.lines)
	if f.limit > 0 {
		to = f.limit
	}
	for from < to && f.lines[from].empty() {
		from++
	}
	cut := from < to && f.closes(f.lines[from].text)
	if cut {
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
	return from, f.endLine(from, to, cut)
}

// scissors begin the lines that The Bat! puts around the original.
const scissors = "===8<"

// closes: what Zoho, SquirrelMail and The Bat! write below their header block.
func (f *found) closes(line string) bool {
	switch {
	case f.sep.kind == '=':
		return line == f.lines[f.sepLine].text
	case f.sep.dashes >= 20:
		return len(line) >= 40 && strings.Trim(line, "-") == ""
	}
	return strings.HasPrefix(line, scissors)
}

// endLine finds "----- End forwarded message -----": the end of this forward,
// not of one inside it.
func (f *found) endLine(from, to int, cut bool) int {
	inside := 0
	for k := from + 1; k < to; k++ {
		l := &f.lines[k]
		if cut && strings.HasPrefix(l.text, scissors) {
			return k
		}
		sep, ok := separatorIn(l.text)
		switch {
		case !ok || l.depth > f.lines[f.sepLine].depth:
		case sep.hasEnd(l.text):
			inside++
		case sep.use == useEnd && inside == 0:
			return k
		case sep.use == useEnd:
			inside--
		}
	}
	for last := to - 1; last > from; last-- {
		if f.endRule(f.lines[last].text) {
			return last
		}
		if !f.lines[last].empty() {
			break
		}
	}
	return to
}

// endRule: KMail draws a line below, about as long as its separator.
func (f *found) endRule(line string) bool {
	return strings.Contains(f.lines[f.sepLine].text, "-  ") && len(line) >= 30 && strings.Trim(line, "-") == ""
}

// unwrap returns the original's text without the forward's own quote marks or
// indentation.
func (f *found) unwrap(from, to int) string {
	depth, indent := f.level()
	quoted := depth + 1 // Proton, Zoho, Missive: the original is quoted, the header block is not
	for _, l := range f.lines[from:to] {
		if !l.empty() {
			indent = min(indent, l.indent)
			quoted = min(quoted, l.depth)
		}
	}
	depth = max(depth, quoted)
	if f.block == nil && indent < 4 {
		indent = 0
	}
	var b strings.Builder
	for i := from; i < to; i++ {
		l := &f.lines[i]
		s := unquote(l.raw, depth)
		if l.whole != "" && i+1 < to {
			s = unquote(l.whole, depth)
			i++
		}
		if indent > 0 {
			s = cutIndent(s, indent)
		}
		if s != "-- " { // RFC 3676 §4.3
			s = strings.TrimRight(s, " \t\u00a0\u202f")
		}
		b.WriteString(s)
		b.WriteByte('\n')
	}
	text := strings.Trim(dropPadding(b.String()), "\n")
	if first, _, _ := strings.Cut(text, "\n"); len(first)-len(strings.TrimLeft(first, " ")) < 4 {
		text = strings.TrimLeft(text, " ") // Yahoo begins the original with a blank; four are somebody's own
	}
	return text
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
		if sep, ok := separatorIn(f.lines[to].text); ok && sep.use == useEnd || f.endRule(f.lines[to].text) || strings.HasPrefix(f.lines[to].text, scissors) {
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
