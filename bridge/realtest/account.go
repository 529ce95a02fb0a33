package realtest

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account is the user that a server runs as.
type account struct {
	User, Group string
	UID, GID    int
}

// unprivileged is the account of a server that refuses root or has no need of it: ours, or if we are
// root the first of names that exists.
func unprivileged(names ...string) (account, error) {
	if os.Getuid() != 0 {
		return me()
	}
	for _, name := range append(names, "nobody") {
		if u, err := user.Lookup(name); err == nil {
			return newAccount(u)
		}
	}
	return account{}, fmt.Errorf("no user among %q and nobody", names)
}

func me() (account, error) {
	u, err := user.Current()
	if err != nil {
		return account{}, err
	}
	return newAccount(u)
}

func newAccount(u *user.User) (account, error) {
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return account{}, err
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return account{}, err
	}
	return account{User: u.Username, Group: g.Name, UID: uid, GID: gid}, nil
}

// other says whether the account is not the one we run as.
func (a account) other() bool { return a.UID != os.Getuid() }

// credential is what a process needs to run as a; nil if that is who we are.
func (a account) credential() *syscall.Credential {
	if !a.other() {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
}

func (a account) own(path string) error {
	if !a.other() {
		return nil
	}
	return os.Chown(path, a.UID, a.GID)
}

func (a account) mkdir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o755); err != nil { // whatever the umask
		return err
	}
	return a.own(path)
}

// write makes a file of a's that nobody else may write.
func (a account) write(path string, mode os.FileMode, data []byte) error {
	if err := os.WriteFile(path, data, mode); err != nil {
		return err
	}
	return a.own(path)
}
