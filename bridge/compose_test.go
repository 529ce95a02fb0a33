package bridge

import (
	"bytes"
	"io"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"

	"ticketbridge/mailparse"
)

var zone = time.FixedZone("", 3600)

func at(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, zone) }

func customerSays(when time.Time, text string) mailparse.Turn {
	return mailparse.Turn{Role: mailparse.RoleCustomer, Author: "Ada Example", At: when, Written: when.Format("2 Jan, 3:04pm"), Text: text}
}

func agentSays(when time.Time, text string) mailparse.Turn {
	return mailparse.Turn{Role: mailparse.RoleAgent, Author: "Ben Agent", At: when, Written: when.Format("2 Jan, 3:04pm"), Text: text}
}

func testDraft(turns ...mailparse.Turn) Draft {
	d := Draft{
		Conversation: &Conversation{
			Key: "intercom/abcd1234/1964", Ref: "KX7Q-2M9D", Format: "intercom", VendorID: "1964",
			URL:      "https://app.intercom.com/a/apps/abcd1234/conversations/1964",
			Customer: mailparse.Customer{Address: "ada@example.org", Name: "Ada Example", Attributes: map[string]string{"plan": "Trial"}},
		},
		News: digests(turns), Action: Raise,
		Mail: &mailparse.Mail{Outer: mailparse.Outer{Date: "2026-03-11T06:33:00+01:00"}},
		Now:  time.Date(2026, 3, 11, 5, 40, 0, 0, time.UTC),
	}
	for _, t := range d.News {
		d.Conversation.heard(t, at(12, 0, 0))
	}
	return d
}

func testComposer() Composer {
	return Composer{Target: Target{Address: "support@example.com", Sender: "ticketbridge@example.com", Identity: "as-customer"}, OwnDomains: []string{"example.com"}}
}

func compose(t *testing.T, d Draft) Delivery {
	t.Helper()
	dl, err := testComposer().Compose(testKeys(t), d)
	if err != nil {
		t.Fatal(err)
	}
	return dl
}

// TestHeaderIsExactly: whatever the customer is called or says, the header has
// the fields of SENDING §1.7, each once, and none else (T6).
func TestHeaderIsExactly(t *testing.T) {
	hostile := []string{
		"Ann\r\nBcc: x@y.test", "=?utf-8?q?a=0D=0ABcc:x@y.test?=", "Ann\u2028Bcc: x@y.test", "Ann\x00", strings.Repeat("long name ", 2000),
		"=?x?=", "\u202eann", "admin@corp.example", "Support", "", "Ann \"Quote\\", "Žofie 日本 🙂", "a\tb", "Ann; Bcc: x", "Ann <x@y.test>,",
	}
	want := []string{"From", "Sender", "Reply-To", "To", "Subject", "Date", "Message-Id", "Mime-Version", "X-Bridge-Id", "X-Bridge-Ref", "X-Bridge-Source", "X-Bridge-Trust", "Content-Type"}
	for _, text := range hostile {
		d := testDraft(customerSays(at(11, 6, 30), text+" is my question, is it not?"))
		d.Conversation.Customer.Name = text
		d.Conversation.Format = text
		m, err := mail.ReadMessage(bytes.NewReader(compose(t, d).Data))
		if err != nil {
			t.Fatalf("%.40q: %v", text, err)
		}
		for _, name := range want {
			if n := len(m.Header[name]); n != 1 {
				t.Errorf("%.40q: %d %s fields", text, n, name)
			}
		}
		if len(m.Header) != len(want) {
			t.Errorf("%.40q: fields %v", text, m.Header)
		}
		from, err := mail.ParseAddress(m.Header.Get("From"))
		if err != nil || from.Address != "ada@example.org" || strings.ContainsAny(from.Name, "@\r\n") {
			t.Errorf("%.40q: From %v %v", text, from, err)
		}
	}
}

func TestSender(t *testing.T) {
	for setting, want := range map[string]string{"": "bounce+", "none": "", "tb@example.com": "tb@example.com"} {
		c := testComposer()
		c.Target.Sender = setting
		dl, err := c.Compose(testKeys(t), testDraft(customerSays(at(11, 6, 30), "Where is it?")))
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(dl.Data))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Header.Get("Sender"); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("sender = %q: Sender: %s", setting, got)
		}
	}
}

