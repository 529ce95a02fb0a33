package mailparse

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzForward: no panic, and every word of what was found is in the input.
func FuzzForward(f *testing.F) {
	for i, c := range clientForms {
		if i%7 == 0 {
			f.Add(c.prefix+" "+formSubject, c.text(), false)
			f.Add("Fwd: x", c.html(), true)
		}
	}
	for _, a := range attributionForms {
		f.Add("FW: x", strings.NewReplacer("{date}", "28/10/2021 12:46", "{name}", "Ada", "{address}", "ada@example.org").Replace(a.line)+"\n\n    Text", false)
	}
	f.Fuzz(func(t *testing.T, subject, body string, isHTML bool) {
		var fw *forward
		if isHTML {
			doc := parseHTML(body, nil)
			fw = findForward(subject, "", doc)
			body = doc.all().rendered().text
		} else {
			fw = findForward(subject, body, nil)
		}
		if fw == nil {
			return
		}
		if utf8.ValidString(body) && utf8.ValidString(subject) {
			known := squeeze(subject + "\n" + body + "\n" + decodeLinks(body))
			for _, s := range []string{fw.from.Name, fw.from.Address, fw.replyTo.Name, fw.replyTo.Address, fw.subject, fw.date, fw.plain, fw.comment} {
				for w := range strings.FieldsSeq(s) {
					if !strings.Contains(known, squeeze(w)) {
						t.Errorf("%q is not in %q", w, body)
					}
				}
			}
		}
		if fw.hasHTML && (fw.html.doc == nil || fw.html.from > fw.html.to) {
			t.Errorf("span %d–%d", fw.html.from, fw.html.to)
		}
		for range 8 { // the next hops
			if fw = findForwardIn(fw.subject, fw.plain, fw.html); fw == nil {
				break
			}
		}
	})
}

// squeeze takes out what unwrapping may take out: blanks, line ends, '>', marks.
func squeeze(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || c == '>' || visibleRune(c) < 0 {
			return -1
		}
		return c
	}, s)
}

// FuzzBanners: dropping twice drops no more, and nothing is added.
func FuzzBanners(f *testing.F) {
	for _, c := range bannerCases {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := dropBanners(text)
		if twice := dropBanners(once); twice != once {
			t.Errorf("%q, then %q", once, twice)
		}
		if len(once) > len(text) {
			t.Errorf("longer: %q", once)
		}
	})
}

// FuzzDecodeLink: decoding twice changes nothing, and what is shown is a link.
func FuzzDecodeLink(f *testing.F) {
	for _, c := range linkCases {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, link string) {
		once := decodeLink(link)
		if once != link && !utf8.ValidString(once) {
			t.Errorf("not UTF-8: %q", once)
		}
		decodeLinks(link)
		withoutForwardPrefix(link)
		peelPrefixes(link)
	})
}

// TestHostileForward: time is linear in the text.
func TestHostileForward(t *testing.T) {
	n := hostileSize(100_000)
	for _, tt := range []struct{ name, text string }{
		{"labels", strings.Repeat("From: a@example.com\nDate: x\n", n/2)},
		{"labels and blanks", strings.Repeat("From: a@example.com\n\n", n)},
		{"separators", strings.Repeat("-----Original Message-----\n", n)},
		{"separators and labels", strings.Repeat("-----Original Message-----\nFrom: a@example.com\n", n)},
		{"foreign blocks", strings.Repeat("---------- Forwarded message ----------\nA: a@example.com\nB: x\n", n/2)},
		{"quote marks", strings.Repeat(">", 1<<20)},
		{"quoted lines", strings.Repeat(strings.Repeat(">", 50)+" x\n", n/10)},
		{"colons", strings.Repeat("1 wrote @ x:\n", n)},
		{"wrapped attributions", strings.Repeat("On 1 a wrote\nand 2 schrieb\n3 napsal:\n", n/3)},
		{"glued labels", strings.Repeat("From: a To: b Date: c Subject: d ", n/10)},
		{"one long line", strings.Repeat("a:", 1<<20)},
		{"dashes", strings.Repeat("-", 1<<20)},
		{"open address", "From: <" + strings.Repeat("a@b\n", n)},
		{"tips", strings.Repeat("aka.ms/LearnAboutSenderIdentification\n", n/2)},
		{"tags", strings.Repeat("[EXTERNAL]\n", n)},
		{"links", strings.Repeat("https://x.safelinks.protection.outlook.com/?url=http\n", n/2)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := cpuTime(t)
			findForward("Fwd: x", tt.text, nil)
			findForward("x", tt.text, nil)
			dropBanners(tt.text)
			decodeLinks(tt.text)
			if took := cpuTime(t) - start; took > 5*time.Second {
				t.Errorf("%v for %d bytes", took, len(tt.text))
			} else if took > 500*time.Millisecond {
				t.Logf("%v", took)
			}
		})
	}
}
