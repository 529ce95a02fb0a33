package mailparse

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"
)

// packRTF writes what unpackRTF reads: literals, but "\pard\plain" as a
// reference into the dictionary's beginning.
func packRTF(rtf string) []byte {
	const word = `\pard\plain`
	var tokens [][]byte
	for at := len(rtfStart); rtf != ""; {
		if rest, ok := strings.CutPrefix(rtf, word); ok {
			ref := strings.Index(rtfStart, word)<<4 | len(word) - 2
			tokens = append(tokens, binary.BigEndian.AppendUint16(nil, uint16(ref)))
			at, rtf = at+len(word), rest
		} else {
			tokens = append(tokens, []byte{rtf[0]})
			at, rtf = at+1, rtf[1:]
		}
		if rtf == "" {
			tokens = append(tokens, binary.BigEndian.AppendUint16(nil, uint16(at%4096<<4)))
		}
	}
	out := binary.LittleEndian.AppendUint32(make([]byte, 8), rtfPacked)
	out = append(out, 0, 0, 0, 0)
	for len(tokens) > 0 {
		n := min(8, len(tokens))
		var control byte
		for i, t := range tokens[:n] {
			control |= byte(len(t)-1) << i
		}
		out = append(out, control)
		for _, t := range tokens[:n] {
			out = append(out, t...)
		}
		tokens = tokens[n:]
	}
	return out
}

func TestUnpackRTF(t *testing.T) {
	rtf := `{\rtf1\ansi\pard\plain Hello\par\pard\plain ` + strings.Repeat("and so on ", 500) + "}"
	if got := string(unpackRTF(packRTF(rtf), 1<<20)); got != rtf {
		t.Errorf("got %d bytes %.80q, want %d", len(got), got, len(rtf))
	}
	if got := unpackRTF(packRTF(rtf), 10); len(got) > 10+8*17 {
		t.Errorf("a limit of 10 gave %d bytes", len(got))
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 40)} {
		if got := unpackRTF([]byte(bad), 100); got != nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

func TestReadRTF(t *testing.T) {
	for in, want := range map[string]struct{ text, html string }{
		`{\rtf1\ansi\ansicpg1252 Gr\'fc\'dfe\par Ada\tab X}`:                                            {"Grüße\nAda\tX", ""},
		`{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\colortbl;\red0;}{\*\generator Word;}\pard Hi \{x\}\line b}`: {"Hi {x}\nb", ""},
		`{\rtf1\ansi\ansicpg1251\'cf\'f0\'e8}`:                                                          {"При", ""},
		`{\rtf1\uc1 \u1055?\u1088?}`:                                                                    {"Пр", ""},
		`{\rtf1\uc1 \u-10179?\u-8704?}`:                                                                 {"😀", ""},
		`{\rtf1 a{\pict ffd8}b{\*\unknown c}d\~e\_f\emdash}`:                                            {"abd\u00a0e-f—", ""},
		`{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Hello {\*\htmltag84 <b>}\htmlrtf \b \htmlrtf0 Ada{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0{\*\htmltag72 </p>}{\*\mhtmltag x}}`: {"", "<p>Hello <b>Ada</b></p>"},
		`{\rtf1 never closed {{{`: {"never closed ", ""},
		`no RTF`:                  {"", ""},
		`{\rtf1 }}}} more`:        {" more", ""},
	} {
		if text, html := readRTF([]byte(in)); text != want.text || html != want.html {
			t.Errorf("%s\n got %q %q\nwant %q %q", in, text, html, want.text, want.html)
		}
	}
}

func FuzzRTF(f *testing.F) {
	f.Add(packRTF(`{\rtf1\ansi\ansicpg1252\pard\plain Gr\'fc\'dfe \u-10179?\u-8704?{\*\x y}\par}`))
	f.Add(packRTF(`{\rtf1\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Hello}`))
	f.Fuzz(func(t *testing.T, d []byte) {
		rtf := unpackRTF(d, 1<<16)
		for _, in := range [][]byte{rtf, append([]byte(`{\rtf1`), d...)} {
			if text, html := readRTF(in); !utf8.ValidString(text) || !utf8.ValidString(html) {
				t.Errorf("not UTF-8: %q %q", text, html)
			}
		}
	})
}
