package imaplink

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// testTLS returns a server's side of TLS for 127.0.0.1 and its CA's file.
func testTLS(t *testing.T) (*tls.Config, string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: s.TLS.Certificates}, file
}

// wiretap keeps what the client sent in plain text.
type wiretap struct {
	net.Conn
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *wiretap) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.b.Write(p)
	w.mu.Unlock()
	return w.Conn.Write(p)
}

// server is one side of a conversation in a test.
type server struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (s *server) say(text string) {
	if _, err := s.conn.Write([]byte(text)); err != nil {
		s.t.Logf("server: %v", err)
	}
}

// hear reads the client's next line, "" when it hung up.
func (s *server) hear() string {
	line, err := s.r.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimRight(line, "\r\n")
}

// secure takes the server's side of the handshake.
func (s *server) secure(cfg *tls.Config) bool {
	tc := tls.Server(s.conn, cfg)
	if err := tc.Handshake(); err != nil {
		return false
	}
	s.conn, s.r = tc, bufio.NewReader(tc)
	return true
}

// answer serves the client until it hangs up: tagged OK to everything.
func (s *server) answer(caps string) (heard []string) {
	for line := s.hear(); line != ""; line = s.hear() {
		heard = append(heard, line)
		tag, cmd, _ := strings.Cut(line, " ")
		if strings.HasPrefix(cmd, "CAPABILITY") {
			s.say("* CAPABILITY " + caps + "\r\n")
		}
		s.say(tag + " OK done\r\n")
	}
	return heard
}

// talk connects to a server that plays its part, and returns how that went, what
// the client said in plain text, and how long it took.
func talk(t *testing.T, cfg Config, play func(s *server)) (plain string, took time.Duration, err error) {
	t.Helper()
	a, b := net.Pipe()
	tap := &wiretap{Conn: a}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		play(&server{t, b, bufio.NewReader(b)})
		b.Close()
	}()
	began := time.Now()
	l, err := Open(t.Context(), cfg, func(context.Context, bridge.Endpoint, time.Duration) (net.Conn, error) { return tap, nil })
	took = time.Since(began)
	if err == nil {
		l.Close()
	}
	a.Close()
	<-ended
	tap.mu.Lock()
	defer tap.mu.Unlock()
	return tap.b.String(), took, err
}

