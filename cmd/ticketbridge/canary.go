package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// canary is the table [canary]: the doctor's small form, for ever.
type canary struct {
	Every   bridge.Duration `toml:"every"`   // 0: off
	Within  bridge.Duration `toml:"within"`  // later than this it is missing
	Address string          `toml:"address"` // "": target.address
	From    string          `toml:"from"`    // "": ticketbridge-test@ domain
	Want    string          `toml:"want"`    // "arrival", "ack", or "" for what can be seen
}

func defaultCanary() canary { return canary{Within: bridge.Duration(5 * time.Minute)} }

// canary checks the table, and that somebody can see the canary.
func (x *crosscheck) canary() {
	c := &x.Canary
	if c.Address != "" {
		x.addressAt("canary.address", c.Address)
	}
	if c.From != "" {
		x.addressAt("canary.from", c.From)
	}
	if c.Want == "" {
		c.Want = "ack"
		if x.canLook() {
			c.Want = "arrival"
		}
	}
	switch {
	case c.Every == 0:
		return
	case c.Within.D() < time.Second || c.Within > c.Every:
		x.add("canary.within", "want 1s to canary.every (%s), not %s", written(c.Every), written(c.Within))
	case c.Want != "arrival" && c.Want != "ack":
		x.add("canary.want", `want "arrival" or "ack", not %q`, c.Want)
	case c.Want == "arrival" && !x.canLook():
		x.add("canary.want", `"arrival" needs a mailbox to look in: want [probe] with host, username and password_file of the support mailbox`)
	case c.Want == "ack" && x.Target.Helpdesk.Answers.None && !x.Transport.api():
		x.add("canary.every", "nobody would see a canary: %s sends no acknowledgement; want [probe], with a login to the support mailbox", x.Target.Helpdesk.Title)
	case c.Address == "" && (len(x.Target.Helpdesk.Ignore) == 0 || c.Want == "ack"):
		x.warn("canary.every", "makes a ticket every %s; want canary.address, an address on the same way that makes none", written(c.Every))
	}
}

// canaries sends one canary after another and tells how each fared.
type canaries struct {
	every, within time.Duration
	// fly sends one and waits until it is seen; an error says what is missing.
	fly  func(context.Context) error
	told func(took time.Duration, err error)
	log  *slog.Logger
}

// firstCanary is how soon after a start: a daemon that restarts all the time
// must not send one each time.
const firstCanary = time.Minute

// Run flies canaries until ctx ends.
func (c canaries) Run(ctx context.Context) error {
	for wait := min(c.every, firstCanary); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		began := time.Now()
		err := c.fly(ctx)
		if ctx.Err() != nil {
			return nil
		}
		took := time.Since(began)
		c.log.Debug("canary flown", "took", took, "err", err)
		c.told(took, err)
		wait = max(c.every-took, 0)
	}
}

// newCanaries wires them for the daemon.
func (c *config) newCanaries(w *way, told func(time.Duration, error), log *slog.Logger) canaries {
	y := c.Canary
	composer := w.ingest.Composer
	if y.Address != "" {
		composer.Target.Address = y.Address
	}
	return canaries{every: y.Every.D(), within: y.Within.D(), told: told, log: log, fly: func(ctx context.Context) error {
		return w.flyOne(ctx, composer, bridge.Canary{
			Address: orElse(y.From, c.canaryFrom()), Nonce: strings.ToLower(rand.Text()), Now: time.Now(), Quiet: y.Want == "arrival",
		}, y)
	}}
}

// flyOne sends a canary and waits until what is wanted was seen.
func (w *way) flyOne(ctx context.Context, composer bridge.Composer, c bridge.Canary, y canary) error {
	f, err := w.begin(ctx, composer, c)
	if err != nil {
		return err
	}
	w.send(ctx, f, y.Within.D())
	if o := f.Result.Outcome; o != bridge.Accepted && o != bridge.InDoubt {
		return errors.New("not sent: " + f.Result.String())
	}
	seen := func() bool {
		return f.Result.Ticket != "" || f.Acknowledged() || y.Want == "arrival" && len(f.Landings) > 0
	}
	w.watch(ctx, f, y.Within.D()-time.Since(f.sent), func() bool { return seen() || f.Returned() != "" })
	switch {
	case f.Returned() != "":
		return errors.New(f.Returned())
	case y.Want == "arrival" && f.Junked():
		return errors.New("it ended in " + f.Landings[0].Where + ", a folder for junk")
	case seen():
		return nil
	}
	what := map[string]string{"arrival": "it did not arrive", "ack": "no acknowledgement came"}[y.Want]
	err = fmt.Errorf("%s within %s", what, written(y.Within))
	if trouble := f.troubles(); trouble != nil {
		err = fmt.Errorf("%w (%w)", err, trouble)
	}
	return err
}
