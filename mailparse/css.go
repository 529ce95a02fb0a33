package mailparse

import "strings"

// What style says about text: whether a reader sees it, and how it stands.
// Pre-headers, tracking texts and templates for other screens are hidden by a
// dozen idioms; each of them is one line below.

// inherited are the flags a child has from its parent.
const inherited = nodeHidden | nodeTiny | nodeInvisible | nodePre

// styleFlags applies the declarations of a style attribute or rule to fl.
func styleFlags(style string, fl nodeFlags) nodeFlags {
	var s styled
	for len(style) > 0 {
		var decl string
		if k := strings.IndexByte(style, ';'); k >= 0 {
			decl, style = style[:k], style[k+1:]
		} else {
			decl, style = style, ""
		}
		decl = decl[skipHTMLSpace(decl, 0):]
		k := strings.IndexByte(decl, ':')
		if k < 3 {
			continue
		}
		if name := lowerTrim(decl[:k]); matters(name) {
			s.declare(name, lowerTrim(decl[k+1:]), &fl)
		}
	}
	return s.settle(fl)
}

// styleCache remembers the last few: a mail repeats the same styles.
type styleCache struct {
	seen [8]struct {
		style   string
		in, out nodeFlags
	}
	next int
}

func (c *styleCache) flags(style string, in nodeFlags) nodeFlags {
	for i := range c.seen {
		if s := &c.seen[i]; s.in == in && s.style == style {
			return s.out
		}
	}
	s := &c.seen[c.next%len(c.seen)]
	c.next++
	s.style, s.in, s.out = style, in, styleFlags(style, in)
	return s.out
}

// matters names the properties that declare knows. Most of a mail's are none.
func matters(name string) bool {
	switch name {
	case "display", "visibility", "mso-hide", "opacity", "font-size", "font", "max-height", "height", "width", "max-width",
		"overflow", "text-indent", "left", "top", "white-space", "margin", "margin-top", "margin-bottom", "border-top":
		return true
	}
	return false
}

// styled gathers what only counts together.
type styled struct {
	clipped, flat       bool // overflow hidden; height or width 0
	marginTop, marginBt bool // said to be 0
}

func (s *styled) declare(name, value string, fl *nodeFlags) {
	switch name {
	case "display":
		switch value {
		case "none":
			*fl |= nodeHidden
		case "block":
			*fl |= nodeBlock
		}
	case "visibility":
		*fl = *fl&^nodeInvisible | when(value == "hidden" || value == "collapse", nodeInvisible)
	case "mso-hide":
		*fl |= when(value == "all", nodeHidden)
	case "opacity":
		*fl |= when(isZero(value), nodeHidden)
	case "font-size":
		*fl = *fl&^nodeTiny | when(isZero(value) || value == "1px", nodeTiny)
	case "font":
		*fl = *fl&^nodeTiny | when(strings.HasPrefix(value, "0/") || strings.HasPrefix(value, "0px"), nodeTiny)
	case "max-height":
		*fl |= when(isZero(value), nodeHidden)
	case "height", "width", "max-width":
		s.flat = s.flat || isZero(value)
	case "overflow":
		s.clipped = value == "hidden"
	case "text-indent", "left", "top":
		*fl |= when(strings.HasPrefix(value, "-999"), nodeHidden)
	case "white-space":
		*fl = *fl&^nodePre | when(strings.HasPrefix(value, "pre") || value == "break-spaces", nodePre)
	case "margin":
		vs := strings.Fields(value)
		if len(vs) > 0 {
			s.marginTop, s.marginBt = isZero(vs[0]), isZero(vs[0])
		}
		if len(vs) > 2 {
			s.marginBt = isZero(vs[2])
		}
	case "margin-top":
		s.marginTop = isZero(value)
	case "margin-bottom":
		s.marginBt = isZero(value)
	case "border-top":
		// Outlook 2013 and later, 2007 and 2010; rewritten by a browser on the way.
		for _, colour := range [...]string{"#e1e1e1", "#b5c4df", "rgb(225, 225, 225)", "rgb(181, 196, 223)"} {
			*fl |= when(strings.Contains(value, colour), nodeRuled)
		}
	}
}

func (s *styled) settle(fl nodeFlags) nodeFlags {
	return fl | when(s.clipped && s.flat, nodeHidden) | when(s.marginTop && s.marginBt, nodeTight)
}

func when(cond bool, fl nodeFlags) nodeFlags {
	if cond {
		return fl
	}
	return 0
}

