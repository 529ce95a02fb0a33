package mailparse

import (
	"html"
	"strings"
)

// Mailboxes as clients show them in a header block or attribution. These are
// not RFC 5322: "Ann [mailto:ann@example.com]", "<a@b<mailto:a@b>>", names only.

// parseMailboxes reads a To or Cc value.
func parseMailboxes(v string) []Address {
	var list []Address
	for _, s := range splitMailboxes(unescaped(v)) {
		if a := parseMailbox(s); a != (Address{}) {
			list = append(list, a)
		}
	}
	return list
}

// parseMailbox reads one mailbox. The address keeps whatever stood in it, so
// that zero-width characters are still there to be judged.
func parseMailbox(v string) Address {
	v = onBehalf(strings.TrimSpace(unescaped(v)))
	name, address := cutAddress(v)
	name = cleanName(name)
	if strings.EqualFold(name, address) || !hasLetter(name) && (address == "" || !hasDigit(name)) {
		name = ""
	}
	return Address{Address: address, Name: name}
}

// unescaped undoes HTML that somebody's program sent as text.
func unescaped(v string) string {
	if strings.Contains(v, "&lt;") {
		return html.UnescapeString(v)
	}
	return v
}

// onBehalf returns the author where a delegate wrote: "Ben <b@x> on behalf of
// Ann <a@x>" is Ann's mail. Without an address of hers there is none: the
// delegate's is not the author's.
func onBehalf(v string) string {
	if !strings.Contains(v, "@") {
		return v
	}
	for _, phrase := range clientLabels().behalf {
		k := indexFold(v, phrase)
		if k <= 0 || k+len(phrase) > len(v) {
			continue
		}
		before := strings.TrimRight(v[:k], "; ") // Outlook for Mac: "ben@x; on behalf of; Ann <a@x>"
		if before != "" && (strings.ContainsRune(">])", rune(before[len(before)-1])) || strings.Contains(before, "@") && !strings.Contains(before, " ")) {
			return strings.TrimLeft(v[k+len(phrase):], "; ")
		}
	}
	return v
}

// indexFold finds a phrase standing apart as words. phrase is folded.
func indexFold(s, phrase string) int {
	low := strings.ToLower(s)
	if len(low) != len(s) {
		return -1
	}
	for at := 0; ; {
		k := strings.Index(low[at:], phrase)
		if k < 0 {
			return -1
		}
		k += at
		e := k + len(phrase)
		if (k == 0 || strings.ContainsRune(" >])", rune(low[k-1]))) && (e == len(low) || low[e] == ' ' || low[e] == ';') {
			return k
		}
		at = e
	}
}

// cutAddress finds the address and what stands before it.
func cutAddress(v string) (name, address string) {
	at := strings.LastIndexByte(v, '@')
	if at < 0 {
		return cutExchangeName(v), ""
	}
	from, to := addressAround(v, at)
	if from == at || to == at+1 {
		return v[:from], ""
	}
	address = v[from:to]
	if open := strings.IndexAny(v, "<["); open >= 0 && open < from {
		return v[:open], address
	}
	if open := strings.LastIndexByte(v[:from], '('); open >= 0 && strings.TrimSpace(v[open+1:from]) == "" {
		return v[:open], address
	}
	if first := strings.IndexByte(v, '@'); first != at { // "a@x <mailto:a@x>" without brackets
		return "", address
	}
	name = v[:from]
	if scheme, ok := strings.CutSuffix(strings.TrimSpace(name), ":"); ok && (strings.EqualFold(scheme, "mailto") || strings.EqualFold(scheme, "smtp")) {
		name = ""
	}
	if strings.TrimSpace(name) == "" && !strings.HasPrefix(v[to:], "?") {
		name = strings.Trim(v[to:], " ()<>[]") // "ann@example.com (Ann)"
	}
	return name, address
}

