package smtpout

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"ticketbridge/bridge"
)

// sink is a server by somebody else's library: what we say is understood.
type sink struct {
	mu       sync.Mutex
	got      []received // guarded by mu
	logins   int        // guarded by mu
	verdict  func(to string) error
	keep     bool // the messages, not only their number
	messages int  // guarded by mu
}

type received struct {
	from, to string
	mail     smtp.MailOptions
	rcpt     smtp.RcptOptions
	data     []byte
}

// start serves on l and ends with the test.
func (k *sink) start(t testing.TB, l net.Listener, change func(*smtp.Server)) {
	t.Helper()
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: k}, nil }))
	s.Domain = "mail.example.com"
	s.EnableDSN = true
	s.ErrorLog = log.New(io.Discard, "", 0)
	if change != nil {
		change(s)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
	})
}

// tcp starts it on a free port of loopback.
func (k *sink) tcp(t testing.TB, change func(*smtp.Server)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k.start(t, l, change)
	return l.Addr().(*net.TCPAddr).Port
}

func (k *sink) last() received {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.got[len(k.got)-1]
}

type sinkSession struct {
	*sink
	now received
}

func (s *sinkSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *sinkSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != testUser || password != testPassword {
			return smtp.ErrAuthFailed
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.logins++
		return nil
	}), nil
}

func (s *sinkSession) Mail(from string, o *smtp.MailOptions) error {
	s.now = received{from: from, mail: *o}
	return nil
}

func (s *sinkSession) Rcpt(to string, o *smtp.RcptOptions) error {
	s.now.to, s.now.rcpt = to, *o
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	var err error
	if s.keep {
		s.now.data, err = io.ReadAll(r)
	} else {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return err
	}
	if s.verdict != nil {
		if err := s.verdict(s.now.to); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages++
	if s.keep {
		s.got = append(s.got, s.now)
	}
	return nil
}

// lmtpSession gives each recipient a reply of its own.
type lmtpSession struct{ sinkSession }

func (s *lmtpSession) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	err := s.Data(r)
	status.SetStatus(s.now.to, err)
	return nil
}

func (s *sinkSession) Reset()        {}
func (s *sinkSession) Logout() error { return nil }

// TestSubmission over implicit TLS and STARTTLS, logged in: the bytes arrive,
// and with them what DSN and SIZE are for.
func TestSubmission(t *testing.T) {
	id := longLived(t)
	server := &tls.Config{Certificates: []tls.Certificate{id.cert}}
	for _, mode := range []string{"implicit", "starttls"} {
		t.Run(mode, func(t *testing.T) {
			k := &sink{keep: true}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			port := l.Addr().(*net.TCPAddr).Port
			if mode == "implicit" {
				l = tls.NewListener(l, server)
			}
			k.start(t, l, func(s *smtp.Server) { s.TLSConfig = server })
			cfg := config("127.0.0.1", port, mode, id)
			cfg.Username, cfg.Password = testUser, testPassword
			tr := New(cfg)
			defer tr.Close()
			if _, err := tr.Check(t.Context(), trialFrom, trialTo); err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{300, 22 << 10, 2 << 20} {
				d := delivery(size)
				d.Data = append(d.Data, ".\r\n.dots\r\n..\r\n"...)
				got := tr.Send(t.Context(), d)
				mustResult(t, got, bridge.Accepted, atDot)
				if got.Code != "250 2.0.0" || got.Reply == "" || got.Broken {
					t.Errorf("got %v", got)
				}
				m := k.last()
				if !bytes.Equal(m.data, d.Data) {
					t.Errorf("%d bytes arrived as %d others", len(d.Data), len(m.data))
				}
				if m.from != d.ReversePath || m.to != d.Recipient || m.mail.Size != int64(len(d.Data)) ||
					m.mail.Return != smtp.DSNReturnHeaders || m.mail.EnvelopeID != "k3x7.q2" || m.mail.Body != "" ||
					fmt.Sprint(m.rcpt.Notify) != "[FAILURE DELAY]" {
					t.Errorf("envelope %+v", m)
				}
			}
			if k.logins != 2 { // Check's and one for the three messages
				t.Errorf("%d logins", k.logins)
			}
		})
	}
}

// TestSmarthost: no login, no TLS, no extensions that we need.
func TestSmarthost(t *testing.T) {
	k := &sink{keep: true}
	port := k.tcp(t, func(s *smtp.Server) { s.EnableDSN = false })
	tr := New(config("127.0.0.1", port, "none", identity{}))
	defer tr.Close()
	d := delivery(300)
	d.Data = append(d.Data, "caf\xc3\xa9\r\n"...)
	mustResult(t, tr.Send(t.Context(), d), bridge.Accepted, atDot)
	if m := k.last(); m.mail.Body != smtp.Body8BitMIME || m.mail.Return != "" || m.mail.EnvelopeID != "" || len(m.rcpt.Notify) != 0 {
		t.Errorf("envelope %+v", m)
	}
}

func TestNo8BitMIME(t *testing.T) {
	tr := plain(t, script{log: &transcript{}}.serve)
	defer tr.Close()
	d := delivery(300)
	d.Data = append(d.Data, "caf\xc3\xa9\r\n"...)
	got := tr.Send(t.Context(), d)
	mustResult(t, got, bridge.Permanent, atMail)
	if got.Broken || got.Reply != "the message has 8-bit bytes and the server offers no 8BITMIME" {
		t.Errorf("got %v", got)
	}
	mustSend(t, tr)
}

