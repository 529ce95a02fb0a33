package mailparse

import "strings"

const (
	// maxNodes bounds an outline: 2 MB of "<b>" are 700,000 elements, of which
	// no reader would want to see the rest. The largest newsletters have 10,000.
	maxNodes = 250_000
	// maxSearch bounds how far up a tag looks for the element it closes.
	// Without it 50,000 open elements times 50,000 stray end tags are 2.5e9 steps.
	maxSearch = 256
)

// parseHTML builds the outline of src. It answers for any input.
func parseHTML(src string, b *budget) *outline {
	t := &builder{doc: &outline{nodes: make([]node, 0, min(strings.Count(src, "<")+8, maxNodes))}}
	scanHTML(src, t)
	for len(t.open) > 0 {
		t.pop()
	}
	if t.cut && b != nil {
		b.warn("limit-html")
	}
	return t.doc
}

// builder is the sink that makes an outline: a stack of open elements, and
// enough of the HTML standard's tree construction (§13.2.6) that what browsers
// show together stands together.
type builder struct {
	doc   *outline
	open  []int32
	attrs []htmlAttr // the block from which nodes get theirs
	style sheetRules
	cache styleCache
	cut   bool
}

func (t *builder) full() bool {
	t.cut = t.cut || len(t.doc.nodes) >= maxNodes
	return t.cut
}

func (t *builder) sheet(css string) { t.style.add(css) }

func (t *builder) text(s string) {
	if top := t.top(); top != nil && top.tag == "head" {
		if strings.TrimSpace(s) == "" {
			return
		}
		t.pop()
	}
	n := node{text: s, parent: t.parent()}
	if top := t.top(); top != nil {
		n.flags = top.flags & inherited
	}
	n.end = int32(len(t.doc.nodes)) + 1
	t.doc.nodes = append(t.doc.nodes, n)
}

func (t *builder) startTag(tag string, attrs []htmlAttr, selfClosing bool) {
	kind := kindOf(tag)
	if top := t.top(); top != nil && top.tag == "head" && kind&inHead == 0 {
		t.pop()
	}
	t.implyEnds(tag, kind)
	i := int32(len(t.doc.nodes))
	n := node{tag: tag, kind: kind, parent: t.parent(), end: i + 1, attrs: t.keep(attrs)}
	if top := t.top(); top != nil {
		n.flags = top.flags & inherited
	}
	n.flags = t.style.flags(&n, n.flags)
	if style := n.attr("style"); style != "" {
		n.flags = t.cache.flags(style, n.flags)
	}
	if kind&notShown != 0 {
		n.flags |= nodeHidden
	}
	t.doc.nodes = append(t.doc.nodes, n)
	if n.flags&nodeRuled != 0 {
		t.doc.ruled = append(t.doc.ruled, i)
	}
	for _, a := range n.attrs {
		switch a.name {
		case "id":
			t.doc.ids = append(t.doc.ids, i)
		case "class":
			t.doc.classed = append(t.doc.classed, i)
		}
	}
	// HTML knows no self-closing elements, but the XML that Office and SVG put
	// in it does: <o:p/>, <path/>.
	if kind&void == 0 && !isRaw(tag) && !(selfClosing && kind&known == 0) {
		t.open = append(t.open, i)
	}
}

// keep copies attributes into blocks: one allocation for many elements.
func (t *builder) keep(attrs []htmlAttr) []htmlAttr {
	if len(attrs) == 0 {
		return nil
	}
	if cap(t.attrs)-len(t.attrs) < len(attrs) {
		t.attrs = make([]htmlAttr, 0, max(256, len(attrs)))
	}
	from := len(t.attrs)
	t.attrs = append(t.attrs, attrs...)
	return t.attrs[from:len(t.attrs):len(t.attrs)]
}

// implyEnds closes what the start of tag closes without saying so.
func (t *builder) implyEnds(tag string, kind tagKind) {
	switch tag {
	case "li":
		t.closeNearest("li", "ul ol menu dir td th table")
	case "dt", "dd":
		t.closeNearest("dt dd", "dl td th table")
	case "option", "optgroup":
		t.closeNearest("option", "select")
	case "a":
		t.closeNearest("a", "td th table div p")
	case "td", "th":
		t.closeNearest("td th", "tr table")
		return
	case "tr":
		t.closeNearest("tr", "table")
		return
	case "tbody", "thead", "tfoot", "colgroup", "caption":
		t.closeNearest("tbody thead tfoot colgroup caption", "table")
		return
	}
	if kind&closesP != 0 {
		t.closeP()
	}
}

// closeNearest pops up to the nearest open element of names, unless one of
// the bounds comes first.
func (t *builder) closeNearest(names, bounds string) {
	for k, seen := len(t.open)-1, 0; k >= 0 && seen < maxSearch; k, seen = k-1, seen+1 {
		tag := t.doc.nodes[t.open[k]].tag
		if isWord(names, tag) {
			t.popTo(k)
			return
		}
		if isWord(bounds, tag) {
			return
		}
	}
}

// closeP closes an open p. Every block closes one, so only inline elements can
// stand above it.
func (t *builder) closeP() {
	for k, seen := len(t.open)-1, 0; k >= 0 && seen < maxSearch; k, seen = k-1, seen+1 {
		n := &t.doc.nodes[t.open[k]]
		if n.kind&para != 0 && n.tag == "p" {
			t.popTo(k)
			return
		}
		if n.kind&special != 0 {
			return
		}
	}
}

