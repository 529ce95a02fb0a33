package smtpout

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// plain is a transport to a scripted server without TLS and login.
func plain(t testing.TB, serve func(net.Conn)) *Transport {
	t.Helper()
	tr := New(config("mail.example.com", 0, "none", identity{}))
	tr.dial = pipeDial(t, serve)
	return tr
}

func mustSend(t testing.TB, tr *Transport) {
	t.Helper()
	mustResult(t, tr.Send(t.Context(), delivery(300)), bridge.Accepted, atDot)
}

func TestOneConnectionForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		tr := plain(t, script{log: log}.serve)
		for range 3 {
			mustSend(t, tr)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		want := "EHLO MAIL RCPT DATA MAIL RCPT DATA MAIL RCPT DATA QUIT"
		if got := log.verbs(); got != want || log.accepted != 1 {
			t.Errorf("got %s on %d connections, want %s on 1", got, log.accepted, want)
		}
	})
}

func TestIdleConnectionSaysQuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		tr := plain(t, script{log: log}.serve)
		mustSend(t, tr)
		time.Sleep(29 * time.Second)
		mustSend(t, tr) // in time: the same connection, and the clock begins anew
		time.Sleep(29 * time.Second)
		synctest.Wait()
		if strings.HasSuffix(log.verbs(), "QUIT") {
			t.Fatal("quit before its time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := log.verbs(); !strings.HasSuffix(got, "DATA QUIT") || log.accepted != 1 {
			t.Fatalf("got %s on %d connections", got, log.accepted)
		}
		mustSend(t, tr)
		if log.accepted != 2 {
			t.Errorf("%d connections, want a second", log.accepted)
		}
		tr.Close()
	})
}

// TestStaleConnection: whatever ended an idle connection, the message goes out
// on a new one, within the same attempt, and once.
func TestStaleConnection(t *testing.T) {
	for name, last := range map[string]string{
		"closed": "",
		"421":    "421 4.4.2 idle too long\r\n",
		"part":   "42",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &transcript{}
				var first net.Conn
				tr := plain(t, func(conn net.Conn) {
					if first == nil {
						first = conn
					}
					script{log: log}.serve(conn)
				})
				mustSend(t, tr)
				first.Write([]byte(last))
				first.Close()
				mustSend(t, tr)
				tr.Close()
				if log.accepted != 2 || len(log.messages) != 2 {
					t.Errorf("%d connections, %d messages; want 2, 2", log.accepted, len(log.messages))
				}
			})
		})
	}
}

// A fresh connection that does the same is a failure, not a reason for a third.
func TestOnlyOneReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		connections := 0
		var first net.Conn
		tr := plain(t, func(conn net.Conn) {
			sc := script{log: log}
			if connections++; connections == 1 {
				first = conn
			} else {
				sc.at, sc.fault = atMail, "421"
			}
			sc.serve(conn)
		})
		mustSend(t, tr)
		first.Close()
		got := tr.Send(t.Context(), delivery(300))
		mustResult(t, got, bridge.Temporary, atMail)
		if got.Code != "421 4.3.2" || got.Broken || connections != 2 {
			t.Errorf("got %v, broken %v, on %d connections", got, got.Broken, connections)
		}
		tr.Close()
	})
}

// A server that says nothing to MAIL is waited for, once.
func TestSilentReusedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		sends := 0
		tr := plain(t, func(conn net.Conn) {
			sc := script{log: log}
			sc.raw, sc.conn = conn, conn
			// A good server that hangs at the second MAIL.
			sc.hook = func(line string) bool {
				if strings.HasPrefix(line, "MAIL") {
					sends++
				}
				if sends < 2 {
					return true
				}
				conn.(*pipeConn).wait()
				return false
			}
			sc.serve(conn)
		})
		mustSend(t, tr)
		began := time.Now()
		mustResult(t, tr.Send(t.Context(), delivery(300)), bridge.Temporary, atMail)
		if took := time.Since(began); took != 5*time.Minute || log.accepted != 1 {
			t.Errorf("took %v on %d connections", took, log.accepted)
		}
		tr.Close()
	})
}

