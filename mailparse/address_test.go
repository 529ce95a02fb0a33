package mailparse

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func show(as []Address) string {
	var sb strings.Builder
	for i, a := range as {
		if i > 0 {
			sb.WriteString(" | ")
		}
		fmt.Fprintf(&sb, "%s <%s>", a.Name, a.Address)
	}
	return sb.String()
}

func TestParseAddressList(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"ann@example.com", " <ann@example.com>"},
		{"Ann <ann@example.com>", "Ann <ann@example.com>"},
		{`"Doe, Ann" <ann@example.com>`, "Doe, Ann <ann@example.com>"},
		{"Doe, Ann <ann@example.com>", "Doe, Ann <ann@example.com>"},
		{"Doe, Ann <ann@example.com>, Ben <ben@example.com>", "Doe, Ann <ann@example.com> | Ben <ben@example.com>"},
		{"Doe, Ann <ann@example.com>; Roe, Ben <ben@example.com>", "Doe, Ann <ann@example.com> | Roe, Ben <ben@example.com>"},
		{"a@example.com, b@example.com;c@example.com", " <a@example.com> |  <b@example.com> |  <c@example.com>"},
		{"Doe, Ann [x] <ann@example.com>", "Doe, Ann [x] <ann@example.com>"},
		{"'Ann' <ann@example.com>", "Ann <ann@example.com>"},
		{`"'Ann'" <ann@example.com>`, "Ann <ann@example.com>"},
		{"Ann [ann@example.com]", "Ann <ann@example.com>"},
		{"Ann [mailto:ann@example.com]", "Ann <ann@example.com>"},
		{"Ann <mailto:ann@example.com>", "Ann <ann@example.com>"},
		{"Ann<mailto:ann@example.com>", "Ann <ann@example.com>"},
		{"ann@example.com <mailto:ann@example.com>", " <ann@example.com>"},
		{"Ann <ann@example.com<mailto:ann@example.com>>", "Ann <ann@example.com>"},
		{"<ann@example.com<mailto:ann@example.com>>", " <ann@example.com>"},
		{"ann@example.com <ann@example.com>", " <ann@example.com>"},
		{`"ann@example.com" <ann@example.com>`, " <ann@example.com>"},
		{"ann@example.com (Ann Doe)", "Ann Doe <ann@example.com>"},
		{"Ann (Support) <ann@example.com>", "Ann (Support) <ann@example.com>"},
		{"Ann", "Ann <>"},
		{"undisclosed-recipients:;", ""},
		{"Friends: a@example.com, B <b@example.com>;, c@example.com", " <a@example.com> | B <b@example.com> |  <c@example.com>"},
		{"=?utf-8?q?Bj=C3=B6rn?= <b@example.com>", "Björn <b@example.com>"},
		{`"=?utf-8?q?Bj=C3=B6rn?=" <b@example.com>`, "Björn <b@example.com>"},
		{"=?utf-8?Q?Doe=2C_Ann?= <ann@example.com>", "Doe, Ann <ann@example.com>"},
		{"=?utf-8?Q?Ann_=3Cann=40example.com=3E?=", "Ann <ann@example.com>"},
		{"Ann Doe via Intercom <notifications@acme-0123456789ab.intercom-mail.com>", "Ann Doe via Intercom <notifications@acme-0123456789ab.intercom-mail.com>"},
		{`"Ann \"Nan\" Doe" <ann@example.com>`, `Ann "Nan" Doe <ann@example.com>`},
		{"Ann <ann@example.com", "Ann <ann@example.com>"},
		{"Ann Doe ann@example.com", "Ann Doe <ann@example.com>"},
		{"<@relay.example.net:ann@example.com>", " <ann@example.com>"},
		{"Björn <b@example.com>", "Björn <b@example.com>"},
		{`"boss@example.org" <ann@example.com>`, "boss@example.org <ann@example.com>"},
		// Two mailboxes in one: both are shown, so that whoever decides sees two.
		{"<aaa@bbb.example>ccc@ddd.example", " <aaa@bbb.example> |  <ccc@ddd.example>"},
		// A quoted local part stays quoted: StrictAddress refuses it.
		{`"x@evil.example"@victim.example`, ` <"x@evil.example"@victim.example>`},
		{`<"a> SIZE=1"@b.example>`, ` <"a> SIZE=1"@b.example>`},
	} {
		if got := show(parseAddressList(c.in)); got != c.want {
			t.Errorf("parseAddressList(%q)\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestStrictAddress(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ann@example.com", "ann@example.com"},
		{"Ann.Doe+tag@EXAMPLE.Com", "Ann.Doe+tag@example.com"},
		{"o'neil@example.com", "o'neil@example.com"},
		{"ann@bücher.example", "ann@xn--bcher-kva.example"},
		{"ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		{"ann@日本語.example", "ann@xn--wgv71a119e.example"},
		{"ann@3com.example", "ann@3com.example"},
		{strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com"},
	} {
		if got, err := StrictAddress(c.in); got != c.want || err != nil {
			t.Errorf("StrictAddress(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{
		"", "@", "a", "a@", "@b.example", "a@b", "a@@b.example", "a@b@c.example", " @b.example", `" "@b.example`, `"a"@b.example`,
		"a@[127.0.0.1]", "a@-b.example", "a@b-.example", "a@b..example", "a@.b.example", "a@b.example.", "a.@b.example", ".a@b.example", "a..b@c.example",
		"usеr@paypal.example",        // Cyrillic е in the local part
		"us\u202eer@p.example",       // right-to-left override
		"ann\u200b@x.example",        // zero width
		"ann@x\u200b.example",        // UTS 46 would drop it silently
		"ann@ex\u00adample.example",  // soft hyphen
		"boss@cоrp.example",          // Cyrillic о
		"ann@xn--crp-1ed.example",    // the same as A-label
		"=?utf-8?q?=61?=@c.example",  // splitting the email atom
		"foo:a@b.example;",           // a group
		"<aaa@bbb.example>ccc@d.com", // two in one
		"a b@c.example", "a@b c.example", "a@b.example\r\nRCPT TO:<x@y.example>", "a> SIZE=1@b.example", "a@b.123", "a@1.2.3.4",
		strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("b", 64) + ".example",
		"a@" + strings.Repeat("b.", 130) + "example", strings.Repeat("a", 1<<20) + "@example.com", "a@\xff.example",
	} {
		if got, err := StrictAddress(in); err == nil {
			t.Errorf("StrictAddress(%.60q) = %q, want a refusal", in, got)
		} else if len(err.Error()) > 1500 {
			t.Errorf("StrictAddress(%.60q): the error holds %d bytes", in, len(err.Error()))
		}
	}
}

// A header of a million brackets must not cost seconds (THREATS T9, T13). The
// limit of a header is 128 KB.
func TestAddressListIsLinear(t *testing.T) {
	for _, unit := range []string{"<", `"`, `\"`, "(", "[", ":", "a:", ",", ";", "<a@b", `"\`, "=?a?q?x", "a@b,", "<>", "\"@", "(\\", "@"} {
		isLinear(t, unit, 32<<10, func(in string) { parseAddressList(in) })
	}
}

func TestParseDate(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Tue, 24 Nov 2026 10:11:12 +0100", "2026-11-24T10:11:12+01:00"},
		{"24 Nov 2026 10:11 +0100", "2026-11-24T10:11:00+01:00"},
		{"Tue, 24 Nov 26 10:11:12 GMT", "2026-11-24T10:11:12Z"},
		{"Tue, 24 Nov 2026 10:11:12 -0500 (EST)", "2026-11-24T10:11:12-05:00"},
		{"Tue, 24 Nov 2026 10:11:12 PST", "2026-11-24T10:11:12-08:00"},
		{"Tue Nov 24 10:11:12 2026", "2026-11-24T10:11:12Z"},
		{"Tuesday, 24-Nov-26 10:11:12 UTC", "2026-11-24T10:11:12Z"},
		{"Tue,24 Nov 2026 10:11:12 +01:00", "2026-11-24T10:11:12+01:00"},
		{"2026-11-24T10:11:12+01:00", "2026-11-24T10:11:12+01:00"},
		{"2026-11-24 10:11:12", "2026-11-24T10:11:12Z"},
		{"Tue, 24 Nov 2026 10:11:12", "2026-11-24T10:11:12Z"},
		{"Tue, 24 Nov 2026 10:11:12 GMT+0200", "2026-11-24T10:11:12+02:00"},
		{"24 November 2026 10:11:12 +0000", "2026-11-24T10:11:12Z"},
		{"Tue, 24 Nov 2026 10.11.12 +0100", "2026-11-24T10:11:12+01:00"},
		{"yesterday", ""}, {"", ""}, {"99 99 99", ""}, {"Tue, 24 Nov 2026 99:11:12 +0000", ""}, {strings.Repeat("1 ", 1000), ""},
	} {
		got := ""
		if d := parseDate(c.in); !d.IsZero() {
			got = d.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("parseDate(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}
