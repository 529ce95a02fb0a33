package mailparse

import "strings"

// peelPrefixes takes reply and forward prefixes and listed external tags off
// the front of a Subject. Any other bracket stays: a chat product's workspace
// stands in one, and behind it the visitor's own words.
func peelPrefixes(subject string) (bare string, forwarded bool) {
	s, lead := trimSubject(subject), leadNone
	for {
		if rest, ok := peelTag(s); ok {
			s = rest
			continue
		}
		rest, l := peelPrefix(s)
		if l == leadNone {
			break
		}
		if lead == leadNone {
			lead = l
		}
		s = rest
	}
	if rest, ok := bracketForward(s); ok {
		s, lead = rest, leadForward
	}
	if rest, ok := cutSuffixFold(s, "(fwd)"); ok { // Pine
		s, lead = strings.TrimSpace(rest), leadForward
	}
	if lead == leadNone {
		lead = subjectLeadOf(s) // [list] Fwd: …
	}
	return s, lead&leadForward != 0
}

// subjectLeadOf says what was done last: the first prefix counts, behind
// whatever tags. "Re: Fwd: x" is a reply, "Fwd: Re: x" a forward.
func subjectLeadOf(subject string) subjectLead {
	s := trimSubject(subject)
	for range 4 {
		if _, l := peelPrefix(s); l != leadNone {
			return l
		}
		if _, ok := bracketForward(s); ok {
			return leadForward
		}
		rest, ok := peelTag(s)
		if !ok {
			if rest, ok = peelBracket(s); !ok {
				break
			}
		}
		s = rest
	}
	if _, ok := cutSuffixFold(s, "(fwd)"); ok {
		return leadForward
	}
	return leadNone
}

// withoutForwardPrefix takes one forward prefix off, the forwarder's, and what
// stands before it. Used where the header block has no Subject.
func withoutForwardPrefix(subject string) string {
	s := trimSubject(subject)
	for range 4 {
		if rest, l := peelPrefix(s); l&leadForward != 0 {
			return rest
		}
		if rest, ok := bracketForward(s); ok {
			return rest
		}
		rest, ok := peelTag(s)
		if !ok {
			if rest, ok = peelBracket(s); !ok {
				break
			}
		}
		s = rest
	}
	if rest, ok := cutSuffixFold(s, "(fwd)"); ok {
		return strings.TrimSpace(rest)
	}
	return trimSubject(subject)
}

// peelPrefix takes one "Re:", "WG:", "Re[2]:" … off.
func peelPrefix(s string) (rest string, lead subjectLead) {
	k, size := colon(s, 48)
	if k <= 0 {
		return s, leadNone
	}
	word := foldLabel(s[:k])
	if p := strings.IndexAny(word, "[(^"); p > 0 && strings.Trim(word[p:], "[]()^ 0123456789") == "" {
		word = strings.TrimSpace(word[:p]) // "Re[2]:", "Re^2:", "FW (3):"
	}
	lead = clientLabels().prefixes[word]
	if lead == leadNone {
		return s, leadNone
	}
	return strings.TrimSpace(s[k+size:]), lead
}

// colon finds the first colon, plain or full-width, within limit bytes.
func colon(s string, limit int) (at, size int) {
	head := s[:min(limit, len(s))]
	k := strings.IndexByte(head, ':')
	if w := strings.Index(head, "："); w >= 0 && (k < 0 || w < k) {
		return w, len("：")
	}
	return k, 1
}

// bracketForward is old Mozilla's "[Fwd: subject]".
func bracketForward(s string) (string, bool) {
	if len(s) < 6 || s[0] != '[' || s[len(s)-1] != ']' {
		return s, false
	}
	rest, l := peelPrefix(s[1 : len(s)-1])
	return rest, l&leadForward != 0
}

// peelTag takes one listed external tag off: "[EXTERNAL]", "#External:".
func peelTag(s string) (string, bool) {
	if s == "" {
		return s, false
	}
	var tag, rest string
	switch s[0] {
	case '[', '{', '(', '<':
		k := strings.IndexAny(s, "]})>")
		if k < 0 || k > 40 {
			return s, false
		}
		tag, rest = s[1:k], s[k+1:]
	case '*':
		body := strings.TrimLeft(s, "*")
		k := strings.IndexByte(body, '*')
		if k < 0 || k > 40 {
			return s, false
		}
		tag, rest = body[:k], strings.TrimLeft(body[k:], "*")
	default:
		k, size := colon(s, 24)
		if k < 0 {
			return s, false
		}
		tag, rest = s[:k], s[k+size:]
	}
	if !externalTag(tag) {
		return s, false
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest), ":")), true
}

// externalTag: what mail systems, not people, put before a Subject.
func externalTag(tag string) bool {
	tag = strings.Trim(foldLabel(tag), "#!?-=*_. ⚠️🔺")
	switch tag {
	case "external", "ext", "external email", "external e-mail", "external mail", "external sender", "external message", "external source",
		"extern", "externe", "externe mail", "externe e-mail", "externer absender", "extern e-post", "extern mail",
		"externo", "correo externo", "email externo", "e-mail externo", "esterno", "mail esterna", "email esterna", "ekstern", "ulkoinen", "zewnętrzny", "внешний", "外部", "外部邮件", "外部メール", "dış", "dış kaynak",
		"spam", "suspected spam", "possible spam", "marked as spam", "caution", "warning", "suspicious", "untrusted", "unverified", "bulk", "junk", "virus checked", "secure", "encrypted", "newsletter":
		return true
	}
	return false
}

// peelBracket takes any one bracket off, to look behind it.
func peelBracket(s string) (string, bool) {
	if s == "" || s[0] != '[' {
		return s, false
	}
	k := strings.IndexByte(s, ']')
	if k < 0 || k > 60 {
		return s, false
	}
	return strings.TrimSpace(s[k+1:]), true
}

func trimSubject(s string) string { return strings.TrimSpace(visible(s)) }

func cutSuffixFold(s, suffix string) (string, bool) {
	if endsFold(s, suffix) {
		return s[:len(s)-len(suffix)], true
	}
	return s, false
}
