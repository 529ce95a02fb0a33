package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ticketbridge/bridge"
)

var demoCommand = command{
	name:    "demo",
	summary: "show the whole way on this machine, in ten seconds",
	help: `Shows what ticketbridge does, without a server, a config or root: an IMAP server with two
agents' mailboxes and an SMTP server with a little helpdesk run inside this process, on
loopback, and the real daemon runs between them. Sample chats arrive one by one, and you
see what came, what became of it and why. Nothing is left behind.

With --keep it goes on serving until Ctrl-C and tells where, so that you can mail the
mailboxes yourself and try the other commands on its state.`,
	flags: func(c *call) {
		c.flags.BoolVar(&c.keep, "keep", false, "keep serving after the show, until Ctrl-C")
	},
	run: (*app).demo,
}

// demo is the stage: servers, daemon, and what both report.
type demo struct {
	*app
	sc    screen
	house *mailHouse
	dir   string
	cfg   *config
	d     *daemon

	recorded chan bridge.MailRecord
	settled  chan bridge.Settlement
	ended    chan error // the daemon's end
}

func (a *app) demo(ctx context.Context, c *call) (err error) {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m := &demo{app: a, sc: a.newScreen(), recorded: make(chan bridge.MailRecord, 100), settled: make(chan bridge.Settlement, 100), ended: make(chan error, 1)}
	defer func() { err = errors.Join(err, m.strike()) }()
	if err := m.build(ctx, c.keep); err != nil {
		return fmt.Errorf("build the stage: %w", err)
	}
	go func() { m.ended <- m.d.run(ctx) }()
	err = m.play(ctx)
	if err == nil && c.keep {
		m.tellHowToPlay()
		select {
		case <-ctx.Done():
		case err := <-m.ended:
			return err
		}
	}
	stop()
	if end := <-m.ended; err == nil {
		err = end
	}
	if errors.Is(err, context.Canceled) {
		return nil // Ctrl-C
	}
	return err
}

// build makes a state directory, the servers, a config file as an admin would
// write it, and the daemon.
func (m *demo) build(ctx context.Context, keep bool) (err error) {
	if m.dir, err = os.MkdirTemp("", "ticketbridge-demo-"); err != nil {
		return err
	}
	if m.house, err = openMailHouse("ann", "ben"); err != nil {
		return err
	}
	if err := m.writeConfig(keep); err != nil {
		return err
	}
	if m.cfg, err = m.loadConfig(m.configFile(), true); err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(m.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	log := newLogger(logFile, m.cfg.Log, false)
	m.d, err = m.newDaemon(ctx, m.cfg, log, hooks{
		recorded: func(r bridge.MailRecord) { offer(m.recorded, r, log) },
		settled:  func(s bridge.Settlement) { offer(m.settled, s, log) },
	})
	if err != nil {
		logFile.Close()
		return err
	}
	m.d.undo = append([]func(){func() { logFile.Close() }}, m.d.undo...)
	return nil
}

// offer hands v to the show; after it, with --keep, nobody listens any more.
func offer[T any](to chan T, v T, log *slog.Logger) {
	select {
	case to <- v:
	default:
		log.Debug("nobody watches")
	}
}

func (m *demo) configFile() string { return filepath.Join(m.dir, "config.toml") }

// writeConfig: the poll is short because go-imap's memory server never tells of
// a mail that came in between the last command and IDLE.
func (m *demo) writeConfig(keep bool) error {
	imapHost, imapPort, err := net.SplitHostPort(m.house.imapAddr)
	if err != nil {
		return err
	}
	smtpHost, smtpPort, err := net.SplitHostPort(m.house.smtpAddr)
	if err != nil {
		return err
	}
	page := ""
	if keep {
		if page, err = freeAddr(); err != nil {
			return err
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "state_dir = \".\"\ndomain = %q\nown_domains = [%q]\nagents = [\"ann@%[1]s\", \"ben@%[1]s\"]\n", demoDomain, demoDomain)
	for _, name := range []string{"ann", "ben"} {
		fmt.Fprintf(&b, "\n[[mailbox]]\nname = %q\nhost = %q\nport = %s\ntls = \"none\"\nusername = \"%s@%s\"\npassword_file = \"password\"\nauthserv_id = \"mx.%[5]s\"\nstart = \"all\"\npoll = \"2s\"\n",
			name, imapHost, imapPort, name, demoDomain)
	}
	fmt.Fprintf(&b, "\n[formats]\nenabled = [\"intercom\"]\n\n[format.intercom]\nauthenticate = \"header\"\nworkspace_host = %q\napp_id = \"abcd1234\"\n", workspaceHost)
	fmt.Fprintf(&b, "\n[target]\naddress = \"support@%s\"\n\n[transport]\nhost = %q\nport = %s\ntls = \"none\"\nusername = \"bridge\"\npassword_file = \"password\"\n", demoDomain, smtpHost, smtpPort)
	fmt.Fprintf(&b, "\n[http]\nlisten = %q\n", page)
	if err := os.WriteFile(filepath.Join(m.dir, "password"), []byte(m.house.password+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(m.configFile(), []byte(b.String()), 0o600)
}

// freeAddr finds a port for the status page. Another program may take it before
// the page does; then the demo says so and ends.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// strike takes the stage down; what was started has ended.
func (m *demo) strike() error {
	if m.d != nil {
		m.d.close()
	}
	if m.house != nil {
		m.house.close()
	}
	if m.dir == "" {
		return nil
	}
	return os.RemoveAll(m.dir)
}

func (m *demo) tellHowToPlay() {
	w := m.stdout
	fmt.Fprintf(w, "\n%s Ctrl-C ends it and removes everything.\n\n", m.sc.paint(bold, "It keeps serving."))
	fmt.Fprintf(w, "  IMAP  %s   ann@%s, ben@%[2]s\n", m.house.imapAddr, demoDomain)
	fmt.Fprintf(w, "  SMTP  %s   bridge (only support@%s gets mail)\n", m.house.smtpAddr, demoDomain)
	fmt.Fprintf(w, "  page  http://%s/\n", m.cfg.HTTP.Listen)
	fmt.Fprintf(w, "  password of all three: %s\n", m.house.password)
	fmt.Fprintf(w, "  state, config, log: %s\n\n", m.dir)
	fmt.Fprintf(w, "  export TICKETBRIDGE_CONFIG=%s\n  ticketbridge mails\n  ticketbridge show m1\n", m.configFile())
}

// patience is how long the show waits for one thing to happen; on a quiet
// machine each takes some milliseconds.
const patience = 15 * time.Second