// TestTooBig is told before a byte is sent, and the connection serves the next.
func TestTooBig(t *testing.T) {
	k := &sink{}
	port := k.tcp(t, func(s *smtp.Server) { s.MaxMessageBytes = 1000 })
	tr := New(config("127.0.0.1", port, "none", identity{}))
	defer tr.Close()
	d := delivery(2000)
	got := tr.Send(t.Context(), d)
	mustResult(t, got, bridge.Permanent, atMail)
	if want := fmt.Sprintf("the message has %d bytes, the server takes at most 1000 (SIZE)", len(d.Data)); got.Reply != want || got.Code != "" {
		t.Errorf("got %v, want %s", got, want)
	}
	mustSend(t, tr)
}

// TestSizeKeyword: a bare SIZE, or nonsense in it, is no limit (RFC 1870 §4).
func TestSizeKeyword(t *testing.T) {
	for _, ext := range []string{"SIZE", "SIZE 0", "SIZE x", "SIZE -1", "size 1000000"} {
		log := &transcript{}
		tr := plain(t, script{log: log, ext: []string{ext}}.serve)
		mustSend(t, tr)
		tr.Close()
		if want := fmt.Sprintf("MAIL FROM:<bounce+k3x7.q2@example.com> SIZE=%d", len(delivery(300).Data)); log.commands[1] != want {
			t.Errorf("%s: said %s, want %s", ext, log.commands[1], want)
		}
	}
}

// TestLMTP over TCP and a unix socket: the recipient's reply is the outcome.
func TestLMTP(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			k := &sink{keep: true, verdict: func(to string) error {
				switch {
				case strings.HasPrefix(to, "full"):
					return &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 2, 2}, Message: "mailbox full"}
				case strings.HasPrefix(to, "later"):
					return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try later"}
				}
				return nil
			}}
			host, port, addr := "127.0.0.1", 0, "127.0.0.1:0"
			if network == "unix" {
				addr = filepath.Join(t.TempDir(), "lmtp")
				host = "unix:" + addr
			}
			l, err := net.Listen(network, addr)
			if err != nil {
				t.Fatal(err)
			}
			if a, ok := l.Addr().(*net.TCPAddr); ok {
				port = a.Port
			}
			k.start(t, l, func(s *smtp.Server) {
				s.LMTP = true
				s.Network = network
				s.Backend = smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &lmtpSession{sinkSession{sink: k}}, nil })
			})
			cfg := config(host, port, "none", identity{})
			cfg.Kind = "lmtp"
			tr := New(cfg)
			defer tr.Close()
			if _, err := tr.Check(t.Context(), trialFrom, trialTo); err != nil {
				t.Fatal(err)
			}
			d := delivery(22 << 10)
			mustResult(t, tr.Send(t.Context(), d), bridge.Accepted, atDot)
			if !bytes.Equal(k.last().data, d.Data) {
				t.Error("other bytes arrived")
			}
			d.Recipient = "full@example.com"
			got := tr.Send(t.Context(), d)
			mustResult(t, got, bridge.Permanent, atDot)
			if got.Code != "552 5.2.2" {
				t.Errorf("got %v", got)
			}
			d.Recipient = "later@example.com"
			mustResult(t, tr.Send(t.Context(), d), bridge.Temporary, atDot)
			mustSend(t, tr)
		})
	}
}

// Many senders, one pool, real sockets: each message arrives once.
func TestParallel(t *testing.T) {
	k := &sink{keep: true}
	port := k.tcp(t, nil)
	tr := New(config("127.0.0.1", port, "none", identity{}))
	defer tr.Close()
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			for j := range 25 {
				d := delivery(300)
				d.Recipient = fmt.Sprintf("support-%d-%d@example.com", i, j)
				mustResult(t, tr.Send(t.Context(), d), bridge.Accepted, atDot)
			}
		})
	}
	senders.Wait()
	seen := map[string]int{}
	for _, m := range k.got {
		seen[m.to]++
	}
	if len(k.got) != 200 || len(seen) != 200 {
		t.Errorf("%d messages to %d recipients, want 200 to 200", len(k.got), len(seen))
	}
}

// BenchmarkSend is messages of 22 KB into a sink in the same process.
func BenchmarkSend(b *testing.B) {
	id := longLived(b)
	server := &tls.Config{Certificates: []tls.Certificate{id.cert}}
	for _, mode := range []string{"none", "implicit"} {
		for _, n := range []int{1, 4} {
			b.Run(fmt.Sprintf("tls=%s/connections=%d", mode, n), func(b *testing.B) {
				k := &sink{}
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				port := l.Addr().(*net.TCPAddr).Port
				if mode == "implicit" {
					l = tls.NewListener(l, server)
				}
				k.start(b, l, nil)
				cfg := config("127.0.0.1", port, mode, id)
				cfg.Connections = n
				tr := New(cfg)
				defer tr.Close()
				d := delivery(22 << 10)
				b.SetBytes(int64(len(d.Data)))
				b.ReportAllocs()
				b.ResetTimer()
				var senders sync.WaitGroup
				for i := range n {
					senders.Go(func() {
						for range (b.N + i) / n {
							if r := tr.Send(b.Context(), d); r.Outcome != bridge.Accepted {
								b.Error(r)
								return
							}
						}
					})
				}
				senders.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			})
		}
	}
}
