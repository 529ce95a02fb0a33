package bridge

import (
	"testing"

	"ticketbridge/mailparse"
)

func TestParseAuthResults(t *testing.T) {
	for _, tt := range []struct {
		name, value, id string
		ok              bool
		pass            []string // header.d of dkim=pass
	}{
		{"plain", "mx.example.com; dkim=pass header.d=acme.intercom-mail.com", "mx.example.com", true, []string{"acme.intercom-mail.com"}},
		{"version and comments", "mx.example.com 1 (ours); spf=fail (x; dkim=pass header.d=evil.test) smtp.mailfrom=a@b.test; dkim=pass (ok) header.d=good.test header.b=\"a;b\"", "mx.example.com", true, []string{"good.test"}},
		{"pass inside quotes", `mx.example.com; spf=fail smtp.mailfrom="x; dkim=pass header.d=intercom.io; y"`, "mx.example.com", true, nil},
		{"pass inside a comment", "mx.example.com; dkim=fail (bad; dkim=pass header.d=intercom.io) header.d=evil.test", "mx.example.com", true, nil},
		{"nested comment", "mx.example.com; dkim=fail (a (b) ; dkim=pass header.d=x.test) header.d=evil.test", "mx.example.com", true, nil},
		{"none", "mx.example.com; none", "mx.example.com", true, nil},
		{"open comment", "mx.example.com; dkim=pass (header.d=x.test", "", false, nil},
		{"open quote", `mx.example.com; dkim=pass header.d="x.test`, "", false, nil},
		{"no authserv-id", "; dkim=pass header.d=x.test", "", false, nil},
		{"Microsoft's without an id", "spf=pass smtp.mailfrom=x.test; dkim=pass header.d=x.test", "", false, nil},
		{"property twice", "mx.example.com; dkim=pass header.d=a.test header.d=b.test", "", false, nil},
		{"garbage tail", "mx.example.com; dkim=pass header.d=a.test junk", "", false, nil},
		{"empty", "", "", false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, results, ok := parseAuthResults(tt.value)
			if ok != tt.ok || ok && id != tt.id {
				t.Fatalf("got id %q ok %v, want %q %v", id, ok, tt.id, tt.ok)
			}
			var pass []string
			for _, r := range results {
				if r.method == "dkim" && r.result == "pass" {
					pass = append(pass, r.props["header.d"])
				}
			}
			if len(pass) != len(tt.pass) || len(pass) > 0 && pass[0] != tt.pass[0] {
				t.Errorf("dkim=pass for %v, want %v", pass, tt.pass)
			}
		})
	}
}

func TestDistrustHeader(t *testing.T) {
	const good = "mx.example.com; dkim=pass header.d=acme.intercom-mail.com"
	field := func(name, value string) mailparse.Field { return mailparse.Field{Name: name, Value: value} }
	for _, tt := range []struct {
		name    string
		h       mailparse.Header
		trusted bool
	}{
		{"topmost", mailparse.Header{field("Authentication-Results", good), field("Received", "x")}, true},
		{"below Return-Path", mailparse.Header{field("Return-Path", "<a@b.test>"), field("authentication-results", good)}, true},
		{"below a Received: came with the mail", mailparse.Header{field("Received", "x"), field("Authentication-Results", good)}, false},
		{"below the mail store's Received", mailparse.Header{field("Received", "from mail.example.com ([127.0.0.1]) by mail.example.com with LMTP id abc for <ann@example.com>; Tue, 24 Nov 2026 12:00:00 +0000"), field("Authentication-Results", good), field("Received", "x")}, true},
		{"below the store's and the border's", mailparse.Header{field("Received", "from a by b with LMTP id x"), field("Received", "from evil.test by mx.example.com with ESMTP id y"), field("Authentication-Results", good)}, false},
		{"other server's stands above", mailparse.Header{field("Authentication-Results", "mx.evil.test; none"), field("Authentication-Results", good)}, false},
		{"id in other case", mailparse.Header{field("Authentication-Results", "MX.example.com; dkim=pass header.d=acme.intercom-mail.com")}, false},
		{"id with a dot", mailparse.Header{field("Authentication-Results", "mx.example.com.; dkim=pass header.d=acme.intercom-mail.com")}, false},
		{"id with a tail", mailparse.Header{field("Authentication-Results", "mx.example.com.evil.test; dkim=pass header.d=acme.intercom-mail.com")}, false},
		{"other domain signed", mailparse.Header{field("Authentication-Results", "mx.example.com; dkim=pass header.d=evil.test")}, false},
		{"subdomain signed", mailparse.Header{field("Authentication-Results", "mx.example.com; dkim=pass header.d=x.acme.intercom-mail.com")}, false},
		{"failed", mailparse.Header{field("Authentication-Results", "mx.example.com; dkim=fail header.d=acme.intercom-mail.com")}, false},
		{"two signatures, ours second", mailparse.Header{field("Authentication-Results", "mx.example.com; dkim=pass header.d=x.test; dkim=pass header.d=acme.intercom-mail.com")}, true},
		{"none there", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			why := distrustHeader(tt.h, "mx.example.com", []string{"acme.intercom-mail.com"})
			if (why == "") != tt.trusted {
				t.Errorf("trusted = %v (%q), want %v", why == "", why, tt.trusted)
			}
		})
	}
	if why := distrustHeader(mailparse.Header{field("Authentication-Results", good)}, "", nil); why == "" {
		t.Error("a mailbox without authserv_id trusts a header")
	}
}
