package mailparse

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// intercomMail is a teammate notification of about 22 KB, laid out as FORMATS
// §1.5 has it: tables in tables, styles on every cell, quoted-printable.
func intercomMail(tb testing.TB, withText bool) []byte {
	tb.Helper()
	const style = `style="font-family:'Helvetica Neue',Helvetica,Arial,sans-serif;font-size:15px;line-height:22px;color:#222222;padding:0 0 12px 0;border-collapse:collapse;vertical-align:top"`
	const base = "https://app.intercom.com/a/apps/abcd1234"
	var h strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&h, format+"\r\n", args...) }
	p(`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"><html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"><style type="text/css">`)
	for i := range 20 {
		p(`.intercom-h2b-%d { margin: 0 0 %dpx 0; padding: 0; font-size: 15px; line-height: 22px; color: #222222 } @media only screen and (max-width: 480px) { .c%d { width: 100%% !important } }`, i, i, i)
	}
	p(`</style></head><body class="notification"><div style="display:none!important"><img width="1" height="1" src="https://acme-0123456789ab.intercom-mail.com/q/TOKEN~~/AAAAAQA~/QUJDREVGR0hJSktM"/></div>`)
	p(`<div class="mail_body"><div itemscope itemtype="http://schema.org/EmailMessage"><div itemprop="action" itemscope itemtype="http://schema.org/ViewAction"><link itemprop="url" href="%s/conversations/1964"><meta itemprop="name" content="View conversation"></div></div>`, base)
	p(`<table id="admin-notification-header" %s><tr><td id="call-to-response" %s><table><tr><td id="user-call-to-response" %s>Write ABOVE to reply to <a href="%s/users/0123456789abcdef01234567">Ada Example</a></td><td class="user-role-badge"><span class="badge o__user">user</span></td></tr></table></td><td id="view-conversation" %s><a href="%s/conversations/1964">View conversation</a></td></tr></table>`, style, style, style, base, style, base)
	p(`<table id="conversation-parts-wrapper" %s><tr><td><div id="admin-notification-parts">`, style)
	for i := range 4 {
		p(`<table class="conversation-part user" %s><tr><td class="conversation-part-avatar" %s>AE</td><td><table><tr><td class="conversation-part-body" %s><table class="part-content" %s><tr><td>`, style, style, style, style)
		for j := range 3 {
			p(`<p class="intercom-align-left" %s>Hello, since yesterday the invoice page shows error %d%d – it says “amount missing” where it used to show the total. Could you have a look at it, please? We need it before the end of the month.</p>`, style, i, j)
		}
		p(`</td></tr></table></td></tr><tr><td class="conversation-part-metadata" %s><a href="%s/users/0123456789abcdef01234567">Ada</a> on <a href="%s/conversations/1964">11 Mar,  6:3%dam</a></td></tr></table>`, style, base, base, i)
		p(`<table class="attribution" %s><tr><td class="label" %s>EMAIL</td><td %s><a href="mailto:ada@example.org">ada@example.org</a></td></tr></table>`, style, style, style)
		p(`<table class="attribution inline" %s><tr><td class="label">SIGNED UP</td><td>about 12 hours ago</td></tr></table><table class="attribution inline"><tr><td><img width="12" height="12" src="https://acme-0123456789ab.intercom-mail.com/assets/emails/notifications/location.png"></td><td>Exampletown, Exampleland</td></tr></table></td><td class="conversation-part-spacer"> </td></tr></table>`, style)
	}
	p(`</div></td></tr></table><table id="admin-notification-footer" %s><tr><td id="intercom-source" %s>This email was sent from <a href="https://www.intercom.com/">Intercom</a></td><td id="notification-settings">You can change your notification settings <a href="%s/account/notifications">here</a></td></tr></table></div>`, style, style, base)
	p(`<img width="1" height="1" src="https://acme-0123456789ab.intercom-mail.com/q/TOKEN2~~/AAAAAQA~/QUJDREVGR0hJSktM"></body></html>`)

	var m bytes.Buffer
	m.WriteString(crlf(`Return-Path: <bounces+0123456789@acme-0123456789ab.intercom-mail.com>
Delivered-To: agent+k7q2m9@example.com
Received: from mx.example.com (mx.example.com [192.0.2.1])
	by imap.example.com with LMTP id abcdef
	for <agent@example.com>; Tue, 24 Nov 2026 09:11:14 +0000
Received: from o1.intercom-mail.example (o1.intercom-mail.example [192.0.2.2])
	by mx.example.com with ESMTPS id 0123456789
	for <agent+k7q2m9@example.com>; Tue, 24 Nov 2026 09:11:13 +0000
Authentication-Results: mx.example.com; dkim=pass header.d=acme-0123456789ab.intercom-mail.com
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=acme-0123456789ab.intercom-mail.com;
	s=intercom; t=1795511472; h=from:to:subject:date:message-id:mime-version:content-type;
	bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
	AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
From: "Ada Example via Intercom" <notifications@acme-0123456789ab.intercom-mail.com>
To: agent+k7q2m9@example.com
Reply-To: "Ada Example" <n+u_abcdef@acme-0123456789ab.intercom-mail.com>
Message-ID: <6bc1bee2-1a2b3c4d-1795511472-1964@outbound.acme-0123456789ab.intercom-mail.com>
Subject: Re: [ACME] Ada Example: where do I change the invoice =?utf-8?q?address=3F_=E2=80=93?= please
Date: Tue, 24 Nov 2026 09:11:12 +0000
MIME-Version: 1.0
X-Auto-Response-Suppress: OOF, AutoReply
X-Intercom-App-Id: abcd1234
Content-Type: multipart/alternative; boundary="--==_mimepart_0123456789"

----==_mimepart_0123456789
`))
	if withText {
		m.WriteString(crlf("Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n\n"))
		qp := quotedprintable.NewWriter(&m)
		io.WriteString(qp, "Write ABOVE to reply to Ada Example\r\n\r\nHello, since yesterday the invoice page shows an error – can you have a look at it?\r\n\r\nAda on 11 Mar,  6:30am\r\n\r\nEMAIL ada@example.org\r\n\r\nThis email was sent from Intercom\r\n")
		qp.Close()
		m.WriteString("\r\n----==_mimepart_0123456789\r\n")
	}
	m.WriteString(crlf("Content-Type: text/html; charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n\n"))
	qp := quotedprintable.NewWriter(&m)
	io.WriteString(qp, h.String())
	qp.Close()
	m.WriteString("\r\n----==_mimepart_0123456789--\r\n")
	return m.Bytes()
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// forwardMail is a small inline forward of about 1,300 bytes.
func forwardMail() []byte {
	return []byte(crlf(`Received: from mx.example.com by imap.example.com with LMTP id abcdef; Tue, 24 Nov 2026 09:11:14 +0000
From: Ben Agent <ben@example.com>
To: support@example.com
Subject: Fwd: Invoice
Date: Tue, 24 Nov 2026 10:11:12 +0100
Message-ID: <fwd-1@example.com>
MIME-Version: 1.0
Content-Type: text/plain; charset="UTF-8"
Content-Transfer-Encoding: 8bit

Please take this one, she has been waiting since yesterday.

---------- Forwarded message ---------
From: Ada Example <ada@example.org>
Date: Mon, Nov 23, 2026 at 4:02 PM
Subject: Invoice
To: Ben Agent <ben@example.com>


Hello Ben,

since yesterday the invoice page shows an error: it says “amount missing” where
it used to show the total. Could you have a look at it, please? We need it
before the end of the month, since our accountant closes the books then.

The number of the invoice is 4711. I tried two browsers and two machines, and
my colleague sees the same. Before the update of last week it worked.

Also, the address on it is still the old one. Where do I change it?

Thanks a lot,
Ada

On Fri, Nov 20, 2026 at 9:15 AM Ben Agent <ben@example.com> wrote:

> Hello Ada,
> your invoice is ready.
> Ben
`))
}

