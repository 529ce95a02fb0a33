package mailparse

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// charsetAliases are labels that the WHATWG and IANA tables lack, or where what
// senders mean is wider than what the label says. The WHATWG table itself reads
// iso-8859-1 as windows-1252, ks_c_5601-1987 as cp949, shift_jis as cp932.
var charsetAliases = map[string]string{
	"gb2312": "gb18030", "gb-2312": "gb18030", "gb2312-80": "gb18030", "euc-cn": "gb18030", "gbk": "gb18030", "cp936": "gb18030",
	"ms936": "gb18030", "gb": "gb18030", "x-gbk": "gb18030", "cn-gb": "gb18030", "windows-936": "gb18030",
	"ks-c-5601-1987": "euc-kr", "ks-c-5601": "euc-kr", "cp949": "euc-kr", "ms949": "euc-kr", "uhc": "euc-kr", "x-windows-949": "euc-kr", "windows949": "euc-kr", "euckr": "euc-kr", "windows-949": "euc-kr",
	"cp932": "shift_jis", "windows-932": "shift_jis", "sjis": "shift_jis", "shift-jis": "shift_jis", "x-sjis": "shift_jis", "ms-kanji": "shift_jis", "ms932": "shift_jis",
	"cp950": "big5", "big5hkscs": "big5", "windows-950": "big5", "big-5": "big5", "cn-big5": "big5",
	"eucjp": "euc-jp", "x-euc-jp": "euc-jp", "iso-2022-jp-1": "iso-2022-jp", "iso-2022-jp-2": "iso-2022-jp", "iso-2022-jp-3": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp", "cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp", "jis": "iso-2022-jp",
	"hz": "hz-gb-2312", "hz-gb2312": "hz-gb-2312",
	"latin1": "windows-1252", "latin-1": "windows-1252", "iso8859-1": "windows-1252", "iso-8859-1-windows-3.1-latin-1": "windows-1252", "ansi": "windows-1252", "8859-1": "windows-1252", "iso-latin-1": "windows-1252", "iso-8859-1": "windows-1252",
	"iso-8859-8-i": "iso-8859-8", "visual": "iso-8859-8", "tis-620": "windows-874", "cp874": "windows-874", "tis620": "windows-874",
	"koi8": "koi8-r", "koi8-ru": "koi8-u", "macroman": "macintosh", "mac": "macintosh", "mac-roman": "macintosh", "x-macintosh": "macintosh", "mac-cyrillic": "x-mac-cyrillic", "maccyrillic": "x-mac-cyrillic", "x-mac-roman": "macintosh",
	"cp437": "ibm437", "cp850": "ibm850", "cp852": "ibm852", "cp855": "ibm855", "cp858": "ibm00858", "cp860": "ibm860", "cp862": "ibm862", "cp863": "ibm863", "cp865": "ibm865", "cp866": "ibm866",
	"utf8mb4": "utf-8", "utf-8mb4": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf": "utf-8", "utf-8;": "utf-8", "x-utf-8": "utf-8", "cp65001": "utf-8",
}

// asciiLabels say nothing about 8-bit bytes.
var asciiLabels = map[string]bool{
	"": true, "us-ascii": true, "ascii": true, "ansi-x3.4-1968": true, "iso646-us": true, "7bit": true, "8bit": true, "binary": true, "us": true,
	"unknown-8bit": true, "x-unknown": true, "unknown": true, "default": true, "charset": true, "x-user-defined": true, "none": true, "iso-8859-1": true, "windows-1252": true,
}

// normalLabel brings a charset label to the form of the tables.
func normalLabel(label string) string {
	label = strings.ToLower(strings.Trim(label, " \t\"'"))
	if i := strings.IndexAny(label, "*$"); i > 0 {
		label = label[:i] // RFC 2231 language; "iso-2022-jp$ESC"
	}
	label = strings.Trim(strings.ReplaceAll(label, "_", "-"), "-")
	if n, ok := strings.CutPrefix(label, "win-"); ok {
		label = "windows-" + n
	} else if n, ok := strings.CutPrefix(label, "cp125"); ok {
		label = "windows-125" + n
	} else if n, ok := strings.CutPrefix(label, "cp-"); ok {
		label = "cp" + n
	}
	if to, ok := charsetAliases[label]; ok {
		return to
	}
	return label
}

