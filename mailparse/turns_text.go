package mailparse

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// bareLine is a line of text without what a renderer adds: link targets in
// angle brackets, image stand-ins, quote marks, stars for bold, blanks.
func bareLine(s string) string {
	s = strings.TrimFunc(s, isBlank)
	if strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '[') < 0 {
		return s
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "<[")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		end, skip := linkTarget(s[i:])
		if !skip {
			b.WriteString(s[i : i+end])
		}
		s = s[i+end:]
	}
	return strings.TrimFunc(b.String(), isBlank)
}

// linkTarget: s begins with a bracket. It returns the length of what to look at
// and whether that only says where a link or an image leads.
func linkTarget(s string) (n int, skip bool) {
	s = s[:min(len(s), maxLink)] // a line of a million brackets must not be searched a million times
	closing := byte('>')
	if s[0] == '[' {
		closing = ']'
	}
	end := strings.IndexByte(s, closing)
	if end < 0 {
		return 1, false
	}
	in := strings.ToLower(s[1:min(end, 9)])
	for _, scheme := range []string{"http://", "https://", "cid:"} {
		if strings.HasPrefix(in, scheme) {
			return end + 1, true
		}
	}
	if s[0] == '[' && imageBlocked(s[1:end]) {
		return end + 1, true
	}
	return 1, false
}

// turnsText reads turns from lines. Two shapes are known: the line with who and
// when stands above what was said, or below it.
func (r *reader) turnsText() {
	x := r.p.text
	lines := r.m.bodyLines()
	r.said = make([]bool, len(lines))
	from, rest, ok := r.begin(lines)
	if !ok {
		return
	}
	if x.metaLast {
		r.turnsAbove(from)
		return
	}
	r.turnsBelow(from, rest)
}

// begin returns the first line of the chat, and what stands behind the bound on
// its own line.
func (r *reader) begin(lines []string) (from int, rest string, ok bool) {
	x := r.p.text
	if len(x.from) == 0 {
		return 0, "", true
	}
	for i, line := range lines {
		line = head(line, maxLine)
		for _, p := range x.from {
			if g := r.m.groupsOf(p, line); g != nil {
				rest = p.group(g, "text")
				if rest != "" && len(lines[i]) > len(line) {
					rest += lines[i][len(line):]
				}
				return i + 1, rest, true
			}
		}
	}
	return 0, "", x.metaLast // an agent may have deleted what stood above the chat
}

// turnsBelow: each turn begins with its line. The first line decides which of
// the profile's forms it is, so that a visitor cannot put another form's line
// into the middle.
func (r *reader) turnsBelow(from int, rest string) {
	x := r.p.text
	lines := r.m.bodyLines()
	form, last := r.form(lines, from)
	to := r.end(lines, max(from, last+1))
	var body []string
	var cur *Turn
	flush := func() {
		if cur != nil {
			cur.Text = r.cleanLines(body)
			r.addTurn(*cur)
		}
		body = nil
	}
	if form == nil && (x.single || r.k.single) || rest != "" {
		cur = &Turn{Role: RoleCustomer, Author: r.name()}
		body = append(body, rest)
	}
	for i := from; i < to; i++ {
		r.said[i] = true
		if form != nil {
			if g := r.m.groupsOf(form, lines[i]); g != nil {
				flush()
				cur = r.turnOf(form, g)
				text := form.group(g, "text")
				if len(lines[i]) > maxLine {
					text += lines[i][len(head(lines[i], maxLine)):]
				}
				body = append(body, text)
				continue
			}
		}
		body = append(body, r.m.rawLines[i])
	}
	if cur == nil && strings.TrimSpace(strings.Join(body, "")) != "" {
		r.note("text above the first message was left out")
	}
	flush()
}

// form returns the line pattern that the chat uses, and its last line.
func (r *reader) form(lines []string, from int) (form *pattern, last int) {
	last = -1
	for i := from; i < len(lines); i++ {
		if form != nil {
			if r.m.fits(form, lines[i]) {
				last = i
			}
			continue
		}
		for _, p := range r.p.text.lines {
			if r.m.fits(p, lines[i]) {
				form, last = p, i
				break
			}
		}
	}
	return form, last
}

// end returns the line that ends the chat. The bounds stand in the order in
// which the product writes them; of the first that is there, the last
// occurrence counts, since a visitor can type such a line too.
func (r *reader) end(lines []string, from int) int {
	for _, p := range r.p.text.to {
		for i := len(lines) - 1; i >= from; i-- {
			if len(lines[i]) <= maxLine && r.m.fits(p, lines[i]) {
				return i
			}
		}
	}
	return len(lines)
}

