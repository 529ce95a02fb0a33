package killpoint

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// variable is set in the environment of a process that is to obey.
const variable = "TICKETBRIDGE_KILLPOINT"

// controlFD is where the process and its test talk. Calls on it are not held.
const controlFD = 3

// Asked tells whether the process was started by Start.
func Asked() bool { return os.Getenv(variable) != "" }

// Obey puts the process under the filter. It returns its end of a socket to the
// test, for whatever the two have to say to each other: Watch.Control is the other.
func Obey() (control *os.File, err error) {
	runtime.LockOSThread() // the filter takes over this thread's no_new_privs
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("give up new privileges: %w", err)
	}
	code := program()
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return nil, fmt.Errorf("install the filter (Linux 5.7 or later is needed): %w", errno)
	}
	if err := unix.Sendmsg(controlFD, []byte{0}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return nil, fmt.Errorf("hand the filter over: %w", err)
	}
	// Not closed, for close(2) may be held; it ends with the process.
	return os.NewFile(controlFD, "control"), nil
}

// The offsets in seccomp_data; of arguments the lower half, on little endian.
const (
	offsetNr  = 0
	offsetArg = 16
)

// program is the filter: visible calls are held unless they are on controlFD;
// openat only where it may make a file.
func program() []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(how uint16, k uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, K: k, Jt: uint8(yes), Jf: uint8(no)}
	}
	ret := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	calls := visible()
	code := []unix.SockFilter{load(offsetNr), jump(unix.BPF_JEQ, unix.SYS_OPENAT, len(calls)+1, 0)}
	i := 0
	for nr := range calls {
		code = append(code, jump(unix.BPF_JEQ, uint32(nr), len(calls)-i+2, 0))
		i++
	}
	return append(code,
		ret(unix.SECCOMP_RET_ALLOW),
		load(offsetArg+2*8), // openat's flags
		jump(unix.BPF_JSET, unix.O_CREAT, 2, 3),
		load(offsetArg), // what the others are about
		jump(unix.BPF_JEQ, controlFD, 1, 0),
		ret(unix.SECCOMP_RET_USER_NOTIF),
		ret(unix.SECCOMP_RET_ALLOW),
	)
}

// visible names the calls by which a process changes what others can see. Writing
// to a mapped file changes it, too: SQLite's -shm, which is made anew from the WAL.
func visible() map[uintptr]string {
	calls := map[uintptr]string{
		unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64", unix.SYS_WRITEV: "writev", unix.SYS_PWRITEV: "pwritev",
		unix.SYS_SENDTO: "sendto", unix.SYS_SENDMSG: "sendmsg", unix.SYS_SENDMMSG: "sendmmsg", unix.SYS_SENDFILE: "sendfile", unix.SYS_SPLICE: "splice",
		unix.SYS_COPY_FILE_RANGE: "copy_file_range",
		unix.SYS_CONNECT:         "connect", unix.SYS_BIND: "bind", unix.SYS_LISTEN: "listen", unix.SYS_SHUTDOWN: "shutdown",
		unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_MSYNC: "msync", unix.SYS_SYNC_FILE_RANGE: "sync_file_range",
		unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_TRUNCATE: "truncate", unix.SYS_FALLOCATE: "fallocate",
		unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2", unix.SYS_LINKAT: "linkat", unix.SYS_SYMLINKAT: "symlinkat",
		unix.SYS_UNLINKAT: "unlinkat", unix.SYS_MKDIRAT: "mkdirat",
		unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FCHOWN: "fchown", unix.SYS_FCHOWNAT: "fchownat",
		unix.SYS_FLOCK: "flock", unix.SYS_KILL: "kill",
	}
	for nr, name := range olderCalls() {
		calls[nr] = name
	}
	return calls
}
