package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

var sqliteDialect = &dialect{
	name: "sqlite",
	words: []string{
		"@id", "INTEGER PRIMARY KEY AUTOINCREMENT", // never an id twice, or the journal would tell of another
		"@serial", "INTEGER PRIMARY KEY",
		"@int", "INTEGER",
		"@keyed", "STRICT, WITHOUT ROWID",
		"@key", "TEXT",
		"@bytes", "BLOB",
		"@table", "STRICT",
	},
	beginWrite:  "BEGIN IMMEDIATE",
	beginRead:   "BEGIN",
	deaf:        true,
	rows:        1,
	reserve:     sqliteReserve,
	lockKeys:    func(context.Context, *session, []string) error { return nil }, // there is one writer
	clock:       sqliteClock,
	selectLease: selectLease(sqliteClock),
	hasSchema:   "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'",
	again:       func(error) bool { return false },
}

const sqliteClock = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"

// sqliteReserve needs to write nothing: there is one writer, and inserting an
// id moves the sequence past it.
func sqliteReserve(ctx context.Context, tx *session, table string, n int) ([]int64, error) {
	var last int64
	err := tx.row(ctx, "SELECT seq FROM sqlite_sequence WHERE name = $1", table).Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = last + int64(i) + 1
	}
	return ids, nil
}

const (
	// busyTimeout (ms) is how long one process waits for another to write; the
	// daemon's longest transaction is a batch of mails.
	busyTimeout = "10000"
	// walPages is how long the WAL grows before it is folded back: 16 MB. A page
	// that many batches change (an index) is then written back once.
	walPages = "4000"
)

// openSQLite opens the file, and makes it (for its owner alone) unless it has to
// exist.
func openSQLite(path string, o Options) (*Store, error) {
	if path == "" {
		return nil, errors.New(`sqlite: without a file; want "sqlite:ticketbridge.db"`)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(o.StateDir, path)
	}
	if err := sqliteFile(path, o.Existing); err != nil {
		return nil, err
	}
	// SQLite's own choice where its build finds it: what is needed to read the
	// data back is synced, time stamps are not.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return nil, err
	}
	turn, err := newTurnstile(path)
	if err != nil {
		return nil, err
	}
	return &Store{
		d:       sqliteDialect,
		turn:    turn,
		writers: newPool(1, sqliteDial(path, "cache_size(-32768)")),
		readers: newPool(max(4, runtime.GOMAXPROCS(0)), sqliteDial(path, "cache_size(-4096)", "query_only(1)")),
	}, nil
}

// sqliteFile makes the file before SQLite would, which lets others read it;
// -wal and -shm take over its mode. An existing file is not opened here: closing
// it would drop the locks of every connection this process has to it (POSIX).
func sqliteFile(path string, existing bool) error {
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return fmt.Errorf("%s is a directory; want a file", path)
		}
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if existing {
		return fmt.Errorf("%s: there is no database yet; `ticketbridge serve` makes it", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was quicker
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func sqliteDSN(path string, more ...string) string {
	q := url.Values{"_dqs": {"0"}, "_pragma": append([]string{
		"busy_timeout(" + busyTimeout + ")",
		"page_size(4096)", // larger ones write more for each random index entry, and save nothing
		"journal_mode(WAL)",
		"synchronous(FULL)", // a commit is on disk before anything is sent or acknowledged
		"wal_autocheckpoint(" + walPages + ")",
		"journal_size_limit(67108864)",
		"temp_store(MEMORY)",
	}, more...)}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// sqliteConn is a connection with its prepared statements, by text.
type sqliteConn struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func sqliteDial(path string, pragmas ...string) func(ctx context.Context) (conn, error) {
	return func(ctx context.Context) (conn, error) {
		db, err := sql.Open("sqlite", sqliteDSN(path, pragmas...))
		if err != nil {
			return nil, err
		}
		c, err := db.Conn(ctx)
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return &sqliteConn{db: db, conn: c, stmts: map[string]*sql.Stmt{}}, nil
	}
}

func (c *sqliteConn) exec(ctx context.Context, query string, args []any) (int64, error) {
	if len(args) == 0 {
		_, err := c.conn.ExecContext(ctx, query)
		return 0, err
	}
	st, err := c.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c *sqliteConn) query(ctx context.Context, query string, args []any) (rows, error) {
	st, err := c.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	return sqliteRows{rows}, nil
}

func (c *sqliteConn) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := c.stmts[query]; st != nil {
		return st, nil
	}
	st, err := c.conn.PrepareContext(ctx, questionMarks(query))
	if err == nil {
		c.stmts[query] = st
	}
	return st, err
}

func (c *sqliteConn) alive(context.Context, bool) bool { return true }

func (c *sqliteConn) close() {
	for _, st := range c.stmts {
		st.Close()
	}
	c.conn.Close()
	c.db.Close()
}

type sqliteRows struct{ *sql.Rows }

func (r sqliteRows) close() { r.Rows.Close() }

var parameter = regexp.MustCompile(`\$[0-9]+`)

// questionMarks writes $1, $2 … as ? where they come in order, else as ?1, ?2.
// SQLite looks named parameters up one by one, so that thousands of them would
// take it the square of that.
func questionMarks(query string) string {
	n, inOrder := 0, true
	for _, m := range parameter.FindAllString(query, -1) {
		n++
		inOrder = inOrder && m[1:] == strconv.Itoa(n)
	}
	if !strings.Contains(query, "$") {
		return query
	}
	return parameter.ReplaceAllStringFunc(query, func(m string) string {
		if inOrder {
			return "?"
		}
		return "?" + m[1:]
	})
}
