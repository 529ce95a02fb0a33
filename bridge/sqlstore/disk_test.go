package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ticketbridge/bridge"
	"ticketbridge/bridge/sqlstore"
	"ticketbridge/bridge/storetest"
)

// TestDisk (R11): a full disk and a read-only one refuse what is written, whole,
// with the reason; reading goes on, and so does writing once it can, by itself.
// It runs in a mount namespace of its own, on a disk of 4 MB.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	cmd, stderr := child(t, "disk", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
}

func diskChild(args []string) error {
	ctx, dir := context.Background(), args[0]
	remount := func(flags uintptr, options string) error {
		return os.NewSyscallError("mount", unix.Mount("tmpfs", dir, "tmpfs", flags, options))
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	if err := remount(0, "size=4m"); err != nil {
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
	if !strings.Contains(err.Error(), "full") || uid < 5 {
		return fmt.Errorf("after %d mails: want a full disk, got %w", uid, err)
	}
	if err := has(ctx, s, uid); err != nil {
		return fmt.Errorf("full: %w", err)
	}
	if err := remount(unix.MS_REMOUNT, "size=40m"); err != nil {
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
	if err := remount(unix.MS_REMOUNT|unix.MS_RDONLY, "size=40m"); err != nil {
		return err
	}
	if _, err := sqlstore.Open(ctx, url, sqlstore.Options{}); err == nil || !strings.Contains(err.Error(), "store.url: ") {
		return fmt.Errorf("read-only: %w", err)
	}
	if err := remount(unix.MS_REMOUNT, "size=40m"); err != nil {
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
