package mailparse

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const longestIntro = 400 // bytes of an intro over all its lines

// introEnd returns where the intro begins that ends at line i, -1 if none does.
// Clients wrap intros at 72 columns, so up to three lines above are looked at.
func (q *quoted) introEnd(i int) int {
	if !endsIntro(q.lines[i]) {
		return -1
	}
	next := q.nextFilled(i + 1)
	marked := next >= 0 && q.kinds[next] == lineMark
	joined := q.lines[i]
	if !marked && (!tellsWhen(joined) && !(i > 0 && tellsWhen(q.lines[i-1])) || isBareIntro(joined)) {
		return -1
	}
	alone := readIntro(joined)
	if alone.client() && (alone.opener || alone.verb && alone.date && alone.address) {
		return i
	}
	loose := -1
	for k := 1; k <= 3 && i-k >= 0 && q.kinds[i-k] == lineText && len(joined) < longestIntro; k++ {
		above := strings.TrimRight(q.lines[i-k], " \t")
		if strings.HasSuffix(above, ":") || strings.HasSuffix(above, "?") || strings.HasSuffix(above, "!") {
			break
		}
		joined = above + " " + joined
		switch in := readIntro(joined); {
		case in.opener && in.client():
			return i - k
		case in.verb && in.date && in.address && loose < 0:
			loose = i - k
		}
	}
	switch {
	case loose >= 0:
		return loose
	case alone.client(), alone.verb && (alone.date || alone.address):
		return i
	case marked && alone.weak():
		return i
	}
	return -1
}

// splitIntros divides "I agree. On Wed, 4 Nov 2026 at 10:11, Ann wrote:": what
// stands before the intro on its line is the writer's.
func (q *quoted) splitIntros() {
	for i := 0; i < len(q.lines); i++ {
		line := q.lines[i]
		if !endsIntro(line) || len(line) > longestIntro || strings.HasPrefix(line, ">") || !tellsWhen(line) || readIntro(line).opener {
			continue
		}
		for at := 0; ; {
			k := strings.IndexByte(line[at:], ' ')
			if k < 0 {
				break
			}
			at += k + 1
			if r, _ := utf8.DecodeRuneInString(line[at:]); !unicode.IsUpper(r) {
				continue
			}
			if in := readIntro(line[at:]); in.opener && in.verb && in.date && in.client() {
				q.lines = slices.Insert(q.lines, i+1, line[at:])
				q.lines[i] = line[:at-1]
				if q.glued == nil {
					q.glued = map[int]bool{}
				}
				q.glued[i+1] = true
				i++
				break
			}
		}
	}
}

// tellsWhen: without a digit or an address no client's intro.
func tellsWhen(line string) bool { return strings.ContainsAny(line, "0123456789@") }

// clientIntro: the intro is a mail client's own, so that what follows is
// quoted even without marks.
func (q *quoted) clientIntro(from, to int) bool {
	return readIntro(strings.Join(q.lines[from:to], " ")).client()
}

// endsIntro is the cheap test: "…:" or "---- … ----".
func endsIntro(line string) bool {
	line = strings.TrimRight(line, " \t*_\u00a0\u200e\u200f\u202c\ufeff")
	if strings.HasSuffix(line, ":") || strings.HasSuffix(line, "：") || isBareIntro(line) {
		return true
	}
	return strings.HasSuffix(line, "--") && strings.HasPrefix(strings.TrimLeft(line, " \t"), "--")
}

// isBareIntro: Gmail once wrote "2026/11/24 Ann Example <ann@example.com>".
func isBareIntro(line string) bool {
	return strings.HasSuffix(line, ">") && len(line) < 100 && line[0] >= '1' && line[0] <= '9' && hasAddress(line)
}

// intro is what speaks for a line being one.
type intro struct {
	verb    bool // wrote, schrieb, a écrit …
	date    bool // a day, or a time beside a number
	clock   bool
	address bool
	// addressLast: nothing but brackets follows the address. In a log a word does.
	addressLast bool
	opener      bool // begins as clients begin it
	words       int
	first       string
}

// client: written by a mail client and not by a person in passing.
func (in intro) client() bool {
	switch {
	case in.verb && in.date:
		// "Bob/ACME wrote on 24.11.2026 10:11:" is Lotus Notes'
		return in.opener || in.address || in.clock && in.words <= 10 && !in.sentence()
	case in.date && in.address:
		return in.opener && in.words <= 16 && in.addressLast
	case in.verb && in.address:
		return in.words <= 8
	}
	return false
}

