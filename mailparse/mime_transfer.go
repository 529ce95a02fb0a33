package mailparse

import (
	"bytes"
	"io"
	"strings"
)

// Transfer decoders read from the raw mail in memory and hold nothing but their
// position, so an attachment costs no memory however long it is.

const base64Junk = 0xff

// base64Value maps a byte to its six bits, base64Junk for all others. The URL
// alphabet is taken too.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = base64Junk
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = byte(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

// transferReader is a decoder that says afterwards whether the data was sound.
type transferReader interface {
	io.Reader
	damaged() bool
}

// openTransfer returns the decoder for a body. An unknown encoding is read as it stands.
func openTransfer(body []byte, encoding string, b *budget) transferReader {
	switch encoding {
	case "base64":
		if notBase64(body) {
			b.warn("transfer-encoding")
			return &identityReader{rest: body}
		}
		return &base64Reader{src: body}
	case "quoted-printable":
		return &quotedReader{src: body}
	case "x-uuencode", "uuencode", "x-uue", "uue":
		if _, _, data, _, ok := cutUU(body); ok {
			return &uuReader{src: data}
		}
	case "uu-data": // cut out of a text already
		return &uuReader{src: body}
	case "", "7bit", "8bit", "binary":
		return &identityReader{rest: body}
	}
	b.warn("transfer-encoding")
	return &identityReader{rest: body}
}

// transferName normalises a Content-Transfer-Encoding.
func transferName(v string) string {
	if i := strings.IndexAny(v, "; \t("); i >= 0 {
		v = v[:i]
	}
	switch v = strings.ToLower(strings.Trim(v, `"'`)); v {
	case "base-64", "x-base64", "b", "base":
		return "base64"
	case "quoted-printible", "quotedprintable", "quoted_printable", "q", "qp":
		return "quoted-printable"
	case "7-bit", "7bits":
		return "7bit"
	case "8-bit", "8bits", "utf-8", "none", "plain", "text", "ascii", "us-ascii":
		return "8bit"
	}
	return v
}

type identityReader struct{ rest []byte }

func (r *identityReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *identityReader) damaged() bool { return false }

// notBase64 reports that a body labelled base64 is plain text: its first bytes
// hold blanks between words and letters outside the alphabet.
func notBase64(body []byte) bool {
	head := bytes.TrimSpace(body[:min(len(body), 512)])
	blanks, odd := 0, 0
	for _, c := range head {
		switch {
		case c == ' ':
			blanks++
		case c == '\r' || c == '\n' || c == '=' || c == '\t':
		case base64Value[c] == base64Junk:
			odd++
		}
	}
	return (odd+blanks)*10 > len(head) && odd > 0 && blanks > 0
}

// base64Reader skips what is not base64, takes padding in the middle (parts
// that were encoded piecewise) and ends at padding that junk follows, which is
// where list software has put its footer.
type base64Reader struct {
	src  []byte
	pos  int
	acc  uint32
	bits int
	junk bool
	end  bool
}

func (r *base64Reader) damaged() bool { return r.junk }

func (r *base64Reader) Read(p []byte) (int, error) {
	n := 0
	for n+3 <= len(p) && !r.end {
		if r.bits == 0 {
			n += r.fast(p[n:])
			if n+3 > len(p) {
				break
			}
		}
		if r.pos >= len(r.src) {
			r.end = true
			break
		}
		c := r.src[r.pos]
		r.pos++
		v := base64Value[c]
		switch {
		case v != base64Junk:
			r.acc = r.acc<<6 | uint32(v)
			if r.bits += 6; r.bits >= 8 {
				r.bits -= 8
				p[n] = byte(r.acc >> r.bits)
				n++
			}
		case c == '=':
			r.pad()
		case c != '\r' && c != '\n' && c != ' ' && c != '\t':
			r.junk = true
		}
	}
	if n == 0 && r.end {
		return 0, io.EOF
	}
	if n == 0 && len(p) > 0 && len(p) < 3 {
		return r.short(p)
	}
	return n, nil
}

// short serves callers that ask for less than a quantum.
func (r *base64Reader) short(p []byte) (int, error) {
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		r.pos++
		if v := base64Value[c]; v != base64Junk {
			r.acc = r.acc<<6 | uint32(v)
			if r.bits += 6; r.bits >= 8 {
				r.bits -= 8
				p[0] = byte(r.acc >> r.bits)
				return 1, nil
			}
		} else if c == '=' {
			if r.pad(); r.end {
				break
			}
		}
	}
	r.end = true
	return 0, io.EOF
}

// fast decodes whole quanta up to the first byte that needs a thought.
func (r *base64Reader) fast(p []byte) (n int) {
	src, i := r.src, r.pos
	for n+3 <= len(p) && i+4 <= len(src) {
		a, b, c, d := base64Value[src[i]], base64Value[src[i+1]], base64Value[src[i+2]], base64Value[src[i+3]]
		if a|b|c|d > 63 {
			if src[i] == '\n' {
				i++
				continue
			}
			if src[i] == '\r' && src[i+1] == '\n' {
				i += 2
				continue
			}
			break
		}
		v := uint32(a)<<18 | uint32(b)<<12 | uint32(c)<<6 | uint32(d)
		p[n], p[n+1], p[n+2] = byte(v>>16), byte(v>>8), byte(v)
		n += 3
		i += 4
	}
	r.pos = i
	return n
}

