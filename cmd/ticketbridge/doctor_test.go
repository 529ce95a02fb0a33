package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ticketbridge/bridge/realtest"
)

// examine runs the doctor as a process and returns what it saw and its exit code.
func (w *world) examine(t *testing.T, args ...string) (examinationJSON, int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"doctor", "-config", filepath.Join(w.dir, "config.toml"), "--json"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	var r examinationJSON
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), complaint.String())
	}
	t.Logf("exit %d\n%s", cmd.ProcessState.ExitCode(), out.String())
	return r, cmd.ProcessState.ExitCode()
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

func TestDoctorAllWell(t *testing.T) {
	w := probing(newWorld(t, "sqlite"))
	daemon := w.start(t, "")
	r, code := w.examine(t, "--wait", "20s", "--reject-domain", "example.org")
	r.want(t, "accepted", hopOK, "ticketbridge-test@"+realtest.Domain)
	r.want(t, "arrived", hopOK, "INBOX")
	r.want(t, "requester", hopOK, "ticketbridge-test@")
	r.want(t, "sent twice", hopOK, "two copies")
	r.want(t, "arrived (foreign sender)", hopOK)
	r.advises(t, `identity = "as-customer"`, "local_path = true", `on_doubt = "probe"`)
	if code != 0 || r.Findings != 0 {
		t.Errorf("exit code %d, %d findings", code, r.Findings)
	}
	daemon.stop(t)
}