func TestSTARTTLS(t *testing.T) {
	good, ca := testTLS(t)
	old := good.Clone()
	old.MaxVersion = tls.VersionTLS11
	const caps = "IMAP4rev1 AUTH=PLAIN"
	for _, tc := range []struct {
		name string
		play func(s *server)
		ca   string
		host string
		want string // in the error; "" if it works
	}{
		{"good", func(s *server) {
			s.say("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n")
			s.say(firstWord(s.hear()) + " OK go ahead\r\n")
			if s.secure(good) {
				s.answer(caps)
			}
		}, ca, "", ""},
		{"not offered", func(s *server) {
			s.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
			s.say(firstWord(s.hear()) + " BAD unknown command\r\n")
			s.answer(caps)
		}, ca, "", "refuses: BAD unknown command"},
		{"NO", func(s *server) {
			s.say("* OK ready\r\n")
			s.say(firstWord(s.hear()) + " NO TLS is not ready\r\n")
			s.answer(caps)
		}, ca, "", "refuses: NO TLS is not ready"},
		{"PREAUTH", func(s *server) {
			s.say("* PREAUTH you are mallory\r\n")
			s.answer(caps)
		}, ca, "", `greets with "* PREAUTH`},
		{"BYE", func(s *server) { s.say("* BYE go away\x1b[0m\r\n") }, ca, "", `greets with "* BYE go away [0m"`},
		{"injected with the OK", func(s *server) {
			s.say("* OK ready\r\n")
			s.say(firstWord(s.hear()) + " OK go ahead\r\n* PREAUTH injected\r\n")
			if s.secure(good) {
				s.answer(caps)
			}
		}, ca, "", "20 bytes in plain text after the server's OK"},
		{"injected after the OK", func(s *server) {
			s.say("* OK ready\r\n")
			s.say(firstWord(s.hear()) + " OK go ahead\r\n")
			s.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] injected\r\n")
			s.answer(caps)
		}, ca, "", "STARTTLS with 127.0.0.1:143"},
		{"injected capabilities before the OK", func(s *server) {
			s.say("* OK ready\r\n")
			tag := firstWord(s.hear())
			s.say("* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n" + tag + " OK [CAPABILITY IMAP4rev1 LOGINDISABLED] go\r\n")
			if s.secure(good) {
				s.answer(caps)
			}
		}, ca, "", ""},
		{"LOGINDISABLED in TLS", func(s *server) {
			s.say("* OK ready\r\n")
			s.say(firstWord(s.hear()) + " OK go\r\n")
			if s.secure(good) {
				if heard := s.answer("IMAP4rev1 LOGINDISABLED"); len(heard) != 1 {
					s.t.Errorf("the client said %q", heard)
				}
			}
		}, ca, "", "LOGINDISABLED"},
		{"unknown CA", func(s *server) {
			s.say("* OK ready\r\n")
			s.say(firstWord(s.hear()) + " OK go\r\n")
			s.secure(good)
		}, "", "", "unknown authority"},
		{"wrong host", func(s *server) {
			s.say("* OK ready\r\n")
			s.say(firstWord(s.hear()) + " OK go\r\n")
			s.secure(good)
		}, ca, "imap.example.net", "imap.example.net"},
		{"TLS 1.1", func(s *server) {
			s.say("* OK ready\r\n")
			s.say(firstWord(s.hear()) + " OK go\r\n")
			s.secure(old)
		}, ca, "", "protocol version"},
		{"silent", func(s *server) {
			s.say("* OK ready\r\n")
			s.hear()
			s.hear()
		}, ca, "", "timeout"},
		{"silent in the handshake", func(s *server) {
			s.say("* OK ready\r\n")
			s.say(firstWord(s.hear()) + " OK go\r\n")
			for {
				if _, err := s.r.ReadByte(); err != nil {
					return
				}
			}
		}, ca, "", "timeout"},
		{"talks without end", func(s *server) {
			s.say("* OK ready\r\n")
			s.hear()
			for range 200 {
				s.say("* OK still thinking\r\n")
			}
		}, ca, "", "talks, but does not answer"},
		{"endless line", func(s *server) { s.say("* OK " + strings.Repeat("x", 100_000)) }, ca, "", "buffer full"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig()
				cfg.TLS, cfg.Port, cfg.CAFile = "starttls", 143, tc.ca
				if tc.host != "" {
					cfg.Host = tc.host
				}
				// The certificates of httptest are valid from 1970 to 2084.
				plain, took, err := talk(t, cfg, tc.play)
				if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
					t.Errorf("error %v, want %q", err, tc.want)
				}
				for _, never := range []string{"secret", "AUTHENTICATE", "LOGIN", "AGFub"} {
					if strings.Contains(plain, never) {
						t.Errorf("in plain text: %q", plain)
					}
				}
				if took > cfg.Timeout {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// go-imap gets lost: its goroutine is given up, the mailbox is not.
func TestHungClient(t *testing.T) {
	for _, stop := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a, b := net.Pipe()
			defer b.Close()
			go (&server{t, b, bufio.NewReader(b)}).say("* OK [CAPABILITY IMAP4rev1] hi\r\n")
			l := newLink(ctx, testConfig(), a, false)
			never := make(chan struct{})
			if stop {
				time.AfterFunc(time.Second, cancel)
			}
			began := time.Now()
			err := l.Do("think", 0, func() error { <-never; return nil })
			l.Close()
			want := 5*time.Minute + hungGrace
			if stop {
				want = time.Second + StopGrace + hungGrace
			}
			if took := time.Since(began); !strings.Contains(err.Error(), "does not come back") || took != want {
				t.Errorf("%v after %v, want %v", err, took, want)
			}
			if err := l.Do("think again", 0, nil); err == nil {
				t.Error("it is used again")
			}
			close(never)
		})
	}
}