// lookupCharset returns the encoding of a normalised label; nil if we have none.
func lookupCharset(label string) encoding.Encoding {
	switch label {
	case "gb18030":
		return simplifiedchinese.GB18030
	case "utf-16", "unicode", "ucs-2", "iso-10646-ucs-2":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "utf-32", "utf-32le", "ucs-4":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
	case "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	case "iso-2022-kr":
		return nil
	}
	if e, err := htmlindex.Get(label); err == nil && e != encoding.Replacement {
		return e
	}
	if e, err := ianaindex.MIME.Encoding(label); err == nil && e != nil {
		return e
	}
	return nil
}

// toUTF8 decodes bytes declared to be in a charset. The declaration is a hint:
// what is valid UTF-8 under a label that any sender's default writes is UTF-8,
// and what is not UTF-8 under that name is guessed. It always returns valid UTF-8.
func toUTF8(data []byte, label string, b *budget) string {
	label = normalLabel(label)
	if isUTF7(label) {
		data = decodeUTF7(data, b)
		label = "utf-8"
	}
	if label == "utf-8" || asciiLabels[label] || label == "windows-1252" {
		return fromLatinOrUTF8(data, label, b)
	}
	if label == "iso-2022-kr" {
		return count(decodeISO2022KR(data), b)
	}
	e := lookupCharset(label)
	if e == nil {
		b.warn("charset-unknown")
		return fromLatinOrUTF8(data, "", b)
	}
	if isASCII(data) && asciiCompatible(label) {
		return string(data)
	}
	out, err := e.NewDecoder().Bytes(data)
	if err != nil {
		b.warn("charset-damage")
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	if isUTF16or32(label) {
		out = bytes.TrimPrefix(out, []byte("\uFEFF"))
	}
	if damaged(out) && utf8.Valid(data) && !isASCII(data) {
		b.warn("charset-damage")
		return string(data) // a wrong label: the bytes are sound UTF-8 and nothing else
	}
	return count(string(out), b)
}

// fromLatinOrUTF8 reads what is labelled UTF-8, Latin-1, ASCII or nothing.
func fromLatinOrUTF8(data []byte, label string, b *budget) string {
	if utf8.Valid(data) {
		if bytes.IndexByte(data, 0x1b) >= 0 && label != "utf-8" {
			if s, ok := decodeISO2022JP(data); ok {
				return s
			}
		}
		if bytes.HasPrefix(data, []byte("\uFEFF")) {
			data = data[3:]
		}
		return string(data)
	}
	if len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		b.warn("charset-damage")
		return toUTF8(data, "utf-16", b)
	}
	if label != "windows-1252" {
		b.warn("charset-damage")
	}
	if label == "utf-8" && mostlyUTF8(data) {
		return strings.ToValidUTF8(string(bytes.TrimPrefix(data, []byte("\uFEFF"))), "\uFFFD")
	}
	var e encoding.Encoding = charmap.Windows1252
	if label != "windows-1252" {
		e = guessCharset(data)
	}
	out, err := e.NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return string(out)
}

// mostlyUTF8: more sound multi-byte sequences than broken bytes.
func mostlyUTF8(data []byte) bool {
	good, bad := 0, 0
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		i += n
	}
	return good > bad
}

// count notes replacement characters as damage.
func count(s string, b *budget) string {
	if strings.Contains(s, "\uFFFD") {
		b.warn("charset-damage")
	}
	return s
}

func damaged(p []byte) bool { return bytes.Contains(p, []byte("\uFFFD")) }

func isUTF7(label string) bool { return strings.Contains(label, "utf-7") || label == "utf7" }

func isUTF16or32(label string) bool {
	return strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf-32") || strings.HasPrefix(label, "ucs-") ||
		label == "unicode" || label == "iso-10646-ucs-2"
}

// asciiCompatible: ASCII bytes without escapes mean ASCII.
func asciiCompatible(label string) bool { return !isUTF16or32(label) && label != "hz-gb-2312" }

// isASCII also says no to ESC, SO and SI, which switch ISO-2022 charsets.
func isASCII[T string | []byte](data T) bool {
	for i := 0; i < len(data); i++ {
		if c := data[i]; c >= utf8.RuneSelf || c == 0x1b || c == 0x0e || c == 0x0f {
			return false
		}
	}
	return true
}

// decodeISO2022JP reads Japanese that is sent raw and unlabelled.
func decodeISO2022JP(data []byte) (string, bool) {
	if !bytes.Contains(data, []byte("\x1b$B")) && !bytes.Contains(data, []byte("\x1b$@")) && !bytes.Contains(data, []byte("\x1b(J")) {
		return "", false
	}
	out, err := japanese.ISO2022JP.NewDecoder().Bytes(data)
	return string(out), err == nil
}

