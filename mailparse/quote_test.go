package mailparse

import (
	"strings"
	"testing"
	"time"
)

// Each case: body ⇒ unquoted ⇒ reply (empty: as unquoted).
func TestWithoutQuotes(t *testing.T) {
	for _, c := range []struct{ name, body, unquoted, reply string }{
		{"nothing to cut", "Hello,\n\nit does not work.\n\nAnn", "Hello,\n\nit does not work.\n\nAnn", ""},
		{"intro and marks", "Test reply\n\nOn 11-Apr-2026, at 6:54 PM, Bob <bob@example.com> wrote:\n\n>\n> Test\n", "Test reply", ""},
		{"two lines of intro", "Test reply\n\nOn Tue, Nov 24, 2026 at 10:11 AM Bob Example <bob@example.com>\nwrote:\n\n> Test\n", "Test reply", ""},
		{"intro wrapped in the address", "Test reply\n\nOn Tue, Nov 24, 2026 at 10:11 AM Bob Example <\nbob@example.com> wrote:\n\n> Test\n", "Test reply", ""},
		{"intro of three lines", "Test reply\n\nOn Tue, Nov 24, 2026 at 10:11 AM Bob With A Rather\nLong Name Example of the Department\n<bob@example.com> wrote:\n> Test\n", "Test reply", ""},
		{"intro, no marks", "Btw thanks.\n\nOn Tue, Jan 27, 2026 at 12:42 PM -0800, \"Company\" <c@example.com> wrote:\n\nHi Mark,\nall of this is quoted.\n", "Btw thanks.", ""},
		{"answer below", "On 11-Apr-2026, at 6:54 PM, Bob <bob@example.com> wrote:\n> Test\n> more\n\nMy answer", "My answer", ""},
		{"answer around", "Test reply\n\nOn 11-Apr-2026, at 6:54 PM, Bob <bob@example.com> wrote:\n\n>\n> Test\n\nRegards, Roman", "Test reply\n\nRegards, Roman", ""},
		{"point by point stays whole", "Hi,\n\nOn 11-Apr-2026, at 6:54 PM, Bob <bob@example.com> wrote:\n> one?\n\nyes\n\n> two?\n\nno\n\n> three", "Hi,\n\nOn 11-Apr-2026, at 6:54 PM, Bob <bob@example.com> wrote:\n> one?\n\nyes\n\n> two?\n\nno", ""},
		{"cited in passing", "You said\n> it works\nbut it does not.", "You said\n> it works\nbut it does not.", ""},
		{"marks without intro", "Test reply\n> one\n> two\n> three", "Test reply", ""},
		{"nested marks", "Yes.\n\nBob wrote:\n> No.\n>\n> Ann wrote:\n>> Really?\n", "Yes.", ""},
		{"wrapped quote", "Yes.\n\nOn 11-Apr-2026, at 6:54 PM, Bob <bob@example.com> wrote:\n> this is a quoted line that is long enough to have been wrapped by\nsome mailer\n> and goes on\n", "Yes.", ""},
		{"original message", "Done.\n\n-----Original Message-----\nFrom: bob@example.com\nSent: Tuesday\nTo: ann@example.com\nSubject: x\n\nOld text", "Done.", ""},
		{"original message, German", "Erledigt.\n\n-----Ursprüngliche Nachricht-----\nVon: Bob\nGesendet: Dienstag\nAn: Ann\nBetreff: x\n\nAlt", "Erledigt.", ""},
		{"header block", "Done.\n\nFrom: Bob Example <bob@example.com>\nSent: Tuesday, November 24, 2026 10:11 AM\nTo: Ann <ann@example.com>\nSubject: RE: x\n\nOld text\nFrom me", "Done.", ""},
		{"bold header block", "Done.\n\n*From:* Bob Example <bob@example.com>\n*Sent:* Tuesday, November 24, 2026 10:11 AM\n*To:* Ann <ann@example.com>\n*Subject:* RE: x\n\nOld text", "Done.", ""},
		{"underscores and header block", "Done.\n\n________________________________\nFrom: Bob Example <bob@example.com>\nSent: Tuesday, November 24, 2026 10:11 AM\nTo: Ann <ann@example.com>\nSubject: RE: x\n\nOld text", "Done.", ""},
		{"labels that are the customer's", "My data:\nName: Ann\nTo: Berlin\nDate: tomorrow\nthanks", "My data:\nName: Ann\nTo: Berlin\nDate: tomorrow\nthanks", ""},
		{"underscores above a signature", "Done.\n\n________________________________\nAnn Example\nACME Inc.", "Done.\n\n________________________________\nAnn Example\nACME Inc.", "Done."},
		{"zoho", "Yes please.\n\n---- On Tue, 24 Nov 2026 10:11:12 +0100 Bob <bob@example.com> wrote ----\n\nOld text", "Yes please.", ""},
		{"signature", "Done.\n-- \nAnn Example\nACME", "Done.\n-- \nAnn Example\nACME", "Done."},
		{"signature above the quote", "Done.\n\n--\nAnn\n\nOn 11-Apr-2026, at 6:54 PM, Bob <bob@example.com> wrote:\n> x", "Done.\n\n--\nAnn", "Done."},
		{"divided with dashes", "One.\n--\n" + strings.Repeat("A long paragraph follows here.\n", 20), "One.\n--\n" + strings.TrimSpace(strings.Repeat("A long paragraph follows here.\n", 20)), ""},
		{"phone", "Done.\n\nSent from my iPhone\n\nOn Nov 24, 2026, at 10:11 AM, Bob <bob@example.com> wrote:\n\n> x", "Done.\n\nSent from my iPhone", "Done."},
		{"outlook mobile", "Done.\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\nFrom: Bob <bob@example.com>\nSent: Tuesday, November 24, 2026 10:11:12 AM\nTo: Ann <ann@example.com>\nSubject: x\n\nOld", "Done.\n\nGet Outlook for iOS<https://aka.ms/o0ukef>", "Done."},
		{"words with sent from", "The file was sent from my office yesterday and did not arrive, can you look?", "The file was sent from my office yesterday and did not arrive, can you look?", ""},
		{"closing and name stay", "Done.\n\nBest regards,\nAnn", "Done.\n\nBest regards,\nAnn", ""},
		{"closing with contact data", "Done.\n\nBest regards,\nAnn Example\nACME Inc.\nTel. +49 30 1234567\nwww.acme.example", "Done.\n\nBest regards,\nAnn Example\nACME Inc.\nTel. +49 30 1234567\nwww.acme.example", "Done."},
		{"disclaimer", "Done.\n\nThis e-mail and any attachments are confidential and intended only for the named recipient. If you are not the intended recipient please delete it.", "Done.\n\nThis e-mail and any attachments are confidential and intended only for the named recipient. If you are not the intended recipient please delete it.", "Done."},
		{"dash and name", "What is the best way?\n\n-Ann Example", "What is the best way?\n\n-Ann Example", "What is the best way?"},
		{"list footer", "Thanks a lot.\n\n_______________________________________________\nusers mailing list\nusers@lists.example.org\nhttp://lists.example.org/users", "Thanks a lot.\n\n_______________________________________________\nusers mailing list\nusers@lists.example.org\nhttp://lists.example.org/users", "Thanks a lot."},
		{"only a quote", "> one\n> two\n> three", "", ""},
		{"question after citing", "On the invoice of 24.11.2026 10:11 it says:\n\nTotal 5\n\nWhy?", "On the invoice of 24.11.2026 10:11 it says:\n\nTotal 5\n\nWhy?", ""},
		{"own sentence with wrote", "As I wrote:\n> it works\nbut no more.", "As I wrote:\n> it works\nbut no more.", ""},
		{"notes", "Done.\n\nBob Example/ACME wrote on 11/24/2026 10:11:12 AM:\n\nOld text\nmore", "Done.", ""},
		{"helpdesk line", "Done.\n\n## Please type your reply above this line ##\n\nYour request was updated.\nBob", "Done.", ""},
		{"helpdesk line on top", "## Please type your reply above this line ##\n\nYour request was updated.\nBob", "## Please type your reply above this line ##\n\nYour request was updated.\nBob", ""},
		{"sent from my desk", "Another mail.\n\nSent from my desk, which is much easier than my mobile phone.", "Another mail.\n\nSent from my desk, which is much easier than my mobile phone.", ""},
		{"phone and apology", "Done.\n\nSent from my iPhone, please excuse any typos", "Done.\n\nSent from my iPhone, please excuse any typos", "Done."},
		{"short rule and name", "Done.\n\n---\nAnn Example", "Done.\n\n---\nAnn Example", "Done."},
		{"outlook text of an old list", "Outlook with a reply\n\n\n ------------------------------\n*From:* Sync Team [mailto:sync@example.com]\n*Sent:* Thursday, February 09, 2026 1:36 PM\n*To:* ann@example.org\n*Subject:* Sync was updated!\n\nDear user", "Outlook with a reply", ""},
		{"address glued to the name", "Awesome!\n\nOn Aug 22, 2026, at 7:37 PM, bob<reply@example.com> wrote:\n\n> Works.", "Awesome!", ""},
		{"rule between orders", "Order 1\n---\nOrder 2", "Order 1\n---\nOrder 2", ""},
		{"a paragraph about printing", "Hola.\n\nEste mensaje es porque no puedo imprimir la factura de noviembre que me enviaron ayer.", "Hola.\n\nEste mensaje es porque no puedo imprimir la factura de noviembre que me enviaron ayer.", ""},
		{"two underscores above a name", "Done.\n\n__\nAnn Example\nACME Corp", "Done.\n\n__\nAnn Example\nACME Corp", "Done."},
		{"em dash and name", "Done.\n\n\u2014 Ann", "Done.\n\n\u2014 Ann", "Done."},
		{"a list of one", "Send this:\n\n- Milk", "Send this:\n\n- Milk", ""},
		{"link inside the line of an app", "Done.\n\nSent from Mail<https://go.example.com/?id=5> for Windows 10", "Done.\n\nSent from Mail<https://go.example.com/?id=5> for Windows 10", "Done."},
		{"a sentence goes on", "It was lost.\nSent from my house\nis what the label said.", "It was lost.\nSent from my house\nis what the label said.", ""},
		{"dashes, and a question below", "One.\n\n--\nTwo is what I did then.\n\nCan you help me with that?", "One.\n\n--\nTwo is what I did then.\n\nCan you help me with that?", ""},
		{"a list of one, no blank", "I need:\n\n-Green", "I need:\n\n-Green", ""},
		{"a configuration file", "config:\n  from: a\n  to: b\n  subject: c\n  date: 2026\nends", "config:\n  from: a\n  to: b\n  subject: c\n  date: 2026\nends", ""},
		{"GroupWise", "Done.\n\n>>> Bob Example <bob@example.com> 24.11.2026 10:11 >>>\nOld text", "Done.", ""},
		{"mbox From", "Hello\n>From here on all is mine.\nBye", "Hello\n>From here on all is mine.\nBye", ""},
	} {
		reply, unquoted := withoutQuotes(c.body)
		if c.reply == "" {
			c.reply = c.unquoted
		}
		if unquoted != c.unquoted {
			t.Errorf("%s: unquoted\n got %q\nwant %q", c.name, unquoted, c.unquoted)
		}
		if reply != c.reply {
			t.Errorf("%s: reply\n got %q\nwant %q", c.name, reply, c.reply)
		}
	}
}

