package bridge

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pattern is a regular expression (RE2) of a helpdesk's profile.
type Pattern struct{ re *regexp.Regexp }

// UnmarshalText compiles it.
func (p *Pattern) UnmarshalText(b []byte) (err error) {
	if p.re, err = regexp.Compile(string(b)); err != nil {
		return fmt.Errorf("want a regular expression (RE2): %w", err)
	}
	return nil
}

// MarshalText writes it the way it is read.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p Pattern) String() string {
	if p.re == nil {
		return ""
	}
	return p.re.String()
}

// wordJoiner (U+2060) is invisible and breaks what helpdesks take for tags of
// other tickets and for commands: "[acme #1]", "Ticket#1", "@fwd" (T7).
const wordJoiner = "\u2060"

// Neutraliser holds what the helpdesk would act on in text that strangers wrote.
// A pattern is broken before its group or, where it has none, behind its first
// character: what is seen stays the same.
type Neutraliser struct {
	Subject []Pattern `toml:"subject"`
	Body    []Pattern `toml:"body"`
	// BodyTop is looked for at the beginning of every line. No stranger's text
	// stands at the top of a message: its first line is always ours.
	BodyTop []Pattern `toml:"body_top"`
}

func (n Neutraliser) check(add func(key, format string, args ...any)) {
	for key, patterns := range map[string][]Pattern{"neutralise.subject": n.Subject, "neutralise.body": n.Body, "neutralise.body_top": n.BodyTop} {
		for i, p := range patterns {
			key := fmt.Sprintf("%s[%d]", key, i)
			switch {
			case p.re.NumSubexp() > 1:
				add(key, "want at most one group, where it is to be broken: %s", p)
			case p.re.MatchString(shredded):
				add(key, "it fits broken text too, so it cannot be broken; want two characters side by side in it: %s", p)
			}
		}
	}
}

// shredded is every ASCII character with a word joiner behind it, twice. What
// fits it can be broken by nothing.
var shredded = func() string {
	var b strings.Builder
	for r := range rune(2 * 128) {
		if r%128 != '\n' {
			b.WriteString(string(r%128) + wordJoiner)
		}
	}
	return b.String()
}()

// subject makes a whole Subject or a name harmless.
func (n Neutraliser) subject(s string) string {
	for _, p := range n.Subject {
		s = p.breakIn(s)
	}
	return s
}

// body makes text harmless that will stand in a body, plain or HTML.
func (n Neutraliser) body(s string) string {
	s = n.inline(s)
	if len(n.BodyTop) == 0 {
		return s
	}
	lines := slices.Collect(strings.Lines(s))
	for i, line := range lines {
		text := strings.TrimLeft(line, " \t")
		broken := text
		for _, p := range n.BodyTop {
			broken = p.breakIn(broken)
		}
		lines[i] = line[:len(line)-len(text)] + broken
	}
	return strings.Join(lines, "")
}

// inline makes text harmless that stands in a body behind words of ours.
func (n Neutraliser) inline(s string) string {
	for _, p := range n.Body {
		s = p.breakIn(s)
	}
	return s
}

// name makes a file's name harmless wherever the helpdesk shows it.
func (n Neutraliser) name(s string) string { return n.body(n.subject(s)) }

// maxPasses: matches can overlap, and breaking one shows the next.
const maxPasses = 8

// breakIn breaks all matches. Where a pattern reaches over the break, nothing of
// the match is left side by side.
func (p Pattern) breakIn(s string) string {
	for range maxPasses {
		if !p.re.MatchString(s) {
			return s
		}
		var b strings.Builder
		last := 0
		for _, m := range p.re.FindAllStringSubmatchIndex(s, -1) {
			_, first := utf8.DecodeRuneInString(s[m[0]:])
			at := m[0] + first
			if len(m) > 2 && m[2] > m[0] {
				at = m[2]
			}
			b.WriteString(s[last:at] + wordJoiner)
			last = at
		}
		s = b.String() + s[last:]
	}
	return p.re.ReplaceAllStringFunc(s, func(match string) string {
		var b strings.Builder
		for _, r := range match {
			b.WriteString(string(r) + wordJoiner)
		}
		return b.String()
	})
}
