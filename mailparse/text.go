package mailparse

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// text renders the span for a person: blocks and rows are lines, cells are
// divided by a tab, lists have "- ", quotes "> ", links "text <url>" where the
// text is not the url. Hidden text, pixels and zero-width characters are left
// out. skip names elements to leave out too.
func (s span) text(skip ...span) string {
	r := renderer{skip: skip}
	r.render(s)
	return string(r.out)
}

// rendered is a text with, for each line, the node its first character is from.
// Zero-width characters are still in it: an address is judged with them.
type rendered struct {
	text  string
	lines []int32
}

func (s span) rendered() rendered {
	r := renderer{marks: []int32{}, raw: true}
	r.render(s)
	return rendered{string(r.out), r.marks}
}

const (
	// Deeper levels are written like the last one: the output must stay linear
	// in the input.
	maxQuoteDepth = 24
	maxListDepth  = 8
)

// renderer writes text as a stream. Line ends are owed, not written, until
// there is something to put on the next line.
type renderer struct {
	skip  []span
	out   []byte
	marks []int32 // per line its node; nil: not asked for
	raw   bool    // zero-width characters are kept, to be judged

	owed   int    // line ends before the next character: 2 is a blank line, and the most
	space  []byte // blanks before the next character
	blank  bool   // the line consists of no-break blanks so far
	begun  bool   // something was written
	quote  int    // depth now
	quoted int    // depth of the last line written
	lists  []list
	bullet string // to be written at the start of the next line
	cell   bool   // a cell began; its first block does not begin a line
	lineNo int
	links  []link
	open   []openElement
}

type list struct {
	ordered bool
	next    int
}

type link struct {
	node   int32
	from   int // where its text begins in out
	lineNo int
}

type openElement struct {
	node int32
	end  int32
	line int // lineNo of its first line
}

func (r *renderer) render(s span) {
	if s.empty() {
		return
	}
	r.out = make([]byte, 0, 1024)
	nodes := s.doc.nodes
	for i := s.from; i < s.to; {
		r.closeUpTo(s.doc, i)
		if end, skipped := r.skipped(i); skipped {
			i = end
			continue
		}
		n := &nodes[i]
		switch {
		case n.flags&nodeHidden != 0:
			i = n.end
			continue
		case n.tag == "":
			if !n.unseen() {
				r.write(i, n.text, n.flags&nodePre != 0)
			}
		default:
			r.start(s.doc, i)
		}
		i++
	}
	r.closeUpTo(s.doc, s.to)
	for len(r.open) > 0 { // the span may end inside elements
		r.pop(s.doc)
	}
}

func (r *renderer) skipped(i int32) (int32, bool) {
	for _, s := range r.skip {
		if s.from <= i && i < s.to {
			return s.to, true
		}
	}
	return 0, false
}

func (r *renderer) closeUpTo(doc *outline, i int32) {
	for len(r.open) > 0 && r.open[len(r.open)-1].end <= i {
		r.pop(doc)
	}
	for len(r.links) > 0 && doc.nodes[r.links[len(r.links)-1].node].end <= i {
		r.endLink(doc)
	}
}

// start begins element i.
func (r *renderer) start(doc *outline, i int32) {
	n := &doc.nodes[i]
	kind := n.kind
	switch n.tag {
	case "br":
		r.br()
		return
	case "hr":
		r.block(2)
		return
	case "img":
		if alt := imageText(n); alt != "" {
			r.write(i, alt, false)
		}
		return
	case "a":
		if n.attr("href") != "" && n.end > i+1 {
			r.links = append(r.links, link{i, -1, 0})
		}
		return
	case "td", "th":
		r.startCell()
	case "blockquote":
		r.block(2)
		r.quote++
	case "ul", "ol", "menu", "dir":
		r.block(listGap(len(r.lists)))
		start, err := strconv.Atoi(n.attr("start"))
		if err != nil || start < 0 || start > 9999 {
			start = 1
		}
		r.lists = append(r.lists, list{n.tag == "ol", start})
	case "li":
		r.block(1)
		r.startItem()
	default:
		if kind&block == 0 && n.flags&nodeBlock == 0 {
			return
		}
		r.block(gap(n, kind))
	}
	if kind&void == 0 {
		r.open = append(r.open, openElement{i, n.end, r.lineNo + min(r.owed, 1)})
	}
}

// pop ends the innermost element that matters.
func (r *renderer) pop(doc *outline) {
	e := r.open[len(r.open)-1]
	r.open = r.open[:len(r.open)-1]
	n := &doc.nodes[e.node]
	switch n.tag {
	case "td", "th":
		r.cell = false
		if r.owed > 0 && r.lineNo == e.line {
			r.cell = true // a paragraph in a cell of one line: the next cell may stand beside it
		}
	case "blockquote":
		r.block(2)
		r.quote--
	case "ul", "ol", "menu", "dir":
		r.lists = r.lists[:len(r.lists)-1]
		r.block(listGap(len(r.lists)))
	case "li":
		r.block(1)
		r.bullet = ""
	default:
		r.cell = false
		r.block(gap(n, n.kind))
	}
}

// gap says how many line ends stand before and after a block.
func gap(n *node, kind tagKind) int {
	if kind&para == 0 || n.flags&nodeTight != 0 {
		return 1
	}
	if n.tag == "p" && (n.hasClass("MsoNormal") || n.hasClass("MsoPlainText") || n.hasClass("MsoListParagraph")) {
		return 1 // Word's paragraphs are lines; its blank lines are paragraphs
	}
	return 2
}

func listGap(depth int) int {
	if depth == 0 {
		return 2
	}
	return 1
}