func TestLogin(t *testing.T) {
	for _, tc := range []struct {
		name string
		play func(s *server)
		want string
		auth bool // it is the credentials that are refused
	}{
		{"AUTHENTICATE PLAIN with initial response", func(s *server) {
			s.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n")
			if line := s.hear(); !strings.HasSuffix(line, "AUTHENTICATE PLAIN AGFubkBleGFtcGxlLmNvbQBzZWNyZXQ=") {
				s.t.Errorf("client says %q", line)
			}
			s.say("T1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n")
			s.answer("IMAP4rev1 IDLE")
		}, "", false},
		{"AUTHENTICATE PLAIN", func(s *server) {
			s.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n")
			s.hear()
			s.say("+ \r\n")
			if line := s.hear(); line != "AGFubkBleGFtcGxlLmNvbQBzZWNyZXQ=" {
				s.t.Errorf("client says %q", line)
			}
			s.say("T1 OK in\r\n")
			s.answer("IMAP4rev1 IDLE")
		}, "", false},
		{"LOGIN", func(s *server) {
			s.say("* OK [CAPABILITY IMAP4rev1] hi\r\n")
			if line := s.hear(); !strings.HasSuffix(line, `LOGIN "ann@example.com" "secret"`) {
				s.t.Errorf("client says %q", line)
			}
			s.say("T1 OK in\r\n")
			s.answer("IMAP4rev1 IDLE")
		}, "", false},
		{"LOGINDISABLED", func(s *server) {
			s.say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] hi\r\n")
			if line := s.hear(); line != "" {
				s.t.Errorf("client says %q", line)
			}
		}, "LOGINDISABLED", true},
		{"NO", func(s *server) {
			s.say("* OK [CAPABILITY IMAP4rev1] hi\r\n")
			s.hear()
			s.say("T1 NO wrong\r\n")
			if line := s.hear(); line != "" {
				s.t.Errorf("after a refused login the client says %q", line)
			}
		}, "log in as ann@example.com: the server says NO wrong", true},
		{"NO, but not ours", func(s *server) {
			s.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n")
			s.hear()
			s.say("T1 NO [UNAVAILABLE] Temporary authentication failure.\r\n")
		}, "UNAVAILABLE", false},
		{"PREAUTH", func(s *server) {
			s.say("* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n")
			for _, line := range s.answer("IMAP4rev1 IDLE") {
				if strings.Contains(line, "LOGIN") {
					s.t.Errorf("client says %q", line)
				}
			}
		}, "", false},
		{"BYE", func(s *server) { s.say("* BYE too many connections\r\n") }, "too many connections", false},
		{"not IMAP", func(s *server) { s.say("SSH-2.0-OpenSSH_9.2\r\n") }, "greeting: ", false},
		{"nothing", func(s *server) { s.hear() }, "greeting: the server does not answer", false},
		{"hangs up", func(s *server) {}, "greeting: the server closed the connection", false},
		{"no capabilities", func(s *server) {
			s.say("* OK hi\r\n")
			s.hear()
			s.say("T1 BAD none of your business\r\n")
		}, "greeting: ", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, err := talk(t, testConfig(), tc.play)
				if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
					t.Errorf("error %v, want %q", err, tc.want)
				}
				if _, refused := errors.AsType[*RefusedLogin](err); refused != tc.auth {
					t.Errorf("a refused login: %v", refused)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("the password is in %q", err)
				}
			})
		})
	}
}

func testConfig() Config {
	return Config{
		Endpoint:    bridge.Endpoint{Host: "127.0.0.1", Port: 1143, TLS: "none"},
		Credentials: bridge.Credentials{Username: "ann@example.com", Password: "secret"},
		Timeout:     time.Minute, MaxLiteral: 26e6,
	}
}
