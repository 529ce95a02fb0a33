package realtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// RTServer is a running Request Tracker 5, a real helpdesk: mail to Support comes by its Postfix and
// rt-mailgate and becomes tickets of the queue Support. RT answers the customer (the answer ends in
// Postfix.Elsewhere) and tells Staff of every new ticket.
type RTServer struct {
	*Server
	HTTP     Addr
	URL      string // of the web pages and of REST 2, without a slash at the end
	Token    string // for REST 2: "Authorization: token …"
	User     string // the token's owner, who may do with tickets what a member of the staff may
	Password string
	Support  string // the address whose mail becomes tickets
	Staff    *Mailbox
	Postfix  *PostfixServer

	database string
}

// RTConfig is what a private RT can have differently.
type RTConfig struct {
	Extra   string // further lines of RT_SiteConfig.pm
	Postfix PostfixConfig
}

// rtWorkers is how many requests RT works on at a time, and how many mails Postfix gives it.
const rtWorkers = 2

// RT returns the Request Tracker that sends into d and that the test binary's tests share.
func RT(t testing.TB, d *DovecotServer) *RTServer {
	t.Helper()
	shared.mu.Lock()
	o := shared.rt[d]
	if o == nil {
		o = &once[*RTServer]{}
		shared.rt[d] = o
	}
	rt, err := o.start(func() (*RTServer, error) { return shared.newRT(d, RTConfig{}) })
	shared.mu.Unlock()
	if err != nil {
		t.Fatalf("realtest: %v", err)
	}
	for _, s := range []*Server{rt.Postfix.Server, rt.Server} {
		s.logIfFailed(t)
		s.Start(t)
	}
	return rt
}

// NewRT starts a Request Tracker, and a Postfix before it, for this test alone.
func NewRT(t testing.TB, d *DovecotServer, c RTConfig) *RTServer {
	t.Helper()
	rt := private(t, func() (*RTServer, error) { return shared.newRT(d, c) })
	t.Cleanup(func() { rt.Postfix.remove(t) })
	rt.Postfix.logIfFailed(t)
	return rt
}

// newRT sets an RT up and starts it. r.mu is held.
func (r *rig) newRT(d *DovecotServer, c RTConfig) (*RTServer, error) {
	program, err := find("request-tracker5", "/usr/share/request-tracker5/libexec/rt-server")
	if err != nil {
		return nil, err
	}
	mailgate, err := find("rt5-clients", "/usr/bin/rt-mailgate-5")
	if err != nil {
		return nil, err
	}
	rt, err := r.emptyRT()
	if err != nil {
		return nil, err
	}
	if err := r.takePorts(&rt.HTTP); err != nil {
		return nil, err
	}
	rt.URL = "http://" + string(rt.HTTP)
	if rt.Staff, err = d.newMailbox(rt.name + "-staff"); err != nil {
		return nil, err
	}
	if rt.Postfix, err = r.newPostfix(d, rt.mailgate(mailgate, c.Postfix)); err != nil {
		return nil, err
	}
	if err := rt.configure(rt.Postfix.SMTP, c.Extra); err != nil {
		return nil, fmt.Errorf("configure %s: %w", rt.name, err)
	}
	template, err := r.rtTemplate.start(r.newRTTemplate)
	if err != nil {
		return nil, err
	}
	if err := rt.furnish(template); err != nil {
		return nil, fmt.Errorf("make the database of %s: %w", rt.name, err)
	}
	rt.argv = append(rt.command(program), "--server", "Starlet", "--host", rt.HTTP.Host(),
		"--port", strconv.Itoa(rt.HTTP.Port()), "--max-workers", strconv.Itoa(rtWorkers))
	rt.stop = syscall.SIGTERM
	rt.ready = rt.serves
	return rt, rt.start()
}