// addressAround extends an '@' to the address it is in.
func addressAround(v string, at int) (from, to int) {
	const stops = " \t<>[]()\",;|«»“”„"
	from = strings.LastIndexAny(v[:at], stops)
	if from < 0 {
		from = 0
	} else {
		from++
		for from < at && v[from]&0xc0 == 0x80 {
			from++
		}
	}
	for _, scheme := range [...]string{"mailto:", "smtp:"} {
		if a, ok := cutFold(v[from:at], scheme); ok {
			from = at - len(a)
		}
	}
	to = len(v)
	if k := strings.IndexAny(v[at:], stops+"'?&"); k >= 0 {
		to = at + k
	}
	for to > at && strings.IndexByte(".:*?", v[to-1]) >= 0 {
		to--
	}
	for from < at && strings.IndexByte("*:'", v[from]) >= 0 { // an apostrophe inside is somebody's: o'neil@example.com
		from++
	}
	return from, to
}

// cutExchangeName drops an X.500 address: "Ann </O=EXAMPLE/CN=ANN>".
func cutExchangeName(v string) string {
	for _, open := range [...]string{"</", "[/", "<mailto:/"} {
		if k := strings.Index(strings.ToUpper(v), strings.ToUpper(open)+"O="); k >= 0 {
			return v[:k]
		}
	}
	return strings.TrimRight(v, "<>[]")
}

// cleanName takes quotes and other decoration off a display name.
func cleanName(s string) string {
	if strings.Contains(s, "=?") {
		s = decodeHeader(s)
	}
	s = visible(s)
	for {
		t := strings.TrimSpace(s)
		t = strings.Trim(t, "*_")
		t = strings.TrimRight(t, "<[(,;:| ")
		t = strings.TrimSuffix(t, " -")
		for _, q := range [...][2]string{{`"`, `"`}, {"'", "'"}, {"“", "”"}, {"„", "”"}, {"„", "“"}, {"«", "»"}, {"‘", "’"}} {
			if len(t) >= len(q[0])+len(q[1]) && strings.HasPrefix(t, q[0]) && strings.HasSuffix(t, q[1]) {
				t = t[len(q[0]) : len(t)-len(q[1])]
			}
		}
		for _, q := range [...]string{`"`, "“", "”", "„", "«", "»"} { // half a pair
			if strings.Count(t, q) == 1 {
				t = strings.TrimSuffix(strings.TrimPrefix(t, q), q)
			}
		}
		if t == s {
			return strings.Join(strings.Fields(s), " ")
		}
		s = t
	}
}

func hasLetter(s string) bool {
	for _, c := range s {
		if c >= 0x80 || asciiLetter(byte(c)) {
			return true
		}
	}
	return false
}

// splitMailboxes cuts a list at ';', or at ',' where there is none. A comma
// inside "Last, First <a@x>" does not cut.
func splitMailboxes(v string) []string {
	if parts := splitOutside(v, ';'); len(parts) > 1 {
		return parts
	}
	parts := splitOutside(v, ',')
	var list []string
	for i := 0; i < len(parts); i++ {
		p := strings.TrimSpace(parts[i])
		if i+1 < len(parts) && !strings.Contains(p, "@") && p != "" {
			next := strings.TrimSpace(parts[i+1])
			if strings.Contains(next, "@") && strings.ContainsAny(next, "<[") && !startsWithAddress(next) && lastName(p, next) {
				p += ", " + next
				i++
			}
		}
		if p != "" {
			list = append(list, p)
		}
	}
	return list
}

// lastName: "Example, Ann <ann@example.com>" is one, "Ann Example, Bob Example
// <bob@example.com>" are two.
func lastName(p, next string) bool {
	first := next[:strings.IndexAny(next, "<[")]
	return len(strings.Fields(p)) < 2 || len(strings.Fields(first)) < 2
}

func startsWithAddress(s string) bool {
	word, _, _ := strings.Cut(s, " ")
	return strings.Contains(word, "@")
}

// splitOutside splits at sep outside quotes and brackets.
func splitOutside(v string, sep byte) []string {
	var parts []string
	depth, quoted, from := 0, false, 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			quoted = !quoted && strings.IndexByte(v[i+1:], '"') >= 0
		case quoted:
		case c == '<' || c == '[':
			depth++
		case c == '>' || c == ']':
			depth = max(0, depth-1)
		case c == sep && depth == 0:
			parts = append(parts, v[from:i])
			from = i + 1
		}
	}
	return append(parts, v[from:])
}