// Intro lines of mail clients in many languages, over marks and without.
func TestIntroLanguages(t *testing.T) {
	for _, intro := range []string{
		"Am 24.11.2026 um 10:11 schrieb Bob Example:", "Am 24. November 2026 um 10:11 schrieb Bob <bob@example.com>:", "Bob Example schrieb am 24.11.2026 um 10:11:",
		"Am Di., 24. Nov. 2026 um 10:11 Uhr schrieb Bob <bob@example.com>:", "Le 24/11/2026 à 10:11, Bob a écrit :", "Le mar. 24 nov. 2026 à 10:11, Bob <bob@example.com> a écrit :",
		"El 24/11/2026 a las 10:11, Bob escribió:", "El mar, 24 nov 2026 a las 10:11, Bob (<bob@example.com>) escribió:", "Il 24/11/26 10:11, Bob ha scritto:", "Il giorno mar 24 nov 2026 alle ore 10:11 Bob <bob@example.com> ha scritto:",
		"Em ter., 24 de nov. de 2026 às 10:11, Bob <bob@example.com> escreveu:", "Op 24-11-2026 om 10:11 schreef Bob:", "Op di 24 nov 2026 om 10:11 schreef Bob <bob@example.com>:", "Den tis 24 nov. 2026 kl 10:11 skrev Bob <bob@example.com>:",
		"Den tir. 24. nov. 2026 kl. 10.11 skrev Bob <bob@example.com>:", "tir. 24. nov. 2026 kl. 10:11 skrev Bob <bob@example.com>:", "ti 24. marrask. 2026 klo 10.11 Bob (bob@example.com) kirjoitti:", "W dniu 24.11.2026 o 10:11, Bob pisze:",
		"Wiadomość napisana przez Bob Example <bob@example.com> w dniu 24.11.2026, o godz. 10:11:", "في الثلاثاء، 24 نوفمبر 2026 في 10:11 ص تمت كتابة ما يلي بواسطة Bob Example <bob@example.com>:",
		"wt., 24 lis 2026 o 10:11 Bob <bob@example.com> napisał(a):", "út 24. 11. 2026 v 10:11 odesílatel Bob <bob@example.com> napsal:", "Dne 24. 11. 2026 v 10:11 Bob napsal(a):", "ut 24. 11. 2026 o 10:11 Bob <bob@example.com> napísal(a):",
		"Bob <bob@example.com> ezt írta (időpont: 2026. nov. 24., K, 10:11):", "mar., 24 nov. 2026, 10:11 Bob <bob@example.com> a scris:", "вт, 24 нояб. 2026 г. в 10:11, Bob <bob@example.com>:", "24.11.2026 10:11, Bob пишет:",
		"вт, 24 лист. 2026 р. о 10:11 Bob <bob@example.com> пише:", "Bob <bob@example.com>, 24 Kas 2026 Sal, 10:11 tarihinde şunu yazdı:", "Στις Τρί 24 Νοε 2026 στις 10:11, ο/η Bob <bob@example.com> έγραψε:",
		"Bob <bob@example.com> 于2026年11月24日周二 10:11写道：", "在 2026年11月24日，10:11，Bob <bob@example.com> 写道：", "Bob <bob@example.com> 於 2026年11月24日 週二 上午10:11寫道：", "2026年11月24日(火) 10:11 Bob <bob@example.com>:",
		"2026년 11월 24일 (화) 오전 10:11, Bob <bob@example.com>님이 작성:", "Vào Th 3, 24 thg 11, 2026 vào lúc 10:11 Bob <bob@example.com> đã viết:", "On 24/11/2026 10:11, Bob wrote:", "2026-11-24 10:11 GMT+01:00 Bob Example <bob@example.com>:",
		"On Tue, 24 Nov 2026 10:11:12 +0100\nBob <bob@example.com> wrote:", "Op 24 nov. 2026, om 10:11 heeft Bob <bob@example.com> het volgende geschreven:", "> On 24 Nov 2026, at 10:11, Bob <bob@example.com> wrote:",
	} {
		for _, body := range []string{
			"Yes please\n\n" + intro + "\n\n> old words\n> more\n",
			"Yes please\n\n" + intro + "\n> old words\n",
		} {
			if _, got := withoutQuotes(body); got != "Yes please" {
				t.Errorf("%q\n got %q", body, got)
			}
		}
		if strings.HasPrefix(intro, ">") || !strings.Contains(intro, "<bob@") {
			continue
		}
		if _, got := withoutQuotes("Yes please\n\n" + intro + "\n\nold words\nwithout marks\n"); got != "Yes please" {
			t.Errorf("%q without marks\n got %q", intro, got)
		}
	}
}

