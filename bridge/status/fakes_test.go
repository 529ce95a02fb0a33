package status

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ticketbridge/bridge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore is a store of given rows, filtered by state as the real one does.
type fakeStore struct {
	counts      bridge.Counts
	mails       []bridge.MailRecord
	deliveries  []bridge.Delivery
	formats     []bridge.FormatCount
	unconfirmed int64 // sent an hour ago
	err         error
	hang        bool // answers only when the context ends
}

func (s *fakeStore) answer(ctx context.Context) error {
	if s.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.err
}

func (s *fakeStore) Counts(ctx context.Context) (bridge.Counts, error) {
	return s.counts, s.answer(ctx)
}

func (s *fakeStore) Mails(ctx context.Context, f bridge.Filter) ([]bridge.MailRecord, error) {
	var out []bridge.MailRecord
	for _, m := range s.mails {
		if (f.State == "" || f.State == string(m.State)) && len(out) < f.Limit {
			out = append(out, m)
		}
	}
	return out, s.answer(ctx)
}

func (s *fakeStore) Deliveries(ctx context.Context, f bridge.Filter) ([]bridge.Delivery, error) {
	var out []bridge.Delivery
	for _, d := range s.deliveries {
		if f.State == string(d.State) && len(out) < f.Limit {
			out = append(out, d)
		}
	}
	return out, s.answer(ctx)
}

func (s *fakeStore) Formats(ctx context.Context, _ time.Time) ([]bridge.FormatCount, error) {
	return s.formats, s.answer(ctx)
}

func (s *fakeStore) Unconfirmed(ctx context.Context, from, to time.Time) (int64, error) {
	if to.Sub(from) != unconfirmedWindow || time.Since(to) < time.Hour {
		return 0, s.answer(ctx)
	}
	return s.unconfirmed, s.answer(ctx)
}

// newStore holds one of everything worth seeing.
func newStore() *fakeStore {
	now := time.Now()
	return &fakeStore{
		counts: bridge.Counts{
			Mails:         map[bridge.MailState]int64{bridge.MailTicket: 12, bridge.MailParked: 1},
			Deliveries:    map[bridge.DeliveryState]int64{bridge.Sent: 11, bridge.Retry: 1, bridge.Doubt: 1},
			Conversations: 9,
		},
		mails: []bridge.MailRecord{
			{ID: 12, Source: bridge.Source{Mailbox: "ann", Folder: "INBOX", UIDValidity: 1, UID: 7}, State: bridge.MailTicket, Reason: "raised at once",
				Format: "intercom", Kind: "message", Conversation: 7, Customer: "visitor@customer.example", FromAddress: "notifications@chat.example",
				Subject: "A private question", Received: now.Add(-time.Hour), Recorded: now.Add(-time.Hour)},
			{ID: 13, Source: bridge.Source{Mailbox: "ann", Folder: "INBOX", UIDValidity: 1, UID: 8}, State: bridge.MailParked,
				Reason: "two addresses: one@customer.example, two@customer.example", FromAddress: "notifications@chat.example",
				Subject: "Another question", Received: now.Add(-time.Minute), Recorded: now.Add(-50 * time.Second)},
		},
		deliveries: []bridge.Delivery{
			{ID: 9, Conversation: 7, Action: bridge.Raise, State: bridge.Retry, Attempts: 3, Detail: "temporary at rcpt: 451 4.7.1 later",
				Created: now.Add(-3 * time.Hour), Next: now.Add(10*time.Minute + time.Second)},
			{ID: 10, Conversation: 8, Action: bridge.Append, State: bridge.Doubt, Attempts: 1, Detail: "doubt at dot: the server closed the connection",
				Created: now.Add(-2 * time.Hour), Settled: now.Add(-2 * time.Hour)},
		},
	}
}

func wellFolder() Folder {
	now := time.Now()
	return Folder{Mailbox: "ann", Folder: "INBOX", Connected: true, Idle: true, Since: now.Add(-time.Hour), Woken: now.Add(-30 * time.Second),
		LookEvery: time.Minute, Sessions: 1}
}

func newPage(cfg Config, store Store, folders ...Folder) *Page {
	return New(cfg, Sources{
		Store:     store,
		Folders:   func() []Folder { return append([]Folder(nil), folders...) },
		Mailboxes: []string{"ann", "ben"},
		Version:   "v1.2.3",
		Log:       slog.New(slog.DiscardHandler),
	})
}

// get asks the page without a network.
func get(t *testing.T, p *Page, method, path string, change ...func(*http.Request)) *http.Response {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8025"+path, nil)
	for _, c := range change {
		c(req)
	}
	rec := httptest.NewRecorder()
	p.routes().ServeHTTP(rec, req)
	return rec.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustHold(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in it:\n%s", p, text)
		}
	}
}

func mustLack(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			t.Errorf("%q is in it:\n%s", p, text)
		}
	}
}
