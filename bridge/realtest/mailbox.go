package realtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"
)

// Mailbox is a user of a Dovecot, with all folders.
type Mailbox struct {
	Address  string // also the name to log in with
	Password string

	server *DovecotServer
	user   string
}

// Mail is a message in a folder.
type Mail struct {
	UID   imap.UID
	Flags []imap.Flag
	Date  time.Time // INTERNALDATE
	Raw   []byte
}

// NewMailbox makes a user whose address begins with name and that no other test has.
func (d *DovecotServer) NewMailbox(t testing.TB, name string) *Mailbox {
	t.Helper()
	m, err := d.newMailbox(fmt.Sprintf("%s-%d", name, d.mailboxes.Add(1)))
	if err != nil {
		t.Fatalf("realtest: new mailbox %s: %v", name, err)
	}
	return m
}

func (d *DovecotServer) newMailbox(user string) (*Mailbox, error) {
	m := &Mailbox{Address: user + "@" + Domain, Password: "secret of " + user, server: d, user: user}
	return m, d.setPassword(user, m.Password)
}

// Header is the first field of that name, unfolded but not decoded; "" if there is none.
func (m Mail) Header(name string) string { return m.header().Get(name) }

// Headers are all fields of that name, the topmost first.
func (m Mail) Headers(name string) []string {
	return m.header()[textproto.CanonicalMIMEHeaderKey(name)]
}

// Body is what follows the header.
func (m Mail) Body() []byte {
	_, body, _ := bytes.Cut(m.Raw, []byte("\r\n\r\n"))
	return body
}

func (m Mail) header() mail.Header {
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(m.Raw)))
	h, _ := r.ReadMIMEHeader() // what stands before a malformed line
	return mail.Header(h)
}

// Deliver brings messages by LMTP as a mail server does; line ends become CRLF.
func (m *Mailbox) Deliver(t testing.TB, raw ...[]byte) {
	t.Helper()
	conn, err := net.Dial("tcp", string(m.server.LMTP))
	if err != nil {
		t.Fatalf("realtest: deliver to %s: %v", m.Address, err)
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	for _, r := range raw {
		if err := send(c, "mirror@example.net", m.Address, r); err != nil {
			t.Fatalf("realtest: deliver to %s: %v", m.Address, err)
		}
	}
}

// Append brings messages by IMAP, byte for byte, without flags. It makes the folder if need be.
func (m *Mailbox) Append(t testing.TB, folder string, raw ...[]byte) {
	t.Helper()
	c := m.Dial(t)
	defer c.Close()
	m.create(t, c, folder)
	for _, r := range raw {
		cmd := c.Append(folder, int64(len(r)), nil)
		if _, err := cmd.Write(r); err != nil {
			t.Fatalf("realtest: append to %s/%s: %v", m.Address, folder, err)
		}
		if err := cmd.Close(); err != nil {
			t.Fatalf("realtest: append to %s/%s: %v", m.Address, folder, err)
		}
		if _, err := cmd.Wait(); err != nil {
			t.Fatalf("realtest: append to %s/%s: %v", m.Address, folder, err)
		}
	}
}

// Create makes a folder, if it is not there.
func (m *Mailbox) Create(t testing.TB, folder string) {
	t.Helper()
	c := m.Dial(t)
	defer c.Close()
	m.create(t, c, folder)
}

func (m *Mailbox) create(t testing.TB, c *imapclient.Client, folder string) {
	t.Helper()
	if strings.EqualFold(folder, "INBOX") {
		return
	}
	err := c.Create(folder, nil).Wait()
	var no *imap.Error
	if errors.As(err, &no) && no.Code == imap.ResponseCodeAlreadyExists {
		return
	}
	if err != nil {
		t.Fatalf("realtest: create %s/%s: %v", m.Address, folder, err)
	}
}

// Mails are the messages of a folder in the order of their UIDs. Looking changes no flag.
func (m *Mailbox) Mails(t testing.TB, folder string) []Mail {
	t.Helper()
	c := m.Dial(t)
	defer c.Close()
	return m.mails(t, c, folder)
}

// Wait waits until there are at least n messages in a folder, and returns all.
func (m *Mailbox) Wait(t testing.TB, folder string, n int) []Mail {
	t.Helper()
	c := m.Dial(t)
	defer c.Close()
	deadline := time.After(patience)
	for {
		status, err := c.Status(folder, &imap.StatusOptions{NumMessages: true}).Wait()
		if err != nil {
			t.Fatalf("realtest: status of %s/%s: %v", m.Address, folder, err)
		}
		if status.NumMessages != nil && int(*status.NumMessages) >= n {
			return m.mails(t, c, folder)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("realtest: %s/%s has %d mails after %v, want %d", m.Address, folder, *status.NumMessages, patience, n)
		}
	}
}

func (m *Mailbox) mails(t testing.TB, c *imapclient.Client, folder string) []Mail {
	t.Helper()
	sel, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatalf("realtest: open %s/%s: %v", m.Address, folder, err)
	}
	if sel.NumMessages == 0 {
		return nil
	}
	body := &imap.FetchItemBodySection{Peek: true}
	found, err := c.Fetch(imap.SeqSet{{Start: 1}}, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{body},
	}).Collect()
	if err != nil {
		t.Fatalf("realtest: read %s/%s: %v", m.Address, folder, err)
	}
	mails := make([]Mail, len(found))
	for i, f := range found {
		mails[i] = Mail{UID: f.UID, Flags: f.Flags, Date: f.InternalDate, Raw: f.FindBodySection(body)}
	}
	return mails
}

