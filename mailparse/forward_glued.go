package mailparse

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// readGlued reads a block that stands on one line:
// "From: Ann <ann@x>To: Bob <bob@x>Sent: Monday …Subject: Hello".
func (b *headerBlock) readGlued(line *fwdLine) bool {
	marks := gluedLabels(line.text)
	if len(marks) < 3 {
		return false
	}
	g := headerBlock{locales: b.locales}
	for k, m := range marks {
		f, ok := g.accept(m.uses)
		if !ok {
			continue
		}
		end := len(line.text)
		if k+1 < len(marks) {
			end = marks[k+1].from
		}
		g.set(f, strings.TrimSpace(line.text[m.to:end]))
	}
	if !g.has[fieldFrom] || !g.has[fieldDate] && !g.has[fieldSubject] || len(g.order) < 3 {
		return false
	}
	b.value, b.has, b.order, b.locales, b.glued = g.value, g.has, g.order, g.locales, true
	return true
}

type gluedLabel struct {
	from, to int // of label and colon
	uses     []labelUse
}

// gluedLabels finds labels anywhere in a line, each kind once, in order.
func gluedLabels(text string) []gluedLabel {
	if strings.Count(text, ":")+strings.Count(text, "：") < 3 || len(text) > 4000 {
		return nil
	}
	var marks []gluedLabel
	var locales localeSet
	done := 0
	for at := 0; at < len(text); {
		k, size := colon(text[at:], len(text))
		if k < 0 {
			break
		}
		k += at
		at = k + size
		from, uses := labelBefore(text[done:k])
		if uses == nil {
			continue
		}
		from += done
		if len(marks) > 0 {
			if uses = within(uses, locales); uses == nil {
				continue
			}
		} else if from > 0 {
			return nil
		}
		for _, u := range uses {
			if len(marks) == 0 {
				locales[0], locales[1] = locales[0]|u.locales[0], locales[1]|u.locales[1]
			}
		}
		marks = append(marks, gluedLabel{from, at, uses})
		done = at
	}
	return gluedSubject(text, marks, locales)
}

// gluedSubject adds Yahoo's Portuguese Subject, which has no colon.
func gluedSubject(text string, marks []gluedLabel, locales localeSet) []gluedLabel {
	if len(marks) < 2 {
		return marks
	}
	last := marks[len(marks)-1]
	if k := strings.Index(text[last.to:], "Assunto "); k > 0 {
		if uses := within(clientLabels().label("assunto"), locales); uses != nil {
			k += last.to
			marks = append(marks, gluedLabel{k, k + len("Assunto "), uses})
		}
	}
	return marks
}

// within keeps the uses in these languages, or in English.
func within(uses []labelUse, locales localeSet) []labelUse {
	var kept []labelUse
	english := clientLabels().english
	for _, u := range uses {
		if !u.locales.and(locales).empty() || !u.locales.and(english).empty() {
			kept = append(kept, u)
		}
	}
	return kept
}

// labelBefore finds the longest label that s ends with. Short ones must stand
// apart from what is before them.
func labelBefore(s string) (int, []labelUse) {
	s = strings.TrimRight(s, " ")
	tail := max(0, len(s)-32)
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	for i := tail; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsUpper(r) || unicode.Is(unicode.Lo, r) {
			if uses := clientLabels().label(s[i:]); uses != nil && (len(s)-i >= 4 || apart(s[:i])) {
				return i, uses
			}
		}
		i += size
	}
	return 0, nil
}

func apart(before string) bool {
	r, _ := utf8.DecodeLastRuneInString(before)
	return before == "" || strings.ContainsRune(" \t>])\"'*", r)
}
