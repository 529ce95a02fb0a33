package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test binary the program: signals and exit codes are a
// process's.
const asProgram = "TICKETBRIDGE_TEST_AS_PROGRAM"

// process is a running `ticketbridge`.
type process struct {
	*exec.Cmd
	out  *lockedBuffer
	done chan error
}

func startProcess(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...), out: &lockedBuffer{}, done: make(chan error, 1)}
	p.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	p.Stdout, p.Stderr = p.out, p.out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.Wait() }()
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// ends waits for the process and returns its exit code; -1: killed by a signal.
func (p *process) ends(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("did not end within %s:\n%s", within, p.out)
		return 0
	}
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// writeDemoConfig writes a config for the servers of h into a directory. change
// edits its text.
func writeDemoConfig(t *testing.T, h *mailHouse, change func(string) string) string {
	t.Helper()
	m := &demo{app: testApp(nil), house: h, dir: t.TempDir()}
	if err := m.writeConfig(false); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		b, err := os.ReadFile(m.configFile())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.configFile(), []byte(change(string(b))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return m.configFile()
}

func house(t *testing.T) *mailHouse {
	t.Helper()
	h, err := openMailHouse("ann", "ben")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

func deliverDemo(t *testing.T, h *mailHouse, to, file string) {
	t.Helper()
	raw, err := os.ReadFile(demoFile(t, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.deliver(to, raw); err != nil {
		t.Fatal(err)
	}
}

func (h *mailHouse) expect(t *testing.T, p *process) arrival {
	t.Helper()
	select {
	case a := <-h.desk.arrived:
		return a
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing came to the helpdesk:\n%s", p.out)
		return arrival{}
	}
}

// TestServeProcess is the daemon as systemd runs it: one mailbox cannot be
// reached and the others go on; it tells where it stands; a mail becomes a
// ticket; SIGTERM ends it in order; the next start goes on where it was.
func TestServeProcess(t *testing.T) {
	h := house(t)
	sock := filepath.Join(t.TempDir(), "notify")
	said, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: sock, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	hear := func() string {
		t.Helper()
		b := make([]byte, 1000)
		said.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := said.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	dead, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, deadPort, _ := net.SplitHostPort(dead)
	file := writeDemoConfig(t, h, func(s string) string {
		return s + "\n[[mailbox]]\nname = \"dead\"\nhost = \"127.0.0.1\"\nport = " + deadPort + "\ntls = \"none\"\nusername = \"x\"\npassword_file = \"password\"\nauthserv_id = \"x\"\n" +
			"\n[log]\nformat = \"json\"\nlevel = \"debug\"\n"
	})
	env := []string{"NOTIFY_SOCKET=" + sock}
	p := startProcess(t, env, "serve", "-config", file)
	if got := hear(); got != "READY=1\nSTATUS=watching ann, ben, dead" {
		t.Errorf("systemd heard %q", got)
	}
	deliverDemo(t, h, "ann", "01-new-chat.eml")
	if a := h.expect(t, p); !a.opened || !strings.Contains(string(a.data), "ada@example.org") {
		t.Errorf("the helpdesk got %q", a.data)
	}
	began := time.Now()
	p.Process.Signal(syscall.SIGTERM)
	if got := hear(); got != "STOPPING=1" {
		t.Errorf("systemd heard %q", got)
	}
	if code := p.ends(t, stopWithin); code != exitOK {
		t.Errorf("exit %d after SIGTERM", code)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s to end with nothing in flight", took)
	}
	for _, secret := range []string{h.password, "ada@example.org"} {
		if strings.Contains(p.out.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, p.out)
		}
	}

	p = startProcess(t, env, "serve", "-config", file)
	hear()
	deliverDemo(t, h, "ben", "02-copy-for-ben.eml") // no news
	deliverDemo(t, h, "ann", "03-follow-up.eml")
	if a := h.expect(t, p); a.opened || a.number != firstTicket {
		t.Errorf("the follow-up went to ticket %d (new: %v)", a.number, a.opened)
	}
	p.Process.Signal(syscall.SIGINT)
	if code := p.ends(t, stopWithin); code != exitOK {
		t.Errorf("exit %d after SIGINT", code)
	}
	if n := len(h.desk.arrived); n > 0 {
		t.Errorf("%d messages too many", n)
	}
}

// TestSecondSignalKills: people press Ctrl-C twice.
func TestSecondSignalKills(t *testing.T) {
	// A helpdesk that never answers after the last byte keeps the outbox waiting.
	h := house(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	inBody := make(chan struct{}) // before it, a stop may still take the attempt back
	go tarpit(silent, inBody)
	_, port, _ := net.SplitHostPort(silent.Addr().String())
	_, realPort, _ := net.SplitHostPort(h.smtpAddr)
	file := writeDemoConfig(t, h, func(s string) string {
		s = strings.Replace(s, "port = "+realPort, "port = "+port, 1)
		return strings.Replace(s, "tls = \"none\"\nusername = \"bridge\"\npassword_file = \"password\"\n", "tls = \"none\"\n", 1)
	})
	p := startProcess(t, nil, "serve", "-config", file)
	deliverDemo(t, h, "ann", "01-new-chat.eml")
	select {
	case <-inBody:
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing was sent:\n%s", p.out)
	}
	p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		t.Fatalf("it ended inside the body at once:\n%s", p.out)
	case <-time.After(time.Second): // it waits for the reply
	}
	p.Process.Signal(syscall.SIGTERM)
	if code := p.ends(t, 5*time.Second); code != -1 {
		t.Errorf("exit %d, want killed by the signal", code)
	}
	// What was being sent then is in doubt at the next start, and not sent again.
	p = startProcess(t, nil, "serve", "-config", file)
	waitFor(t, p, "delivery doubt")
	p.Process.Signal(syscall.SIGTERM)
	if code := p.ends(t, stopWithin); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// tarpit speaks SMTP up to the final dot and then says nothing.
func tarpit(l net.Listener, inBody chan<- struct{}) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			c.Write([]byte("220 slow\r\n"))
			buf := make([]byte, 64<<10)
			body := false
			var began sync.Once
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				switch cmd := string(buf[:n]); {
				case body:
					began.Do(func() { close(inBody) })
				case strings.HasPrefix(cmd, "EHLO"):
					c.Write([]byte("250 slow\r\n"))
				case strings.HasPrefix(cmd, "DATA"):
					body = true
					c.Write([]byte("354 go\r\n"))
				default:
					c.Write([]byte("250 ok\r\n"))
				}
			}
		}()
	}
}

func waitFor(t *testing.T, p *process, text string) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(p.out.String(), text) {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%q was never logged:\n%s", text, p.out)
		}
	}
}

