package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imapin"
	"ticketbridge/bridge/smtpout"
)

var checkCommand = command{
	name: "check", config: true,
	summary: "check the config; with --connect log in everywhere",
	help: `Reads the config the way the daemon does and reports everything that is wrong with it,
with line and key (exit 2). Nothing is started.

With --connect it also logs in to every mailbox, the mail server and the database, looks
for the folders, and says in one line each what works (exit 1 if something does not).
Nothing is sent, and no mail is touched.`,
	flags: func(c *call) { c.flags.BoolVar(&c.connect, "connect", false, "log in to everything") },
	run:   (*app).check,
}

// checkTimeout bounds each thing looked at.
const checkTimeout = 30 * time.Second

func (a *app) check(ctx context.Context, c *call) error {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	cfg, err := a.loadConfig(c.config, true)
	if err != nil {
		return err
	}
	sc := a.newScreen()
	for _, w := range cfg.warnings {
		fmt.Fprintf(a.stdout, "%s %s\n", sc.paint(warn, "warning:"), w)
	}
	fmt.Fprintf(a.stdout, "%s is right: %s, formats %s, tickets to %s\n", c.config,
		plural(len(cfg.Mailboxes), "mailbox", "mailboxes"), strings.Join(cfg.Formats.Enabled, ", "), cfg.Target.Address)
	if !c.connect {
		return nil
	}
	return a.connectAll(ctx, sc, cfg)
}

// probe is one thing to look at: its name, and what is said if it works.
type probe struct {
	name string
	try  func(context.Context) (string, error)
}

func (a *app) probes(cfg *config) []probe {
	ps := []probe{
		{"state_dir " + cfg.StateDir, func(context.Context) (string, error) { return probeStateDir(cfg.StateDir) }},
		{"database", func(ctx context.Context) (string, error) { return a.probeStore(ctx, cfg) }},
	}
	for _, m := range cfg.Mailboxes {
		ps = append(ps, probe{fmt.Sprintf("mailbox %s on %s", m.Name, m.Addr()), func(ctx context.Context) (string, error) {
			return "logged in, folders " + strings.Join(m.Folders, ", "), imapin.Check(ctx, m.Config)
		}})
	}
	return append(ps, probe{fmt.Sprintf("%s server %s", cfg.Transport.Kind, cfg.Transport.Host), func(ctx context.Context) (string, error) {
		t := smtpout.New(cfg.Transport)
		defer t.Close()
		return "ready to take messages", t.Check(ctx)
	}})
}

// connectAll tries everything at the same time and reports in order.
func (a *app) connectAll(ctx context.Context, sc screen, cfg *config) error {
	ps := a.probes(cfg)
	said, errs := make([]string, len(ps)), make([]error, len(ps))
	var all sync.WaitGroup
	for i, p := range ps {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			said[i], errs[i] = p.try(ctx)
		})
	}
	all.Wait()
	failed := 0
	for i, p := range ps {
		if errs[i] != nil {
			failed++
			fmt.Fprintf(a.stdout, "%s %s: %s\n", sc.paint(bad, "FAIL"), p.name, printable(errs[i].Error(), 1000))
			continue
		}
		fmt.Fprintf(a.stdout, "%s   %s: %s\n", sc.paint(good, "ok"), p.name, printable(said[i], 300))
	}
	if failed > 0 {
		fmt.Fprintf(a.stdout, "%s\n", plural(failed, "thing does not work", "things do not work"))
		return errSilent
	}
	return nil
}

func probeStateDir(dir string) (string, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "not there yet; serve makes it", nil
	case err != nil:
		return "", errors.New(reason(err))
	case !info.IsDir():
		return "", errors.New("not a directory")
	}
	if stateLocked(dir) {
		return "in use by a running daemon", nil
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "open to others; serve closes it", nil
	}
	return "there", nil
}

// probeStore opens the database without making or upgrading anything, and looks
// whether the key that belongs to it is there.
func (a *app) probeStore(ctx context.Context, cfg *config) (string, error) {
	if file, ok := strings.CutPrefix(cfg.Store.URL.Reveal(), "sqlite:"); ok {
		if !filepath.IsAbs(file) {
			file = filepath.Join(cfg.StateDir, file)
		}
		if !exists(file) {
			return "not there yet; serve makes it", nil
		}
	}
	var counts bridge.Counts
	err := a.withStoreOf(ctx, cfg, func(s bridge.Store) (err error) {
		counts, err = s.Counts(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	if _, err := readKey(cfg.StateDir); err != nil {
		return "", err
	}
	var mails int64
	for _, n := range counts.Mails {
		mails += n
	}
	return fmt.Sprintf("%d mails, %d conversations", mails, counts.Conversations), nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
