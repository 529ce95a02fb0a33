package mailparse

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// withoutQuotes takes quoted mails and their intro lines off a body, and in
// reply the signature, too. To lose a customer's words is worse than to keep a
// quote: whatever stands between two quotes stays, and so do they; a quote
// without marks goes only where a mail client's line introduces it and words
// of the writer's own stand above.
func withoutQuotes(text string) (reply, unquoted string) {
	passes := maxQuotePasses
	if len(text) > 256<<10 {
		passes = 2 // nobody writes that much: bound the work
	}
	unquoted = cutAllQuotes(trimBody(text), passes)
	reply = unquoted
	for again, n := true, 0; again && n < passes; n++ {
		if reply, again = cutSignature(reply); again {
			reply = cutAllQuotes(reply, passes)
		}
	}
	return reply, unquoted
}

func cutAllQuotes(text string, passes int) string {
	for again, n := true, 0; again && n < passes; n++ {
		text, again = cutQuotes(text)
	}
	return text
}

// maxQuotePasses: what one cut lays bare may be cut by the next.
const maxQuotePasses = 6

// lineKind is what a line is to the cut.
type lineKind byte

const (
	lineText  lineKind = iota
	lineEmpty          // nothing or blanks
	lineMark           // begins with '>'
	lineIntro          // "On …, Ann wrote:", one of its lines
	lineBlock          // "-----Original Message-----" or a header block: what follows is quoted, with or without marks
	lineCut            // goes
)

type quoted struct {
	lines  []string
	kinds  []lineKind
	labels []labelSet   // of a header block, per line
	glued  map[int]bool // lines that stood on the one before
}

// cutQuotes is one pass; changed says that it cut something.
func cutQuotes(text string) (cut string, changed bool) {
	if !mayQuote(text) {
		return text, false
	}
	q := &quoted{lines: strings.Split(text, "\n")}
	q.splitIntros()
	q.classify()
	q.cutUnmarked()
	q.cutMarked()
	if !slices.Contains(q.kinds, lineCut) {
		return text, false
	}
	return q.join(), true
}

// mayQuote is cheap and says no to most mails: no line begins with a mark, a
// From label or a separator, or ends like an intro.
func mayQuote(text string) bool {
	for rest := text; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		if line == "" {
			continue
		}
		if plainLine(line) && strings.IndexByte(line[:min(len(line), 40)], ':') < 0 {
			continue
		}
		if strings.HasPrefix(strings.TrimLeft(line, blanks), ">") || endsIntro(line) || blockLabel(line)&labelFrom != 0 || isSeparator(line) || isReplyLine(line) {
			return true
		}
	}
	return false
}

// plainLine: begins with an ASCII letter or digit and ends in one or in a mark
// that ends no intro.
func plainLine(line string) bool {
	first, last := line[0], line[len(line)-1]
	if first >= utf8.RuneSelf || last >= utf8.RuneSelf || !asciiLetter(first) && (first < '0' || first > '9') {
		return false
	}
	switch last {
	case ':', '-', '*', '_', ' ', '\t':
		return false
	}
	return true
}

// blanks are what may stand before a mark.
const blanks = " \t\u00a0\ufeff"

func (q *quoted) classify() {
	q.kinds, q.labels = make([]lineKind, len(q.lines)), make([]labelSet, len(q.lines))
	for i, line := range q.lines {
		if line != "" && plainLine(line) {
			q.labels[i] = blockLabel(line)
			continue
		}
		t := strings.TrimLeft(line, blanks)
		switch {
		case strings.TrimSpace(t) == "":
			q.kinds[i] = lineEmpty
		case isGroupWise(t):
			q.kinds[i] = lineBlock
		case t[0] == '>' && !q.escapedFrom(i, t):
			q.kinds[i] = lineMark
		default:
			q.labels[i] = blockLabel(t)
		}
	}
	for i := range q.lines {
		if q.kinds[i] != lineText {
			continue
		}
		if n := q.blockAt(i); n > 0 {
			q.set(i, i+n, lineBlock)
		} else if from := q.introEnd(i); from >= 0 {
			q.set(from, i+1, lineIntro)
		}
	}
	q.wrappedMarks()
}

// isGroupWise: ">>> Ann Example <ann@example.com> 24.11.2026 10:11 >>>".
func isGroupWise(t string) bool {
	if !strings.HasPrefix(t, ">>> ") || !strings.HasSuffix(t, " >>>") || len(t) > 200 {
		return false
	}
	date, clock := hasDate(t)
	return date && clock
}

func (q *quoted) set(from, to int, k lineKind) {
	for i := from; i < to; i++ {
		q.kinds[i] = k
	}
}

// escapedFrom: ">From the start" is how mbox files write a line that begins with From.
func (q *quoted) escapedFrom(i int, t string) bool {
	if !strings.HasPrefix(t, ">From ") {
		return false
	}
	marked := func(j int) bool {
		return j >= 0 && j < len(q.lines) && strings.HasPrefix(strings.TrimSpace(q.lines[j]), ">")
	}
	return !marked(i-1) && !marked(i+1)
}

