package mailparse

import (
	"strings"
	"unicode/utf8"
)

// parseAddressList reads an address list as the world writes it: RFC 5322, and
// what mail clients put into headers and forward blocks beside it — names with
// commas but no quotes, [mailto:…], a<mailto:a>, semicolons. What holds no
// address is a name. The local part is kept as written: StrictAddress judges it.
func parseAddressList(v string) []Address {
	if v = strings.TrimSpace(v); v == "" {
		return nil
	}
	list := addressList(v)
	if len(list) > 0 && list[0].Address == "" && strings.Contains(v, "=?") {
		// The whole "Name <address>" in one encoded word (RFC 2047 §5 forbids it).
		if again := addressList(decodeHeader(v)); len(again) > 0 && again[0].Address != "" {
			return again
		}
	}
	return list
}

func addressList(v string) []Address {
	s := addressScan{rest: v}
	for s.next() {
	}
	s.element(false)
	s.nameOnly()
	return s.list
}

// longestAddress bounds how far one quote, bracket or comment is looked for:
// what is longer is no mailbox, and a header of open brackets stays linear.
const longestAddress = 1000

func near(v string) string { return v[:min(len(v), longestAddress)] }

// addressScan holds the element being read: words outside brackets, the text
// in brackets, the comments.
type addressScan struct {
	rest    string
	list    []Address
	words   strings.Builder
	angle   string
	comment string
	pending string // "Doe" of an unquoted "Doe, John <…>"
}

// next takes one token; false at the end.
func (s *addressScan) next() bool {
	if s.rest == "" {
		return false
	}
	i := strings.IndexAny(s.rest, `",;<([:`)
	if i < 0 {
		s.word(s.rest)
		s.rest = ""
		return true
	}
	s.word(s.rest[:i])
	c := s.rest[i]
	s.rest = s.rest[i:]
	switch c {
	case '"':
		s.quoted()
	case ',', ';':
		s.rest = s.rest[1:]
		s.element(c == ',')
	case '<':
		s.bracketed('>')
	case '[':
		s.bracketed(']')
	case '(':
		s.comments()
	case ':':
		s.colon()
	}
	return true
}

func (s *addressScan) word(w string) {
	if s.angle != "" && strings.Contains(w, "@") {
		s.element(false) // "<a@b>c@d": two mailboxes without a comma
	}
	s.words.WriteString(w)
}

// quoted reads a quoted string. A quoted local part stays quoted, so that
// "x@evil"@victim can never be taken for x@evil (THREATS F1).
func (s *addressScan) quoted() {
	var text strings.Builder
	i := 1
	rest := near(s.rest)
	for ; i < len(rest) && rest[i] != '"'; i++ {
		if rest[i] == '\\' && i+1 < len(rest) {
			i++
		}
		text.WriteByte(rest[i])
	}
	if i >= len(rest) { // never closed: the quote is a character
		s.words.WriteByte('"')
		s.rest = s.rest[1:]
		return
	}
	raw := s.rest[:i+1]
	s.rest = s.rest[i+1:]
	if strings.HasPrefix(s.rest, "@") {
		s.words.WriteString(raw)
		return
	}
	s.words.WriteString(protect(text.String()))
}

// protect hides an @ in a quoted name from the search for a bare address.
func protect(name string) string { return strings.ReplaceAll(name, "@", "\x00") }

func unprotect(name string) string { return strings.ReplaceAll(name, "\x00", "@") }

// bracketed reads <…> or […]. Square brackets are an address only if one stands
// in them; Outlook writes "Name [mailto:a@b]", people write "Name [ACME]".
func (s *addressScan) bracketed(end byte) {
	inner, rest, ok := cutBracket(s.rest, end)
	if !ok {
		if s.rest[0] == '<' && strings.Contains(near(s.rest), "@") && len(s.rest) < longestAddress { // cut off: "Name <a@b"
			s.setAngle(s.rest[1:])
			s.rest = ""
			return
		}
		s.words.WriteByte(s.rest[0])
		s.rest = s.rest[1:]
		return
	}
	if end == ']' && (!strings.Contains(inner, "@") || strings.HasSuffix(s.words.String(), "@")) {
		s.words.WriteString(s.rest[:len(s.rest)-len(rest)]) // a tag, or an address literal
		s.rest = rest
		return
	}
	if end == '>' && !strings.Contains(inner, "@") && strings.TrimSpace(inner) != "" && s.words.Len() > 0 && !strings.Contains(inner, "/") {
		s.words.WriteString("<" + inner + ">")
		s.rest = rest
		return
	}
	s.setAngle(inner)
	s.rest = rest
}

func (s *addressScan) setAngle(inner string) {
	a := bareAddress(inner)
	switch {
	case s.angle == "" || strings.EqualFold(s.angle, a):
		s.angle = a
	case a != "": // "A <a@b> C <c@d>" without a comma
		s.element(false)
		s.angle = a
	}
}

// cutBracket finds the closing bracket; inner ones of <a<mailto:a>> are counted,
// and a quoted local part may hold one.
func cutBracket(v string, end byte) (inner, rest string, ok bool) {
	all := v
	v = near(v)
	open, depth, quoted := v[0], 0, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			quoted = !quoted && strings.IndexByte(v[i+1:], '"') >= 0
		case quoted:
		case c == open:
			depth++
		case c == end:
			if depth--; depth == 0 {
				return v[1:i], all[i+1:], true
			}
		}
	}
	if i := strings.IndexByte(v, end); i >= 0 {
		return v[1:i], all[i+1:], true
	}
	return "", all, false
}

