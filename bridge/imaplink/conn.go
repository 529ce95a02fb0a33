package imaplink

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// What a server may send at most. A line is as long as a SEARCH answer of a
// million UIDs; a response without bodies is small, but one command may collect
// the flag changes of a whole mailbox.
const (
	maxLine = 8 << 20
	slack   = 32 << 20
)

// conn stands between the server and go-imap, which waits for ever for the
// first byte of an answer, reads without limit, and dies of answers it does not
// know. conn hands on whole lines and counted literals, and fails for good when
// the server is silent for too long or sends more than anyone asked for.
type conn struct {
	net.Conn
	timeout time.Duration // of a write
	literal int64         // the longest literal to let through

	// The reading goroutine's own.
	in      *bufio.Reader
	pending []byte // a line handed on, not yet taken
	rest    int64  // what is left of a literal
	onward  bool   // the next line goes on with a response
	drop    bool   // the response under way is none we know

	sent atomic.Int64 // bytes of ours that went out

	mu     sync.Mutex // guards what follows
	quiet  time.Duration
	until  time.Time
	stop   time.Time
	budget int64
	err    error // the first failure; it stays
	heard  hints
}

// hints are what status texts say beside the protocol (RFC 3501 §7.1); go-imap
// drops most of them.
type hints struct {
	bye   string
	alert string
	pause time.Duration // how long we are asked to stay away
}

func newConn(c net.Conn, timeout time.Duration, maxLiteral int64) *conn {
	gc := &conn{Conn: c, timeout: timeout, literal: maxLiteral}
	gc.in = bufio.NewReaderSize(timed{gc}, 64<<10)
	return gc
}

// expect says that the server owes us something: it may be silent for quiet,
// must be done within total (0: no limit), and may send size bytes of bodies.
func (c *conn) expect(quiet, total time.Duration, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet, c.until, c.budget = quiet, time.Time{}, size+slack
	if total > 0 {
		c.until = time.Now().Add(total)
	}
	c.Conn.SetReadDeadline(c.deadline()) // the reader may be waiting already
}

// relax says that nothing is owed.
func (c *conn) relax() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet, c.until, c.budget = 0, time.Time{}, slack
	c.Conn.SetReadDeadline(c.deadline())
}

// stopWithin lets the connection live for another d, whatever is expected.
func (c *conn) stopWithin(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = time.Now().Add(d)
	c.Conn.SetReadDeadline(c.deadline())
	c.Conn.SetWriteDeadline(c.stop)
}

// deadline is the earliest of what applies; zero: none. c.mu is held.
func (c *conn) deadline() time.Time {
	var d time.Time
	if c.quiet > 0 {
		d = time.Now().Add(c.quiet)
	}
	for _, t := range []time.Time{c.until, c.stop} {
		if !t.IsZero() && (d.IsZero() || t.Before(d)) {
			d = t
		}
	}
	return d
}

// failed returns why the connection is of no more use, nil if it is.
func (c *conn) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// fail makes err the connection's end. go-imap swallows a first error and reads
// on, so every later read must fail as well.
func (c *conn) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	return c.err
}

// hints returns what the server said since it was last asked.
func (c *conn) hints() hints {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.heard
	c.heard.alert, c.heard.pause = "", 0
	return h
}

// timed reads from the network under the deadline of the moment.
type timed struct{ c *conn }

func (t timed) Read(p []byte) (int, error) {
	c := t.c
	c.mu.Lock()
	c.Conn.SetReadDeadline(c.deadline())
	c.mu.Unlock()
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.budget -= int64(n)
	spent := c.budget < 0
	c.mu.Unlock()
	switch {
	case spent:
		return n, errors.New("the server sends far more than was asked for")
	case errors.Is(err, io.EOF):
		return n, ErrGone
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, fmt.Errorf("the server does not answer: %w", err)
	}
	return n, err
}

// Read hands a line or a part of a literal to go-imap.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.failed(); err != nil {
		return 0, err
	}
	n, err := c.read(p)
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

func (c *conn) read(p []byte) (int, error) {
	for len(c.pending) == 0 && c.rest == 0 {
		if err := c.nextLine(); err != nil {
			return 0, err
		}
	}
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	if int64(len(p)) > c.rest {
		p = p[:c.rest]
	}
	n, err := c.in.Read(p)
	c.rest -= int64(n)
	return n, err
}

// nextLine makes the next line pending, or drops it.
func (c *conn) nextLine() error {
	line, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = c.longLine(bytes.Clone(line))
	}
	if err != nil {
		return err
	}
	kind := continued
	if !c.onward {
		kind = kindOf(line)
		c.drop = kind == unknown
	}
	if kind == status {
		c.mu.Lock()
		c.heard.listen(line)
		c.mu.Unlock()
	}
	c.onward = false
	if size, ok := literalSize(line); ok && kind != status {
		if size > c.literal {
			return fmt.Errorf("the server announces %d bytes in one piece, more than the %d we take", size, c.literal)
		}
		c.rest, c.onward = size, true
	}
	if !c.drop {
		cleanFlags(line)
		cleanCapabilities(line, kind)
		c.pending = line
		return nil
	}
	rest := c.rest
	c.rest = 0
	_, err = io.CopyN(io.Discard, c.in, rest)
	return err
}

// longLine reads on to the end of a line that does not fit the buffer.
func (c *conn) longLine(line []byte) ([]byte, error) {
	for {
		more, err := c.in.ReadSlice('\n')
		line = append(line, more...)
		switch {
		case len(line) > maxLine:
			return nil, fmt.Errorf("the server sends a line of more than %d bytes", maxLine)
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// Write has a deadline of its own; go-imap's 30 s would hold up a stop.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.failed(); err != nil {
		return 0, err
	}
	c.mu.Lock()
	d := time.Now().Add(c.timeout)
	if !c.stop.IsZero() && c.stop.Before(d) {
		d = c.stop
	}
	c.Conn.SetWriteDeadline(d)
	c.mu.Unlock()
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

// The deadlines are conn's alone, whatever go-imap would set.
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
