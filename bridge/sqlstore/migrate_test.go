package sqlstore

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
)

// each runs a test on both databases; url makes an empty one.
func each(t *testing.T, do func(t *testing.T, d *dialect, url func() string)) {
	t.Run("sqlite", func(t *testing.T) {
		n := 0
		do(t, sqliteDialect, func() string { n++; return fmt.Sprintf("sqlite:%s/%d.db", t.TempDir(), n) })
	})
	t.Run("postgres", func(t *testing.T) {
		server := realtest.Postgres(t)
		do(t, postgresDialect, func() string { return server.NewDatabase(t) })
	})
}

// bare opens a database as it is.
func bare(t testing.TB, url string) *Store {
	t.Helper()
	s, err := open(url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// run executes statements as they are.
func (s *Store) run(t testing.TB, text string) {
	t.Helper()
	if err := s.write(t.Context(), func(ctx context.Context, tx *session) error { _, err := tx.exec(ctx, text); return err }); err != nil {
		t.Fatal(err)
	}
}

// describe dumps a database's schema from its catalog.
func (s *Store) describe(t *testing.T) string {
	t.Helper()
	query := `SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1`
	if s.d == postgresDialect {
		query = `SELECT 'column ' || c.table_name || '.' || c.column_name || ': ' || c.data_type || ' ' || coalesce(c.collation_name, '') || ' ' ||
				c.is_nullable || ' ' || coalesce(c.column_default, '') || ' ' || c.is_identity || ' ' || a.attstorage::text || ' at ' || c.ordinal_position
			FROM information_schema.columns c JOIN pg_attribute a ON a.attrelid = (c.table_name)::regclass AND a.attname = c.column_name
			WHERE c.table_schema = 'public'
			UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
			UNION ALL SELECT 'constraint ' || conrelid::regclass || ': ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
			ORDER BY 1`
	}
	var out strings.Builder
	err := s.lone(t.Context()).each(query, nil, func(scan func(...any) error) error {
		var line string
		err := scan(&line)
		out.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
		return err
	})
	if err != nil || out.Len() == 0 {
		t.Fatalf("describe: %d bytes, %v", out.Len(), err)
	}
	return out.String()
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%s differs:\n got %s\nwant %s", what, a, b)
			return
		}
	}
}

var freeze = flag.Bool("freeze", false, "write the last schema to testdata/schema, once, when it is released")

// TestFrozenSchemas: databases of every released schema, with a row in each
// table, upgrade to what a fresh one is, and a released step was not changed.
//
// DO NOT EDIT testdata/schema: the files are what is out there.
func TestFrozenSchemas(t *testing.T) {
	each(t, func(t *testing.T, d *dialect, url func() string) {
		fresh := bare(t, url())
		if err := fresh.migrate(t.Context(), migrations(), false); err != nil {
			t.Fatal(err)
		}
		for n := range migrations() {
			version := n + 1
			file := filepath.Join("../../testdata/schema", fmt.Sprintf("%s-v%d.sql", d.name, version))
			if *freeze && version == len(migrations()) {
				writeFrozen(t, d, file)
			}
			frozen, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			old := bare(t, url())
			old.run(t, string(frozen))
			as := bare(t, url())
			if err := as.migrate(t.Context(), migrations()[:version], false); err != nil {
				t.Fatal(err)
			}
			same(t, file+": a released step", as.describe(t), old.describe(t))
			if err := old.migrate(t.Context(), migrations(), false); err != nil {
				t.Fatal(err)
			}
			same(t, file+": the upgraded schema", old.describe(t), fresh.describe(t))
			stillWorks(t, old)
			old.Close() // the server has connections for a handful, and versions only get more
			as.Close()
		}
	})
}

