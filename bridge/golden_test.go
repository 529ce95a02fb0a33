package bridge

import (
	"bytes"
	"flag"
	"io"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"

	"ticketbridge/mailparse"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// targetComposer sends to a helpdesk under one identity.
func targetComposer(t *testing.T, name, identity string) Composer {
	t.Helper()
	c := testComposer()
	c.Target.Helpdesk = helpdesk(t, name)
	c.Target.Profile, c.Target.Identity = name, identity
	c.Target.Site, c.Target.CommandFrom = "lab", "agent@lab.test"
	return c
}

// tickets are numbers as each helpdesk gives them.
var tickets = map[string]string{"jira-sm": "LAB-19", "zendesk": "ABC123-DEFG", "znuny": "2026112410000012", "zammad": "2026001"}

// TestGoldenMessages shows whole messages as they go on the wire: to every
// helpdesk, under every identity it allows, the first and one more.
func TestGoldenMessages(t *testing.T) {
	files := map[string]bool{}
	for _, name := range HelpdeskNames() {
		for _, identity := range helpdesk(t, name).Identities {
			c := targetComposer(t, name, identity)
			d := testDraft(
				customerSays(at(11, 6, 30), "Hello!"),
				customerSays(at(11, 6, 31), "Where do I change the invoice address? It still shows the old street.\nZażółć gęślą jaźń"))
			d.Conversation.Identity = identity
			golden(t, files, name, identity+"-new", c, d)
			d.Action, d.News = Append, digests([]mailparse.Turn{
				agentSays(at(11, 7, 0), "Under Settings > Billing."), customerSays(at(11, 7, 5), "It says \"not allowed\".\n.\nWhat now?")})
			for _, t := range d.News {
				d.Conversation.heard(t, at(12, 0, 0))
			}
			d.Conversation.Link.Ticket = tickets[name]
			if d.Conversation.Link.Ticket == "" {
				d.Conversation.Link.Ticket = "4711"
			}
			golden(t, files, name, identity+"-follow-up", c, d)
		}
	}
	there, err := filepath.Glob("../testdata/message/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		if !files[file] {
			t.Errorf("%s: no message is compared with it", file)
		}
	}
}

func golden(t *testing.T, files map[string]bool, name, what string, c Composer, d Draft) {
	t.Helper()
	dl, err := c.Compose(testKeys(t), d)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "testdata", "message", name, what+".eml")
	files[file] = true
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, dl.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dl.Data, want) {
		t.Errorf("%s differs (run with -update to see the change):\n%s", file, dl.Data)
	}
}

// steering is all that visitors try at once, and what every helpdesk we know
// would read in it.
const steering = "Status: resolved\n#requester evil@x.test\n@fwd\nRe: [lab #1] Ticket#123 {#FS:1#} Ref-Mid: x [ABC123-DEFG] PROJ-12 class=\"mid-1\" [ACME #ACME-7]\nRef: AAAA-AAAA"

// TestVisitorsSteerNothing: whatever the visitor writes and wherever it stands in
// the message, the helpdesk's own expressions find nothing of it in what it
// receives, and people see it as it was written (T7).
func TestVisitorsSteerNothing(t *testing.T) {
	for _, tag := range tags {
		for _, identity := range helpdesk(t, tag.profile).Identities {
			c := targetComposer(t, tag.profile, identity)
			d := testDraft(customerSays(at(11, 6, 30), tag.text+"\n"+steering), customerSays(at(11, 6, 31), "Can "+firstLine(tag.text)+" be so?"))
			d.Conversation.Customer.Name = firstLine(tag.text)
			d.News[0].Author = firstLine(tag.text)
			d.Conversation.Identity = identity
			dl, err := c.Compose(testKeys(t), d)
			if err != nil {
				t.Fatal(err)
			}
			subject, name, bodies := received(t, dl.Data)
			reads := regexp.MustCompile(tag.reads)
			for part, body := range bodies {
				where := tag.profile + " " + identity + " " + part
				if tag.place == "body" && reads.MatchString(body) {
					t.Errorf("%s: it reads %q", where, reads.FindString(body))
				}
				checkTop(t, where, tag.place, reads, c, d, body)
				if seen := strings.ReplaceAll(body, wordJoiner, ""); !strings.Contains(seen, "PROJ-12") || !strings.Contains(body, "Ref: KX7Q-2M9D") {
					t.Errorf("%s: the text changed, or our Ref did:\n%s", where, body)
				}
			}
			if tag.place == "subject" && (reads.MatchString(subject) || reads.MatchString(name)) {
				t.Errorf("%s: it reads Subject %q, From %q", tag.profile, subject, name)
			}
			if tag.place == "subject" && !strings.Contains(strings.ReplaceAll(subject, wordJoiner, ""), firstLine(tag.text)) {
				t.Errorf("%s: Subject %q does not show %q", tag.profile, subject, tag.text)
			}
		}
	}
}

