package mailparse

import (
	"slices"
	"strings"
	"testing"
)

// templateMail is what the template's profile describes.
const templateMail = "From: chat@acme.example\nTo: ann@example.com\nSubject: Chat with Ada [17]\nDate: Tue, 24 Nov 2026 12:00:00 +0000\n" +
	"Reply-To: ada@example.org\n\nVisitor: Ada\nVisitor e-mail: ada@example.org\nPlan: Pro\nTranscript:\n" +
	"[24/11/2026 11:00] Ada: Hello?\n[24/11/2026 11:01] Assistant: Hi\nSent by Acme Chat\n"

func tried(t *testing.T, mail string) *Trial {
	t.Helper()
	p, err := LoadProfile("template.toml", []byte(Template()))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Configure(map[string]any{"from_address": "chat@acme.example"}); err != nil {
		t.Fatal(err)
	}
	parser, err := NewParser(Options{OwnDomains: []string{"example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	return parser.Try(p, []byte(mail))
}

// TestTry: each condition and place of a profile, beside what the mail has.
func TestTry(t *testing.T) {
	for _, tc := range []struct {
		name, mail string
		want       []Step // among the others
		processed  bool
	}{
		{"as described", templateMail, []Step{
			{"match all", `subject =~ ^Chat with `, true, `"Chat with Ada [17]"`},
			{"match all", `text =~ (?m)^Visitor e-mail: `, true, `line 2: "Visitor e-mail:"`},
			{"address", "Reply-To", true, "ada@example.org (Reply-To)"},
			{"name", "the line Visitor", true, "Ada"},
			{"attribute", "plan: Plan", true, "Pro"},
			{"turns", "at least one", true, "2, in the text"},
		}, true},
		{"another label", strings.Replace(templateMail, "Visitor e-mail", "Visitor mail", 1), []Step{
			{"match all", `text =~ (?m)^Visitor e-mail: `, false, `not in the text, which begins "Visitor: Ada"`},
			{"kind started all", `subject =~ ^New chat with `, false, `"Chat with Ada [17]"`},
			{"address", "the line Visitor e-mail", false, "ada@example.org (line 2 of the text, between 1 and 3), which only stands near"},
			{"address", "Reply-To", true, "ada@example.org (Reply-To)"}, // found all the same
			{"turns", "at least one", true, "2, in the text"},
		}, false},
		{"no transcript", strings.Replace(templateMail, "Transcript:", "Protocol:", 1), []Step{
			{"address", "the line Visitor e-mail", false, "its region (after, before) is not in the text"},
			{"turns", "at least one", false, "0, in the text"},
		}, false},
		{"empty", "", []Step{
			{"match all", `text =~ (?m)^Visitor e-mail: `, false, "no text"},
			{"turns", "at least one", false, "0, in the text"},
		}, false},
		{"forwarded", "From: ann@example.com\nSubject: Fwd: Chat with Ada [17]\n\nsee\n\n-------- Forwarded Message --------\n" +
			"Subject: Chat with Ada [17]\nDate: Tue, 24 Nov 2026 12:00:00 +0000\nFrom: chat@acme.example\nTo: ann@example.com\n" +
			templateMail[strings.Index(templateMail, "\n\n"):], []Step{
			{"address", "the line Visitor e-mail", true, "ada@example.org (label Visitor e-mail in line 2 of the text, between 1 and 3)"},
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tried(t, tc.mail)
			for _, s := range tc.want {
				if !slices.Contains(got.Steps, s) {
					t.Errorf("no %+v in:\n%s", s, got.Text())
				}
			}
			if got.Processed() != tc.processed {
				t.Errorf("processed %v:\n%s", got.Processed(), got.Text())
			}
		})
	}
}

// TestTryLooksWhereParseLooks: whatever a golden mail is, its own format's trial
// comes to the same as reading it, and tells every condition of what decided.
func TestTryLooksWhereParseLooks(t *testing.T) {
	for _, g := range goldens(t, mailDir) {
		for _, p := range goldenProfiles(t, g) {
			parser, err := NewParser(Options{Profiles: []*Profile{p}, OwnDomains: []string{"example.com"}})
			if err != nil {
				t.Fatal(err)
			}
			trial, read := parser.Try(p, g.mail()), parser.Parse(g.mail())
			if (trial.Mail.Chat == nil) != (read.Chat == nil) || read.Chat != nil &&
				(trial.Mail.Chat.Action != read.Chat.Action || trial.Mail.Chat.Reason != read.Chat.Reason || trial.Mail.Chat.Customer.Address != read.Chat.Customer.Address) {
				t.Errorf("%s as %s: tried %+v, read %+v", g.path, p.Name, trial.Mail.Chat, read.Chat)
			}
			if read.Chat != nil && read.Chat.Kind != "drift" && slices.ContainsFunc(trial.Steps, func(s Step) bool {
				return (s.Of == "sender all" || s.Of == "match all" || s.Of == "kind "+read.Chat.Kind+" all") && !s.Holds
			}) {
				t.Errorf("%s as %s: taken, but:\n%s", g.path, p.Name, trial.Text())
			}
		}
	}
}
