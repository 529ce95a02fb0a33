package sqlstore

import (
	"context"
	"errors"
	"sync"
	"time"
)

// conn is one connection to a database. It is used by one goroutine at a time
// and keeps the statements it was given prepared.
type conn interface {
	// exec runs a statement; without args the text may hold several.
	exec(ctx context.Context, query string, args []any) (affected int64, err error)
	query(ctx context.Context, query string, args []any) (rows, error)
	// alive tells whether the connection can be used; with ask, its server is asked.
	alive(ctx context.Context, ask bool) bool
	close()
}

// rows are read to the end or closed before the connection's next statement.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	close()
}

// pool lends connections. database/sql's pool would do, but it prepares
// statements for pools, not connections, and pgx is quicker without it.
type pool struct {
	dial func(ctx context.Context) (conn, error)
	// slots hold what can be taken: an idle connection, or nil for leave to dial.
	slots chan idleConn

	mu     sync.Mutex
	closed bool
	// suspect is when a connection last turned out bad: what has been idle since
	// before may be so too, for servers restart.
	suspect time.Time
}

type idleConn struct {
	conn
	since time.Time
}

var errClosed = errors.New("the store is closed")

func newPool(size int, dial func(ctx context.Context) (conn, error)) *pool {
	p := &pool{dial: dial, slots: make(chan idleConn, size)}
	for range size {
		p.slots <- idleConn{}
	}
	return p
}

// asked is for how long an idle connection is trusted without asking.
const asked = time.Second

// get returns a connection that works, as far as one can tell.
func (p *pool) get(ctx context.Context) (conn, error) {
	var slot idleConn
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case slot = <-p.slots:
	}
	closed, suspect := p.state()
	if closed {
		p.slots <- slot
		return nil, errClosed
	}
	if slot.conn != nil {
		if slot.alive(ctx, time.Since(slot.since) >= asked || !slot.since.After(suspect)) {
			return slot.conn, nil
		}
		slot.close()
	}
	c, err := p.dial(ctx)
	if err != nil {
		p.slots <- idleConn{}
		return nil, oneLine(err)
	}
	return c, nil
}

// put takes a connection back, and closes it if it is not good any more.
func (p *pool) put(c conn, good bool) {
	now := time.Now()
	if !good {
		c.close()
		c = nil
		p.mu.Lock()
		p.suspect = now
		p.mu.Unlock()
	}
	p.slots <- idleConn{c, now}
}

func (p *pool) state() (closed bool, suspect time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed, p.suspect
}

// close waits for what is lent and closes all.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for range cap(p.slots) {
		if slot := <-p.slots; slot.conn != nil {
			slot.close()
		}
	}
	for range cap(p.slots) { // whoever still asks is told
		p.slots <- idleConn{}
	}
}
