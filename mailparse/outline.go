package mailparse

import "strings"

// outline is an HTML document as a flat list of nodes in document order.
// Built in one pass, with no limit of depth: long reply chains nest deeper than
// the 512 open elements at which the x/net/html parser gives up.
type outline struct {
	nodes   []node
	ids     []int32 // elements that have an id
	classed []int32 // elements that have a class
	ruled   []int32 // elements with the line above them that Outlook draws over a header block
}

// node is an element or, where tag is "", a text. The descendants of node i
// are the nodes (i, end).
type node struct {
	tag    string // lower case
	text   string // entities resolved
	attrs  []htmlAttr
	parent int32 // -1 at the top
	end    int32
	flags  nodeFlags
	kind   tagKind
}

type nodeFlags uint16

const (
	nodeHidden    nodeFlags = 1 << iota // with all it contains, whatever that says
	nodeTiny                            // font size 0: a child may set another
	nodeInvisible                       // visibility: hidden: a child may show itself
	nodePre                             // white space is kept
	nodeBlock                           // its style says display: block
	nodeTight                           // its style says no margin above and below
	nodeRuled                           // its style draws Outlook's line above a header block
	nodeEnded                           // its end tag came before that of a block in it
)

// unseen: a reader does not get to see this text.
func (n *node) unseen() bool { return n.flags&(nodeHidden|nodeTiny|nodeInvisible) != 0 }

// attr returns an attribute's value; only those of wanted() are kept.
func (n *node) attr(name string) string {
	for i := range n.attrs {
		if n.attrs[i].name == name {
			return n.attrs[i].value
		}
	}
	return ""
}

// id returns the id without what mail clients put before it.
func (n *node) id() string { return peelHops(n.attr("id")) }

// classes returns the classes without what mail clients put before them.
func (n *node) classes() []string {
	cs := strings.Fields(n.attr("class"))
	for i, c := range cs {
		cs[i] = peelHops(c)
	}
	return cs
}

// hasClass is slices.Contains(n.classes(), class) without the slice.
func (n *node) hasClass(class string) bool {
	for c := range strings.FieldsSeq(n.attr("class")) {
		if peelHops(c) == class {
			return true
		}
	}
	return false
}

// peelHops takes the prefixes off an id or class that every hop adds: Outlook on
// the web "x_", Gmail "m_-123" glued without a dash, and "gmail-" before either.
func peelHops(s string) string {
	for {
		t := s
		if r, ok := strings.CutPrefix(t, "gmail-"); ok && (strings.HasPrefix(r, "x_") || gmailHop(r) > 0) {
			t = r
		}
		if r, ok := strings.CutPrefix(t, "x_"); ok {
			s = r
		} else if n := gmailHop(t); n > 0 {
			s = t[n:]
		} else {
			return s
		}
	}
}

// gmailHop returns the length of a leading "m_-123" or "m_123", 0 where there is none.
func gmailHop(s string) int {
	r, ok := strings.CutPrefix(s, "m_")
	if !ok {
		return 0
	}
	r = strings.TrimPrefix(r, "-")
	digits := strings.TrimLeft(r, "0123456789")
	if len(digits) == len(r) {
		return 0
	}
	return len(s) - len(digits)
}

// span is a stretch of nodes, [from, to). It need not be a whole element: a
// forward's body may begin in the middle of one.
type span struct {
	doc      *outline
	from, to int32
}

func (o *outline) all() span {
	if o == nil {
		return span{}
	}
	return span{o, 0, int32(len(o.nodes))}
}

// element returns the span of node i and what it contains.
func (o *outline) element(i int32) span { return span{o, i, o.nodes[i].end} }

func (s span) empty() bool { return s.doc == nil || s.from >= s.to }

// node returns the first node: of a span found by id, class or tag the element itself.
func (s span) node() *node {
	if s.empty() {
		return &node{parent: -1}
	}
	return &s.doc.nodes[s.from]
}

// contains: t lies within s.
func (s span) contains(t span) bool { return s.doc == t.doc && s.from <= t.from && t.to <= s.to }

// byID returns the first element with that id.
func (s span) byID(id string) (span, bool) {
	if s.doc == nil {
		return span{}, false
	}
	for _, i := range s.doc.ids {
		if s.from <= i && i < s.to && s.doc.nodes[i].id() == id {
			return s.clip(s.doc.element(i)), true
		}
	}
	return span{}, false
}

// byClass returns all elements of a class, in document order, nested ones too.
func (s span) byClass(class string) []span {
	if s.doc == nil {
		return nil
	}
	var found []span
	for _, i := range s.doc.classed {
		if s.from <= i && i < s.to && s.doc.nodes[i].hasClass(class) {
			found = append(found, s.clip(s.doc.element(i)))
		}
	}
	return found
}

// byTag returns all elements with that name, in document order, nested ones too.
func (s span) byTag(tag string) []span {
	var found []span
	for i := s.from; i < s.to; i++ {
		if s.doc.nodes[i].tag == tag {
			found = append(found, s.clip(s.doc.element(i)))
		}
	}
	return found
}

// clip keeps a found element within s, which may end inside it.
func (s span) clip(t span) span {
	t.to = min(t.to, s.to)
	return t
}

// raw returns the text nodes as they stand, hidden ones too, without layout.
// Addresses are judged on it: zero-width characters are still there.
func (s span) raw() string {
	var b strings.Builder
	for i := s.from; i < s.to; i++ {
		b.WriteString(s.doc.nodes[i].text)
	}
	return b.String()
}
