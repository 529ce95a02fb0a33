package smtpout

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pipe is a pair of connections with buffers of pipeBuffer bytes each way, as
// sockets have them and net.Pipe does not: both ends may speak first, and a
// peer that does not read is noticed only when the buffer is full. Its
// deadlines run on the fake clock of a bubble.
func pipe() (client, server *pipeConn) {
	a, b := newHalf(), newHalf()
	return &pipeConn{in: a, out: b}, &pipeConn{in: b, out: a}
}

const pipeBuffer = 8 << 10

// half is one direction.
type half struct {
	mu         sync.Mutex
	changed    *sync.Cond
	buf        []byte
	writerGone bool // what is buffered can still be read
	readerGone bool
}

func newHalf() *half {
	h := &half{}
	h.changed = sync.NewCond(&h.mu)
	return h
}

// deadline wakes who waits on a half when it passes.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set is called with the lock of h.
func (d *deadline) set(h *half, t time.Time) {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at = t
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.changed.Broadcast()
		})
	}
	h.changed.Broadcast()
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

type pipeConn struct {
	in, out         *half
	readBy, writeBy deadline // guarded by in.mu and out.mu
}

func (c *pipeConn) Read(b []byte) (int, error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readerGone:
			return 0, net.ErrClosed
		case c.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(b, h.buf)
			h.buf = h.buf[n:]
			h.changed.Broadcast()
			return n, nil
		case h.writerGone:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (c *pipeConn) Write(b []byte) (n int, err error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for n < len(b) {
		room := pipeBuffer - len(h.buf)
		switch {
		case h.writerGone:
			return n, net.ErrClosed
		case c.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		case h.readerGone:
			return n, syscall.EPIPE
		case room > 0:
			k := min(room, len(b)-n)
			h.buf = append(h.buf, b[n:n+k]...)
			n += k
			h.changed.Broadcast()
		default:
			h.changed.Wait()
		}
	}
	return n, nil
}

func (c *pipeConn) Close() error {
	c.SetDeadline(time.Time{}) // no timer outlives the test
	c.out.mu.Lock()
	c.out.writerGone = true
	c.out.changed.Broadcast()
	c.out.mu.Unlock()
	c.in.mu.Lock()
	c.in.readerGone = true
	c.in.changed.Broadcast()
	c.in.mu.Unlock()
	return nil
}

// wait returns when the peer has closed, reading nothing.
func (c *pipeConn) wait() {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	for !c.in.writerGone {
		c.in.changed.Wait()
	}
}

func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.readBy.set(c.in, t)
	return nil
}

func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.writeBy.set(c.out, t)
	return nil
}

func (c *pipeConn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// The ends are in different places: what needs this machine must not take them for it.
func (c *pipeConn) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }
func (c *pipeConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 465} }

// pipeDial has each connection served by serve over a pipe, and waits for the
// servers at the end of the test.
func pipeDial(t testing.TB, serve func(net.Conn)) func(context.Context) (net.Conn, error) {
	var servers sync.WaitGroup
	t.Cleanup(servers.Wait)
	return func(context.Context) (net.Conn, error) {
		client, server := pipe()
		servers.Go(func() {
			defer server.Close()
			serve(server)
		})
		return client, nil
	}
}
