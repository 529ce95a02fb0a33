package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Leases see to it that each mailbox is watched by one daemon, whatever the
// others think: several may share a database, and any of them may be stopped
// for an hour and go on as if nothing had been (SIGSTOP, a suspended machine).
//
// A lease is taken for a time and renewed well before its end. Whether it has
// ended is for the database's clock to say. What is written under it carries its
// token (Fenced), and is written only while the token is the last one given out:
// a holder that was overtaken records nothing more.
type Leases interface {
	// Lease takes a mailbox: one that nobody holds, that was not renewed in time,
	// or that this holder held before it ended. Otherwise the error is a *HeldError.
	Lease(ctx context.Context, mailbox, holder string, ttl time.Duration) (Lease, error)
	// Renew makes it last for ttl from now, even a late one nobody else took.
	// ErrLost if somebody did.
	Renew(ctx context.Context, l Lease, ttl time.Duration) error
	// Release lets others have it at once.
	Release(ctx context.Context, l Lease) error
}

// Lease is the right to watch a mailbox.
type Lease struct {
	Mailbox string
	Holder  string
	Token   int64 // another one each time the mailbox is taken
}

// ErrLost: the mailbox was taken by another daemon, or by a later run of this
// one. Nothing was recorded.
var ErrLost = errors.New("the lease of the mailbox is lost")

// HeldError says who holds a mailbox.
type HeldError struct {
	Mailbox, Holder string
	Until           time.Time // if it is not renewed
}

func (h *HeldError) Error() string {
	return fmt.Sprintf("mailbox %s is held by %s until %s", h.Mailbox, h.Holder, h.Until.Format(time.TimeOnly+"Z"))
}

type fenceKey struct{}

// Fenced returns a context under which a store writes only while l is the last
// lease of its mailbox, checked in the transaction that writes; else ErrLost.
// The context carries it so that no call on the way can forget to.
func Fenced(ctx context.Context, l Lease) context.Context {
	return context.WithValue(ctx, fenceKey{}, l)
}

// Fence returns the lease that ctx is bound to, if any; for stores.
func Fence(ctx context.Context) (l Lease, bound bool) {
	l, bound = ctx.Value(fenceKey{}).(Lease)
	return l, bound
}
