package mailparse

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const hostileHeader = "From: Ann Example <ann@example.org>\r\nTo: support@example.com\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n"

// bombs are mails that cost others seconds, gigabytes or their stack (THREATS T13).
func bombs() []struct {
	name, warning string
	raw           []byte
} {
	rep := func(s string, n int) string { return strings.Repeat(s, n) }
	mail := func(rest string) []byte { return []byte(hostileHeader + rest) }
	multi := "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
	html := "Content-Type: text/html; charset=utf-8\r\n\r\n"
	var nested, attached, words strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=\"n%d\"\r\n\r\n--n%d\r\n", i, i)
		fmt.Fprintf(&attached, "Content-Type: message/rfc822\r\n\r\nSubject: %d\r\n", i)
	}
	for i := range 100000 {
		fmt.Fprintf(&words, "=?utf-8?q?w%d?=\r\n ", i)
	}
	return []struct {
		name, warning string
		raw           []byte
	}{
		{"a million parts", "limit-parts", mail(multi + rep("--b\r\n\r\nx\r\n", 1000000) + "--b--\r\n")},
		{"10,000 levels of multipart", "limit-depth", mail(nested.String() + "\r\nx\r\n")},
		{"10,000 mails in one another", "limit-attached", mail(attached.String() + "\r\nx\r\n")},
		{"a header line of 50 MB", "limit-header", mail("X-Long: " + rep("a", 50<<20) + "\r\n\r\nx\r\n")},
		{"a million header lines", "limit-header", mail(rep("X: y\r\n", 1000000) + "\r\nx\r\n")},
		{"100,000 encoded words", "limit-header", mail("Subject: " + words.String() + "\r\n\r\nx\r\n")},
		{"text of 100 MB in base64", "limit-text", mail("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + rep("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\r\n", 3000000))},
		{"text of 20 MB that is all quoted-printable", "limit-text", mail("Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + rep("=41=42=43=\r\n", 2000000))},
		{"a million open divs", "", mail(html + rep("<div>", 1000000) + "x")},
		{"a million open tables and bold", "", mail(html + rep("<table><b>", 500000) + "x")},
		{"a million blockquotes", "", mail(html + rep("<blockquote>", 200000) + "x")},
		{"a million attributes", "", mail(html + "<p " + rep("a=b ", 500000) + ">x")},
		{"a million quote marks", "", mail("\r\n" + rep(">", 1000000) + "x\r\n")},
		{"500,000 quoted lines with text between", "", mail("\r\n" + rep("> x\r\ny\r\n", 250000))},
		{"500,000 intro lines", "", mail("\r\n" + rep("On 1.1.2026 10:11 a@b.example wrote:\r\n", 50000))},
		{"100,000 header blocks", "", mail("\r\n" + rep("From: a@b.example\r\nDate: 1.1.2026\r\nTo: b\r\nSubject: x\r\n\r\n", 30000))},
		{"100,000 forward separators", "", mail("\r\n" + rep("---------- Forwarded message ----------\r\n", 50000))},
		{"a million brackets in From", "limit-header", []byte("From: " + rep("<", 1000000) + "\r\n\r\nx\r\n")},
		{"unclosed words", "limit-header", mail("Subject: " + rep("=?a?q?x", 200000) + "\r\n\r\nx\r\n")},
		{"a million parameters", "limit-header", mail("Content-Type: text/plain" + rep("; a*0*=b", 500000) + "\r\n\r\nx\r\n")},
		{"boundaries that nearly match", "", mail(multi + rep("--bb\r\n", 1000000))},
		{"a million uuencoded files", "limit-parts", mail("\r\n" + rep("begin 644 a\r\n#86)C\r\nend\r\n", 80000))},
		{"a million begin lines", "", mail("\r\n" + rep("begin 644 a\r\n", 150000))},
		{"signature lines", "", mail("\r\n" + rep("-- \r\nx\r\n", 250000))},
		{"enriched text of open commands", "", mail("Content-Type: text/enriched\r\n\r\n" + rep("<param>", 150000))},
		{"enriched text of brackets", "", mail("Content-Type: text/enriched\r\n\r\n" + rep("< ", 500000))},
		{"100,000 quote elements", "", mail(html + rep("<div class=yahoo_quoted>x</div>y", 50000))},
		{"50,000 signature elements", "", mail(html + rep("<div class=gmail_signature>x</div>y", 50000))},
		{"50,000 pictures by cid", "limit-parts", mail("Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n" + rep("<img src=cid:a>", 100000) + "\r\n" + rep("--b\r\nContent-ID: <z>\r\nContent-Type: image/png\r\n\r\nx\r\n", 50000))},
		{"zero bytes", "", bytes.Repeat([]byte{0}, 10<<20)},
		{"line ends", "", bytes.Repeat([]byte{'\n'}, 10<<20)},
		{"carriage returns", "", bytes.Repeat([]byte{'\r'}, 10<<20)},
		{"colons", "", bytes.Repeat([]byte{':'}, 10<<20)},
	}
}

// Every bomb is answered in time, within memory, and says what was cut; the
// next mail is read as if nothing had been.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("half a gigabyte of mails")
	}
	limit := 5 * time.Second
	if raceDetector {
		limit *= 10
	}
	p := benchParser(t)
	p.Parse(forwardMail())
	for _, b := range bombs() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := cpuTime(t) // not the clock: other packages' tests run beside
		m := p.Parse(b.raw)
		d := cpuTime(t) - start
		runtime.ReadMemStats(&after)
		t.Logf("%-45s %8.1f ms %6.1f MB %v", b.name, float64(d.Microseconds())/1000, float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), m.Warnings)
		if d > limit {
			t.Errorf("%s: %v", b.name, d)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 200<<20 {
			t.Errorf("%s: %d MB allocated", b.name, n>>20)
		}
		if b.warning != "" && !slices.Contains(m.Warnings, b.warning) {
			t.Errorf("%s: warnings %v, want %s", b.name, m.Warnings, b.warning)
		}
	}
	if m := p.Parse(forwardMail()); m.From.Address != "ada@example.org" {
		t.Errorf("the next mail: from %q", m.From.Address)
	}
}

// Eight times the mail, about eight times the time.
func TestParseIsLinear(t *testing.T) {
	p := benchParser(t)
	isLinear(t, "Some words of a customer: and more.\r\n> quoted\r\nFrom: x\r\n", 512<<10, func(in string) {
		p.Parse([]byte(hostileHeader + "\r\n" + in))
	})
}
