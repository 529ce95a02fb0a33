package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ticketbridge/bridge/realtest"
)

// call starts the doctor as a process; what it returns waits for the end, and
// returns what it saw and its exit code.
func (w *world) call(t *testing.T, args ...string) func() (examinationJSON, int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"doctor", "-config", filepath.Join(w.dir, "config.toml"), "--json"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return func() (examinationJSON, int) {
		t.Helper()
		cmd.Wait() // its exit code tells
		var r examinationJSON
		if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
			t.Fatalf("%v: %s%s", err, out.String(), complaint.String())
		}
		t.Logf("exit code %d\n%s", cmd.ProcessState.ExitCode(), out.String())
		return r, cmd.ProcessState.ExitCode()
	}
}

// hop finds a hop by its name.
func (r examinationJSON) hop(t *testing.T, name string) hop {
	t.Helper()
	for _, h := range r.Hops {
		if h.Name == name {
			return h
		}
	}
	t.Fatalf("no hop %q", name)
	return hop{}
}

// want compares a hop's state and looks for words in what it saw.
func (r examinationJSON) want(t *testing.T, name string, state hopState, words ...string) {
	t.Helper()
	h := r.hop(t, name)
	if h.State != state {
		t.Errorf("%s is %s (%s), want %s", name, h.State, h.Saw, state)
	}
	for _, word := range words {
		if !strings.Contains(h.Saw, word) {
			t.Errorf("%s: %q does not say %q", name, h.Saw, word)
		}
	}
}

// advises looks for lines to paste.
func (r examinationJSON) advises(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		found := false
		for _, a := range r.Advice {
			found = found || a.Line == line && a.Why != ""
		}
		if !found {
			t.Errorf("no advice %s in %+v", line, r.Advice)
		}
	}
}

// probing is a world whose support mailbox can be looked into.
func probing(w *world) *world {
	w.extra["probe"] = w.supportLogin()
	return w
}

// tested is a world of its own, for a path with a peculiarity.
func tested(t *testing.T, sieve, headerCheck string) *world {
	t.Helper()
	d := realtest.NewDovecot(t, realtest.DovecotConfig{Sieve: sieve})
	main := ""
	if headerCheck != "" {
		main = "header_checks = regexp:{{" + headerCheck + "}}\n"
	}
	w := &world{
		imap: d, smtp: realtest.NewPostfix(t, d, realtest.PostfixConfig{Main: main}), dir: t.TempDir(), store: "sqlite:ticketbridge.db", extra: map[string]string{},
		ann: d.NewMailbox(t, "ann"), ben: d.NewMailbox(t, "ben"), support: d.NewMailbox(t, "support"),
	}
	w.config(t)
	return probing(w)
}

// TestDoctorAllWell: beside a running daemon, which ignores all of it, and with a
// helpdesk that answers.
func TestDoctorAllWell(t *testing.T) {
	w := probing(newWorld(t, "sqlite"))
	w.extra["target"] = "profile = \"rt\"\nsite = \"lab\""
	daemon := w.start(t, "")
	visit := w.call(t, "--wait", "20s", "--reject-domain", "example.org")
	for n := range 2 {
		mail := w.support.Wait(t, "INBOX", n+1)[n]
		w.ben.Deliver(t, fmt.Appendf(nil, "From: rt@%s\r\nTo: %s\r\nSubject: [lab #%d] TEST\r\nX-RT-Ticket: lab #%[3]d\r\nMessage-ID: <%[3]d.rt@%[1]s>\r\nIn-Reply-To: %[4]s\r\n\r\nA ticket.\r\n",
			realtest.Domain, w.ben.Address, 4711+n, mail.Header("Message-ID")))
	}
	r, code := visit()
	r.want(t, "accepted", hopOK, "ticketbridge-test@"+realtest.Domain, "250 2.0.0")
	r.want(t, "arrived", hopOK, "INBOX")
	r.want(t, "requester", hopOK, "ticketbridge-test@", "by Reply-To")
	r.want(t, "acknowledged", hopOK, "ticket 4711", "X-RT-Ticket", "to "+w.ben.Address)
	r.want(t, "sent twice", hopOK, "two tickets", "4711 and 4712")
	r.want(t, "arrived (foreign sender)", hopOK, "INBOX")
	r.advises(t, `identity = "as-customer"`, "local_path = true", `on_doubt = "probe"`)
	if code != exitOK || r.Findings != 0 {
		t.Errorf("exit code %d, %d findings", code, r.Findings)
	}
	first := w.support.Mails(t, "INBOX")[0]
	if !strings.HasPrefix(first.Header("Subject"), "TEST of ticketbridge") || !strings.Contains(string(first.Body()), "This is a test") {
		t.Errorf("the test mail does not say what it is:\n%s", first.Raw)
	}
	eventually(t, "the answers ignored by the daemon", func() bool { return w.states(t, "mails")["ignored"] == 2 })
	daemon.stop(t)
	if got := w.states(t, "mails"); len(got) != 1 || len(w.states(t, "deliveries")) != 0 {
		t.Errorf("mails %v, deliveries %v", got, w.states(t, "deliveries"))
	}
}

