package bridge

import (
	"strings"
	"testing"
	"time"

	"ticketbridge/mailparse"
)

// TestCanaryMessage: it says that it is a test, carries ids of ours, is from whom
// it shall be, and only a quiet one asks the helpdesk to drop it.
func TestCanaryMessage(t *testing.T) {
	k := testKeys(t)
	for _, name := range HelpdeskNames() {
		for _, identity := range helpdesk(t, name).Identities {
			c := targetComposer(t, name, identity)
			y := Canary{Address: "ticketbridge-test@example.com", Nonce: "abc", Now: at(11, 6, 30)}
			loud, err := c.Canary(k, y)
			if err != nil {
				t.Fatal(name, identity, err)
			}
			m := testParser(t).Parse(loud.Data)
			if !k.Own(loud.MessageID) || !k.OwnReversePath(loud.ReversePath) || loud.Recipient != c.Target.Address {
				t.Errorf("%s %s: ids %s, %s to %s", name, identity, loud.MessageID, loud.ReversePath, loud.Recipient)
			}
			if !strings.HasPrefix(m.Outer.Subject, "TEST of ticketbridge") || !strings.Contains(m.Outer.Text, "This is a test of the way") || refIn(m.Outer.Text) != k.CanaryRef("abc") {
				t.Errorf("%s %s: it does not say what it is:\n%s", name, identity, loud.Data)
			}
			y.Quiet = true
			quiet, err := c.Canary(k, y)
			if err != nil {
				t.Fatal(err)
			}
			for _, field := range c.Target.Helpdesk.Ignore {
				if !strings.Contains(string(quiet.Data), field+"\r\n") || strings.Contains(string(loud.Data), field) {
					t.Errorf("%s: %s is not where it belongs", name, field)
				}
			}
		}
	}
	if _, err := testComposer().Canary(k, Canary{Address: "a@b\r\nBcc: c@d.test", Now: time.Now()}); err == nil {
		t.Error("a canary from two lines")
	}
}

// TestCanaryAnswers: what names a canary is read as the harvest would read it.
func TestCanaryAnswers(t *testing.T) {
	k := testKeys(t)
	target := targetComposer(t, "rt", AsCustomer).Target
	p := Passage{MessageID: k.MessageID("canary/abc", target.Address, nil), Ref: k.CanaryRef("abc")}
	read := func(raw string) (CanaryAnswer, bool) {
		raw = strings.ReplaceAll(raw, "\n", "\r\n")
		return p.ReadAnswer(k, target, testParser(t).Parse([]byte(raw)), []byte(raw))
	}
	_, domain, _ := strings.Cut(target.Address, "@")
	a, ok := read("From: rt@" + domain + "\nTo: ann@example.com\nSubject: [lab #12] TEST\nX-RT-Ticket: lab #12\nIn-Reply-To: <" + p.MessageID + ">\n\nHi\n")
	if !ok || a.Ticket != "12" || a.How != "X-RT-Ticket" || !a.Speaks || len(a.To) != 1 {
		t.Errorf("an acknowledgement: %+v", a)
	}
	if a, _ := read("From: mal@example.net\nSubject: [lab #12] TEST\nIn-Reply-To: <" + p.MessageID + ">\n\nHi\n"); a.Speaks || a.How == "" {
		t.Errorf("of a stranger: %+v", a)
	}
	if a, _ := read("From: rt@" + domain + "\nSubject: hello\n\nIt says " + p.MessageID + "\n"); a.How != "" {
		t.Errorf("no acknowledgement: %+v", a)
	}
	if _, ok := read("From: x@example.com\nMessage-ID: <" + p.MessageID + ">\n\nTEST\n"); ok {
		t.Error("the canary is its own answer")
	}
	if a, _ := read("From: mailer-daemon@example.com\nReturn-Path: <>\nTo: " + k.ReversePath(p.MessageID) + "\nSubject: Undelivered\n\nMessage-ID: <" + p.MessageID + ">\n"); a.Returned == "" {
		t.Errorf("a bounce: %+v", a)
	}
}

// TestForged: only what authenticate = "header" would believe is a finding.
func TestForged(t *testing.T) {
	d := testKeys(t).Forged("abc", "test@example.com", "ann@example.com", "mx.example.com", at(11, 6, 30))
	h := testParser(t).Parse(d.Data).Outer.Header
	if got := SeeForged(h, "mx.example.com"); got != (ForgedSeen{Survived: true, Believed: true}) {
		t.Errorf("on top: %+v", got)
	}
	below := append(mailparse.Header{{Name: "Received", Value: "from x by mx.example.com with ESMTP"}}, h...)
	if got := SeeForged(below, "mx.example.com"); got != (ForgedSeen{Survived: true}) {
		t.Errorf("below the server's own: %+v", got)
	}
	if got := SeeForged(h[1:], "mx.example.com"); got != (ForgedSeen{}) {
		t.Errorf("removed: %+v", got)
	}
}
