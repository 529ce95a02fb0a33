package realtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// PostfixServer is a running Postfix that delivers into a Dovecot. Stop lets deliveries that are under
// way end first; Kill9 can make Postfix deliver a message once more after the next start.
type PostfixServer struct {
	*Server
	SMTP        Addr // relays for loopback without a password; STARTTLS offered
	Submission  Addr // STARTTLS and AUTH required
	Submissions Addr // the same, TLS from the first byte
	CAFile      string

	elsewhere *Mailbox
}

// PostfixConfig is what a private Postfix can have differently: lines of main.cf, which take the place of
// those that set the same parameter, and further lines of master.cf.
type PostfixConfig struct {
	Main, Master string
}

// Postfix returns the Postfix that delivers into d and that the test binary's tests share.
func Postfix(t testing.TB, d *DovecotServer) *PostfixServer {
	t.Helper()
	shared.mu.Lock()
	o := shared.postfix[d]
	if o == nil {
		o = &once[*PostfixServer]{}
		shared.postfix[d] = o
	}
	p, err := o.start(func() (*PostfixServer, error) { return shared.newPostfix(d, PostfixConfig{}) })
	shared.mu.Unlock()
	if err != nil {
		t.Fatalf("realtest: %v", err)
	}
	p.logIfFailed(t)
	p.Start(t)
	return p
}

// NewPostfix starts a Postfix for this test alone.
func NewPostfix(t testing.TB, d *DovecotServer, c PostfixConfig) *PostfixServer {
	t.Helper()
	return private(t, func() (*PostfixServer, error) { return shared.newPostfix(d, c) })
}

// Elsewhere is the mailbox that all mail to other domains than Domain ends in.
func (p *PostfixServer) Elsewhere() *Mailbox { return p.elsewhere }

// Send hands a message in at the SMTP port; from "" is the null sender.
func (p *PostfixServer) Send(t testing.TB, from, to string, raw []byte) {
	t.Helper()
	c, err := smtp.Dial(string(p.SMTP))
	if err != nil {
		t.Fatalf("realtest: connect to %s: %v", p.name, err)
	}
	defer c.Close()
	if err := send(c, from, to, raw); err != nil {
		t.Fatalf("realtest: send to %s: %v", to, err)
	}
}

// newPostfix sets a Postfix up and starts it. r.mu is held.
func (r *rig) newPostfix(d *DovecotServer, c PostfixConfig) (*PostfixServer, error) {
	master, err := find("postfix", "/usr/lib/postfix/sbin/master", "/usr/libexec/postfix/master")
	if err != nil {
		return nil, err
	}
	wrap, err := asRoot()
	if err != nil {
		return nil, fmt.Errorf("start postfix, whose master must be root: %w", err)
	}
	who, err := me()
	if err != nil {
		return nil, err
	}
	s, err := r.newServer("postfix", who)
	if err != nil {
		return nil, err
	}
	p := &PostfixServer{Server: s, CAFile: r.certs.ca}
	if p.elsewhere, err = d.newMailbox(s.name + "-elsewhere"); err != nil {
		return nil, err
	}
	if err := r.takePorts(&p.SMTP, &p.Submission, &p.Submissions); err != nil {
		return nil, err
	}
	if err := p.configure(d, c, r.certs); err != nil {
		return nil, fmt.Errorf("configure %s: %w", s.name, err)
	}
	if err := p.spool(wrap); err != nil {
		return nil, fmt.Errorf("make queue of %s: %w", s.name, err)
	}
	// -d keeps it in the foreground.
	s.argv = slices.Concat(wrap, []string{master, "-c", filepath.Join(s.dir, "etc"), "-d"})
	s.stop = syscall.SIGTERM
	s.quiet = func() bool { return quiet(wrap, s.dir) }
	s.ready = func(ctx context.Context) error { return greets(ctx, p.SMTP, "220 ") }
	return p, s.start()
}

func (p *PostfixServer) configure(d *DovecotServer, c PostfixConfig, crt certs) error {
	etc := filepath.Join(p.dir, "etc")
	if err := p.as.mkdir(etc); err != nil {
		return err
	}
	type values struct {
		*PostfixServer
		PostfixConfig
		LMTP                                       Addr
		Domain, Dir, CertFile, KeyFile, SASLSocket string
	}
	v := values{p, c, d.LMTP, Domain, p.dir, crt.cert, crt.key, d.SASLSocket}
	main, err := render("main.cf", v)
	if err != nil {
		return err
	}
	if err := writeOld(filepath.Join(etc, "main.cf"), override(string(main), c.Main)); err != nil {
		return err
	}
	master, err := render("master.cf", v)
	if err != nil {
		return err
	}
	if err := writeOld(filepath.Join(etc, "master.cf"), string(master)); err != nil {
		return err
	}
	domain := strings.ReplaceAll(Domain, ".", `\.`)
	tables := map[string]string{
		"elsewhere":  fmt.Sprintf("!/@%s$/ %s\n", domain, p.elsewhere.Address),
		"recipients": fmt.Sprintf("/^refused(\\+.*)?@%[1]s$/ 550 5.1.1 no such user\n/^later(\\+.*)?@%[1]s$/ 451 4.7.1 come back later\n", domain),
	}
	for name, table := range tables {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(table), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// override puts the lines of own in place of those that set the same parameters. Postfix would take the
// last of two, but each of its processes would log a warning, and postlogd, which logs to itself, hangs
// for ever if many of them start at once.
func override(defaults, own string) string {
	set := map[string]bool{}
	for line := range strings.Lines(own) {
		name, _, _ := strings.Cut(line, "=")
		set[strings.TrimSpace(name)] = true
	}
	var b strings.Builder
	for line := range strings.Lines(defaults) {
		if name, _, _ := strings.Cut(line, "="); !set[strings.TrimSpace(name)] {
			b.WriteString(line)
		}
	}
	return b.String() + own
}

// writeOld makes a file look old: Postfix waits for seconds until nobody may still be writing its
// configuration.
func writeOld(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	old := time.Now().Add(-time.Hour)
	return os.Chtimes(path, old, old)
}

// spool makes the queue's directories; `postfix check` would do it too, but it also looks through the
// whole installation and takes seconds.
func (p *PostfixServer) spool(wrap []string) error {
	const script = `
		mkdir "$1/queue" "$1/data" && cd "$1/queue" &&
		mkdir -m 700 active bounce corrupt defer deferred flush hold incoming private saved trace &&
		mkdir -m 730 maildrop && mkdir -m 710 public && mkdir -m 755 pid &&
		chown postfix active bounce corrupt defer deferred flush hold incoming private saved trace maildrop public ../data &&
		chgrp postdrop maildrop public`
	if out, err := command(wrap, "/bin/sh", "-c", script, "sh", p.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// quiet says whether the Postfix in dir delivers nothing at the moment. A message is in the mailbox
// before Postfix takes it out of its queue: stopped in between, Postfix delivers it once more.
func quiet(wrap []string, dir string) bool {
	queue := filepath.Join(dir, "queue")
	out, err := command(wrap, "/usr/bin/find", filepath.Join(queue, "incoming"), filepath.Join(queue, "active"), "-type", "f").Output()
	return err == nil && len(out) == 0 // find stumbles over a file that goes meanwhile
}

func command(wrap []string, argv ...string) *exec.Cmd {
	argv = slices.Concat(wrap, argv)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = environ()
	return cmd
}
