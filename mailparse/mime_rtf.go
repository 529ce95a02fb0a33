package mailparse

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Outlook's own format, as winmail.dat holds it when a mail was written in RTF:
// compressed ([MS-OXRTFCP]), and perhaps HTML in disguise ([MS-OXRTFEX]).

const (
	rtfPacked = 0x75465a4c // "LZFu"
	rtfPlain  = 0x414c454d // "MELA"
)

// rtfStart is what the dictionary holds before the first byte is read.
const rtfStart = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier" +
	"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

// unpackRTF decompresses, up to most bytes; nil where the header is none.
func unpackRTF(d []byte, most int) []byte {
	const header = 16
	if len(d) < header {
		return nil
	}
	switch binary.LittleEndian.Uint32(d[8:]) {
	case rtfPlain:
		return d[header:min(len(d), header+most)]
	case rtfPacked:
		return unpackLZFu(d[header:], most)
	}
	return nil
}

func unpackLZFu(d []byte, most int) []byte {
	var dict [4096]byte
	at := copy(dict[:], rtfStart)
	var out []byte
	put := func(c byte) {
		dict[at] = c
		at = (at + 1) % len(dict)
		out = append(out, c)
	}
	for len(d) > 0 && len(out) < most {
		control := d[0]
		d = d[1:]
		for bit := 0; bit < 8 && len(d) > 0; bit++ {
			if control>>bit&1 == 0 {
				put(d[0])
				d = d[1:]
				continue
			}
			if len(d) < 2 {
				return out
			}
			ref := int(binary.BigEndian.Uint16(d))
			d = d[2:]
			from := ref >> 4
			if from == at { // the end
				return out
			}
			for range ref&15 + 2 {
				put(dict[from])
				from = (from + 1) % len(dict)
			}
		}
	}
	return out
}

// rtfReader turns RTF into text, or into the HTML it was made of.
type rtfReader struct {
	d      []byte
	out    strings.Builder
	high   rune   // half of a character that two \u write
	bytes  []byte // in the document's charset, not yet decoded
	label  string
	isHTML bool
	group  rtfGroup
	outer  []rtfGroup
}

// rtfGroup is what ends with a brace.
type rtfGroup struct {
	skip    bool // a destination that is no text
	shadow  bool // \htmlrtf: stands for what an \*\htmltag says already
	starred bool // \* was seen, and its destination comes
	uc      int  // how many bytes follow a \u for those that do not know it
}

const maxRTFDepth = 1000

// readRTF returns text, or HTML where the RTF was made of it.
func readRTF(d []byte) (text, html string) {
	if !strings.HasPrefix(string(d[:min(len(d), 5)]), `{\rtf`) {
		return "", ""
	}
	r := &rtfReader{d: d, label: "windows-1252", group: rtfGroup{uc: 1}}
	for len(r.d) > 0 {
		r.next()
	}
	r.flush()
	s := string(cleanLines([]byte(r.out.String()), false))
	if r.isHTML {
		return "", s
	}
	return s, ""
}

func (r *rtfReader) next() {
	c := r.d[0]
	r.d = r.d[1:]
	switch c {
	case '{':
		if len(r.outer) < maxRTFDepth {
			r.outer = append(r.outer, r.group)
		}
	case '}':
		if n := len(r.outer); n > 0 {
			r.group, r.outer = r.outer[n-1], r.outer[:n-1]
		}
	case '\\':
		r.control()
	case '\r', '\n':
	default:
		r.put(c)
	}
}

func (r *rtfReader) shows() bool { return !r.group.skip && !(r.isHTML && r.group.shadow) }

func (r *rtfReader) put(c byte) {
	if r.shows() {
		r.bytes = append(r.bytes, c)
	}
}

func (r *rtfReader) write(s string) {
	if r.shows() {
		r.flush()
		r.out.WriteString(s)
	}
}

// flush decodes the bytes read so far.
func (r *rtfReader) flush() {
	if len(r.bytes) > 0 {
		r.out.WriteString(toUTF8(r.bytes, r.label, &budget{}))
		r.bytes = r.bytes[:0]
	}
}

// control reads what follows a backslash.
func (r *rtfReader) control() {
	n := 0
	for n < len(r.d) && n < 32 && asciiLetter(r.d[n]) {
		n++
	}
	if n == 0 {
		r.symbol()
		return
	}
	word := string(r.d[:n])
	r.d = r.d[n:]
	n = 0
	for n < len(r.d) && n < 11 && (isDigit(r.d[n]) || n == 0 && r.d[n] == '-') {
		n++
	}
	number, err := strconv.Atoi(string(r.d[:n]))
	r.d = r.d[n:]
	if len(r.d) > 0 && r.d[0] == ' ' {
		r.d = r.d[1:]
	}
	r.word(word, number, err == nil)
}

func (r *rtfReader) symbol() {
	if len(r.d) == 0 {
		return
	}
	c := r.d[0]
	r.d = r.d[1:]
	switch c {
	case '\'':
		if len(r.d) >= 2 && unhex(r.d[0]) >= 0 && unhex(r.d[1]) >= 0 {
			r.put(byte(unhex(r.d[0])<<4 | unhex(r.d[1])))
			r.d = r.d[2:]
		}
	case '*':
		r.group.starred = true
	case '~':
		r.write("\u00a0")
	case '_':
		r.write("-")
	case '\r', '\n':
		r.write("\n")
	case '{', '}', '\\':
		r.put(c)
	}
}

func (r *rtfReader) word(word string, number int, numbered bool) {
	starred := r.group.starred
	r.group.starred = false
	switch word {
	case "par", "line", "sect", "page", "row":
		r.write("\n")
	case "tab", "cell":
		r.write("\t")
	case "bullet":
		r.write("•")
	case "emdash":
		r.write("—")
	case "endash":
		r.write("–")
	case "lquote", "rquote":
		r.write("'")
	case "ldblquote", "rdblquote":
		r.write(`"`)
	case "ansicpg":
		if number > 0 {
			r.label = "windows-" + strconv.Itoa(number)
		}
	case "uc":
		r.group.uc = number
	case "u":
		r.unicode(number)
	case "fromhtml":
		r.isHTML = true
	case "htmlrtf":
		r.group.shadow = !numbered || number != 0
	case "htmltag", "mhtmltag":
		r.group.skip = r.group.skip || !r.isHTML || word == "mhtmltag"
	case "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "footnote", "xmlnstbl", "listtable", "listoverridetable", "generator", "themedata", "datastore":
		r.group.skip = true
	default:
		r.group.skip = r.group.skip || starred
	}
}

// unicode writes \uN and passes over what stands there for old readers.
func (r *rtfReader) unicode(number int) {
	if number < 0 {
		number += 1 << 16
	}
	c := rune(number)
	if r.high != 0 {
		c, r.high = utf16.DecodeRune(r.high, c), 0
	}
	if 0xd800 <= c && c < 0xdc00 {
		r.high = c
	} else {
		r.write(string(c))
	}
	for i := 0; i < r.group.uc && len(r.d) > 0; i++ {
		switch {
		case len(r.d) >= 4 && r.d[0] == '\\' && r.d[1] == '\'':
			r.d = r.d[4:]
		case r.d[0] != '\\' && r.d[0] != '{' && r.d[0] != '}':
			r.d = r.d[1:]
		}
	}
}
