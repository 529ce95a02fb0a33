package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// session is a connection while a transaction of ours is open on it.
type session struct {
	conn
	d *dialect
}

// write runs do in a transaction and commits it. Where the database refuses
// the transaction for the company it was in, do is run again from the start.
func (s *Store) write(ctx context.Context, do func(ctx context.Context, tx *session) error) error {
	const tries = 10
	for try := 1; ; try++ {
		err := s.transact(ctx, do)
		if err == nil || try == tries || !s.d.again(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(rand.N(time.Duration(try) * 20 * time.Millisecond)):
		}
	}
}

func (s *Store) transact(ctx context.Context, do func(ctx context.Context, tx *session) error) error {
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	good := false // unless proven: whatever went wrong, a judge's panic included
	defer func() { s.writers.put(tx.conn, good) }()
	committing := false
	defer func() {
		if !committing {
			good = tx.rollback(ctx)
		}
	}()
	inner := ctx
	if s.d.deaf {
		inner = context.WithoutCancel(ctx)
	}
	if err := tx.fenced(inner); err != nil {
		return err
	}
	if err := do(inner, tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	committing = true
	good, err = s.commit(ctx, tx)
	return err
}

// begin begins a transaction. A connection that turns out broken costs nothing
// yet: another is taken.
func (s *Store) begin(ctx context.Context) (*session, error) {
	for first := true; ; first = false {
		c, err := s.writers.get(ctx)
		if err != nil {
			return nil, err
		}
		tx := &session{c, s.d}
		if err = s.inTurn(ctx, func() error { _, err := tx.exec(ctx, s.d.beginWrite); return err }); err == nil {
			return tx, nil
		}
		broken := !c.alive(ctx, false)
		s.writers.put(c, false)
		if !first || !broken || ctx.Err() != nil {
			return nil, err
		}
	}
}

func (s *Store) inTurn(ctx context.Context, do func() error) error {
	if s.turn == nil {
		return do()
	}
	if err := s.turn.enter(ctx); err != nil {
		return err
	}
	defer s.turn.leave()
	return do()
}

// commitTimeout bounds a commit and finding out about it. It is not cut by ctx:
// a commit cut off is one nobody knows about.
const commitTimeout = 20 * time.Second

// commit commits; good tells whether the connection can be used further.
func (s *Store) commit(ctx context.Context, tx *session) (good bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	var mark string
	if s.d.outcome != nil {
		if err := tx.row(ctx, s.d.mark).Scan(&mark); err != nil {
			return tx.rollback(ctx), err
		}
	}
	_, err = tx.exec(ctx, "COMMIT")
	if err == nil {
		return true, nil
	}
	if good = tx.rollback(ctx); good || s.d.outcome == nil {
		return good, fmt.Errorf("commit: %w", err)
	}
	// The connection broke and took the answer with it.
	committed, unknown := s.d.outcome(ctx, s.writers, mark)
	switch {
	case unknown != nil:
		return false, fmt.Errorf("commit, and it is not known whether it took place: %w", errors.Join(err, unknown))
	case !committed:
		return false, fmt.Errorf("commit: %w", err)
	}
	return false, nil
}

// rollback reports whether the connection is without a transaction now. SQLite
// ends one itself on some errors (a full disk) and then says there is none; a
// fresh connection is right in that case too.
func (tx *session) rollback(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := tx.exec(ctx, "ROLLBACK")
	return err == nil
}

// view runs queries that see one moment of the database.
func (s *Store) view(ctx context.Context, do func(q reader) error) error {
	return s.ask(ctx, func(q reader) error {
		if _, err := q.exec(ctx, s.d.beginRead); err != nil {
			return err
		}
		err := do(q)
		if !q.rollback(ctx) && err == nil {
			err = errors.New("rollback")
		}
		return err
	})
}

// ask lends a connection to queries. If it turns out broken, they are asked
// once more on another.
func (s *Store) ask(ctx context.Context, do func(q reader) error) error {
	for first := true; ; first = false {
		c, err := s.readers.get(ctx)
		if err != nil {
			return err
		}
		again, err := s.askOn(ctx, c, do)
		if !again || !first || ctx.Err() != nil {
			return err
		}
	}
}

func (s *Store) askOn(ctx context.Context, c conn, do func(q reader) error) (again bool, err error) {
	good := false
	defer func() { s.readers.put(c, good) }()
	q := reader{&session{c, s.d}, ctx, new(bool)}
	err = do(q)
	good = err == nil || errors.Is(err, sql.ErrNoRows)
	return !good && !*q.told && !c.alive(ctx, false), err
}

// lone asks one query on a connection of its own.
func (s *Store) lone(ctx context.Context) lone { return lone{s, ctx} }

type lone struct {
	s   *Store
	ctx context.Context
}

func (l lone) each(query string, args []any, do func(scan func(...any) error) error) error {
	return l.s.ask(l.ctx, func(q reader) error { return q.each(query, args, do) })
}

func (l lone) row(query string, args ...any) loneRow { return loneRow{l, query, args} }

type loneRow struct {
	lone
	query string
	args  []any
}

func (r loneRow) Scan(dest ...any) error {
	return r.s.ask(r.ctx, func(q reader) error { return q.row(r.query, r.args...).Scan(dest...) })
}

// reader asks queries that change nothing, all in one context.
type reader struct {
	*session
	ctx  context.Context
	told *bool // rows were handed out: asking again would hand them out twice
}

func (r reader) each(query string, args []any, do func(scan func(...any) error) error) error {
	return r.session.each(r.ctx, query, args, func(scan func(...any) error) error {
		*r.told = true
		return do(scan)
	})
}

func (r reader) row(query string, args ...any) scanner { return r.session.row(r.ctx, query, args...) }

func (tx *session) exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	cleanAll(args)
	return tx.conn.exec(ctx, query, args)
}

