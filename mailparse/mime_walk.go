package mailparse

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// walker goes through the parts of one mail and sorts them into body text,
// attachments and attached mails.
type walker struct {
	b *budget
	m *message

	named   *part // the first text that has a file name: the body, if nothing else is
	namedAt int   // among the attachments
}

// section is a stretch of the body, in the forms the sender gave.
type section struct{ plain, html string }

func (s section) empty() bool { return s.plain == "" && s.html == "" }

// place says what a part's parent makes of it.
type place int

const (
	inMixed       place = iota
	inAlternative       // one of several forms of the same
	inRelated           // what the root refers to: never body text
)

// walk returns the body sections under p, and files everything else.
func (w *walker) walk(p *part, depth int, in place) []section {
	if !w.b.part() {
		return nil
	}
	switch {
	case p.isMultipart() && depth >= w.b.Depth:
		w.b.warn("limit-depth")
		w.attach(p, in)
		return nil
	case p.isMultipart():
		return w.multipart(p, depth)
	case p.isMail():
		w.mail(p, in)
		return nil
	}
	return w.leaf(p, in)
}

func (w *walker) multipart(p *part, depth int) []section {
	kids := w.split(p)
	if kids == nil {
		// Nothing divides it: what stands there is still somebody's words.
		w.b.warn("mime-boundary")
		p.ctype, p.cparams, p.path = "text/plain", nil, subPath(p.path, 1)
		return w.leaf(p, inMixed)
	}
	switch p.ctype {
	case "multipart/alternative":
		return w.alternative(kids, depth)
	case "multipart/related":
		return w.related(p, kids, depth)
	case "multipart/encrypted":
		w.b.warn("encrypted")
	case "multipart/signed":
		w.b.warn("signed")
	case "multipart/digest":
		for _, k := range kids {
			if k.untyped {
				k.ctype = "message/rfc822" // RFC 2046 §5.1.5
			}
		}
	}
	var all []section
	for _, k := range kids {
		all = append(all, w.walk(k, depth+1, inMixed)...)
	}
	return all
}

// alternative takes the first plain form and the last HTML form (RFC 2046
// §5.1.4: best last), whatever else stands between.
func (w *walker) alternative(kids []*part, depth int) []section {
	var best section
	for _, k := range kids {
		s := joinSections(w.walk(k, depth+1, inAlternative))
		if best.plain == "" {
			best.plain = s.plain
		}
		if s.html != "" {
			best.html = s.html
		}
	}
	if best.empty() {
		return nil
	}
	return []section{best}
}

// related takes the root as body and the rest as its pictures (RFC 2387).
func (w *walker) related(p *part, kids []*part, depth int) []section {
	root := kids[0]
	start, _ := p.cparams.raw("start")
	start = strings.Trim(start, "<> ")
	for _, k := range kids {
		if start != "" && k.id == start {
			root = k
			break
		}
		if !root.isText() && !root.isMultipart() && (k.isText() || k.isMultipart()) {
			root = k
		}
	}
	var body []section
	for _, k := range kids {
		if k == root {
			body = append(body, w.walk(k, depth+1, inMixed)...)
		} else {
			body = append(body, w.walk(k, depth+1, inRelated)...)
		}
	}
	return body
}

// leaf returns the text of a body part, or files an attachment.
func (w *walker) leaf(p *part, in place) []section {
	switch {
	case !p.isText() || in == inRelated || p.disposition == "attachment" || p.name != "":
		if !w.wrapper(p) {
			w.attach(p, in)
		}
		return nil
	case p.ctype == "text/html":
		return []section{{html: w.text(p)}}
	case bodyText(p.ctype):
		return w.plainLeaf(p)
	case in == inAlternative && p.ctype != "text/calendar":
		return nil // text/x-amp-html, text/watch-html: another form of what we read
	}
	w.attach(p, in)
	return nil
}

// bodyText: types shown as text. Anything that is data by nature is not.
func bodyText(ctype string) bool {
	switch ctype {
	case "text/plain", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown", "text/x-plain", "text/text", "text/unknown":
		return true
	}
	return false
}

