package mailparse

import (
	"fmt"
	"strings"
	"testing"
)

// chatMail is a mirrored chat of about 22 KB in the layout of an agent
// notification: nested tables, inline styles, a style sheet, entities.
func chatMail() string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"><html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"><title>x</title><style type="text/css">`)
	b.WriteString(strings.Repeat(".a{color:red;font-size:12px} #b td{padding:0}\n", 60))
	b.WriteString(`</style></head><body style="margin:0"><div class="mail_body"><table id="conversation-parts-wrapper"><tbody>`)
	for i := 0; b.Len() < 22_000; i++ {
		fmt.Fprintf(&b, `<tr><td align="left" style="padding: 0; vertical-align: top;"><table class="conversation-part user" cellpadding="0" cellspacing="0" border="0" width="100%%" style="border-collapse:collapse;font-family:Helvetica,Arial,sans-serif;font-size:14px;line-height:22px"><tr><td class="conversation-part-avatar" width="40" style="width:40px;padding:0 10px 0 0;vertical-align:top"><span style="background:#0a7cff;border-radius:50%%;color:#ffffff">AE</span></td><td class="conversation-part-body" style="background-color:#f0f0f0;border-radius:5px;padding:12px"><table class="part-content"><tr><td><p style="margin:0 0 10px 0">Hello, I can&#39;t find where to change the invoice address &amp; would like help with number %d please.</p><p style="margin:0">See <a href="https://www.example.com/billing?x=%d&amp;y=2" style="color:#0a7cff" target="_blank" rel="nofollow">this page</a></p></td></tr></table></td></tr><tr><td></td><td class="conversation-part-metadata" style="color:#999;font-size:12px"><a href="https://app.example.com/a/apps/abcd1234/users/0123456789abcdef01234567" style="color:#999">Ada</a> on <a href="https://app.example.com/a/apps/abcd1234/conversations/1964" style="color:#999">11 Mar,  6:30am</a></td></tr></table></td></tr>
`, i, i)
	}
	b.WriteString(`</tbody></table></div></body></html>`)
	return b.String()
}

func BenchmarkOutline(b *testing.B) {
	src := chatMail()
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		parseHTML(src, nil)
	}
}

func BenchmarkText(b *testing.B) {
	doc := parseHTML(chatMail(), nil)
	b.ReportAllocs()
	for b.Loop() {
		doc.all().text()
	}
}

// BenchmarkForward unwraps a forward of about 1.3 KB, and says no to a mail of
// the same size that is none.
func BenchmarkForward(b *testing.B) {
	c := clientForms[0]
	more := strings.Repeat("And here is one more line of the customer's, as people write them.\n", 13)
	for name, text := range map[string]string{
		"apple": c.text() + "> " + strings.ReplaceAll(strings.TrimSpace(more), "\n", "\n> "),
		"none":  formComment + "\n" + formBody + "\n" + more,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				findForward("Fwd: x", text, nil)
			}
		})
	}
}
