package bridge

import (
	"strings"
	"testing"

	"ticketbridge/mailparse"
)

func testKeys(t *testing.T) Keys {
	t.Helper()
	k, err := NewKeys([]byte(strings.Repeat("k", MinSecret)), "example.com")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func turn(role mailparse.Role, author, written, text string) mailparse.Turn {
	return mailparse.Turn{Role: role, Author: author, Written: written, Text: text}
}

func TestNewKeysWantsASecret(t *testing.T) {
	if _, err := NewKeys([]byte("short"), "example.com"); err == nil {
		t.Error("a secret of 5 bytes was taken")
	}
}

func TestMessageID(t *testing.T) {
	k := testKeys(t)
	turns := digests([]mailparse.Turn{turn(mailparse.RoleCustomer, "Ada", "11 Mar,  6:30am", "Hello")})
	id := k.MessageID("intercom/abcd1234/1964", "support@example.com", turns)
	if again := k.MessageID("intercom/abcd1234/1964", "Support@Example.com", turns); again != id {
		t.Errorf("same turns, same recipient: %s and %s", id, again)
	}
	others := map[string]string{
		"other conversation": k.MessageID("intercom/abcd1234/1965", "support@example.com", turns),
		"other recipient":    k.MessageID("intercom/abcd1234/1964", "help@example.com", turns),
		"other turns":        k.MessageID("intercom/abcd1234/1964", "support@example.com", nil),
	}
	for what, other := range others {
		if other == id {
			t.Errorf("%s gives the same Message-ID", what)
		}
	}
	if !k.Own("<"+id+">") || !k.Own(strings.ToUpper(id)) {
		t.Errorf("%s is not recognised as ours", id)
	}
}

func TestOwnRefusesForeignIDs(t *testing.T) {
	k := testKeys(t)
	id := k.MessageID("c", "r", nil)
	other, _ := NewKeys([]byte(strings.Repeat("x", MinSecret)), "example.com")
	for _, foreign := range []string{
		"", "tb.@example.com", "tb.abc@example.com", "<123@example.com>", "tb." + id, id[:20],
		"tb.a" + id[4:], other.MessageID("c", "r", nil), strings.Replace(id, "@", "x@", 1),
	} {
		if foreign != id && k.Own(foreign) {
			t.Errorf("%q taken for ours", foreign)
		}
	}
}

func TestReversePath(t *testing.T) {
	k := testKeys(t)
	rp := k.ReversePath("tb.x@example.com")
	if !strings.HasPrefix(rp, "bounce+") || !strings.HasSuffix(rp, "@example.com") || !k.OwnReversePath("<"+strings.ToUpper(rp)+">") {
		t.Errorf("reverse-path %s", rp)
	}
	if _, err := mailparse.StrictAddress(rp); err != nil {
		t.Errorf("%s: %v", rp, err)
	}
	for _, forged := range []string{"bounce+a.b@example.com", strings.Replace(rp, "bounce+", "bounce+a", 1), strings.Replace(rp, "example.com", "example.org", 1), "bounce@example.com"} {
		if k.OwnReversePath(forged) {
			t.Errorf("%s taken for ours", forged)
		}
	}
}

func TestRefIsReadable(t *testing.T) {
	ref := testKeys(t).Ref("intercom/abcd1234/1964")
	if len(ref) != 9 || ref[4] != '-' || strings.ContainsAny(ref, "ILOU") {
		t.Errorf("Ref %q", ref)
	}
}

func TestDigests(t *testing.T) {
	hello := turn(mailparse.RoleCustomer, "Ada", "11 Mar,  6:30am", "hello?")
	later := turn(mailparse.RoleCustomer, "Ada", "11 Mar,  6:31am", "hello?")
	rendered := turn(mailparse.RoleCustomer, "Ada Example", "11 Mar,  6:30am", "hello?\n")
	ds := digests([]mailparse.Turn{hello, later, hello})
	if ds[0].Digest == ds[1].Digest {
		t.Error("two times, one digest")
	}
	if ds[0].Digest == ds[2].Digest {
		t.Error("said twice in one mail, one digest")
	}
	if copied := digests([]mailparse.Turn{rendered}); copied[0].Digest != ds[0].Digest {
		t.Error("the copy for another agent, with another author form and line end, is taken for news")
	}
	agent := hello
	agent.Role = mailparse.RoleAgent
	if digests([]mailparse.Turn{agent})[0].Digest == ds[0].Digest {
		t.Error("customer and agent saying the same share a digest")
	}
}

func TestContentKey(t *testing.T) {
	k := testKeys(t)
	mail := func(id string) *mailparse.Mail {
		return &mailparse.Mail{Outer: mailparse.Outer{Header: mailparse.Header{{Name: "Message-ID", Value: id}}}}
	}
	key := func(m *mailparse.Mail, raw string) string { return k.ContentKey(m, []byte(raw), int64(len(raw))) }
	base := key(mail("<1@x.test>"), "A: b\r\n\r\nbody\r\n")
	if got := key(mail("<1@x.test>"), "Received: other way\nA: b\n\nbody\n"); got != base {
		t.Error("trace fields or line ends change the content key")
	}
	if key(mail("<1@x.test>"), "A: b\r\n\r\nother\r\n") == base {
		t.Error("same Message-ID, other content: same key")
	}
	if key(mail("<2@x.test>"), "A: b\r\n\r\nbody\r\n") == base {
		t.Error("other Message-ID: same key")
	}
	if k.ContentKey(mail("<1@x.test>"), []byte("A: b\r\n\r\n"), 1e6) == k.ContentKey(mail("<1@x.test>"), []byte("A: b\r\n\r\n"), 2e6) {
		t.Error("two mails of which only the header was fetched share a key")
	}
}
