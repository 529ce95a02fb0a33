package imapin

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes what a server said fit for one line of a log or a terminal:
// no control characters, at most n bytes.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// headerOf returns a message's header with the empty line after it, of what is
// no message the first maxHeader bytes.
func headerOf(raw []byte) []byte {
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if i := bytes.Index(raw[:min(len(raw), maxHeader)], []byte(end)); i >= 0 {
			return raw[:i+len(end)]
		}
	}
	return raw[:min(len(raw), maxHeader)]
}
