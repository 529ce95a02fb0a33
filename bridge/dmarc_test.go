package bridge

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"ticketbridge/mailparse"
)

// zoneFile is what the name server of these tests serves: TXT by name; "servfail"
// and "silent" are faults of the server.
var zoneFile = map[string][]string{
	"_dmarc.none.test.":         {"v=DMARC1; p=none"},
	"_dmarc.quarantine.test.":   {"v=DMARC1; p=quarantine; rua=mailto:x@quarantine.test"},
	"_dmarc.reject.test.":       {"v=DMARC1;p=REJECT"},
	"_dmarc.testing.test.":      {"v=DMARC1; p=reject; t=y"},
	"_dmarc.spnone.test.":       {"v=DMARC1; p=reject; sp=none"},
	"_dmarc.spreject.test.":     {"v=DMARC1; p=none; sp=reject"},
	"_dmarc.np.test.":           {"v=DMARC1; p=none; np=reject"},
	"_dmarc.two.test.":          {"v=DMARC1; p=reject", "v=DMARC1; p=none"},
	"_dmarc.odd.test.":          {"v=DMARC1; p=maybe"},
	"_dmarc.missing.test.":      {"v=DMARC1; rua=mailto:x@missing.test"},
	"_dmarc.other.test.":        {"v=spf1 -all", "p=reject; v=DMARC1"},
	"_dmarc.mixed.test.":        {"some words", "v=DMARC1; p=reject"},
	"_dmarc.servfail.test.":     {"servfail"},
	"_dmarc.silent.test.":       {"silent"},
	"_dmarc.own.reject.test.":   {"v=DMARC1; p=none"},
	"_dmarc.mid.deep.test.":     {"v=DMARC1; p=none"},
	"_dmarc.deep.test.":         {"v=DMARC1; p=reject"},
	"_dmarc.stop.wide.test.":    {"v=DMARC1; p=none; psd=n"},
	"_dmarc.wide.test.":         {"v=DMARC1; p=reject"},
	"_dmarc.registry.test.":     {"v=DMARC1; p=reject; psd=y"},
	"_dmarc.has.registry.test.": {"v=DMARC1; p=none"},
}

// nameServer serves zoneFile on loopback and counts questions.
func nameServer(t *testing.T) (lookup func(context.Context, string) ([]string, error), asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	s := &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(ready) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		asked.Add(1)
		m := new(dns.Msg)
		m.SetReply(q)
		name := strings.ToLower(q.Question[0].Name)
		txts := zoneFile[name]
		switch {
		case len(txts) == 0:
			m.Rcode = dns.RcodeNameError
		case txts[0] == "servfail":
			m.Rcode = dns.RcodeServerFailure
		case txts[0] == "silent":
			return
		default:
			for _, txt := range txts {
				m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{txt}})
			}
		}
		w.WriteMsg(m)
	})}
	done := make(chan error, 1)
	go func() { done <- s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() {
		s.Shutdown()
		<-done
	})
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
	return r.LookupTXT, asked
}

// TestDMARC: RFC 9989's tree walk against a name server.
func TestDMARC(t *testing.T) {
	lookup, _ := nameServer(t)
	for domain, want := range map[string]DMARCPolicy{
		"none.test": DMARCNone, "quarantine.test": DMARCEnforced, "reject.test": DMARCEnforced, "REJECT.test.": DMARCEnforced, "testing.test": DMARCEnforced,
		"absent.test": DMARCNone, "odd.test": DMARCNone, "missing.test": DMARCNone, "two.test": DMARCNone, "other.test": DMARCNone, "mixed.test": DMARCEnforced,
		"mail.reject.test": DMARCEnforced, "a.b.c.reject.test": DMARCEnforced, "own.reject.test": DMARCNone,
		"spnone.test": DMARCEnforced, "mail.spnone.test": DMARCNone, "spreject.test": DMARCNone, "mail.spreject.test": DMARCEnforced, "mail.np.test": DMARCEnforced,
		"x.mid.deep.test":   DMARCEnforced, // the organizational domain is that of the fewest labels
		"x.stop.wide.test":  DMARCNone,     // unless psd=n says so earlier
		"org.registry.test": DMARCEnforced, "mail.has.registry.test": DMARCNone, "x.y.org.registry.test": DMARCEnforced,
		"servfail.test": DMARCUnknown, "mail.servfail.test": DMARCUnknown,
		"gmail.com": DMARCEnforced, "yahoo.co.uk": DMARCEnforced, "proton.me": DMARCEnforced, "web.de": DMARCEnforced,
	} {
		d := &DMARC{LookupTXT: lookup}
		if got, why := d.Policy(t.Context(), domain); got != want || why == "" {
			t.Errorf("%s: got %s (%s), want %s", domain, got, why, want)
		}
	}
}

// TestDMARCSilence: a server that does not answer leaves the policy unknown.
func TestDMARCSilence(t *testing.T) {
	lookup, _ := nameServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got, why := (&DMARC{LookupTXT: lookup}).Policy(ctx, "silent.test"); got != DMARCUnknown || !strings.Contains(why, "cannot be looked up") {
		t.Errorf("got %s: %s", got, why)
	}
}

