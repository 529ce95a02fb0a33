package smtpout

import (
	"context"
	"errors"
	"fmt"

	"ticketbridge/bridge"
)

// stage is where an attempt stands; bridge.Result.Stage takes its name.
type stage string

const (
	atConnect stage = "connect"
	atTLS     stage = "tls"
	atBanner  stage = "banner"
	atEHLO    stage = "ehlo"
	atAuth    stage = "auth"
	atMail    stage = "mail"
	atRcpt    stage = "rcpt"
	atData    stage = "data"
	atBody    stage = "body"
	atDot     stage = "dot"
)

// setup reports whether the stage comes before any message: what fails there is
// the transport.
func (s stage) setup() bool {
	switch s {
	case atConnect, atTLS, atBanner, atEHLO, atAuth:
		return true
	}
	return false
}

// cause is what kind of failure it is.
type cause int

const (
	faulty  cause = iota // connection, time-out, or words that are no SMTP
	refused              // a full reply 4yz or 5yz
	unfit                // the message itself: a bug of ours, or too big for the server
	stopped              // we were told to stop
	doubted              // the dot may have gone out and no full reply came
)

// failure is why an attempt did not end with acceptance.
type failure struct {
	stage stage
	cause cause
	reply reply // of refused
	err   error // of the others
}

func fault(at stage, err error) *failure { return &failure{stage: at, cause: faulty, err: err} }
func refusal(at stage, r reply) *failure { return &failure{stage: at, cause: refused, reply: r} }
func ours(at stage, err error) *failure  { return &failure{stage: at, cause: unfit, err: err} }
func doubt(err error) *failure           { return &failure{stage: atDot, cause: doubted, err: err} }

// cut is the failure of an attempt that ctx ended.
func cut(ctx context.Context, at stage) *failure {
	why := context.Cause(ctx)
	if errors.Is(why, errTooSlow) {
		return fault(at, why)
	}
	return &failure{stage: at, cause: stopped, err: fmt.Errorf("stopped: %w", why)}
}

func (f *failure) Error() string {
	if f.cause == refused {
		return f.reply.String()
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// result is the outcome of the attempt (INVARIANTS §3.2). 5yz while the
// connection is set up says that the transport is broken, not that the mail is
// refused, so it is retried like 4yz.
func (f *failure) result(addr string) bridge.Result {
	r := bridge.Result{Outcome: bridge.Temporary, Stage: string(f.stage), Reply: printable(f.Error())}
	r.Broken = f.stage.setup() && f.cause != stopped
	switch f.cause {
	case doubted:
		r.Outcome = bridge.InDoubt
	case unfit:
		r.Outcome = bridge.Permanent
	case refused:
		r.Code, r.Reply = f.reply.codes(), printable(f.reply.text())
		if f.reply.class() == 5 && !f.stage.setup() {
			r.Outcome = bridge.Permanent
		}
	case faulty:
		if f.stage.setup() {
			r.Reply = printable(addr + ": " + f.Error())
		}
	}
	return r
}

// wantsTLS is why a port may be silent to who waits for a banner.
const wantsTLS = ` (a port that expects TLS from the start wants tls = "implicit")`

// explain is the one line of Check: where, what, and what would be right.
func (f *failure) explain(addr string, tlsFirst bool) error {
	switch {
	case f.cause == refused && f.stage == atAuth && f.reply.class() == 5:
		return fmt.Errorf("%s: login refused: %w (check username and password)", addr, f)
	case f.cause == refused:
		return fmt.Errorf("%s: refused at %s: %w", addr, f.stage, f)
	case f.cause == stopped && errors.Is(f, context.DeadlineExceeded):
		late := fmt.Sprintf("%s: no answer in time (%s)", addr, f.stage)
		if f.stage == atBanner && !tlsFirst {
			late += wantsTLS
		}
		return errors.New(late)
	}
	return fmt.Errorf("%s: %w", addr, f)
}

// stale reports whether a connection from the pool turned out to be dead before
// it was of use: closed, reset, or 421 in answer to its first command, as a
// server says that closes idle connections. Nothing was handed over.
func (f *failure) stale() bool {
	if f.stage != atMail {
		return false
	}
	switch f.cause {
	case refused:
		return f.reply.code == 421
	case faulty:
		return errors.Is(f.err, errLost)
	}
	return false
}

// errLost marks faults of a connection that is gone, unlike one that hangs or
// talks nonsense.
var errLost = errors.New("connection lost")

// said is an error with its text in plain words, and what it stems from.
type said struct {
	text string
	errs []error
}

func (e *said) Error() string   { return e.text }
func (e *said) Unwrap() []error { return e.errs }