// TestResetAfterRefusal: the connection stays of use, after RSET.
func TestResetAfterRefusal(t *testing.T) {
	for _, at := range []stage{atMail, atRcpt, atData, atDot} {
		t.Run(string(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &transcript{}
				tr := plain(t, func(conn net.Conn) {
					script{log: log, at: at, fault: "5yz", once: true}.serve(conn)
				})
				got := tr.Send(t.Context(), delivery(300))
				mustResult(t, got, bridge.Permanent, at)
				if got.Code != "554 5.3.0" || got.Reply != "never" {
					t.Errorf("code %q reply %q", got.Code, got.Reply)
				}
				mustSend(t, tr)
				mustSend(t, tr)
				tr.Close()
				if v := log.verbs(); log.accepted != 1 || strings.Count(v, "RSET MAIL RCPT DATA MAIL RCPT DATA QUIT") != 1 || strings.Count(v, "RSET") != 1 {
					t.Errorf("got %s on %d connections", v, log.accepted)
				}
			})
		})
	}
}

// A server that refuses RSET, as some refuse everything once they are cross,
// loses the connection and not the message.
func TestRefusedReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		tr := plain(t, func(conn net.Conn) {
			sc := script{log: log, at: atRcpt, fault: "4yz"}
			if log.accepted > 0 {
				sc.fault = ""
			}
			sc.raw, sc.conn = conn, conn
			sc.hook = func(line string) bool { return line != "RSET" || sc.say("554 5.5.1 no more\r\n") && false }
			sc.serve(conn)
		})
		mustResult(t, tr.Send(t.Context(), delivery(300)), bridge.Temporary, atRcpt)
		mustSend(t, tr)
		if log.accepted != 2 {
			t.Errorf("%d connections, want 2", log.accepted)
		}
		tr.Close()
	})
}

func TestAtMostSoManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		var mu sync.Mutex
		open, most := 0, 0
		tr := plain(t, func(conn net.Conn) {
			mu.Lock()
			open++
			most = max(most, open)
			mu.Unlock()
			script{log: log, pace: time.Second}.serve(conn)
			mu.Lock()
			open--
			mu.Unlock()
		})
		var senders sync.WaitGroup
		for range 40 {
			senders.Go(func() { mustSend(t, tr) })
		}
		senders.Wait()
		time.Sleep(time.Minute) // idle ones leave; then it begins again
		for range 8 {
			senders.Go(func() { mustSend(t, tr) })
		}
		senders.Wait()
		tr.Close()
		if most != 4 || log.accepted != 8 || len(log.messages) != 48 {
			t.Errorf("%d at a time, %d connections, %d messages; want 4, 8, 48", most, log.accepted, len(log.messages))
		}
	})
}

// TestCloseIsQuick: idle servers that do not answer QUIT cost five seconds in
// all, and one that is closed takes messages no more into its pool.
func TestCloseIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		tr := plain(t, script{log: log, at: atQuit, fault: "hang", pace: time.Second}.serve)
		var senders sync.WaitGroup
		for range 4 {
			senders.Go(func() { mustSend(t, tr) })
		}
		senders.Wait()
		began := time.Now()
		tr.Close()
		if took := time.Since(began); took != quitTimeout || log.accepted != 4 {
			t.Errorf("took %v for %d connections", took, log.accepted)
		}
		mustSend(t, tr)
		if len(tr.idle) != 0 {
			t.Error("a connection was kept after Close")
		}
		began = time.Now()
		tr.Close()
		if time.Since(began) != 0 {
			t.Error("nothing to close, yet it took time")
		}
	})
}

// TestCancelBeforeBody cuts the attempt at once, at each stage.
func TestCancelBeforeBody(t *testing.T) {
	id := longLived(t)
	for _, at := range []stage{atConnect, atTLS, atBanner, atEHLO, atAuth, atMail, atRcpt, atData} {
		t.Run(string(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &transcript{}
				c := cell{at, "hang", "T"}
				tr := New(cellConfig("smtp", c, id))
				tr.dial = pipeDial(t, script{tls: tr.cfg.TLS, id: id, at: at, fault: "hang", log: log}.serve)
				if at == atConnect {
					tr.dial = func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(errors.New("the daemon stops")) })
				began := time.Now()
				got := tr.Send(ctx, delivery(300))
				mustResult(t, got, bridge.Temporary, at)
				if got.Broken || got.Reply != "stopped: the daemon stops" || time.Since(began) != 10*time.Second {
					t.Errorf("got %v, broken %v, after %v", got, got.Broken, time.Since(began))
				}
				tr.Close()
			})
		})
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := plain(t, script{log: &transcript{}, pace: time.Minute}.serve)
		tr.slots = make(chan struct{}, 1)
		var first sync.WaitGroup
		first.Go(func() { mustSend(t, tr) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := tr.Send(ctx, delivery(300))
		mustResult(t, got, bridge.Temporary, atConnect)
		mustHold(t, got.Reply, "stopped")
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		mustResult(t, tr.Send(ctx, delivery(300)), bridge.Temporary, atConnect)
		first.Wait()
		tr.Close()
	})
}