// emptyRT makes the directory of an RT.
func (r *rig) emptyRT() (*RTServer, error) {
	who, err := unprivileged("www-data")
	if err != nil {
		return nil, err
	}
	s, err := r.newServer("rt", who)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"mason", "session", "site.d"} {
		if err := s.as.mkdir(filepath.Join(s.dir, dir)); err != nil {
			return nil, err
		}
	}
	return &RTServer{Server: s, User: "bridge", Password: "secret of bridge", Support: "support@" + Domain,
		database: filepath.Join(s.dir, "rt.sqlite")}, nil
}

// command is a program of RT's with this RT's configuration in place of the machine's.
func (rt *RTServer) command(program string) []string {
	return []string{"/usr/bin/env", "RT_SITE_CONFIG=" + filepath.Join(rt.dir, "RT_SiteConfig.pm"),
		"RT_SITE_CONFIG_DIR=" + filepath.Join(rt.dir, "site.d"), program}
}

// mailgate adds to a Postfix that mail for Support goes to RT. Postfix keeps what RT does not take:
// rt-mailgate then ends with EX_TEMPFAIL.
func (rt *RTServer) mailgate(program string, c PostfixConfig) PostfixConfig {
	c.Main += fmt.Sprintf("transport_maps = inline:{ %s=rt: }\n"+
		"rt_destination_recipient_limit = 1\nrt_destination_concurrency_limit = %d\n"+
		"rt_destination_concurrency_failed_cohort_limit = 0\n", rt.Support, rtWorkers)
	c.Master += fmt.Sprintf("rt unix - n n - %d pipe\n  flags=R user=nobody argv=%s --url %s/ --queue Support --action correspond --timeout 60\n",
		rtWorkers, program, rt.URL)
	return c
}

func (rt *RTServer) configure(smtp Addr, extra string) error {
	type values struct {
		*RTServer
		SMTP                                Addr
		Domain, Dir, Database, Owner, Extra string
	}
	v := values{rt, smtp, Domain, rt.dir, rt.database, "staff@" + Domain, extra}
	if rt.Staff != nil {
		v.Owner = rt.Staff.Address
	}
	for _, name := range []string{"RT_SiteConfig.pm", "initialdata", "sendmail"} {
		if err := fill("rt/"+name, filepath.Join(rt.dir, name), v); err != nil {
			return err
		}
	}
	return os.Chmod(filepath.Join(rt.dir, "sendmail"), 0o755)
}

// rtTemplate is a filled database that each RT begins with a copy of; to make one takes seconds.
type rtTemplate struct {
	database []byte
	token    string
}

func (r *rig) newRTTemplate() (*rtTemplate, error) {
	setup, err := find("request-tracker5", "/usr/sbin/rt-setup-database-5")
	if err != nil {
		return nil, err
	}
	rt, err := r.emptyRT()
	if err != nil {
		return nil, err
	}
	if err := rt.configure("", ""); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"--action", "init", "--skip-create"},
		{"--action", "insert", "--skip-create", "--datafile", filepath.Join(rt.dir, "initialdata")},
	} {
		argv := append(rt.command(setup), append(args, "--dba", "none", "--dba-password", "none")...)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env = environ()
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: rt.as.credential()}
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("rt-setup-database %s: %w: %s", args[1], err, out)
		}
	}
	token, err := os.ReadFile(filepath.Join(rt.dir, "token"))
	if err != nil {
		return nil, err
	}
	database, err := os.ReadFile(rt.database)
	return &rtTemplate{database, strings.TrimSpace(string(token))}, err
}

// furnish gives rt a database of its own.
func (rt *RTServer) furnish(template *rtTemplate) error {
	rt.Token = template.token
	if err := rt.as.write(rt.database, 0o600, template.database); err != nil {
		return err
	}
	db, err := rt.open()
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(`UPDATE Users SET EmailAddress = $1 WHERE Name = 'staff'`, rt.Staff.Address)
	return err
}

// serves asks for the queue, for which RT needs its database.
func (rt *RTServer) serves(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rt.URL+"/REST/2.0/queue/Support", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "token "+rt.Token)
	req.Close = true // a test may kill the server: no connection stays
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && (resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"Support"`)) {
		err = fmt.Errorf("it answers %s: %.200s", resp.Status, body)
	}
	return err
}
