package mailparse

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// What stands in a text for a link or an image.

// endLink writes a link's target behind its text.
func (r *renderer) endLink(doc *outline) {
	l := r.links[len(r.links)-1]
	r.links = r.links[:len(r.links)-1]
	if l.from < 0 || l.from >= len(r.out) {
		return
	}
	const longest = 2000 // a link around whole paragraphs says something else than its URL
	if url := linkToShow(string(r.out[l.from:min(len(r.out), l.from+longest)]), doc.nodes[l.node].attr("href")); url != "" {
		r.out = append(r.out, " <"...)
		r.out = append(r.out, url...)
		r.out = append(r.out, '>')
	}
}

// linkToShow returns what is to stand behind the link's text; "" where the text says it.
func linkToShow(text, href string) string {
	href = cleanURL(decodeLink(strings.TrimSpace(href)))
	text = strings.TrimSpace(text)
	if a, ok := cutFold(href, "mailto:"); ok {
		if d := percentDecode(a); utf8.ValidString(d) {
			a = d
		}
		a, _, _ = strings.Cut(a, "?")
		if !strings.Contains(a, "@") || strings.EqualFold(text, a) || holdsFold(text, a) {
			return ""
		}
		return a
	}
	if !startsFold(href, "http://") && !startsFold(href, "https://") && !startsFold(href, "tel:") && !startsFold(href, "ftp://") {
		return ""
	}
	if sameURL(text, href) {
		return ""
	}
	return href
}

// cleanURL keeps what would break a line or the brackets out of a URL.
func cleanURL(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		clean = clean && s[i] > ' ' && s[i] < 0x7f && s[i] != '<' && s[i] != '>'
	}
	if clean {
		return s
	}
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' || zeroWidth(c) || c == utf8.RuneError {
			return -1
		}
		return c
	}, s)
}

// sameURL compares what is shown with what is linked, the way people read it.
func sameURL(text, url string) bool {
	bare := func(s string) string {
		if _, rest, ok := strings.Cut(s, "://"); ok {
			s = rest
		} else if rest, ok := cutFold(s, "tel:"); ok {
			s = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(rest)
		}
		s, _ = cutFold(s, "www.")
		return strings.TrimRight(s, "/")
	}
	t, u := bare(text), bare(url)
	if strings.EqualFold(t, u) || startsFold(url, "tel:") {
		return true
	}
	short, cut := strings.CutSuffix(t, "…")
	if !cut {
		short, cut = strings.CutSuffix(t, "...")
	}
	return cut && len(short) > 8 && startsFold(u, short)
}

// imageText returns the words to show for an image, "" for most.
func imageText(n *node) string {
	alt := strings.TrimSpace(n.attr("alt"))
	if alt == "" || n.flags&nodeHidden != 0 || len(alt) > 300 {
		return ""
	}
	if !strings.ContainsFunc(alt, func(c rune) bool { return c < 0x2190 }) {
		return alt // an emoji
	}
	if imageBlocked(alt) || looksLikeFile(alt) || smallImage(n, 25) {
		return ""
	}
	return "[" + alt + "]"
}

// looksLikeFile: "image001.png" says nothing to a reader.
func looksLikeFile(alt string) bool {
	for _, ext := range [...]string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".svg", ".webp"} {
		if endsFold(alt, ext) && !strings.ContainsAny(alt, " ") {
			return true
		}
	}
	return false
}

// smallImage: icons, avatars and spacers of at most px in one direction.
func smallImage(n *node, px int) bool {
	for _, side := range [...]string{"width", "height"} {
		if v, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(n.attr(side)), "px")); err == nil && v <= px {
			return true
		}
	}
	return false
}
