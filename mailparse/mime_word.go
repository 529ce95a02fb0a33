package mailparse

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// decodeHeader decodes a header value: encoded words (RFC 2047) as the world
// writes them, in one line, without control characters. CR and LF that come
// out of an encoded word are blanks: they must never end a line (THREATS T6).
func decodeHeader(v string) string { return decodeWords(v, &budget{}) }

func decodeWords(v string, b *budget) string {
	if !strings.Contains(v, "=?") {
		return oneLine(v)
	}
	var sb strings.Builder
	sb.Grow(len(v))
	var run wordRun // adjacent words are joined as bytes: senders split characters
	for v != "" {
		i := strings.Index(v, "=?")
		if i < 0 {
			break
		}
		w, rest, ok := cutWord(v[i:])
		if !ok {
			run.flush(&sb, b)
			sb.WriteString(v[:i+2])
			v = v[i+2:]
			continue
		}
		if gap := v[:i]; strings.Trim(gap, " \t") != "" || !run.open {
			run.flush(&sb, b)
			sb.WriteString(gap)
		}
		if !run.takes(w) {
			run.flush(&sb, b)
		}
		run.add(w)
		v = rest
	}
	run.flush(&sb, b)
	sb.WriteString(v)
	return oneLine(sb.String())
}

type word struct {
	charset, text string
	base64        bool
}

// cutWord reads one encoded word. Blanks and question marks inside the text,
// which RFC 2047 forbids, are taken; a word that never ends is none.
func cutWord(v string) (w word, rest string, ok bool) {
	charset, rest, ok := strings.Cut(v[2:], "?")
	if !ok || charset == "" || len(charset) > 60 || strings.ContainsAny(charset, " \t\"<>@") {
		return w, v, false
	}
	if len(rest) < 2 || rest[1] != '?' {
		return w, v, false
	}
	enc := rest[0] | 0x20
	if enc != 'b' && enc != 'q' {
		return w, v, false
	}
	text, tail := rest[2:], ""
	end := wordEnd(text, enc == 'b')
	if end < 0 {
		// Cut off by somebody's length limit: what is left is still readable.
		if end = strings.IndexAny(text, " \t\"<>"); end < 0 {
			end = len(text)
		}
		text, tail = text[:end], text[end:]
	} else {
		text, tail = text[:end], text[end+2:]
	}
	return word{normalLabel(charset), text, enc == 'b'}, tail, true
}

// wordEnd finds the closing "?=". In Q text "?=3D" may be a raw question mark
// before an escape: it is no end if the word closes further on.
func wordEnd(text string, base64 bool) int {
	const longest = 2000 // RFC 2047 says 75; a bound keeps a header of broken words linear
	text = text[:min(len(text), longest)]
	end := strings.Index(text, "?=")
	for !base64 && end >= 0 && end+3 < len(text) && unhex(text[end+2]) >= 0 && unhex(text[end+3]) >= 0 {
		next := strings.Index(text[end+2:], "?=")
		word := strings.Index(text[end+2:], "=?")
		if next < 0 || word >= 0 && word < next {
			break
		}
		end += 2 + next
	}
	return end
}

// wordRun collects adjacent words of one charset.
type wordRun struct {
	open    bool
	charset string
	data    []byte
	b64     string // base64 text of less than a quantum, waiting for the next word
}

func (r *wordRun) takes(w word) bool {
	return !r.open || r.charset == w.charset && (r.b64 == "" || w.base64)
}

func (r *wordRun) add(w word) {
	r.open, r.charset = true, w.charset
	if !w.base64 {
		r.data = appendQ(r.data, w.text)
		return
	}
	text := r.b64 + cleanBase64(w.text)
	r.b64 = ""
	if whole := len(text) &^ 3; whole < len(text) && !strings.Contains(text, "=") {
		text, r.b64 = text[:whole], text[whole:]
	}
	r.data = appendBase64(r.data, text)
}

func (r *wordRun) flush(sb *strings.Builder, b *budget) {
	if !r.open {
		return
	}
	sb.WriteString(toUTF8(appendBase64(r.data, r.b64), r.charset, b))
	*r = wordRun{data: r.data[:0]}
}

func appendQ(dst []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '_' {
			c = ' '
		} else if c == '=' && i+2 < len(text) {
			if hi, lo := unhex(text[i+1]), unhex(text[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

func cleanBase64(text string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (base64Value[r] != base64Junk || r == '=') {
			return r
		}
		return -1
	}, text)
}

// appendBase64 decodes clean base64 text, padded or not, also with padding in the middle.
func appendBase64(dst []byte, text string) []byte {
	for text != "" {
		chunk, rest, _ := strings.Cut(text, "=")
		if len(chunk)%4 == 1 {
			chunk = chunk[:len(chunk)-1]
		}
		out, err := base64.RawStdEncoding.AppendDecode(dst, []byte(chunk))
		if err == nil {
			dst = out
		}
		text = strings.TrimLeft(rest, "=")
	}
	return dst
}

// oneLine makes line ends and tabs blanks, and drops other control characters.
func oneLine(v string) string {
	if !hasControl(v) {
		return strings.Trim(v, " ")
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, v), " ")
}

func hasControl(v string) bool {
	for i := 0; i < len(v); i++ {
		if c := v[i]; c < ' ' || c == 0x7f || c == 0xc2 || c == 0xe2 {
			return true
		}
	}
	return false
}