func TestDeviceLines(t *testing.T) {
	for _, line := range []string{
		"Sent from my iPhone", "Sent from my Verizon Wireless BlackBerry", "Sent from Mail for Windows", "Sent from Outlook for Android<https://aka.ms/AAb9ysg>", "Get Outlook for iOS <https://aka.ms/o0ukef>", "Sent from Yahoo Mail on Android",
		"Von meinem iPhone gesendet", "Gesendet von Mail für Windows", "Gesendet von meinem Samsung Galaxy Smartphone.", "Envoyé de mon iPhone", "Envoyé depuis mon mobile", "Envoyé à partir de Outlook pour Android", "Enviado desde mi iPhone", "Enviado do meu iPhone",
		"Inviato da iPhone", "Verzonden vanaf mijn iPhone", "Verstuurd vanaf mijn iPad", "Skickat från min iPhone", "Sendt fra min iPhone", "Lähetetty iPhonesta", "Wysłane z iPhone'a", "Odesláno z iPhonu", "Отправлено с iPhone", "Надіслано з iPhone",
		"iPhone'umdan gönderildi", "iPhoneから送信", "发自我的 iPhone", "從我的 iPhone 傳送", "나의 iPhone에서 보냄", "Trimis de pe iPhone-ul meu", "Elküldve az iPhone-omról", "*Sent from my iPad*", "[Sent from my iPhone]",
	} {
		if reply, _ := withoutQuotes("Yes please\n\n" + line); reply != "Yes please" {
			t.Errorf("%q stays: %q", line, reply)
		}
	}
}

