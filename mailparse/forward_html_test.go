package mailparse

import (
	"html"
	"strings"
	"testing"
)

// html builds the mail's HTML part, as each client writes it.
func (c clientForm) html() string {
	row := func(begin, sep, end string) string {
		var b strings.Builder
		for _, l := range strings.Split(c.labels, "|") {
			field, label, _ := strings.Cut(l, "=")
			value := html.EscapeString(c.value(field))
			value = strings.ReplaceAll(value, "ada@example.org", `<a href="mailto:ada@example.org">ada@example.org</a>`)
			b.WriteString(begin + label + ":" + sep + value + end)
		}
		return b.String()
	}
	const body = `<div>Hello,</div><div><br></div><div>I cannot find it. <span style="display:none">preheader</span>The page says: From time to time.</div><blockquote>quoted by the customer</blockquote><div>Regards, Ada</div><img width="1" height="1" src="https://example.com/p.gif">`
	comment := `<div>Please have a look.</div><div><br></div><div>The second one this week.</div>`
	sep := html.EscapeString(c.separator)
	switch c.client {
	case "apple", "apple-ios":
		return `<html><body>` + comment + `<div><br><blockquote type="cite"><div>` + sep + `</div><br class="Apple-interchange-newline">` + row(`<div style="margin:0px"><span><b>`, ` </b></span><span>`, `<br></span></div>`) + `<br><div>` + body + `</div></blockquote></div><br></body></html>`
	case "gmail", "missive", "hubspot":
		return `<div dir="ltr">` + comment + `<br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">` + sep + `<br>` + row(``, ` `, `<br>`) + `</div><br><br><div dir="ltr">` + body + `</div></div></div>`
	case "thunderbird":
		return `<html><body><p>Please have a look.</p><p>The second one this week.</p><div class="moz-forward-container"><br><br>` + sep + `<table class="moz-email-headers-table" cellspacing="0" cellpadding="0" border="0"><tbody>` + row(`<tr><th valign="BASELINE" nowrap="nowrap" align="RIGHT">`, ` </th><td>`, `</td></tr>`) + `</tbody></table><br><br>` + body + `</div></body></html>`
	case "yahoo":
		return comment + `<div id="yahoo_quoted_0123" class="yahoo_quoted"><div style="font-size:13px"><div>` + sep + `</div>` + row(`<div><b>`, `</b> `, `</div>`) + `<div><br></div><div>` + body + `</div></div></div>`
	case "outlook-live", "new-outlook":
		return `<html><head><style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style></head><body dir="ltr">` + comment + `<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">` + row(`<b>`, `</b> `, `<br>`) + `</font><div>&nbsp;</div></div><div>` + body + `</div></body></html>`
	}
	return `<html xmlns:o="urn:schemas-microsoft-com:office:office"><body lang="EN-GB"><div class="WordSection1"><p class="MsoNormal">Please have a look.<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><p class="MsoNormal">The second one this week.<o:p></o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">` + row(`<b>`, `</b> `, `<br>`) + `<o:p></o:p></p></div></div><p class="MsoNormal"><o:p>&nbsp;</o:p></p>` + body + `</div></body></html>`
}

func TestForwardHTML(t *testing.T) {
	for _, c := range clientForms {
		t.Run(c.client+"/"+c.locale, func(t *testing.T) {
			doc := parseHTML(c.html(), nil)
			f := findForward("Fwd: x", "", doc)
			c.check(t, f)
			c.checkSpan(t, f)
			f = findForward("Fwd: x", c.text(), doc)
			c.check(t, f)
			c.checkSpan(t, f)
			if f.weak {
				t.Errorf("weak: %s", f.evidence)
			}
			if t.Failed() {
				t.Logf("%s\n%s", c.html(), doc.all().text())
			}
		})
	}
}

func (c clientForm) checkSpan(t *testing.T, f *forward) {
	t.Helper()
	if !f.hasHTML {
		t.Fatal("no HTML")
	}
	if got := f.html.text(); got != formBody {
		t.Errorf("HTML %q", got)
	}
}

// TestForwardHTMLPrefixed: every hop through a web mailer renames ids and classes.
func TestForwardHTMLPrefixed(t *testing.T) {
	for _, hop := range []string{"x_", "x_x_", "m_-123456789012345", "gmail-m_-123x_", "m_1234x_m_-9876"} {
		src := strings.NewReplacer(`id="`, `id="`+hop, `class="`, `class="`+hop).Replace(clientForm{"outlook-live", "en", "FW:", "", "from=From|date=Sent|to=To|cc=Cc|subject=Subject"}.html())
		doc := parseHTML(src, nil)
		if _, ok := doc.all().byID("divRplyFwdMsg"); !ok {
			t.Errorf("%s: id not found", hop)
		}
		if f := findForward("FW: x", "", doc); f == nil || f.from != formFrom {
			t.Errorf("%s: %+v", hop, f)
		}
	}
}
