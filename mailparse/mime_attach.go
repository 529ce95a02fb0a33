package mailparse

import (
	"io"
	"strings"
)

// attach files a leaf as an attachment: listed and measured, not held.
func (w *walker) attach(p *part, in place) {
	a := Attachment{
		Filename:    p.name,
		ContentType: p.ctype,
		ContentID:   p.id,
		Path:        p.path,
		Inline:      p.disposition == "inline" || p.disposition == "" && (p.id != "" && in == inRelated || p.isText()),
	}
	if w.named == nil && a.Inline && (p.ctype == "text/plain" || p.ctype == "text/html") {
		w.named, w.namedAt = p, len(w.m.attachments)
	}
	w.add(a, content{p.body, p.encoding, p.cparams})
}

func (w *walker) add(a Attachment, c content) {
	r := openTransfer(c.body, c.encoding, w.b)
	a.Size = measure(r)
	if r.damaged() {
		w.b.warn("transfer-damage")
	}
	w.m.attachments = append(w.m.attachments, a)
	w.m.contents = append(w.m.contents, c)
}

// measure counts what a decoder yields.
func measure(r transferReader) (n int64) {
	if id, ok := r.(*identityReader); ok {
		return int64(len(id.rest))
	}
	var buf [8 << 10]byte
	for {
		k, err := r.Read(buf[:])
		n += int64(k)
		if err != nil {
			return n
		}
	}
}

// EachAttachment streams the decoded attachments of a raw mail, those of
// attached mails after the mail that holds them. Path tells which is which:
// it is that of Mail.Attachments. It stops at fn's first error and returns it.
func EachAttachment(raw []byte, fn func(a Attachment, r io.Reader) error) error {
	b := newBudget(DefaultLimits)
	return readMessage(raw, b).eachAttachment(b, fn)
}

func (m *message) eachAttachment(b *budget, fn func(a Attachment, r io.Reader) error) error {
	attached := m.attached
	for i, a := range m.attachments {
		c := m.contents[i]
		if err := fn(a, openTransfer(c.body, c.encoding, b)); err != nil {
			return err
		}
		if len(attached) > 0 && attached[0].at == a.Path {
			if err := attached[0].eachAttachment(b, fn); err != nil {
				return err
			}
			attached = attached[1:]
		}
	}
	return nil
}

// wrapper notes what a part that wraps the mail itself means, and files TNEF.
// It reports whether it has filed the part.
func (w *walker) wrapper(p *part) bool {
	switch p.ctype {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		if kind := p.cparams.token("smime-type"); strings.HasPrefix(kind, "signed") || kind == "certs-only" {
			w.b.warn("signed")
		} else {
			w.b.warn("encrypted")
		}
	case "application/pgp-encrypted":
		w.b.warn("encrypted")
	case "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature":
		w.b.warn("signed")
	case "message/partial":
		w.b.warn("partial")
	case "message/external-body":
		w.b.warn("external-body")
	case "application/ms-tnef", "application/vnd.ms-tnef":
		w.tnef(p)
		return true
	case "application/octet-stream", "application/x-unknown":
		if strings.EqualFold(p.name, "winmail.dat") {
			w.tnef(p)
			return true
		}
	}
	return false
}

// uuencoded takes files out of a text that were put there by the oldest way of all.
func (w *walker) uuencoded(s, path string) string {
	if !strings.HasPrefix(s, "begin ") && !strings.Contains(s, "\nbegin ") {
		return s
	}
	var kept strings.Builder
	rest := []byte(s)
	for n := 1; ; n++ {
		before, name, data, after, ok := cutUU(rest)
		if !ok || !w.b.part() {
			break
		}
		kept.Write(before)
		w.add(Attachment{
			Filename:    oneLine(name),
			ContentType: "application/octet-stream",
			Path:        path + "/" + itoa(n),
		}, content{data, "uu-data", nil})
		rest = after
	}
	kept.Write(rest)
	return kept.String()
}
