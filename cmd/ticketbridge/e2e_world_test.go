package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"mime"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/jackc/pgx/v5/stdlib"

	"ticketbridge/bridge/realtest"
)

// world is what an end-to-end test plays in: real servers, two agents' mailboxes,
// support's, and a directory for the daemon's state and config.
type world struct {
	imap              *realtest.DovecotServer
	smtp              *realtest.PostfixServer
	ann, ben, support *realtest.Mailbox
	staff             *realtest.Mailbox // gets the helpdesk's notices; watched, where set
	postgres          *realtest.PostgresServer
	dir, store        string
	extra             map[string]string // further lines, by table: "mailbox", "target", "transport" …
	sink              *sink             // in place of Postfix, where set
	plain             bool              // read mail without TLS
	helpdesk          string            // the target's address, where it is not support's
}

// databases are the two every end-to-end test runs on.
var databases = []string{"sqlite", "postgres"}

func newWorld(t testing.TB, database string) *world {
	t.Helper()
	d := realtest.Dovecot(t)
	w := &world{
		imap: d, smtp: realtest.Postfix(t, d), dir: t.TempDir(), store: "sqlite:ticketbridge.db", extra: map[string]string{},
		ann: d.NewMailbox(t, "ann"), ben: d.NewMailbox(t, "ben"), support: d.NewMailbox(t, "support"),
	}
	if database == "postgres" {
		w.store = realtest.Postgres(t).NewDatabase(t)
	}
	return w
}

// newPrivateWorld has servers of its own, to be stopped and killed.
func newPrivateWorld(t testing.TB, database string) *world {
	t.Helper()
	d := realtest.NewDovecot(t, realtest.DovecotConfig{})
	w := &world{
		imap: d, smtp: realtest.NewPostfix(t, d, realtest.PostfixConfig{}), dir: t.TempDir(), store: "sqlite:ticketbridge.db", extra: map[string]string{},
		ann: d.NewMailbox(t, "ann"), ben: d.NewMailbox(t, "ben"), support: d.NewMailbox(t, "support"),
	}
	if database == "postgres" {
		w.postgres = realtest.NewPostgres(t, realtest.PostgresConfig{})
		w.store = w.postgres.NewDatabase(t)
	}
	return w
}

// config writes the config file. poll is long, so that only IDLE wakes the daemon.
func (w *world) config(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "state_dir = %q\ndomain = %q\nown_domains = [%q]\nagents = [%q, %q]\n", filepath.Join(w.dir, "state"), realtest.Domain, realtest.Domain, w.ann.Address, w.ben.Address)
	reading := fmt.Sprintf("port = %d\nca_file = %q", w.imap.IMAPS.Port(), w.imap.CAFile)
	if w.plain {
		reading = fmt.Sprintf("port = %d\ntls = \"none\"", w.imap.IMAP.Port())
	}
	for name, m := range w.watched() {
		fmt.Fprintf(&b, "[[mailbox]]\nname = %q\nhost = \"127.0.0.1\"\n%s\nusername = %q\npassword = %q\npoll = %q\nstart = %q\n%s\n",
			name, reading, m.Address, m.Password, orElse(w.extra["poll"], "10m"), orElse(w.extra["start"], "all"), w.extra["mailbox"])
	}
	fmt.Fprintf(&b, "[formats]\nenabled = [\"intercom\"]\n[format.intercom]\nauthenticate = \"none\"\nworkspace_host = %q\napp_id = \"abcd1234\"\n", workspaceHost)
	fmt.Fprintf(&b, "[target]\naddress = %q\n%s\n[transport]\n", orElse(w.helpdesk, w.support.Address), w.extra["target"])
	switch {
	case w.sink != nil:
		fmt.Fprintf(&b, "host = \"127.0.0.1\"\nport = %d\ntls = \"none\"\n%s\n", w.sink.port(), w.extra["transport"])
	case w.extra["api"] != "":
		b.WriteString(w.extra["api"])
	case w.extra["imap"] != "":
		fmt.Fprintf(&b, "kind = \"imap\"\n%s%s\n", w.supportLogin(), w.extra["transport"])
	case w.extra["lmtp"] != "":
		fmt.Fprintf(&b, "kind = \"lmtp\"\nhost = \"unix:%s\"\ntls = \"none\"\n", w.imap.LMTPSocket)
	default:
		fmt.Fprintf(&b, "host = \"127.0.0.1\"\nport = %d\ntls = \"starttls\"\nca_file = %q\nusername = %q\npassword = %q\n%s\n",
			w.smtp.Submission.Port(), w.smtp.CAFile, w.ann.Address, w.ann.Password, w.extra["transport"])
	}
	if w.extra["probe"] != "" {
		fmt.Fprintf(&b, "[probe]\n%s\n", w.extra["probe"])
	}
	fmt.Fprintf(&b, "[outbox]\nretry_first = %q\n[http]\nlisten = %q\n[store]\nurl = %q\n%s\n", orElse(w.extra["retry_first"], "1s"), w.extra["listen"], w.store, w.extra["store"])
	file := filepath.Join(w.dir, "config.toml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// watched are the mailboxes the daemon watches, by name.
func (w *world) watched() map[string]*realtest.Mailbox {
	m := map[string]*realtest.Mailbox{"ann": w.ann, "ben": w.ben}
	if w.staff != nil {
		m["staff"] = w.staff
	}
	return m
}

// supportLogin is the config of a login to support's mailbox.
func (w *world) supportLogin() string {
	if w.plain {
		return fmt.Sprintf("host = \"127.0.0.1\"\nport = %d\ntls = \"none\"\nusername = %q\npassword = %q\n", w.imap.IMAP.Port(), w.support.Address, w.support.Password)
	}
	return fmt.Sprintf("host = \"127.0.0.1\"\nport = %d\nca_file = %q\nusername = %q\npassword = %q\n", w.imap.IMAPS.Port(), w.imap.CAFile, w.support.Address, w.support.Password)
}

// daemonProcess is a daemon running as a process of its own, so that it can be killed.
type daemonProcess struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	log  strings.Builder
	err  error
}

