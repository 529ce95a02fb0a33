package mailparse

import (
	"strconv"
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