// attachmentMail has a base64 attachment of size bytes.
func attachmentMail(size int) []byte {
	var m bytes.Buffer
	m.WriteString(crlf(`From: Ada Example <ada@example.org>
To: support@example.com
Subject: The file
Date: Tue, 24 Nov 2026 10:11:12 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b1"

--b1
Content-Type: text/plain; charset=utf-8

See the file.
--b1
Content-Type: application/zip; name="file.zip"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="file.zip"

`))
	line := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x5a, 0x17, 0xc3}, 19)) + "\r\n"
	m.WriteString(strings.Repeat(line, size/57))
	m.WriteString("--b1--\r\n")
	return m.Bytes()
}

func benchParser(tb testing.TB) *Parser {
	tb.Helper()
	p, err := NewParser(Options{Profiles: benchProfiles(tb), OwnDomains: []string{"example.com"}})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// benchProfiles are the enabled built-in ones, for any workspace.
func benchProfiles(tb testing.TB) []*Profile {
	tb.Helper()
	return goldenProfiles(tb, &golden{path: "bench", arc: &txtar.Archive{}})
}

func benchParse(b *testing.B, raw []byte) {
	p := benchParser(b)
	p.Parse(raw)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime(b)
	for b.Loop() {
		p.Parse(raw)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	b.ReportMetric(float64(b.N)/(cpuTime(b)-cpu).Seconds(), "mails/cpu-s")
}

// cpuTime is what the process has used, garbage collector included: on a shared
// machine it says more than the clock.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The bar for the first two: 2,500 mails/s on one core.
func BenchmarkParseIntercom22KB(b *testing.B) {
	b.Run("both", func(b *testing.B) { benchParse(b, intercomMail(b, true)) })
	b.Run("html", func(b *testing.B) { benchParse(b, intercomMail(b, false)) })
}

func BenchmarkParseForward1300B(b *testing.B) { benchParse(b, forwardMail()) }

func BenchmarkParse50MBAttachment(b *testing.B) { benchParse(b, attachmentMail(50<<20)) }

// A 50 MB attachment may cost only a few MB beyond the raw mail.
func TestAttachmentCostsNoMemory(t *testing.T) {
	raw := attachmentMail(50 << 20)
	p := benchParser(t)
	p.Parse(forwardMail()) // what is set up once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := p.Parse(raw)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("parsing allocated %d bytes", n)
	}
	if len(m.Attachments) != 1 || m.Attachments[0].Size != 50<<20/57*57 {
		t.Errorf("attachments: %+v", m.Attachments)
	}
	runtime.ReadMemStats(&before)
	var n int64
	err := EachAttachment(raw, func(_ Attachment, r io.Reader) (err error) {
		n, err = io.Copy(io.Discard, r)
		return err
	})
	runtime.ReadMemStats(&after)
	if err != nil || n != m.Attachments[0].Size {
		t.Errorf("streamed %d bytes, %v", n, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("streaming allocated %d bytes", n)
	}
}
