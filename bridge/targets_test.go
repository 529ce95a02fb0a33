package bridge

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func helpdesk(t testing.TB, name string) Helpdesk {
	t.Helper()
	h, err := HelpdeskNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHelpdesks: every profile loads strictly, says what it rests on and when
// that was looked at.
func TestHelpdesks(t *testing.T) {
	known, err := Helpdesks()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"freescout", "freshdesk", "helpscout", "jira-sm", "mailbox", "osticket", "rt", "zammad", "zendesk", "znuny"}
	if got := HelpdeskNames(); !slices.Equal(got, want) {
		t.Errorf("profiles %v, want %v", got, want)
	}
	date := regexp.MustCompile(`^20\d\d(-\d\d)?$`)
	for i, h := range known {
		if h.Name != want[i] {
			t.Errorf("%s.toml is named %q", want[i], h.Name)
		}
		if len(h.Evidence) == 0 {
			t.Errorf("%s: no evidence", h.Name)
		}
		for _, g := range h.Evidence {
			if !date.MatchString(g.Date) {
				t.Errorf("%s: date %q", h.Name, g.Date)
			}
		}
		if weak := h.Resend == "unknown" || h.Evidence[0].Grade > "A"; weak && len(h.Unverified) == 0 {
			t.Errorf("%s: says nothing of what is not verified", h.Name)
		}
		if len(h.Answers.Subject) > 0 && len(h.Neutralise.Subject) == 0 {
			t.Errorf("%s: reads tags in Subjects and breaks none", h.Name)
		}
	}
	if _, err := HelpdeskNamed("../rt"); err == nil || !strings.Contains(err.Error(), "want one of freescout") {
		t.Errorf("unknown profile: %v", err)
	}
}

// TestHelpdeskProblems: each slip is named with its key.
func TestHelpdeskProblems(t *testing.T) {
	const least = "name = 'x'\ntitle = 'X'\nrequester = ['from']\nidentities = ['reply-to']\nresend = 'unknown'\n"
	if _, err := readHelpdesk([]byte(least)); err != nil {
		t.Fatalf("the least profile: %v", err)
	}
	for _, test := range []struct{ add, want string }{
		{"colour = 'red'", "colour: unknown key"},
		{"[limits]\nsise = '1MB'", "limits.sise: unknown key"},
		{"[limits]\nsize = '1 elephant'", "want a size"},
		{"[limits]\nper_hour = -1", "limits: want no number below 0"},
		{"[follow_up]\nby = ['magic']", `follow_up.by: want one of references, references+same-subject, subject-tag, external-id; not "magic"`},
		{"[follow_up]\nby = ['subject-tag']", "follow_up.tag: goes with"},
		{"[follow_up]\ntag = '[#{ticket}]'", "follow_up.tag: goes with"},
		{"[follow_up]\nby = ['subject-tag']\ntag = '[#1]'", "follow_up.tag: want a short text with {ticket}"},
		{"[ack]\nsubject = ['#\\d+']", "ack.subject[0]: want one group"},
		{"[ack]\nsubject = ['(']", "want a regular expression (RE2)"},
		{"[ack]\nheader = ['X Y']", "ack.header[0]: want a field's name"},
		{"[ack]\nfrom = ['lab']", "ack.from[0]: want an address"},
		{"[neutralise]\nsubject = ['(a)(b)']", "neutralise.subject[0]: want at most one group"},
		{"[neutralise]\nbody = ['.+']", "neutralise.body[0]: it fits broken text too"},
		{"[neutralise]\nbody_top = ['#']", "neutralise.body_top[0]: it fits broken text too"},
		{"[neutralise]\nbody = ['x*']", "neutralise.body[0]: it fits broken text too"},
		{"[command]\nlines = [\"a\\nb\"]", "command.lines[0]: want one line"},
		{"[command]\nheaders = ['X-Y']", `command.headers[0]: want "Name: value"`},
		{"[[evidence]]\naspect = 'x'", "grade: want one of A, B, C, D"},
	} {
		_, err := readHelpdesk([]byte(least + test.add))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %s", test.add, err, test.want)
		}
	}
	for _, test := range []struct{ from, to, want string }{
		{"requester = ['from']", "requester = []", "requester: want at least one"},
		{"requester = ['from']", "requester = ['cc']", "requester: want one of"},
		{"'reply-to'", "'command'", "command: required with the identity"},
		{"'reply-to'", "'magic'", "identities: want one of"},
		{"'unknown'", "'maybe'", "resend: want one of"},
		{"'unknown'", "'unknown'\nforbid_headers = ['From']", "forbid_headers[0]: want the name of a field a message can go without"},
		{"title = 'X'", "", "name: required"},
	} {
		_, err := readHelpdesk([]byte(strings.Replace(least, test.from, test.to, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %s", test.to, err, test.want)
		}
	}
}

func TestForbids(t *testing.T) {
	h := Helpdesk{Forbid: []string{"Sender", "X-Bridge-*"}}
	for name, want := range map[string]bool{"Sender": true, "sender": true, "x-bridge-ref": true, "X-Bridge": false, "From": false} {
		if h.forbids(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