// start runs the daemon and waits until it watches.
func (w *world) start(t testing.TB, crash string) *daemonProcess {
	t.Helper()
	p := w.launch(t, crash)
	eventually(t, "all mailboxes watched", func() bool {
		select {
		case <-p.done:
			return true // it died at its crash point before
		default:
			return strings.Count(p.logged(), "msg=watching ") >= len(w.watched())
		}
	})
	return p
}

// launch runs the daemon. crash names a point at which it kills itself; "" for
// none.
func (w *world) launch(t testing.TB, crash string) *daemonProcess {
	t.Helper()
	p := &daemonProcess{done: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], "serve", "-config", w.config(t))
	p.cmd.Env = append(os.Environ(), asProgram+"=1", crashAt+"="+crash)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("daemon's log:\n%s", p.logged())
		}
	})
	return p
}

func (p *daemonProcess) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// kill is kill -9.
func (p *daemonProcess) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// stop asks for an orderly end and wants one within its promise.
func (p *daemonProcess) stop(t testing.TB) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		t.Fatal("did not stop within 15 s")
	}
	if p.err != nil {
		t.Fatalf("stopped with %v", p.err)
	}
}

// died waits until the daemon has killed itself at its crash point.
func (p *daemonProcess) died(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the crash point was not reached")
	}
}

