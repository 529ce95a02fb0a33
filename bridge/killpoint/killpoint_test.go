package killpoint

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestMain is the program that gets killed, where Start started it.
func TestMain(m *testing.M) {
	if !Asked() {
		os.Exit(m.Run())
	}
	control, err := Obey()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := victim(control, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// victim writes ten lines to a file, renames it, and says so to a server; the
// writes of four goroutines come from as many threads as the runtime likes.
func victim(control *os.File, dir, server string) error {
	fmt.Fprintln(control, "ready")
	if _, err := bufio.NewReader(control).ReadString('\n'); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "new"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				fmt.Fprintln(f, "line")
			}
		})
	}
	wg.Wait()
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, "done")); err != nil {
		return err
	}
	c, err := net.Dial("tcp", server)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c, "done")
	return err
}

// start runs the victim and begins to count once it is ready.
func start(t *testing.T, dir, server string, at int) *Watch {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir, server)
	cmd.Stderr = os.Stderr
	w, err := Start(cmd, 0)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(w.Control).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the process says %q, %v", line, err)
	}
	w.Arm(at)
	fmt.Fprintln(w.Control, "go")
	return w
}

// TestEveryCall: at each N exactly the calls before N were done, whichever threads
// made them, and in the end there is a run that nothing kills.
func TestEveryCall(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	// open, 20 writes, fsync, rename, connect, write
	const open, writes, fsync, rename, connect, say = 1, 20, 22, 23, 24, 25
	for at := 1; ; at++ {
		dir := t.TempDir()
		w := start(t, dir, ln.Addr().String(), at)
		err := w.Wait()
		call, killed := w.Killed()
		if killed != (err != nil) {
			t.Fatalf("at %d: killed %v, yet %v", at, killed, err)
		}
		if !killed {
			if at != say+1 {
				t.Errorf("the run with %d calls was not killed: %v", at-1, w.Calls())
			}
			break
		}
		if at > say {
			t.Fatalf("more calls than the program makes: %v", w.Calls())
		}
		want := map[int]string{open: "openat ", fsync: "fsync new", connect: fmt.Sprint("connect tcp ", ln.Addr().(*net.TCPAddr).Port), say: fmt.Sprint("write tcp ", ln.Addr().(*net.TCPAddr).Port)}[at]
		if at > open && at <= open+writes {
			want = "write new"
		}
		if got := call.Name + " " + call.Object; want != "" && got != want || call.N != at {
			t.Errorf("killed at %v, want %d: %s", call, at, want)
		}
		name := "new"
		if at > rename {
			name = "done"
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if lines := strings.Count(string(text), "\n"); lines != min(max(at-1-open, 0), writes) || (err != nil) != (at == open) {
			t.Errorf("killed at %v: the file has %d lines, %v", call, lines, err)
		}
	}
}

// TestDisarmed: what is not to be counted is not.
func TestDisarmed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cmd := exec.Command(os.Args[0], t.TempDir(), ln.Addr().String())
	w, err := Start(cmd, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Disarm()
	fmt.Fprintln(w.Control, "go")
	if err := w.Wait(); err != nil {
		t.Error(err)
	}
	if calls := w.Calls(); len(calls) != 0 {
		t.Errorf("counted %v", calls)
	}
}

// TestDisobedient: a program that ends, or was never told to obey, is an error.
func TestDisobedient(t *testing.T) {
	w, err := Start(exec.Command("/bin/true"), 0)
	if err == nil {
		w.Wait()
		t.Fatal("watches a program that does not obey")
	}
}
