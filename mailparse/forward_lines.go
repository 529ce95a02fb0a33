package mailparse

import (
	"strings"
	"unicode/utf8"
)

// fwdLine is one line of a body under inspection.
type fwdLine struct {
	raw    string // as it stands
	text   string // without quote marks and outer blanks, visible characters only
	depth  int    // '>' in front
	indent int    // blanks behind them
	whole  string // a separator that text followed on its line: the line; the text is in the next
}

func (l *fwdLine) empty() bool { return l.text == "" }

func readLines(text string) []fwdLine {
	lines := make([]fwdLine, 0, strings.Count(text, "\n")+1)
	for s := range strings.Lines(text) {
		s = strings.TrimSuffix(s, "\n")
		raw := strings.TrimSuffix(s, "\r")
		if a, b, ok := splitSeparator(raw); ok {
			lines = append(lines, readLine(a), readLine(b))
			lines[len(lines)-2].whole = raw
			continue
		}
		lines = append(lines, readLine(raw))
	}
	return lines
}

func readLine(raw string) fwdLine {
	depth, rest := quoteDepth(raw)
	v := visible(rest)
	text := strings.TrimSpace(v)
	return fwdLine{raw: raw, text: text, depth: depth, indent: len(v) - len(strings.TrimLeft(v, " \t"))}
}

// quoteDepth counts the '>' before a line and cuts them off, each with one blank.
func quoteDepth(s string) (int, string) {
	t := s
	for range 3 { // a mark of direction or two blanks may stand before the first
		r, size := utf8.DecodeRuneInString(t)
		if r != ' ' && !zeroWidth(r) {
			break
		}
		t = t[size:]
	}
	depth := 0
	for t != "" && t[0] == '>' {
		depth++
		if t = t[1:]; t != "" && t[0] == ' ' {
			t = t[1:]
		}
	}
	if depth == 0 {
		return 0, s
	}
	return depth, t
}

// unquote takes up to depth '>' off a line.
func unquote(s string, depth int) string {
	d, rest := quoteDepth(s)
	if d == 0 {
		return s
	}
	if d <= depth {
		return rest
	}
	for ; depth > 0; depth-- {
		s = s[strings.IndexByte(s, '>')+1:]
	}
	return strings.TrimPrefix(s, " ")
}

// splitSeparator divides a line on which text follows a separator: Yahoo's
// text part may write "----- Forwarded Message ----- From: …" in one.
func splitSeparator(raw string) (separator, rest string, ok bool) {
	if rest := strings.TrimLeft(raw, "_"); len(raw)-len(rest) >= 20 {
		if uses, _ := labelAt(strings.TrimSpace(visible(rest))); uses != nil {
			return raw[:len(raw)-len(rest)], rest, true
		}
	}
	k := strings.IndexByte(raw, '-')
	if k < 0 || k > 16 || !strings.HasPrefix(raw[k:], "---") {
		return "", "", false
	}
	head := strings.TrimLeft(raw[k:], "-")
	e := strings.Index(head, "---")
	if e <= 0 || e > 80 {
		return "", "", false
	}
	tail := strings.TrimLeft(head[e:], "-")
	if t := strings.TrimSpace(visible(tail)); t == "" || strings.HasSuffix(t, "--") || clientLabels().separatorUse(head[:e]) == useNone {
		return "", "", false
	}
	cut := len(raw) - len(tail)
	return raw[:cut], raw[:k] + tail, true
}

// separator is a line that introduces a forwarded or quoted mail.
type separator struct {
	use    separatorUse
	kind   byte // '-', '=', '_', or 's' for a sentence
	dashes int
	text   string
}

// isDash: what stands around the words of a separator. Proton writes U+2010.
func isDash(c rune) bool {
	return c == '-' || c == '=' || c == '_' || c == '~' || 0x2010 <= c && c <= 0x2015 || c == 0x2212 || c == 0x2500 || c == 0x2501
}

// separatorIn recognises a separator line. A line of dashes around unknown
// words is one too, with useNone: a header block must follow to make it count.
func separatorIn(text string) (separator, bool) {
	if text == "" || len(text) > 160 {
		return separator{}, false
	}
	first, _ := utf8.DecodeRuneInString(text)
	if !isDash(first) {
		return sentenceSeparator(text)
	}
	words := strings.TrimLeftFunc(text, isDash)
	dashes := utf8.RuneCountInString(text[:len(text)-len(words)])
	if words == "" { // also stands above signatures and tables: a header block must follow
		kind := byte('-')
		if first == '_' {
			kind = '_'
		}
		return separator{useNone, kind, dashes, ""}, dashes >= 5 && dashes <= 120
	}
	words = strings.TrimSpace(strings.TrimRightFunc(words, isDash))
	if dashes < 2 {
		return separator{}, false
	}
	kind := byte('-')
	if first == '=' {
		kind = '='
	}
	s := separator{clientLabels().separatorUse(words), kind, dashes, words}
	return s, s.use != useNone || dashes >= 3 && strings.HasSuffix(strings.TrimRight(text, " "), "--")
}

// hasEnd: another line ends what it introduces. Gmail's kind, that most clients
// write, has none; mutt's "Forwarded message from …" and Entourage's, with
// dashes before it only, do.
func (s separator) hasEnd(line string) bool {
	words := foldLabel(s.text)
	switch last, _ := utf8.DecodeLastRuneInString(line); {
	case s.dashes == 0 || s.use != useForward && s.use != useNamed:
		return false
	case s.use == useNamed:
		return !strings.HasPrefix(words, "forwarded by") // Notes
	default:
		return !isDash(last) || strings.HasPrefix(words, "start ")
	}
}

// sentenceSeparator: Apple's and MailMate's sentences, BlackBerry's bare words.
func sentenceSeparator(text string) (separator, bool) {
	if len(text) > 120 || len(text) < 6 {
		return separator{}, false
	}
	words := strings.TrimRight(strings.Trim(text, "*_"), ":： *_")
	use := clientLabels().separatorUse(words)
	if use != useForward && use != useEither {
		return separator{}, false
	}
	return separator{use, 's', 0, words}, true
}

func (t *labelTable) separatorUse(words string) separatorUse {
	words = strings.TrimRight(foldLabel(words), ":：")
	if use := t.separators[words]; use != useNone {
		return use
	}
	if use := t.separators[bareLetters(words)]; use != useNone {
		return use
	}
	for _, n := range t.named {
		if strings.HasPrefix(words, n) {
			return useNamed
		}
	}
	return useNone
}
