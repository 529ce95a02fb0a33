// Command ticketbridge turns chat mails mirrored into agents' mailboxes into
// tickets: it watches the mailboxes, finds the customer, and sends a new
// message to support as that customer.
//
// This package is the only place that knows every piece. Its chapters:
//
//	main.go       the list of commands; flags.go their flags and exit codes
//	config.go     the config file: what it holds; decode.go reads it strictly,
//	              lines.go finds where a key stands, crosscheck.go and
//	              secrets.go check what no single key shows
//	serve.go      the daemon: wiring only; lock.go and key.go guard its state,
//	              dns.go, logs.go, notify.go, observe.go are what it leans on
//	check.go parse.go formats.go health.go verify.go   questions that change nothing
//	doctor.go     a test mail the whole way: examine.go are its hops, way.go the way
//	              and the eyes at its end, canary.go the daemon's small form
//	views.go show.go act.go                  the admin's views and actions;
//	              viewsjson.go is their --json, table.go and term.go the screen
//	demo.go       the whole way on loopback servers, in ten seconds: demoplay.go
//	              is the show, demoservers.go the stage, demo/*.eml the cast
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ticketbridge/bridge"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal asks for an orderly end. Giving up the handler right
	// then lets a second one kill the process, as people expect.
	context.AfterFunc(ctx, stop)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now, pace: 500 * time.Millisecond, open: openStore}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// app is what a command needs of the process it runs in.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	pace           time.Duration // between two scenes of the demo, to read
	// open opens the database; tests put their own in its place.
	open func(ctx context.Context, c *config, existing bool) (bridge.Store, error)
}

// command is one word of the command line.
type command struct {
	name    string
	args    string // as the usage shows it
	summary string // one line, for the list
	help    string // what a person wants to know before using it
	run     func(a *app, ctx context.Context, c *call) error
	flags   func(c *call) // declares the flags besides -config
	config  bool          // has -config
}

// commands lists them as `ticketbridge help` shows them.
func commands() []command {
	return []command{
		serveCommand, checkCommand, doctorCommand, parseCommand, demoCommand,
		mailsCommand, conversationsCommand, outboxCommand, showCommand,
		retryCommand, releaseCommand, dropCommand, linkCommand,
		formatsCommand, targetsCommand, verifyCommand, healthCommand, versionCommand,
	}
}

// run executes one command line and returns the exit code: 0 done, 1 it did not
// work, 2 the command line or the config is wrong and nothing was started.
func (a *app) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		a.overview(a.stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return a.help(rest)
	case "-version", "--version":
		name = "version"
	}
	for _, cmd := range commands() {
		if cmd.name == name {
			return a.execute(ctx, cmd, rest)
		}
	}
	fmt.Fprintf(a.stderr, "ticketbridge: no command %q%s; see `ticketbridge help`\n", name, didYouMean(name, commandNames()))
	return exitUsage
}

func (a *app) help(topics []string) int {
	if len(topics) == 0 {
		a.overview(a.stdout)
		return exitOK
	}
	for _, cmd := range commands() {
		if cmd.name == topics[0] {
			newCall(a, cmd).usage(a.stdout)
			return exitOK
		}
	}
	fmt.Fprintf(a.stderr, "ticketbridge: no command %q%s; see `ticketbridge help`\n", topics[0], didYouMean(topics[0], commandNames()))
	return exitUsage
}

func (a *app) overview(w io.Writer) {
	fmt.Fprint(w, "ticketbridge raises a ticket for every chat mirrored into a mailbox.\n\n"+
		"usage: ticketbridge COMMAND [flags] [arguments]\n\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-14s %s\n", cmd.name, cmd.summary)
	}
	fmt.Fprint(w, "\n`ticketbridge help COMMAND` says more. IDs are m12 (a mail), c7 (a conversation), d9 (a\n"+
		"ticket message); wherever one is asked for, a customer's address, a ticket's number or a\n"+
		"Ref such as KX7Q-2M9D will do as long as it means one thing.\n")
}

func commandNames() []string {
	var names []string
	for _, cmd := range commands() {
		names = append(names, cmd.name)
	}
	return names
}
