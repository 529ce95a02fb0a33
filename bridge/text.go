package bridge

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cut shortens s to at most n bytes at a character's end, and keeps it on one
// printable line: it goes to logs and terminals (THREATS T19).
func cut(s string, n int) string {
	s = printable(s)
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// shown is cut for values that strangers wrote, quoted-looking when empty.
func shown(s string) string {
	if s == "" {
		return "(empty)"
	}
	return cut(s, 80)
}

// printable drops what may not stand in a header, a log line or a name: control
// characters, bidirectional overrides (T6, T10), line and paragraph separators.
// White space becomes one blank.
func printable(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u00a0' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			b.WriteByte(' ')
		case hidden(r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports characters that are not seen but change what is.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || r == '\ufeff' ||
		(r >= '\u200b' && r <= '\u200f') || (r >= '\u202a' && r <= '\u202e') || (r >= '\u2060' && r <= '\u206f')
}