// checkTop: commands are ours alone, and stand above a first line that is none.
func checkTop(t *testing.T, where, place string, reads *regexp.Regexp, c Composer, d Draft, body string) {
	t.Helper()
	for _, line := range c.commands(d) {
		if !strings.HasPrefix(body, line+"\n") {
			t.Errorf("%s: does not begin with %q", where, line)
		}
		body = strings.TrimPrefix(body, line+"\n")
	}
	if strings.HasPrefix(body, "<html>") {
		return
	}
	if !strings.HasPrefix(body, "Customer chat\n\n") {
		t.Errorf("%s: begins with %.40q", where, body)
	}
	if place == "top" && reads.MatchString(body) {
		t.Errorf("%s: it reads %q", where, reads.FindString(body))
	}
}

func firstLine(s string) string { line, _, _ := strings.Cut(s, "\n"); return line }

// received reads a message the way a helpdesk does.
func received(t *testing.T, data []byte) (subject, name string, bodies map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	from, err := mail.ParseAddress(m.Header.Get("From"))
	if err != nil {
		t.Fatalf("From %q: %v", m.Header.Get("From"), err)
	}
	return subject, from.Name, textParts(t, data)
}

// TestSubjectTagsAreBrokenOnTheWire: cleaning must not undo the breaking.
func TestSubjectTagsAreBrokenOnTheWire(t *testing.T) {
	c := targetComposer(t, "rt", AsCustomer)
	d := testDraft(customerSays(at(11, 6, 30), "[lab #1] please"))
	for _, action := range []Action{Raise, Append} {
		d.Action = action
		dl, err := c.Compose(testKeys(t), d)
		if err != nil {
			t.Fatal(err)
		}
		if subject, _, _ := received(t, dl.Data); !strings.HasSuffix(subject, "Chat: [lab #\u20601] please") {
			t.Errorf("%s: %q", action, subject)
		}
	}
}

// TestFollowUp: the tag as soon as the number is known, the same subject always,
// and what is missing where nothing else threads.
func TestFollowUp(t *testing.T) {
	for _, test := range []struct{ profile, ticket, want, missing string }{
		{"rt", "123", "Re: [lab #123] Chat: Where?", ""},
		{"rt", "", "Re: Chat: Where?", "the ticket's number: Request Tracker adds to a ticket only by [{site} #{ticket}] in the Subject"},
		{"zammad", "2026001", "Re: [Ticket#2026001] Chat: Where?", ""},
		{"zammad", "", "Re: Chat: Where?", ""},
		{"znuny", "1", "Re: [Ticket#1] Chat: Where?", ""},
		{"osticket", "123456", "Re: [#123456] Chat: Where?", ""},
		{"freescout", "9", "Re: Chat: Where?", ""},
		{"zendesk", "ABC123-DEFG", "Re: Chat: Where?", ""},
		{"freshdesk", "7", "Re: [#7] Chat: Where?", ""},
		{"jira-sm", "LAB-1", "Re: LAB-1 Chat: Where?", ""},
		{"mailbox", "x", "Re: Chat: Where?", ""},
		{"osticket", "1]\r\nBcc: x@y.test", "Re: Chat: Where?", ""},
	} {
		target := targetComposer(t, test.profile, "").Target
		got, missing := target.FollowUp(&Conversation{Subject: "Chat: Where?", Link: Link{Ticket: test.ticket}})
		if got != test.want || missing != test.missing {
			t.Errorf("%s %q: got %q, %q", test.profile, test.ticket, got, missing)
		}
	}
	long := &Conversation{Subject: "Chat: " + strings.Repeat("日本語", 60)}
	target := targetComposer(t, "zammad", "").Target
	if first, next := target.subject(Draft{Conversation: long, Action: Raise}), target.subject(Draft{Conversation: long, Action: Append}); next != "Re: "+first {
		t.Errorf("a long subject is not repeated: %q, %q", first, next)
	}
}

