package realtest

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// query runs statements and returns the one value that the last gives.
func query(t *testing.T, url string, statements ...string) string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	last := len(statements) - 1
	for _, s := range statements[:last] {
		if _, err := conn.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	var value string
	if err := conn.QueryRow(ctx, statements[last]).Scan(&value); err != nil {
		t.Fatalf("%s: %v", statements[last], err)
	}
	return value
}

func TestDatabasesAreEmptyAndSeparate(t *testing.T) {
	p := Postgres(t)
	one, two := p.NewDatabase(t), p.NewDatabase(t)
	if got := query(t, one, "create table t (x text)", "insert into t values ('kept')", "select x from t"); got != "kept" {
		t.Errorf("read %q", got)
	}
	if got := query(t, two, "select count(*)::text from pg_tables where schemaname = 'public'"); got != "0" {
		t.Errorf("%s tables in a new database", got)
	}
	if got := query(t, two, "select rolsuper::text from pg_roles where rolname = current_user"); got != "false" {
		t.Error("the owner is a superuser")
	}
}

func TestPostgresOverItsSocket(t *testing.T) {
	p := Postgres(t)
	u, err := url.Parse(p.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, p.SocketURL(u.Path[1:]), "select coalesce(inet_server_addr()::text, 'socket')"); got != "socket" {
		t.Errorf("connected over %s", got)
	}
}

func TestPostgresRefusesAWrongPassword(t *testing.T) {
	p := Postgres(t)
	u, err := url.Parse(p.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(p.User, "wrong")
	_, err = pgx.Connect(t.Context(), u.String())
	if refused := new(pgconn.PgError); !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Errorf("got %v, want invalid_password", err)
	}
}

func TestPostgresKeepsDataOverKillAndRestart(t *testing.T) {
	for _, durable := range []bool{false, true} {
		p := NewPostgres(t, PostgresConfig{Durable: durable})
		db := p.NewDatabase(t)
		query(t, db, "create table t (x text)", "insert into t values ('kept')", "show fsync")
		open, err := pgx.Connect(t.Context(), db) // a session that is open when the server dies
		if err != nil {
			t.Fatal(err)
		}
		p.Kill9(t)
		if err := open.Ping(t.Context()); err == nil {
			t.Error("a killed server answers")
		}
		p.Start(t)
		if got := query(t, db, "select x from t"); got != "kept" {
			t.Errorf("after kill: %q", got)
		}
		p.Restart(t)
		if got := query(t, db, "select x from t"); got != "kept" {
			t.Errorf("after restart: %q", got)
		}
	}
}

func TestCopiedDatabaseIsTheSame(t *testing.T) {
	p := Postgres(t)
	from := p.NewDatabase(t)
	query(t, from, "create table t (id serial, x text)", "insert into t (x) values ('kept')", "select '1'")
	to := p.CopyDatabase(t, from)
	if got := query(t, to, "insert into t (x) values ('new')", "select string_agg(id || x, ' ' order by id) from t"); got != "1kept 2new" {
		t.Errorf("the copy holds %q", got)
	}
	if got := query(t, from, "select count(*)::text from t"); got != "1" {
		t.Errorf("the original has %s rows now", got)
	}
	p.DropDatabase(t, to)
	if _, err := pgx.Connect(t.Context(), to); err == nil {
		t.Error("the dropped database is there")
	}
}
