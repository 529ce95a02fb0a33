package main

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

// outcome is the world after a run: what the bridge recorded, what stands in the
// mailboxes, what arrived.
type outcome struct {
	story      []string // what is recorded, without what may differ between two runs
	boxes      []string // the agents' mailboxes
	rows       []string // every row of every table
	deliveries []deliveryRow
	arrived    map[string][]string // messages by Message-ID
}

// deliveryRow is a delivery as the oracle sees it.
type deliveryRow struct {
	id           int64
	conversation string
	messageID    string
	sha256       string
	state        string
	doubts       int // how often it was in doubt
}

// everything is all of it, to tell whether anything changed.
func (o *outcome) everything() string {
	all := slices.Concat(o.rows, o.boxes)
	for id, copies := range o.arrived {
		all = append(all, fmt.Sprintf("arrived %d times: %s", len(copies), id))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func (o *outcome) inDoubt() (ids []int64) {
	for _, d := range o.deliveries {
		if d.state == "doubt" {
			ids = append(ids, d.id)
		}
	}
	return ids
}

// numbers are row numbers in texts: a transaction that was cut may have used some up.
var numbers = regexp.MustCompile(`\b[mcd][0-9]+\b`)

// keyed is what the key makes, which is another one where each run makes its own:
// Message-IDs, content keys, Refs and return paths.
var keyed = regexp.MustCompile(`\b[a-z2-7]{32}\b|\b[0-9A-Z]{4}-[0-9A-Z]{4}\b|bounce\+[a-z2-7.]+`)

// look takes down the world after a run.
func (c *campaign) look(t testing.TB, w *world) *outcome {
	t.Helper()
	db := w.database(t)
	defer db.Close()
	o := &outcome{arrived: map[string][]string{}}
	place := "f.mailbox, f.folder, m.uidvalidity, m.uid, m.content_key"
	if c.race {
		place = "''"
	}
	marked := "m.marked"
	if c.onDone != "" {
		marked = "CASE WHEN m.state <> 'parked' AND " + unsent + " THEN 1 - m.marked ELSE m.marked END"
	}
	for _, query := range []string{
		"SELECT 'mail', " + place + ", m.state, m.reason, m.format, m.kind, m.customer, " + marked + ", m.copy_of IS NULL, m.has_raw FROM mails m JOIN folders f ON f.id = m.folder_id",
		"SELECT 'conversation', key, ref, url, customer, customer_name, subject, turns, thread FROM conversations",
		"SELECT 'turn', c.key, t.n, t.digest, t.role, t.author, t.written, t.text FROM turns t JOIN conversations c ON c.id = t.conversation_id",
		"SELECT 'delivery', c.key, d.message_id, d.action, d.reason, d.reverse_path, d.recipient, d.size FROM deliveries d JOIN conversations c ON c.id = d.conversation_id",
		"SELECT 'cursor', mailbox, folder, uidvalidity, uid, rescan_to FROM folders",
	} {
		for _, row := range readRows(t, db, query) {
			row = numbers.ReplaceAllString(row, "#")
			if c.noDatabase {
				row = keyed.ReplaceAllString(row, "#")
			}
			o.story = append(o.story, row)
		}
	}
	slices.Sort(o.story)
	o.rows = c.allRows(t, db)
	o.deliveries = readDeliveries(t, db)
	o.boxes = c.readBoxes(t, w, readRows(t, db, "SELECT f.mailbox || ' ' || m.uid FROM mails m JOIN folders f ON f.id = m.folder_id AND f.uidvalidity = m.uidvalidity WHERE m.state <> 'parked' AND "+unsent))
	for _, m := range w.arrived(t) {
		id := delivered(m).messageID()
		o.arrived[id] = append(o.arrived[id], m)
	}
	return o
}

// unsent mails m get no mark before what their conversation says is sent. In doubt
// that is later than in the run that nothing killed: the oracle expects them to be
// unmarked, and then takes them for marked, to compare the rest.
const unsent = "EXISTS (SELECT 1 FROM deliveries d WHERE d.conversation_id = m.conversation_id AND d.state <> 'sent')"

// arrived are the messages the helpdesk has.
func (w *world) arrived(t testing.TB) (raw []string) {
	t.Helper()
	if w.sink != nil {
		return w.sink.messages()
	}
	for _, m := range w.support.Mails(t, "INBOX") {
		raw = append(raw, string(m.Raw))
	}
	return raw
}

// delivered is a message as it came to the helpdesk.
type delivered string

func (m delivered) messageID() string {
	parsed, err := mail.ReadMessage(strings.NewReader(string(m)))
	if err != nil {
		return err.Error()
	}
	return strings.Trim(parsed.Header.Get("Message-Id"), "<>")
}

// timeless is the message without the time at which it was made.
func (m delivered) timeless() string {
	return regexp.MustCompile(`(?m)^Date: .*$`).ReplaceAllString(string(m), "Date:")
}

// allRows is the whole database, but for leases, which each start takes anew.
func (c *campaign) allRows(t testing.TB, db *sql.DB) (rows []string) {
	t.Helper()
	tables := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'leases'"
	if c.postgres != nil {
		tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'leases'"
	}
	names := readRows(t, db, tables)
	if len(names) < 8 {
		t.Fatalf("only %d tables: %v", len(names), names)
	}
	for _, table := range names {
		for _, row := range readRows(t, db, "SELECT * FROM "+table) {
			rows = append(rows, table+" "+row)
		}
	}
	return rows
}

// readRows returns each row as one line.
func readRows(t testing.TB, db *sql.DB, query string) (lines []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		fields := make([]string, len(values))
		for i, v := range values {
			fields[i] = fmt.Sprint(*v.(*any))
			if b, ok := (*v.(*any)).([]byte); ok {
				fields[i] = fmt.Sprintf("%x", sha256.Sum256(b))
			}
		}
		lines = append(lines, strings.Join(fields, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return lines
}

func readDeliveries(t testing.TB, db *sql.DB) (ds []deliveryRow) {
	t.Helper()
	rows, err := db.Query(`SELECT d.id, c.key, d.message_id, d.sha256, d.state, coalesce(j.n, 0)
		FROM deliveries d JOIN conversations c ON c.id = d.conversation_id
		LEFT JOIN (SELECT delivery_id, count(*) AS n FROM journal WHERE text LIKE '%maybe delivered, sent again%'
			OR text LIKE '%nobody knows how far it came%' OR what = 'doubt' AND text NOT LIKE '%look-up%' GROUP BY delivery_id) j
		ON j.delivery_id = d.id ORDER BY d.id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var d deliveryRow
		if err := rows.Scan(&d.id, &d.conversation, &d.messageID, &d.sha256, &d.state, &d.doubts); err != nil {
			t.Fatal(err)
		}
		ds = append(ds, d)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ds
}

// readBoxes is what the agents see: every mail with its flags, in its folder.
func (c *campaign) readBoxes(t testing.TB, w *world, unsent []string) (lines []string) {
	t.Helper()
	folders := append([]string{"INBOX"}, c.moveTo()...)
	for name, m := range w.agents() {
		for _, folder := range folders {
			for _, found := range m.Mails(t, folder) {
				flags := slices.DeleteFunc(found.Flags, func(f imap.Flag) bool { return f == "\\Recent" })
				slices.Sort(flags)
				uid, folder := fmt.Sprint(found.UID), folder
				if slices.Contains(unsent, name+" "+uid) && folder == "INBOX" {
					flags, folder = c.asMarked(flags, folder)
				}
				if folder != "INBOX" {
					uid = "" // in the order of moving
				}
				lines = append(lines, fmt.Sprintf("%s/%s %s %v %x", name, folder, uid, flags, sha256.Sum256(found.Body())))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// asMarked is how a mail that is unsent will look once it is sent.
func (c *campaign) asMarked(flags []imap.Flag, folder string) ([]imap.Flag, string) {
	switch {
	case slices.Contains(flags, imap.Flag("$Ticket")):
		return append(flags, "marked-too-early"), folder
	case len(c.moveTo()) > 0:
		return flags, c.moveTo()[0]
	case c.onDone != "":
		return append(flags, "$Ticket"), folder
	}
	return flags, folder
}

// judge compares a run that was killed, and went on, with the one that was not.
func (c *campaign) judge(t testing.TB, got *outcome, sum *tally) {
	t.Helper()
	for what, lists := range map[string][2][]string{"recorded": {got.story, c.base.story}, "in the mailboxes": {got.boxes, c.base.boxes}} {
		if !slices.Equal(lists[0], lists[1]) {
			t.Errorf("%s, against the run that nothing killed:\n%s", what, difference(strings.Join(lists[1], "\n"), strings.Join(lists[0], "\n")))
		}
	}
	held := map[string]bool{} // conversations that wait for a doubt to be settled
	for _, d := range got.deliveries {
		copies := len(got.arrived[d.messageID])
		var right bool
		switch d.state {
		case "sent":
			right = copies >= 1 && copies-1 <= d.doubts
		case "doubt":
			right = copies <= d.doubts && !c.exact
			held[d.conversation] = true
		case "ready", "retry":
			right = copies == 0 && held[d.conversation]
		}
		if c.target == `on_doubt = "hold"` && copies > 1 || c.exact && copies != 1 {
			right = false
		}
		if !right {
			t.Errorf("delivery d%d is %s after %d doubts, and arrived %d times", d.id, d.state, d.doubts, copies)
		}
	}
	c.judgeMessages(t, got)
}

// judgeMessages: nothing arrived that the other run did not send; copies are the
// same to the byte, and what was committed.
func (c *campaign) judgeMessages(t testing.TB, got *outcome) {
	t.Helper()
	digests := map[string]string{}
	for _, d := range got.deliveries {
		digests[d.messageID] = d.sha256
	}
	for id, copies := range got.arrived {
		for _, m := range copies {
			if digest := fmt.Sprintf("%x", sha256.Sum256([]byte(m))); digest != digests[id] {
				t.Errorf("%s arrived with the digest %s, committed was %s", id, digest, digests[id])
			}
		}
		if base := c.base.arrived[id]; len(base) > 0 && delivered(copies[0]).timeless() != delivered(base[0]).timeless() {
			t.Errorf("%s reads otherwise than in the run that nothing killed:\n%s", id, difference(base[0], copies[0]))
		}
	}
}

// judgeEnd: once all doubts are settled everything is sent, and what arrived more
// than once was in doubt as often.
func (c *campaign) judgeEnd(t testing.TB, o *outcome) {
	t.Helper()
	for _, d := range o.deliveries {
		copies := len(o.arrived[d.messageID])
		if d.state != "sent" || copies == 0 {
			t.Errorf("lost: d%d is %s in the end, and arrived %d times", d.id, d.state, copies)
		}
		if copies-1 > d.doubts || c.exact && copies != 1 {
			t.Errorf("d%d arrived %d times with %d doubts", d.id, copies, d.doubts)
		}
	}
	if len(o.arrived) != len(o.deliveries) {
		t.Errorf("%d different messages arrived of %d deliveries", len(o.arrived), len(o.deliveries))
	}
	c.judgeMessages(t, o)
}
