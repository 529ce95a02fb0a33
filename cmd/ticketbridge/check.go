package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/httpout"
	"ticketbridge/bridge/imapin"
	"ticketbridge/bridge/imapout"
	"ticketbridge/bridge/smtpout"
)

var checkCommand = command{
	name: "check", config: true,
	summary: "check the config; with --connect log in everywhere",
	help: `Reads the config the way the daemon does and reports everything that is wrong with it,
with line and key (exit 2). Nothing is started.

With --connect it also logs in to every mailbox, the mail server and the database, looks
for the folders, asks the mail server whether it would take a message for target.address,
and says in one line each what works (exit 1 if something does not). Nothing is sent, and
no mail is touched. Run it as the user that the daemon runs as: it looks at state_dir with
that user's eyes.`,
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

// probe is one thing to look at.
type probe struct {
	name string
	try  func(context.Context) (found, error)
}

// found is what is said of a thing that works, and what is odd about it.
type found struct{ says, odd string }

func (a *app) probes(cfg *config) []probe {
	ps := []probe{
		{"state_dir " + cfg.StateDir, func(context.Context) (found, error) { return probeStateDir(cfg.StateDir) }},
		{"database", func(ctx context.Context) (found, error) { return a.probeStore(ctx, cfg) }},
	}
	for _, m := range cfg.Mailboxes {
		ps = append(ps, probe{fmt.Sprintf("mailbox %s on %s", m.Name, m.Addr()), func(ctx context.Context) (found, error) {
			return found{says: "logged in, folders " + strings.Join(m.Folders, ", ")}, imapin.Check(ctx, m.Config)
		}})
	}
	ps = append(ps, probe{fmt.Sprintf("%s server %s", cfg.Transport.Kind, cfg.Transport.server()), cfg.probeTransport})
	if cfg.Target.OnDoubt == "probe" {
		m := cfg.supportMailbox()
		ps = append(ps, probe{"support mailbox on " + m.Host, func(ctx context.Context) (found, error) {
			return found{says: "messages in doubt are looked for in " + strings.Join(m.Folders, ", ")}, checkMailbox(ctx, m, nil)
		}})
	}
	return ps
}

// connectAll tries everything at the same time and reports in order.
func (a *app) connectAll(ctx context.Context, sc screen, cfg *config) error {
	ps := a.probes(cfg)
	got, errs := make([]found, len(ps)), make([]error, len(ps))
	var all sync.WaitGroup
	for i, p := range ps {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			got[i], errs[i] = p.try(ctx)
		})
	}
	all.Wait()
	failed := 0
	for i, p := range ps {
		if errs[i] != nil {
			failed++
			for _, err := range unjoin(errs[i]) {
				fmt.Fprintf(a.stdout, "%s %s: %s\n", sc.paint(bad, "FAIL"), p.name, printable(err.Error(), 1000))
			}
			continue
		}
		fmt.Fprintf(a.stdout, "%s   %s: %s\n", sc.paint(good, "ok"), p.name, printable(got[i].says, 300))
		if got[i].odd != "" {
			fmt.Fprintf(a.stdout, "%s %s: %s\n", sc.paint(warn, "warning:"), p.name, printable(got[i].odd, 500))
		}
	}
	if failed > 0 {
		fmt.Fprintf(a.stdout, "%s\n", plural(failed, "thing does not work", "things do not work"))
		return errSilent
	}
	return nil
}

// probeTransport asks the mail server for what the first ticket will ask.
func (c *config) probeTransport(ctx context.Context) (found, error) {
	if c.Transport.imap() {
		f := found{says: "ready to take messages in " + c.Transport.Folder}
		return f, checkMailbox(ctx, c.appendTo(), &f.odd)
	}
	if c.Transport.api() {
		return found{says: "ready to make tickets"}, httpout.New(c.Transport.http()).Check(ctx)
	}
	t := smtpout.New(c.Transport.Config)
	defer t.Close()
	offer, err := t.Check(ctx, "bounce+check@"+c.Domain, c.Target.Address)
	if err != nil {
		return found{}, err
	}
	f := found{says: "ready to take messages for " + c.Target.Address}
	biggest := slices.MaxFunc(c.Mailboxes, func(a, b mailbox) int { return cmp.Compare(a.MaxSize, b.MaxSize) })
	size := int64(biggest.MaxSize)
	if c.Target.AttachOriginal {
		size *= 2 // the customer's files travel twice
	}
	if offer.MaxSize > 0 && offer.MaxSize < size {
		f.odd = fmt.Sprintf("it takes at most %s a message (SIZE), and mailbox %q reads mails of up to %s: the ticket of a bigger one would be refused; raise the server's limit or lower max_size",
			bridge.Size(offer.MaxSize), biggest.Name, biggest.MaxSize)
	}
	return f, nil
}

// checkMailbox logs in to the support mailbox and opens its folders.
func checkMailbox(ctx context.Context, cfg imapout.Config, odd *string) error {
	m := imapout.New(cfg)
	defer m.Close()
	warnings, err := m.Check(ctx)
	if odd != nil {
		*odd = strings.Join(warnings, "; ")
	}
	return err
}

// probeStore opens the database without making or upgrading anything, and looks
// whether the key that belongs to it is there.
func (a *app) probeStore(ctx context.Context, cfg *config) (found, error) {
	if file, ok := strings.CutPrefix(cfg.Store.URL.Reveal(), "sqlite:"); ok {
		if !filepath.IsAbs(file) {
			file = filepath.Join(cfg.StateDir, file)
		}
		if !exists(file) {
			return found{says: "not there yet; serve makes it"}, nil
		}
	}
	var counts bridge.Counts
	err := a.withStoreOf(ctx, cfg, func(s bridge.Store) (err error) {
		counts, err = s.Counts(ctx)
		return err
	})
	if err != nil {
		return found{}, err
	}
	if _, err := readKey(cfg.StateDir); err != nil {
		return found{}, err
	}
	var mails int64
	for _, n := range counts.Mails {
		mails += n
	}
	return found{says: fmt.Sprintf("%d mails, %d conversations", mails, counts.Conversations)}, nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
