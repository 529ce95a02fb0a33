package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDemo runs the whole show: the real daemon between real protocols. It says
// what it is expected to say, ends by itself and leaves nothing behind.
func TestDemo(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var out, errs bytes.Buffer
	a := testApp(nil)
	a.stdout, a.stderr, a.open = &out, &errs, openStore
	began := time.Now()
	if code := a.run(t.Context(), []string{"demo"}); code != exitOK {
		t.Fatalf("exit %d\n%s\n%s", code, out.String(), errs.String())
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %s, want less than 30 s", took)
	}
	got := out.String()
	for _, want := range []string{
		`m1 is\s+ticket`, `customer: ada@example\.org`, `opens ticket 101`, // new chat
		`m2 is\s+ignored\n.*no news`,           // copy
		`m3 is\s+update`, `adds to ticket 101`, // follow-up
		`m4 is\s+parked`, // no address
		`m5 is\s+ticket\n.*\n\s+customer: mal@example\.org`, // typed address
		`m6 is\s+parked`, // forged
		`m7 is\s+ticket\n.*\n\s+customer: cleo@example\.net`, // forward
		`m8 is\s+ignored`, // newsletter
		`\$ ticketbridge release m4 --customer lea@example\.org`, `m4 is ticket`, // by hand
		`From:\s+"?Ada Example"? <ada@example\.org>`, `(?m)^\s+Ref: [0-9A-Z]{4}-[0-9A-Z]{4}$`,
		`c1\s+intercom/abcd1234/1964\s+ada@example\.org\s+2\s+\S+\s+101`,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("no %q in the show", want)
		}
	}
	if strings.Contains(got, "customer: victim@example.net") || strings.Contains(got, "\x1b") {
		t.Error("the show believed the typed address, or is coloured without a terminal")
	}
	for line := range strings.Lines(got) {
		if columns(strings.TrimSuffix(line, "\n")) > 100 {
			t.Errorf("over 100 columns: %s", line)
		}
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if t.Failed() {
		t.Log(got)
	}
}

// TestDemoInterrupted: Ctrl-C in the middle ends it at once and cleanly.
func TestDemoInterrupted(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	a := testApp(nil)
	a.open = openStore
	a.stdout = cancelOn{"m1 is", cancel}
	if code := a.run(ctx, []string{"demo", "--keep"}); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// cancelOn cancels when a text is written.
type cancelOn struct {
	text   string
	cancel func()
}

func (c cancelOn) Write(b []byte) (int, error) {
	if strings.Contains(string(b), c.text) {
		c.cancel()
	}
	return len(b), nil
}

// TestDemoKeep: with --keep the other commands work on the demo's state.
func TestDemoKeep(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	keeping := make(chan struct{})
	a := testApp(nil)
	a.open = openStore
	a.stdout = cancelOn{"TICKETBRIDGE_CONFIG=", func() { close(keeping) }}
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"demo", "--keep"}) }()
	select {
	case <-keeping:
	case code := <-ended:
		t.Fatalf("ended with %d", code)
	case <-time.After(time.Minute):
		t.Fatal("never came to the end")
	}
	files, err := filepath.Glob(filepath.Join(tmp, "ticketbridge-demo-*", "config.toml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	ask := func(args ...string) (string, int) {
		var out bytes.Buffer
		b := testApp(nil)
		b.open, b.stdout, b.stderr = openStore, &out, &out
		code := b.run(ctx, append(args, "-config", files[0]))
		return out.String(), code
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"mails --state parked", exitOK, "m6"},
		{"conversations", exitOK, "ada@example.org"},
		{"outbox --json", exitOK, `"state":"sent"`},
		{"show ada@example.org", exitOK, "Where do I change the invoice address?"},
		{"show 101", exitOK, "c1  conversation intercom/abcd1234/1964"},
		{"show --raw m1", exitOK, "Authentication-Results: mx.example.com; dkim=pass"},
		{"release m6 --customer nobody", exitFailed, "customer nobody: "},
		{"release m6 --customer ceo@mail.example.com", exitFailed, "m6 is parked: ceo@mail.example.com cannot be the customer"},
		{"release m1", exitFailed, "only a parked mail can be released"},
		{"show m6", exitOK, "ticketbridge release m6 --customer ADDRESS"},
		{"drop m6 --why forged", exitOK, "m6 is ignored"},
		{"drop m6 --why forged", exitFailed, "only a parked mail"},
		{"link c2 4711", exitOK, "c2 is ticket 4711"},
		{"check --connect", exitOK, "in use by a running daemon"},
		{"health", exitOK, "ok: up "},
		{"serve", exitFailed, "another ticketbridge (process "},
	} {
		if out, code := ask(strings.Fields(tt.args)...); code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("%s: exit %d, want %d; no %q in:\n%s", tt.args, code, tt.code, tt.want, out)
		}
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d", code)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
