package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// openStateDir makes the state directory, for its owner alone: it holds the
// database with people's chats and the key.
func openStateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make state_dir: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state_dir: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("state_dir %s is open to others (mode %04o) and not ours to close; run: chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	return nil
}

// probeStateDir looks whether serve could use the directory, with the eyes of
// whoever runs this.
func probeStateDir(dir string) (found, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return probeParent(dir)
	case err != nil:
		return found{}, errors.New(reason(err))
	case !info.IsDir():
		return found{}, errors.New("a file; want a directory, or a path where serve can make one")
	}
	f := found{says: "there"}
	switch {
	case stateLocked(dir):
		f.says = "in use by a running daemon"
	case info.Mode().Perm()&0o077 != 0:
		f.says = "open to others; serve closes it"
	}
	if owner, we := ownerOf(info), os.Geteuid(); owner != we {
		whose := fmt.Sprintf("belongs to %s, and this runs as %s", userName(owner), userName(we))
		if we != 0 {
			return found{}, fmt.Errorf("%s; run this as the daemon's user, or: chown -R %s %s", whose, userName(we), dir)
		}
		f.odd = whose + ": what is there is not seen with the daemon's eyes; run this as the daemon's user"
	}
	if err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
		return found{}, fmt.Errorf("not writable for %s: %w; want: chmod 700 %s", userName(os.Geteuid()), err, dir)
	}
	return f, nil
}

// probeParent looks whether serve could make the directory.
func probeParent(dir string) (found, error) {
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		switch {
		case errors.Is(err, fs.ErrNotExist) && parent != filepath.Dir(parent):
			continue
		case err != nil:
			return found{}, errors.New(reason(err))
		case !info.IsDir():
			return found{}, fmt.Errorf("cannot be made: %s is a file", parent)
		}
		if err := unix.Access(parent, unix.W_OK|unix.X_OK); err != nil {
			return found{}, fmt.Errorf("not there, and %s cannot make it in %s (%w); make it, or run this as the daemon's user", userName(os.Geteuid()), parent, err)
		}
		return found{says: "not there yet; serve makes it"}, nil
	}
}

func ownerOf(info os.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return os.Geteuid()
}

// userName is the name of a user id, or the number where it has none.
func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}

// lockState keeps a second daemon from the same state directory. The kernel
// drops the lock with the process, however that ends, so the file may stay.
func lockState(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another ticketbridge%s runs with state_dir %s; stop it first, or give this one a state_dir of its own", holder(f), dir)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// Who holds it, for the message above; nothing depends on it.
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return func() { f.Close() }, nil
}

// holder reads the process id from a lock file: " (process 123)".
func holder(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	pid := strings.TrimSpace(string(b))
	if err != nil || pid == "" || strings.Trim(pid, "0123456789") != "" {
		return ""
	}
	return " (process " + pid + ")"
}

// stateLocked reports whether a daemon holds the lock of the directory.
func stateLocked(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}