// TestDMARCAsksLittle: eight questions at most, and none twice within the hour;
// a fault is asked again soon.
func TestDMARCAsksLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		var fault error
		d := &DMARC{LookupTXT: func(_ context.Context, name string) ([]string, error) {
			asked = append(asked, name)
			return nil, fault
		}}
		long := "a.b.c.d.e.f.g.h.i.j.example.test"
		d.Policy(t.Context(), long)
		if len(asked) != 8 || asked[0] != "_dmarc."+long+"." || asked[1] != "_dmarc.f.g.h.i.j.example.test." || asked[7] != "_dmarc.test." {
			t.Errorf("asked %d: %v", len(asked), asked)
		}
		for _, step := range []struct {
			wait  time.Duration
			fault error
			more  bool
		}{{0, nil, false}, {59 * time.Minute, nil, false}, {2 * time.Minute, fmt.Errorf("refused"), true}, {30 * time.Second, nil, false}, {time.Minute, nil, true}} {
			time.Sleep(step.wait)
			before := len(asked)
			fault = step.fault
			d.Policy(t.Context(), long)
			if more := len(asked) > before; more != step.more {
				t.Errorf("after %s: asked again: %v", step.wait, more)
			}
		}
	})
}

// TestChooseIdentity is the order of SENDING §1.5.
func TestChooseIdentity(t *testing.T) {
	type facts = sendingFacts
	for _, test := range []struct {
		name, profile string
		f             facts
		want, why     string
	}{
		{"local path", "mailbox", facts{LocalPath: true, Policy: DMARCEnforced}, AsCustomer, "local_path"},
		{"lmtp", "freescout", facts{Transport: "lmtp", Policy: DMARCEnforced}, AsCustomer, "lmtp"},
		{"imap", "mailbox", facts{Transport: "imap"}, AsCustomer, "imap"},
		{"Reply-To first", "rt", facts{Policy: DMARCNone, Why: "none"}, ReplyToAlias, "Reply-To"},
		{"no policy", "mailbox", facts{Policy: DMARCNone, Why: "publishes none"}, AsCustomer, "publishes none"},
		{"policy", "mailbox", facts{Policy: DMARCEnforced, Why: "asks to reject"}, ReplyToAlias, "asks to reject"},
		{"unknown", "mailbox", facts{Policy: DMARCUnknown, Why: "cannot be looked up"}, ReplyToAlias, "cannot be looked up"},
		{"znuny has no reply-to", "znuny", facts{Policy: DMARCEnforced, Why: "x"}, AsCustomer, "nothing else"},
		{"but an agent", "znuny", facts{Policy: DMARCEnforced, HasCommand: true, Why: "asks"}, AsCommand, "asks"},
		{"zendesk", "zendesk", facts{Policy: DMARCNone, HasCommand: true}, AsCommand, "does not take"},
		{"zendesk without an agent", "zendesk", facts{Policy: DMARCNone, LocalPath: true}, ReplyToAlias, "does not take"},
		{"jira", "jira-sm", facts{Policy: DMARCNone, HasCommand: true}, ReplyToAlias, "does not take"},
	} {
		test.f.Helpdesk = helpdesk(t, test.profile)
		if got, why := chooseIdentity(test.f); got != test.want || !strings.Contains(why, test.why) {
			t.Errorf("%s: got %s (%s), want %s", test.name, got, why, test.want)
		}
	}
}

// TestIdentityIsKept: the DNS is asked where it matters only, and a conversation
// keeps what its first message had.
func TestIdentityIsKept(t *testing.T) {
	asked := 0
	c := IdentityChooser{Target: targetComposer(t, "mailbox", AutoIdentity).Target, DMARC: &DMARC{LookupTXT: func(context.Context, string) ([]string, error) {
		asked++
		return []string{"v=DMARC1; p=reject"}, nil
	}}}
	identity, why := c.choose(t.Context(), "ada@customer.test")
	if identity != ReplyToAlias || !strings.Contains(why, "customer.test asks to reject") || asked != 1 {
		t.Errorf("%s (%s), asked %d", identity, why, asked)
	}
	c.Target.LocalPath = true
	if identity, _ := c.choose(t.Context(), "bo@other.test"); identity != AsCustomer || asked != 1 {
		t.Errorf("%s, asked %d", identity, asked)
	}
	c.Target.Identity = AsCustomer
	if identity, why := c.choose(t.Context(), "bo@other.test"); identity != AsCustomer || why != "" {
		t.Errorf("configured: %s (%s)", identity, why)
	}
	in := &Ingest{Composer: Composer{Target: c.Target}}
	r := &reading{identity: ReplyToAlias, identityReason: "why", now: time.Now()}
	r.parsed = parsed(t, "Subject: x", "")
	fresh, _ := in.conversation(Arrival{reading: r}, Known{})
	known, _ := in.conversation(Arrival{reading: r}, Known{Conversation: &Conversation{Identity: AsCustomer, Customer: mailparse.Customer{Address: "bo@other.test"}}})
	if fresh.Identity != ReplyToAlias || fresh.IdentityReason != "why" || known.Identity != AsCustomer {
		t.Errorf("new %q, known %q", fresh.Identity, known.Identity)
	}
}
