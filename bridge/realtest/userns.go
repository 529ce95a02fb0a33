package realtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// asRoot is what to put before a command that must run as root with other users at hand: nothing for
// root, else the program that makes a user namespace. In it our user is root, and the range of
// subordinate ids in /etc/subuid and /etc/subgid are the others.
func asRoot() ([]string, error) {
	if os.Getuid() == 0 {
		return nil, nil
	}
	unshare, err := find("util-linux", "/usr/bin/unshare")
	if err != nil {
		return nil, err
	}
	if _, err := find("uidmap", "/usr/bin/newuidmap"); err != nil {
		return nil, err
	}
	u, err := user.Current()
	if err != nil {
		return nil, err
	}
	for _, path := range []string{"/etc/subuid", "/etc/subgid"} {
		data, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		if !subordinate(string(data), u.Username, u.Uid) {
			return nil, fmt.Errorf("%s gives %s no 65536 ids: run `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %[2]s` as root", path, u.Username)
		}
	}
	wrap := []string{unshare, "--user", "--map-root-user", "--map-auto"}
	if err := try(append(wrap, "/bin/true")); err != nil {
		return nil, fmt.Errorf("user namespaces do not work here; run the tests as root, or look for the reason: a chroot, or the "+
			"settings user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns: %w", err)
	}
	return wrap, nil
}

// try runs a command and all that it starts, for some seconds at most: an unshare that is refused its
// namespace leaves a child that waits for ever.
func try(argv []string) error {
	var said bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = environ()
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = time.Second // that child holds our pipe
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := time.AfterFunc(patience, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stop.Stop()
	err := cmd.Wait()
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // most often nobody is left
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

// subordinate says whether the table of /etc/subuid gives a user a range that holds all system users.
func subordinate(table, name, uid string) bool {
	for line := range strings.Lines(table) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != name && f[0] != uid {
			continue
		}
		if n, err := strconv.Atoi(f[2]); err == nil && n >= 65535 {
			return true
		}
	}
	return false
}
