package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // wrong command line or config: nothing was started
)

const defaultConfig = "/etc/ticketbridge/config.toml"

// call is one use of a command: its flags and arguments.
type call struct {
	cmd   command
	flags *flag.FlagSet
	args  []string

	config string
	json   bool
	now    func() time.Time

	list         listing // mails, conversations, outbox
	raw          bool    // show
	why          string  // retry, release, drop
	customer     string  // release
	maxSize      string  // release
	anew         bool    // retry
	withoutFiles bool    // retry
	url          string  // link
	shared       string  // link
	profile      string  // parse
	explain      bool    // parse
	connect      bool    // check
	keep         bool    // demo
	doctor       doctorFlags
}

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return usageError{fmt.Sprintf(format, args...)}
}

// errSilent ends a command whose own output said already what is wrong.
var errSilent = errors.New("said already")

func newCall(a *app, cmd command) *call {
	c := &call{cmd: cmd, now: a.now, flags: flag.NewFlagSet(cmd.name, flag.ContinueOnError)}
	c.flags.SetOutput(io.Discard)
	if cmd.config {
		file := defaultConfig
		if v := a.getenv("TICKETBRIDGE_CONFIG"); v != "" {
			file = v
		}
		c.flags.StringVar(&c.config, "config", file, "config `FILE`; or $TICKETBRIDGE_CONFIG")
	}
	if cmd.flags != nil {
		cmd.flags(c)
	}
	return c
}

// jsonFlag declares --json.
func (c *call) jsonFlag() {
	c.flags.BoolVar(&c.json, "json", false, "print JSON, one object a line")
}

// parse reads flags wherever they stand, so that `show m12 --json` works; the
// flag package alone stops at the first argument. After "--" all are arguments.
func (c *call) parse(args []string) error {
	for {
		if err := c.flags.Parse(args); err != nil {
			return err
		}
		rest := c.flags.Args()
		if len(rest) == 0 {
			return nil
		}
		if used := len(args) - len(rest); used > 0 && args[used-1] == "--" {
			c.args = append(c.args, rest...)
			return nil
		}
		c.args = append(c.args, rest[0])
		args = rest[1:]
	}
}

func (a *app) execute(ctx context.Context, cmd command, args []string) int {
	c := newCall(a, cmd)
	err := c.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		c.usage(a.stdout)
		return exitOK
	}
	if err != nil {
		err = usageError{err.Error()}
	} else {
		err = cmd.run(a, ctx, c)
	}
	return a.report(c, err)
}

// report prints how a command ended, where it did not end well.
func (a *app) report(c *call, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailed
	}
	if usage, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(a.stderr, "ticketbridge %s: %s\nusage: ticketbridge %s\n", c.cmd.name, usage.text, c.line())
		return exitUsage
	}
	if wrong, ok := errors.AsType[problems](err); ok {
		wrong.print(a.stderr)
		return exitUsage
	}
	for _, err := range unjoin(err) {
		fmt.Fprintf(a.stderr, "ticketbridge %s: %s\n", c.cmd.name, printable(err.Error(), 2000))
	}
	return exitFailed
}

// line is the command line's shape: "show ID [flags]".
func (c *call) line() string {
	s := c.cmd.name
	n := 0
	c.flags.VisitAll(func(*flag.Flag) { n++ })
	if n > 0 {
		s += " [flags]"
	}
	return strings.TrimRight(s+" "+c.cmd.args, " ")
}

func (c *call) usage(w io.Writer) {
	fmt.Fprintf(w, "usage: ticketbridge %s\n\n%s\n", c.line(), strings.TrimSpace(c.cmd.help))
	first := true
	c.flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nflags:\n")
			first = false
		}
		kind, text := flag.UnquoteUsage(f)
		name := "--" + f.Name
		if kind != "" {
			name += " " + kind
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %-20s %s\n", name, text)
	})
}

// wantArgs refuses a wrong number of arguments; most < 0 means any number.
func (c *call) wantArgs(least, most int) error {
	switch n := len(c.args); {
	case n < least:
		return usagef("want %s", c.cmd.args)
	case most >= 0 && n > most && most == 0:
		return usagef("takes no argument, but got %q", c.args[0])
	case most >= 0 && n > most:
		return usagef("one argument too many: %q", c.args[most])
	}
	return nil
}

// moment is a flag that takes a time: "2h" ago, a date, or RFC 3339.
type moment struct {
	t   *time.Time
	now func() time.Time
}

func (m moment) String() string { return "" }

func (m moment) Set(s string) error {
	var ago bridge.Duration
	if err := ago.UnmarshalText([]byte(s)); err == nil {
		*m.t = m.now().Add(-ago.D())
		return nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			*m.t = t
			return nil
		}
	}
	return fmt.Errorf(`want how long ago ("2h", "3d"), a date ("2026-11-01") or RFC 3339`)
}
