package mailparse

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Characters that take no room, and texts compared without regard to case.

// joins: U+200C and U+200D are letters' glue in emoji and in Indic and Persian
// words, and padding elsewhere.
func joins(c rune, before []byte, rest string) bool {
	if c != 0x200c && c != 0x200d {
		return false
	}
	prev, _ := utf8.DecodeLastRune(before)
	next, _ := utf8.DecodeRuneInString(rest)
	return prev > 0x5ff && next > 0x5ff && !zeroWidth(prev) && !zeroWidth(next)
}

// dropZeroWidth does to a text what rendering does to HTML.
func dropZeroWidth(s string) string { return dropHidden(s, false) }

// dropPadding leaves zero-width characters inside what looks like an address:
// without them it would be somebody else's (THREATS T14).
func dropPadding(s string) string { return dropHidden(s, true) }

func dropHidden(s string, judge bool) string {
	if !strings.ContainsFunc(s, zeroWidth) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i, c := range s {
		if rest := s[i+utf8.RuneLen(c):]; zeroWidth(c) && !joins(c, out, rest) && !(judge && inAddress(out, rest)) {
			continue
		}
		out = utf8.AppendRune(out, c)
	}
	return string(out)
}

// inAddress: letters of one word with an @ in it stand on both sides.
func inAddress(before []byte, rest string) bool {
	const longest = 100
	before = before[max(0, len(before)-longest):]
	before = before[bytes.LastIndexAny(before, addressEnds)+1:]
	rest = rest[:min(len(rest), longest)]
	if i := strings.IndexAny(rest, addressEnds); i >= 0 {
		rest = rest[:i]
	}
	visible := func(c rune) bool { return !zeroWidth(c) }
	return bytes.ContainsFunc(before, visible) && strings.ContainsFunc(rest, visible) && (bytes.IndexByte(before, '@') >= 0 || strings.IndexByte(rest, '@') >= 0)
}

const addressEnds = " \t\n<>()[]\"',;\u00a0"

// zeroWidth: characters that take no room and carry no meaning for a reader.
func zeroWidth(c rune) bool {
	switch {
	case c < 0xad:
		return false
	case c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || c == 0xfeff || c == 0x115f || c == 0x1160 || c == 0x3164:
		return true
	case 0x200b <= c && c <= 0x200f, 0x202a <= c && c <= 0x202e, 0x2060 <= c && c <= 0x206f:
		return true
	}
	return 0xe0000 <= c && c <= 0xe007f
}

func startsFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func endsFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

func cutFold(s, prefix string) (string, bool) {
	if startsFold(s, prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

func holdsFold(s, sub string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(sub))
}
