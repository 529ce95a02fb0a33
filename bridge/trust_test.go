package bridge

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"ticketbridge/mailparse"
)

const vendor = "acme-0123456789ab.intercom-mail.com"

// signer signs mails as domains whose keys its DNS answers for.
type signer struct {
	key ed25519.PrivateKey
	txt string
	err error
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key: key, txt: "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)}
}

func (s *signer) lookup(string) ([]string, error) { return []string{s.txt}, s.err }

func (s *signer) sign(t *testing.T, raw, domain string, headers ...string) string {
	t.Helper()
	var b bytes.Buffer
	err := dkim.Sign(&b, strings.NewReader(raw), &dkim.SignOptions{
		Domain: domain, Selector: "s", Signer: crypto.Signer(s.key), Hash: crypto.SHA256, HeaderKeys: headers,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDistrustDKIM: THREATS T3 and T4, on signatures made here.
func TestDistrustDKIM(t *testing.T) {
	s := newSigner(t)
	raw := "From: Ada via Intercom <notifications@" + vendor + ">\r\nSubject: Re: [ACME] Ada: hi\r\nDate: Wed, 11 Mar 2026 06:33:00 +0100\r\nMessage-ID: <1@x.test>\r\n\r\nWhere is it?\r\n"
	good := s.sign(t, raw, vendor)
	for _, tt := range []struct {
		name, mail string
		trusted    bool
		says       string
	}{
		{"valid", good, true, ""},
		{"valid beside a foreign one", s.sign(t, good, "relay.test"), true, ""},
		{"unsigned", raw, false, "no DKIM signature"},
		{"signed by another domain", s.sign(t, raw, "evil.test"), false, "signed by evil.test"},
		{"signed by the vendor's other workspace", s.sign(t, raw, "evil-0123456789ab.intercom-mail.com"), false, "not by " + vendor},
		{"one body byte changed", strings.Replace(good, "Where", "where", 1), false, "not valid"},
		{"subject changed", strings.Replace(good, "Ada: hi", "Eve: hi", 1), false, "not valid"},
		{"a second From on top", "From: evil@evil.test\r\n" + good, false, "2 From fields"},
		{"a second Subject on top", "Subject: other\r\n" + good, false, "2 Subject fields"},
		{"signature cut", strings.Replace(good, "b=", "b=AAAA", 1), false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := Trust{LookupTXT: s.lookup, Formats: map[string]FormatTrust{"intercom": {Authenticate: "dkim"}}}
			why, err := tr.distrust(t.Context(), Mail{Raw: []byte(tt.mail)}, parsedFor(t, tt.mail))
			if err != nil || (why == "") != tt.trusted || !strings.Contains(why, tt.says) {
				t.Errorf("trusted %v, %q, %v", why == "", why, err)
			}
		})
	}
}

// parsedFor reads the mail and calls it an Intercom message.
func parsedFor(t *testing.T, raw string) *mailparse.Mail {
	t.Helper()
	p, err := mailparse.NewParser(mailparse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := p.Parse([]byte(raw))
	m.Chat = &mailparse.Transcript{Format: "intercom", Action: mailparse.Process}
	return m
}

// TestKeyServerDown: a key that cannot be had now is not a forgery.
func TestKeyServerDown(t *testing.T) {
	s := newSigner(t)
	raw := "From: notifications@" + vendor + "\r\nSubject: x\r\n\r\nx\r\n"
	signed := s.sign(t, raw, vendor)
	s.err = &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	tr := Trust{LookupTXT: s.lookup, Formats: map[string]FormatTrust{"intercom": {Authenticate: "dkim", DKIMDomains: []string{vendor}}}}
	if why, err := tr.distrust(t.Context(), Mail{Raw: []byte(signed)}, parsedFor(t, signed)); !errors.Is(err, errNoKey) {
		t.Errorf("got %q, %v; want errNoKey", why, err)
	}
}

// TestKeyOutage: mails wait for an hour of DNS failures, then they are parked; a
// key that can be had ends the wait.
func TestKeyOutage(t *testing.T) {
	var o outage
	began := at(11, 6, 0)
	for _, tt := range []struct {
		after time.Duration
		err   error
		wait  bool
	}{
		{0, errNoKey, true}, {59 * time.Minute, errNoKey, true}, {61 * time.Minute, errNoKey, false}, {62 * time.Minute, nil, false}, {63 * time.Minute, errNoKey, true},
	} {
		if got := o.patient(tt.err, began.Add(tt.after)); got != tt.wait {
			t.Errorf("after %v, %v: wait %v", tt.after, tt.err, got)
		}
	}
}

// TestDistrustOfForwards: only the agent's own domain can vouch for a forward.
func TestDistrustOfForwards(t *testing.T) {
	s := newSigner(t)
	raw := "From: Ann <ann@example.com>\r\nSubject: Fwd: x\r\n\r\nx\r\n"
	tr := Trust{LookupTXT: s.lookup, Agents: []string{"ann@example.com"}, Formats: map[string]FormatTrust{"intercom": {Authenticate: "dkim", DKIMDomains: []string{vendor}}}}
	for domain, trusted := range map[string]bool{"example.com": true, vendor: false} {
		signed := s.sign(t, raw, domain)
		m := parsedFor(t, signed)
		m.Forwarded = true
		if why, err := tr.distrust(t.Context(), Mail{Raw: []byte(signed)}, m); err != nil || (why == "") != trusted {
			t.Errorf("signed by %s: %q, %v", domain, why, err)
		} else if !trusted && !strings.HasSuffix(why, "it needs a signature of example.com: have your mail server sign colleagues' mail too, or release this one") {
			t.Errorf("%q does not say what to do", why)
		}
	}
}
