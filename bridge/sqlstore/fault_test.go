package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
	"ticketbridge/bridge/sqlstore"
	"ticketbridge/bridge/storetest"
)

func openAt(t *testing.T, url string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), url, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// take records the mail with this UID, its own conversation.
func take(ctx context.Context, s bridge.Store, uid uint32, judge bridge.Judge) error {
	a := storetest.Mail("support", uid, "k/"+string(rune('a'+uid)), "hello")
	_, err := s.Accept(ctx, []bridge.Arrival{a}, storetest.At("support", uid), judge)
	return err
}

// TestLocked: another process holds the write lock for long (a backup tool, an
// admin in a shell). Who waits gives up when his context ends; readers do not wait.
func TestLocked(t *testing.T) {
	file := t.TempDir() + "/bridge.db"
	s := openAt(t, "sqlite:"+file)
	if err := take(t.Context(), s, 1, storetest.Judge); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := take(short, s, 2, storetest.Judge); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
	if err := has(t.Context(), s, 1); err != nil {
		t.Error(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- take(t.Context(), s, 2, storetest.Judge) }()
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if err := has(t.Context(), s, 2); err != nil {
		t.Error(err)
	}
}

// TestServerFaults: what happens to a transaction while its server goes away.
func TestServerFaults(t *testing.T) {
	server := realtest.NewPostgres(t, realtest.PostgresConfig{})
	database := server.NewDatabase(t)
	s := openAt(t, database)
	if err := take(t.Context(), s, 1, storetest.Judge); err != nil {
		t.Fatal(err)
	}
	uid := uint32(1)
	for what, fault := range map[string]func(){
		"restarted":          func() { server.Restart(t) },
		"killed":             func() { server.Kill9(t); server.Start(t) },
		"session terminated": func() { terminate(t, database) },
	} {
		t.Run(what, func(t *testing.T) {
			// In the middle of a transaction.
			err := take(t.Context(), s, uid+1, func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
				fault()
				return storetest.Judge(a, k)
			})
			if err == nil {
				t.Error("recorded")
			}
			if err := has(t.Context(), s, uid); err != nil {
				t.Errorf("after it: %v", err)
			}
			// Between two: connections have gone stale.
			fault()
			resumes(t, func() error { return take(t.Context(), s, uid+1, storetest.Judge) })
			uid++
			if err := has(t.Context(), s, uid); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("down", func(t *testing.T) {
		server.Stop(t)
		for _, err := range []error{
			take(t.Context(), s, uid+1, storetest.Judge),
			func() error { _, err := s.NextDue(t.Context()); return err }(),
			func() error { _, err := s.Turnover(t.Context(), "w", time.Now(), nil, 5); return err }(),
		} {
			if err == nil || strings.ContainsAny(err.Error(), "\n\t") {
				t.Errorf("error %v", err)
			}
		}
		server.Start(t)
		resumes(t, func() error { return take(t.Context(), s, uid+1, storetest.Judge) })
	})
}

// resumes: sessions that are gone cost nothing, once the server is back.
func resumes(t *testing.T, call func() error) {
	t.Helper()
	if err := call(); err != nil {
		t.Errorf("does not resume: %v", err)
	}
}

// terminate ends the sessions of the bridge, as a failover does.
func terminate(t *testing.T, database string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ticketbridge'"); err != nil {
		t.Fatal(err)
	}
}

// TestLostAnswer: the connection breaks at COMMIT. Whether it reached the server
// or not, the caller is told what is true.
func TestLostAnswer(t *testing.T) {
	server := realtest.Postgres(t)
	database := server.NewDatabase(t)
	direct := openAt(t, database)
	for what, test := range map[string]struct {
		deliver bool
		uid     uint32
	}{"the answer was lost": {true, 1}, "the commit was lost": {false, 2}} {
		t.Run(what, func(t *testing.T) {
			via := newCutter(t, database)
			s := openAt(t, via.url)
			via.cut.Store(true)
			via.deliver.Store(test.deliver)
			err := take(t.Context(), s, test.uid, storetest.Judge)
			if via.cut.Load() {
				t.Fatal("no COMMIT was seen")
			}
			c, lookErr := direct.Cursor(t.Context(), "support", "INBOX")
			if lookErr != nil && !errors.Is(lookErr, bridge.ErrNotFound) {
				t.Fatal(lookErr)
			}
			recorded := c.UID == test.uid
			if recorded != test.deliver || recorded != (err == nil) {
				t.Errorf("recorded: %t; the caller was told %v", recorded, err)
			}
			if err := take(t.Context(), s, test.uid, storetest.Judge); err != nil {
				t.Errorf("the next: %v", err)
			}
		})
	}
}

// cutter is a way to the server that breaks at the first COMMIT, once.
type cutter struct {
	url          string
	cut, deliver atomic.Bool
}

func newCutter(t *testing.T, database string) *cutter {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	to := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.Addr().String()
	c := &cutter{url: u.String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(in, out); in.Close() }()
			go c.forward(in, out)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return c
}

func (c *cutter) forward(in, out net.Conn) {
	defer out.Close()
	defer in.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte("COMMIT\x00")) && c.cut.CompareAndSwap(true, false) {
			if c.deliver.Load() {
				in.Close() // no answer comes back
				out.Write(buf[:n])
				io.Copy(io.Discard, out)
			}
			return
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return
		}
	}
}
