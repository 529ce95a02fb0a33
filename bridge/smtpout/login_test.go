package smtpout

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// checked returns what Check says of a scripted server, and Send's result.
func checked(t *testing.T, cfg Config, serve func(net.Conn)) (bridge.Result, error) {
	t.Helper()
	tr := New(cfg)
	tr.dial = pipeDial(t, serve)
	defer tr.Close()
	_, err := tr.Check(t.Context(), trialFrom, trialTo)
	return tr.Send(t.Context(), delivery(300)), err
}

// TestCheckExplains: one line that says where, what, and what would be right;
// and Send comes to the same, temporary, with the transport broken.
func TestCheckExplains(t *testing.T) {
	id, other := longLived(t), longLived(t)
	expired := newIdentity(t, time.Date(1998, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))
	user := func(c *Config) { c.Username, c.Password = testUser, testPassword }
	for _, tc := range []struct {
		name string
		tls  string
		id   identity
		set  func(*Config)
		sc   script
		at   stage
		want []string
	}{
		{"no STARTTLS", "starttls", id, user, script{tls: "none"}, atTLS,
			[]string{`mail.example.com:587: server offers no STARTTLS; tls = "starttls" requires it`}},
		{"STARTTLS refused", "starttls", id, user, script{at: atTLS, fault: "4yz"}, atTLS,
			[]string{"mail.example.com:587: refused at tls: 451 4.3.0 try again later"}},
		{"plain text on the TLS port", "implicit", id, user, script{tls: "starttls"}, atTLS,
			[]string{"mail.example.com:465: TLS: ", `wants tls = "starttls"`}},
		{"TLS on the plain port", "starttls", id, user, script{tls: "implicit"}, atBanner,
			[]string{"mail.example.com:587: no answer in time (banner) (a port that expects TLS from the start wants tls = \"implicit\")"}},
		{"unknown authority", "implicit", other, user, script{}, atTLS,
			[]string{"mail.example.com:465: TLS: ", "unknown authority", "set ca_file"}},
		{"expired", "implicit", expired, user, script{id: expired}, atTLS,
			[]string{"mail.example.com:465: TLS: ", "expired"}},
		{"another name", "implicit", id, func(c *Config) { user(c); c.Host = "smtp.example.com" }, script{}, atTLS,
			[]string{"smtp.example.com:465: TLS: ", "valid for mail.example.com, not smtp.example.com", "host must be a name"}},
		{"no AUTH", "implicit", id, user, script{auth: "-"}, atAuth,
			[]string{"mail.example.com:465: server offers no AUTH; leave username out"}},
		{"no mechanism of ours", "implicit", id, user, script{auth: "CRAM-MD5 GSSAPI"}, atAuth,
			[]string{`mail.example.com:465: server offers AUTH "CRAM-MD5 GSSAPI"; want PLAIN or LOGIN`}},
		{"wrong password", "implicit", id, func(c *Config) { user(c); c.Password = "wrong" }, script{}, atAuth,
			[]string{"mail.example.com:465: login refused: 535 5.7.8 no (check username and password)"}},
		{"wrong password by PLAIN", "implicit", id, func(c *Config) { user(c); c.Password = "wrong" }, script{auth: "PLAIN"}, atAuth,
			[]string{"mail.example.com:465: login refused: 535 5.7.8 no (check username and password)"}},
		{"busy", "implicit", id, user, script{at: atBanner, fault: "421"}, atBanner,
			[]string{"mail.example.com:465: refused at banner: 421 4.3.2 closing"}},
		{"gone", "implicit", id, user, script{at: atEHLO, fault: "EOF"}, atEHLO,
			[]string{"mail.example.com:465: the server closed the connection"}},
		{"silent", "implicit", id, user, script{at: atEHLO, fault: "hang"}, atEHLO,
			[]string{"mail.example.com:465: no answer in time (ehlo)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sc := tc.sc
				sc.log = &transcript{}
				if sc.tls == "" {
					sc.tls = tc.tls
				}
				if sc.id.caFile == "" {
					sc.id = id
				}
				cfg := config("mail.example.com", 0, tc.tls, tc.id)
				tc.set(&cfg)
				got, err := checked(t, cfg, sc.serve)
				if err == nil {
					t.Fatal("nothing found")
				}
				mustHold(t, err.Error(), tc.want...)
				if strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), string(cfg.Password)) {
					t.Errorf("%q: not one line, or it tells the password", err)
				}
				mustResult(t, got, bridge.Temporary, tc.at)
				if !got.Broken {
					t.Errorf("%v: not broken", got)
				}
			})
		})
	}
}

func TestCheck(t *testing.T) {
	id := longLived(t)
	for _, mode := range []string{"implicit", "starttls"} {
		for _, auth := range []string{"PLAIN", "LOGIN", "GSSAPI plain", "XOAUTH2 LOGIN PLAIN"} {
			t.Run(mode+"/"+auth, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					log := &transcript{}
					cfg := config("mail.example.com", 0, mode, id)
					cfg.Username, cfg.Password = testUser, testPassword
					got, err := checked(t, cfg, script{tls: mode, id: id, auth: auth, log: log}.serve)
					if err != nil {
						t.Fatal(err)
					}
					mustResult(t, got, bridge.Accepted, atDot)
					want := "EHLO AUTH MAIL RCPT RSET QUIT EHLO AUTH MAIL RCPT DATA QUIT"
					if mode == "starttls" {
						want = strings.ReplaceAll(want, "EHLO", "EHLO STARTTLS EHLO")
					}
					if got := log.verbs(); got != want {
						t.Errorf("got %s, want %s", got, want)
					}
				})
			})
		}
	}
}

func TestCheckUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	_, err = New(config("127.0.0.1", port, "implicit", identity{})).Check(t.Context(), trialFrom, trialTo)
	if want := fmt.Sprintf("127.0.0.1:%d: connect: connection refused", port); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = New(config("no-such-host.invalid", 465, "implicit", identity{})).Check(t.Context(), trialFrom, trialTo)
	if err == nil || !strings.HasPrefix(err.Error(), "no-such-host.invalid:465: lookup no-such-host.invalid") {
		t.Errorf("got %v", err)
	}
	cfg := config("unix:"+t.TempDir()+"/lmtp", 0, "none", identity{})
	cfg.Kind = "lmtp"
	_, err = New(cfg).Check(t.Context(), trialFrom, trialTo)
	if err == nil || !strings.HasSuffix(err.Error(), "/lmtp: connect: no such file or directory") {
		t.Errorf("got %v", err)
	}
}

// TestPasswordStaysHome: no way to a stranger's server makes it say AUTH in the
// clear. The peer's address decides, so a name that leads elsewhere does not help.
func TestPasswordStaysHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		cfg := config("localhost", 0, "none", identity{})
		cfg.Username, cfg.Password = testUser, testPassword
		got, err := checked(t, cfg, script{log: log}.serve)
		if err == nil {
			t.Fatal("nothing found")
		}
		mustHold(t, err.Error(), "localhost:25: no login without TLS to 192.0.2.2:465, which is not this machine")
		mustResult(t, got, bridge.Temporary, atAuth)
		if got := log.verbs(); got != "EHLO EHLO" {
			t.Errorf("said %s", got)
		}
	})
}

// TestLoopbackLogin: on this machine nobody listens in.
func TestLoopbackLogin(t *testing.T) {
	log := &transcript{}
	serve := func(conn net.Conn) { script{log: log}.serve(conn) }
	tcp := listen(t, "tcp", "127.0.0.1:0", serve).(*net.TCPAddr)
	socket := listen(t, "unix", t.TempDir()+"/smtp", serve)
	for _, cfg := range []Config{
		config("127.0.0.1", tcp.Port, "none", identity{}),
		config("unix:"+socket.String(), 0, "none", identity{}),
	} {
		cfg.Username, cfg.Password = testUser, testPassword
		tr := New(cfg)
		if _, err := tr.Check(t.Context(), trialFrom, trialTo); err != nil {
			t.Error(err)
		}
		tr.Close()
	}
}

// TestInjection: what a man in the middle puts behind the reply to STARTTLS is
// not taken for the server's, and nothing more is said (T16).
func TestInjection(t *testing.T) {
	id := longLived(t)
	for _, injected := range []string{"250-mail.example.com\r\n250 AUTH PLAIN\r\n", "250 x\r\n", "2"} {
		synctest.Test(t, func(t *testing.T) {
			log := &transcript{}
			cfg := config("mail.example.com", 0, "starttls", id)
			cfg.Username, cfg.Password = testUser, testPassword
			serve := func(conn net.Conn) {
				sc := script{tls: "starttls", id: id, log: log}
				sc.hook = func(line string) bool {
					if line == "STARTTLS" {
						conn.Write([]byte("220 2.0.0 ready\r\n" + injected))
						conn.(*pipeConn).wait()
						return false
					}
					return true
				}
				sc.serve(conn)
			}
			got, err := checked(t, cfg, serve)
			if err == nil {
				t.Fatal("nothing found")
			}
			mustHold(t, err.Error(), "mail.example.com:587: bytes in the clear behind the reply to STARTTLS")
			mustResult(t, got, bridge.Temporary, atTLS)
			if v := log.verbs(); v != "EHLO STARTTLS EHLO STARTTLS" {
				t.Errorf("said %s", v)
			}
		})
	}
}

// TestHostileAuth: a server that asks for ever, or nonsense, gets no further.
func TestHostileAuth(t *testing.T) {
	id := longLived(t)
	for _, tc := range []struct{ mechs, reply, want string }{
		{"LOGIN", "334 \r\n", "unexpected server challenge"},
		{"PLAIN", "334 \r\n", "unexpected server challenge"},
		{"LOGIN", "334 %%%\r\n", "challenge is no base64"},
		{"PLAIN", "250 ok\r\n", `unexpected reply "250 ok"`},
		{"PLAIN", "354 go\r\n", `unexpected reply "354 go"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config("mail.example.com", 0, "implicit", id)
			cfg.Username, cfg.Password = testUser, testPassword
			serve := func(conn net.Conn) {
				sc := script{tls: "implicit", id: id, log: &transcript{}, auth: tc.mechs}
				sc.other = tc.reply // to AUTH, and to every line after it
				sc.serve(conn)
			}
			_, err := checked(t, cfg, serve)
			if err == nil {
				t.Fatal("nothing found")
			}
			mustHold(t, err.Error(), tc.want)
		})
	}
}

// TestHelloName: what we call ourselves is a name or an address literal.
func TestHelloName(t *testing.T) {
	got := make(chan string, 1)
	addr := listen(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		fmt.Fprint(conn, "220 hi\r\n")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		got <- strings.TrimSuffix(line, "\r\n")
	}).(*net.TCPAddr)
	cfg := config("127.0.0.1", addr.Port, "none", identity{})
	cfg.Hello = ""
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	New(cfg).Check(ctx, trialFrom, trialTo)
	verb, name, _ := strings.Cut(<-got, " ")
	if verb != "EHLO" || !isAddressLiteral(name) && !strings.Contains(name, ".") || strings.ContainsAny(name, " <>") {
		t.Errorf("said %s %s", verb, name)
	}
}
