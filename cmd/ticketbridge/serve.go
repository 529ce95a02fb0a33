package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imapin"
	"ticketbridge/bridge/status"
	"ticketbridge/mailparse"
)

var serveCommand = command{
	name: "serve", config: true,
	summary: "run the daemon: watch the mailboxes, raise tickets",
	help: `Runs the daemon in the foreground: watches the mailboxes and raises tickets until it is
told to stop (SIGTERM or Ctrl-C; a second one ends it at once). It logs to standard error
and tells systemd (Type=notify) where it stands. A changed config counts from the next start.

A mailbox or helpdesk that cannot be reached is tried again with growing pauses, while the
others go on. Only a wrong config (exit 2), a state directory in use, or a database that
cannot be opened keep it from starting.`,
	run: (*app).serve,
}

// stopWithin bounds an orderly end (systemd's patience is longer). The outbox
// itself waits 8 s for a message that is inside DATA.
const stopWithin = 10 * time.Second

func (a *app) serve(ctx context.Context, c *call) error {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	cfg, err := a.loadConfig(c.config, true)
	if err != nil {
		return err
	}
	log := newLogger(a.stderr, cfg.Log, a.getenv("JOURNAL_STREAM") != "")
	log.Info("started", "version", buildVersion(), "config", c.config)
	for _, w := range cfg.warnings {
		log.Warn("config", "key", w.key, "line", w.line, "warning", w.text)
	}
	d, err := a.newDaemon(ctx, cfg, log, hooks{})
	switch {
	case err != nil && ctx.Err() != nil:
		log.Info("stopped while starting")
		return nil
	case err != nil:
		return err
	}
	defer d.close()
	notify(log, "READY=1\nSTATUS=watching "+strings.Join(d.names(), ", "))
	stopping := context.AfterFunc(ctx, func() {
		log.Info("stopping")
		notify(log, "STOPPING=1")
	})
	defer stopping()
	err = within(ctx, stopWithin, d.run)
	log.Info("stopped")
	return err
}

// within runs do and gives up on it when it has not returned so long after ctx
// ended: what it leaves behind is as if the machine had lost power then, which
// the store is made for.
func within(ctx context.Context, patience time.Duration, do func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return fmt.Errorf("did not stop within %s; what was being sent is in doubt", patience)
	}
}

// hooks let the demo watch the daemon at work; all may be nil.
type hooks struct {
	recorded func(bridge.MailRecord)
	settled  func(bridge.Settlement)
}

// daemon is everything `serve` runs, wired.
type daemon struct {
	cfg       *config
	log       *slog.Logger
	store     bridge.Store
	transport bridge.Transport
	ingest    *bridge.Ingest
	sender    *bridge.Sender
	clock     *bridge.Clock
	mailboxes []*imapin.Mailbox
	page      *status.Page
	canaries  *canaries // nil: off
	undo      []func()
}