// TestWrongConfigStartsNothing: exit 2, every problem, no state.
func TestWrongConfigStartsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte("state_dir = \"state\"\ndomian = \"example.com\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, nil, "serve", "-config", file)
	if code := p.ends(t, 20*time.Second); code != exitUsage {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{`:2: domian: unknown key; did you mean "domain"?`, ": mailbox: required", " problems\n"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("no %q in %s", want, p.out)
		}
	}
	if exists(filepath.Join(filepath.Dir(file), "state")) {
		t.Error("the state directory was made")
	}
}

// TestCheckConnect: one clear line for each thing, what works and what not.
func TestCheckConnect(t *testing.T) {
	h := house(t)
	check := func(change func(string) string) (string, int) {
		var out bytes.Buffer
		a := testApp(nil)
		a.open, a.stdout, a.stderr = openStore, &out, &out
		code := a.run(context.Background(), []string{"check", "--connect", "-config", writeDemoConfig(t, h, change)})
		return out.String(), code
	}
	out, code := check(nil)
	for _, want := range []string{"is right: 2 mailboxes, formats intercom", "ok   mailbox ann on 127.0.0.1:", "ok   mailbox ben", "ok   smtp server 127.0.0.1: ready to take messages for support@example.com", "ok   database: not there yet"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in:\n%s", code, want, out)
		}
	}
	out, code = check(func(s string) string {
		s = strings.Replace(s, `username = "ann@example.com"`, "username = \"nobody@example.com\"", 1)
		s = strings.Replace(s, `username = "ben@example.com"`, "username = \"ben@example.com\"\nfolders = [\"INBOX\", \"Chats\", \"More\"]", 1)
		return strings.Replace(s, `username = "bridge"`, `username = "brigde"`, 1)
	})
	if code != exitFailed || strings.Count(out, "FAIL ") != 4 || !strings.Contains(out, "3 things do not work") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	for _, want := range []string{"FAIL mailbox ann", "Chats", "More", "FAIL smtp server"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	h.smtp.MaxMessageBytes = 1 << 20
	small, _ := check(nil)
	mistyped, code := check(func(s string) string { return strings.Replace(s, "support@example.com", "suport@example.com", 1) })
	for text, want := range map[string]string{
		small:    "warning: smtp server 127.0.0.1: it takes at most 1",
		mistyped: "refuses mail to <suport@example.com>: 550 5.1.1 no such mailbox (correct the address",
	} {
		if code != exitFailed || !strings.Contains(text, want) {
			t.Errorf("exit %d, no %q in:\n%s", code, want, text)
		}
	}
	if len(h.desk.arrived) > 0 {
		t.Error("something was sent")
	}
	for line := range strings.Lines(out + small + mistyped) {
		if len(line) > 400 || strings.Contains(line, h.password) {
			t.Errorf("not one clear line: %s", line)
		}
	}
}