// bareAddress takes "mailto:", a doubled "<mailto:…>", a route, comments and
// blanks off.
func bareAddress(v string) string {
	v = strings.TrimSpace(v)
	if strings.HasSuffix(v, "]") && strings.Contains(v, "@[") {
		return v // an address literal
	}
	if i := strings.IndexAny(v, "<["); i > 0 && !strings.HasPrefix(v, `"`) && strings.Contains(v[:i], "@") {
		v = v[:i]
	}
	v = strings.Trim(v, "<>[] \t'")
	if !strings.Contains(v, `"`) {
		v = withoutFolds(v)
	}
	if hasPrefixFold(v, "mailto:") {
		v = v[len("mailto:"):]
		v, _, _ = strings.Cut(v, "?")
	}
	if strings.HasPrefix(v, "@") { // RFC 5321 source route
		if _, after, ok := strings.Cut(v, ":"); ok {
			v = after
		}
	}
	return strings.TrimSpace(v)
}

// withoutFolds takes out of an address what RFC 5322 §4.4 allowed in it: comments,
// and blanks around its dots and its @.
func withoutFolds(v string) string {
	for {
		open := strings.IndexByte(v, '(')
		size := strings.IndexByte(v[max(0, open):], ')')
		if open < 0 || size < 0 {
			break
		}
		v = v[:open] + v[open+size+1:]
	}
	if strings.Count(v, "@") != 1 || !strings.ContainsAny(v, " \t") {
		return strings.TrimSpace(v)
	}
	for _, mark := range [...]string{"@", "."} {
		parts := strings.Split(v, mark)
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		v = strings.Join(parts, mark)
	}
	return v
}

func (s *addressScan) comments() {
	depth, i := 0, 0
	rest := near(s.rest)
	for ; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth <= 0 {
			break
		}
	}
	if i >= len(rest) {
		s.words.WriteByte('(')
		s.rest = s.rest[1:]
		return
	}
	inner := s.rest[1:i]
	s.rest = s.rest[i+1:]
	if s.angle == "" && !strings.Contains(s.words.String(), "@") {
		s.words.WriteString("(" + inner + ")") // "Ann (Support) <a@b>": part of the name
		return
	}
	s.comment = inner
}

// colon ends the name of a group ("Friends: a@b, c@d;"). A mailto: in running
// text and a colon inside a name stay.
func (s *addressScan) colon() {
	s.rest = s.rest[1:]
	before := strings.TrimSpace(s.words.String())
	switch {
	case strings.EqualFold(before, "mailto"):
		s.words.Reset()
	case s.angle == "" && before != "" && !strings.Contains(before, "@") && groupFollows(s.rest):
		s.words.Reset()
		s.pending = ""
	default:
		s.words.WriteByte(':')
	}
}

// groupFollows: a group ends in a semicolon, after addresses or nothing.
func groupFollows(rest string) bool {
	i := strings.IndexByte(near(rest), ';')
	if i < 0 {
		return false
	}
	inner := strings.TrimSpace(rest[:i])
	return inner == "" || strings.Contains(inner, "@")
}

// element ends a mailbox. comma says that a separator which may also stand in
// an unquoted name ended it.
func (s *addressScan) element(comma bool) {
	words, angle, comment := strings.TrimSpace(s.words.String()), s.angle, s.comment
	s.words.Reset()
	s.angle, s.comment = "", ""
	if angle == "" && strings.Contains(words, "@") {
		angle, words = splitBare(words)
	}
	if angle == "" {
		if words == "" {
			return
		}
		if s.pending != "" {
			if !comma || len(s.pending) > 60 {
				s.nameOnly()
			} else {
				words = s.pending + ", " + words
			}
		}
		s.pending = words
		if !comma {
			s.nameOnly()
		}
		return
	}
	if s.pending != "" && words != "" {
		words = s.pending + ", " + words
		s.pending = ""
	}
	s.nameOnly()
	if words == "" {
		words = comment
	}
	angle = unprotect(angle)
	s.list = append(s.list, Address{Address: angle, Name: personName(words, angle)})
}

// nameOnly files a name that has no address.
func (s *addressScan) nameOnly() {
	if s.pending == "" {
		return
	}
	if name := personName(s.pending, ""); name != "" {
		s.list = append(s.list, Address{Name: name})
	}
	s.pending = ""
}

// splitBare finds the address among bare words: "a@b", "Name a@b".
func splitBare(words string) (address, name string) {
	for f := range strings.FieldsSeq(words) {
		if i := strings.IndexByte(f, '@'); i > 0 && i < len(f)-1 {
			return bareAddress(f), strings.TrimSpace(strings.Replace(words, f, "", 1))
		}
	}
	if strings.HasPrefix(words, `"`) { // "quoted local"@domain
		return words, ""
	}
	return "", words
}

// personName decodes a display name and takes the quotes off that clients put
// around it. A name that only repeats the address is none.
func personName(words, address string) string {
	name := words
	if strings.Contains(name, "=?") {
		name = decodeHeader(name)
	}
	name = strings.TrimSpace(unprotect(name))
	for len(name) >= 2 && (name[0] == '\'' && name[len(name)-1] == '\'' || name[0] == '"' && name[len(name)-1] == '"') {
		name = strings.TrimSpace(name[1 : len(name)-1])
	}
	if strings.Count(name, `"`) == 1 {
		name = strings.TrimPrefix(name, `"`) // never closed
	}
	name = strings.Join(strings.Fields(oneLine(name)), " ")
	if strings.EqualFold(name, address) || !utf8.ValidString(name) {
		return ""
	}
	return name
}
