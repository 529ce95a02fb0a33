package mailparse

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// readHeader reads the header at the start of raw and returns what follows it.
// It takes what RFC 5322 forbids and mailboxes hold: LF alone, a leading mbox
// line, lines without a colon, 8-bit values, no empty line before the body.
func readHeader(raw []byte, b *budget) (Header, []byte) {
	s := headerScan{raw: raw, bytes: min(b.HeaderBytes, b.headerLeft), lines: b.HeaderLines}
	s.run(b)
	b.headerLeft -= len(s.text)
	return s.fields(b), raw[s.pos:]
}

// headerScan collects the unfolded fields in one buffer, so that a header of
// thirty fields costs two allocations and not sixty.
type headerScan struct {
	raw          []byte
	pos          int
	text         []byte
	spans        []fieldSpan
	bytes, lines int // what is left
}

type fieldSpan struct{ name, colon, end int } // offsets into text: name is [name,colon), value [colon,end)

func (s *headerScan) run(b *budget) {
	s.text = make([]byte, 0, min(headerGuess(s.raw), s.bytes))
	s.spans = make([]fieldSpan, 0, 32)
	for s.pos < len(s.raw) {
		line, next := cutLine(s.raw, s.pos)
		if s.lines--; s.lines < 0 || s.bytes <= 0 {
			b.warn("limit-header")
			s.pos = headerEnd(s.raw, s.pos)
			return
		}
		switch colon := fieldColon(line); {
		case len(line) == 0:
			s.pos = next
			return
		case line[0] == ' ' || line[0] == '\t':
			if len(bytes.TrimLeft(line, " \t")) == 0 && !goesOn(s.raw, next) {
				s.pos = next // an empty line that somebody indented
				return
			}
			s.fold(line)
		case colon > 0:
			s.field(line, colon)
		case mboxLine(line) || len(s.spans) == 0 && fieldFollows(s.raw, next, 3):
			b.warn("header-junk")
		case fieldFollows(s.raw, next, 50):
			b.warn("header-junk")
			s.fold(line) // most often a value that was wrapped without indenting
		default:
			if len(s.spans) > 0 {
				b.warn("header-unterminated")
			}
			return // the body begins without an empty line
		}
		s.pos = next
	}
}

func (s *headerScan) field(line []byte, colon int) {
	f := fieldSpan{name: len(s.text)}
	s.add(bytes.TrimRight(line[:colon], " \t"))
	f.colon = len(s.text)
	s.add(bytes.Trim(line[colon+1:], " \t"))
	f.end = len(s.text)
	s.spans = append(s.spans, f)
}

// fold appends a continuation line. RFC 5322 §2.2.3 keeps its white space; the
// many tabs there mean one blank.
func (s *headerScan) fold(line []byte) {
	if len(s.spans) == 0 {
		return
	}
	f := &s.spans[len(s.spans)-1]
	if line = bytes.Trim(line, " \t"); len(line) == 0 {
		return
	}
	if f.end > f.colon {
		s.add([]byte{' '})
	}
	s.add(line)
	f.end = len(s.text)
}

func (s *headerScan) add(p []byte) {
	if len(p) > s.bytes {
		p = p[:s.bytes]
	}
	s.bytes -= len(p)
	s.text = append(s.text, p...)
}

// fields makes strings of the spans. Values that are not UTF-8 are read in the
// charset the mail declares for its body, which is what such senders mean.
func (s *headerScan) fields(b *budget) Header {
	if len(s.spans) == 0 {
		return nil
	}
	h := make(Header, len(s.spans))
	text := string(s.text)
	odd := !utf8.ValidString(text) || nextControl(s.text) < len(s.text)
	for i, f := range s.spans {
		h[i] = Field{Name: text[f.name:f.colon], Value: text[f.colon:f.end]}
	}
	if !odd {
		return h
	}
	_, ps := parseParams(h.Get("Content-Type"))
	charset := ps.token("charset")
	for i := range h {
		h[i].Value = rawHeaderText(h[i].Value, charset, b)
	}
	return h
}

// rawHeaderText makes UTF-8 of a value that holds 8-bit or ISO-2022 bytes. What
// control characters are left become U+FFFD and are not dropped: an address
// that held one must not look sound.
func rawHeaderText(v, charset string, b *budget) string {
	if strings.Contains(v, "\r") {
		// A lone CR is no line end: were it one, a value could forge a field.
		b.warn("header-lone-cr")
		v = strings.ReplaceAll(v, "\r", " ")
	}
	if !utf8.ValidString(v) || strings.Contains(v, "\x1b") {
		b.warn("header-8bit")
		v = toUTF8([]byte(v), charset, b)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' {
			b.warn("header-control")
			return utf8.RuneError
		}
		return r
	}, v)
}

// cutLine returns the line at pos without its end, and where the next begins.
// CR CR LF counts as one end: some gateways write it.
func cutLine(raw []byte, pos int) (line []byte, next int) {
	i := bytes.IndexByte(raw[pos:], '\n')
	if i < 0 {
		return bytes.TrimRight(raw[pos:], "\r"), len(raw)
	}
	return bytes.TrimRight(raw[pos:pos+i], "\r"), pos + i + 1
}

// fieldColon returns where the colon of "Name:" or "Name :" stands, 0 if line is no field.
func fieldColon(line []byte) int {
	for i, c := range line {
		switch {
		case c == ':':
			return i
		case c > ' ' && c < 0x7f:
		case (c == ' ' || c == '\t') && i > 0:
			rest := bytes.TrimLeft(line[i:], " \t")
			if len(rest) > 0 && rest[0] == ':' {
				return len(line) - len(rest)
			}
			return 0
		default:
			return 0
		}
		if i > 100 {
			return 0
		}
	}
	return 0
}

// goesOn: after a line of blanks the header continues with a field, or with a
// folded line and then one.
func goesOn(raw []byte, pos int) bool {
	if pos < len(raw) && (raw[pos] == ' ' || raw[pos] == '\t') {
		return fieldFollows(raw, pos, 5)
	}
	return fieldFollows(raw, pos, 1)
}

// fieldFollows reports whether, before the next empty line and within n lines,
// a line stands that is surely a header field.
func fieldFollows(raw []byte, pos, n int) bool {
	for ; n > 0 && pos < len(raw); n-- {
		line, next := cutLine(raw, pos)
		if len(line) == 0 {
			return false
		}
		if colon := fieldColon(line); colon > 0 && knownField(line[:colon]) {
			return true
		}
		pos = next
	}
	return false
}

// knownField tells a field name from a word with a colon in running text.
func knownField(name []byte) bool {
	name = bytes.TrimRight(name, " \t")
	if bytes.IndexByte(name, '-') > 0 {
		return true // Message-ID, Content-Type, X-Anything
	}
	switch strings.ToLower(string(name)) {
	case "from", "to", "cc", "bcc", "subject", "date", "sender", "received", "references", "precedence", "importance", "priority", "organization", "comments", "keywords":
		return true
	}
	return false
}

// mboxLine recognises what mbox files, also quoted ones, put before a mail.
func mboxLine(line []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From "))
}

// headerEnd returns where the body begins, for a header that is not read to its end.
func headerEnd(raw []byte, pos int) int {
	for pos < len(raw) {
		line, next := cutLine(raw, pos)
		if pos = next; len(line) == 0 {
			break
		}
	}
	return pos
}

// headerGuess is about the size of the header of raw.
func headerGuess(raw []byte) int {
	if i := bytes.Index(raw[:min(len(raw), 64<<10)], []byte("\n\r\n")); i >= 0 {
		return i
	}
	return min(len(raw), 4<<10)
}