// weak: enough above lines with marks.
func (in intro) weak() bool {
	switch {
	case in.verb && in.words <= 8:
		return !in.sentence()
	case in.date && in.address: // in a language we do not know
		return in.words <= 14 && !in.sentence()
	}
	return in.date && in.clock && in.opener && in.words <= 14
}

// sentence: it begins like one of the writer's own.
func (in intro) sentence() bool {
	switch in.first {
	case "i", "as", "you", "we", "they", "he", "she", "it", "this", "that", "what", "when", "here", "here's", "there", "then", "also", "and", "but", "the", "my", "your", "our",
		"ich", "wie", "sie", "er", "wir", "hier", "das", "der", "die", "was", "je", "vous", "il", "elle", "nous", "voici", "ce", "yo", "usted", "aquí", "lo", "esto":
		return true
	}
	return false
}

func readIntro(line string) intro {
	if len(line) > longestIntro {
		return intro{}
	}
	low := strings.ToLower(strings.Trim(visible(line), " \t*_-"))
	in := intro{address: hasAddress(low)}
	in.addressLast = in.address && !strings.Contains(low[strings.LastIndexByte(low, '@'):], " ")
	for w := range strings.FieldsSeq(low) {
		if in.words++; in.words == 1 {
			in.first = w
		}
	}
	in.date, in.clock = hasDate(low)
	for _, w := range wroteWords {
		if i := strings.Index(low, w); i >= 0 && wholeWord(low, i, len(w)) {
			in.verb = true
			break
		}
	}
	r, _ := utf8.DecodeRuneInString(low)
	if unicode.IsDigit(r) || strings.HasPrefix(line, "* ") && strings.HasSuffix(low, "]:") { // mutt's "* Ann <ann@example.com> [2026-11-24 10:11]:"
		in.opener = true
		return in
	}
	for _, o := range openers {
		if strings.HasPrefix(low, o) {
			in.opener = digitWithin(low, 60)
			break
		}
	}
	return in
}

// wholeWord: letters of the Latin, Greek and Cyrillic kind do not go on around
// it. Scripts without blanks have no word ends.
func wholeWord(s string, i, n int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i+n:])
	return !(i > 0 && wordRune(before)) && !(i+n < len(s) && wordRune(after))
}

func wordRune(r rune) bool { return unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek) }

func hasAddress(s string) bool {
	i := strings.IndexByte(s, '@')
	return i > 0 && i+1 < len(s) && s[i-1] > ' ' && s[i+1] > ' ' && strings.IndexByte(s[i:], '.') > 0 || strings.Contains(s, "<mailto:")
}

// hasDate looks for what every date has in any language: a day and a year or a
// month, as numbers, or a time beside another number.
func hasDate(s string) (date, clock bool) {
	groups, year, dotted := 0, false, 0
	for i := 0; i < len(s); {
		if s[i] < '0' || s[i] > '9' {
			i++
			continue
		}
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		groups++
		switch n := i - from; {
		case n == 4 && (s[from] == '1' && s[from+1] == '9' || s[from] == '2' && s[from+1] == '0'):
			year = true
		case n > 4:
			groups-- // a phone or ticket number
		}
		if i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
			switch s[i] {
			case ':', 'h':
				clock = true
			case '.', '/', '-':
				dotted++
				clock = clock || s[i] == '.' && afterClockWord(s[:from])
			}
		}
	}
	return year && groups >= 2 || dotted >= 2 || clock && groups >= 3, clock
}

// afterClockWord: what comes is a time though it has a dot: "klo 10.11".
func afterClockWord(s string) bool {
	return strings.HasSuffix(s, "klo ") || strings.HasSuffix(s, "kl. ") || strings.HasSuffix(s, "kl ")
}

func digitWithin(s string, n int) bool {
	return strings.ContainsAny(s[:min(len(s), n)], "0123456789")
}

// blockAt returns how many lines a separator or header block at line i takes, 0 if none is there.
func (q *quoted) blockAt(i int) int {
	line := q.lines[i]
	if isRule(line) { // underscores stand above signatures, too: only with a block below
		next := q.nextFilled(i + 1)
		if next < 0 || next > i+2 {
			return 0
		}
		if n := q.labelsAt(next); n > 0 {
			return next - i + n
		}
		return 0
	}
	if isReplyLine(line) {
		return 1
	}
	if isSeparator(line) {
		n := 1
		if next := q.nextFilled(i + 1); next >= 0 && next <= i+2 {
			if k := q.labelsAt(next); k > 0 {
				n = next - i + k
			}
		}
		return n
	}
	return q.labelsAt(i)
}

