package realtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"
)

// raw is a message with the subject s.
func raw(s string) []byte {
	return []byte("From: Ann <ann@example.org>\r\nTo: support@example.com\r\nSubject: " + s + "\r\n\r\nHello\r\n")
}

// trust is a TLS configuration that trusts the authority in file alone.
func trust(t *testing.T, file string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", file)
	}
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

func subjects(mails []Mail) []string {
	var all []string
	for _, m := range mails {
		all = append(all, m.Header("Subject"))
	}
	return all
}

func wantSubjects(t *testing.T, box *Mailbox, folder string, want ...string) {
	t.Helper()
	if got := subjects(box.Wait(t, folder, len(want))); !slices.Equal(got, want) {
		t.Errorf("%s/%s holds %q, want %q", box.Address, folder, got, want)
	}
}

func TestDeliveredMailIsReadOverTLS(t *testing.T) {
	d := Dovecot(t)
	box := d.NewMailbox(t, "agent")
	box.Deliver(t, raw("one"), raw("two"))
	for name, dial := range map[string]func() (*imapclient.Client, error){
		"IMAPS": func() (*imapclient.Client, error) {
			return imapclient.DialTLS(string(d.IMAPS), &imapclient.Options{TLSConfig: trust(t, d.CAFile)})
		},
		"STARTTLS": func() (*imapclient.Client, error) {
			return imapclient.DialStartTLS(string(d.IMAP), &imapclient.Options{TLSConfig: trust(t, d.CAFile)})
		},
	} {
		c, err := dial()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.Login(box.Address, box.Password).Wait(); err != nil {
			t.Fatalf("%s: log in: %v", name, err)
		}
		if got := subjects(box.mails(t, c, "INBOX")); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%s: read %q", name, got)
		}
		c.Close()
	}
}

func TestOtherAuthorityIsNotTrusted(t *testing.T) {
	d := Dovecot(t)
	_, err := tls.Dial("tcp", string(d.IMAPS), trust(t, d.OtherCAFile))
	if unknown := new(x509.UnknownAuthorityError); !errors.As(err, unknown) {
		t.Errorf("dial with the wrong authority: %v, want an unknown authority", err)
	}
}

func TestAppendKeepsBytesAndLookingKeepsFlags(t *testing.T) {
	box := Dovecot(t).NewMailbox(t, "agent")
	odd := []byte("Subject: odd\r\n\r\nlatin1 \xe9, bare\nLF, NO final newline")
	box.Append(t, "Chats", odd)
	box.Append(t, "Chats", raw("second"))
	mails := box.Mails(t, "Chats")
	if len(mails) != 2 || mails[0].UID != 1 || mails[1].UID != 2 {
		t.Fatalf("got %v", mails)
	}
	// A maildir holds lines, so Dovecot's answer has CRLF everywhere; nothing else may differ.
	if got, want := string(mails[0].Raw), strings.ReplaceAll(string(odd), "bare\n", "bare\r\n"); got != want {
		t.Errorf("read %q, want %q", got, want)
	}
	for _, m := range box.Mails(t, "Chats") {
		if slices.Contains(m.Flags, imap.FlagSeen) {
			t.Errorf("mail %d was marked as seen", m.UID)
		}
	}
	if got := string(mails[1].Body()); got != "Hello\r\n" {
		t.Errorf("body %q", got)
	}
}

