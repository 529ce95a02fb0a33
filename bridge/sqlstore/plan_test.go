package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"ticketbridge/bridge"
	"ticketbridge/bridge/storetest"
)

// crowd fills the outbox: n conversations with a delivery each; of every ten
// one is due, one waits for a retry, the rest were sent. Then n/10 deliveries
// that wait behind one in doubt.
func crowd(t testing.TB, s *Store, n int) {
	t.Helper()
	series := fmt.Sprintf("WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < %d)", n)
	us := storetest.Start.UnixMicro()
	for _, text := range []string{
		fmt.Sprintf(series+` INSERT INTO deliveries (id, conversation_id, mail_id, action, reason, message_id, reverse_path, recipient, size, sha256, state, detail, created, next)
			SELECT i, i, i, 'raise', '', 'm' || i, 'r' || i, 'support@example.com', 5, '',
			CASE i %% 10 WHEN 0 THEN 'ready' WHEN 1 THEN 'retry' WHEN 2 THEN 'doubt' ELSE 'sent' END, '', %[1]d,
			CASE i %% 10 WHEN 0 THEN %[1]d + i WHEN 1 THEN %[1]d + 86400000000 + i END FROM g`, us),
		fmt.Sprintf(series+` INSERT INTO deliveries (id, conversation_id, mail_id, action, reason, message_id, reverse_path, recipient, size, sha256, state, detail, created, next)
			SELECT %d + i, i, i, 'append', '', 'n' || i, 's' || i, 'support@example.com', 5, '', 'ready', '', %d, %d FROM g WHERE i %% 10 = 2`, n, us, us),
	} {
		s.run(t, text)
	}
	data := "X'68656c6c6f'"
	if s.d == postgresDialect {
		data = `'\x68656c6c6f'`
		s.run(t, "INSERT INTO bodies SELECT id, "+data+" FROM deliveries; ANALYZE deliveries; ANALYZE bodies")
		return
	}
	s.run(t, "INSERT INTO bodies SELECT id, "+data+" FROM deliveries")
}

// TestCrowdedOutbox: a turnover finds what is due, in order, among a hundred
// times as much that is not, and passes over what waits behind another.
func TestCrowdedOutbox(t *testing.T) {
	const n = 6_000
	each(t, func(t *testing.T, d *dialect, url func() string) {
		s := crowded(t, url(), n)
		now := storetest.Start.Add(time.Hour)
		var done []bridge.Settlement
		claimed := 0
		for range 6 {
			due, err := s.NextDue(t.Context())
			if err != nil || due.IsZero() || due.After(now) {
				t.Fatalf("next due %v, %v", due, err)
			}
			ds, err := s.Turnover(t.Context(), "w", now, done, 16)
			if err != nil || len(ds) != 16 {
				t.Fatalf("claimed %d, %v", len(ds), err)
			}
			done = nil
			for i, d := range ds {
				if want := int64((claimed + i + 1) * 10); d.ID != want || string(d.Data) != "hello" {
					t.Fatalf("claimed d%d, want d%d", d.ID, want)
				}
				done = append(done, bridge.Settlement{Delivery: d.ID, Attempt: d.Attempts, State: bridge.Sent, At: now})
			}
			claimed += len(ds)
		}
		c, err := s.Counts(t.Context())
		if err != nil || c.Deliveries[bridge.Doubt] != n/10 || c.Deliveries[bridge.Ready] != int64(n/10+n/10-claimed) || c.Deliveries[bridge.Retry] != n/10 {
			t.Errorf("counts %+v, %v", c, err)
		}
	})
}

// BenchmarkCrowdedOutbox is a turnover of 16 among 100,000 deliveries, with and
// without 10,000 that are due first but wait behind one in doubt.
func BenchmarkCrowdedOutbox(b *testing.B) {
	for _, blocked := range []bool{false, true} {
		b.Run(fmt.Sprintf("blocked=%t", blocked), func(b *testing.B) {
			s := crowded(b, "sqlite:"+b.TempDir()+"/crowd.db", 100_000)
			if !blocked {
				s.run(b, "UPDATE deliveries SET state = 'sent' WHERE state = 'doubt'")
			}
			now := storetest.Start.Add(time.Hour)
			var done []bridge.Settlement
			for b.Loop() {
				ds, err := s.Turnover(b.Context(), "w", now, done, 16)
				if err != nil || len(ds) == 0 {
					b.Fatalf("claimed %d, %v", len(ds), err)
				}
				done = nil
				for _, d := range ds { // due again at once: the crowd stays
					done = append(done, bridge.Settlement{Delivery: d.ID, Attempt: d.Attempts, State: bridge.Retry, At: now, Next: d.Created})
				}
			}
		})
	}
}