func (w *walker) plainLeaf(p *part) []section {
	s := w.text(p)
	switch {
	case p.ctype == "text/enriched" || p.ctype == "text/richtext":
		s = stripEnriched(s)
	case looksLikeHTML(s):
		return []section{{html: s}}
	case strings.EqualFold(p.cparams.token("format"), "flowed"):
		s = unflow(s, p.cparams.token("delsp") == "yes")
	}
	return []section{{plain: unarmour(w.uuencoded(s, p.path), w.b)}}
}

// looksLikeHTML: a whole document sent under the name of text/plain.
func looksLikeHTML(s string) bool {
	s = strings.TrimLeft(s, " \t\n\uFEFF")
	return hasPrefixFold(s, "<!doctype html") || hasPrefixFold(s, "<html")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// mail reads an attached mail and lists it, too: whoever does not unwrap it carries it whole.
func (w *walker) mail(p *part, in place) {
	w.attach(p, in)
	if w.b.Attached <= 0 {
		w.b.warn("limit-attached")
		return
	}
	raw := p.body
	if p.encoding == "base64" || p.encoding == "quoted-printable" { // forbidden by RFC 2046 §5.2.1, done by many
		raw = w.decode(p, len(p.body))
	}
	raw = skipBlankLines(usableLines(bytes.TrimPrefix(raw, []byte("\uFEFF"))))
	if !fieldFollows(raw, 0, 5) {
		return // named .eml, and is none
	}
	w.b.Attached--
	w.m.attached = append(w.m.attached, readAttached(raw, p.path, w.b))
	w.b.Attached++
}

// finish makes the body of the sections, and looks for one among the
// attachments if there is none: a mail whose only text part has a file name.
func (w *walker) finish(all []section) {
	if joined := joinSections(all); !joined.empty() {
		w.m.plain, w.m.html = joined.plain, joined.html
		w.markInline()
		return
	}
	if w.named != nil {
		w.promote()
		return
	}
	w.m.plain, w.m.html = w.m.tnefText, w.m.tnefHTML
}

func (w *walker) promote() {
	i := w.namedAt
	w.m.attachments = slices.Delete(w.m.attachments, i, i+1)
	w.m.contents = slices.Delete(w.m.contents, i, i+1)
	w.named.name = ""
	body := joinSections(w.leaf(w.named, inMixed))
	w.m.plain, w.m.html = body.plain, body.html
}

// markInline: what the HTML shows in its place is inline whatever its disposition says.
func (w *walker) markInline() {
	for i := range w.m.attachments {
		a := &w.m.attachments[i]
		if !a.Inline && a.ContentID != "" && strings.Contains(w.m.html, "cid:"+a.ContentID) {
			a.Inline = true
		}
	}
}

// joinSections makes one body of the sections of a mixed mail: a text, a
// picture, more text; a footer that list software appended.
func joinSections(all []section) section {
	n, plains, htmls := 0, 0, 0
	for _, s := range all {
		if s.empty() {
			continue
		}
		all[n] = s
		n++
		if s.plain != "" {
			plains++
		}
		if s.html != "" {
			htmls++
		}
	}
	all = all[:n]
	switch {
	case n == 0:
		return section{}
	case n == 1:
		return all[0]
	case n == 2 && plains == 1 && htmls == 1 && sameWords(all[0].plain+all[1].plain, all[0].html+all[1].html):
		// multipart/mixed where multipart/alternative was meant
		return section{plain: all[0].plain + all[1].plain, html: all[0].html + all[1].html}
	}
	var joined section
	if plains == n {
		parts := make([]string, n)
		for i, s := range all {
			parts[i] = strings.Trim(s.plain, "\n")
		}
		joined.plain = strings.Join(parts, "\n\n")
	}
	if htmls > 0 {
		var sb strings.Builder
		for _, s := range all {
			if s.html == "" {
				sb.WriteString("<pre>" + escapeHTML(s.plain) + "</pre>\n")
				continue
			}
			sb.WriteString(s.html)
			sb.WriteByte('\n')
		}
		joined.html = sb.String()
	}
	return joined
}

// sameWords: nearly all of the first words of a text stand in the HTML.
func sameWords(plain, html string) bool {
	words, found := 0, 0
	for w := range strings.FieldsSeq(plain) {
		if words++; words > 40 {
			break
		}
		if strings.Contains(html, w) {
			found++
		}
	}
	return found*10 >= words*7
}

func escapeHTML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func itoa(n int) string { return strconv.Itoa(n) }
