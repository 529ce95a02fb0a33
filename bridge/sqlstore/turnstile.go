package sqlstore

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// turnstile lets processes write to a SQLite file by turns. SQLite's own lock
// knows no queue: whoever finds it free has it, so that a daemon with a backlog,
// back for the next transaction within microseconds, keeps an admin's command
// out until it gives up. Here one must pass the turnstile to ask for the lock,
// and stands in it until he has it: the daemon, back again, has to wait for him.
//
// It is an advisory lock on a file beside the database, which the kernel drops
// with its process, however that ends.
type turnstile struct{ file *os.File }

func newTurnstile(database string) (*turnstile, error) {
	f, err := os.OpenFile(database+"-turn", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &turnstile{f}, nil
}

// enter waits for its turn; leave lets the next one in.
func (t *turnstile) enter(ctx context.Context) error {
	for {
		err := unix.Flock(int(t.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("flock", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (t *turnstile) leave() { unix.Flock(int(t.file.Fd()), unix.LOCK_UN) }

func (t *turnstile) close() { t.file.Close() }
