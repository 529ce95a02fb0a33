package sqlstore_test

import (
	"context"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
	"ticketbridge/bridge/sqlstore"
	"ticketbridge/bridge/storetest"
)

// TestOpenErrors: whatever is wrong with store.url is one line that says so,
// without the password.
func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		url  string
		o    sqlstore.Options
		want []string
	}{
		{url: "", want: []string{`want "sqlite:`, `"postgres://`}},
		{url: "ticketbridge.db", want: []string{`want "sqlite:`}},
		{url: "mysql://u:hunter2@db/x", want: []string{`want "sqlite:`, "mysql"}},
		{url: "sqlite:", want: []string{"without a file"}},
		{url: "sqlite:" + dir, want: []string{dir, "is a directory"}},
		{url: "sqlite:none/x.db", want: []string{"none/x.db", "no such file or directory"}},
		{url: "sqlite:notes.txt", want: []string{"notes.txt", "not a database"}},
		{url: "sqlite:new.db", o: sqlstore.Options{Existing: true}, want: []string{"new.db", "no database yet", "serve"}},
		{url: "postgres://u:hunter2@127.0.0.1:1/x", want: []string{"127.0.0.1", "connection refused"}},
		{url: "postgres://u:hunter2@127.0.0.1:x/x", want: []string{"port"}},
		{url: "postgres://u:hunter2@db.invalid/x", want: []string{"db.invalid"}},
		{url: "postgresql://u:hunter2@127.0.0.1:1/x?sslmode=perhaps", want: []string{"sslmode"}},
	} {
		test.o.StateDir = dir
		s, err := sqlstore.Open(t.Context(), test.url, test.o)
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", test.url)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in: %v", test.url, want, err)
			}
		}
		if got := err.Error(); !strings.HasPrefix(got, "store.url: ") || strings.ContainsAny(got, "\n\t") || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q", test.url, got)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new.db")); !os.IsNotExist(err) {
		t.Errorf("a command beside the daemon made the database: %v", err)
	}
}

func TestOpenPostgresErrors(t *testing.T) {
	server := realtest.Postgres(t)
	right := server.NewDatabase(t)
	wrong := func(change func(u *url.URL)) string {
		u, err := url.Parse(right)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	for what, test := range map[string]struct{ url, want string }{
		"password": {wrong(func(u *url.URL) { u.User = url.UserPassword(server.User, "hunter2") }), "password authentication failed"},
		"database": {wrong(func(u *url.URL) { u.Path = "/nowhere" }), `database "nowhere" does not exist`},
	} {
		_, err := sqlstore.Open(t.Context(), test.url, sqlstore.Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\n\t") {
			t.Errorf("wrong %s: %v", what, err)
		}
	}
	if _, err := sqlstore.Open(t.Context(), right, sqlstore.Options{Existing: true}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("empty: %v", err)
	}
}

// TestSQLiteFile: the database is its owner's alone, whatever the umask, and
// may lie anywhere.
func TestSQLiteFile(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	for _, name := range []string{"a.db", "with space.db", "50%20?_pragma=x#y&z.db", "größe.db", ":memory:"} {
		dir := t.TempDir()
		s, err := sqlstore.Open(t.Context(), "sqlite:"+name, sqlstore.Options{StateDir: dir})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := s.Accept(t.Context(), []bridge.Arrival{storetest.Mail("support", 1, "k/1", "one")}, storetest.At("support", 1), storetest.Judge); err != nil {
			t.Fatal(err)
		}
		var seen []string
		err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			seen = append(seen, e.Name())
			info, err := e.Info()
			if err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %o", e.Name(), info.Mode().Perm())
			}
			return err
		})
		if want := []string{name, name + "-shm", name + "-turn", name + "-wal", "witness"}; err != nil || strings.Join(seen, " ") != strings.Join(want, " ") {
			t.Errorf("files %q, %v; want %q", seen, err, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		again, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(dir, name), sqlstore.Options{Existing: true})
		if err != nil {
			t.Fatal(err)
		}
		if ms, err := again.Mails(t.Context(), bridge.Filter{}); err != nil || len(ms) != 1 {
			t.Errorf("%s: %d mails after opening again, %v", name, len(ms), err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPostgresDurable: a role that trades durability for speed does not get its way.
func TestPostgresDurable(t *testing.T) {
	server := realtest.Postgres(t)
	for setting, want := range map[string]string{"off": "on", "on": "on", "remote_apply": "remote_apply"} {
		database := server.NewDatabase(t)
		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "ALTER ROLE "+server.User+" SET synchronous_commit = "+setting); err != nil {
			t.Fatal(err)
		}
		s, err := sqlstore.Open(t.Context(), database, sqlstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var is string
		// What our sessions run with, seen from one that asks for it.
		err = s.Ask(context.Background(), "SELECT current_setting('synchronous_commit')", &is)
		if err != nil || is != want {
			t.Errorf("role has %s: sessions run with %s, %v; want %s", setting, is, err, want)
		}
		if _, err := conn.Exec(t.Context(), "ALTER ROLE "+server.User+" RESET synchronous_commit"); err != nil {
			t.Error(err)
		}
		conn.Close(t.Context())
		s.Close()
	}
}
