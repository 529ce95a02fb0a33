package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStopDuringDATA: R18. SIGTERM while the server takes its time over a message:
// the message is let finish and recorded as sent; a server that takes too long for
// that is not waited for beyond the deadline, and the message is in doubt.
func TestStopDuringDATA(t *testing.T) {
	for _, tt := range []struct {
		name  string
		takes time.Duration // from SIGTERM to the reply
		state string        // as the stopped daemon leaves it, then after a start
		after string
	}{
		{"in time", 4 * time.Second, "sent", "sent"},
		{"too late", time.Minute, "sending", "doubt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "sqlite")
			slow := newSlowServer(t)
			w.sink = &sink{ln: slow.ln}
			daemon := w.start(t, "")
			w.ann.Deliver(t, firstQuestion.mail())
			select {
			case <-slow.body: // DATA is under way
			case <-time.After(20 * time.Second):
				t.Fatal("nothing was sent")
			}
			began := time.Now()
			daemon.cmd.Process.Signal(syscall.SIGTERM)
			reply := time.AfterFunc(tt.takes, func() { close(slow.reply) })
			<-daemon.done
			took := time.Since(began)
			if took > 11*time.Second {
				t.Errorf("stopped after %v, want 10 s at most", took)
			}
			if tt.state == "sent" && took < tt.takes {
				t.Errorf("stopped after %v, before the reply", took)
			}
			if got := w.states(t, "deliveries"); got[tt.state] != 1 {
				t.Errorf("deliveries %v, want one %s", got, tt.state)
			}
			if reply.Stop() {
				close(slow.reply)
			}
			daemon = w.start(t, "")
			eventually(t, tt.after, func() bool { return w.states(t, "deliveries")[tt.after] == 1 })
			daemon.stop(t)
		})
	}
}

// slowServer is an SMTP server that takes one message and waits with its reply.
type slowServer struct {
	ln    net.Listener
	body  chan struct{} // closed when the dot has come
	reply chan struct{} // closed by the test
}

func newSlowServer(t *testing.T) *slowServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &slowServer{ln: ln, body: make(chan struct{}), reply: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c, err := ln.Accept(); err == nil; c, err = ln.Accept() {
			s.serve(c)
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return s
}

func (s *slowServer) serve(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 slow.test\r\n")
	data := false
	for lines := bufio.NewScanner(c); lines.Scan(); {
		line := lines.Text()
		switch {
		case data && line == ".":
			data = false
			close(s.body)
			<-s.reply
		case data:
			continue
		case line == "DATA":
			data = true
			fmt.Fprint(c, "354 go on\r\n")
			continue
		case strings.HasPrefix(line, "QUIT"):
			fmt.Fprint(c, "221 bye\r\n")
			return
		}
		fmt.Fprint(c, "250 slow.test\r\n")
	}
}
