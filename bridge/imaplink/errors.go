package imaplink

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-imap/v2"
)

// ErrGone is a server that just closed the connection. It is not io.EOF:
// go-imap takes that inside a literal for the literal's good end.
var ErrGone = errors.New("the server closed the connection")

// Refusal is the server's NO, BAD or BYE to a command.
type Refusal struct {
	What string
	Said *imap.Error
}

func (e *Refusal) Error() string {
	code := ""
	if e.Said.Code != "" {
		code = "[" + Printable(string(e.Said.Code), 40) + "] "
	}
	return fmt.Sprintf("%s: the server says %s %s%s", e.What, e.Said.Type, code, Printable(e.Said.Text, 200))
}

// Passing reports codes by which a server says that it is its own trouble, not
// the request's (RFC 5530 §3).
func (e *Refusal) Passing() bool {
	switch e.Said.Code {
	case imap.ResponseCodeUnavailable, imap.ResponseCodeServerBug, imap.ResponseCodeInUse, imap.ResponseCodeLimit:
		return true
	}
	return e.Said.Type == imap.StatusResponseTypeBye
}

// Throttled is a server's wish that we stay away for a while.
type Throttled struct {
	What  string
	Pause time.Duration
	Err   error // nil: the command itself went well
}

func (e *Throttled) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v (the server asks for a pause of %s)", e.Err, e.Pause)
	}
	return fmt.Sprintf("%s: the server asks for a pause of %s", e.What, e.Pause)
}

func (e *Throttled) Unwrap() error { return e.Err }

// Refused reports an answer of the server that left the connection in order.
func Refused(err error) bool {
	var no *Refusal
	var wait *Throttled
	return errors.As(err, &no) && !no.Passing() && !errors.As(err, &wait)
}

// ReadLiteral reads one piece to its end. After an error the connection must go
// (Cut): go-imap reads it from two goroutines if the command is touched again.
func ReadLiteral(l imap.LiteralReader) ([]byte, error) {
	b := make([]byte, l.Size())
	if n, err := io.ReadFull(l, b); err != nil {
		return nil, &brokenOff{n, len(b), err}
	}
	return b, nil
}

// brokenOff is a piece that ended too early.
type brokenOff struct {
	n, of int
	err   error
}

func (e *brokenOff) Error() string {
	return fmt.Sprintf("the server broke off after %d of %d bytes: %v", e.n, e.of, e.err)
}

func (e *brokenOff) Unwrap() error { return e.err }
