package mailparse

import (
	"bytes"
	"encoding/base64"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeUTF7 reads RFC 2152 as far as it is safe: a shift that hides ASCII stays
// as it is written. "+AEA-" would be read as @ by us and as text by others
// (THREATS T14); letters with accents do no harm.
func decodeUTF7(data []byte, b *budget) []byte {
	out := make([]byte, 0, len(data))
	for {
		i := bytes.IndexByte(data, '+')
		if i < 0 {
			return append(out, data...)
		}
		out = append(out, data[:i]...)
		data = data[i+1:]
		n := 0
		for n < len(data) && base64Letter(data[n]) {
			n++
		}
		shift := data[:n]
		rest := data[n:]
		if len(rest) > 0 && rest[0] == '-' {
			rest = rest[1:]
		}
		if n == 0 {
			out = append(out, '+')
			data = rest
			continue
		}
		text, ok := shifted7(shift)
		if !ok {
			b.warn("charset-refused")
			out = append(out, '+')
			continue // what was in it follows as text
		}
		out, data = append(out, text...), rest
	}
}

func base64Letter(c byte) bool {
	return asciiLetter(c) || isDigit(c) || c == '+' || c == '/'
}

// shifted7 decodes the base64 of UTF-16 of one shift; false where an ASCII
// character or nothing sound is in it.
func shifted7(shift []byte) ([]byte, bool) {
	raw, err := base64.RawStdEncoding.DecodeString(string(shift))
	if err != nil || len(raw) < 2 {
		return nil, false
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	var out []byte
	for _, c := range utf16.Decode(units) {
		if c < utf8.RuneSelf && c != ' ' || c == utf8.RuneError || zeroWidth(c) {
			return nil, false
		}
		out = utf8.AppendRune(out, c)
	}
	return out, true
}