// isRule: a line of underscores, dashes or equal signs and nothing else.
func isRule(line string) bool {
	t := strings.TrimSpace(line)
	return len(t) >= 5 && (strings.Trim(t, "_") == "" || strings.Trim(t, "-") == "" || strings.Trim(t, "=") == "")
}

// isSeparator: "-----Original Message-----" in any language. A sentence of
// Apple's ends in a colon; bare words ("Original message") are anybody's.
func isSeparator(line string) bool {
	t := strings.Trim(line, blanks+"*>")
	if len(t) < 6 || len(t) > 160 {
		return false
	}
	first, _ := utf8.DecodeRuneInString(t)
	if !isDash(first) && !strings.HasSuffix(t, ":") {
		return false
	}
	s, ok := separatorIn(t)
	if !ok || isDash(first) && s.dashes < 2 {
		return false
	}
	switch s.use {
	case useForward, useEither, useNamed:
		return true
	}
	if in := readIntro(s.text); in.verb && in.words <= 8 {
		return true // Android's "---- Ann Example wrote ----"
	}
	low := foldLabel(s.text)
	for _, w := range moreOriginalWords {
		if strings.HasPrefix(low, w) {
			return true
		}
	}
	return false
}

// isReplyLine: "## Please type your reply above this line ##", which helpdesks
// put above what they quote.
func isReplyLine(line string) bool {
	if len(line) > 150 || len(line) < 12 || asciiLetter(line[0]) {
		return false // without anything drawn around it, it may be a sentence
	}
	low := strings.ToLower(line)
	for _, w := range replyLines {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// labelSet says what a label may name: one label is From in one language and
// To in another.
type labelSet uint8

const (
	labelFrom labelSet = 1 << iota
	labelDate
	labelSubject
	labelOther
)

// labelsAt counts the lines of a header block at line i: From, a date or
// Subject, and one more, in any order, values wrapped or not.
func (q *quoted) labelsAt(i int) int {
	const longest = 14
	if q.kinds[i] != lineText || q.labels[i] == 0 || q.labels[i] == labelOther {
		return 0
	}
	var seen labelSet
	labels, end := 0, i
	address, clock := false, false
	for j := i; j < len(q.lines) && j < i+longest && q.kinds[j] != lineMark; j++ {
		if q.kinds[j] == lineEmpty {
			// HTML made into text may put an empty line between the rows.
			if j+1 < len(q.lines) && q.labels[j+1] != 0 && seen&labelSubject == 0 {
				continue
			}
			break
		}
		label := q.labels[j]
		if label == 0 {
			if seen&labelSubject != 0 || j > end+2 {
				break
			}
			continue // a wrapped value
		}
		if label&labelFrom != 0 {
			address = address || hasAddress(q.lines[j])
		} else if label&labelDate != 0 {
			date, time := hasDate(q.lines[j])
			clock = clock || date && time
		}
		seen |= label
		labels++
		end = j + 1
	}
	switch {
	case seen&labelFrom == 0 || seen&(labelDate|labelSubject) == 0:
		return 0
	case labels < 3 && !(address && clock):
		return 0
	case !address && !clock: // "From: Berlin, To: Paris, Date: 24.11." is somebody's form
		return 0
	}
	return end - i
}

// blockLabel returns what a line "Label: value" may name, 0 if nothing.
func blockLabel(line string) (set labelSet) {
	if head := line[:min(len(line), 60)]; strings.IndexByte(head, ':') < 0 && isASCII(head) {
		return 0
	}
	line = strings.TrimLeft(line, blanks+"*\u200e\u200f\u202a|")
	at, _ := colon(line, 40)
	if at <= 0 {
		return 0
	}
	for _, use := range clientLabels().labels[foldLabel(strings.Trim(line[:at], blanks+"*"))] {
		switch use.field {
		case fieldFrom:
			if c := line[0]; c >= 'a' && c <= 'z' && strings.IndexByte(line, '@') < 0 {
				continue // no client writes "from: a", but a configuration file does
			}
			set |= labelFrom
		case fieldDate:
			set |= labelDate
		case fieldSubject:
			set |= labelSubject
		default:
			set |= labelOther
		}
	}
	return set
}