// stillWorks uses what the frozen file's rows say.
func stillWorks(t *testing.T, s *Store) {
	t.Helper()
	st, err := s.Find(t.Context(), "m41")
	if err != nil {
		t.Fatal(err)
	}
	if c := st[0].Conversation; c.Key != "intercom/ws/1964" || c.Customer.Attributes["plan"] != "trial" || len(st[0].Turns) != 1 || len(st[0].Events) != 1 {
		t.Errorf("story %+v of %+v", st[0], c)
	}
	raw, err := s.Raw(t.Context(), 41)
	if err != nil || string(raw) != "Subject: x\r\n\r\nhello\r\n" {
		t.Errorf("raw %q, %v", raw, err)
	}
	ds, err := s.Turnover(t.Context(), "w", orNow(st[0].Mails[0].Recorded).AddDate(1, 0, 0), nil, 5)
	if err != nil || len(ds) != 1 || ds[0].ID != 43 || string(ds[0].Data) != "\x00message" {
		t.Errorf("claimed %+v, %v", ds, err)
	}
	rec, err := s.Accept(t.Context(), []bridge.Arrival{{Record: bridge.MailRecord{Source: bridge.Source{Mailbox: "support", Folder: "INBOX", UID: 8}, ContentKey: "new"}}},
		bridge.Cursor{Mailbox: "support", Folder: "INBOX", UID: 8}, func(bridge.Arrival, bridge.Known) bridge.Verdict { return bridge.Verdict{State: bridge.MailIgnored} })
	if err != nil || rec[0].ID != 42 {
		t.Errorf("the next mail is %+v, %v", rec, err)
	}
}

