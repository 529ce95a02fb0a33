package bridge

import (
	"cmp"
	"iter"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message"

	"ticketbridge/mailparse"
)

// fields is a header under construction, in the order it will be written.
type fields [][2]string

func (f *fields) add(more ...[2]string) { *f = append(*f, more...) }

func (f *fields) set(name, value string) { *f = append(*f, [2]string{name, value}) }

// header hands the fields to go-message, which writes last-added first.
func (f fields) header() message.Header {
	var h message.Header
	for i := len(f) - 1; i >= 0; i-- {
		h.Header.AddRaw([]byte(f[i][0] + ": " + f[i][1] + "\r\n"))
	}
	return h
}

// maxText caps what strangers wrote in a header, in bytes before encoding (T6).
const maxText = 200

// encodeText makes a value fit for a header that was cleaned and capped by cut:
// encoded, folded. No CR or LF of it survives (T6).
func encodeText(s string) string {
	return fold(mime.QEncoding.Encode("utf-8", s))
}

// fold breaks between encoded words or at blanks before column 76
// (RFC 5322 §2.2.3, RFC 2047 §2).
func fold(s string) string {
	var b strings.Builder
	col := len("X-Bridge-Source: ")
	for i, word := range strings.Split(s, " ") {
		switch {
		case i == 0:
		case col+1+len(word) > 76:
			b.WriteString("\r\n ")
			col = 1
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += len(word)
	}
	return b.String()
}

// formatAddress writes a mailbox. The address has passed StrictAddress: it is
// an ASCII dot-atom and needs no quoting; the name is always encoded or quoted.
func formatAddress(name, address string) string {
	if name == "" {
		return address
	}
	encoded := mime.QEncoding.Encode("utf-8", name)
	if encoded != name && strings.ContainsAny(name, `[]()<>@,;:\".#$%&'{}|~^`+"`") {
		encoded = mime.BEncoding.Encode("utf-8", name) // Q lets specials stand that a phrase may not hold (RFC 2047 §5(3))
	}
	if encoded == name && !isPhrase(name) {
		encoded = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return fold(encoded + " <" + address + ">")
}

// isPhrase: atoms and blanks only, so no quotes are needed (RFC 5322 §3.2.5).
func isPhrase(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return !(r == ' ' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r))
	}) < 0 && !strings.Contains(s, "=?")
}

// nameless is what customers are called whose name cannot be shown.
const nameless = "Chat visitor"

// displayName keeps a customer's name unless it would show another address or
// play a role (T10).
func displayName(name string) string {
	name = cut(strings.Join(strings.Fields(printable(name)), " "), 80)
	if strings.ContainsAny(name, "@＠﹫") || impostor(name) || name == "" {
		return nameless
	}
	return name
}

// roles no customer is called by.
var roles = []string{"support", "admin", "administrator", "postmaster", "mailer-daemon", "helpdesk", "help desk", "security", "billing", "noreply", "no-reply", "abuse", "root"}

func impostor(name string) bool {
	folded := strings.ToLower(name)
	for _, r := range roles {
		if folded == r || strings.HasPrefix(folded, r+" team") {
			return true
		}
	}
	return false
}

// token keeps a value that may stand unquoted anywhere, 40 bytes of it.
func token(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '.' {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), 40)]
}

// maxSubject is what a list of tickets shows in one line, in characters.
const maxSubject = 90

// subject says what the conversation is about: the customer's first question,
// else the first words that are more than a greeting, else anyone's words.
func subject(news []Turn) string {
	var question, hello, own, other string
	for _, t := range news {
		text, greets := firstWords(t.Text)
		switch {
		case text == "":
		case greets:
			hello = cmp.Or(hello, text)
		case t.Role == mailparse.RoleCustomer:
			own = cmp.Or(own, text)
			question = cmp.Or(question, firstQuestion(t.Text))
		default:
			other = cmp.Or(other, text)
		}
	}
	return "Chat: " + cmp.Or(question, own, other, hello, "a message without text")
}

// firstQuestion is the first sentence that asks something in three words or more.
func firstQuestion(text string) string {
	for line := range strings.Lines(text) {
		for s := range sentences(strings.Join(strings.Fields(printable(line)), " ")) {
			if asks(s) && len(s) <= 2*maxSubject {
				return ellipsis(s, maxSubject)
			}
		}
	}
	return ""
}

// asks: a question mark ends it, and it says what about.
func asks(sentence string) bool {
	return strings.TrimRight(sentence, "?？؟") != sentence && strings.Count(sentence, " ") >= 2
}

// sentences cuts a line where a mark stands before a blank, so that neither a
// link's "?" nor "v1.2" ends one. A full stop after a number or a short word is
// an abbreviation's.
func sentences(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start := 0
		for i, r := range line {
			end := i + utf8.RuneLen(r)
			if !strings.ContainsRune("?？؟!.", r) || end < len(line) && line[end] != ' ' || r == '.' && abbreviates(line[start:i]) {
				continue
			}
			if !yield(strings.TrimSpace(line[start:end])) {
				return
			}
			start = end
		}
		if rest := strings.TrimSpace(line[start:]); rest != "" {
			yield(rest)
		}
	}
}

func abbreviates(before string) bool {
	word := before[strings.LastIndexByte(before, ' ')+1:]
	first, _ := utf8.DecodeRuneInString(word)
	return strings.Contains(word, ".") || unicode.IsUpper(first) && len(word) <= 3 || strings.Trim(word, "0123456789") == ""
}

// firstWords takes the first line that is more than a greeting, up to the end
// of a sentence where one ends in time; greets: there was none.
func firstWords(text string) (words string, greets bool) {
	hello := ""
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(printable(line)), " ")
		if line == "" {
			continue
		}
		if !greeting(line) {
			return ellipsis(sentence(line), maxSubject), false
		}
		hello = cmp.Or(hello, line)
	}
	return hello, true
}

// sentence is a line's beginning up to the end of a sentence, fifteen letters at
// least; without a full stop.
func sentence(line string) string {
	length := 0
	for s := range sentences(line) {
		length = strings.Index(line[length:], s) + length + len(s)
		if length > 15 {
			break
		}
	}
	return strings.TrimSuffix(line[:length], ".")
}

// greeting lines say hello and nothing else.
func greeting(line string) bool {
	words := strings.Fields(strings.ToLower(strings.Trim(line, "!,.?… ")))
	if len(words) == 0 || len(words) > 3 {
		return false
	}
	switch words[0] {
	case "hi", "hello", "hey", "hallo", "dear", "good", "guten", "bonjour", "hola", "moin", "ciao", "hej", "olá":
		return true
	}
	return false
}

// ellipsis cuts at a word's end.
func ellipsis(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	cutAt := n - 2
	for i := n - 2; i > n/2; i-- {
		if r[i] == ' ' {
			cutAt = i
			break
		}
	}
	return strings.TrimRight(string(r[:cutAt]), " ,;:") + " …"
}
