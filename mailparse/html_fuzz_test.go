package mailparse

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var htmlSeeds = []string{
	"<div id=x_a class='m_-1b c'><p>one<p>two</div>",
	"<table><tr><td>a<td>b<tr><th>c</table>",
	"<ul><li>a<ol start=3><li>b</ol></ul>",
	`<blockquote type=cite>q<br><br>r</blockquote><pre> a  b
 c</pre>`,
	`<a href="https://example.com/x">y</a><a href="mailto:a@example.com">A</a><img alt="z">`,
	"<style>.h{display:none}</style><div class=h>x</div><span style='font-size:0'>y</span>",
	"<!-- c --><![if !mso]><!--[if mso]>x<![endif]--><script>a<b</script><textarea></textarea>",
	"&lt;b&gt;&nbsp;&#8203;\u200b\u00ad<b/><o:p/></p></br>",
	"<a href=x><div></a>t</div>", "<b><i></b></i><svg/><path/></svg>", "<", "<a", "</", "<!", "<a b='", "\x00\xff\xc0",
}

// FuzzOutline: any bytes give a sound outline, in time linear in the input.
func FuzzOutline(f *testing.F) {
	for _, s := range htmlSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		doc := parseHTML(src, nil)
		n := int32(len(doc.nodes))
		if int(n) > len(src) {
			t.Errorf("%d nodes from %d bytes", n, len(src))
		}
		for i := range doc.nodes {
			d := &doc.nodes[i]
			if d.parent >= int32(i) || d.parent < -1 || d.end <= int32(i) || d.end > n {
				t.Fatalf("node %d: parent %d, end %d of %d", i, d.parent, d.end, n)
			}
			if d.tag == "" && (d.text == "" || len(d.attrs) > 0) {
				t.Fatalf("node %d: text %q with %d attributes", i, d.text, len(d.attrs))
			}
			if p := d.parent; p >= 0 && doc.nodes[p].end < d.end && doc.nodes[p].flags&nodeEnded == 0 {
				t.Fatalf("node %d ends at %d, its parent %d at %d", i, d.end, p, doc.nodes[p].end)
			}
		}
		all := doc.all()
		for _, s := range all.byTag("div") {
			if !all.contains(s) || s.node().tag != "div" {
				t.Fatal("div out of bounds")
			}
		}
		for _, i := range doc.ids {
			if _, ok := all.byID(doc.nodes[i].id()); !ok {
				t.Fatalf("id %q not found", doc.nodes[i].id())
			}
		}
	})
}

var (
	startsLikeTag = regexp.MustCompile(`<[a-zA-Z/!]`)
	loneLess      = regexp.MustCompile(`<(?:[^a-zA-Z/!?]|/?$)`)
)

// FuzzText: the text is clean, and no tag of the input is in it.
func FuzzText(f *testing.F) {
	for _, s := range htmlSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		got := parseHTML(src, nil).all().text()
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %q", got)
		}
		if strings.Contains(got, "\n\n\n") || strings.HasPrefix(got, "\n") || strings.HasSuffix(got, "\n") || strings.ContainsAny(got, "\r\x00\x1b") {
			t.Errorf("not clean: %q", got)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t") {
				t.Errorf("blanks at a line's end: %q", got)
			}
		}
		// Written-out entities, addresses in brackets and a "<" before anything
		// but a name are text; links are written so.
		if !strings.ContainsAny(src, "&@:") && !loneLess.MatchString(src) && startsLikeTag.MatchString(got) {
			t.Errorf("a tag in %q", got)
		}
		if len(got) > 64*len(src)+64 {
			t.Errorf("%d bytes of text from %d", len(got), len(src))
		}
	})
}

// hostileSize is smaller under the race detector, which is slow.
func hostileSize(n int) int {
	if raceDetector {
		return n / 8
	}
	return n
}

// TestHostileHTML: nothing takes more than linear time or overflows.
func TestHostileHTML(t *testing.T) {
	n := hostileSize(200_000)
	for _, tt := range []struct{ name, src string }{
		{"deep divs", strings.Repeat("<div>", 50_000) + "x" + strings.Repeat("</div>", 50_000)},
		{"a million tags", strings.Repeat("<b>", 1_000_000)},
		{"stray end tags over a deep stack", strings.Repeat("<b>", n) + strings.Repeat("</i>", n)},
		{"blocks over a deep stack", "<p>" + strings.Repeat("<b>", n) + strings.Repeat("<hr></td>", n)},
		{"cells", strings.Repeat("<table><tr><td>", 50_000) + "x"},
		{"unclosed cells", "<table>" + strings.Repeat("<tr><td><b>", n)},
		{"lists in lists", strings.Repeat("<ul><li>x", 50_000)},
		{"quotes in quotes", strings.Repeat("<blockquote>x", 50_000)},
		{"links in links", strings.Repeat(`<a href="https://example.com/">x<div>`, 50_000) + strings.Repeat("</a>", 50_000)},
		{"one long attribute", `<a title="` + strings.Repeat("x", 1<<20) + `">y`},
		{"many attributes", "<a " + strings.Repeat("id=x ", n) + ">y"},
		{"many attributes of an id", strings.Repeat("<a id=x class='a b c'>", n)},
		{"comments", strings.Repeat("<!-- x --", n)},
		{"unclosed comments", strings.Repeat("<!--", n)},
		{"raw text", strings.Repeat("<script></", n)},
		{"less-than signs", strings.Repeat("< ", n)},
		{"less-than and letters", strings.Repeat("<a", n)},
		{"addresses", strings.Repeat("<a@", n)},
		{"entities", strings.Repeat("&amp;&#x41;&bogus", n)},
		{"br", "<blockquote>" + strings.Repeat("a<br>", n)},
		{"style", "<style>" + strings.Repeat("a{display:none}", 50_000) + "</style>" + strings.Repeat("<a class=a>x</a>", 10_000)},
		{"open style rules", "<style>" + strings.Repeat("@media x{none", n) + "</style>x"},
		{"declarations", `<a style="` + strings.Repeat("display:none;", n) + `">x`},
		{"zero width", strings.Repeat("a\u200b\u200d", n)},
		{"hop prefixes", `<a id="` + strings.Repeat("x_", n) + `">x`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := cpuTime(t)
			b := newBudget(Limits{})
			doc := parseHTML(tt.src, b)
			text := doc.all().text()
			doc.all().byID("none")
			doc.all().byClass("none")
			findForward("Fwd: x", "", doc)
			if took := cpuTime(t) - start; took > 5*time.Second {
				t.Errorf("%v for %d bytes", took, len(tt.src))
			} else if took > 500*time.Millisecond {
				t.Logf("%v", took)
			}
			if len(text) > 64*len(tt.src) {
				t.Errorf("%d bytes of text from %d", len(text), len(tt.src))
			}
			if len(doc.nodes) >= maxNodes && len(b.warnings) == 0 {
				t.Error("cut without a warning")
			}
		})
	}
}