// decodeISO2022KR reads RFC 1557: SO shifts to KS X 1001, SI back, the
// announcer ESC $ ) C is dropped. x/text leaves it out.
func decodeISO2022KR(data []byte) string {
	data = bytes.ReplaceAll(data, []byte("\x1b$)C"), nil)
	out := make([]byte, 0, len(data))
	shifted := false
	for _, c := range data {
		switch {
		case c == 0x0e:
			shifted = true
		case c == 0x0f || c == '\n':
			if shifted = false; c == '\n' {
				out = append(out, c)
			}
		case shifted && c > ' ' && c < 0x7f:
			out = append(out, c|0x80)
		default:
			out = append(out, c)
		}
	}
	s, err := korean.EUCKR.NewDecoder().Bytes(out)
	if err != nil {
		return strings.ToValidUTF8(string(out), "\uFFFD")
	}
	return string(s)
}

// guessCharset names the likeliest charset of unlabelled 8-bit text. Western
// text has lone high bytes, Cyrillic runs of any length, the double-byte
// charsets runs of even length in lead ranges of their own.
func guessCharset(data []byte) encoding.Encoding {
	st := countRuns(data[:min(len(data), 8<<10)])
	switch {
	case st.high == 0 || st.high < 2*st.runs:
		if st.kana > 2 && st.kana*3 > st.high {
			return japanese.ShiftJIS // its trail bytes are often ASCII
		}
		return charmap.Windows1252
	case st.kana > 2 && st.kana*5 > st.high:
		return japanese.ShiftJIS
	case st.inWord*2 > st.runs && st.high <= 2*st.runs:
		return charmap.Windows1252 // "Grüße": two letters in a word of ASCII ones
	case st.odd*10 <= st.runs: // all runs even
		return guessEUC(data, st)
	case st.letters*10 >= st.high*9 && st.koi > st.win:
		return charmap.KOI8R
	case st.letters*10 >= st.high*9:
		return charmap.Windows1251
	case sound(traditionalchinese.Big5, data):
		return traditionalchinese.Big5
	case sound(simplifiedchinese.GB18030, data):
		return simplifiedchinese.GB18030
	}
	return charmap.Windows1252
}

func guessEUC(data []byte, st runStats) encoding.Encoding {
	switch {
	case st.eucKana*3 > st.high/2 && sound(japanese.EUCJP, data):
		return japanese.EUCJP
	case st.hangul*10 >= st.high/2*8 && sound(korean.EUCKR, data):
		return korean.EUCKR
	case sound(simplifiedchinese.GB18030, data):
		return simplifiedchinese.GB18030
	case sound(traditionalchinese.Big5, data):
		return traditionalchinese.Big5
	}
	return charmap.Windows1252
}

// sound: data decodes without loss, but for a character cut off at the end.
func sound(e encoding.Encoding, data []byte) bool {
	out, err := e.NewDecoder().Bytes(data[:min(len(data), 8<<10)])
	if err != nil {
		return false
	}
	switch bytes.Count(out, []byte("\uFFFD")) {
	case 0:
		return true
	case 1: // in a few words, damage says that the guess is wrong
		return len(out) > 300 || bytes.HasSuffix(out, []byte("\uFFFD"))
	}
	return false
}

type runStats struct {
	high, runs, odd int
	inWord          int // runs between ASCII letters
	letters         int // bytes of Cyrillic letters in both Cyrillic charsets
	koi, win        int // bytes where the small letters stand in KOI8-R, in windows-1251
	hangul, eucKana int // pairs of a lead byte B0–C8 (EUC-KR), A4–A5 (EUC-JP)
	kana            int // pairs 82 9F–F1, 83 40–96 (Shift_JIS)
}

func countRuns(data []byte) runStats {
	var st runStats
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		start := i
		for i < len(data) && data[i] >= utf8.RuneSelf {
			c := data[i]
			switch {
			case c >= 0xe0:
				st.win++
				st.letters++
			case c >= 0xc0:
				st.koi++
				st.letters++
			}
			if i+1 < len(data) && (c == 0x82 && data[i+1] >= 0x9f && data[i+1] <= 0xf1 || c == 0x83 && data[i+1] >= 0x40 && data[i+1] <= 0x96) {
				st.kana++
			}
			if (i-start)%2 == 0 {
				if c >= 0xb0 && c <= 0xc8 {
					st.hangul++
				}
				if c == 0xa4 || c == 0xa5 {
					st.eucKana++
				}
			}
			i++
		}
		if start > 0 && asciiLetter(data[start-1]) && i < len(data) && asciiLetter(data[i]) {
			st.inWord++
		}
		st.high += i - start
		st.runs++
		st.odd += (i - start) % 2
	}
	return st
}
