package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"ticketbridge/bridge/realtest"
)

// A stream of mails for campaigns that go on for long: chats, their copies in a
// second mailbox, follow-ups, newsletters and chats without an address, ten in
// turn. What must come of them is known beforehand.
type stream struct {
	w      *world
	mails  int // delivered so far
	expect map[string]int
}

// perRound is how many mails a round of the stream has.
const perRound = 10

func newStream(w *world) *stream { return &stream{w: w, expect: map[string]int{}} }

// deliver brings n rounds into the mailboxes.
func (s *stream) deliver(t testing.TB, n int) {
	t.Helper()
	var ann, ben [][]byte
	for range n {
		i := s.mails
		for j := range 3 { // chats
			ann = append(ann, ask(i+j, 1, fmt.Sprintf("a%d", i+j), "What about this?"))
			s.expect["ticket"]++
		}
		ben = append(ben, ask(i, 1, fmt.Sprintf("copy%d", i), "What about this?"), ask(i+3, 1, fmt.Sprintf("b%d", i+3), "And that?"), ask(i+4, 1, fmt.Sprintf("b%d", i+4), "And that?"))
		s.expect["ignored"]++
		s.expect["ticket"] += 2
		ann = append(ann, ask(i, 9, fmt.Sprintf("f%d", i), "Anybody there?"))
		s.expect["update"]++
		for _, box := range []*[][]byte{&ann, &ben} { // a newsletter each
			*box = append(*box, fmt.Appendf(nil, "Message-ID: <%d-%d@news.example.net>\r\n%s", i, len(*box), newsletter[:len(newsletter)-2]+fmt.Sprint(i, len(*box))+"\r\n"))
			s.expect["ignored"]++
		}
		ann = append(ann, chat{conversation: i + 9, name: "Nobody", email: "nobody at all", id: fmt.Sprintf("n%d", i), said: []string{"Who am I?"}}.mail())
		s.expect["parked"]++
		s.mails += perRound
	}
	s.w.ann.Append(t, "INBOX", ann...)
	s.w.ben.Append(t, "INBOX", ben...)
}

// messages is how many there must be at the helpdesk.
func (s *stream) messages() int { return s.expect["ticket"] + s.expect["update"] }

// recorded counts the mails in the database.
func (s *stream) recorded(t testing.TB) (n int) {
	t.Helper()
	for _, m := range s.w.states(t, "mails") {
		n += m
	}
	return n
}

// dealtWith tells whether all is recorded and sent.
func (s *stream) dealtWith(t testing.TB) bool {
	t.Helper()
	return s.recorded(t) == s.mails && s.w.states(t, "deliveries")["sent"] == s.messages()
}

// account asserts the identity of INVARIANTS R20 in the end: the mails are the
// sum of the states, each mail is in the state it must be in, each message at the
// helpdesk is one of the deliveries, all are there. It returns how often one was
// in doubt, and how many came again.
func (s *stream) account(t testing.TB) (doubts, duplicates int) {
	t.Helper()
	got := s.w.states(t, "mails")
	if got["ticket"]+got["update"] != s.messages() || got["ignored"] != s.expect["ignored"] || got["parked"] != s.expect["parked"] || s.recorded(t) != s.mails {
		t.Errorf("of %d mails there are %v, want %v", s.mails, got, s.expect)
	}
	arrived := map[string]map[[32]byte]int{}
	for _, m := range s.w.sink.messages() {
		id := delivered(m).messageID()
		if arrived[id] == nil {
			arrived[id] = map[[32]byte]int{}
		}
		arrived[id][sha256.Sum256([]byte(m))]++
	}
	db := s.w.database(t)
	defer db.Close()
	ds := readDeliveries(t, db)
	for _, d := range ds {
		copies := 0
		for sum, n := range arrived[d.messageID] {
			copies += n
			if fmt.Sprintf("%x", sum) != d.sha256 {
				t.Errorf("d%d arrived with other bytes than were committed", d.id)
			}
		}
		if d.state != "sent" || copies == 0 || copies-1 > d.doubts {
			t.Errorf("d%d is %s after %d doubts, and arrived %d times", d.id, d.state, d.doubts, copies)
		}
		doubts += d.doubts
		duplicates += copies - 1
	}
	if len(arrived) != len(ds) || len(ds) != s.messages() {
		t.Errorf("%d different messages arrived, of %d deliveries, want %d", len(arrived), len(ds), s.messages())
	}
	s.w.admin(t, "verify") // it fails where anything is not as it should be
	return doubts, duplicates
}

// howMany is the number of mails of a campaign: short, or what the variable asks for.
func howMany(t testing.TB, variable string, short int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < short {
		t.Fatalf("%s=%q: want a number of mails, at least %d", variable, text, short)
	}
	return n
}

// newStreamWorld has a sink for a helpdesk, and sends again what is in doubt.
func newStreamWorld(t testing.TB, database string) *world {
	t.Helper()
	d := realtest.Dovecot(t)
	w := &world{
		imap: d, plain: true, dir: t.TempDir(), store: "sqlite:ticketbridge.db", sink: newSink(t), helpdesk: "helpdesk@example.com",
		ann: d.NewMailbox(t, "ann"), ben: d.NewMailbox(t, "ben"), support: d.NewMailbox(t, "support"),
		extra: map[string]string{"target": `on_doubt = "resend"`, "retry_first": "100ms", "mailbox": "batch = 50\nmax_fetch_attempts = 100"},
	}
	if database == "postgres" {
		w.store, w.extra["store"] = realtest.Postgres(t).NewDatabase(t), `lease = "2s"`
	}
	return w
}

// until waits for what may take long, as long as something happens.
func (s *stream) until(t testing.TB, quiet time.Duration, done func() bool) {
	t.Helper()
	seen, moved := -1, time.Now()
	for ; !done(); time.Sleep(100 * time.Millisecond) {
		if n := s.recorded(t) + s.w.sink.count(); n != seen {
			seen, moved = n, time.Now()
		}
		if time.Since(moved) > quiet {
			t.Fatalf("nothing happened for %v: mails %v of %d, deliveries %v of %d", quiet, s.w.states(t, "mails"), s.mails, s.w.states(t, "deliveries"), s.messages())
		}
	}
}