// TestCancelInBody: a stop waits for the message that is on its way.
func TestCancelInBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &transcript{}
		ctx, cancel := context.WithCancel(t.Context())
		tr := plain(t, func(conn net.Conn) {
			// Reads on after 40 KB when the context is long cancelled.
			sc := script{log: log, at: atBody, fault: "pause"}
			sc.pause = func() { cancel(); time.Sleep(time.Minute) }
			sc.serve(conn)
		})
		d := delivery(100 << 10)
		got := tr.Send(ctx, d)
		mustResult(t, got, bridge.Accepted, atDot)
		if ctx.Err() == nil || !bytes.Equal(log.messages[0], append(bytes.Clone(d.Data), dot...)) {
			t.Error("the message did not arrive whole after the cancellation")
		}
		tr.Close()
	})
}

// TestDeadline: one that passes cuts the body, which is temporary, and the wait
// for the reply, which is in doubt.
func TestDeadline(t *testing.T) {
	for _, tc := range []struct {
		at   stage
		want bridge.Outcome
	}{{atBody, bridge.Temporary}, {atDot, bridge.InDoubt}} {
		for _, how := range []string{"deadline", "cause"} {
			t.Run(string(tc.at)+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					log := &transcript{}
					tr := plain(t, script{log: log, at: tc.at, fault: "hang"}.serve)
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					if how == "cause" {
						var cause context.CancelCauseFunc
						ctx, cause = context.WithCancelCause(t.Context())
						time.AfterFunc(20*time.Second, func() { cause(context.DeadlineExceeded) })
					}
					defer cancel()
					began := time.Now()
					got := tr.Send(ctx, delivery(100<<10))
					mustResult(t, got, tc.want, tc.at)
					if took := time.Since(began); took < 20*time.Second || took > 20*time.Second+lastWords {
						t.Errorf("took %v: %v", took, got)
					}
					mustHold(t, got.Reply, "cut by the attempt's deadline")
					tr.Close()
				})
			})
		}
	}
}

// TestAttemptLimit: a server that takes its time over everything, and never too
// much, is left alone after a quarter of an hour; the reply to the dot is still
// waited for in full.
func TestAttemptLimit(t *testing.T) {
	id := longLived(t)
	for _, tc := range []struct {
		name string
		sc   script
		want bridge.Outcome
		at   stage
		took time.Duration
	}{
		{"replies", script{pace: 4*time.Minute + 50*time.Second}, bridge.Temporary, atRcpt, attemptLimit},
		{"body", script{at: atBody, fault: "drip"}, bridge.Temporary, atBody, attemptLimit},
		{"the dot is in time", script{pace: 150 * time.Second, at: atDot, fault: "pause", pause: func() { time.Sleep(11 * time.Minute) }}, bridge.Accepted, atDot, 23*time.Minute + 30*time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sc := tc.sc
				sc.log, sc.id, sc.tls = &transcript{}, id, "implicit"
				cfg := config("mail.example.com", 0, "implicit", id)
				cfg.Username, cfg.Password = testUser, testPassword
				tr := New(cfg)
				tr.dial = pipeDial(t, sc.serve)
				began := time.Now()
				got := tr.Send(t.Context(), delivery(1<<20))
				mustResult(t, got, tc.want, tc.at)
				if took := time.Since(began); took < tc.took || took > tc.took+lastWords {
					t.Errorf("took %v, want %v: %v", took, tc.took, got)
				}
				if tc.took == attemptLimit && !strings.Contains(got.Reply, "15m0s") {
					t.Errorf("got %v", got)
				}
				tr.Close()
			})
		})
	}
}