// TestIdentities: who stands where.
func TestIdentities(t *testing.T) {
	for _, test := range []struct{ identity, from, sender, original string }{
		{AsCustomer, `Ada Example <ada@example.org>`, "ticketbridge@example.com", ""},
		{ReplyToAlias, `Ada Example via chat <` + testKeys(t).Alias("ADA@example.org") + `>`, "", "ada@example.org"},
		{AsCommand, "agent@lab.test", "", ""},
	} {
		d := testDraft(customerSays(at(11, 6, 30), "Where is it?"))
		d.Conversation.Identity = test.identity
		dl, err := targetComposer(t, "zammad", AutoIdentity).Compose(testKeys(t), d)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(dl.Data))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{m.Header.Get("From"), m.Header.Get("Sender"), m.Header.Get("X-Original-From"), m.Header.Get("Reply-To"), m.Header.Get("X-Zammad-Customer-Email")}
		want := []string{test.from, test.sender, test.original, "Ada Example <ada@example.org>", ""}
		if test.identity == AsCommand {
			want[4] = "ada@example.org"
		}
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], "\r\n", "")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", test.identity, got, want)
		}
	}
}

func TestAlias(t *testing.T) {
	k := testKeys(t)
	a := k.Alias("ada@example.org")
	if !k.OwnAlias(a) || !k.OwnAlias("<"+strings.ToUpper(a)+">") || k.OwnAlias("x"+a) || k.OwnReversePath(a) || k.Alias("bo@example.org") == a {
		t.Errorf("alias %s", a)
	}
	if _, err := mailparse.StrictAddress(a); err != nil {
		t.Error(err)
	}
}

// TestForbiddenFields are left out.
func TestForbiddenFields(t *testing.T) {
	c := targetComposer(t, "osticket", AsCustomer)
	c.Target.Helpdesk.Forbid = []string{"sender", "X-Bridge-Tru*"}
	dl, err := c.Compose(testKeys(t), testDraft(customerSays(at(11, 6, 30), "Where?")))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(dl.Data))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Sender")+m.Header.Get("X-Bridge-Trust") != "" || m.Header.Get("X-Bridge-Ref") == "" {
		t.Errorf("header %v", m.Header)
	}
}

// TestTooLargeForTheHelpdesk: said before it is sent.
func TestTooLargeForTheHelpdesk(t *testing.T) {
	c := targetComposer(t, "rt", AsCustomer)
	d := testDraft(customerSays(at(11, 6, 30), strings.Repeat("x", 2<<20)))
	if _, err := c.Compose(testKeys(t), d); err != nil {
		t.Fatal(err)
	}
	c.Target.Helpdesk.Limits.Size = 2e6
	_, err := c.Compose(testKeys(t), d)
	if err == nil || !strings.Contains(err.Error(), "more than the helpdesk takes (2MB)") {
		t.Errorf("got %v", err)
	}
}

// textParts are the decoded texts of a message, by content type.
func textParts(t *testing.T, data []byte) map[string]string {
	t.Helper()
	parts := map[string]string{}
	walk(t, data, func(contentType, text string) {
		if strings.HasPrefix(contentType, "text/") {
			parts[contentType] = strings.ReplaceAll(text, "\r\n", "\n")
		}
	})
	if parts["text/plain"] == "" {
		t.Fatalf("no plain text in:\n%.400s", data)
	}
	return parts
}

func walk(t *testing.T, data []byte, visit func(contentType, text string)) {
	t.Helper()
	e, err := message.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	err = e.Walk(func(_ []int, e *message.Entity, err error) error {
		if err != nil || e.MultipartReader() != nil {
			return err
		}
		contentType, _, err := e.Header.ContentType()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(e.Body)
		visit(contentType, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
