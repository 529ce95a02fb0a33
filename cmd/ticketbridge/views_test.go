package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

var update = flag.Bool("update", false, "rewrite golden files")

// fakeStore answers the admin's questions from what a test put in.
type fakeStore struct {
	bridge.Store // what a view must not call panics
	mails        []bridge.MailRecord
	convs        []bridge.Conversation
	deliveries   []bridge.Delivery
	stories      map[string][]bridge.Story
	raw          map[int64][]byte
	filter       bridge.Filter
	did          []string
	link         bridge.Link
	actErr       error
}

func (f *fakeStore) Close() error { return nil }
func (f *fakeStore) Mails(_ context.Context, q bridge.Filter) ([]bridge.MailRecord, error) {
	f.filter = q
	return f.mails, nil
}
func (f *fakeStore) Conversations(_ context.Context, q bridge.Filter) ([]bridge.Conversation, error) {
	f.filter = q
	return f.convs, nil
}
func (f *fakeStore) Deliveries(_ context.Context, q bridge.Filter) ([]bridge.Delivery, error) {
	f.filter = q
	return f.deliveries, nil
}
func (f *fakeStore) Find(_ context.Context, term string) ([]bridge.Story, error) {
	if s, ok := f.stories[term]; ok {
		return s, nil
	}
	return nil, bridge.ErrNotFound
}
func (f *fakeStore) Raw(_ context.Context, id int64) ([]byte, error) {
	if b, ok := f.raw[id]; ok {
		return b, nil
	}
	return nil, bridge.ErrNotFound
}
func (f *fakeStore) act(line string) error {
	f.did = append(f.did, line)
	return f.actErr
}
func (f *fakeStore) RetryNow(_ context.Context, id int64, why string) error {
	return f.act("retry " + bridge.DeliveryID(id) + " " + why)
}
func (f *fakeStore) DropMail(_ context.Context, id int64, why string) error {
	return f.act("drop " + bridge.MailID(id) + " " + why)
}
func (f *fakeStore) DropDelivery(_ context.Context, id int64, why string) error {
	return f.act("drop " + bridge.DeliveryID(id) + " " + why)
}
func (f *fakeStore) SetTicket(_ context.Context, id int64, l bridge.Link) error {
	f.link = l
	return f.act("link " + bridge.ConversationID(id) + " " + l.Ticket)
}