func writeFrozen(t *testing.T, d *dialect, file string) {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "-- DO NOT EDIT: a database as the first release with schema %d left it.\n", len(migrations()))
	for _, step := range migrations() {
		out.WriteString(d.translate(step))
	}
	out.WriteString(d.translate(versionTable))
	fmt.Fprintf(&out, "UPDATE schema_version SET version = %d;\n", len(migrations()))
	bytes := func(hex string) string { return "X'" + hex + "'" }
	if d == postgresDialect {
		bytes = func(hex string) string { return `'\x` + hex + `'` }
	}
	fmt.Fprintf(&out, `INSERT INTO folders (id, mailbox, folder, uidvalidity, uid, since) VALUES (3, 'support', 'INBOX', 4711, 7, 1795000000000000);
INSERT INTO attempts (folder_id, uidvalidity, uid, n) VALUES (3, 4711, 9, 2);
INSERT INTO mails (id, folder_id, uidvalidity, uid, content_key, message_id, from_address, from_name, subject, received, size, state, reason, format, kind, customer, customer_fold, conversation_id, copy_of, evidence, recorded, has_raw)
	VALUES (41, 3, 4711, 7, 'contentkey', 'mid@chat.example.com', 'chat@example.com', 'Chat', 'New message', 1795000000000000, 21, 'ticket', 'new', 'intercom', 'message', 'Kim@example.net', 'kim@example.net', 42, NULL, '["profile intercom"]', 1795000001000000, 1);
INSERT INTO raws (mail_id, deflated, raw) VALUES (41, 0, %s);
INSERT INTO conversations (id, key, ref, format, vendor_id, url, workspace, customer, customer_fold, customer_name, customer_locator, attributes, subject, identity, opened, updated, thread, turns, link_target, link_message_id, link_ticket, link_url)
	VALUES (42, 'intercom/ws/1964', 'KX7Q-2M9D', 'intercom', '1964', 'https://chat.example.com/1964', 'ws', 'Kim@example.net', 'kim@example.net', 'Kim', 'above the turns', '{"plan":"trial"}', 'hello', 'as-customer', 1795000001000000, 1795000001000000, '["tb.x@example.com"]', 1, 'mailbox', 'tb.x@example.com', '', '');
INSERT INTO turns (conversation_id, digest, n, mail_id, role, author, at, written, text) VALUES (42, 'digest', 0, 41, 'customer', 'Kim', 1795000000000000, '9:00', 'hello');
INSERT INTO deliveries (id, conversation_id, mail_id, action, reason, message_id, reverse_path, recipient, size, sha256, state, detail, created, next)
	VALUES (43, 42, 41, 'raise', 'new', 'tb.x@example.com', 'bounce+x@example.com', 'support@example.com', 8, 'abc', 'ready', '', 1795000001000000, 1795000001000000);
INSERT INTO bodies (delivery_id, data) VALUES (43, %s);
INSERT INTO journal (at, what, text, mail_id, conversation_id, delivery_id) VALUES (1795000001000000, 'recorded', 'ticket: new', 41, 42, 43);
`, bytes(fmt.Sprintf("%x", "Subject: x\r\n\r\nhello\r\n")), bytes(fmt.Sprintf("%x", "\x00message")))
	if d == postgresDialect {
		// As the inserts of the program would have left them.
		for table, last := range map[string]int{"folders": 3, "mails": 41, "conversations": 42, "deliveries": 43} {
			fmt.Fprintf(&out, "SELECT setval(pg_get_serial_sequence('%s', 'id'), %d);\n", table, last)
		}
	}
	if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMigrate(t *testing.T) {
	steps := []string{
		"CREATE TABLE a (x @int NOT NULL) @table;",
		"CREATE TABLE b (x @int NOT NULL) @table; INSERT INTO b VALUES (1);",
		"ALTER TABLE a ADD COLUMN y @int;",
	}
	each(t, func(t *testing.T, d *dialect, url func() string) {
		ctx := t.Context()
		at := url()
		s := bare(t, at)
		version := func(want int) {
			t.Helper()
			if got, err := s.version(ctx); err != nil || got != want {
				t.Errorf("schema %d, %v; want %d", got, err, want)
			}
		}
		refused := func(err error, words ...string) {
			t.Helper()
			for _, w := range words {
				if err == nil || !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %v, want %q in one line", err, w)
				}
			}
		}
		version(0)
		refused(s.migrate(ctx, steps, true), "empty", "serve")
		if err := s.migrate(ctx, steps[:1], false); err != nil {
			t.Fatal(err)
		}
		version(1)
		refused(s.migrate(ctx, steps, true), "schema 1", "wants 3", "serve")
		version(1)

		// A step that fails in its middle leaves nothing of itself.
		broken := []string{steps[0], steps[1], "CREATE TABLE c (x @int) @table; INSERT INTO nowhere VALUES (1);"}
		refused(s.migrate(ctx, broken, false), "upgrade to schema 3", "nowhere")
		version(2)
		if text := s.describe(t); strings.Contains(text, "table c:") || strings.Contains(text, "column c.") {
			t.Errorf("half a step is left:\n%s", text)
		}
		if err := s.migrate(ctx, steps, false); err != nil {
			t.Fatal(err)
		}
		version(3)
		if err := s.migrate(ctx, steps, true); err != nil {
			t.Error(err)
		}

		// An older program keeps its hands off.
		before := s.describe(t)
		for _, existing := range []bool{false, true} {
			refused(s.migrate(ctx, steps[:2], existing), "schema 3", "newer", "knows 2")
		}
		same(t, "schema", s.describe(t), before)

		// Two that upgrade at once: each step is taken once.
		twin := bare(t, at)
		errs := make(chan error, 2)
		more := append(steps, "INSERT INTO b VALUES (2);", "INSERT INTO b VALUES (3);")
		for _, s := range []*Store{s, twin} {
			go func() { errs <- s.migrate(ctx, more, false) }()
		}
		if err := errors.Join(<-errs, <-errs); err != nil {
			t.Fatal(err)
		}
		version(5)
		var n int
		if err := s.lone(ctx).row("SELECT count(*) FROM b").Scan(&n); err != nil || n != 3 {
			t.Errorf("%d rows, %v; want 3", n, err)
		}
	})
}