// Dial is a logged-in connection for whatever else a test does to a mailbox: flags, moves, deletions.
func (m *Mailbox) Dial(t testing.TB) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(string(m.server.IMAP), nil)
	if err != nil {
		t.Fatalf("realtest: connect to %s: %v", m.server.name, err)
	}
	if err := c.Login(m.Address, m.Password).Wait(); err != nil {
		c.Close()
		t.Fatalf("realtest: log in as %s: %v", m.Address, err)
	}
	return c
}

// SetPassword changes the password; sessions that are open stay.
func (m *Mailbox) SetPassword(t testing.TB, password string) {
	t.Helper()
	if err := m.server.setPassword(m.user, password); err != nil {
		t.Fatalf("realtest: set password of %s: %v", m.Address, err)
	}
	m.Password = password
}

// SetUIDValidity gives a folder another UIDVALIDITY, as after a restored backup: the same UIDs, yet
// none may be taken for what it was. Sessions that have the folder open are thrown out.
func (m *Mailbox) SetUIDValidity(t testing.TB, folder string, validity uint32) {
	t.Helper()
	if _, err := m.server.admin("mailbox", "update", "--uid-validity", fmt.Sprint(validity), "-u", m.user, folder); err != nil {
		t.Fatalf("realtest: %v", err)
	}
	m.Kick(t)
}

// Kick ends all sessions of the user, as a server that restarts does.
func (m *Mailbox) Kick(t testing.TB) {
	t.Helper()
	const nobody = 68 // doveadm's exit code if there was no session
	_, err := m.server.admin("kick", m.user)
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == nobody {
		return
	}
	if err != nil {
		t.Fatalf("realtest: %v", err)
	}
}

// send does one SMTP or LMTP transaction.
func send(c *smtp.Client, from, to string, raw []byte) error {
	if err := c.Mail(from, nil); err != nil {
		return fmt.Errorf("MAIL FROM %s: %w", from, err)
	}
	if err := c.Rcpt(to, nil); err != nil {
		return fmt.Errorf("RCPT TO %s: %w", to, err)
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := w.Write(raw); err != nil {
		return err // the connection is in the middle of a message: the caller closes it
	}
	return w.Close()
}

// Clone makes a user with a copy of all mail, as it lies on the disk: the same UIDs, UIDVALIDITY, flags
// and dates. Nobody may be at work on m meanwhile.
func (m *Mailbox) Clone(t testing.TB, name string) *Mailbox {
	t.Helper()
	c := m.server.NewMailbox(t, name)
	if _, err := os.Stat(m.home()); errors.Is(err, fs.ErrNotExist) {
		return c // nobody has looked at it yet
	}
	if out, err := exec.Command("cp", "-a", m.home(), c.home()).CombinedOutput(); err != nil {
		t.Fatalf("realtest: clone %s: %v: %s", m.Address, err, out)
	}
	return c
}

// Remove removes the user and all mail.
func (m *Mailbox) Remove(t testing.TB) {
	t.Helper()
	err := os.Remove(m.server.passwordFile(m.user))
	if err := errors.Join(err, os.RemoveAll(m.home())); err != nil {
		t.Fatalf("realtest: remove mailbox %s: %v", m.Address, err)
	}
}

// home is where Dovecot keeps the user's mail.
func (m *Mailbox) home() string { return filepath.Join(m.server.dir, "mail", m.user) }
