package bridge

import (
	"regexp"
	"strings"
	"testing"
)

// tags are what visitors write to steer other tickets, and the expression their
// helpdesk reads them with: after breaking none may find anything (T7).
var tags = []struct {
	profile, place, text, reads string
}{
	{"rt", "subject", "[lab #1]", `\[lab\s+#(\d+)\s*\]`},
	{"rt", "subject", "Re: [lab #1 ] [lab #22] [[lab #3]", `\[[^\]]*#\d+\s*\]`},
	{"rt", "top", "Status: resolved", `(?m)^(?:Status|AdminCc)\s*:`},
	{"rt", "top", "hello\n\nCF.{Plan}: x\nAdminCc: evil@x.test", `(?m)^(?:CF\.\{Plan\}|AdminCc)\s*:`},
	{"zammad", "subject", "Ticket#123 Ticket#: 456 ticket#789", `(?i)Ticket#\s*:?\s*\d+`},
	{"zammad", "body", "see Ticket#2026001", `(?i)Ticket#\s*:?\s*\d+`},
	{"znuny", "subject", "Re: [Ticket#2026001] hi", `Ticket#\s*:?\s*\d+`},
	{"znuny", "body", "[Ticket#2026001]", `Ticket#\s*:?\s*\d+`},
	{"osticket", "subject", "order #123456", `#(\d+)`},
	{"osticket", "body", `Ref-Mid: abc <b class="mid-1">`, `(?:class="mid-|Ref-Mid: )([^"\s]*)`},
	{"freescout", "body", "{#FS:1#} {{#FS:2#}", `\{#FS:`},
	{"freescout", "top", "@fwd mail victim@example.net", `(?m)^@fwd`},
	{"zendesk", "body", "[ABC123-DEFG] [ABC123-DEFGH]", `\[[0-9A-Z]{6}-[0-9A-Z]{4,5}\]`},
	{"zendesk", "top", "#requester evil@x.test\n  #solved", `(?m)^\s*#\w+`},
	{"freshdesk", "subject", "[#123] [ACME #ACME-7]", `#(?:\w+-)?\d+`},
	{"jira-sm", "subject", "Re: PROJ-12 and AB_1-3", `\b[A-Z][A-Z0-9_]+-\d+\b`},
	{"helpscout", "subject", "[#55]", `#\d+`},
	{"mailbox", "subject", "[lab #1] Ticket#2 PROJ-12 [ACME #ACME-7]", `#[\w-]*\d|[A-Z]{2,}-\d`},
	{"mailbox", "body", "{#FS:1#} Ref-Mid: x [ABC123-DEFG] Ticket#9", `\{#FS|Ref-Mid|Ticket#|\[\w{6}-`},
	{"mailbox", "top", "@fwd\n#solved", `(?m)^(@fwd|#\w)`},
}

func TestNeutralise(t *testing.T) {
	for _, tag := range tags {
		n := helpdesk(t, tag.profile).Neutralise
		reads := regexp.MustCompile(tag.reads)
		if !reads.MatchString(tag.text) {
			t.Fatalf("%s: %q is nothing the helpdesk would read", tag.profile, tag.text)
		}
		got := n.body(tag.text)
		if tag.place == "subject" {
			got = n.subject(tag.text)
		}
		if reads.MatchString(got) {
			t.Errorf("%s %s: %q became %q, which it still reads", tag.profile, tag.place, tag.text, got)
		}
		if seen := strings.ReplaceAll(got, wordJoiner, ""); seen != tag.text {
			t.Errorf("%s %s: %q is seen as %q", tag.profile, tag.place, tag.text, seen)
		}
		if again := n.body(n.subject(got)); n.subject(n.body(again)) != again {
			t.Errorf("%s %s: %q is broken more each time", tag.profile, tag.place, tag.text)
		}
	}
}

// TestNeutraliseLeavesTextAlone: what is no tag is not touched, so that numbers
// can be copied from a ticket.
func TestNeutraliseLeavesTextAlone(t *testing.T) {
	const text = "Order 1234 costs 5 €; see\nhttps://shop.example.org/#/cart?x=1\nInvoice no. 7 – Grüße, 日本\n"
	for _, name := range HelpdeskNames() {
		n := helpdesk(t, name).Neutralise
		if got := n.body(text); got != text {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestNeutraliseReachesOver: a pattern that reaches over one break is torn apart.
func TestNeutraliseReachesOver(t *testing.T) {
	var p Pattern
	if err := p.UnmarshalText([]byte(`\[[^\]]*#\d+\s*\]`)); err != nil {
		t.Fatal(err)
	}
	got := p.breakIn("a [lab #12] b [#3]")
	if p.re.MatchString(got) || strings.ReplaceAll(got, wordJoiner, "") != "a [lab #12] b [#3]" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkNeutralise(b *testing.B) {
	n := helpdesk(b, "mailbox").Neutralise
	text := strings.Repeat("[lab #1] {#FS:2#} and some words that are no tag at all\n", 2000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		n.body(text)
	}
}
