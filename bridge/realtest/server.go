package realtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start, to stop or to deliver on a busy machine.
const patience = 2 * time.Minute

// Server is a server that a test can stop, kill, freeze and start again. Its ports and its data stay.
type Server struct {
	name  string
	dir   string
	as    account
	argv  []string
	quiet func() bool                 // nothing is under way that a stop would cut; nil: never
	stop  syscall.Signal              // ends it in good order
	last  string                      // the signal's name with which the watchdog begins; "" is KILL
	ready func(context.Context) error // nil: it serves

	mu  sync.Mutex // guards run
	run *run       // nil: stopped
}

// run is one life of a server: a process group, led by the server's main process.
type run struct {
	pid   int
	ended chan struct{}
}

func (s *Server) base() *Server { return s }

// Start starts the server if it does not run, and waits until it serves. A frozen one goes on.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatalf("realtest: %v", err)
	}
}

// Stop ends the server in good order.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.end(s.stop); err != nil {
		t.Fatalf("realtest: stop %s: %v", s.name, err)
	}
}

// Kill9 kills all processes of the server at once, as a crash would.
func (s *Server) Kill9(t testing.TB) {
	t.Helper()
	if err := s.end(syscall.SIGKILL); err != nil {
		t.Fatalf("realtest: kill %s: %v", s.name, err)
	}
}

// Restart is Stop and Start.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.Start(t)
}

// Pause freezes all processes of the server: connections stay open and silent.
func (s *Server) Pause(t testing.TB) { t.Helper(); s.freeze(t, syscall.SIGSTOP) }

// Resume lets a frozen server go on.
func (s *Server) Resume(t testing.TB) { t.Helper(); s.freeze(t, syscall.SIGCONT) }

// Dir is the server's directory; its configuration and data are there.
func (s *Server) Dir() string { return s.dir }

// LogFile is what the server logs to.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "log") }

// launch records the process group before it becomes the server, so that there is no moment at which
// the watchdog would not know it.
const launch = `echo "$$ $1" >"$2/group" && shift 2 && exec "$@"`

func (s *Server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil && s.serving() {
		return nil
	}
	log, err := os.OpenFile(s.LogFile(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", launch, "sh", cmp.Or(s.last, "KILL"), s.dir}, s.argv...)...)
	cmd.Dir = "/"
	cmd.Env = environ()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.as.credential()}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.run = &run{pid: cmd.Process.Pid, ended: make(chan struct{})}
	go func(ended chan struct{}) {
		cmd.Wait() // what it ended with stands in the log
		close(ended)
	}(s.run.ended)
	if err := s.await(); err != nil {
		s.kill()
		return fmt.Errorf("start %s: %w; it logged:\n%s", s.name, err, tail(s.LogFile(), from))
	}
	return nil
}

// serving says whether the server runs, and thaws it if a test left it frozen. Of one that ended by
// itself it clears the rest away. s.mu is held.
func (s *Server) serving() bool {
	select {
	case <-s.run.ended:
		s.kill() // a survivor would be in the way of the next start, which then says so
		return false
	default:
		s.signal(syscall.SIGCONT)
		return true
	}
}

// await waits until the server serves.
func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		// A connection that met the server in the middle of its start may hang; the next will not.
		try, done := context.WithTimeout(ctx, 5*time.Second)
		err := s.ready(try)
		done()
		if err == nil {
			return nil
		}
		select {
		case <-s.run.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v: %w", patience, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *Server) end(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	if sig != syscall.SIGKILL {
		if err := s.signal(syscall.SIGCONT); err != nil { // it may be frozen
			return err
		}
		s.settle()
		if err := syscall.Kill(s.run.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		select {
		case <-s.run.ended:
		case <-time.After(patience):
			s.kill()
			return fmt.Errorf("still there %v after %v: killed", patience, sig)
		}
	}
	return s.kill()
}

// settle waits until the server is quiet, for ten seconds at most: it may be given more all the time.
func (s *Server) settle() {
	if s.quiet == nil {
		return
	}
	deadline := time.After(10 * time.Second)
	for !s.quiet() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-s.run.ended:
			return
		case <-deadline:
			return
		}
	}
}

// kill kills what there is of the server and waits until nothing is left. s.mu is held.
func (s *Server) kill() error {
	doomed := family(s.run.pid)
	syscall.Kill(-s.run.pid, syscall.SIGKILL)
	for _, p := range doomed {
		syscall.Kill(p.pid, syscall.SIGKILL) // it may have ended by itself
	}
	<-s.run.ended
	deadline := time.After(patience)
	for alive(s.run.pid, doomed) {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			return fmt.Errorf("processes survive SIGKILL: %v", doomed)
		}
	}
	s.run = nil
	return os.Remove(filepath.Join(s.dir, "group"))
}

func (s *Server) freeze(t testing.TB, sig syscall.Signal) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		t.Fatalf("realtest: %s does not run", s.name)
	}
	if err := s.signal(sig); err != nil {
		t.Fatalf("realtest: %v to %s: %v", sig, s.name, err)
	}
}

// signal tells all processes of the server. s.mu is held.
func (s *Server) signal(sig syscall.Signal) error {
	for _, p := range family(s.run.pid) {
		if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// remove ends a private server and removes its files.
func (s *Server) remove(t testing.TB) {
	t.Helper()
	if err := sweep(filepath.Dir(s.dir), s.dir).Run(); err != nil {
		t.Errorf("realtest: remove %s: %v", s.dir, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		<-s.run.ended
		s.run = nil
	}
}
