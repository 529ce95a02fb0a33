package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ticketbridge/bridge"
	"ticketbridge/bridge/sqlstore"
	"ticketbridge/bridge/storetest"
)

// TestR11Disk: a full disk and a read-only one refuse what is written, whole,
// with the reason; reading goes on, and so does writing once it can, by itself.
// A disk of 4 MB is one in a mount namespace of our own; where there is none to
// be had (in a chroot), only files that may not grow beyond 4 MB tell.
func TestR11Disk(t *testing.T) {
	run := func(t *testing.T, how string, attr *syscall.SysProcAttr) (said string, err error) {
		cmd, stderr := child(t, "disk", t.TempDir(), how)
		cmd.SysProcAttr = attr
		err = cmd.Run()
		return stderr.String(), err
	}
	t.Run("limit", func(t *testing.T) {
		if said, err := run(t, "limit", nil); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	})
	t.Run("mount", func(t *testing.T) {
		attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Getuid() != 0 {
			attr.Cloneflags |= syscall.CLONE_NEWUSER
			attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		said, err := run(t, "mount", attr)
		if errors.Is(err, syscall.EPERM) || strings.Contains(said, noNamespace) {
			t.Skipf("no mount namespace here (%v %s); the limit on files has told of the full disk, nothing of the read-only one", err, said)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	})
}

const noNamespace = "no mount namespace"

// small is a disk that holds 4 MB until more is called.
type small struct {
	full     string // what SQLite says when it is full
	more     func() error
	readOnly func(bool) error // nil: cannot be made so
}

// smallMount mounts a small disk on dir, for this process alone.
func smallMount(dir string) (small, error) {
	mount := func(flags uintptr, options string) error {
		return os.NewSyscallError("mount", unix.Mount("tmpfs", dir, "tmpfs", flags, options))
	}
	// EINVAL: the root of a chroot is no mount point.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return small{}, fmt.Errorf("%s: %w", noNamespace, err)
	}
	return small{
		full: "full",
		more: func() error { return mount(unix.MS_REMOUNT, "size=40m") },
		readOnly: func(yes bool) error {
			if yes {
				return mount(unix.MS_REMOUNT|unix.MS_RDONLY, "size=40m")
			}
			return mount(unix.MS_REMOUNT, "size=40m")
		},
	}, mount(0, "size=4m")
}

// smallLimit limits the size of every file this process writes.
func smallLimit() (small, error) {
	signal.Ignore(syscall.SIGXFSZ) // then it is an error of write
	limit := func(size uint64) error {
		var l syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			return err
		}
		l.Cur = size
		return os.NewSyscallError("setrlimit", syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l))
	}
	return small{full: "disk I/O error", more: func() error { return limit(40 << 20) }}, limit(4 << 20)
}

func diskChild(args []string) error {
	ctx, dir := context.Background(), args[0]
	disk := smallLimit
	if args[1] == "mount" {
		disk = func() (small, error) { return smallMount(dir) }
	}
	is, err := disk()
	if err != nil {
		return err
	}
	url := "sqlite:" + dir + "/bridge.db"
	s, err := sqlstore.Open(ctx, url, sqlstore.Options{})
	if err != nil {
		return err
	}
	uid := uint32(0)
	accept := func() error {
		a := storetest.Mail("support", uid+1, fmt.Sprint("k/", uid), fmt.Sprint("turn ", uid), strings.Repeat(fmt.Sprint("long ", uid), 10_000))
		_, err := s.Accept(ctx, []bridge.Arrival{a}, storetest.At("support", uid+1), storetest.Judge)
		if err == nil {
			uid++
		}
		return err
	}
	for err == nil {
		err = accept()
	}
	if !strings.Contains(err.Error(), is.full) || uid < 5 {
		return fmt.Errorf("after %d mails: want a full disk, got %w", uid, err)
	}
	if err := has(ctx, s, uid); err != nil {
		return fmt.Errorf("full: %w", err)
	}
	if err := is.more(); err != nil {
		return err
	}
	if err := accept(); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if ds, err := s.Turnover(ctx, "w", time.Now(), nil, 5); err != nil || len(ds) != 5 || ds[0].Attempts != 1 {
		return fmt.Errorf("with room again: claimed %d, %w", len(ds), err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if is.readOnly == nil {
		return nil
	}
	if err := is.readOnly(true); err != nil {
		return err
	}
	if _, err := sqlstore.Open(ctx, url, sqlstore.Options{}); err == nil || !strings.Contains(err.Error(), "store.url: ") {
		return fmt.Errorf("read-only: %w", err)
	}
	if err := is.readOnly(false); err != nil {
		return err
	}
	if s, err = sqlstore.Open(ctx, url, sqlstore.Options{}); err != nil {
		return err
	}
	defer s.Close()
	if err := accept(); err != nil {
		return fmt.Errorf("after it was read-only: %w", err)
	}
	return has(ctx, s, uid)
}

// has checks that the database holds the mails up to uid, and no part of another.
func has(ctx context.Context, s bridge.Store, uid uint32) error {
	c, err1 := s.Cursor(ctx, "support", "INBOX")
	n, err2 := s.Counts(ctx)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if c.UID != uid || n.Mails[bridge.MailTicket] != int64(uid) || n.Conversations != int64(uid) {
		return fmt.Errorf("cursor %d, %+v; want %d", c.UID, n, uid)
	}
	return nil
}
