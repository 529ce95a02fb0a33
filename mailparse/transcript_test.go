package mailparse

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// A mail and its forwards tell the same conversation and the same turns, so that
// a copy raises nothing (DESIGN step 4).
func TestCopiesAreTheSame(t *testing.T) {
	type identity struct{ role, written, text string }
	var want []identity
	key, address := "", ""
	for _, name := range []string{
		"new-chat", "text-only", "forward-outlook-web-html", "forward-outlook-web-html-images", "forward-gmail-text",
	} {
		c := parseGolden(t, "intercom/"+name).Chat
		var got []identity
		for _, turn := range c.Turns {
			got = append(got, identity{string(turn.Role), turn.Written, turn.Text})
		}
		if want == nil {
			want, key, address = got, c.Conversation.Key, c.Customer.Address
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: turns %q, want %q", name, got, want)
		}
		if c.Conversation.Key != key || c.Customer.Address != address {
			t.Errorf("%s: %s of %s, want %s of %s", name, c.Conversation.Key, c.Customer.Address, key, address)
		}
	}
}

func TestConversationKeys(t *testing.T) {
	for name, want := range map[string]string{
		"intercom/new-chat":                        "intercom/abcd1234/1964",
		"intercom/eu-inbox-link":                   "intercom/abcd1234/123456789012345",
		"intercom/safelinks":                       "intercom/abcd1234/1964",
		"intercom/pinned-app":                      "intercom/abcd1234/1964",
		"intercom/no-link-but-message-id":          "intercom/acme-0123456789ab.intercom-mail.com/1964",
		"livehelperchat/closed":                    "livehelperchat/chat@example.com/4711",
		"livehelperchat/no-id":                     "",
		"generic-labelled/edited-templates":        "generic-labelled/12",
		"generic-labelled/liveperson":              "liveperson/99",
		"chaskiq/plain":                            "chaskiq/k1/xy9",
		"papercups/plain":                          "",
		"intercom/two-conversations":               "intercom/abcd1234/1964",
		"livehelperchat/forward-html-only":         "livehelperchat/chat@example.com/4711",
		"generic-labelled/provide-support":         "",
		"intercom/forward-as-attachment":           "intercom/abcd1234/1964",
		"intercom/pasted-conversation-link":        "intercom/abcd1234/1964",
		"rocketchat-offline/plain":                 "",
		"livehelperchat/id-line":                   "livehelperchat/chat@example.com/4711",
		"intercom/html-without-structure":          "intercom/abcd1234/1964",
		"intercom/text-only-typed-row":             "intercom/abcd1234/1964",
		"intercom/forward-gmail-text":              "intercom/abcd1234/1964",
		"intercom/nested-notification":             "intercom/abcd1234/1964",
		"intercom/encoded-names":                   "intercom/abcd1234/1964",
		"livehelperchat/closed-whisper-and-system": "livehelperchat/chat@example.com/4711",
	} {
		if got := parseGolden(t, name).Chat.Conversation.Key; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Notes are turns, and never in the text that leaves.
func TestNotesStayInside(t *testing.T) {
	for _, c := range []struct{ golden, secret string }{
		{"intercom/agent-bot-and-note", "Refund him quietly"},
		{"intercom/unknown-part-class", "secret"},
		{"livehelperchat/closed-whisper-and-system", "he is a reseller"},
	} {
		chat := parseGolden(t, c.golden).Chat
		i := slices.IndexFunc(chat.Turns, func(turn Turn) bool { return turn.Text == c.secret })
		if i < 0 || chat.Turns[i].Role != RoleNote {
			t.Errorf("%s: %q is no note: %+v", c.golden, c.secret, chat.Turns)
		}
		if strings.Contains(chat.Text, c.secret) {
			t.Errorf("%s: the text holds the note:\n%s", c.golden, chat.Text)
		}
	}
}

func TestChatText(t *testing.T) {
	got := parseGolden(t, "intercom/agent-bot-and-note").Chat.Text
	want := `Ada (customer), 11 Mar 2026 06:30 UTC+1:
Hello

Bot (bot), 11 Mar 2026 06:30 UTC+1:
Please wait

Ben (agent), 11 Mar 2026 06:32 UTC+1:
I will look

Ada (customer), 11 Mar 2026 06:33 UTC+1:
Thanks`
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if got := chatText([]Turn{{Role: RoleCustomer, Text: "x"}, {Role: RoleAgent, Author: "Ben", Written: "gestern", Text: "y"}}); got != "customer:\nx\n\nBen (agent), gestern:\ny" {
		t.Errorf("without names and times: %q", got)
	}
}

// A chat as long as the product shows may be longer.
func TestFullChatThatMayBeCut(t *testing.T) {
	for n, full := range map[int]bool{149: true, 150: false} {
		var lines strings.Builder
		for i := range n {
			fmt.Fprintf(&lines, "[2026-08-21 13:%02d:%02d] [Ada] line %d\n", i/60, i%60, i)
		}
		g := goldenNamed(t, "livehelperchat/closed")
		raw := strings.Replace(string(g.mail()), "[2026-08-21 13:12:52] [Ada] Hello", lines.String()+"[x", 1)
		c := g.parser(t).Parse([]byte(raw)).Chat
		c.Turns = slices.DeleteFunc(c.Turns, func(turn Turn) bool { return !strings.HasPrefix(turn.Text, "line ") })
		if len(c.Turns) != n {
			t.Errorf("%d turns of %d", len(c.Turns), n)
		}
		if c.Full && !full {
			t.Errorf("%d turns: full = %v", n, c.Full)
		}
	}
	if c := parseGolden(t, "livehelperchat/closed").Chat; !c.Full {
		t.Error("a short closed chat is the whole chat")
	}
	if c := parseGolden(t, "livehelperchat/unread").Chat; c.Full {
		t.Error("an unread message is not the whole chat")
	}
}

func TestSkippedAttachments(t *testing.T) {
	for golden, want := range map[string]map[string]string{
		"intercom/embedded-images": {
			"shot.png": "", "icon.png": "icon or tracking pixel", "~WRD0000.jpg": "stand-in", "logo.png": "layout",
		},
		"intercom/forward-outlook-web-html-images": {"sig.png": "forwarder's own"},
		"intercom/attachment":                      {"order.pdf": ""},
	} {
		m := parseGolden(t, golden)
		if len(m.Attachments) != len(want) {
			t.Errorf("%s: %d attachments", golden, len(m.Attachments))
		}
		for _, a := range m.Attachments {
			w, ok := want[a.Filename]
			if !ok || w == "" && a.Skip != "" || w != "" && !strings.Contains(a.Skip, w) {
				t.Errorf("%s: %s: skip %q, want %q", golden, a.Filename, a.Skip, w)
			}
		}
	}
}

// The reasoning is noted only when asked for, and tells near misses.
func TestExplain(t *testing.T) {
	g := goldenNamed(t, "intercom/look-alike-domain")
	p := g.parser(t)
	if m := p.Parse(g.mail()); len(m.Explain) != 0 {
		t.Errorf("noted without being asked: %q", m.Explain)
	}
	o := p.opts
	o.Explain = true
	p, err := NewParser(o)
	if err != nil {
		t.Fatal(err)
	}
	text := p.Parse(g.mail()).ExplainText()
	for _, want := range []string{
		"format intercom: no: from_domain intercom-mail.com or mail.intercom.io fails",
		"format livehelperchat: no: none of: text =~ ",
		"chat          no: no format knows this mail",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, want := range []string{
		"carrier       inline forward; the original is from \"Ada Example via Intercom\" <notifications@acme-0123456789ab.intercom-mail.com>",
		"customer      ada@example.org Ada Example: row EMAIL of .attribution, mailto",
		"attachment    sig.png (image/png, 8 bytes): not carried: shown in the forwarder's own text",
	} {
		if text := parseGolden(t, "intercom/forward-outlook-web-html-images").ExplainText(); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	text = parseGolden(t, "livehelperchat/reply-to-differs").ExplainText()
	for _, want := range []string{"reason        different addresses: ada@example.org (label Email", "candidate   victim@example.net: Reply-To; eligible"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\r\x07") {
			t.Errorf("control characters in %q", line)
		}
	}
}

// What an admin starts from works.
func TestExamples(t *testing.T) {
	p, err := LoadProfile("template.toml", []byte(Template()))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Configure(map[string]any{"from_address": "chat@acme.example"}); err != nil {
		t.Fatal(err)
	}
	parser, err := NewParser(Options{Profiles: []*Profile{p}})
	if err != nil {
		t.Fatal(err)
	}
	c := parser.Parse([]byte("From: chat@acme.example\nSubject: Chat with Ada [12]\nDate: Fri, 21 Aug 2026 13:20:00 +0200\n\n" +
		"Visitor: Ada\nVisitor e-mail: ada@example.org\nPlan: Trial\nTranscript:\n[21/08/2026 13:12] Ada: Hello\nRate this chat: 5\n[21/08/2026 13:13] Ben: Hi\nSent by Acme Chat\n")).Chat
	if c == nil || c.Action != Process || c.Customer.Address != "ada@example.org" || c.Customer.Attributes["plan"] != "Trial" ||
		len(c.Turns) != 2 || c.Turns[0].Text != "Hello" || c.Conversation.Key != "acme-chat/chat@acme.example/12" {
		t.Errorf("the template's own mail: %+v", c)
	}
	for _, name := range []string{"provide-support", "liveperson"} {
		data, err := os.ReadFile("formats/examples/" + name + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		var cfg struct {
			Format map[string]map[string]any `toml:"format"`
		}
		if err := toml.Unmarshal(data, &cfg); err != nil {
			t.Fatal(err)
		}
		ps, err := Assemble(nil, cfg.Format, []string{name})
		if err != nil || len(ps) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		g := goldenNamed(t, "generic-labelled/"+name)
		parser, err := NewParser(Options{Profiles: ps})
		if err != nil {
			t.Fatal(err)
		}
		got := parser.Parse(g.mail()).Chat
		if got == nil || !reflect.DeepEqual(got.Customer, g.parser(t).Parse(g.mail()).Chat.Customer) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestBareLine(t *testing.T) {
	for s, want := range map[string]string{
		"Ada<https://x.example/1> on 11 Mar,  6:30am<https://x.example/2>": "Ada on 11 Mar,  6:30am",
		"  *Email:* a@b.example <mailto:a@b.example>":                      "Email:* a@b.example <mailto:a@b.example>",
		"[cid:image001.png@01D0] text":                                     "text",
		"[Image removed by sender.]":                                       "",
		"[https://x.example/logo.png]":                                     "",
		"a < b and [c]":                                                    "a < b and [c]",
		"<https://never.closed":                                            "<https://never.closed",
	} {
		if got := bareLine(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// What exceeds the budget of line patterns is parked, never half believed.
func TestTooManyLines(t *testing.T) {
	g := goldenNamed(t, "intercom/text-only")
	raw := strings.Replace(string(g.mail()), "Hello", strings.Repeat("a on 11 Mar, 6:30xm\r\n", maxRuns+1)+"Hello", 1)
	m := g.parser(t).Parse([]byte(raw))
	if c := m.Chat; c.Action != Park || !strings.Contains(c.Reason, "too many lines") || !slices.Contains(m.Warnings, "limit-lines") {
		t.Errorf("%s: %s, warnings %v", c.Action, c.Reason, m.Warnings)
	}
}