// newDaemon opens what the daemon needs and wires it; nothing runs yet. It is one
// straight line: what is opened here is closed in reverse order by close.
func (a *app) newDaemon(ctx context.Context, cfg *config, log *slog.Logger, h hooks) (_ *daemon, err error) {
	d := &daemon{cfg: cfg, log: log}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if err := openStateDir(cfg.StateDir); err != nil {
		return nil, err
	}
	unlock, err := lockState(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	d.undo = append(d.undo, unlock)
	if d.store, err = a.open(ctx, cfg, false); err != nil {
		return nil, err
	}
	d.undo = append(d.undo, func() {
		if err := d.store.Close(); err != nil {
			log.Error("database did not close", "err", err)
		}
	})
	if err := tellRestore(ctx, d.store, log, a.now()); err != nil {
		return nil, err
	}
	secret, err := readOrMakeKey(ctx, cfg.StateDir, d.store)
	if err != nil {
		return nil, err
	}
	if d.ingest, err = cfg.newIngest(d.store, secret, log); err != nil {
		return nil, err
	}
	if err := checkKey(ctx, d.ingest.Keys, d.store, cfg.StateDir); err != nil {
		return nil, err
	}
	d.transport = cfg.newTransport()
	prober, closeProber := cfg.prober()
	d.undo = append(d.undo, func() { d.transport.Close(); closeProber() })
	d.sender = bridge.NewSender(bridge.Sender{
		Store: d.store, Transport: d.transport, Worker: cfg.worker(), Parallel: cfg.Transport.Connections,
		OnDoubt: cfg.Target.OnDoubt, Prober: prober, Probing: cfg.Probe.probing(), Schedule: cfg.Outbox.schedule(), Log: log,
	})
	d.ingest.Kick = d.sender.Kick
	d.clock = &bridge.Clock{Ingest: d.ingest, Store: d.store, Log: log}
	for _, m := range cfg.Mailboxes {
		hold := imapin.Hold{Holder: cfg.worker(), TTL: cfg.Store.Lease.D()}
		d.mailboxes = append(d.mailboxes, imapin.NewMailbox(m.Config, d.store, hold, d.ingest.Handle, log))
	}
	d.page = status.New(cfg.HTTP, status.Sources{
		Store: d.store, Folders: d.folders, Mailboxes: d.names(), Version: buildVersion(), Log: log,
		ConfirmWithin: cfg.Target.Acknowledged(),
	})
	d.observe(h)
	if cfg.Canary.Every > 0 {
		w, err := cfg.newWay(secret, log)
		if err != nil {
			return nil, err
		}
		d.undo = append(d.undo, w.close)
		cs := cfg.newCanaries(w, d.page.CanaryFlown, log)
		d.canaries = &cs
	}
	return d, nil
}

// tellRestore says aloud, for as long as anybody may wonder, that the database
// was found to have been restored from a backup.
func tellRestore(ctx context.Context, s bridge.Ledger, log *slog.Logger, now time.Time) error {
	c, err := s.Counts(ctx)
	if err != nil {
		return fmt.Errorf("look whether the database was restored: %w", err)
	}
	if !c.Restored.IsZero() && now.Sub(c.Restored) < 24*time.Hour {
		log.Error("the database was restored from a backup, or lost; what may have been sent before is in doubt", "found", c.Restored, "doubts", c.Deliveries[bridge.Doubt])
	}
	return nil
}

func (d *daemon) names() []string {
	var names []string
	for _, m := range d.cfg.Mailboxes {
		names = append(names, m.Name)
	}
	return names
}

// run works until ctx ends. A mailbox that fails keeps trying by itself; an
// error here means that the daemon cannot go on.
func (d *daemon) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range d.mailboxes {
		g.Go(func() error { return m.Run(ctx) })
	}
	g.Go(func() error { return d.sender.Run(ctx) })
	g.Go(func() error { return d.clock.Run(ctx) })
	g.Go(func() error { return d.page.Run(ctx) })
	if d.canaries != nil {
		g.Go(func() error { return d.canaries.Run(ctx) })
	}
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (d *daemon) close() {
	for i := len(d.undo) - 1; i >= 0; i-- {
		d.undo[i]()
	}
	d.undo = nil
}

// newIngest wires steps 2 to 7: `serve` has one, and `release` judges with the
// same.
func (c *config) newIngest(s bridge.Store, secret []byte, log *slog.Logger) (*bridge.Ingest, error) {
	opts, err := c.parserOptions()
	if err != nil {
		return nil, err
	}
	parser, err := mailparse.NewParser(opts)
	if err != nil {
		return nil, fmt.Errorf("parser: %w", err)
	}
	keys, err := bridge.NewKeys(secret, c.Domain)
	if err != nil {
		return nil, err
	}
	return &bridge.Ingest{
		Identity: bridge.IdentityChooser{Target: c.Target.Target, Transport: c.Transport.Kind, DMARC: &bridge.DMARC{LookupTXT: new(net.Resolver).LookupTXT}},
		Parser:   parser, Store: s, Keys: keys, Trust: c.trust(), Rules: bridge.Rules(c.Target.Target), Log: log,
		Composer: bridge.Composer{Target: c.Target.Target, OwnDomains: c.ownDomains()},
	}, nil
}

// trust is how mails are told from forged ones.
func (c *config) trust() bridge.Trust {
	t := bridge.Trust{
		Formats: map[string]bridge.FormatTrust{}, AuthservID: map[string]string{},
		Agents: c.agents(), LookupTXT: newTXTCache().lookup,
	}
	for name, f := range c.Format {
		t.Formats[name] = bridge.FormatTrust{Authenticate: f.Authenticate, DKIMDomains: f.DKIMDomains}
	}
	for _, m := range c.Mailboxes {
		t.AuthservID[m.Name] = m.AuthservID
	}
	return t
}

// worker names this daemon among those that share a database. It must outlive a
// restart, so that what it left in flight is recognised. SQLite has one daemon,
// by the lock, whatever the host is called.
func (c *config) worker() string {
	if strings.HasPrefix(c.Store.URL.Reveal(), "sqlite:") {
		return "local"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + ":" + c.StateDir
}