// eventually waits for what another process brings about. It is patient: a daemon
// stopped within a transaction keeps its locks until PostgreSQL's 30 s are over.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// admin runs a command of the program beside the daemon and returns what it prints.
func (w *world) admin(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], append(args[:1:1], append([]string{"-config", filepath.Join(w.dir, "config.toml")}, args[1:]...)...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// database opens the daemon's database beside it.
func (w *world) database(t testing.TB) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", filepath.Join(w.dir, "state", "ticketbridge.db")
	if !strings.HasPrefix(w.store, "sqlite:") {
		driver, dsn = "pgx", w.store
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// states counts the rows of a list by state, straight from the database.
func (w *world) states(t testing.TB, table string) map[string]int {
	t.Helper()
	db := w.database(t)
	defer db.Close()
	rows, err := db.Query("SELECT state, count(*) FROM " + table + " GROUP BY state")
	if err != nil {
		return nil // not there yet
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			t.Fatal(err)
		}
		counts[state] = n
	}
	return counts
}

// each calls row for every row of the daemon's database that a query finds.
func (w *world) each(t testing.TB, query string, row func(scan func(...any) error) error) {
	t.Helper()
	db := w.database(t)
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// chat is a mirrored chat mail in the making.
type chat struct {
	conversation int
	name, email  string   // email "": a lead
	said         []string // the customer's messages, minute by minute
	minute       int      // of the first
	id           string   // Message-ID's local part; copies differ
	files        map[string][]byte
	images       map[string][]byte // embedded in the last message, by file name
	filler       string            // layout: weight without meaning
}

// mail renders it in Intercom's layout (FORMATS §1.5).
func (c chat) mail() []byte {
	from := mail.Address{Name: c.name + " via Intercom", Address: "notifications@" + workspaceHost}
	subject := strings.Join(strings.Fields("Re: [ACME] "+c.name+": "+c.said[0]), " ")
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nSubject: %s\r\nDate: Wed, 11 Mar 2026 06:%02d:00 +0100\r\nMessage-ID: <%s@%s>\r\nMIME-Version: 1.0\r\n",
		from.String(), mime.QEncoding.Encode("utf-8", subject), c.minute+len(c.said)+3, c.id, workspaceHost)
	text := "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + wrapped([]byte(c.html()))
	if len(c.files)+len(c.images) == 0 {
		b.WriteString(text)
		return b.Bytes()
	}
	b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + text)
	for name, content := range c.files {
		fmt.Fprintf(&b, "\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n%s",
			mime.QEncoding.Encode("utf-8", name), wrapped(content))
	}
	for name, content := range c.images {
		fmt.Fprintf(&b, "\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=%q\r\nContent-ID: <%s@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n%s",
			name, name, wrapped(content))
	}
	b.WriteString("\r\n--b--\r\n")
	return b.Bytes()
}

// html is the mail's body.
func (c chat) html() string {
	var parts strings.Builder
	link := fmt.Sprintf("https://app.intercom.com/a/apps/abcd1234/conversations/%d", c.conversation)
	for i, text := range c.said {
		text = strings.ReplaceAll(html.EscapeString(text), "\n", "<br>")
		for name := range c.images {
			if i == len(c.said)-1 {
				text += fmt.Sprintf(`<img src="cid:%s@x" width="400" height="300">`, name)
			}
		}
		fmt.Fprintf(&parts, `<table class="conversation-part user"><tr><td class="conversation-part-avatar">AE</td><td class="conversation-part-body"><table class="part-content"><tr><td><p>%s</p></td></tr></table></td></tr>
<tr><td class="conversation-part-metadata"><a href="#">%s</a> on <a href="%s">11 Mar,  6:%02dam</a></td></tr></table>
`, text, html.EscapeString(c.name), link, c.minute+i)
	}
	if c.email != "" {
		fmt.Fprintf(&parts, `<table class="attribution"><tr><td class="label">EMAIL</td><td><a href="mailto:%[1]s">%[1]s</a></td></tr></table>`, c.email)
	}
	return fmt.Sprintf(`<html><body>%[6]s<div class="mail_body"><div style="display:none!important"><img width="1" height="1" src="https://%[1]s/q/%[2]s"/></div>
<table id="admin-notification-header"><tr><td id="user-call-to-response">Write ABOVE to reply to <a href="#">%[3]s</a></td><td id="view-conversation"><a href="%[4]s">View conversation</a></td></tr></table>
<table id="conversation-parts-wrapper"><tr><td><div id="admin-notification-parts">
%[5]s</div></td></tr></table>
<table id="admin-notification-footer"><tr><td id="intercom-source">This email was sent from <a href="#">Intercom</a></td></tr></table></div></body></html>
`, workspaceHost, c.id, html.EscapeString(c.name), link, parts.String(), c.filler)
}

func wrapped(b []byte) string {
	s := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	for len(s) > 76 {
		out.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return out.String() + s + "\r\n"
}

// ticketMessage is what arrived at support.
type ticketMessage struct {
	header mail.Header
	text   string
	files  map[string][]byte
}

func readTicket(t testing.TB, raw []byte) ticketMessage {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	got := ticketMessage{header: m.Header, files: map[string][]byte{}}
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	err = e.Walk(func(_ []int, e *message.Entity, err error) error {
		if err != nil {
			return err
		}
		kind, _, _ := e.Header.ContentType()
		_, params, _ := e.Header.ContentDisposition()
		switch {
		case params["filename"] != "":
			got.files[params["filename"]], err = io.ReadAll(e.Body)
		case kind == "text/plain":
			var b []byte
			b, err = io.ReadAll(e.Body)
			got.text = string(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