func (t *builder) endTag(tag string) {
	switch tag {
	case "br":
		t.startTag("br", nil, false) // </br> is a line break (§13.2.6.4.7)
		return
	case "body", "html": // text behind </body> is shown all the same
		return
	}
	kind := kindOf(tag)
	if kind&void != 0 {
		return
	}
	for k, seen := len(t.open)-1, 0; k >= 0 && seen < maxSearch; k, seen = k-1, seen+1 {
		n := &t.doc.nodes[t.open[k]]
		if n.tag == tag {
			t.popTo(k)
			return
		}
		if t.bounds(n, tag, kind) {
			if tag == "a" {
				t.endLink(k)
			}
			break
		}
	}
	if tag == "p" { // </p> without an open one is an empty paragraph (§13.2.6.4.7)
		t.startTag("p", nil, false)
		t.pop()
	}
}

// bounds: an end tag does not reach out of a cell, and the end of an inline
// element not out of a block: <div><b><p></b>x</p></div> must not close the div.
func (t *builder) bounds(open *node, tag string, kind tagKind) bool {
	switch {
	case kind&tablePart != 0:
		return open.tag == "table" && tag != "table"
	case kind&special != 0:
		return open.kind&cellBound != 0
	}
	return open.kind&special != 0
}

// endLink ends an <a> that has a block between itself and its end tag. The
// element stays open for the structure; only its content ends here.
func (t *builder) endLink(k int) {
	for seen := 0; k >= 0 && seen < maxSearch; k, seen = k-1, seen+1 {
		n := &t.doc.nodes[t.open[k]]
		if n.tag == "a" {
			n.end = int32(len(t.doc.nodes))
			n.flags |= nodeEnded
			return
		}
		if n.kind&cellBound != 0 {
			return
		}
	}
}

func (t *builder) top() *node {
	if len(t.open) == 0 {
		return nil
	}
	return &t.doc.nodes[t.open[len(t.open)-1]]
}

func (t *builder) parent() int32 {
	if len(t.open) == 0 {
		return -1
	}
	return t.open[len(t.open)-1]
}

func (t *builder) popTo(k int) {
	for len(t.open) > k {
		t.pop()
	}
}

// pop closes the innermost element.
func (t *builder) pop() {
	n := t.top()
	if n.flags&nodeEnded == 0 {
		n.end = int32(len(t.doc.nodes))
	}
	t.open = t.open[:len(t.open)-1]
}

// isWord: w is one of the words of list.
func isWord(list, w string) bool {
	for len(list) >= len(w) {
		k := strings.IndexByte(list, ' ')
		if k < 0 {
			return list == w
		}
		if list[:k] == w {
			return true
		}
		list = list[k+1:]
	}
	return false
}

// tagKind says how an element behaves, in tree construction and as text.
type tagKind uint16

const (
	void      tagKind = 1 << iota // has no content
	special                       // HTML's "special": inline end tags stop here
	closesP                       // its start ends an open paragraph
	block                         // begins and ends a line of text
	para                          // … and stands apart by a blank line
	tablePart                     // table, rows, cells
	cellBound                     // no end tag reaches out of it but a table's
	inHead                        // may stand in head
	notShown                      // its content is not text for a reader
	known                         // an element of HTML; inline ones have nothing else
)

func kindOf(tag string) tagKind {
	switch tag {
	case "b", "i", "u", "span", "font", "a", "strong", "em", "small", "code", "tt", "sup", "sub",
		"s", "strike", "del", "ins", "big", "abbr", "acronym", "cite", "q", "kbd", "samp", "var", "mark", "label", "nobr", "bdo", "time":
		return known
	case "div", "center", "address", "article", "aside", "section", "header", "footer", "main", "nav",
		"details", "summary", "figure", "figcaption", "fieldset", "form", "hgroup", "search", "dialog":
		return known | special | closesP | block
	case "p", "ul", "ol", "dl", "menu", "dir", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "listing":
		return known | special | closesP | block | para
	case "li", "dt", "dd":
		return known | special | closesP | block
	case "table":
		return known | special | closesP | block | tablePart | cellBound
	case "tr", "tbody", "thead", "tfoot":
		return known | special | block | tablePart
	case "td", "th":
		return known | special | tablePart | cellBound
	case "caption":
		return known | special | block | tablePart | cellBound
	case "hr":
		return known | void | special | closesP | block
	case "br":
		return known | void | special
	case "img", "input", "embed", "area", "wbr", "source", "track", "param", "col", "keygen", "bgsound", "frame":
		return known | void | special
	case "base", "link", "meta":
		return known | void | special | inHead
	case "html", "body", "frameset", "object", "marquee", "applet", "button", "select":
		return known | special
	case "head":
		return known | special | notShown | inHead
	case "script", "style", "title":
		return known | special | notShown | inHead
	case "textarea", "xmp", "iframe", "noembed", "noframes", "template", "svg", "math", "audio", "video", "canvas", "datalist":
		return known | special | notShown
	case "option", "optgroup":
		return known | block
	}
	return 0
}