func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-11-24 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// sampleStore holds one chat with a copy, a follow-up in doubt and a parked
// mail whose subject attacks the terminal.
func sampleStore() *fakeStore {
	m1 := bridge.MailRecord{ID: 1, Source: bridge.Source{Mailbox: "ann", Folder: "INBOX", UIDValidity: 3, UID: 4711}, MessageID: "a@intercom-mail.com",
		FromAddress: "notifications@acme-0123456789ab.intercom-mail.com", FromName: "Ada Example via Intercom",
		Subject: "Re: [ACME] Ada Example: where do I change the invoice address?", Received: at("12:00:00"), Recorded: at("12:00:01"), Size: 22_300,
		State: bridge.MailTicket, Reason: "new conversation; every conversation is raised at once", Format: "intercom", Kind: "message",
		Customer: "ada@example.org", Conversation: 1, Evidence: []string{"profile intercom: kind message", "address: html .attribution EMAIL"}, HasRaw: true}
	m2 := m1
	m2.ID, m2.Mailbox, m2.UID, m2.State, m2.Reason, m2.CopyOf, m2.Evidence = 2, "ben", 17, bridge.MailIgnored, "no news: its message is recorded already", 1, nil
	m2.Recorded = at("12:00:02")
	m3 := bridge.MailRecord{ID: 3, Source: bridge.Source{Mailbox: "ann", Folder: "INBOX", UIDValidity: 3, UID: 4712},
		FromAddress: "eve@example.net", FromName: "Eve \x1b[31m", Subject: "\x1b]0;owned\x07\nm9  ticket  \u202egnp.exe 日本語の件名", Received: at("12:05:00"), Recorded: at("12:05:01"), Size: 900,
		State: bridge.MailParked, Reason: "no customer's address in it; release it with --customer ADDRESS", HasRaw: true}
	c1 := bridge.Conversation{ID: 1, Key: "intercom/abcd1234/1964", Ref: "KX7Q-2M9D", Format: "intercom", VendorID: "1964",
		URL: "https://app.intercom.com/a/apps/abcd1234/conversations/1964", Workspace: "ACME",
		Customer: mailparse.Customer{Address: "ada@example.org", Name: "Ada Example", Attributes: map[string]string{"plan": "trial"}, Locator: "html .attribution EMAIL"},
		Subject:  "Where do I change the invoice address?", Identity: "as-customer",
		Opened: at("12:00:01"), Updated: at("12:10:01"), FirstCustomer: at("11:55:00"), LastCustomer: at("12:09:00"),
		Thread: []string{"tb.one@example.com", "tb.two@example.com"}, Link: bridge.Link{Target: "mailbox", MessageID: "tb.one@example.com"}}
	d1 := bridge.Delivery{ID: 1, Conversation: 1, Mail: 1, Action: bridge.Raise, Reason: m1.Reason, MessageID: "tb.one@example.com",
		ReversePath: "bounce+x.y@example.com", Recipient: "support@example.com", Size: 2345, SHA256: "ab", State: bridge.Sent,
		Detail: "accepted at dot: 250 2.0.0 queued as 4F2A", Attempts: 1, Created: at("12:00:01"), Settled: at("12:00:02")}
	d2 := d1
	d2.ID, d2.Action, d2.State, d2.MessageID, d2.Reason = 2, bridge.Append, bridge.Doubt, "tb.two@example.com", "1 message more for its ticket"
	d2.Detail, d2.Created, d2.Settled = "doubt at dot: connection lost", at("12:10:01"), at("12:20:01")
	turns := []bridge.Turn{
		{Turn: mailparse.Turn{Role: mailparse.RoleCustomer, Author: "Ada", At: at("11:55:00"), Text: "Hello,\nwhere do I change\x1b[2J the invoice address?"}, Mail: 1},
		{Turn: mailparse.Turn{Role: mailparse.RoleCustomer, Author: "Ada", Written: "24 Nov, 12:09pm", Text: "Anyone?"}, Mail: 1},
	}
	events := []bridge.Event{
		{At: at("12:10:01"), What: "claimed", Text: "attempt 1 by host/1", Delivery: 2, Conversation: 1},
		{At: at("12:00:01"), What: "recorded", Text: m1.Reason, Mail: 1, Conversation: 1},
	}
	story := bridge.Story{Conversation: &c1, Mails: []bridge.MailRecord{m1, m2}, Turns: turns, Deliveries: []bridge.Delivery{d1, d2}, Events: events}
	parked := bridge.Story{Mails: []bridge.MailRecord{m3}}
	return &fakeStore{
		mails: []bridge.MailRecord{m3, m2, m1}, convs: []bridge.Conversation{c1}, deliveries: []bridge.Delivery{d2, d1},
		stories: map[string][]bridge.Story{"m1": {story}, "m2": {story}, "c1": {story}, "d1": {story}, "d2": {story}, "ada@example.org": {story}, "m3": {parked}, "both": {story, parked}},
		raw: map[int64][]byte{1: []byte("From: x\r\n\r\nraw\x00bytes\n"), 3: []byte("From: eve@example.net\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
			"--b\r\n\r\nSee the file\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"inv\x1b[31moice.pdf\"\r\n\r\n%PDF-1.4\r\n--b--\r\n")},
	}
}

// try runs one command line against the store.
func try(t *testing.T, s *fakeStore, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: func() time.Time { return at("13:00:00") },
		getenv: func(k string) string {
			return map[string]string{"SUDO_USER": "ann", "TICKETBRIDGE_CONFIG": filepath.Join(repoRoot, "config.toml.example")}[k]
		},
		open: func(context.Context, *config, bool) (bridge.Store, error) { return s, nil },
	}
	code = a.run(t.Context(), args)
	return out.String(), errs.String(), code
}

