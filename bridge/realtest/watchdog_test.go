package realtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A child is a test binary that starts all servers and then ends in one of these ways.
const (
	killed  = "killed by SIGKILL"
	exited  = "exited without a word"
	frozen  = "killed while its servers were frozen"
	crashed = "killed after its servers were"
	ran     = "ended in good order"
)

// started is what a child tells about its servers.
type started struct {
	Dir       string
	Processes []int
	Segment   string // PostgreSQL's shared memory
}

// child never returns.
func child(how string) {
	out, err := startAll(how)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(out)
	switch how {
	case exited:
		os.Exit(3)
	case ran:
		shared.end()
		os.Exit(0)
	default:
		select {}
	}
}

func startAll(how string) (started, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	d, err := shared.newDovecot(DovecotConfig{})
	if err != nil {
		return started{}, err
	}
	servers := []*Server{d.Server}
	if how == frozen { // with Request Tracker, which takes longer to start
		rt, err := shared.newRT(d, RTConfig{})
		if err != nil {
			return started{}, err
		}
		servers = append(servers, rt.Server, rt.Postfix.Server)
	} else {
		p, err := shared.newPostfix(d, PostfixConfig{})
		if err != nil {
			return started{}, err
		}
		servers = append(servers, p.Server)
	}
	db, err := shared.newPostgres(PostgresConfig{})
	if err != nil {
		return started{}, err
	}
	out := started{Dir: shared.dir}
	pidFile, err := os.ReadFile(filepath.Join(db.dir, "data/postmaster.pid"))
	if err != nil {
		return started{}, err
	}
	out.Segment = strings.Fields(strings.Split(string(pidFile), "\n")[6])[1]
	for _, s := range append(servers, db.Server) {
		for _, member := range family(s.run.pid) {
			out.Processes = append(out.Processes, member.pid)
			if how == frozen {
				syscall.Kill(member.pid, syscall.SIGSTOP)
			}
			if how == crashed {
				syscall.Kill(member.pid, syscall.SIGKILL)
			}
		}
	}
	return out, nil
}

func TestNothingIsLeft(t *testing.T) {
	for _, how := range []string{killed, exited, frozen, crashed, ran} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "REALTEST_CHILD="+how)
			cmd.Stderr = os.Stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadBytes('\n')
			if err != nil {
				t.Fatalf("the child says nothing: %v", err)
			}
			var s started
			if err := json.Unmarshal(line, &s); err != nil {
				t.Fatal(err)
			}
			if len(s.Processes) < 10 {
				t.Fatalf("only %d processes: %v", len(s.Processes), s.Processes)
			}
			if how != exited && how != ran {
				cmd.Process.Kill()
			}
			cmd.Wait()
			wait := patience
			if how == ran {
				wait = 0 // it waited itself
			}
			s.wantGone(t, wait)
		})
	}
}

// wantGone waits until nothing of it is left.
func (s started) wantGone(t *testing.T, wait time.Duration) {
	t.Helper()
	deadline := time.Now().Add(wait)
	for {
		left := s.left(t)
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left: %s", left)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s started) left(t *testing.T) string {
	t.Helper()
	were := map[int]bool{}
	for _, pid := range s.Processes {
		were[pid] = true
	}
	for _, p := range processes() {
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.pid)) // not ours to read: not ours
		if were[p.pid] || strings.HasPrefix(cwd, s.Dir) {
			return fmt.Sprintf("process %d (%s)", p.pid, p.name)
		}
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, fs.ErrNotExist) {
		return s.Dir
	}
	segments, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(segments)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == s.Segment {
			return "shared memory segment " + s.Segment
		}
	}
	return ""
}

func TestPrivateServerEndsWithItsTest(t *testing.T) {
	var s started
	t.Run("the test", func(t *testing.T) {
		d := NewDovecot(t, DovecotConfig{})
		s.Dir = d.dir
		for _, p := range family(d.run.pid) {
			s.Processes = append(s.Processes, p.pid)
		}
		d.Pause(t) // even frozen
	})
	s.wantGone(t, 0)
}