// A million marks, dashes or labels must not cost more than their reading.
func TestQuotesAreLinear(t *testing.T) {
	for _, unit := range []string{">", "> x\n", "> x\ny\n", "-- \n", "On 1.1.2026 10:11 a@b.c wrote:\n", "From: a\n", "From: a\nDate: b\n\n", "a:\n", "\n", "x\n> y\n-- \nz\n", "Sent from my iPhone\n", "___________\n", "This e-mail is confidential\n\n", "------\n"} {
		isLinear(t, unit, 128<<10, func(in string) { withoutQuotes(in) })
	}
}

// isLinear compares the time for an input with that for eight times as much: a
// quadratic step shows as a factor of 64. Processor time, best of three: the
// clock says nothing on a busy machine.
func isLinear(t *testing.T, unit string, size int, fn func(string)) {
	t.Helper()
	best := func(n int) time.Duration {
		in, d := strings.Repeat(unit, n/len(unit)), time.Hour
		for range 3 {
			start := cpuTime(t)
			fn(in)
			d = min(d, cpuTime(t)-start)
		}
		return max(d, 200*time.Microsecond)
	}
	var small, large time.Duration
	for range 5 { // noise passes; a quadratic step does not
		if small, large = best(size/8), best(size); large <= 40*small {
			return
		}
	}
	t.Errorf("%q repeated: %v for %d bytes, %v for %d", unit, small, size/8, large, size)
}
