package realtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func TestSubmittedMailArrivesWithItsEnvelope(t *testing.T) {
	d := Dovecot(t)
	p := Postfix(t, d)
	sender, support := d.NewMailbox(t, "bridge"), d.NewMailbox(t, "support")
	for name, dial := range map[string]func() (*smtp.Client, error){
		"submission":  func() (*smtp.Client, error) { return smtp.DialStartTLS(string(p.Submission), trust(t, p.CAFile)) },
		"submissions": func() (*smtp.Client, error) { return smtp.DialTLS(string(p.Submissions), trust(t, p.CAFile)) },
	} {
		c, err := dial()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer c.Close()
		if err := send(c, "bounce@"+Domain, support.Address, raw(name)); err == nil {
			t.Errorf("%s: relays without a password", name)
		}
		if err := c.Reset(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.Auth(sasl.NewPlainClient("", sender.Address, sender.Password)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// From is somebody else's, the envelope sender nobody's mailbox.
		if err := send(c, "bounce+17@"+Domain, strings.Replace(support.Address, "@", "+ref@", 1), raw(name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, m := range support.Wait(t, "INBOX", 2) {
		for field, want := range map[string]string{
			"From":          "Ann <ann@example.org>",
			"Return-Path":   "<bounce+17@" + Domain + ">",
			"X-Original-To": strings.Replace(support.Address, "@", "+ref@", 1),
			"Delivered-To":  strings.Replace(support.Address, "@", "+ref@", 1),
		} {
			if got := m.Header(field); got != want {
				t.Errorf("%s: %s: %q, want %q", m.Header("Subject"), field, got, want)
			}
		}
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	d := Dovecot(t)
	p := Postfix(t, d)
	c, err := smtp.DialTLS(string(p.Submissions), trust(t, p.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Auth(sasl.NewPlainClient("", d.NewMailbox(t, "bridge").Address, "wrong"))
	if refused := new(smtp.SMTPError); !errors.As(err, &refused) || refused.Code != 535 {
		t.Errorf("got %v, want 535", err)
	}
}

func TestNothingLeavesTheMachine(t *testing.T) {
	d := Dovecot(t)
	p := Postfix(t, d)
	before := len(p.Elsewhere().Mails(t, "INBOX"))
	p.Send(t, "support@"+Domain, "ann@customer.example.org", raw("acknowledgement"))
	got := p.Elsewhere().Wait(t, "INBOX", before+1)[before]
	if to := got.Header("X-Original-To"); to != "ann@customer.example.org" {
		t.Errorf("X-Original-To: %q", to)
	}
}

func TestRefusedRecipients(t *testing.T) {
	p := Postfix(t, Dovecot(t))
	for to, code := range map[string]int{"refused@" + Domain: 550, "later+x@" + Domain: 451} {
		c, err := smtp.Dial(string(p.SMTP))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		err = send(c, "bounce@"+Domain, to, raw("x"))
		if refused := new(smtp.SMTPError); !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("%s: got %v, want %d", to, err, code)
		}
	}
}

func TestUnknownUserBounces(t *testing.T) {
	d := Dovecot(t)
	p := Postfix(t, d)
	bounces := d.NewMailbox(t, "bounce")
	p.Send(t, bounces.Address, "nobody-at-all@"+Domain, raw("x"))
	got := bounces.Wait(t, "INBOX", 1)[0]
	if rp, ct := got.Header("Return-Path"), got.Header("Content-Type"); rp != "<>" || !strings.HasPrefix(ct, "multipart/report") {
		t.Errorf("Return-Path %q, Content-Type %q: no bounce", rp, ct)
	}
}

func TestPostfixKeepsMailOverKillAndRestart(t *testing.T) {
	d := NewDovecot(t, DovecotConfig{})
	p := NewPostfix(t, d, PostfixConfig{})
	support := d.NewMailbox(t, "support")
	d.Stop(t) // so that mail stays in the queue
	p.Send(t, "bounce@"+Domain, support.Address, raw("queued"))
	p.Kill9(t)
	p.Start(t)
	d.Start(t)
	wantSubjects(t, support, "INBOX", "queued")
	p.Restart(t)
	p.Send(t, "bounce@"+Domain, support.Address, raw("after restart"))
	wantSubjects(t, support, "INBOX", "queued", "after restart")
}
