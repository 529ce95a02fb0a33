package killpoint

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Call is a visible system call.
type Call struct {
	N      int    // the count, from 1
	Name   string // "pwrite64"
	Object string // what it is about: "ticketbridge.db-wal", "tcp 143", "pipe"; "" where unknown
}

func (c Call) String() string { return fmt.Sprintf("%d: %s %s", c.N, c.Name, c.Object) }

// Watch is a process under the filter.
type Watch struct {
	// Control is the test's end of the socket that Obey returns in the process.
	Control *net.UnixConn

	cmd      *exec.Cmd
	at       int
	filter   int      // the filter's file descriptor,
	listener *os.File // as a file
	objects  objects
	names    map[uintptr]string
	ended    chan struct{} // the process is gone

	mu     sync.Mutex // guards what follows
	armed  bool
	calls  []Call
	killed bool
	err    error
}

// patience is how long a process may take to put itself under the filter.
const patience = time.Minute

// Start starts cmd, which must call Obey, and kills it at its at-th visible call; 0: never.
func Start(cmd *exec.Cmd, at int) (*Watch, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, errors.Join(err, theirs.Close())
	}
	w := &Watch{Control: conn.(*net.UnixConn), cmd: cmd, at: at, names: visible(), ended: make(chan struct{}), armed: true}
	w.names[unix.SYS_OPENAT] = "openat"
	cmd.ExtraFiles = []*os.File{theirs} // becomes controlFD
	cmd.Env = append(cmd.Environ(), variable+"=1")
	err = cmd.Start()
	theirs.Close() // so that a process that ends is noticed
	if err != nil {
		conn.Close()
		return nil, err
	}
	w.objects = objects{pid: cmd.Process.Pid, ports: map[string]int{}}
	if err := w.receive(); err != nil {
		cmd.Process.Kill()
		conn.Close()
		return nil, errors.Join(fmt.Errorf("take over the filter: %w", err), cmd.Wait())
	}
	go w.serve()
	return w, nil
}

// receive takes over the filter's file descriptor.
func (w *Watch) receive() error {
	w.Control.SetReadDeadline(time.Now().Add(patience))
	defer w.Control.SetReadDeadline(time.Time{})
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := w.Control.ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return err
	}
	if len(messages) != 1 {
		return errors.New("the process ended or does not obey")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // for Go's poller
		return err
	}
	w.filter, w.listener = fds[0], os.NewFile(uintptr(fds[0]), "filter")
	return nil
}

// Arm lets the counting begin, or begin again: what was counted so far is forgotten.
func (w *Watch) Arm(at int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.at, w.calls = true, at, nil
}

// Disarm lets the process do what it likes, uncounted.
func (w *Watch) Disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
}

// Ended is closed when the process is gone.
func (w *Watch) Ended() <-chan struct{} { return w.ended }

// Wait waits for the process's end and returns what exec.Cmd.Wait does, or why it
// could not be watched.
func (w *Watch) Wait() error {
	<-w.ended
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Killed returns the call at whose entry the process was killed.
func (w *Watch) Killed() (Call, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.killed {
		return Call{}, false
	}
	return w.calls[len(w.calls)-1], true
}

// Calls are the visible calls so far.
func (w *Watch) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Call(nil), w.calls...)
}

// notification and response are the kernel's seccomp_notif and seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// serve holds and lets go, one call at a time, until nobody is under the filter.
func (w *Watch) serve() {
	lost := w.holdAll()
	if lost != nil {
		w.cmd.Process.Kill() // its calls would be refused from now on
	}
	err := w.cmd.Wait()
	w.listener.Close()
	w.Control.Close()
	w.mu.Lock()
	w.err = errors.Join(lost, err)
	w.mu.Unlock()
	close(w.ended)
}

func (w *Watch) holdAll() error {
	raw, err := w.listener.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var n notification
		var gone bool
		var errno syscall.Errno
		err := raw.Read(func(fd uintptr) bool {
			gone, errno = next(fd, &n)
			return gone || errno != unix.EAGAIN
		})
		switch {
		case err != nil:
			return err
		case gone:
			return nil
		case errno == unix.ENOENT || errno == unix.EINTR:
			continue // the thread was interrupted meanwhile, and will ask again
		case errno != 0:
			return fmt.Errorf("watch the process: %w", errno)
		}
		if !w.hold(n) {
			w.cmd.Process.Kill()
			return nil
		}
	}
}

// next takes the next call; EAGAIN: there is none now. gone: there will be none.
func next(fd uintptr, n *notification) (gone bool, _ syscall.Errno) {
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(ready, 0); err != nil {
		return false, err.(syscall.Errno)
	}
	switch {
	case ready[0].Revents&unix.POLLIN != 0:
		*n = notification{} // the kernel insists
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(n)))
		return false, errno
	case ready[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0:
		return true, 0
	}
	return false, unix.EAGAIN
}

// hold counts a call and lets it go, unless it is the one: then false.
func (w *Watch) hold(n notification) bool {
	object, seen := w.objects.of(w.names[uintptr(n.nr)], n)
	w.mu.Lock()
	counted := w.armed && seen
	if counted {
		w.calls = append(w.calls, Call{len(w.calls) + 1, w.names[uintptr(n.nr)], object})
		if len(w.calls) == w.at {
			w.killed = true
			w.mu.Unlock()
			return false
		}
	}
	w.mu.Unlock()
	r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.filter), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
	if errno == unix.ENOENT && counted {
		// A signal came between: the call was not done and will be asked for again.
		w.mu.Lock()
		w.calls = w.calls[:len(w.calls)-1]
		w.mu.Unlock()
	}
	return true
}