// TestDoctorFindings: what is peculiar about a path, what is said of it, and what
// follows.
func TestDoctorFindings(t *testing.T) {
	const foreign = " (foreign sender)"
	for _, tt := range []struct {
		name, sieve, headerCheck string
		hop                      string
		state                    hopState
		says                     string
		advice                   []string
		findings                 int
	}{
		{
			name: "junk", sieve: `require ["fileinto", "mailbox"]; if address :domain "from" "example.org" { fileinto :create "Junk"; }`,
			hop: "arrived" + foreign, state: hopFinding, says: "Junk, UID 1, a folder for junk", findings: 1,
			advice: []string{`identity = "reply-to"`, "local_path = false"},
		},
		{
			name: "From rewritten", headerCheck: "/^From:.*@example.org/ REPLACE From: \"Test via list\" <list@" + realtest.Domain + ">",
			hop: "requester" + foreign, state: hopFinding, says: "From was ticketbridge-test@example.org, arrived as list@" + realtest.Domain, findings: 1,
			advice: []string{`identity = "reply-to"`, "local_path = false"},
		},
		{
			name: "refused", headerCheck: "/^From:.*@example.org/ REJECT 5.7.1 not your domain",
			hop: "accepted" + foreign, state: hopFinding, says: "550 5.7.1", findings: 1,
			advice: []string{`identity = "reply-to"`, "local_path = false"},
		},
		{
			name: "lost", headerCheck: "/^From:.*@example.org/ DISCARD",
			hop: "arrived" + foreign, state: hopFinding, says: "not within", findings: 1,
			advice: []string{`identity = "reply-to"`, "local_path = false"},
		},
		{
			name: "duplicates suppressed", sieve: `require ["duplicate"]; if duplicate { discard; stop; }`,
			hop: "sent twice", state: hopOK, says: "one copy",
			advice: []string{`on_doubt = "resend"`, `resend = "ignored"`, `identity = "as-customer"`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := tested(t, tt.sieve, tt.headerCheck)
			w.extra["target"] = "[target.override]\nrequester = [\"reply-to\", \"from\"]"
			w.config(t)
			r, code := w.call(t, "--wait", "10s", "--reject-domain", "example.org")()
			r.want(t, "accepted", hopOK)
			r.want(t, "arrived", hopOK, "INBOX")
			r.want(t, tt.hop, tt.state, tt.says)
			r.advises(t, tt.advice...)
			if r.Findings != tt.findings || code != min(tt.findings, 1) {
				t.Errorf("%d findings, exit code %d; want %d", r.Findings, code, tt.findings)
			}
		})
	}
}

// TestDoctorForged: a server that keeps a forged Authentication-Results is found
// out, one that removes it is not.
func TestDoctorForged(t *testing.T) {
	for _, tt := range []struct {
		name, headerCheck string
		state             hopState
		says              string
		findings          int
	}{
		// This server hides its own hop, so nothing stands above the forged field.
		{"kept on top", "/^Received:/ IGNORE", hopFinding, `authenticate = "header" is not safe`, 2},
		{"kept below", "", hopOK, "not believed", 0},
		{"removed", "/^Authentication-Results:/ IGNORE", hopOK, "removed", 0},
		{"refused", "/^Authentication-Results:/ REJECT", hopOK, "refused", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := tested(t, "", tt.headerCheck)
			w.extra["mailbox"] = "authserv_id = \"mail.example.com\""
			file := w.config(t)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text = bytes.Replace(text, []byte(`authenticate = "none"`), []byte(`authenticate = "header"`), 1)
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			r, code := w.call(t, "--wait", "10s", "--mx", string(w.smtp.SMTP))()
			for _, m := range []*realtest.Mailbox{w.ann, w.ben} {
				r.want(t, "forged Authentication-Results to "+m.Address, tt.state, tt.says)
			}
			if r.Findings != tt.findings || code != min(tt.findings, 1) {
				t.Errorf("%d findings, exit code %d; want %d", r.Findings, code, tt.findings)
			}
			if tt.findings > 0 {
				r.advises(t, `authenticate = "dkim"`)
			}
		})
	}
}