func crowded(t testing.TB, url string, n int) *Store {
	t.Helper()
	s := bare(t, url)
	if err := s.migrate(t.Context(), migrations(), false); err != nil {
		t.Fatal(err)
	}
	crowd(t, s, n)
	return s
}

// TestSQLitePlans: the queries that run for every mail, and those over all of a
// big table, take the index meant for them, and sort nothing.
func TestSQLitePlans(t *testing.T) {
	s := bare(t, "sqlite:"+t.TempDir()+"/plan.db")
	if err := s.migrate(t.Context(), migrations(), false); err != nil {
		t.Fatal(err)
	}
	seen := watch(t, s, func(s *Store) {
		ctx := t.Context()
		a := storetest.Mail("support", 1, "k/1", "one")
		for uid := uint32(1); uid < 3; uid++ {
			a.Record.UID = uid
			if _, err := s.Accept(ctx, []bridge.Arrival{a, storetest.Mail("support", uid+10, "k/1", fmt.Sprint(uid))}, storetest.At("support", uid), storetest.Judge); err != nil {
				t.Fatal(err)
			}
		}
		ds, err := s.Turnover(ctx, "w", time.Now(), nil, 5)
		if err != nil {
			t.Fatal(err)
		}
		s.Turnover(ctx, "w", time.Now(), []bridge.Settlement{{Delivery: ds[0].ID, Attempt: 1, State: bridge.Sent}}, 5)
		s.Recover(ctx, bridge.Recovery{Worker: "w", Started: true, State: bridge.Doubt, Next: time.Now()})
		s.Recover(ctx, bridge.Recovery{Worker: "w", State: bridge.Retry})
		s.NextProbe(ctx)
		s.NextDue(ctx)
		s.Counts(ctx)
		s.Find(ctx, "kim@customer.example.net")
		s.Find(ctx, "m1")
		s.Unmarked(ctx, "support", "INBOX", storetest.Validity)
		s.Marked(ctx, "support", "INBOX", storetest.Validity, []uint32{1, 2})
		s.SetTicket(ctx, 1, bridge.Link{Ticket: "1", Confirmed: time.Now()})
		for _, st := range []string{"", "parked", "ticket"} {
			s.Mails(ctx, bridge.Filter{State: st})
			s.Mails(ctx, bridge.Filter{State: st, Conversation: 1})
		}
		for _, st := range bridge.DeliveryStates {
			s.Deliveries(ctx, bridge.Filter{State: string(st)})
		}
		s.Raw(ctx, 1)
		s.DeliveryData(ctx, 1)
	})
	if len(seen) < 30 {
		t.Fatalf("saw %d queries", len(seen))
	}
	for query := range seen {
		plan := explain(t, s, query)
		for line := range strings.Lines(plan) {
			line = strings.TrimSpace(line)
			if (strings.HasPrefix(line, "SCAN ") || strings.Contains(line, "TEMP B-TREE")) && !expected(query, line) {
				t.Errorf("%s\n%s", strings.Join(strings.Fields(query), " "), plan)
				break
			}
		}
	}
}