// TestSmuggling: no body makes the wire see an end of data before its end (T8).
func TestSmuggling(t *testing.T) {
	for _, body := range []string{"a\n.\nMAIL FROM:<x@y.test>", "a\r.\rb", "a\r\n.\rb", "a\n.\r\nb", "a\r.\r\nb", "a\x00.\x00b", strings.Repeat("x", 5000), "."} {
		dl := compose(t, testDraft(customerSays(at(11, 6, 30), body)))
		if err := canonical(dl.Data); err != nil {
			t.Errorf("%.20q: %v", body, err)
		}
		if bytes.Contains(dl.Data, []byte("\r\n.\r\n")) {
			t.Errorf("%.20q: a line of one dot stands in the message", body)
		}
	}
}

func TestCanonical(t *testing.T) {
	for text, ok := range map[string]bool{"a\r\nb\r\n": true, "": true, "a": false, "a\nb\r\n": false, "a\rb\r\n": false, "a\x00\r\n": false, strings.Repeat("x", 999) + "\r\n": false, strings.Repeat("x", 998) + "\r\n": true} {
		if err := canonical([]byte(text)); (err == nil) != ok {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// TestSameDraftSameBytes: a resend, or a database restored, gives the same message.
func TestSameDraftSameBytes(t *testing.T) {
	a := compose(t, testDraft(customerSays(at(11, 6, 30), "Where is it?")))
	b := compose(t, testDraft(customerSays(at(11, 6, 30), "Where is it?")))
	if !bytes.Equal(a.Data, b.Data) || a.SHA256 != b.SHA256 {
		t.Error("the same draft gave two messages")
	}
}

func TestFollowUpThreads(t *testing.T) {
	d := testDraft(customerSays(at(11, 6, 30), "Where do I change it?"))
	first := compose(t, d)
	d.Action, d.News = Append, digests([]mailparse.Turn{customerSays(at(11, 9, 0), "Still nothing")})
	second := compose(t, d)
	m, err := mail.ReadMessage(bytes.NewReader(second.Data))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Header.Get("In-Reply-To"); got != "<"+first.MessageID+">" {
		t.Errorf("In-Reply-To %s, want %s", got, first.MessageID)
	}
	if got := m.Header.Get("Subject"); got != "Re: "+d.Conversation.Subject {
		t.Errorf("Subject %q", got)
	}
	if strings.Contains(string(second.Data), "Where do I change it") && !strings.Contains(m.Header.Get("Subject"), "Where") {
		t.Error("the follow-up repeats the first turn")
	}
}

func TestReferencesKeepTheRoot(t *testing.T) {
	var thread []string
	for i := range 50 {
		thread = append(thread, string(rune('a'+i%26))+strings.Repeat("x", i)+"@example.com")
	}
	refs := references(thread)
	if !strings.HasPrefix(refs, "<"+thread[0]+">") || !strings.HasSuffix(refs, "<"+thread[49]+">") || strings.Count(refs, "<") != maxReferences {
		t.Errorf("References %s", refs)
	}
}

// TestFilesAreCarried: byte for byte, under canonical headers; logos are not.
func TestFilesAreCarried(t *testing.T) {
	content := bytes.Repeat([]byte{0, 1, 2, 0xff, '\r', '\n', '.'}, 3000)
	raw := mailWithFile("../../r\u202eésumé.pdf", "application/pdf", content)
	p, err := mailparse.NewParser(mailparse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := testDraft(customerSays(at(11, 6, 30), "See the file"))
	d.Raw, d.Mail = raw, p.Parse(raw)
	c := testComposer()
	c.Target.AttachOriginal = true
	dl, err := c.Compose(testKeys(t), d)
	if err != nil {
		t.Fatal(err)
	}
	e, err := message.Read(bytes.NewReader(dl.Data))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	err = e.Walk(func(_ []int, e *message.Entity, err error) error {
		if err != nil {
			return err
		}
		if _, params, err := e.Header.ContentDisposition(); err == nil && params["filename"] != "" {
			got[params["filename"]], err = io.ReadAll(e.Body)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got["résumé.pdf"], content) {
		t.Errorf("the file came as %d bytes of %d; parts: %v", len(got["résumé.pdf"]), len(content), keysOf(got))
	}
	if !bytes.Equal(got["original.eml"], raw) {
		t.Errorf("the original differs: %d bytes of %d", len(got["original.eml"]), len(raw))
	}
}

// TestOriginalTravels: whatever bytes the mirrored mail has, its copy is those
// bytes, the message stays 7-bit, and only what is so by itself is message/rfc822.
func TestOriginalTravels(t *testing.T) {
	p, err := mailparse.NewParser(mailparse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const head = "From: notifications@acme.test\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
	for _, tt := range []struct{ name, raw, contentType string }{
		{"7 bits", head + "Hello\r\n.\r\n", "message/rfc822"},
		{"8 bits", head + "Grüße 你好\r\n", "application/octet-stream"},
		{"8-bit header", "Subject: Grüße\r\n" + head + "x\r\n", "application/octet-stream"},
		{"long line", head + strings.Repeat("x", 1200) + "\r\n", "application/octet-stream"},
		{"lone CR and NUL", head + "a\rb\x00c\r\n", "application/octet-stream"},
	} {
		d := testDraft(customerSays(at(11, 6, 30), "Hello"))
		d.Raw, d.Mail = []byte(tt.raw), p.Parse([]byte(tt.raw))
		c := testComposer()
		c.Target.AttachOriginal = true
		dl, err := c.Compose(testKeys(t), d)
		if err != nil {
			t.Fatal(err)
		}
		if !ascii(dl.Data) || canonical(dl.Data) != nil {
			t.Errorf("%s: not fit for every server", tt.name)
		}
		e, err := message.Read(bytes.NewReader(dl.Data))
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		var contentType string
		err = e.Walk(func(_ []int, e *message.Entity, err error) error {
			if _, params, _ := e.Header.ContentDisposition(); err == nil && params["filename"] == "original.eml" {
				contentType, _, _ = e.Header.ContentType()
				got, err = io.ReadAll(e.Body)
			}
			return err
		})
		if err != nil || string(got) != tt.raw || contentType != tt.contentType {
			t.Errorf("%s: %s, %q, %v", tt.name, contentType, got, err)
		}
	}
}

// TestContentID: a carried inline image keeps its id, if that can stand in a
// header as it is; no other file has one.
func TestContentID(t *testing.T) {
	image := mailparse.Attachment{ContentType: "image/png", Inline: true, ContentID: "part1.ABC_d@acme.test"}
	evil, none, file := image, image, image
	evil.ContentID, none.ContentID, file.Inline = "x>\r\nBcc: victim@example.net", "", false
	for _, tt := range []struct {
		a    mailparse.Attachment
		want string
	}{{image, "<part1.ABC_d@acme.test>"}, {evil, ""}, {none, ""}, {file, ""}} {
		h := fileHeader("a.png", tt.a).header()
		if got := h.Get("Content-ID"); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.a, got, tt.want)
		}
	}
}

func keysOf(m map[string][]byte) (names []string) {
	for k := range m {
		names = append(names, k)
	}
	return names
}

// mailWithFile is a plain mail with one attachment, written by go-message.
func mailWithFile(name, contentType string, content []byte) []byte {
	var b bytes.Buffer
	h := fields{{"From", "Ada via Intercom <notifications@acme.test>"}, {"Message-ID", "<1@acme.test>"}, {"Content-Type", `multipart/mixed; boundary="b"`}}.header()
	mw, err := message.CreateWriter(&b, h)
	if err != nil {
		panic(err)
	}
	text, _ := mw.CreatePart(fields{{"Content-Type", "text/plain"}}.header())
	io.WriteString(text, "Hello\r\n")
	text.Close()
	file, _ := mw.CreatePart(fields{{"Content-Type", contentType}, {"Content-Transfer-Encoding", "base64"}, {"Content-Disposition", "attachment; filename" + encodeParam(name)}}.header())
	file.Write(content)
	file.Close()
	mw.Close()
	return b.Bytes()
}

func TestSafeType(t *testing.T) {
	for _, tt := range []struct{ name, contentType, want string }{
		{"a.pdf", "application/pdf", "application/pdf"},
		{"a.png", "image/png", "image/png"},
		{"a.html", "text/html", "application/octet-stream"},
		{"a.svg", "image/svg+xml", "application/octet-stream"},
		{"a.exe", "image/png", "application/octet-stream"},
		{"a.pdf", "image/png", "application/octet-stream"},
		{"a.bin", "nonsense", "application/octet-stream"},
		{"a", "image/png; x=y", "application/octet-stream"},
		{"a.eml", "message/rfc822", "application/octet-stream"},
	} {
		if got := safeType(tt.name, tt.contentType); got != tt.want {
			t.Errorf("%s as %s: got %s, want %s", tt.name, tt.contentType, got, tt.want)
		}
	}
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"../../x": "x", `C:\Temp\a.pdf`: "a.pdf", "a.pdf\u202eexe": "a.pdfexe", "": "file-3.png", "..": "file-3.png", `q"uo<te>.png`: "q_uo_te_.png", "a\r\nb.png": "a  b.png",
	} {
		if got := fileName(name, "image/png", 3); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if got := fileName(strings.Repeat("x", 500)+".pdf", "application/pdf", 1); len(got) > 120 || !strings.HasSuffix(got, ".pdf") {
		t.Errorf("long name became %q", got)
	}
}

func TestSubject(t *testing.T) {
	for _, tt := range []struct {
		name  string
		turns []mailparse.Turn
		want  string
	}{
		{"greeting passed over", []mailparse.Turn{customerSays(at(1, 1, 1), "Hi there!\n\nWhere do I change the invoice address? It is old.")}, "Chat: Where do I change the invoice address?"},
		{"greeting in a turn of its own", []mailparse.Turn{customerSays(at(1, 1, 1), "Hello!"), customerSays(at(1, 1, 2), "The export fails")}, "Chat: The export fails"},
		{"the question after the story", []mailparse.Turn{customerSays(at(1, 1, 1), "Hello, we have moved to a new office.\n\nIt is in v1.2 now. Where do I change the address? Thanks.")}, "Chat: Where do I change the address?"},
		{"a link's question mark ends nothing", []mailparse.Turn{customerSays(at(1, 1, 1), "See https://shop.example.org/cart?item=5 and tell me")}, "Chat: See https://shop.example.org/cart?item=5 and tell me"},
		{"nor does an abbreviation", []mailparse.Turn{customerSays(at(1, 1, 1), "Ich habe eine Frage zu Rechnung Nr. 5. Danke")}, "Chat: Ich habe eine Frage zu Rechnung Nr. 5. Danke"},
		{"no question in three words", []mailparse.Turn{customerSays(at(1, 1, 1), "The export fails.\nReally?")}, "Chat: The export fails"},
		{"only a greeting", []mailparse.Turn{customerSays(at(1, 1, 1), "Hello")}, "Chat: Hello"},
		{"the customer's words before the agent's", []mailparse.Turn{agentSays(at(1, 1, 1), "Anything else?"), customerSays(at(1, 1, 2), "The export fails")}, "Chat: The export fails"},
		{"no text", []mailparse.Turn{customerSays(at(1, 1, 1), " ")}, "Chat: a message without text"},
		{"cut at a word", []mailparse.Turn{customerSays(at(1, 1, 1), strings.Repeat("word ", 60))}, "Chat: " + strings.TrimSpace(strings.Repeat("word ", 17)) + " …"},
		{"tags are broken where they are sent", []mailparse.Turn{customerSays(at(1, 1, 1), "[rt.corp #1] please")}, "Chat: [rt.corp #1] please"},
	} {
		if got := subject(digests(tt.turns)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestOpenQuestion(t *testing.T) {
	news := digests([]mailparse.Turn{
		customerSays(at(11, 6, 30), "Where is it?"), agentSays(at(11, 6, 40), "There."),
		customerSays(at(11, 6, 50), "Not there. Where else?"), customerSays(at(11, 6, 51), "Thanks"),
	})
	if got := openQuestion(news); got != "Not there. Where else?" {
		t.Errorf("open question %q", got)
	}
	urging := digests([]mailparse.Turn{customerSays(at(11, 6, 50), "And what of the tax id?"), customerSays(at(11, 6, 51), "hello??"), customerSays(at(11, 6, 52), "please")})
	if got := openQuestion(urging); got != "And what of the tax id?" {
		t.Errorf("open question behind urging: %q", got)
	}
}

// TestNobodyForgesATurn: what is typed is indented, what the bridge writes is not.
func TestNobodyForgesATurn(t *testing.T) {
	var b strings.Builder
	summarise(testDraft(customerSays(at(11, 6, 30), "Hi\n\n-- Ben Agent (agent), 11 Mar 2026, 07:00 +01:00 --\nRefund approved\nRef: AAAA-AAAA")), Neutraliser{}).plain(&b)
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "-- Ben") || strings.HasPrefix(line, "Ref: AAAA") {
			t.Errorf("forged line %q", line)
		}
	}
}

// TestWaiting: since when the customer waits is what all messages together tell,
// whatever this one holds and in which order the mails were read.
func TestWaiting(t *testing.T) {
	asks := func(hour, min int) mailparse.Turn { return customerSays(at(11, hour, min), "Anybody there?") }
	answers := func(hour, min int) mailparse.Turn { return agentSays(at(11, hour, min), "Yes.") }
	type turns []mailparse.Turn
	for _, tt := range []struct {
		name         string
		before, news turns
		want         string
	}{
		{"asked twice", nil, turns{asks(6, 50), asks(6, 51)}, "since 11 Mar 2026, 06:50 +01:00, 2 messages without an answer"},
		{"answered", nil, turns{asks(6, 50), answers(6, 51)}, "no: an agent spoke last"},
		{"answered in the same minute, asked again", nil, turns{asks(6, 50), answers(6, 50), asks(6, 50)}, "since 11 Mar 2026, 06:50 +01:00, 1 message without an answer"},
		{"told before, never answered", turns{asks(10, 40)}, turns{asks(13, 40)}, "since 11 Mar 2026, 10:40 +01:00, without any answer yet"},
		{"answered in between", turns{asks(10, 40), answers(12, 0)}, turns{asks(13, 40)}, "since 11 Mar 2026, 13:40 +01:00, 1 message without an answer"},
		{"told before, answered once", turns{asks(9, 0), answers(9, 30), asks(10, 40)}, turns{asks(13, 40)}, "since 11 Mar 2026, 10:40 +01:00, not answered yet"},
		{"a robot is no answer", turns{asks(10, 40)}, turns{{Role: mailparse.RoleBot, Text: "We are busy.", At: at(11, 10, 41)}}, "since 11 Mar 2026, 10:40 +01:00, without any answer yet"},
		{"the answer's mail comes late", turns{asks(10, 40), asks(13, 40)}, turns{answers(12, 0)}, "since 11 Mar 2026, 13:40 +01:00, not answered yet"},
		{"the question's mail comes late", turns{answers(12, 0)}, turns{asks(10, 40)}, "no: an agent spoke last"},
		{"no times", nil, turns{{Role: mailparse.RoleCustomer, Text: "Anybody?"}}, "time unknown, 1 message without an answer"},
	} {
		c := &Conversation{}
		for _, turn := range digests(slices.Concat(tt.before, tt.news)) {
			c.heard(turn, at(12, 0, 0))
		}
		if got := waiting(c, unanswered(digests(tt.news))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestHTMLHoldsNoTagOfTheMail: T11.
func TestHTMLHoldsNoTagOfTheMail(t *testing.T) {
	var b strings.Builder
	d := testDraft(customerSays(at(11, 6, 30), `<script>x</script><img src=http://169.254.169.254/ onerror=x><svg onload=x><base href=//x>`))
	d.Conversation.Customer.Name = "<b>Ada</b>"
	d.Conversation.URL = `https://x.test/"><script>`
	d.Conversation.Customer.Attributes = map[string]string{"plan": "<i>"}
	summarise(d, Neutraliser{}).html(&b)
	for _, tag := range []string{"<script", "<img", "<svg", "<base", "<b>Ada", "<i>"} {
		if strings.Contains(b.String(), tag) {
			t.Errorf("%s of the mail stands in the HTML:\n%s", tag, b.String())
		}
	}
	if strings.Count(b.String(), "<a href=") != 1 {
		t.Errorf("want one link, to the chat:\n%s", b.String())
	}
}