func (r *reader) turnOf(p *pattern, g []string) *Turn {
	x := r.p.text
	t := &Turn{Author: tidyName(p.group(g, "who")), Written: foldBlanks(p.group(g, "at"))}
	if t.Written == "" {
		t.Written = foldBlanks(p.group(g, "date") + " " + p.group(g, "time"))
	}
	t.At = timeOf(t.Written, x.dates, r.p.zone, r.m.date)
	t.Role = r.roleText(t.Author)
	if p.group(g, "whisper") != "" {
		t.Role = RoleNote
	}
	return t
}

func (r *reader) roleText(author string) Role {
	x := r.p.text
	if role, ok := x.roles[author]; ok {
		return role
	}
	if slices.ContainsFunc(x.bots, func(b string) bool { return strings.EqualFold(b, author) }) {
		return RoleBot
	}
	switch {
	case x.customerIs == "name":
		return r.roleByName(author, x.defaultRole)
	case x.customerIs != "" && strings.EqualFold(author, x.customerIs):
		return RoleCustomer
	}
	return x.defaultRole
}

func (r *reader) addTurn(t Turn) {
	if t.Text != "" && len(r.t.Turns) <= maxTurns {
		r.t.Turns = append(r.t.Turns, t)
	}
}

// turnsAbove: what was said stands above its line, as in a text rendering of
// Intercom's HTML. Between one line and the next message the product's own
// labels stand.
func (r *reader) turnsAbove(from int) {
	lines := r.m.bodyLines()
	for i := from; i < len(lines); i++ {
		form, g := r.metaAt(lines[i])
		if form == nil {
			continue
		}
		t := r.turnOf(form, g)
		body := r.messageLines(from, i, t.Author)
		t.Text = r.cleanLines(body)
		r.addTurn(*t)
		from = r.skipLabels(i + 1)
		i = from - 1 // a label may look like the line of a turn
	}
}

func (r *reader) metaAt(line string) (*pattern, []string) {
	if len(line) > maxLine {
		return nil, nil
	}
	for _, p := range r.p.text.lines {
		if g := r.m.groupsOf(p, line); g != nil {
			return p, g
		}
	}
	return nil, nil
}

// skips: the line belongs to what the product writes above the first message.
func (r *reader) skips(line string) bool {
	return len(line) <= maxLine && slices.ContainsFunc(r.p.text.skip, func(p *pattern) bool { return r.m.fits(p, line) })
}

// messageLines returns the lines of one message, without the speaker's initials above it.
func (r *reader) messageLines(from, to int, author string) []string {
	lines := r.m.bodyLines()
	if i := r.initialsAbove(from, to, author); i > 0 {
		from = i
	} else {
		for from < to && (lines[from] == "" || len(r.t.Turns) == 0 && r.skips(lines[from])) {
			from++
		}
	}
	for i := from; i < to; i++ {
		r.said[i] = true
	}
	return r.m.rawLines[from:to]
}

// initialsAbove returns where the message below its speaker's initials begins,
// 0 where there are none. What the product left above it (a place without label,
// wrapped lines of the header) is told from what was said by them.
func (r *reader) initialsAbove(from, to int, author string) int {
	if !r.p.text.initials {
		return 0
	}
	lines := r.m.bodyLines()
	most := 3
	if len(r.t.Turns) == 0 {
		most = 6
		if from == 0 {
			most = 1 // what stood above the chat was deleted
		}
	}
	for i, seen := from, 0; i < to && seen < most; i++ {
		if lines[i] == "" {
			continue
		}
		seen++
		if !r.initials(lines[i], author) {
			continue
		}
		if _, beside, ok := strings.Cut(r.m.rawLines[i], "\t"); ok {
			r.m.rawLines[i] = beside
			return i
		}
		if strings.TrimSpace(strings.Join(lines[i+1:to], "")) != "" {
			return i + 1
		}
	}
	return 0
}

// initials: "AE" above a message of Ada Example or of Ada, or in the cell beside it.
func (r *reader) initials(line, author string) bool {
	line, _, _ = strings.Cut(line, "\t")
	if n := utf8.RuneCountInString(line); n < 1 || n > 3 || strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsUpper(c) && unicode.IsLower(c) || !unicode.IsLetter(c) }) {
		return false
	}
	for _, name := range []string{r.name(), author} {
		var in []rune
		for w := range strings.FieldsSeq(name) {
			c, _ := utf8.DecodeRuneInString(w)
			in = append(in, unicode.ToUpper(c))
		}
		if len(in) > 0 && (line == string(in) || line == string(in[:1]) || len(in) > 2 && line == string([]rune{in[0], in[len(in)-1]})) {
			return true
		}
	}
	return false
}

// skipLabels returns the line below the labels that begin at from.
func (r *reader) skipLabels(from int) int {
	lines := r.m.bodyLines()
	for i := from; i < len(lines); i++ {
		if lines[i] == "" {
			continue
		}
		label, value := labelOf(lines[i], r.p.labels)
		if label == "" {
			return from
		}
		if value == "" {
			for i+1 < len(lines) && lines[i+1] == "" {
				i++
			}
			i++
		}
		from = i + 1
	}
	return from
}