func TestIdleWakes(t *testing.T) {
	box := Dovecot(t).NewMailbox(t, "agent")
	woken := make(chan uint32, 10)
	c, err := imapclient.DialInsecure(string(box.server.IMAP), &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				woken <- *d.NumMessages
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(box.Address, box.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Idle(); err != nil {
		t.Fatal(err)
	}
	box.Deliver(t, raw("wake up"))
	began := time.Now()
	if n := <-woken; n != 1 {
		t.Errorf("woken by %d messages, want 1", n)
	}
	// Without inotify Dovecot would look every 30 s.
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("woken after %v", d)
	}
}

func TestPasswordChangesAtOnce(t *testing.T) {
	box := Dovecot(t).NewMailbox(t, "agent")
	old := box.Password
	box.Mails(t, "INBOX")
	box.SetPassword(t, "another one")
	box.Mails(t, "INBOX")
	c, err := imapclient.DialInsecure(string(box.server.IMAP), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if refused := new(imap.Error); !errors.As(c.Login(box.Address, old).Wait(), &refused) {
		t.Error("the old password still works")
	}
}

func TestUIDValidityChanges(t *testing.T) {
	box := Dovecot(t).NewMailbox(t, "agent")
	box.Append(t, "INBOX", raw("one"))
	box.SetUIDValidity(t, "INBOX", 4711)
	c := box.Dial(t)
	defer c.Close()
	sel, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if sel.UIDValidity != 4711 || sel.NumMessages != 1 {
		t.Errorf("UIDVALIDITY %d with %d messages, want 4711 with 1", sel.UIDValidity, sel.NumMessages)
	}
}

func TestKickEndsSessions(t *testing.T) {
	box := Dovecot(t).NewMailbox(t, "agent")
	c := box.Dial(t)
	defer c.Close()
	box.Kick(t)
	select {
	case <-c.Closed():
	case <-time.After(patience):
		t.Error("the session goes on")
	}
}

func TestUnknownUserIsRefused(t *testing.T) {
	d := Dovecot(t)
	conn, err := net.Dial("unix", d.LMTPSocket)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	err = send(c, "", "nobody-at-all@"+Domain, raw("x"))
	if refused := new(smtp.SMTPError); !errors.As(err, &refused) || refused.Code != 550 {
		t.Errorf("got %v, want 550", err)
	}
}

func TestDovecotKeepsMailOverKillAndRestart(t *testing.T) {
	d := NewDovecot(t, DovecotConfig{})
	box := d.NewMailbox(t, "agent")
	box.Deliver(t, raw("one"))
	idle := box.Dial(t) // a session that is open when the server dies
	defer idle.Close()
	d.Kill9(t)
	if c, err := net.Dial("tcp", string(d.IMAP)); err == nil {
		c.Close()
		t.Error("a killed server answers")
	}
	d.Start(t)
	wantSubjects(t, box, "INBOX", "one")
	box.Deliver(t, raw("two"))
	d.Restart(t)
	wantSubjects(t, box, "INBOX", "one", "two")
}

func TestFrozenDovecotIsSilent(t *testing.T) {
	d := NewDovecot(t, DovecotConfig{})
	conn, err := net.Dial("tcp", string(d.IMAP))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	greeting := make([]byte, 1000)
	if _, err := conn.Read(greeting); err != nil {
		t.Fatal(err)
	}
	d.Pause(t)
	if _, err := conn.Write([]byte("a NOOP\r\n")); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := conn.Read(greeting); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a frozen server answers: %v", err)
	}
	d.Resume(t)
	conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := conn.Read(greeting); err != nil || !strings.HasPrefix(string(greeting[:n]), "a OK") {
		t.Errorf("after Resume: %q, %v", greeting[:n], err)
	}
}

func TestStartAfterACrashAndAfterAPause(t *testing.T) {
	d := NewDovecot(t, DovecotConfig{})
	box := d.NewMailbox(t, "agent")
	idle := box.Dial(t) // its process survives the master
	defer idle.Close()
	master := d.run
	if err := syscall.Kill(master.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-master.ended
	d.Start(t)
	box.Mails(t, "INBOX")
	d.Pause(t)
	d.Start(t)
	box.Mails(t, "INBOX")
	d.Pause(t)
	d.Stop(t)
	d.Start(t)
	box.Mails(t, "INBOX")
}

func TestDovecotConfigIsUsed(t *testing.T) {
	d := NewDovecot(t, DovecotConfig{MailLocation: "sdbox:~/sdbox", Extra: "imap_capability = IMAP4rev1 UIDPLUS\n"})
	box := d.NewMailbox(t, "agent")
	box.Deliver(t, raw("one"))
	wantSubjects(t, box, "INBOX", "one")
	if _, err := os.Stat(d.Dir() + "/mail/agent-1/sdbox"); err != nil {
		t.Error(err)
	}
	c := box.Dial(t)
	defer c.Close()
	if c.Caps().Has(imap.CapIdle) {
		t.Error("the server still offers IDLE")
	}
}

// TestCloneIsTheSame: UIDs, UIDVALIDITY, flags and dates are the original's, and the two live apart.
func TestCloneIsTheSame(t *testing.T) {
	d := Dovecot(t)
	box := d.NewMailbox(t, "agent")
	box.Deliver(t, raw("gone"), raw("one"))
	c := box.Dial(t)
	defer c.Close()
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	for uid, flag := range map[imap.UID]imap.Flag{1: imap.FlagDeleted, 2: "$Ticket"} {
		if err := c.Store(imap.UIDSetNum(uid), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{flag}}, nil).Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	c.Close()

	clone := box.Clone(t, "clone")
	state := func(m *Mailbox) string {
		c := m.Dial(t)
		defer c.Close()
		s, err := c.Status("INBOX", &imap.StatusOptions{UIDNext: true, UIDValidity: true}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.UIDNext, s.UIDValidity, m.mails(t, c, "INBOX"))
	}
	if got, want := state(clone), state(box); got != want {
		t.Errorf("the clone is %s, want %s", got, want)
	}
	clone.Deliver(t, raw("two"))
	if got := subjects(box.Mails(t, "INBOX")); !slices.Equal(got, []string{"one"}) {
		t.Errorf("a mail to the clone came to the original: %q", got)
	}
	clone.Remove(t)
	if _, err := os.Stat(clone.home()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed, yet there: %v", err)
	}
	empty := d.NewMailbox(t, "empty").Clone(t, "clone")
	if got := empty.Mails(t, "INBOX"); len(got) != 0 {
		t.Errorf("a clone of an empty mailbox holds %v", got)
	}
}
