// Package killpoint kills a process at its Nth externally visible system call.
//
//	// the program to be killed, first thing in main:
//	control, err := killpoint.Obey()
//
//	// the test:
//	w, err := killpoint.Start(exec.Command(os.Args[0], …), 17)
//	err = w.Wait()
//	if call, ok := w.Killed(); ok { … } // it died before doing call
//
// What a process has done so far shows outside of it only through system calls
// (INVARIANTS §3.4), so to kill it at the entry of each of them in turn, N = 1, 2,
// 3 … until a run ends by itself, is to kill it everywhere.
//
// strace's inject=…:when=N cannot do that: it counts for each thread and each call
// by itself, and a Go program moves between threads as it likes. Here the program
// puts itself under a seccomp filter that holds visible calls, of all its threads,
// until the test lets them go (SECCOMP_RET_USER_NOTIF, seccomp(2)). They come one
// at a time, so the count is exact and global: the Nth call is never done, and
// nothing visible is done after it. What is not visible (memory, clocks, futexes,
// reads) is not held and runs at full speed.
//
// It needs Linux 5.7 or later, and no privileges.
package killpoint
