package realtest

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"text/template"
)

// Domain is the domain of every mailbox.
const Domain = "example.com"

//go:embed conf
var conf embed.FS

// shared is what the tests of one test binary have in common. It is the one package variable that
// changes: these servers belong to the process, and a testing.TB has no place to keep them.
var shared rig

// rig is a test binary's directory, its watchdog and its shared servers.
type rig struct {
	mu       sync.Mutex // guards everything below, and starts one server at a time
	dir      string
	dog      *exec.Cmd
	leash    io.Closer // the watchdog acts when it closes
	certs    certs
	ports    []net.Listener
	servers  map[string]int // how many of a name there were
	dovecot  once[*DovecotServer]
	postfix  map[*DovecotServer]*once[*PostfixServer]
	postgres once[*PostgresServer]
	rt       map[*DovecotServer]*once[*RTServer]

	rtTemplate once[*rtTemplate]
}

// once remembers how a shared server's start ended, so that a package that is not installed is
// looked for once.
type once[S any] struct {
	tried  bool
	server S
	err    error
}

func (o *once[S]) start(start func() (S, error)) (S, error) {
	if !o.tried {
		o.tried = true
		o.server, o.err = start()
	}
	return o.server, o.err
}

// Run runs m's tests, then ends all servers and removes their files; m is a *testing.M.
//
//	func TestMain(m *testing.M) { os.Exit(realtest.Run(m)) }
//
// Without it they end too, but shortly after the test binary.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	shared.end()
	return code
}

// end lets the watchdog do its work and waits for it.
func (r *rig) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dog == nil {
		return
	}
	r.leash.Close()
	r.dog.Wait()
	for _, l := range r.ports {
		l.Close()
	}
	if keep() != "" {
		fmt.Fprintln(os.Stderr, "realtest: the servers' files are in", r.dir)
	} else if _, err := os.Stat(r.dir); err == nil {
		fmt.Fprintln(os.Stderr, "realtest: cannot remove", r.dir)
	}
	r.dog = nil
}

func keep() string {
	if os.Getenv("TICKETBRIDGE_KEEP") != "" {
		return "keep"
	}
	return ""
}

// open makes the directory, the certificates and the watchdog. The directory is below /tmp, whatever
// TMPDIR says: unix socket names are short, and other users must get there.
func (r *rig) open() error {
	if r.dog != nil {
		return nil
	}
	dir, err := os.MkdirTemp("/tmp", "tb-realtest-")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	dog := sweep(dir)
	leash, err := dog.StdinPipe()
	if err != nil {
		return err
	}
	if err := dog.Start(); err != nil {
		return fmt.Errorf("start watchdog: %w", err)
	}
	r.dir, r.dog, r.leash = dir, dog, leash
	r.servers = map[string]int{}
	r.postfix = map[*DovecotServer]*once[*PostfixServer]{}
	r.rt = map[*DovecotServer]*once[*RTServer]{}
	r.certs, err = newCerts(dir)
	return err
}

// sweep is the command that ends the servers in dirs, or in all of top, once its standard input ends.
// It has a session of its own, so that no signal to the test binary's group reaches it.
func sweep(top string, dirs ...string) *exec.Cmd {
	script, err := conf.ReadFile("conf/sweep.sh")
	if err != nil {
		panic(err) // it is embedded
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", string(script), "sweep", top, keep()}, dirs...)...)
	cmd.Dir = "/"
	cmd.Env = environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// environ is what every server starts with, whatever the environment of the tests.
func environ() []string {
	return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TZ=UTC"}
}

// newServer makes the directory of a server that runs as who. r.mu is held.
func (r *rig) newServer(name string, who account) (*Server, error) {
	if err := r.open(); err != nil {
		return nil, fmt.Errorf("prepare directory: %w", err)
	}
	r.servers[name]++
	name = fmt.Sprintf("%s-%d", name, r.servers[name])
	s := &Server{name: name, dir: filepath.Join(r.dir, name), as: who}
	if err := who.mkdir(s.dir); err != nil {
		return nil, err
	}
	// The server's own user may log from a process that has dropped its rights.
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if err := log.Chmod(0o666); err != nil {
		return nil, err
	}
	return s, who.own(s.LogFile())
}

// fill writes conf/NAME, filled in with data, to path.
func fill(name, path string, data any) error {
	text, err := render(name, data)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func render(name string, data any) ([]byte, error) {
	t, err := template.ParseFS(conf, "conf/"+name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, data)
	return b.Bytes(), err
}

// private starts a server for one test and ends it with the test.
func private[S interface{ base() *Server }](t testing.TB, start func() (S, error)) S {
	t.Helper()
	shared.mu.Lock()
	s, err := start()
	shared.mu.Unlock()
	if err != nil {
		t.Fatalf("realtest: %v", err)
	}
	t.Cleanup(func() { s.base().remove(t) })
	s.base().logIfFailed(t)
	return s
}