// row is for queries of which the first row is all.
func (tx *session) row(ctx context.Context, query string, args ...any) scanner {
	cleanAll(args)
	rows, err := tx.conn.query(ctx, query, args)
	return firstRow{rows, err}
}

// each calls do for every row, with what scans it.
func (tx *session) each(ctx context.Context, query string, args []any, do func(scan func(...any) error) error) error {
	cleanAll(args)
	rows, err := tx.conn.query(ctx, query, args)
	if err != nil {
		return err
	}
	defer rows.close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// scanner is a row, or the error that came in its place.
type scanner interface{ Scan(dest ...any) error }

type firstRow struct {
	rows rows
	err  error
}

func (r firstRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.close()
	return r.rows.Err()
}

func cleanAll(args []any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			if c := clean(s); len(c) != len(s) || c != s {
				args[i] = c
			}
		}
	}
}

// inList writes the parameters of an IN list behind those in args: "$3,$4". Lists
// are filled up to a power of two with their last value, so that there are few
// texts to prepare.
func inList[T any](args *[]any, values []T) string {
	var out strings.Builder
	n := 1
	for n < len(values) {
		n *= 2
	}
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		*args = append(*args, any(values[min(i, len(values)-1)]))
		out.WriteByte('$')
		out.WriteString(strconv.Itoa(len(*args)))
	}
	return out.String()
}

// tuples writes rows of cols parameters from number first on: "($1,$2),($3,$4)".
func tuples(first, cols, rows int) string {
	var out strings.Builder
	for r := range rows {
		if r > 0 {
			out.WriteByte(',')
		}
		for c := range cols {
			out.WriteByte("(,"[min(c, 1)])
			out.WriteByte('$')
			out.WriteString(strconv.Itoa(first + r*cols + c))
		}
		out.WriteByte(')')
	}
	return out.String()
}

// insert writes rows, as many in one statement as the dialect likes. query is
// "INSERT INTO t (a, b) VALUES %s …".
func (tx *session) insert(ctx context.Context, query string, cols int, args []any) (affected int64, err error) {
	n, text := tx.d.rows, ""
	for rows := len(args) / cols; rows > 0; {
		for n > rows { // powers of two: few texts to prepare
			n, text = n/2, ""
		}
		if text == "" {
			text = strings.Replace(query, "%s", tuples(1, cols, n), 1)
		}
		done, err := tx.exec(ctx, text, args[:n*cols]...)
		if err != nil {
			return affected, err
		}
		affected += done
		args, rows = args[n*cols:], rows-n
	}
	return affected, nil
}

// chunks cuts a list into pieces a statement can take.
func chunks[T any](list []T, do func([]T) error) error {
	const most = 512
	for len(list) > 0 {
		n := min(len(list), most)
		if err := do(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