// expected lists the walks and sorts that are meant: by a part of the query and
// a part of the plan's line.
func expected(query, line string) bool {
	for _, e := range []struct{ query, line string }{
		// Small tables, and the rows a statement brings itself.
		{"sqlite_sequence", "SCAN sqlite_sequence"},
		{"schema_version", "SCAN schema_version"},
		{"sqlite_master", "SCAN sqlite_master"},
		{"VALUES", "SCAN v"},
		{"VALUES", "CONSTANT ROW"},
		// Counting reads an index whole.
		{"count(*) FROM mails", "USING COVERING INDEX mails_state"},
		{"count(*) FROM deliveries", "USING COVERING INDEX deliveries_"},
		{"count(*) FROM deliveries", "TEMP B-TREE FOR GROUP BY"},
		{"count(*) FROM conversations", "USING COVERING INDEX"},
		// The newest of all are at the end of the table.
		{"FROM mails m JOIN folders f ON f.id = m.folder_id ORDER BY m.id DESC LIMIT", "SCAN m"},
		{"FROM deliveries d ORDER BY d.id DESC LIMIT", "SCAN d"},
		// What is due, in order, until there is enough of it.
		{"ORDER BY d.next, d.id LIMIT", "SCAN d USING INDEX deliveries_due"},
		{"ORDER BY d.next, d.id LIMIT", "SCAN d USING COVERING INDEX deliveries_due"},
		{"ORDER BY d.next, d.id LIMIT", "SCAN d USING INDEX deliveries_probe"},
		// The backlog, sorted; one conversation's turns; a search's ids.
		{"d.state IN ('ready','retry') ORDER BY +d.id", "deliveries_due"},
		{"d.state IN ('ready','retry') ORDER BY +d.id", "TEMP B-TREE FOR ORDER BY"},
		{"ORDER BY n, digest", "TEMP B-TREE FOR ORDER BY"},
		{"ORDER BY 1 DESC, 2 DESC", "TEMP B-TREE FOR"},
		{"m.content_key IN", "TEMP B-TREE FOR ORDER BY"},
	} {
		if strings.Contains(query, e.query) && strings.Contains(line, e.line) {
			return true
		}
	}
	return false
}

// watch collects the texts of all statements with parameters or rows.
func watch(t *testing.T, s *Store, do func(s *Store)) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	spied := func(p *pool) *pool {
		return newPool(1, func(ctx context.Context) (conn, error) {
			c, err := p.dial(ctx)
			return spy{c, seen}, err
		})
	}
	w := &Store{d: s.d, writers: spied(s.writers), readers: spied(s.readers)}
	do(w)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	return seen
}

type spy struct {
	conn
	seen map[string]bool
}

func (s spy) exec(ctx context.Context, query string, args []any) (int64, error) {
	if len(args) > 0 && !strings.HasPrefix(query, "INSERT") {
		s.seen[query] = true
	}
	return s.conn.exec(ctx, query, args)
}

func (s spy) query(ctx context.Context, query string, args []any) (rows, error) {
	if !strings.HasPrefix(query, "INSERT") {
		s.seen[query] = true
	}
	return s.conn.query(ctx, query, args)
}

func explain(t *testing.T, s *Store, query string) string {
	t.Helper()
	var args []any
	for range strings.Count(query, "$") {
		args = append(args, nil)
	}
	var out strings.Builder
	err := s.lone(t.Context()).each("EXPLAIN QUERY PLAN "+query, args, func(scan func(...any) error) error {
		var id, parent, unused int64
		var detail string
		err := scan(&id, &parent, &unused, &detail)
		out.WriteString("    " + detail + "\n")
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out.String()
}

// TestSQLiteDurable: each connection syncs what it commits, and those that read
// cannot write.
func TestSQLiteDurable(t *testing.T) {
	s := bare(t, "sqlite:"+t.TempDir()+"/durable.db")
	if err := s.migrate(t.Context(), migrations(), false); err != nil {
		t.Fatal(err)
	}
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "busy_timeout": busyTimeout, "wal_autocheckpoint": walPages, "page_size": "4096"} {
		for pool, ask := range map[string]func(query string) scanner{
			"reader": func(query string) scanner { return s.lone(t.Context()).row(query) },
			"writer": func(query string) scanner { return onWriter{t, s, query} },
		} {
			var got any
			if err := ask("PRAGMA " + pragma).Scan(&got); err != nil || fmt.Sprint(got) != want {
				t.Errorf("%s: %s is %v, %v; want %s", pool, pragma, got, err, want)
			}
		}
	}
	if !sqlite.FdatasyncEnabled() {
		t.Error("commits sync more than they have to")
	}
	err := s.ask(t.Context(), func(q reader) error { _, err := q.exec(t.Context(), "DELETE FROM mails"); return err })
	if err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a reader wrote: %v", err)
	}
}

type onWriter struct {
	t     *testing.T
	s     *Store
	query string
}

func (w onWriter) Scan(dest ...any) error {
	return w.s.write(w.t.Context(), func(ctx context.Context, tx *session) error { return tx.row(ctx, w.query).Scan(dest...) })
}
