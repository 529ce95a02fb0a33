package realtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// DovecotServer is a running Dovecot.
type DovecotServer struct {
	*Server
	IMAP        Addr   // STARTTLS, and passwords in plain text too
	IMAPS       Addr   // TLS from the first byte
	LMTP        Addr   // over TCP, no TLS
	LMTPSocket  string // over a unix socket
	SASLSocket  string // for Postfix
	CAFile      string // signed the certificate, which is for 127.0.0.1, localhost and mail.example.com
	OtherCAFile string // signed nothing

	config    string
	doveadm   string
	mailboxes atomic.Int64
}

// DovecotConfig is what a private Dovecot can have differently.
type DovecotConfig struct {
	MailLocation string // default "maildir:~/Maildir"
	Extra        string // further lines of dovecot.conf, for instance "imap_capability = IMAP4rev1"
	Sieve        string // a script (RFC 5228) that every mail goes through on its way by LMTP
}

// Dovecot returns the Dovecot that the test binary's tests share. If a test left it stopped, it is
// started again.
func Dovecot(t testing.TB) *DovecotServer {
	t.Helper()
	shared.mu.Lock()
	d, err := shared.dovecot.start(func() (*DovecotServer, error) { return shared.newDovecot(DovecotConfig{}) })
	shared.mu.Unlock()
	if err != nil {
		t.Fatalf("realtest: %v", err)
	}
	d.logIfFailed(t)
	d.Start(t)
	return d
}

// NewDovecot starts a Dovecot for this test alone.
func NewDovecot(t testing.TB, c DovecotConfig) *DovecotServer {
	t.Helper()
	return private(t, func() (*DovecotServer, error) { return shared.newDovecot(c) })
}

// newDovecot sets a Dovecot up and starts it. r.mu is held.
func (r *rig) newDovecot(c DovecotConfig) (*DovecotServer, error) {
	if _, err := find("dovecot-imapd", "/usr/lib/dovecot/imap", "/usr/libexec/dovecot/imap"); err != nil {
		return nil, err
	}
	if _, err := find("dovecot-lmtpd", "/usr/lib/dovecot/lmtp", "/usr/libexec/dovecot/lmtp"); err != nil {
		return nil, err
	}
	program, err := find("dovecot-core", "/usr/sbin/dovecot")
	if err != nil {
		return nil, err
	}
	doveadm, err := find("dovecot-core", "/usr/bin/doveadm")
	if err != nil {
		return nil, err
	}
	if v, err := exec.Command(program, "--version").Output(); err != nil || !strings.HasPrefix(string(v), "2.3.") {
		return nil, fmt.Errorf("%s is version %q: these tests want Dovecot 2.3, as in Debian 12 (%v)", program, v, err)
	}
	who, err := unprivileged("dovecot")
	if err != nil {
		return nil, err
	}
	s, err := r.newServer("dovecot", who)
	if err != nil {
		return nil, err
	}
	d := &DovecotServer{
		Server:     s,
		LMTPSocket: filepath.Join(s.dir, "lmtp"), SASLSocket: filepath.Join(s.dir, "sasl"),
		CAFile: r.certs.ca, OtherCAFile: r.certs.otherCA,
		config: filepath.Join(s.dir, "dovecot.conf"), doveadm: doveadm,
	}
	if err := r.takePorts(&d.IMAP, &d.IMAPS, &d.LMTP); err != nil {
		return nil, err
	}
	if err := d.configure(c, r.certs); err != nil {
		return nil, fmt.Errorf("configure %s: %w", s.name, err)
	}
	s.argv = []string{program, "-F", "-c", d.config}
	s.stop = syscall.SIGTERM
	s.ready = func(ctx context.Context) error {
		if err := greets(ctx, d.LMTP, "220 "); err != nil {
			return err
		}
		return greets(ctx, d.IMAP, "* OK ")
	}
	return d, s.start()
}

func (d *DovecotServer) configure(c DovecotConfig, crt certs) error {
	for _, dir := range []string{"run", "state", "mail", "users", "users/passdb"} {
		if err := d.as.mkdir(filepath.Join(d.dir, dir)); err != nil {
			return err
		}
	}
	if c.MailLocation == "" {
		c.MailLocation = "maildir:~/Maildir"
	}
	if c.Sieve != "" {
		if err := d.filter(&c); err != nil {
			return err
		}
	}
	type values struct {
		account
		*DovecotServer
		DovecotConfig
		Domain, Dir, CertFile, KeyFile string
	}
	v := values{d.as, d, c, Domain, d.dir, crt.cert, crt.key}
	if err := fill("dovecot.conf", d.config, v); err != nil {
		return err
	}
	return fill("dovecot-users.conf", filepath.Join(d.dir, "users.conf"), v)
}

// filter has every mail go through the script.
func (d *DovecotServer) filter(c *DovecotConfig) error {
	if _, err := find("dovecot-sieve", "/usr/bin/sievec"); err != nil {
		return err
	}
	dir := filepath.Join(d.dir, "sieve") // Dovecot writes the compiled script beside it
	if err := d.as.mkdir(dir); err != nil {
		return err
	}
	script := filepath.Join(dir, "before.sieve")
	c.Extra += "protocol lmtp {\n  mail_plugins = $mail_plugins sieve\n}\nplugin {\n  sieve = " + script + "\n}\n"
	return d.as.write(script, 0o644, []byte(c.Sieve))
}

// setPassword writes the user's file, which Dovecot reads at every login.
func (d *DovecotServer) setPassword(user, password string) error {
	data, err := json.Marshal(map[string]string{"password": "{PLAIN}" + password})
	if err != nil {
		return err
	}
	path := d.passwordFile(user)
	if err := d.as.write(path+".new", 0o600, data); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (d *DovecotServer) passwordFile(user string) string {
	return filepath.Join(d.dir, "users/passdb", user)
}

// admin runs doveadm and returns what it says.
func (d *DovecotServer) admin(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.doveadm, append([]string{"-c", d.config}, args...)...)
	cmd.Env = environ()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: d.as.credential()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("doveadm %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// greets says whether a server at addr begins with want.
func greets(ctx context.Context, addr Addr, want string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", string(addr))
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	got := make([]byte, len(want))
	if _, err := conn.Read(got); err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("%s greets with %q, want %q", addr, got, want)
	}
	return nil
}