// pad ends a quantum, and the data if what follows is not base64.
func (r *base64Reader) pad() {
	r.acc, r.bits = 0, 0
	rest := r.src[r.pos:]
	for len(rest) > 0 && (rest[0] == '=' || rest[0] == '\r' || rest[0] == '\n' || rest[0] == ' ' || rest[0] == '\t') {
		rest = rest[1:]
		r.pos++
	}
	line := rest[:min(len(rest), 76)]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	for _, c := range bytes.TrimRight(line, "\r= \t") {
		if base64Value[c] == base64Junk || c == '_' || c == '-' {
			r.end, r.junk = true, true
			return
		}
	}
	r.end = r.end || len(rest) == 0
}

// quotedReader decodes quoted-printable; what is no escape stands for itself.
type quotedReader struct {
	src []byte
	pos int
	bad bool
}

func (r *quotedReader) damaged() bool { return r.bad }

func (r *quotedReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && r.pos < len(r.src) {
		rest := r.src[r.pos:]
		i := bytes.IndexByte(rest, '=')
		if i != 0 {
			if i > 0 {
				rest = rest[:i]
			}
			k := copy(p[n:], rest)
			n += k
			r.pos += k
			continue
		}
		c, width, lit := quotedEscape(rest)
		r.pos += width
		if lit {
			p[n] = c
			n++
			r.bad = r.bad || c == '=' && width == 1
		}
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// quotedEscape reads what begins with '='. lit is false for a soft line break.
func quotedEscape(s []byte) (c byte, width int, lit bool) {
	if len(s) >= 3 {
		if hi, lo := unhex(s[1]), unhex(s[2]); hi >= 0 && lo >= 0 {
			return byte(hi<<4 | lo), 3, true
		}
	}
	i := 1
	for i < len(s) && i < 80 && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r') {
		i++ // blanks that transport added before the line end (RFC 2045 §6.7 rule 3)
	}
	switch {
	case i == len(s):
		return 0, i, false
	case s[i] == '\n':
		return 0, i + 1, false
	case i > 1 && s[i-1] == '\r' && i == 2:
		return 0, 2, false // a lone CR
	}
	return '=', 1, true
}

// cutUU finds a uuencoded file: what stands before it, its name, its data
// lines, and what follows.
func cutUU(body []byte) (before []byte, name string, data, rest []byte, ok bool) {
	for pos := 0; pos < len(body); {
		begin := pos
		line, next := cutLine(body, pos)
		pos = next
		if name, ok = uuBegin(line); !ok {
			continue
		}
		start := pos
		for pos < len(body) {
			line, next := cutLine(body, pos)
			if string(bytes.TrimSpace(line)) == "end" {
				return body[:begin], name, body[start:pos], body[next:], true
			}
			if !uuLine(line) {
				break
			}
			pos = next
		}
		// No end line: it is a file only if data stands there.
		if pos > start {
			return body[:begin], name, body[start:pos], body[pos:], true
		}
	}
	return nil, "", nil, nil, false
}

// uuBegin reads "begin 644 name".
func uuBegin(line []byte) (name string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("begin "))
	if !ok || len(rest) < 5 {
		return "", false
	}
	mode, file, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(mode) < 3 || len(mode) > 4 || len(bytes.TrimSpace(file)) == 0 {
		return "", false
	}
	for _, c := range mode {
		if c < '0' || c > '7' {
			return "", false
		}
	}
	return string(bytes.TrimSpace(file)), true
}

// uuLine: the length character agrees with the length of the line, give or
// take the blanks that transport cuts off or a checksum character.
func uuLine(line []byte) bool {
	if len(line) == 0 {
		return false
	}
	if line[0] < ' ' || line[0] > '`' {
		return false
	}
	n := int(line[0]-' ') & 63
	want := (n + 2) / 3 * 4
	if len(line)-1 > want+2 {
		return false
	}
	for _, c := range line[1:] {
		if c < ' ' || c > '`' {
			return false
		}
	}
	return len(line)-1 >= want-3 || n == 0
}

type uuReader struct {
	src  []byte
	pos  int
	line [64]byte
	have []byte
}

func (r *uuReader) damaged() bool { return false }

func (r *uuReader) Read(p []byte) (int, error) {
	for len(r.have) == 0 {
		if r.pos >= len(r.src) {
			return 0, io.EOF
		}
		line, next := cutLine(r.src, r.pos)
		r.pos = next
		r.have = r.decode(line)
	}
	n := copy(p, r.have)
	r.have = r.have[n:]
	return n, nil
}

func (r *uuReader) decode(line []byte) []byte {
	if len(line) == 0 {
		return nil
	}
	n := int(line[0]-' ') & 63
	at := func(i int) byte {
		if i < len(line) {
			return (line[i] - ' ') & 63
		}
		return 0
	}
	out := r.line[:0]
	for i := 1; len(out) < n; i += 4 {
		v := uint32(at(i))<<18 | uint32(at(i+1))<<12 | uint32(at(i+2))<<6 | uint32(at(i+3))
		out = append(out, byte(v>>16), byte(v>>8), byte(v))
	}
	return out[:n]
}
