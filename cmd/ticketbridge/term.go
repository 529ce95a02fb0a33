package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/text/width"
)

// printable makes text from mails safe for a terminal: a Subject can hold
// escape sequences that set titles or fake output (THREATS T19). Control,
// format and line-separating characters are escaped, and no more than limit
// bytes are shown.
func printable(s string, limit int) string {
	cut := false
	if len(s) > limit {
		s, cut = s[:limit], true
		for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if n := len(s); n > 0 && s[n-1] >= utf8.RuneSelf && utf8.RuneStart(s[n-1]) {
			s = s[:n-1] // a lone first byte of the character that was cut
		}
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError:
			b.WriteRune('�')
		case unsafeRune(r):
			b.WriteString(escape(r))
		default:
			b.WriteRune(r)
		}
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}

// unsafeRune: C0, C1 and DEL, bidi and zero-width formats, line and paragraph
// separators, private use; but not the joiners that scripts need.
func unsafeRune(r rune) bool {
	switch r {
	case '\u200c', '\u200d': // ZWNJ, ZWJ
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// block prints a text of several lines, each made safe and indented.
func block(w io.Writer, indent, text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintln(w, strings.TrimRight(indent+printable(line, 10_000), " "))
	}
}

// columns is how many cells a terminal gives the text.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case isWide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func isWide(r rune) bool {
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}

// clip shortens s to n columns, ending in "…" where something is missing.
func clip(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	used := 0
	for i, r := range s {
		w := columns(string(r))
		if used+w > n-1 {
			return s[:i] + "…"
		}
		used += w
	}
	return s
}

// wrap breaks text at blanks into lines of at most n columns.
func wrap(s string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// wrapKeep wraps a line only where it is too long, so that its blanks stay. What
// is wrapped stands under the text behind a label ("Asks     Where …").
func wrapKeep(s string, n int) []string {
	if columns(s) <= n {
		return []string{s}
	}
	head := s[:len(s)-len(strings.TrimLeft(s, " "))]
	if i := strings.Index(s[len(head):], "  "); i > 0 && i < 12 {
		rest := strings.TrimLeft(s[len(head)+i:], " ")
		head = s[:len(s)-len(rest)]
	}
	lines := wrap(s[len(head):], n-columns(head))
	for i := range lines {
		if i == 0 {
			lines[i] = head + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", columns(head)) + lines[i]
		}
	}
	return lines
}

// screen is where a command writes for people.
type screen struct {
	w     io.Writer
	width int  // to wrap text at
	tty   bool // a terminal: tables are clipped to its width
	color bool
}

// newScreen asks the terminal for its width. Colours are used only on one, and
// not where NO_COLOR asks for none (no-color.org).
func (a *app) newScreen() screen {
	s := screen{w: a.stdout, width: 100}
	f, ok := a.stdout.(*os.File)
	if !ok {
		return s
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return s
	}
	s.tty = true
	if size.Col >= 40 {
		s.width = int(size.Col)
	}
	s.color = a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
	return s
}

// The colours in use, by what they mean.
const (
	plain  = ""
	bold   = "1"
	good   = "32"
	busy   = "36"
	warn   = "33"
	bad    = "31"
	dimmed = "2"
)

func (s screen) paint(color, text string) string {
	if !s.color || color == plain || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// stamp shows a moment in local time, "-" where there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// minute is stamp for lists, where a second says nothing.
func minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}