// wrappedMarks takes the rest of a quoted line that somebody's mailer wrapped
// without a mark as part of the quote.
func (q *quoted) wrappedMarks() {
	for i := 1; i+1 < len(q.lines); i++ {
		if q.kinds[i] == lineText && q.kinds[i-1] == lineMark && q.kinds[i+1] == lineMark &&
			len(q.lines[i-1]) >= 65 && len(q.lines[i]) <= 40 && !strings.ContainsAny(q.lines[i], "?!") && len(strings.Fields(q.lines[i])) <= 5 {
			q.kinds[i] = lineMark
		}
	}
}

// cutUnmarked cuts from a client's line to the end, where what follows it has no marks.
func (q *quoted) cutUnmarked() {
	own := false
	for i := 0; i < len(q.lines); i++ {
		switch q.kinds[i] {
		case lineText:
			own = true
		case lineIntro, lineBlock:
			end := i
			for end < len(q.lines) && q.kinds[end] == q.kinds[i] {
				end++
			}
			if next := q.nextFilled(end); own && next >= 0 && q.kinds[next] != lineMark && (q.kinds[i] == lineBlock || q.clientIntro(i, end)) {
				q.set(i, len(q.lines), lineCut)
				return
			}
			i = end - 1
		}
	}
}

func (q *quoted) nextFilled(i int) int {
	for ; i < len(q.lines); i++ {
		if q.kinds[i] != lineEmpty {
			return i
		}
	}
	return -1
}

// run is a stretch of marked lines with the intro above it.
type run struct{ from, marks, to int } // [from,marks) intro, [marks,to) marked and empty lines

// cutMarked cuts quotes that have marks. Those with the writer's words on both
// sides are what the words refer to, so they stay; so does everything when
// there are several and words between them — but never a last one that nothing follows.
func (q *quoted) cutMarked() {
	runs := q.runs()
	if len(runs) == 0 {
		q.cutBareIntro()
		return
	}
	last := runs[len(runs)-1]
	if !q.words(last.to, len(q.lines)) {
		q.set(last.from, last.to, lineCut)
		runs = runs[:len(runs)-1]
	}
	if len(runs) != 1 { // none left, or words between several: an answer point by point
		return
	}
	r := runs[0]
	intro, above := r.from < r.marks, q.words(0, r.from)
	if !intro && above && q.marked(r) < 3 {
		return // a line or two cited in passing
	}
	q.set(r.from, r.to, lineCut)
}

// runs joins marked stretches that only empty lines or intros divide.
func (q *quoted) runs() []run {
	var all []run
	for i := 0; i < len(q.lines); i++ {
		if q.kinds[i] != lineMark {
			continue
		}
		r := run{from: i, marks: i, to: i + 1}
		for j := i + 1; j < len(q.lines) && q.kinds[j] != lineText && q.kinds[j] != lineCut; j++ {
			if q.kinds[j] == lineMark {
				r.to = j + 1
			}
		}
		for j := i - 1; j >= 0 && (q.kinds[j] == lineEmpty || q.kinds[j] == lineIntro || q.kinds[j] == lineBlock); j-- {
			if q.kinds[j] != lineEmpty {
				r.from = j
			}
		}
		all = append(all, r)
		i = r.to - 1
	}
	return all
}

func (q *quoted) marked(r run) (n int) {
	for _, k := range q.kinds[r.marks:r.to] {
		if k == lineMark {
			n++
		}
	}
	return n
}

// words: the writer's own words stand in the range.
func (q *quoted) words(from, to int) bool {
	for _, k := range q.kinds[from:to] {
		if k == lineText {
			return true
		}
	}
	return false
}

// cutBareIntro drops a client's intro line at the very end, with nothing quoted below it.
func (q *quoted) cutBareIntro() {
	end := len(q.lines)
	for end > 0 && q.kinds[end-1] == lineEmpty {
		end--
	}
	from := end
	for from > 0 && q.kinds[from-1] == lineIntro {
		from--
	}
	if from < end && q.words(0, from) && q.clientIntro(from, end) {
		q.set(from, end, lineCut)
	}
}

// join writes the stretches that are left, one empty line between them.
func (q *quoted) join() string {
	var kept []string
	for i := 0; i < len(q.lines); i++ {
		from := i
		for i < len(q.lines) && q.kinds[i] != lineCut {
			i++
		}
		if s := trimBody(q.text(from, i)); s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "\n\n")
}

// text is that of the lines [from, to).
func (q *quoted) text(from, to int) string {
	if len(q.glued) == 0 {
		return strings.Join(q.lines[from:to], "\n")
	}
	var b strings.Builder
	for i := from; i < to; i++ {
		if i > from && q.glued[i] {
			b.WriteByte(' ')
		} else if i > from {
			b.WriteByte('\n')
		}
		b.WriteString(q.lines[i])
	}
	return b.String()
}

// trimBody takes empty lines off both ends, and blanks off the last.
func trimBody(s string) string {
	for {
		line, rest, ok := strings.Cut(s, "\n")
		if !ok || strings.TrimSpace(line) != "" {
			break
		}
		s = rest
	}
	return strings.TrimRight(s, " \t\r\n\u00a0")
}