const repoRoot = "../.."

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update rewrites)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestViews(t *testing.T) {
	for name, args := range map[string][]string{
		"mails":              {"mails"},
		"mails-json":         {"mails", "--json"},
		"conversations":      {"conversations"},
		"conversations-json": {"conversations", "--json"},
		"outbox":             {"outbox"},
		"outbox-json":        {"outbox", "--json"},
		"show-conversation":  {"show", "c1"},
		"show-mail":          {"show", "m2"},
		"show-parked":        {"show", "m3"},
		"show-several":       {"show", "both"},
		"show-json":          {"show", "ada@example.org", "--json"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := try(t, sampleStore(), args...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit %d, stderr %q", code, errs)
			}
			if i := strings.IndexAny(out, "\x1b\x07\u202e\x00"); i >= 0 && !strings.HasSuffix(name, "json") {
				t.Errorf("a control character reached the terminal at %d", i)
			}
			golden(t, name, out)
		})
	}
}

func TestViewsFilter(t *testing.T) {
	s := sampleStore()
	_, errs, code := try(t, s, "mails", "--state", "parked", "--mailbox=ann", "--customer", "Ada@example.org", "--since", "2h", "--limit", "3", "--conversation", "c7")
	if code != exitOK || !strings.Contains(errs, "--limit 3 was reached") {
		t.Fatalf("exit %d, stderr %q", code, errs)
	}
	want := bridge.Filter{State: "parked", Mailbox: "ann", Customer: "Ada@example.org", Since: at("11:00:00"), Limit: 3, Conversation: 7}
	if got := s.filter; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if out, _, _ := try(t, &fakeStore{}, "outbox"); out != "no ticket message\n" {
		t.Errorf("empty outbox: %q", out)
	}
	if out, _, _ := try(t, &fakeStore{}, "outbox", "--json"); out != "" {
		t.Errorf("empty outbox as JSON: %q", out)
	}
}

