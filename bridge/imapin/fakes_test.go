package imapin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// leaks fails the test if it leaves a goroutine behind. Earlier tests' do not
// count: realtest's servers stay, and toxiproxy leaves some.
func leaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// memStore is a bridge.Cursors and the handler's memory in one, as durable as
// the test wants.
type memStore struct {
	mu       sync.Mutex
	cursor   *bridge.Cursor
	mails    []bridge.Mail
	records  []bridge.MailRecord
	batches  []bridge.Batch
	attempts map[bridge.Source]int
	pending  uint32
	marked   map[uint32]bool
	unmarked []uint32

	ours   func(bridge.Mail) bool // nil: none is
	before func(bridge.Batch) error
	down   error // what every call returns
	news   chan struct{}
}

func newStore() *memStore {
	return &memStore{attempts: map[bridge.Source]int{}, marked: map[uint32]bool{}, news: make(chan struct{}, 1)}
}

func (m *memStore) Cursor(context.Context, string, string) (bridge.Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return bridge.Cursor{}, m.down
	case m.cursor == nil:
		return bridge.Cursor{}, fmt.Errorf("cursor: %w", bridge.ErrNotFound)
	}
	return *m.cursor, nil
}

func (m *memStore) SetCursor(_ context.Context, c bridge.Cursor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.cursor = &c
	}
	return m.down
}

func (m *memStore) Attempt(_ context.Context, s bridge.Source) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.attempts[s]++
	}
	return m.attempts[s], m.down
}

func (m *memStore) BeginBatch(_ context.Context, _, _ string, last uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.pending = last
	}
	return m.down
}

func (m *memStore) PendingBatch(context.Context, string, string) (uint32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pending, m.down
}

func (m *memStore) Unmarked(_ context.Context, _, _ string, uidValidity uint32) ([]uint32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.unmarked), m.down
}

func (m *memStore) Marked(_ context.Context, _, _ string, _ uint32, uids []uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, uid := range uids {
		m.marked[uid] = true
		m.unmarked = slices.DeleteFunc(m.unmarked, func(u uint32) bool { return u == uid })
	}
	return m.down
}

// handle is a Handler: everything in one step or nothing.
func (m *memStore) handle(ctx context.Context, b bridge.Batch) ([]bridge.MailRecord, error) {
	if m.before != nil {
		if err := m.before(b); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var records []bridge.MailRecord
	for _, mail := range b.Mails {
		r := bridge.MailRecord{ID: int64(len(m.records) + 1), Source: mail.Source, State: bridge.MailIgnored}
		if m.ours != nil && m.ours(mail) {
			r.State, r.Conversation = bridge.MailTicket, 1
			m.unmarked = append(m.unmarked, mail.UID)
		}
		m.records = append(m.records, r)
		records = append(records, r)
	}
	m.mails = append(m.mails, b.Mails...)
	m.batches = append(m.batches, b)
	c := b.Cursor
	m.cursor = &c
	select {
	case m.news <- struct{}{}:
	default:
	}
	return records, nil
}

func (m *memStore) have() []bridge.Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

func (m *memStore) uids() []uint32 {
	var uids []uint32
	for _, mail := range m.have() {
		uids = append(uids, mail.UID)
	}
	return uids
}

func (m *memStore) setDown(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

func (m *memStore) at() bridge.Cursor {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cursor == nil {
		return bridge.Cursor{}
	}
	return *m.cursor
}

// once fails the test if a mail came twice or out of order, or was altered.
func (m *memStore) once(t *testing.T, want map[uint32][]byte) {
	t.Helper()
	seen := map[uint32]bool{}
	last := uint32(0)
	for _, mail := range m.have() {
		if seen[mail.UID] {
			t.Errorf("mail %d came twice", mail.UID)
		}
		if mail.UID < last {
			t.Errorf("mail %d came after %d", mail.UID, last)
		}
		seen[mail.UID], last = true, mail.UID
		raw, ok := want[mail.UID]
		if !ok {
			t.Errorf("mail %d is not to be read", mail.UID)
		}
		if mail.Problem == "" && !bytes.Equal(raw, mail.Raw) {
			t.Errorf("mail %d: %d bytes, want %d", mail.UID, len(mail.Raw), len(raw))
		}
	}
	for uid := range want {
		if !seen[uid] {
			t.Errorf("mail %d did not come", uid)
		}
	}
}

// await waits on a real clock; it looks when mails come, and often enough else.
func (m *memStore) await(within time.Duration, done func() bool) bool {
	deadline := time.After(within)
	for !done() {
		select {
		case <-m.news:
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			return done()
		}
	}
	return true
}

func (m *memStore) eventually(t *testing.T, within time.Duration, done func() bool) {
	t.Helper()
	if !m.await(within, done) {
		t.Fatalf("not within %v; have %v", within, m.uids())
	}
}

// pipes is a network of net.Pipe: it works on the fake clock.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	fail  error // what dialling returns
	dials int
	open  []net.Conn
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(ctx context.Context, _ bridge.Endpoint, _ time.Duration) (net.Conn, error) {
	p.mu.Lock()
	p.dials++
	err := p.fail
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	a, b := net.Pipe()
	select {
	case p.conns <- b:
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	p.open = append(p.open, b)
	p.mu.Unlock()
	return a, nil
}

func (p *pipes) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dials
}

func (p *pipes) setFail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

// cut closes all connections from the server's side.
func (p *pipes) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}

// testConfig reads everything from a server on this machine.
func testConfig() Config {
	c := Defaults()
	c.Name, c.Host, c.Port, c.TLS = "ann", "127.0.0.1", 1143, "none"
	c.Username, c.Password = "ann@example.com", "secret"
	c.Start = "all"
	return c
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// watch is a watcher under test.
type watch struct {
	*Watcher
	store *memStore
	log   *logBuffer
	stop  func() // ends Run and waits for it
}

func newWatch(t *testing.T, cfg Config, store *memStore, dial imaplink.Dialer) *watch {
	t.Helper()
	log := &logBuffer{}
	w := New(cfg, cfg.Folders[0], store, store.handle, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if dial != nil {
		w.dial = dial
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
		if strings.Contains(log.String(), "secret") {
			t.Error("the password is in the log")
		}
	})
	return &watch{Watcher: w, store: store, log: log, stop: func() {}}
}

// start runs the watcher until stop, at the latest at the test's end.
func (w *watch) start(t *testing.T) *watch {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(w.stop)
	return w
}

// settle lets everything in the bubble come to rest and returns the status.
func (w *watch) settle() Status {
	synctest.Wait()
	return w.Status()
}

// text makes a synthetic mail of about n bytes.
func text(i, n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: visitor-%d@example.org\r\nTo: ann@example.com\r\nSubject: question %d\r\nMessage-ID: <%d@example.org>\r\n\r\n", i, i, i)
	for b.Len() < n-2 {
		line := fmt.Sprintf("line %d of mail %d, which asks for nothing in particular\r\n", b.Len(), i)
		b.WriteString(line[max(0, len(line)-(n-b.Len())):])
	}
	return b.Bytes()
}
