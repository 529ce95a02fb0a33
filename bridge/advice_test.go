package bridge

import (
	"slices"
	"testing"
)

// TestAdvise: the settings that follow from what was seen.
func TestAdvise(t *testing.T) {
	accepted := Result{Outcome: Accepted}
	refused := Result{Outcome: Permanent, Stage: "dot", Code: "550 5.7.1", Reply: "no"}
	inbox, junk := Landing{Where: "INBOX, UID 1"}, Landing{Where: "Junk, UID 1", Junk: true}
	well := Passage{Tried: true, Looked: true, Result: accepted, Landings: []Landing{inbox}}
	ack := func(tickets ...string) (as []CanaryAnswer) {
		for _, ticket := range tickets {
			as = append(as, CanaryAnswer{From: "rt@example.com", Ticket: ticket, How: "X-RT-Ticket", Speaks: true})
		}
		return as
	}
	with := func(change func(*Passage)) Passage { p := well; change(&p); return p }
	alias, local, foreign := `identity = "reply-to"`, "local_path = true", "local_path = false"
	for _, tt := range []struct {
		name, desk string
		f          Findings
		want       []string
	}{
		{"nothing tried", "rt", Findings{Own: well}, nil},
		{"both arrive", "rt", Findings{Own: well, Foreign: well}, []string{`identity = "as-customer"`, local}},
		{"refused", "rt", Findings{Own: well, Foreign: Passage{Tried: true, Result: refused}}, []string{alias, foreign}},
		{"the own one too", "rt", Findings{Own: Passage{Tried: true, Result: refused}}, []string{alias, foreign}},
		{"junk", "rt", Findings{Own: well, Foreign: with(func(p *Passage) { p.Landings = []Landing{junk} })}, []string{alias, foreign}},
		{"lost", "rt", Findings{Own: well, Foreign: with(func(p *Passage) { p.Landings = nil })}, []string{alias, foreign}},
		{"rewritten", "rt", Findings{Own: well, Foreign: with(func(p *Passage) { p.Landings = []Landing{{Changed: []string{"From"}}} })}, []string{alias, foreign}},
		{"requester from From", "znuny", Findings{Own: well, Foreign: Passage{Tried: true, Result: refused}}, []string{`identity = "command"`, foreign}},
		{"nobody can look", "rt", Findings{Own: Passage{Tried: true, Result: accepted}, Foreign: Passage{Tried: true, Result: accepted}}, nil},
		{"one copy", "mailbox", Findings{Own: well, Again: well}, []string{`on_doubt = "resend"`, `resend = "ignored"`}},
		{"one copy, but emptied", "mailbox", Findings{Own: well, Again: with(func(p *Passage) { p.Taken = true })}, nil},
		{"two copies", "mailbox", Findings{Own: well, CanProbe: true, Again: with(func(p *Passage) { p.Landings = []Landing{inbox, inbox} })}, []string{`on_doubt = "probe"`}},
		{"two copies, one ticket", "rt", Findings{Own: well, Again: with(func(p *Passage) { p.Landings, p.Answers = []Landing{inbox, inbox}, ack("7", "7") })}, []string{`on_doubt = "resend"`, `resend = "ignored"`}},
		{"two tickets", "rt", Findings{Own: well, Again: with(func(p *Passage) { p.Answers = ack("7", "8") })}, []string{`on_doubt = "hold"`}},
		{"appended", "mailbox", Findings{Own: well, Again: well, Appends: true}, []string{`on_doubt = "probe"`}},
		{"an unknown sender answers", "rt", Findings{Own: with(func(p *Passage) {
			p.Answers = []CanaryAnswer{{From: "desk@example.net", How: "In-Reply-To", Ticket: "7"}}
		})}, []string{`from = ["desk@example.net"]`}},
		{"forged", "rt", Findings{Own: well, Forged: []ForgedMail{{Mailbox: "ann", ForgedSeen: ForgedSeen{Survived: true, Believed: true}, Formats: []string{"intercom"}}}}, []string{`authenticate = "dkim"`}},
		{"forged, not believed", "rt", Findings{Own: well, Forged: []ForgedMail{{Mailbox: "ann", ForgedSeen: ForgedSeen{Survived: true}, Formats: []string{"intercom"}}}}, nil},
	} {
		var got []string
		for _, a := range targetComposer(t, tt.desk, AsCustomer).Target.Advise(tt.f) {
			if a.Line != "" {
				got = append(got, a.Line)
			}
			if a.Why == "" {
				t.Errorf("%s: %q without a reason", tt.name, a.Line)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