// TestNextSteps: only what would work is offered.
func TestNextSteps(t *testing.T) {
	parked := bridge.MailRecord{ID: 3, State: bridge.MailParked, Source: bridge.Source{Mailbox: "ann", Folder: "INBOX"}}
	of := func(state bridge.DeliveryState, detail string, next time.Time) bridge.Story {
		return bridge.Story{Deliveries: []bridge.Delivery{{ID: 9, State: state, Detail: detail, Next: next}}}
	}
	for _, tt := range []struct {
		name string
		s    bridge.Story
		kept *keptMail
		want []string // each a line's beginning
	}{
		{"parked, with a customer", bridge.Story{Mails: []bridge.MailRecord{parked}}, &keptMail{whole: true, customer: true},
			[]string{"ticketbridge release m3  ", "ticketbridge release m3 --customer ADDRESS", "ticketbridge drop m3 --why REASON"}},
		{"parked, nobody in it", bridge.Story{Mails: []bridge.MailRecord{parked}}, &keptMail{whole: true}, []string{"ticketbridge release m3 --customer ADDRESS", "ticketbridge drop m3"}},
		{"parked, header only", bridge.Story{Mails: []bridge.MailRecord{parked}}, &keptMail{}, []string{"ticketbridge release m3 --max-size 1MB", "ticketbridge drop m3"}},
		{"parked, nothing kept", bridge.Story{Mails: []bridge.MailRecord{parked}}, nil, []string{"ticketbridge release m3 --max-size 1MB", "ticketbridge drop m3"}},
		{"dead", of(bridge.Dead, "permanent at rcpt: 550", time.Time{}), nil, []string{"ticketbridge retry d9  ", "ticketbridge retry d9 --anew  ", "ticketbridge drop d9"}},
		{"dead, with files", bridge.Story{Mails: []bridge.MailRecord{{ID: 3, State: bridge.MailTicket}}, Deliveries: []bridge.Delivery{{ID: 9, State: bridge.Dead}}},
			&keptMail{whole: true, files: []mailparse.Attachment{{Filename: "a.pdf"}}},
			[]string{"ticketbridge retry d9  ", "ticketbridge retry d9 --anew  ", "ticketbridge retry d9 --without-files", "ticketbridge drop d9"}},
		{"dropped when it was dead", of(bridge.Dead, "dropped (was dead): by ann", time.Time{}), nil, []string{"ticketbridge retry d9 --anew"}},
		{"replaced", bridge.Story{Deliveries: []bridge.Delivery{{ID: 9, State: bridge.Dead, ReplacedBy: 10}}}, nil, nil},
		{"dropped in doubt", of(bridge.Dead, "dropped (was doubt): by ann", time.Time{}), nil, []string{"ticketbridge retry d9"}},
		{"doubt", of(bridge.Doubt, "", time.Time{}), nil, []string{"look for the Ref", "ticketbridge retry d9", "ticketbridge drop d9"}},
		{"doubt, looked up", of(bridge.Doubt, "", at("14:00:00")), nil, []string{"d9 is looked up in the helpdesk by itself", "look for the Ref", "ticketbridge retry d9", "ticketbridge drop d9"}},
		{"bounced", of(bridge.Bounced, "", time.Time{}), nil, []string{"ticketbridge retry d9  ", "ticketbridge retry d9 --anew", "ticketbridge drop d9"}},
		{"sent", of(bridge.Sent, "", time.Time{}), nil, nil},
	} {
		got := nextSteps(tt.s, map[int64]*keptMail{3: tt.kept})
		same := len(got) == len(tt.want)
		for i := 0; same && i < len(got); i++ {
			same = strings.HasPrefix(got[i], tt.want[i])
		}
		if !same {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestShowRaw(t *testing.T) {
	out, _, code := try(t, sampleStore(), "show", "m1", "--raw")
	if code != exitOK || out != "From: x\r\n\r\nraw\x00bytes\n" {
		t.Errorf("exit %d: %q", code, out)
	}
	_, errs, code := try(t, sampleStore(), "show", "--raw", "m9")
	if code != exitFailed || !strings.Contains(errs, "nothing is kept of it") {
		t.Errorf("exit %d: %q", code, errs)
	}
}

// TestCommandLine: mistakes get exit 2 and say what would be right.
func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		want string // in stdout or stderr
	}{
		{"", exitUsage, "usage: ticketbridge COMMAND"},
		{"help", exitOK, "conversations"},
		{"help show", exitOK, "a customer's address"},
		{"show -h", exitOK, "--raw"},
		{"help shwo", exitUsage, `did you mean "show"?`},
		{"mial", exitUsage, "no command"},
		{"outbx", exitUsage, `did you mean "outbox"?`},
		{"mails extra", exitUsage, `takes no argument, but got "extra"`},
		{"mails --limit 0", exitUsage, "want at least 1"},
		{"mails --limit x", exitUsage, "invalid value"},
		{"mails --state open", exitUsage, "want one of ticket, update, waiting, ignored, parked"},
		{"mails --since yesterday", exitUsage, "how long ago"},
		{"mails --conversation m7", exitUsage, "want an ID such as c7"},
		{"mails --nope", exitUsage, "flag provided but not defined"},
		{"show", exitUsage, "want ID"},
		{"show a b", exitUsage, `one argument too many: "b"`},
		{"show --raw c1", exitUsage, "--raw wants the ID of a mail"},
		{"show m77", exitFailed, "nothing is known of"},
		{"drop m3", exitUsage, "want --why REASON"},
		{"link c1", exitUsage, "want ID TICKET"},
		{"link c1 7 --url ftp://x", exitUsage, "want http:// or https://"},
		{"version", exitOK, "ticketbridge "},
		{"--version", exitOK, "ticketbridge "},
		{"mails -config /nonexistent.toml", exitUsage, "no such file"},
	} {
		out, errs, code := try(t, sampleStore(), strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(out+errs, tt.want) {
			t.Errorf("%q: exit %d, want %d; %q does not hold %q", tt.args, code, tt.code, out+errs, tt.want)
		}
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	for _, name := range commandNames() {
		out, _, code := try(t, &fakeStore{}, "help", name)
		if code != exitOK || !strings.HasPrefix(out, "usage: ticketbridge "+name) || len(out) < 80 {
			t.Errorf("help %s: exit %d, %q", name, code, out)
		}
		for line := range strings.Lines(out) {
			if columns(strings.TrimSuffix(line, "\n")) > 100 {
				t.Errorf("help %s: line over 100 columns: %s", name, line)
			}
		}
	}
}
