package mailparse

import "testing"

func TestText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"paragraphs stand apart", "<p>one</p><p>two</p>", "one\n\ntwo"},
		{"divs are lines", "<div>one</div><div>two</div>", "one\ntwo"},
		{"an empty div with br is a blank line", "<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"},
		{"br at the end of a block is no line", "<div>one<br></div>two", "one\ntwo"},
		{"at most one blank line", "one<br><br><br><br>two", "one\n\ntwo"},
		{"white space collapses", " one \n\t two<b> three</b> ", "one two three"},
		{"no-break blanks stay", "one&nbsp;&nbsp;two", "one  two"},
		{"Word's paragraphs are lines", `<p class="MsoNormal">one</p><p class="x_MsoNormal">two</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>three</p>`, "one\ntwo\n\nthree"},
		{"paragraphs without margin are lines", `<p style="margin:0">one</p><p style="margin-top:0;margin-bottom:0">two</p>`, "one\ntwo"},
		{"a sheet can take margins", `<style>P {margin-top:0;margin-bottom:0;}</style><p>one</p><p>two</p>`, "one\ntwo"},
		{"headings", "<h1>Title</h1>text", "Title\n\ntext"},
		{"lists", "<ul><li>one<li>two<ul><li>deep</ul></ul><ol start=3><li>three</li><li>four</li></ol>", "- one\n- two\n  - deep\n\n3. three\n4. four"},
		{"list items of paragraphs", "<ul><li><p>one</p><p>more</p></li><li><p>two</p></li></ul>", "- one\n\n  more\n\n- two"},
		{"cells and rows", "<table><tr><th>Name<td>Ada<tr><td>Plan<td>Pro</table>after", "Name\tAda\nPlan\tPro\nafter"},
		{"cells of Word", "<table><tr><td><p class=MsoNormal>Name</p></td><td><p class=MsoNormal>Ada</p></td></tr><tr><td><p class=MsoNormal>Plan</p></td><td><p class=MsoNormal>Pro</p></td></tr></table>", "Name\tAda\nPlan\tPro"},
		{"cells of several lines", "<table><tr><td>a<br>b</td><td>c</td></tr></table>", "a\nb\tc"},
		{"quotes", "hi<blockquote>one<br><br>two<blockquote>deep</blockquote></blockquote>bye", "hi\n\n> one\n>\n> two\n>\n> > deep\n\nbye"},
		{"pre", "<pre>a  b\n  c\n</pre>d", "a  b\n  c\n\nd"},
		{"pre-wrap", `<div style="white-space: pre-wrap">a  b
c</div>`, "a  b\nc"},
		{"link", `see <a href="https://example.com/x">the page</a>.`, "see the page <https://example.com/x>."},
		{"link that says itself", `<a href="https://www.example.com/">example.com</a> <a href="https://example.com/long/path">https://example.com/long…</a>`, "example.com https://example.com/long…"},
		{"mailto once", `Ada &lt;<a href="mailto:ada@example.org">ada@example.org</a>&gt;, <a href="mailto:Bob@example.org?subject=x">Bob</a>`, "Ada <ada@example.org>, Bob <Bob@example.org>"},
		{"no scripts, anchors or relative links", `<a href="javascript:alert(1)">a</a> <a href="#x">b</a> <a href="/c">c</a> <a href="data:text/html,x">d</a>`, "a b c d"},
		{"link without text", `x<a href="https://example.com/"><img src=logo.png></a>y`, "xy"},
		{"a link goes no further than its end tag", `<a href="https://example.com/"><div>one</a>two</div>three`, "one <https://example.com/>two\nthree"},
		{"image text", `<img alt="A chart of sales" src=x> <img alt="😀"> <img alt="image001.png"> <img alt=pixel width=1 height=1> <img alt="AE" width=24>`, "[A chart of sales] 😀"},
		{"not shown", "<head><title>t</title><style>s</style></head><script>alert('<p>')</script><body>x<textarea>y</textarea><!-- c --><!--[if mso]>m<![endif]-->", "x"},
		{"hidden idioms", `<div style="display:none">a</div><div style="DISPLAY : None !important">b</div><div hidden>c</div><span style="mso-hide:all">d</span><span style="opacity:0">e</span><div style="max-height:0px;overflow:hidden">f</div><span style="visibility:hidden">g</span><div style="height:0;overflow:hidden">h</div><span style="font-size:0">i</span><span style="font-size:1px">j</span>k`, "k"},
		{"hidden by a class, not by a query", `<style>@media only screen {.m{display:none}} .pre , .y { display:none !important; }</style><p class="m">seen</p><p class="x_pre">gone</p>`, "seen"},
		{"font size 0 is undone by a child", `<td style="font-size:0"><div style="font-size:13px">seen</div> x</td>`, "seen"},
		{"zero width", "a\u200bb\u200d c\ufeff \u00add 👩\u200d💻", "ab c d 👩\u200d💻"},
		{"entities", "&lt;b&gt; &amp;amp; &euro; &#8217; &#x1F600; &bogus;", "<b> &amp; € ’ 😀 &bogus;"},
		{"an address in angle brackets is text", `From: Ada <ada@example.org><br>https: <https://example.com/>`, "From: Ada <ada@example.org>\nhttps: <https://example.com/>"},
		{"a lone < is text", "1 < 2 <3 and a<b", "1 < 2 <3 and a"},
		{"stray end tags", "<div><table><tr><td>a</div></span></td><td>b</td></tr></table></div></p></x>c", "a\tb\n\nc"},
		{"an inline end tag does not close a block", "<div><b><p>one</b>two</p></div><div>three</div>", "onetwo\n\nthree"},
		{"implied ends", "<p>one<p>two<div>three<p>four</div>five", "one\n\ntwo\n\nthree\n\nfour\n\nfive"},
		{"</p> without a <p> is a paragraph", "<p>one<div>two</p>three</div>", "one\n\ntwo\n\nthree"},
		{"Office's empty elements", "<p class=MsoNormal>a<o:p/></p><p class=MsoNormal>b<o:p></o:p></p>", "a\nb"},
		{"svg", "a<svg><path d=x/><circle/><title>t</title></svg>b", "ab"},
		{"unfinished", "a<b", "a"},
		{"unfinished attribute", `a<b title="x>y`, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseHTML(tt.in, nil).all().text(); got != tt.want {
				t.Errorf("%s\n got %q\nwant %q", tt.in, got, tt.want)
			}
		})
	}
}