// block begins a new line unless one has begun, with lines-1 blank lines.
func (r *renderer) block(lines int) {
	if r.blank { // a paragraph of &nbsp; is a blank line
		r.blank = false
		r.br()
	}
	if !r.begun || r.cell {
		return
	}
	r.owed = max(r.owed, lines)
	r.space = r.space[:0]
}

func (r *renderer) br() {
	r.blank = false
	r.cell = false
	if r.begun {
		r.owed = min(r.owed+1, 2)
	}
	r.space = r.space[:0]
}

// startCell divides a cell from the one before it in the line.
func (r *renderer) startCell() {
	if r.cell {
		r.owed = 0
	}
	if r.begun && r.owed == 0 {
		r.space = append(r.space[:0], '\t')
		r.cell = true
	}
}

func (r *renderer) startItem() {
	r.bullet = "- "
	if k := len(r.lists) - 1; k >= 0 && r.lists[k].ordered {
		r.bullet = strconv.Itoa(r.lists[k].next) + ". "
		r.lists[k].next++
	}
}

// write writes text: white space collapses unless pre, no-break blanks do not.
func (r *renderer) write(node int32, s string, pre bool) {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '\n' && pre:
				r.br()
			case c == '\r' && pre:
			case c == ' ' && pre || c == '\t' && pre:
				r.space = append(r.space, c)
			case htmlSpace(c):
				if r.begun && r.owed == 0 && len(r.space) == 0 {
					r.space = append(r.space, ' ')
				}
			case c < ' ' || c == 0x7f: // control characters are not text
			default:
				r.flush(node)
				k := i
				for k < len(s) && s[k] < 0x7f && (s[k] > ' ' || s[k] == ' ' && k+1 < len(s) && s[k+1] > ' ' && s[k+1] < 0x7f) {
					k++
				}
				r.out = append(r.out, s[i-1:k]...)
				i = k
			}
			continue
		}
		c2, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case c2 == 0xa0 || c2 == 0x202f || c2 == 0x2007:
			r.space = append(r.space, ' ')
			r.blank = !r.begun || r.owed > 0
		case c2 == 0x2028 || c2 == 0x2029 || c2 == 0x85:
			r.br()
		case zeroWidth(c2) && !r.raw && !(len(r.space) == 0 && r.owed == 0 && joins(c2, r.out, s[i:])):
		default:
			r.flush(node)
			r.out = utf8.AppendRune(r.out, c2)
		}
	}
}

// flush writes what is owed before the next character.
func (r *renderer) flush(node int32) {
	if r.owed > 0 || !r.begun {
		r.newLine(node)
	}
	r.out = append(r.out, r.space...)
	r.space = r.space[:0]
	r.blank, r.cell = false, false
	if k := len(r.links) - 1; k >= 0 && r.links[k].from < 0 {
		r.links[k].from = len(r.out)
	}
}

func (r *renderer) newLine(node int32) {
	for k := r.owed; k > 0; k-- {
		r.out = append(r.out, '\n')
		if k > 1 {
			r.prefix(min(r.quote, r.quoted))
			r.trimLine()
			r.mark(node)
		}
	}
	if r.owed > 0 {
		r.lineNo++
	}
	r.owed, r.begun, r.quoted = 0, true, r.quote
	r.mark(node)
	r.prefix(r.quote)
	indent := 2 * min(len(r.lists), maxListDepth)
	if r.bullet != "" {
		indent -= 2
	}
	for ; indent > 0; indent-- {
		r.out = append(r.out, ' ')
	}
	r.out = append(r.out, r.bullet...)
	r.bullet = ""
}

func (r *renderer) mark(node int32) {
	if r.marks != nil {
		r.marks = append(r.marks, node)
	}
}

func (r *renderer) prefix(depth int) {
	for range min(depth, maxQuoteDepth) {
		r.out = append(r.out, "> "...)
	}
}

// trimLine takes the blank off the end of a quoted blank line.
func (r *renderer) trimLine() {
	if k := len(r.out); k > 0 && r.out[k-1] == ' ' {
		r.out = r.out[:k-1]
	}
}

// joins: U+200C and U+200D are letters' glue in emoji and in Indic and Persian
// words, and padding elsewhere.
func joins(c rune, before []byte, rest string) bool {
	if c != 0x200c && c != 0x200d {
		return false
	}
	prev, _ := utf8.DecodeLastRune(before)
	next, _ := utf8.DecodeRuneInString(rest)
	return prev > 0x5ff && next > 0x5ff && !zeroWidth(prev) && !zeroWidth(next)
}

// dropZeroWidth does to a text what rendering does to HTML.
func dropZeroWidth(s string) string {
	if !strings.ContainsFunc(s, zeroWidth) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i, c := range s {
		if zeroWidth(c) && !joins(c, out, s[i+utf8.RuneLen(c):]) {
			continue
		}
		out = utf8.AppendRune(out, c)
	}
	return string(out)
}

// zeroWidth: characters that take no room and carry no meaning for a reader.
func zeroWidth(c rune) bool {
	switch {
	case c < 0xad:
		return false
	case c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || c == 0xfeff || c == 0x115f || c == 0x1160 || c == 0x3164:
		return true
	case 0x200b <= c && c <= 0x200f, 0x202a <= c && c <= 0x202e, 0x2060 <= c && c <= 0x206f:
		return true
	}
	return 0xe0000 <= c && c <= 0xe007f
}

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
		a, _, _ = strings.Cut(percentDecode(a), "?")
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

func startsFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func endsFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

func cutFold(s, prefix string) (string, bool) {
	if startsFold(s, prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

func holdsFold(s, sub string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(sub))
}
