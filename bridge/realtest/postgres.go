package realtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PostgresServer is a running PostgreSQL.
type PostgresServer struct {
	*Server
	Addr      Addr
	User      string // owns the databases, no superuser
	Password  string
	databases atomic.Int64
}

// PostgresConfig is what a private PostgreSQL can have differently.
type PostgresConfig struct {
	Durable bool   // sync to disk, as outside of tests
	Extra   string // further lines of postgresql.conf
}

// Postgres returns the PostgreSQL that the test binary's tests share.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	shared.mu.Lock()
	p, err := shared.postgres.start(func() (*PostgresServer, error) { return shared.newPostgres(PostgresConfig{}) })
	shared.mu.Unlock()
	if err != nil {
		t.Fatalf("realtest: %v", err)
	}
	p.logIfFailed(t)
	p.Start(t)
	return p
}

// NewPostgres starts a PostgreSQL for this test alone.
func NewPostgres(t testing.TB, c PostgresConfig) *PostgresServer {
	t.Helper()
	return private(t, func() (*PostgresServer, error) { return shared.newPostgres(c) })
}

// NewDatabase makes an empty database for t and returns its URL. It goes with the server.
func (p *PostgresServer) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", p.databases.Add(1))
	err := p.do(context.Background(), "create database "+name+" owner "+p.User)
	if err != nil {
		t.Fatalf("realtest: %v", err)
	}
	return p.URL(name)
}

// CopyDatabase makes a database for t with all that the one at from holds, to which nobody may be
// connected. DropDatabase removes one before its server goes.
func (p *PostgresServer) CopyDatabase(t testing.TB, from string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", p.databases.Add(1))
	err := p.do(context.Background(), "create database "+name+" template "+databaseName(from)+" owner "+p.User)
	if err != nil {
		t.Fatalf("realtest: %v", err)
	}
	return p.URL(name)
}

// DropDatabase removes the database at url, whoever is connected.
func (p *PostgresServer) DropDatabase(t testing.TB, url string) {
	t.Helper()
	if err := p.do(context.Background(), "drop database "+databaseName(url)+" with (force)"); err != nil {
		t.Fatalf("realtest: %v", err)
	}
}

func databaseName(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return "" // the server will say so
	}
	return strings.TrimPrefix(u.Path, "/")
}

// URL is a database's URL over TCP.
func (p *PostgresServer) URL(database string) string {
	return p.url(p.User, database, string(p.Addr), url.Values{"sslmode": {"disable"}})
}

// SocketURL is a database's URL over the unix socket.
func (p *PostgresServer) SocketURL(database string) string {
	return p.url(p.User, database, "", url.Values{"host": {p.dir}, "port": {fmt.Sprint(p.Addr.Port())}})
}

func (p *PostgresServer) url(user, database, host string, query url.Values) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, p.Password), Host: host, Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// do runs statements as superuser.
func (p *PostgresServer) do(ctx context.Context, statements ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.url("postgres", "postgres", string(p.Addr), url.Values{"sslmode": {"disable"}}))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// newPostgres makes a cluster and starts it. r.mu is held.
func (r *rig) newPostgres(c PostgresConfig) (*PostgresServer, error) {
	initdb, err := find("postgresql", "/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/usr/bin/initdb")
	if err != nil {
		return nil, err
	}
	who, err := unprivileged("postgres")
	if err != nil {
		return nil, err
	}
	s, err := r.newServer("postgres", who)
	if err != nil {
		return nil, err
	}
	p := &PostgresServer{Server: s, User: "bridge", Password: "secret of bridge"}
	if err := r.takePorts(&p.Addr); err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	if err := p.init(initdb, data, c); err != nil {
		return nil, fmt.Errorf("initdb: %w", err)
	}
	s.argv = []string{filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data}
	s.stop, s.last = syscall.SIGINT, "INT" // ends sessions, then the server
	s.ready = func(ctx context.Context) error { return p.do(ctx) }
	if err := s.start(); err != nil {
		return nil, err
	}
	return p, p.do(context.Background(), fmt.Sprintf("create role %s login password '%s'", p.User, p.Password))
}

func (p *PostgresServer) init(initdb, data string, c PostgresConfig) error {
	password := filepath.Join(p.dir, "password")
	if err := p.as.write(password, 0o600, []byte(p.Password)); err != nil {
		return err
	}
	cmd := exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password,
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	cmd.Env = environ()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as.credential()}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	type values struct {
		*PostgresServer
		PostgresConfig
		Dir string
	}
	own := filepath.Join(data, "realtest.conf")
	if err := fill("postgresql.conf", own, values{p, c, p.dir}); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("include 'realtest.conf'\n")
	return err
}
