package status

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of a text is shown, in bytes.
const maxText = 300

// text makes what came from outside fit to be shown: printable, short, and
// without Details with addresses masked.
func (p *Page) text(s string) string {
	s = printable(s)
	if !p.cfg.Details {
		s = mask(s)
	}
	return s
}

// printable drops what is not meant to be seen (control and bidi characters) and
// what is too much.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len()+utf8.RuneLen(r) > maxText-len("…") {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

var localPart = regexp.MustCompile(`[^\s<>"'(),:;=\[\]@]+@`)

// mask leaves the first letter of the local part of each address.
func mask(s string) string {
	return localPart.ReplaceAllStringFunc(s, func(l string) string {
		_, n := utf8.DecodeRuneInString(l)
		return l[:n] + "…@"
	})
}

// brief writes a duration in its largest unit: 40 s, 7 min, 3 h, 2 d.
func brief(d time.Duration) string {
	for _, u := range []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}} {
		if d >= 2*u.d {
			return strconv.FormatInt(int64(d/u.d), 10) + " " + u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + " s"
}

// ago writes when something was or will be, seen from now; "" for never.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return ""
	case d < 0:
		return "in " + brief(-d)
	default:
		return brief(d) + " ago"
	}
}
