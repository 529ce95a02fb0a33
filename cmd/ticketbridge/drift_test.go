package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/status"
)

// TestDriftAlarm goes the whole way: mails of a product whose layout changed are
// parked as drift, counted by the store, and raise the alarm; dropped by a
// person they count no more.
func TestDriftAlarm(t *testing.T) {
	const workspace = "acme-0123456789ab.intercom-mail.com"
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(repoRoot, "testdata", "config", "ok-least.toml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "c.toml")
	cfgText := "state_dir = \".\"\n" + strings.Replace(string(text), `authenticate = "dkim"`, `authenticate = "none"`, 1)
	if err := os.WriteFile(file, []byte(cfgText), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := testApp(nil).loadConfig(file, false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStore(t.Context(), cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in, err := cfg.newIngest(s, bytes.Repeat([]byte("k"), bridge.MinSecret), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	uid := uint32(0)
	deliver := func(from, subject string) bridge.MailRecord {
		t.Helper()
		uid++
		raw := fmt.Sprintf("From: %s\r\nSubject: %s\r\nMessage-ID: <%d@test.invalid>\r\n\r\nA layout of the future, no. %d\r\n", from, subject, uid, uid)
		src := bridge.Source{Mailbox: "ann", Folder: "INBOX", UIDValidity: 1, UID: uid}
		rs, err := in.Handle(t.Context(), bridge.Batch{Mails: []bridge.Mail{{Source: src, Received: time.Now(), Size: int64(len(raw)), Raw: []byte(raw)}},
			Cursor: bridge.Cursor{Mailbox: "ann", Folder: "INBOX", UIDValidity: 1, UID: uid}})
		if err != nil {
			t.Fatal(err)
		}
		return rs[0]
	}
	drift := func() []bridge.FormatCount {
		t.Helper()
		counts, err := s.Formats(t.Context(), time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return counts
	}
	deliver("friend@example.org", "Lunch?") // no mail of the format: does not count
	var last bridge.MailRecord
	for n := range int64(3) {
		last = deliver("Ada via Intercom <notifications@"+workspace+">", "What is this?")
		if last.State != bridge.MailParked || last.Format != "intercom" {
			t.Fatalf("got %s, %s, %s", last.State, last.Reason, last.Format)
		}
		if got, want := drift(), []bridge.FormatCount{{Format: "intercom", Mails: n + 1, Drift: n + 1}}; !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got %v, want %v", last.Reason, got, want)
		}
	}
	raised := make(chan string, 1)
	page := status.New(status.Config{}, status.Sources{Store: s, Folders: func() []status.Folder { return nil },
		Log: slog.New(slog.NewTextHandler(lineWriter(raised), nil))})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- page.Run(ctx) }()
	if got := <-raised; !strings.Contains(got, "format intercom: 3 of 3 mails of the last day no longer match") {
		t.Errorf("got %s", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := s.DropMail(t.Context(), last.ID, "seen to"); err != nil {
		t.Fatal(err)
	}
	if got, want := drift(), []bridge.FormatCount{{Format: "intercom", Mails: 3, Drift: 2}}; !reflect.DeepEqual(got, want) {
		t.Errorf("seen to: got %v, want %v", got, want)
	}
}

// lineWriter passes each line of a log on.
type lineWriter chan<- string

func (w lineWriter) Write(b []byte) (int, error) { w <- string(b); return len(b), nil }
