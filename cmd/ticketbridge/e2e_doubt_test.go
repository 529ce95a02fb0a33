package main

import (
	"fmt"
	"strings"
	"testing"
)

var firstQuestion = chat{conversation: 1, name: "Ada", email: "ada@example.org", id: "a", said: []string{"What about this?"}}

// TestDoubtIsLookedUp: the SMTP server takes the message and falls silent after
// the dot. What became of it shows in the support mailbox; in the end there is
// one message, or a person is asked.
func TestDoubtIsLookedUp(t *testing.T) {
	for _, tt := range []struct {
		name     string
		complete bool
		arrives  string // the folder where the swallowed message is seen; "": nowhere
		late     bool   // only after the first look-up
		restart  bool   // killed between the look-ups
		blind    bool   // the mailbox refuses the login at first
		state    string
		taken    int // messages the server took
	}{
		{name: "it arrived", arrives: "INBOX", state: "sent", taken: 1},
		{name: "the helpdesk has moved it", arrives: "Processed", state: "sent", taken: 1},
		{name: "it arrives late", complete: true, arrives: "INBOX", late: true, state: "sent", taken: 1},
		{name: "it is lost", complete: true, state: "sent", taken: 2},
		{name: "it is lost, or something took it away", state: "doubt", taken: 1},
		{name: "killed between look-ups", complete: true, arrives: "INBOX", late: true, restart: true, state: "sent", taken: 1},
		{name: "no answer is no answer", complete: true, arrives: "INBOX", late: true, restart: true, blind: true, state: "sent", taken: 1},
	} {
		for _, database := range databases {
			if database != "sqlite" && tt.taken == 1 && !tt.restart {
				continue // what the store does with it, storetest shows on both
			}
			t.Run(tt.name+"/"+database, func(t *testing.T) {
				w := newWorld(t, database)
				w.support.Create(t, "Processed")
				w.sink = newSink(t)
				swallowed := make(chan string, 1)
				w.sink.swallow = swallowed
				w.extra["probe"] = w.supportLogin() + fmt.Sprintf("folders = [\"INBOX\", \"Processed\"]\ncomplete = %v\nafter = [\"200ms\", \"2s\", \"3s\"]", tt.complete)
				right := w.extra["probe"]
				if tt.blind {
					w.extra["probe"] = strings.Replace(right, w.support.Password, "wrong", 1)
				}
				daemon := w.start(t, "")
				w.ann.Deliver(t, firstQuestion.mail())
				raw := []byte(<-swallowed)
				if tt.late {
					first := "look-up 1 of 3"
					if tt.blind {
						first = "looking for it failed"
					}
					eventually(t, first, func() bool { return strings.Contains(daemon.logged(), first) })
				}
				if tt.restart {
					daemon.kill()
					w.extra["probe"] = right
				}
				if tt.arrives != "" {
					w.support.Append(t, tt.arrives, raw)
				}
				if tt.restart {
					daemon = w.start(t, "")
				}
				if tt.state == "doubt" {
					eventually(t, "three look-ups", func() bool { return strings.Contains(daemon.logged(), "a person must decide") })
				}
				eventually(t, tt.state, func() bool { return w.states(t, "deliveries")[tt.state] == 1 })
				daemon.stop(t)
				got := w.sink.messages()
				if len(got) != tt.taken || got[0] != got[len(got)-1] {
					t.Errorf("the server took %d messages, want %d, byte for byte the same", len(got), tt.taken)
				}
				arrived := tt.taken - 1 // what the server took and answered for
				for _, folder := range []string{"INBOX", "Processed"} {
					arrived += len(w.support.Mails(t, folder))
				}
				if want := 1; tt.state == "sent" && arrived != want {
					t.Errorf("%d messages at support, want %d", arrived, want)
				}
				story := w.admin(t, "show", "d1")
				for _, want := range map[string][]string{
					"sent": {"attempt 1"}, "doubt": {"look-up 3 of 3", "INBOX, Processed of " + w.support.Address, "a person must decide"},
				}[tt.state] {
					if !strings.Contains(strings.Join(strings.Fields(story), " "), want) {
						t.Errorf("the story lacks %q:\n%s", want, story)
					}
				}
			})
		}
	}
}

// TestAppendIsExactlyOnce: with transport.kind = "imap" a kill at any step leaves
// one message in the support mailbox, and nobody has to decide anything.
func TestAppendIsExactlyOnce(t *testing.T) {
	for _, point := range []string{beforeCommit, afterCommit, afterMark, afterClaim, beforeRecord, afterRecord} {
		for _, database := range databases {
			t.Run(point+"/"+database, func(t *testing.T) {
				w := newWorld(t, database)
				w.extra["imap"], w.extra["mailbox"] = "yes", `on_done = "keyword:$Ticket"`
				w.extra["probe"] = `after = ["100ms", "200ms", "300ms"]`
				daemon := w.start(t, point)
				w.ann.Deliver(t, firstQuestion.mail())
				daemon.died(t)
				daemon = w.start(t, "")
				eventually(t, "sent", func() bool { return w.states(t, "deliveries")["sent"] == 1 })
				second := firstQuestion
				second.id, second.minute, second.said = "b", 5, []string{"And that?"}
				w.ann.Deliver(t, second.mail())
				eventually(t, "both sent", func() bool { return w.states(t, "deliveries")["sent"] == 2 })
				daemon.stop(t)
				w.start(t, "").stop(t)
				got := w.support.Mails(t, "INBOX")
				if len(got) != 2 {
					t.Errorf("%d messages at support, want 2", len(got))
				}
				for _, m := range got {
					if len(m.Flags) != 0 && fmt.Sprint(m.Flags) != "[\\Recent]" {
						t.Errorf("flags %v", m.Flags)
					}
				}
				if out := w.admin(t, "show", "d1"); !strings.Contains(out, "UID 1") {
					t.Errorf("no receipt:\n%s", out)
				}
			})
		}
	}
}
