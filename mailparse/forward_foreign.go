package mailparse

import "strings"

// foreignBlock reads a header block in a language that is not in the table. It
// stands behind a separator that is; what the lines are is told by what is in
// them: the first address is From, what looks like a date is one, the next
// addresses are To and Cc, and a line that is neither is the Subject.
func foreignBlock(lines []fwdLine, i int) *headerBlock {
	b := &headerBlock{first: i, depth: lines[i].depth, indent: lines[i].indent}
	j := i
	for ; j < len(lines) && j < i+8; j++ {
		value, ok := foreignLine(lines[j].text)
		if !ok || lines[j].depth != b.depth {
			break
		}
		f, ok := b.guess(value)
		if !ok {
			break
		}
		b.set(f, value)
	}
	b.next = j
	if !b.has[fieldFrom] || !b.has[fieldDate] && !b.has[fieldTo] || len(b.order) < 3 {
		return nil
	}
	return b
}

// foreignLine cuts "label: value" with a short label of words.
func foreignLine(text string) (value string, ok bool) {
	k, size := colon(text, maxLabelBytes)
	if k <= 0 || strings.ContainsAny(text[:k], "@<>/.0123456789") || len(strings.Fields(text[:k])) > 3 {
		return "", false
	}
	return strings.Trim(text[k+size:], "* \t"), true
}

func (b *headerBlock) guess(value string) (labelField, bool) {
	var f labelField
	switch {
	case looksLikeDate(value):
		f = fieldDate
	case strings.Contains(value, "@") && parseMailbox(value).Address != "":
		for _, f = range [...]labelField{fieldFrom, fieldTo, fieldCc, fieldReplyTo} {
			if !b.has[f] {
				break
			}
		}
	default:
		f = fieldSubject
	}
	return f, !b.has[f]
}

// looksLikeDate: a time of day, and a day or year.
func looksLikeDate(s string) bool {
	if len(s) > 80 || strings.Contains(s, "@") {
		return false
	}
	digits, clock := 0, false
	for i := 0; i < len(s); i++ {
		if '0' <= s[i] && s[i] <= '9' {
			digits++
		}
		if (s[i] == ':' || s[i] == '.') && i > 0 && i+2 < len(s) && isDigit(s[i-1]) && isDigit(s[i+1]) && isDigit(s[i+2]) {
			clock = true
		}
	}
	return clock && digits >= 6
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