// isZero: "0", "0px", "0.0", "0%"; and Word's .0001pt, which means 0 too.
func isZero(v string) bool {
	if v == "" || v[0] != '0' && v[0] != '.' {
		return false
	}
	n := strings.TrimRight(v, "abcdefghijklmnopqrstuvwxyz%")
	return n != "" && (strings.Trim(n, "0.") == "" || n == ".0001")
}

// lowerTrim prepares a name or value for comparison; "!important" is not part of it.
func lowerTrim(s string) string {
	s = strings.TrimSpace(s)
	if k := strings.IndexByte(s, '!'); k >= 0 {
		s = strings.TrimSpace(s[:k])
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return lowerASCII(s)
		}
	}
	return s
}

// sheetRules are the rules of style elements that hide something or take a
// paragraph's margins away, for one class, id or element each. Rules in @media
// are for other screens, and selectors that combine are not worth an engine.
type sheetRules map[string]nodeFlags

const ruleFlags = nodeHidden | nodeTiny | nodeInvisible | nodeTight

func (r *sheetRules) add(css string) {
	words := ruleWords[:0:0]
	for _, w := range ruleWords {
		if strings.Contains(css, w) {
			words = append(words, w)
		}
	}
	for len(css) > 0 && len(words) > 0 {
		k := strings.IndexByte(css, '{')
		if k < 0 {
			return
		}
		selector := css[:k]
		if p := strings.LastIndexByte(selector, ';'); p >= 0 { // @import …;
			selector = selector[p+1:]
		}
		selector = ruleStart(selector)
		css = css[k+1:]
		if strings.HasPrefix(selector, "@") {
			css = css[blockEnd(css):]
			continue
		}
		end := strings.IndexByte(css, '}')
		if end < 0 {
			return
		}
		if fl := ruleFlagsOf(css[:end], words); fl != 0 {
			r.rule(selector, fl)
		}
		css = css[end+1:]
	}
}

// ruleWords stand in every rule that can matter: most do not.
var ruleWords = []string{"none", "margin", "hid", "opacity", "max-height", "font-size", "font:"}

func ruleFlagsOf(declarations string, words []string) nodeFlags {
	for _, w := range words {
		if strings.Contains(declarations, w) {
			return styleFlags(declarations, 0) & ruleFlags
		}
	}
	return 0
}

// ruleStart takes comments and the old "<!--" off the front of a selector.
func ruleStart(s string) string {
	if k := strings.LastIndex(s, "*/"); k >= 0 {
		s = s[k+2:]
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "<!--"))
}

// blockEnd returns the index behind the '}' of a block whose '{' is read.
func blockEnd(css string) int {
	for depth, at := 1, 0; ; {
		k := strings.IndexByte(css[at:], '}')
		if k < 0 {
			return len(css)
		}
		depth += strings.Count(css[at:at+k], "{") - 1
		if at += k + 1; depth <= 0 {
			return at
		}
	}
}

func (r *sheetRules) rule(selectors string, fl nodeFlags) {
	for sel := range strings.SplitSeq(selectors, ",") {
		sel = strings.TrimSpace(sel)
		if sel == "" || len(sel) > 100 || strings.ContainsAny(sel, " \t\n>+~:[*") {
			continue
		}
		if *r == nil {
			*r = sheetRules{}
		}
		if k := strings.IndexAny(sel, ".#"); k >= 0 {
			sel = sel[k:k+1] + peelHops(sel[k+1:])
			if strings.ContainsAny(sel[1:], ".#") {
				continue
			}
		} else {
			sel = lowerTrim(sel)
			fl &= nodeTight // "div { display: none }" is more likely a mistake of ours
		}
		(*r)[sel] |= fl
	}
}

// flags returns what the node's element and the rules for it make of fl.
func (r sheetRules) flags(n *node, fl nodeFlags) nodeFlags {
	switch n.tag {
	case "pre", "listing":
		fl |= nodePre
	case "img":
		if isPixel(n.attr("width")) || isPixel(n.attr("height")) {
			fl |= nodeHidden
		}
	}
	if len(r) > 0 {
		fl |= r[n.tag]
	}
	for _, a := range n.attrs {
		switch a.name {
		case "hidden":
			fl |= nodeHidden
		case "class":
			if len(r) > 0 {
				for c := range strings.FieldsSeq(a.value) {
					fl |= r["."+peelHops(c)]
				}
			}
		case "id":
			if len(r) > 0 {
				fl |= r["#"+peelHops(a.value)]
			}
		}
	}
	return fl
}

// isPixel: an image of that width or height shows nothing.
func isPixel(v string) bool {
	v = strings.TrimSuffix(strings.TrimSpace(v), "px")
	return v == "0" || v == "1"
}
