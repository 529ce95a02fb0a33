package mailparse

import (
	"slices"
	"strings"
	"testing"
)

func TestPeelHops(t *testing.T) {
	for in, want := range map[string]string{
		"divRplyFwdMsg":                  "divRplyFwdMsg",
		"x_divRplyFwdMsg":                "divRplyFwdMsg",
		"x_x_part":                       "part",
		"m_-1234567890part":              "part",
		"m_1234part":                     "part",
		"gmail-m_-1234x_part":            "part",
		"m_1234x_m_-567gmail-m_89x_part": "part",
		"gmail-x_part":                   "part",
		"gmail-part":                     "gmail-part",
		"gmail_quote":                    "gmail_quote",
		"m_part":                         "m_part",
		"m_-part":                        "m_-part",
		"X_part":                         "X_part",
		"x_":                             "",
		"":                               "",
	} {
		if got := peelHops(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestOutlineFinds(t *testing.T) {
	doc := parseHTML(`<body id=top><div id="x_a" class="x_one two"><p class="m_-1two">first</p></div><div id=a>second</div><DIV ID=B CLASS="three  one"><b>third</b></DIV></body>`, nil)
	all := doc.all()
	a, ok := all.byID("a")
	if !ok || a.text() != "first" || a.node().tag != "div" {
		t.Errorf("a: %v %q", ok, a.text())
	}
	if _, ok := all.byID("b"); ok {
		t.Error("ids differ in case")
	}
	if s := all.byClass("one"); len(s) != 2 || s[0].text() != "first" || s[1].text() != "third" {
		t.Errorf("one: %d", len(s))
	}
	if s := all.byClass("two"); len(s) != 2 || !s[0].contains(s[1]) || s[1].contains(s[0]) {
		t.Errorf("two: %d", len(s))
	}
	if s := a.byClass("one"); len(s) != 1 {
		t.Errorf("one within a: %d; the element itself counts", len(s))
	}
	if s := a.byTag("p"); len(s) != 1 || s[0].raw() != "first" {
		t.Errorf("p within a: %d", len(s))
	}
	if s := all.byTag("b"); len(s) != 1 || s[0].text() != "third" {
		t.Errorf("b: %d", len(s))
	}
	if got := a.node().classes(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("classes %q", got)
	}
	top, _ := all.byID("top")
	if got := top.text(a); got != "second\nthird" {
		t.Errorf("without a: %q", got)
	}
	var none span
	if _, ok := none.byID("a"); ok || none.byClass("a") != nil || none.byTag("p") != nil || none.text() != "" || none.node().tag != "" || !none.empty() || none.raw() != "" {
		t.Error("an empty span finds something")
	}
	if s := (*outline)(nil).all(); !s.empty() {
		t.Error("no outline, yet a span")
	}
}

func TestOutlineAttributes(t *testing.T) {
	for src, want := range map[string]string{
		`<a href="https://example.com/?a=1&amp;b=2">`: "https://example.com/?a=1&b=2",
		`<a href='x'>`:          "x",
		`<a href=x/y>`:          "x/y",
		`<a HREF = "x">`:        "x",
		`<a href=1 href=2>`:     "1",
		`<a title=y/href=x>`:    "", // part of title's value
		`<a title="y"href="x">`: "x",
		`<a/href=x>`:            "x",
		`<a href>`:              "",
		"<a\n\thref\n=\n'x'\n>": "x",
		`<a "href=x>`:           "",
		`<a ===href=x>`:         "",
	} {
		doc := parseHTML(src+"y</a>", nil)
		if len(doc.nodes) == 0 {
			t.Errorf("%s: no nodes", src)
			continue
		}
		if got := doc.nodes[0].attr("href"); got != want {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
	}
}

// structure shows an outline: tags in order, with their ends.
func structure(doc *outline) string {
	var b strings.Builder
	var open []int32
	for i := int32(0); ; i++ {
		for len(open) > 0 && doc.nodes[open[len(open)-1]].end <= i {
			b.WriteString(")")
			open = open[:len(open)-1]
		}
		if i == int32(len(doc.nodes)) {
			return b.String()
		}
		if n := &doc.nodes[i]; n.tag == "" {
			b.WriteString(n.text)
		} else {
			b.WriteString("(" + n.tag + " ")
			open = append(open, i)
		}
	}
}

func TestOutlineStructure(t *testing.T) {
	for src, want := range map[string]string{
		"<p>a<p>b":                               "(p a)(p b)",
		"<p><b>a<p>b":                            "(p (b a))(p b)",
		"<ul><li>a<li>b</ul>c":                   "(ul (li a)(li b))c",
		"<li>a<ul><li>b</ul><li>c":               "(li a(ul (li b)))(li c)",
		"<table><tr><td>a<td>b<tr><td>c</table>": "(table (tr (td a)(td b))(tr (td c)))",
		"<table><tr><td><table><tr><td>a</table>b</td></tr></table>": "(table (tr (td (table (tr (td a)))b)))",
		"<table><tbody><tr><td>a<tbody><tr><td>b</table>":            "(table (tbody (tr (td a)))(tbody (tr (td b))))",
		"<td>a</div>b</td>":                   "(td ab)",
		"<div><td>a</div>b":                   "(div (td ab))",
		"<b><div>a</b>b</div>c":               "(b (div ab)c)",
		"<div><span>a</div>b":                 "(div (span a))b",
		"<a href=x>a<a href=y>b":              "(a a)(a b)",
		"<br/>a<img>b<hr>c":                   "(br )a(img )b(hr )c",
		"a</br>b":                             "a(br )b",
		"<div/>a":                             "(div a)",
		"<o:p/>a<v:x>b</v:x>":                 "(o:p )a(v:x b)",
		"<head><meta><title>x</title><p>a":    "(head (meta )(title ))(p a)",
		"<select><option>a<option>b</select>": "(select (option a)(option b))",
		"<dl><dt>a<dd>b<dt>c</dl>":            "(dl (dt a)(dd b)(dt c))",
		"</body>a</html>b":                    "ab",
	} {
		if got := structure(parseHTML(src, nil)); got != want {
			t.Errorf("%s\n got %s\nwant %s", src, got, want)
		}
	}
}

func TestStyleFlags(t *testing.T) {
	for style, want := range map[string]nodeFlags{
		"display:none":                            nodeHidden,
		"color:red; DISPLAY : NONE !important":    nodeHidden,
		"display:block":                           nodeBlock,
		"display:inline-block":                    0,
		"visibility:hidden":                       nodeInvisible,
		"visibility:hidden;visibility:visible":    0,
		"font-size:0":                             nodeTiny,
		"font-size:0px;font-size:12px":            0,
		"font-size:1px":                           nodeTiny,
		"font-size:10px":                          0,
		"font:0/0 a":                              nodeTiny,
		"max-height:0px":                          nodeHidden,
		"max-height:100px":                        0,
		"opacity:0.0":                             nodeHidden,
		"opacity:0.5":                             0,
		"mso-hide:all":                            nodeHidden,
		"height:0;overflow:hidden":                nodeHidden,
		"height:0":                                0,
		"overflow:hidden":                         0,
		"text-indent:-9999px":                     nodeHidden,
		"white-space:pre-wrap":                    nodePre,
		"white-space:nowrap":                      0,
		"margin:0":                                nodeTight,
		"margin:0 0 12px":                         0,
		"margin:0cm;margin-bottom:.0001pt":        nodeTight,
		"margin-top:0;margin-bottom:0":            nodeTight,
		"margin-top:0":                            0,
		"background:url(data:image/png;base64,x)": 0,
		"display":                                 0,
		"":                                        0,
	} {
		if got := styleFlags(style, 0); got != want {
			t.Errorf("%q: got %b, want %b", style, got, want)
		}
	}
}
