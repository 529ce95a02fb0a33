package mailparse

import (
	"bytes"
	"strings"
)

// message is one decoded mail, outer or attached.
type message struct {
	header      Header
	plain       string       // text/plain body: UTF-8, LF, flowed joined; "" none
	html        string       // text/html body source, UTF-8; "" none
	attachments []Attachment // leaves that are not the body, in order, paths set
	attached    []*message   // message/rfc822 parts and .eml files, decoded the same way, in order

	at       string    // path of the part that holds this mail; "" for the outer one
	report   bool      // multipart/report: attached mails are evidence, not forwards
	digest   bool      // multipart/digest
	contents []content // of attachments, same order
	doc      *outline  // of html, built on demand

	tnefText, tnefHTML string // from winmail.dat, for a mail without text
}

// content is where an attachment's bytes are: still in their transfer encoding.
type content struct {
	body     []byte
	encoding string
	params   params // of the Content-Type
}

// readMessage decodes a mail. It answers for any bytes.
//
// go-message is not used: it refuses a whole mail for one line without a colon,
// stops at the first bad base64 byte, and no pass before it can tame that in the
// parts. Parts here are slices of the raw mail; on the 22 KB Intercom mail that
// is a fifth of the time go-message's mail reader takes.
func readMessage(raw []byte, b *budget) *message {
	raw = usableLines(bytes.TrimPrefix(raw, []byte("\uFEFF")))
	return readAttached(skipBlankLines(raw), "", b)
}

func readAttached(raw []byte, at string, b *budget) *message {
	m := &message{at: at}
	header, body := readHeader(raw, b)
	m.header = header
	warnDuplicates(header, b)
	root := newPart(header, body, at, b)
	if !root.isMultipart() {
		root.path = subPath(at, 1)
	}
	w := walker{b: b, m: m}
	m.report = root.ctype == "multipart/report"
	m.digest = root.ctype == "multipart/digest"
	w.finish(w.walk(root, 0, inMixed))
	return m
}

// usableLines makes LF of CR where a mail has no other line end in its header.
func usableLines(raw []byte) []byte {
	cr := bytes.IndexByte(raw[:min(len(raw), 1000)], '\r')
	if cr <= 0 || cr+1 >= len(raw) || raw[cr+1] == '\n' || raw[cr+1] == '\r' {
		return raw
	}
	if bytes.IndexByte(raw[:cr], '\n') >= 0 || fieldColon(raw[:cr]) == 0 || fieldColon(raw[cr+1:min(len(raw), cr+100)]) == 0 {
		return raw
	}
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
}

// skipBlankLines drops empty lines before the header, if one follows.
func skipBlankLines(raw []byte) []byte {
	rest := bytes.TrimLeft(raw, "\r\n")
	if len(rest) < len(raw) && (fieldFollows(rest, 0, 3)) {
		return rest
	}
	return raw
}

// warnDuplicates notes fields that may stand once only: which of two is shown
// differs between programs, and forgers live on that.
func warnDuplicates(h Header, b *budget) {
	var seen [8]bool
	for _, f := range h {
		i := -1
		switch len(f.Name) { // most fields are not one of these: look at the length first
		case 4:
			i = oneOf(f.Name, "From", "Date")
		case 6:
			i = oneOf(f.Name, "", "", "Sender")
		case 7:
			i = oneOf(f.Name, "", "", "", "Subject")
		case 10:
			i = oneOf(f.Name, "", "", "", "", "Message-ID")
		case 12:
			i = oneOf(f.Name, "", "", "", "", "", "Content-Type")
		}
		if i < 0 {
			continue
		}
		if seen[i] {
			b.warn("header-duplicate")
		}
		seen[i] = true
	}
}

func oneOf(name string, names ...string) int {
	for i, n := range names {
		if n != "" && strings.EqualFold(n, name) {
			return i
		}
	}
	return -1
}

// part is one MIME entity, its body still in the raw mail.
type part struct {
	ctype, encoding, disposition string
	cparams, dparams             params
	id                           string // Content-ID
	name                         string // file name, decoded
	body                         []byte
	path                         string
	untyped                      bool // no Content-Type: the parent says what it is
}

func newPart(h Header, body []byte, path string, b *budget) *part {
	p := &part{body: body, path: path}
	p.ctype, p.cparams = parseParams(h.Get("Content-Type"))
	p.untyped = p.ctype == ""
	p.disposition, p.dparams = parseParams(h.Get("Content-Disposition"))
	p.encoding = transferName(h.Get("Content-Transfer-Encoding"))
	p.id = strings.Trim(strings.TrimSpace(h.Get("Content-ID")), "<>")
	p.name = p.dparams.text("filename", b)
	if p.name == "" {
		p.name = p.dparams.text("name", b)
	}
	if p.name == "" {
		p.name = p.cparams.text("name", b)
	}
	if p.name == "" {
		p.name = p.cparams.text("filename", b)
	}
	switch {
	case p.ctype == "" || p.ctype == "text":
		p.ctype = "text/plain"
	case p.ctype == "html":
		p.ctype = "text/html"
	case !strings.Contains(p.ctype, "/"):
		b.warn("content-type")
		p.ctype = "application/octet-stream" // RFC 2045 §5.2 would have text/plain; a name may stand in its place
		if p.name == "" {
			p.ctype = "text/plain"
		}
	}
	return p
}

func (p *part) isMultipart() bool { return strings.HasPrefix(p.ctype, "multipart/") }

func (p *part) isText() bool { return strings.HasPrefix(p.ctype, "text/") }

// isMail: an attached mail, by type or as an .eml file.
func (p *part) isMail() bool {
	if p.ctype == "message/rfc822" || p.ctype == "message/global" {
		return true
	}
	return len(p.name) > 4 && strings.EqualFold(p.name[len(p.name)-4:], ".eml")
}

func subPath(at string, n int) string {
	if at == "" {
		return itoa(n)
	}
	return at + "." + itoa(n)
}
