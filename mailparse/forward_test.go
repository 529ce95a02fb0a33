package mailparse

import (
	"fmt"
	"strings"
	"testing"
)

// one builds what a forward says in one line of text, to compare.
func (f *forward) one() string {
	if f == nil {
		return "no forward"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "from %s <%s>", f.from.Name, f.from.Address)
	for _, a := range f.to {
		fmt.Fprintf(&b, " to %s <%s>", a.Name, a.Address)
	}
	for _, a := range f.cc {
		fmt.Fprintf(&b, " cc %s <%s>", a.Name, a.Address)
	}
	fmt.Fprintf(&b, " | %s | %s | body %q", f.subject, f.date, f.plain)
	if f.comment != "" {
		fmt.Fprintf(&b, " | comment %q", f.comment)
	}
	if f.weak {
		b.WriteString(" | weak")
	}
	return b.String()
}

// TestForwardOdd: one mail a case; the name says what is odd.
func TestForwardOdd(t *testing.T) {
	for _, tt := range []struct{ name, subject, text, want string }{
		{"yahoo glued, separator too", "Fw: Hello",
			"See below.\n\n----- Forwarded Message -----From: \"Ada Example\" <ada@example.org>To: \"Help\" <help@example.com>Cc: \"Cy\" <cy@example.net>Sent: Thursday, October 28, 2021, 02:58:36 PM GMT+2Subject: Hello\nFirst line.\nSecond.",
			`from Ada Example <ada@example.org> to Help <help@example.com> cc Cy <cy@example.net> | Hello | Thursday, October 28, 2021, 02:58:36 PM GMT+2 | body "First line.\nSecond." | comment "See below."`},
		{"yahoo glued with blanks", "Fw: Hello",
			" ----- Forwarded Message ----- From: Ada Example <ada@example.org> To: \"help@example.com\" <help@example.com> Sent: Thursday, October 28, 2021, 02:58:36 PM GMT+2 Subject: Hello\n First line.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021, 02:58:36 PM GMT+2 | body "First line."`},
		{"yahoo Portuguese, Subject without colon", "Enc: Olá",
			"----- Mensagem encaminhada ----- De: Ada Example <ada@example.org>Para: help@example.com <help@example.com>Enviado: quinta-feira, 28 de outubro de 2021 14:58:36 BRTAssunto Olá\nTexto.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Olá | quinta-feira, 28 de outubro de 2021 14:58:36 BRT | body "Texto."`},
		{"yahoo Polish, Cc without colon", "Fw: Cześć",
			"----- Przekazana wiadomość -----\nOd: Ada Example <ada@example.org>\nDo: help@example.com\nDw cy@example.net\nWysłano: czwartek, 28 października 2021 14:58:36\nTemat: Cześć\nTekst.",
			`from Ada Example <ada@example.org> to  <help@example.com> cc  <cy@example.net> | Cześć | czwartek, 28 października 2021 14:58:36 | body "Tekst."`},
		{"new Outlook: body on the next line", "FW: Hello",
			"From: Ada Example <ada@example.org>\nDate: Thursday, 28 October 2021 at 14:58\nTo: Help <help@example.com>\nSubject: Hello\nFirst line.\n\nSecond.",
			`from Ada Example <ada@example.org> to Help <help@example.com> | Hello | Thursday, 28 October 2021 at 14:58 | body "First line.\n\nSecond."`},
		{"bold labels", "FW: Hello",
			"fyi\n\n*From:* Ada Example <ada@example.org>\n*Sent:* Thursday, October 28, 2021 2:58 PM\n*To:* Help <help@example.com>\n*Subject:* Hello\n\nText.",
			`from Ada Example <ada@example.org> to Help <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text." | comment "fyi"`},
		{"bold labels with the colon and blank inside", "FW: Hello",
			"*From: *Ada Example <ada@example.org>\n*Date: *Thursday, October 28, 2021 at 2:58 PM\n*To: *Help <help@example.com>\n*Subject: *Hello\n\nText.",
			`from Ada Example <ada@example.org> to Help <help@example.com> | Hello | Thursday, October 28, 2021 at 2:58 PM | body "Text."`},
		{"name in bold", "Fwd: Hello",
			"---------- Forwarded message ---------\nFrom: *Ada Example* <ada@example.org>\nDate: Thu, 28 Oct 2021 at 14:58\nSubject: Hello\nTo: <help@example.com>\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thu, 28 Oct 2021 at 14:58 | body "Text."`},
		{"mailto twice", "Fwd: Hello",
			"________________________________\nFrom: Ada Example <ada@example.org<mailto:ada@example.org>>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: <help@example.com<mailto:help@example.com>>; Cy <mailto:cy@example.net>\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> to Cy <cy@example.net> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text."`},
		{"address wrapped in the middle", "Fwd: Hello",
			"> Begin forwarded message:\n> \n> From: Ada Example <ada@exam\n> ple.org>\n> Subject: Hello\n> Date: 28 October 2021 at 14:58:36 CEST\n> To: Help <help@example.com>, Cy Example\n> <cy@example.net>\n> \n> Text.",
			`from Ada Example <ada@example.org> to Help <help@example.com> to Cy Example <cy@example.net> | Hello | 28 October 2021 at 14:58:36 CEST | body "Text."`},
		{"list of recipients wrapped after a comma", "Fwd: Hello",
			"---------- Forwarded message ----------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: Hello\nTo: Help <help@example.com>,\n Cy Example <cy@example.net>,\nDi Example <di@example.net>\nCc: Example, Eve <eve@example.net>\n\nText.",
			`from Ada Example <ada@example.org> to Help <help@example.com> to Cy Example <cy@example.net> to Di Example <di@example.net> cc Example, Eve <eve@example.net> | Hello | Thu, Oct 28, 2021 at 2:58 PM | body "Text."`},
		{"subject wrapped, more labels behind", "Fwd: A very long subject that does not fit into one line of the text part",
			"---------- Forwarded message ----------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: A very long subject that does not fit\ninto one line of the text part\nTo: help@example.com\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | A very long subject that does not fit into one line of the text part | Thu, Oct 28, 2021 at 2:58 PM | body "Text."`},
		{"subject wrapped at the end of the block: the outer Subject tells", "FW: A very long subject that does not fit",
			"From: Ada Example <ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: help@example.com\nSubject: A very long subject\nthat does not fit\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | A very long subject that does not fit | Thursday, October 28, 2021 2:58 PM | body "Text."`},
		{"names only", "FW: Hello",
			"From: Ada Example\nSent: Thursday, October 28, 2021 2:58 PM\nTo: Help; Ben Agent\nSubject: Hello\n\nText.",
			`from Ada Example <> to Help <> to Ben Agent <> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text."`},
		{"delegate with both addresses", "FW: Hello",
			"From: Desk<mailto:desk@example.org> on behalf of Ada Example<mailto:ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: help@example.com\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text."`},
		{"delegate, German, author without address", "WG: Hallo",
			"Von: desk@example.org [mailto:desk@example.org] Im Auftrag von Ada Example\nGesendet: Donnerstag, 28. Oktober 2021 14:58\nAn: help@example.com\nBetreff: Hallo\n\nText.",
			`from Ada Example <> to  <help@example.com> | Hallo | Donnerstag, 28. Oktober 2021 14:58 | body "Text."`},
		{"quotes in quotes around a name", "FW: Hello",
			"From: \"'Ada Example'\" <ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: 'Help' <help@example.com>\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to Help <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text."`},
		{"marks of direction and no-break blanks", "Fwd: Hello",
			"\u200e---------- Forwarded message ---------\n\u200fFrom:\u00a0Ada Example\u00a0<ada@example.org>\nDate:\u00a0Thu, Oct 28, 2021 at 2:58\u202fPM\nSubject: Hello\nTo: <help@example.com>\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thu, Oct 28, 2021 at 2:58 PM | body "Text."`},
		{"a zero-width character in the address: it is refused", "Fwd: Hello",
			"---------- Forwarded message ---------\nFrom: Ada <ada\u200b@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: Hello\n\nText.",
			"from Ada <> | Hello | Thu, Oct 28, 2021 at 2:58 PM | body \"Text.\""},
		{"Gmail in a language without a label of ours", "Fwd: Hello",
			"---------- Forwarded message ---------\nXyzzy: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: Hello\nTo: <help@example.com>\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thu, Oct 28, 2021 at 2:58 PM | body "Text."`},
		{"no label of ours at all behind a separator of ours", "Fwd: Hello",
			"-------- Forwarded Message --------\nAaa: Hello\nBbb: Thu, Oct 28, 2021 14:58\nCcc: Ada Example <ada@example.org>\nDdd: help@example.com\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thu, Oct 28, 2021 14:58 | body "Text."`},
		{"zoho", "Fwd: Hello",
			"fyi\n\n============ Forwarded message ============\nFrom: Ada Example <ada@example.org>\nTo: \"help\"<help@example.com>\nDate: Thu, 28 Oct 2021 14:58:36 +0200\nSubject: Hello\n============ Forwarded message ============\n\nText.",
			`from Ada Example <ada@example.org> to help <help@example.com> | Hello | Thu, 28 Oct 2021 14:58:36 +0200 | body "Text." | comment "fyi"`},
		{"proton's hyphens", "Fwd: Hello",
			"‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nFrom: Ada Example <ada@example.org>\nTo: help@example.com\nDate: On Thursday, October 28th, 2021 at 2:58 PM\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | On Thursday, October 28th, 2021 at 2:58 PM | body "Text."`},
		{"yandex", "Fwd: Привет",
			"-------- Пересылаемое сообщение --------\n28.10.2021, 14:58, \"Ada Example\" <ada@example.org>:\n\nТекст.\n\n-------- Конец пересылаемого сообщения --------\nБен",
			`from Ada Example <ada@example.org> | Привет | 28.10.2021, 14:58 | body "Текст." | comment "Бен"`},
		{"mail.ru", "Fwd: Привет",
			"-------- Пересылаемое сообщение --------\nОт кого: Ada Example <ada@example.org>\nКому: help@example.com\nДата: Четверг, 28 октября 2021, 14:58 +03:00\nТема: Привет\n\nТекст.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Привет | Четверг, 28 октября 2021, 14:58 +03:00 | body "Текст."`},
		{"mutt", "Fwd: Hello",
			"fyi\n\n----- Forwarded message from Ada Example <ada@example.org> -----\n\nDate: Thu, 28 Oct 2021 14:58:36 +0200\nFrom: Ada Example <ada@example.org>\nTo: help@example.com\nSubject: Hello\nUser-Agent: Mutt/1.5\n\nText.\n\n----- End forwarded message -----\n-- \nBen",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thu, 28 Oct 2021 14:58:36 +0200 | body "Text." | comment "fyi"`},
		{"netease", "Fw:你好",
			"\n\n\n-------- 转发邮件信息 --------\n发件人：\"Ada\" <ada@example.org>\n发送日期：2021-10-28 14:58:36\n收件人：help@example.com\n主题：你好\n\n正文",
			`from Ada <ada@example.org> to  <help@example.com> | 你好 | 2021-10-28 14:58:36 | body "正文"`},
		{"qq", "转发：你好",
			"------------------ 原始邮件 ------------------\n发件人: \"Ada\" <ada@example.org>;\n发送时间: 2021年10月28日(星期四) 下午2:58\n收件人: \"help\"<help@example.com>;\n主题: 你好\n\n正文",
			`from Ada <ada@example.org> to help <help@example.com> | 你好 | 2021年10月28日(星期四) 下午2:58 | body "正文"`},
		{"roundcube", "Fwd: Hello",
			"-------- Original Message --------\nSubject: Hello\nDate: 2021-10-28 14:58\nFrom: Ada Example <ada@example.org>\nTo: help@example.com\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | 2021-10-28 14:58 | body "Text."`},
		{"samsung", "Fwd: Hello",
			"\n\nSent from my Galaxy\n\n-------- Original message --------\nFrom: Ada Example <ada@example.org>\nDate: 28/10/2021 14:58 (GMT+01:00)\nTo: help@example.com\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | 28/10/2021 14:58 (GMT+01:00) | body "Text."`},
		{"notes", "Fw: Hello",
			"----- Forwarded by Ben Agent/Example on 28.10.2021 15:00 -----\n\nFrom:\tAda Example <ada@example.org>\nTo:\thelp@example.com\nDate:\t28.10.2021 14:58\nSubject:\tHello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | 28.10.2021 14:58 | body "Text."`},
		{"importance and attachments below the Subject", "FW: Hello",
			"From: Ada Example <ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: help@example.com\nSubject: Hello\nImportance: High\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text."`},
		{"a blank line behind each label", "FW: Hello",
			"fyi\n\nFrom: Ada Example <ada@example.org>\n\nSent: Thursday, October 28, 2021 2:58 PM\n\nTo: help@example.com\n\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text." | comment "fyi"`},
		{"everything indented", "Fwd: Hello",
			"    ----- Original Message -----\n    From: Ada Example <ada@example.org>\n    Sent: Thursday, October 28, 2021 2:58 PM\n    To: help@example.com\n    Subject: Hello\n\n    Text.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text."`},
		{"no Subject in the block", "Fwd: Re: Hello",
			"---------- Forwarded message ---------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nTo: <help@example.com>\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Re: Hello | Thu, Oct 28, 2021 at 2:58 PM | body "Text."`},
		{"an empty Subject", "Fwd:",
			"---------- Forwarded message ---------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject:\nTo: <help@example.com>\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> |  | Thu, Oct 28, 2021 at 2:58 PM | body "Text."`},
		{"no body", "Fwd: Hello",
			"---------- Forwarded message ---------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: Hello\nTo: <help@example.com>\n",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thu, Oct 28, 2021 at 2:58 PM | body ""`},
		{"nested: the outermost", "Fwd: Fwd: Hello",
			"two\n\n---------- Forwarded message ---------\nFrom: Ben Agent <ben@example.com>\nDate: Fri, Oct 29, 2021 at 9:00 AM\nSubject: Fwd: Hello\nTo: <cy@example.net>\n\none\n\n---------- Forwarded message ---------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: Hello\nTo: <ben@example.com>\n\nText.",
			`from Ben Agent <ben@example.com> to  <cy@example.net> | Fwd: Hello | Fri, Oct 29, 2021 at 9:00 AM | body "one\n\n---------- Forwarded message ---------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: Hello\nTo: <ben@example.com>\n\nText." | comment "two"`},
		{"a forward of a reply keeps its quote", "Fwd: Hello",
			"---------- Forwarded message ---------\nFrom: Ada Example <ada@example.org>\nDate: Fri, Oct 29, 2021 at 2:58 PM\nSubject: Re: Hello\nTo: <help@example.com>\n\nNo, it is not.\n\nOn Thu, Oct 28, 2021 at 9:00 AM Help <help@example.com> wrote:\n> Is it fixed?",
			`from Ada Example <ada@example.org> to  <help@example.com> | Re: Hello | Fri, Oct 29, 2021 at 2:58 PM | body "No, it is not.\n\nOn Thu, Oct 28, 2021 at 9:00 AM Help <help@example.com> wrote:\n> Is it fixed?"`},
		{"a quote lost its mark where a line was wrapped", "Fwd: Hello",
			"> Begin forwarded message:\n>\n> From: Ada Example <ada@example.org>\n> Subject: Hello\n> Date: 28 October 2021\n> To: help@example.com\n>\n> A long line that somebody's program\nwrapped.\n> End.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | 28 October 2021 | body "A long line that somebody's program\nwrapped.\nEnd."`},
		{"words below a quoted forward are the forwarder's", "Fwd: Hello",
			"Above.\n\n> Begin forwarded message:\n>\n> From: Ada Example <ada@example.org>\n> Subject: Hello\n> Date: 28 October 2021\n> To: help@example.com\n>\n> Text.\n\nBelow.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | 28 October 2021 | body "Text." | comment "Above.\n\nBelow."`},
		{"sentence above, block quoted", "Fwd: Hello",
			"Begin forwarded message:\n\n> From: Ada Example <ada@example.org>\n> Subject: Hello\n> Date: 28 October 2021\n> To: help@example.com\n>\n> Text.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | 28 October 2021 | body "Text."`},
		{"several hops quoted", "Fwd: Hello",
			">> Begin forwarded message:\n>>\n>> From: Ada Example <ada@example.org>\n>> Subject: Hello\n>> Date: 28 October 2021\n>> To: help@example.com\n>>\n>> Text.\n>> > quoted",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | 28 October 2021 | body "Text.\n> quoted"`},
		{"banner and signature in the comment", "FW: Hello",
			"[EXTERNAL]\n\nCAUTION: This email originated from outside of the organization. Do not click links\nor open attachments unless you recognize the sender.\n\nPlease take over.\n\n-- \nBen Agent\nExample Ltd\n\nFrom: Ada Example <ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: help@example.com\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text." | comment "Please take over."`},
		{"outlook app's advertisement", "FW: Hello",
			"Get Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\nFrom: Ada Example <ada@example.org>\nSent: Thursday, October 28, 2021 2:58:36 PM\nTo: help@example.com <help@example.com>\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021 2:58:36 PM | body "Text."`},
		{"VS: with Danish labels is a forward", "VS: Hej",
			"Fra: Ada Example <ada@example.org>\nSendt: 28. oktober 2021 14:58\nTil: help@example.com\nEmne: Hej\n\nTekst.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hej | 28. oktober 2021 14:58 | body "Tekst."`},
		{"I: is Italian", "I: Ciao",
			"Da: Ada Example <ada@example.org>\nInviato: giovedì 28 ottobre 2021 14:58\nA: help@example.com\nOggetto: Ciao\n\nTesto.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Ciao | giovedì 28 ottobre 2021 14:58 | body "Testo."`},
		{"old Mozilla's bracket", "[Fwd: Hello]",
			"-------- Original Message --------\nSubject: Hello\nDate: Thu, 28 Oct 2021 14:58:36 +0200\nFrom: Ada Example <ada@example.org>\nTo: help@example.com\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thu, 28 Oct 2021 14:58:36 +0200 | body "Text."`},
		{"behind a list's bracket", "[support] Fwd: Hello",
			"From: Ada Example <ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: help@example.com\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text."`},
		{"no prefix, a whole block", "Hello",
			"From: Ada Example <ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: help@example.com\nSubject: Hello\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thursday, October 28, 2021 2:58 PM | body "Text." | weak`},
		{"Re: before a separator that only forwards have", "Re: Hello",
			"Handing this over.\n\n---------- Forwarded message ---------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: Re: Hello\nTo: <help@example.com>\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Re: Hello | Thu, Oct 28, 2021 at 2:58 PM | body "Text." | comment "Handing this over."`},
		{"the comment quotes, then the forward comes", "Fwd: Hello",
			"On Monday you wrote:\n> send me such mails\n\nHere is one.\n\n---------- Forwarded message ---------\nFrom: Ada Example <ada@example.org>\nDate: Thu, Oct 28, 2021 at 2:58 PM\nSubject: Hello\nTo: <help@example.com>\n\nText.",
			`from Ada Example <ada@example.org> to  <help@example.com> | Hello | Thu, Oct 28, 2021 at 2:58 PM | body "Text." | comment "On Monday you wrote:\n> send me such mails\n\nHere is one."`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := findForward(tt.subject, tt.text, nil).one(); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestNoForward: what looks like one and is none.
func TestNoForward(t *testing.T) {
	const block = "From: Ada Example <ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: help@example.com\nSubject: Hello\n\nText."
	for _, tt := range []struct{ name, subject, text string }{
		{"a reply in Outlook", "RE: Hello", "Thanks.\n\n" + block},
		{"a reply below Original Message", "RE: Hello", "Thanks.\n\n-----Original Message-----\n" + block},
		{"a reply on the web", "Re: Hello", "Thanks.\n\n________________________________\n" + block},
		{"a reply in German", "AW: Hallo", "Danke.\n\nVon: Ada <ada@example.org>\nGesendet: Donnerstag, 28. Oktober 2021 14:58\nAn: help@example.com\nBetreff: Hallo\n\nText."},
		{"a reply to a forward", "Re: Fwd: Hello", "Thanks.\n\nOn Fri, Oct 29, 2021 at 9:00 AM Ben <ben@example.com> wrote:\n\n> ---------- Forwarded message ---------\n> From: Ada Example <ada@example.org>\n> Date: Thu, Oct 28, 2021 at 2:58 PM\n> Subject: Hello\n> To: <help@example.com>\n>\n> Text."},
		{"a reply to a forward, not marked", "RE: FW: Hello", "Thanks.\n\n" + strings.Replace(block, "Subject: Hello", "Subject: FW: Hello\n\n---------- Forwarded message ---------\nFrom: X <x@example.net>\nDate: 28 Oct 2021 10:00\nSubject: Hello", 1)},
		{"a reply that quotes", "Re: Hello", "Thanks.\n\nOn Thu, Oct 28, 2021 at 2:58 PM Ada Example <ada@example.org> wrote:\n> Text."},
		{"a reply that quotes, without prefix", "Hello", "Thanks.\n\nOn Thu, Oct 28, 2021 at 2:58 PM Ada Example <ada@example.org> wrote:\n> Text."},
		{"a reply in a thread about a forward", "Fwd: Hello", "Thanks.\n\nOn Thu, Oct 28, 2021 at 2:58 PM Ada Example <ada@example.org> wrote:\n> Text."},
		{"VS: with Finnish labels is a reply", "VS: Hei", "Kiitos.\n\nLähettäjä: Ada <ada@example.org>\nLähetetty: torstai 28. lokakuuta 2021 14:58\nVastaanottaja: help@example.com\nAihe: Hei\n\nTeksti."},
		{"underscores above a signature", "Hello", "Text.\n\n________________________________\nAda Example\nExample Ltd"},
		{"underscores above a disclaimer", "Fwd: Hello", "Text.\n\n________________________________\nThis message is confidential."},
		{"a separator and nothing", "Fwd: Hello", "Text.\n\n---------- Forwarded message ---------\n"},
		{"a form's mail", "New message from the site", "From: Ada Example <ada@example.org>\nSubject: Hello\n\nMessage Body:\nText."},
		{"a travel plan", "Our trip", "From: Paris\nTo: London\nDate: 3 May\n\nSee you."},
		{"a chat transcript", "Chat was closed", "Name: Ada\nEmail: ada@example.org\nFrom: website\n\nMessage:\n[2021-10-28 14:58:36] [Ada] Hello"},
		{"labels in prose", "Fwd: thoughts", "From: where I stand\nit looks fine.\n\nBye"},
		{"quoted block without attribution", "Hello", "Thanks.\n\n> From: Ada Example <ada@example.org>\n> Sent: Thursday, October 28, 2021 2:58 PM\n> To: help@example.com\n> Subject: Hello\n>\n> Text."},
		{"a bounce that returns the header", "Mail delivery failed: returning message to sender", "This message was created automatically.\n\n------ This is a copy of the message, including all the headers. ------\n\nReturn-path: <ada@example.org>\nReceived: from [192.0.2.1]\n\tby mx.example.org with esmtp;\n\tThu, 28 Oct 2021 14:58:36 +0200\nMessage-ID: <1@example.org>\nDate: Thu, 28 Oct 2021 14:58:36 +0200\nFrom: Ada Example <ada@example.org>\nTo: gone@example.com\nSubject: Hello\n\nText."},
		{"a bounce that returns another header", "Delivery Status Notification (Failure)", "Address not found.\n\n----- Original message -----\n\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org;\n        b=AAAA\nFrom: Ada Example <ada@example.org>\nDate: Thu, 28 Oct 2021 14:58:36 +0200\nSubject: Hello\nTo: gone@example.com\n\nText."},
		{"no body", "Fwd: Hello", ""},
		{"only words", "Fwd: Hello", "please see the attachment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if f := findForward(tt.subject, tt.text, nil); f != nil {
				t.Errorf("%s\n%s", f.one(), f.evidence)
			}
		})
	}
}

func TestForwardAnswers(t *testing.T) {
	f := findForward("Hello", "From: Ada Example <ada@example.org>\nSent: Thursday, October 28, 2021 2:58 PM\nTo: help@example.com\nSubject: Hello\n\nText.", nil)
	if f == nil || !f.answers(nil, []Address{{Address: "Ada@Example.org"}}) || f.answers([]Address{{Address: "help@example.com"}}) {
		t.Errorf("%s", f.one())
	}
}

// TestForwardDisagrees: the text part says another sender than the HTML shows.
func TestForwardDisagrees(t *testing.T) {
	c := clientForm{"gmail", "en", "Fwd:", "---------- Forwarded message ---------", "from=From|date=Date|subject=Subject|to=To"}
	text := strings.ReplaceAll(c.text(), "ada@example.org", "eve@example.net")
	f := findForward("Fwd: x", text, parseHTML(c.html(), nil))
	if f == nil || !f.weak || f.from.Address != "" || !strings.Contains(f.evidence, "different senders") {
		t.Errorf("%s", f.one())
	}
}

// TestForwardIntros: with a forward prefix, the intro that a client writes above
// a quote introduces the original, whatever its language's order.
func TestForwardIntros(t *testing.T) {
	const address = "ben@desk.example"
	for _, line := range []string{
		"Ben Agent <ben@desk.example> wrote:",
		"Ben Agent <ben@desk.example> wrote on 24/11/2026 10:11:12:",
		"Tue, 24 Nov 2026 10:11:12 +0100 from Ben Agent <ben@desk.example>:",
		"Am Dienstag, 24. November 2026, 10:11:12 MEZ hat Ben Agent <ben@desk.example> Folgendes geschrieben:",
		"Ben Agent <ben@desk.example> schrieb am Di., 24. Nov. 2026, 10:11:",
		"Вторник, 24 ноября 2026, 10:11 +03:00 от Ben Agent <ben@desk.example>:",
		"На вт, 24.11.2026 г. в 10:11 ч. Ben Agent <ben@desk.example> написа:",
		"Στις Τρί 24 Νοε 2026 στις 10:11 π.μ., ο χρήστης Ben Agent <ben@desk.example> έγραψε:",
		"24 Kas 2026 Sal 10:11 tarihinde Ben Agent <ben@desk.example> şunu yazdı:",
		"V V tor., 24. nov. 2026 ob 10:11 je oseba Ben Agent <ben@desk.example> napisala:",
		"Ben Agent <ben@desk.example> kirjutas kuupäeval T, 24. november 2026 kell 10:11:",
		"otrd., 2026. g. 24. nov., plkst. 10:11 — lietotājs Ben Agent (<ben@desk.example>) rakstīja:",
		"於 2026年11月24日 上午10:11，Ben Agent <ben@desk.example> 寫道：",
		"2026. 11. 24. 오전 10:11, Ben Agent <ben@desk.example> 작성:",
		"Vào Th 3, 24 thg 11, 2026 vào lúc 10:11 Ben Agent <ben@desk.example> đã viết:",
		"O mar., 24 nov. 2026 ás 10:11, Ben Agent (<ben@desk.example>) escribiu:",
	} {
		f := findForward("FW: "+formSubject, "FYI\n\n"+line+"\n\nHello.", nil)
		if f == nil {
			t.Errorf("no forward: %s", line)
			continue
		}
		if f.from != (Address{address, "Ben Agent"}) || f.plain != "Hello." || f.comment != "FYI" || hasDigit(line) && !strings.Contains(f.date, "24") {
			t.Errorf("%s\n%+v", line, *f)
		}
		if f := findForward("Re: "+formSubject, "FYI\n\n"+line+"\n\nHello.", nil); f != nil {
			t.Errorf("under Re: a forward: %s", line)
		}
	}
}
