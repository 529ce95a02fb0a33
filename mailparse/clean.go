package mailparse

import (
	"path"
	"strconv"
	"strings"
)

// turnText is what a message body says: its text without what the product put
// there, and where its images are.
func (r *reader) turnText(body span) string {
	var skip []span
	for _, s := range r.p.strip.at {
		for _, e := range body.find(s) {
			if e.from != body.from {
				skip = append(skip, e)
			}
		}
	}
	text := r.cleanText(body.text(skip...))
	for i := body.from; i < body.to; i++ {
		n := &r.m.doc.nodes[i]
		if n.tag != "img" || n.flags&nodeHidden != 0 || r.dropImage(n) != "" {
			continue
		}
		if src := decodeLink(n.attr("src")); isHTTP(src) && !strings.Contains(text, src) {
			text = strings.TrimLeft(text+"\n[image: "+src+"]", "\n")
		}
	}
	return text
}

func isHTTP(u string) bool {
	return strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://")
}

func (r *reader) cleanLines(lines []string) string { return r.cleanText(strings.Join(lines, "\n")) }

// cleanText drops the product's own lines and markup, image stand-ins, blanks at
// line ends and more than one empty line. Cleaning twice changes nothing.
func (r *reader) cleanText(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	empty := 0
	s = decodeLinks(s) // a link that is shown as text: its data= is the agent's address
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimRightFunc(r.withoutMarkup(line), isTrailing)
		if line == "" {
			empty++
			continue
		}
		if r.productLine(line) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
			if empty > 0 {
				b.WriteByte('\n')
			}
		}
		empty = 0
		b.WriteString(line)
	}
	return b.String()
}

// withoutMarkup puts a blank where the product's markup stood: were it nothing,
// what is left could make the same markup again.
func (r *reader) withoutMarkup(line string) string {
	had := false
	for _, t := range r.p.strip.texts {
		if strings.Contains(line, t) {
			line, had = strings.ReplaceAll(line, t, " "), true
		}
	}
	if had {
		line = strings.Join(strings.Fields(line), " ")
	}
	return line
}

func isTrailing(c rune) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\u00a0' || c == '\u200b' || c == '\ufeff'
}

// productLine: nobody said this line.
func (r *reader) productLine(line string) bool {
	if len(line) > maxLine {
		return false
	}
	for _, p := range r.p.strip.lines {
		if r.m.fits(p, line) {
			return true
		}
	}
	// A renderer's stand-in for an image. In HTML an image is no text.
	return !r.m.structured && line[0] == '[' && bareLine(line) == "" && !strings.Contains(line, "://")
}

// dropImage says why an image is none of the customer's; "" where it may be.
func (r *reader) dropImage(n *node) string {
	s := &r.p.strip
	src := n.attr("src")
	switch {
	case imageBlocked(n.attr("alt")):
		return "stand-in for an image that Outlook did not load"
	case hasAltPrefix(n.attr("alt"), s.alts):
		return "image of the product"
	case s.maxPx > 0 && smallImage(n, s.maxPx):
		return "icon or tracking pixel, at most " + strconv.Itoa(s.maxPx) + " px"
	}
	if src = decodeLink(src); len(src) <= maxLink {
		for _, p := range s.urls {
			if r.m.fits(p, src) {
				return "image of the product (" + p.String() + ")"
			}
		}
	}
	return ""
}

func hasAltPrefix(alt string, prefixes []string) bool {
	for _, p := range prefixes {
		if startsFold(strings.TrimSpace(alt), p) {
			return true
		}
	}
	return false
}

// skipAttachments marks the files that are none of the customer's: they lie in
// the mail because a client embedded the product's logos and pixels, or because
// the forwarder has a signature.
func (r *reader) skipAttachments() {
	if len(r.m.attachments) == 0 {
		return
	}
	uses := r.imageUses()
	for i := range r.m.attachments {
		a := &r.m.attachments[i]
		if a.Skip == "" {
			a.Skip = r.skipReason(a, uses)
		}
		if a.Skip != "" {
			r.note("not carried: %s: %s", printable(firstText(a.Filename, a.ContentID, a.Path)), a.Skip)
		}
	}
}

// imageUses maps a Content-ID to why the image shown there is not carried; ""
// where one of its uses is the customer's.
func (r *reader) imageUses() map[string]string {
	if r.m.doc == nil {
		return nil
	}
	uses := map[string]string{}
	for i := range r.m.doc.nodes {
		n := &r.m.doc.nodes[i]
		if n.tag != "img" {
			continue
		}
		id, ok := strings.CutPrefix(n.attr("src"), "cid:")
		if !ok {
			continue
		}
		why := r.dropImage(n)
		switch {
		case why != "":
		case int32(i) < r.m.body.from || int32(i) >= r.m.body.to:
			why = "shown in the forwarder's own text"
		case r.m.structured && r.p.html != nil && r.p.html.body.name != "" && !r.inBody(int32(i)):
			why = "part of the mail's layout, in no message"
		}
		if old, seen := uses[id]; !seen || old != "" {
			uses[id] = why
		}
	}
	return uses
}

func (r *reader) skipReason(a *Attachment, uses map[string]string) string {
	if a.ContentID != "" {
		if why, ok := uses[a.ContentID]; ok {
			return why
		}
	}
	name := strings.ToLower(path.Base(a.Filename))
	if strings.HasPrefix(name, "~wrd") && strings.HasSuffix(name, ".jpg") {
		return "stand-in for an image that Outlook did not load"
	}
	return ""
}

// chatText is the cleaned chat as the ticket shows it. Notes are internal and
// not in it.
func chatText(turns []Turn) string {
	n := 0
	for _, t := range turns {
		n += len(t.Text) + len(t.Author) + 48
	}
	var b strings.Builder
	b.Grow(n)
	for _, t := range turns {
		if t.Role == RoleNote {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(turnHead(t))
		b.WriteString("\n")
		b.WriteString(t.Text)
	}
	return b.String()
}

// turnHead is "Ada (customer), 11 Mar 2026 06:30 UTC+1:".
func turnHead(t Turn) string {
	s := string(t.Role)
	if t.Author != "" {
		s = t.Author + " (" + s + ")"
	}
	switch {
	case !t.At.IsZero():
		s += ", " + shownTime(t.At)
	case t.Written != "":
		s += ", " + head(t.Written, 60)
	}
	return s + ":"
}
