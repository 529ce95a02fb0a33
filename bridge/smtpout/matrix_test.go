package smtpout

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// matrix is R12 of INVARIANTS: what each fault at each stage comes to.
// T temporary, T! temporary and the transport is broken, P permanent, D in
// doubt, A accepted. "slow" is one byte a second: within the time-outs a reply
// still counts, a handshake or a body does not get through.
const matrix = `
          4yz 5yz 421 EOF RST hang garbage partial cut slow
connect   T!  T!  T!  T!  T!  T!   T!      T!      T!  T!
tls       T!  T!  T!  T!  T!  T!   T!      T!      T!  T!
banner    T!  T!  T!  T!  T!  T!   T!      T!      T!  A
ehlo      T!  T!  T!  T!  T!  T!   T!      T!      T!  A
auth      T!  T!  T!  T!  T!  T!   T!      T!      T!  A
mail      T   P   T   T   T   T    T       T       T   A
rcpt      T   P   T   T   T   T    T       T       T   A
data      T   P   T   T   T   T    T       T       T   A
body      T   P   T   T   T   T    T       T       T   T
dot       T   P   T   D   D   D    D       D       D   A
quit      A   A   A   A   A   A    A       A       A   A
`

var outcomes = map[string]bridge.Outcome{
	"T": bridge.Temporary, "T!": bridge.Temporary, "P": bridge.Permanent, "D": bridge.InDoubt, "A": bridge.Accepted,
}

// cell is one of the 110.
type cell struct {
	at    stage
	fault string
	want  string
}

func cells(t *testing.T) []cell {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	faults := strings.Fields(lines[0])
	var all []cell
	for _, l := range lines[1:] {
		f := strings.Fields(l)
		for i, want := range f[1:] {
			all = append(all, cell{stage(f[0]), faults[i], want})
		}
	}
	if len(all) != 110 {
		t.Fatalf("the matrix has %d cells, want 110", len(all))
	}
	return all
}

func TestFaultMatrix(t *testing.T) {
	id := longLived(t)
	for _, kind := range []string{"smtp", "lmtp"} {
		for _, c := range cells(t) {
			t.Run(fmt.Sprintf("%s/%s/%s", kind, c.at, c.fault), func(t *testing.T) {
				if c.fault == "RST" { // real sockets, and nothing to wait for
					runResetCell(t, kind, c, id)
					return
				}
				synctest.Test(t, func(t *testing.T) { runCell(t, kind, c, id) })
				if c.fault == "partial" {
					c.fault = "partial, silent"
					synctest.Test(t, func(t *testing.T) { runCell(t, kind, c, id) })
				}
			})
		}
	}
}

// cellConfig logs in over implicit TLS; the row of TLS uses STARTTLS.
func cellConfig(kind string, c cell, id identity) Config {
	mode := "implicit"
	if c.at == atTLS {
		mode = "starttls"
	}
	cfg := config("mail.example.com", 465, mode, id)
	cfg.Kind = kind
	cfg.Username, cfg.Password = testUser, testPassword
	return cfg
}

func runCell(t *testing.T, kind string, c cell, id identity) {
	cfg := cellConfig(kind, c, id)
	log := &transcript{}
	sc := script{kind: kind, tls: cfg.TLS, id: id, at: c.at, fault: c.fault, log: log}
	tr := New(cfg)
	tr.dial = pipeDial(t, sc.serve)
	if c.at == atConnect && c.fault == "hang" { // a SYN without an answer
		tr.dial = func(ctx context.Context) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout.D())
			defer cancel()
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
		}
	}
	checkCell(t, tr, c, log)
}

// runResetCell has small socket buffers where the body is reset, so that it
// cannot vanish into them before.
func runResetCell(t *testing.T, kind string, c cell, id identity) {
	cfg := cellConfig(kind, c, id)
	log := &transcript{}
	sc := script{kind: kind, tls: cfg.TLS, id: id, at: c.at, fault: c.fault, log: log}
	addr := listen(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		if c.at == atBody {
			conn.(*net.TCPConn).SetReadBuffer(4096)
		}
		sc.serve(conn)
	})
	if c.at == atConnect { // nobody listens: the SYN is answered by RST
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr = l.Addr()
		l.Close()
	}
	tr := New(cfg)
	tr.dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr.String())
		if err == nil && c.at == atBody {
			conn.(*net.TCPConn).SetWriteBuffer(4096)
		}
		return conn, err
	}
	checkCell(t, tr, c, log)
}

func checkCell(t *testing.T, tr *Transport, c cell, log *transcript) {
	t.Helper()
	size := 100 << 10
	if c.fault == "RST" && c.at == atBody {
		size = 512 << 10
	}
	began := time.Now()
	got := tr.Send(t.Context(), delivery(size))
	took := time.Since(began)
	began = time.Now()
	if err := tr.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if d := time.Since(began); d > quitTimeout {
		t.Errorf("Close took %v, want at most %v", d, quitTimeout)
	}
	if got.Outcome != outcomes[c.want] {
		t.Errorf("got %v, want %s", got, c.want)
	}
	if broken := c.want == "T!"; got.Broken != broken {
		t.Errorf("broken = %v, want %v: %v", got.Broken, broken, got)
	}
	if want := wantStage(c); got.Stage != string(want) {
		t.Errorf("stage %s, want %s: %v", got.Stage, want, got)
	}
	if got.Reply == "" || len(got.Reply) > maxReplyText {
		t.Errorf("reply of %d bytes", len(got.Reply))
	}
	connections, messages := log.counts()
	wantMessages := 0
	if c.at == atDot || c.want == "A" {
		wantMessages = 1
	}
	if messages != wantMessages || connections > 1 {
		t.Errorf("the server saw %d whole messages on %d connections, want %d on 1", messages, connections, wantMessages)
	}
	checkTime(t, tr.cfg, c, took)
	t.Logf("%v after %v", got, took)
}

// wantStage is where the client notices.
func wantStage(c cell) stage {
	switch {
	case c.want == "A":
		return atDot
	case c.at == atConnect && c.fault != "hang" && c.fault != "RST":
		return atTLS // the connection stands, what comes is no TLS
	}
	return c.at
}

// checkTime: only what hangs or drips is waited for, and no longer than the
// config says.
func checkTime(t *testing.T, cfg Config, c cell, took time.Duration) {
	t.Helper()
	limit := lastWords
	switch {
	case c.fault == "slow" && c.want == "A":
		limit = 3 * time.Minute
	case c.fault == "RST":
		limit = 10 * time.Second // real time
	case c.fault != "hang" && c.fault != "slow" && c.fault != "partial, silent":
	case c.at == atConnect, c.at == atTLS:
		limit = cfg.ConnectTimeout.D() + time.Second
	case c.at == atBody:
		limit = cfg.DataTimeout.D() + time.Second
	case c.at == atDot:
		limit = cfg.ReplyTimeout.D()
	default:
		limit = cfg.CommandTimeout.D()
	}
	if took > limit {
		t.Errorf("took %v, want at most %v", took, limit)
	}
}
