package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"ticketbridge/bridge/killpoint"
	"ticketbridge/bridge/realtest"
)

// # The daemon, killed at every system call
//
// TestCrashPoints proves "nothing lost, nothing twice" (INVARIANTS R1 to R4) the
// way mbsync does: kill the program everywhere, start it again, and look.
//
// Everywhere means: what others can see of a process changes only at its system
// calls, so a kill at the entry of each call that writes, syncs, sends, connects,
// renames, truncates, locks or makes a file is a kill at any instruction.
// bridge/killpoint counts those calls over all threads, holds each, and in place
// of the Nth kills the process (SIGKILL: no deferred call runs, no buffer is
// flushed, no connection is closed in order).
//
// A campaign is one scenario (crash_scenarios_test.go) in one mode (SMTP with
// on_doubt hold, resend or probe; IMAP APPEND) on one database. It makes a template
// of the world once: mailboxes in a real Dovecot, a database, a state directory.
// Then for N = 1, 2, 3 …, until a run ends by itself:
//
//  1. The world is made anew from the template: the same mails under the same
//     UIDs, the same rows.
//  2. The daemon, a process of its own, starts, works, comes to rest and stops,
//     and is killed at its Nth visible call on that way. What it had sent to
//     servers meanwhile, they take in.
//  3. It is started again, works until it rests (rest_test.go), and stops. The
//     outcome (crash_oracle_test.go) is compared with that of a run that nothing
//     killed: every mail with its state and reason, conversations, turns,
//     deliveries, cursors; every mail in the agents' mailboxes with flags and
//     folder; every message at the helpdesk with its bytes.
//  4. It is started once more. Not a row of any table, not a flag, not a message
//     may be another than before (R3).
//  5. Where deliveries are in doubt and policy leaves them to a person, a person
//     does the worst: `retry` on all of them.
//
// What must hold: nothing is lost: each delivery arrived, or was in doubt and is
// shown as such, and in the end arrived. Nothing is there twice: a message may have
// come once more for each doubt that was ended by sending again, with the same
// Message-ID and the same bytes, which are those that were committed; with
// on_doubt = "hold" never before the person, with "probe" and APPEND never at all.
//
// The short form takes some points of each campaign, evenly spread; the long form,
// `make crash`, all of them, and ends with a table of what was done.
//
// Not covered: a machine that loses power (what the kernel had not written), and
// two daemons at once; see TestRandomKills for those, R4's tests for the former.

// crashLong in the environment asks for every point instead of a sample.
const crashLong = "TICKETBRIDGE_CRASH"

// sampled is how many points of a campaign the short form takes.
const sampled = 3

func TestCrashPoints(t *testing.T) {
	long := os.Getenv(crashLong) != ""
	imap := realtest.NewDovecot(t, realtest.DovecotConfig{Extra: crashDovecot})
	postgres := realtest.NewPostgres(t, realtest.PostgresConfig{})
	sum := newTally()
	t.Cleanup(func() {
		if long {
			fmt.Print(sum.table())
		}
		sum.wantSome(t)
	})
	for i, s := range scenarios() {
		for _, m := range s.modes(i, long) {
			for _, database := range databases {
				c := &campaign{scenario: s, mode: m, databaseKind: database, imap: imap}
				if database == "postgres" {
					c.postgres = postgres
				}
				t.Run(c.String(), func(t *testing.T) {
					t.Parallel()
					c.run(t, long, sum)
				})
			}
		}
	}
}

// modes are those a campaign plays the ith scenario in: in short one, and another
// that must settle the doubt.
func (s scenario) modes(i int, long bool) (play []mode) {
	for _, m := range modes() {
		if s.possible(m) {
			play = append(play, m)
		}
	}
	if long {
		return play
	}
	first := play[i%len(play)]
	if s.swallow && !first.exact {
		return []mode{first, play[len(play)-1]}
	}
	return []mode{first}
}

// crashDovecot lets one process serve many sessions, one after the other.
const crashDovecot = "service imap {\n  service_count = 200\n}\nservice lmtp {\n  service_count = 200\n}\n"

func (c *campaign) run(t *testing.T, long bool, sum *tally) {
	c.prepare(t)
	t.Run("uninterrupted", func(t *testing.T) { c.baseline(t) })
	if t.Failed() {
		return
	}
	if long {
		for at, killed := 1, true; killed; at++ {
			t.Run(fmt.Sprint(at), func(t *testing.T) { killed = c.point(t, at, sum) })
		}
		return
	}
	for i := range sampled {
		at := 1 + i*c.length/sampled
		t.Run(fmt.Sprint(at), func(t *testing.T) { c.point(t, at, sum) })
	}
}

// tally counts over all campaigns.
type tally struct {
	mu    sync.Mutex // guards what follows
	rows  map[string]*tallyRow
	calls map[string]int
	runs  int // that ended before their point
}

type tallyRow struct{ points, messages, lost, doubts, duplicates int }

func newTally() *tally { return &tally{rows: map[string]*tallyRow{}, calls: map[string]int{}} }

func (s *tally) row(c *campaign) *tallyRow {
	name := c.databaseKind + "\t" + c.mode.name + "\t" + c.scenario.name
	if s.rows[name] == nil {
		s.rows[name] = &tallyRow{}
	}
	return s.rows[name]
}

func (s *tally) survived() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
}

func (s *tally) count(c *campaign, call killpoint.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.row(c).points++
	s.calls[c.databaseKind+"\t"+call.Name+"\t"+call.Object]++
}

// add counts what came of a point.
func (s *tally) add(c *campaign, o *outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.row(c)
	for _, d := range o.deliveries {
		row.messages++
		if d.state != "sent" || len(o.arrived[d.messageID]) == 0 {
			row.lost++
		}
		row.doubts += d.doubts
		row.duplicates += max(len(o.arrived[d.messageID])-1, 0)
	}
}

func (s *tally) table() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\ndatabase\tmode\tscenario\tpoints\tmessages\tlost\tdoubts\tduplicates\n")
	totals := map[string]*tallyRow{}
	for _, name := range sorted(s.rows) {
		r := s.rows[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", name, r.points, r.messages, r.lost, r.doubts, r.duplicates)
		database, _, _ := strings.Cut(name, "\t")
		if totals[database] == nil {
			totals[database] = &tallyRow{}
		}
		all := totals[database]
		all.points, all.messages, all.lost = all.points+r.points, all.messages+r.messages, all.lost+r.lost
		all.doubts, all.duplicates = all.doubts+r.doubts, all.duplicates+r.duplicates
	}
	for _, database := range sorted(totals) {
		r := totals[database]
		fmt.Fprintf(w, "%s\tall\t\t%d\t%d\t%d\t%d\t%d\n", database, r.points, r.messages, r.lost, r.doubts, r.duplicates)
	}
	fmt.Fprint(w, "\ndatabase\tkilled before\ton\ttimes\n")
	for _, call := range sorted(s.calls) {
		fmt.Fprintf(w, "%s\t%d\n", call, s.calls[call])
	}
	w.Flush()
	fmt.Fprintf(&b, "%d runs ended before their point was reached\n", s.runs)
	return b.String()
}

// wantSome: a campaign that killed nothing, or only where nothing happens, proves
// nothing.
func (s *tally) wantSome(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var points, doubts int
	for _, r := range s.rows {
		points, doubts = points+r.points, doubts+r.doubts
	}
	if len(s.rows) > 10 && (points < 2*len(s.rows) || doubts == 0) {
		t.Errorf("%d points in %d campaigns, %d doubts: too few to tell anything", points, len(s.rows), doubts)
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
