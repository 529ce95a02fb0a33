package status

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

func TestHealth(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(*fakeStore, *Folder)
		reasons []string
	}{
		{"well", func(*fakeStore, *Folder) {}, []string{}},
		{"store gone", func(s *fakeStore, _ *Folder) { s.err = errors.New("dial tcp 127.0.0.1:5432: connection refused") },
			[]string{"store: dial tcp 127.0.0.1:5432: connection refused"}},
		{"a hiccup", func(_ *fakeStore, f *Folder) {
			f.Connected, f.Since, f.Err = false, time.Now().Add(-4*time.Minute), "connection reset"
		}, []string{}},
		{"down", func(_ *fakeStore, f *Folder) {
			f.Connected, f.Since, f.Err = false, time.Now().Add(-12*time.Minute), "login as ann@example.com: wrong password"
		}, []string{"mailbox ann/INBOX: not connected for 12 min: login as a…@example.com: wrong password"}},
		{"down, no error", func(_ *fakeStore, f *Folder) { f.Connected, f.Since = false, time.Now().Add(-12*time.Minute) },
			[]string{"mailbox ann/INBOX: not connected for 12 min"}},
		{"never connected", func(_ *fakeStore, f *Folder) { *f = Folder{Mailbox: "ann", Folder: "INBOX"} }, []string{}}, // just started
		{"looked at in time", func(_ *fakeStore, f *Folder) { f.Woken = time.Now().Add(-7 * time.Minute) }, []string{}},
		{"hangs", func(_ *fakeStore, f *Folder) { f.Woken = time.Now().Add(-9 * time.Minute) },
			[]string{"mailbox ann/INBOX: not looked at for 9 min"}},
		{"connected, not recorded", func(_ *fakeStore, f *Folder) {
			f.Err, f.ErrSince = "record 3 mails: disk full", time.Now().Add(-6*time.Minute)
		}, []string{"mailbox ann/INBOX: in trouble for 6 min: record 3 mails: disk full"}},
		{"a moment's trouble", func(_ *fakeStore, f *Folder) { f.Err, f.ErrSince = "disk full", time.Now().Add(-time.Minute) }, []string{}},
		{"no known pace", func(_ *fakeStore, f *Folder) { f.Woken, f.LookEvery = time.Now().Add(-9*time.Hour), 0 }, []string{}},
		{"due soon", func(s *fakeStore, _ *Folder) { s.counts.OldestDue = time.Now().Add(time.Hour) }, []string{}},
		{"due", func(s *fakeStore, _ *Folder) { s.counts.OldestDue = time.Now().Add(-14 * time.Minute) }, []string{}},
		{"late", func(s *fakeStore, _ *Folder) { s.counts.OldestDue = time.Now().Add(-3 * time.Hour) },
			[]string{"outbox: a delivery has been due for 3 h"}},
		{"all at once", func(s *fakeStore, f *Folder) {
			s.err, s.counts.OldestDue = errors.New("disk full"), time.Time{}
			f.Connected, f.Since = false, time.Now().Add(-48*time.Hour)
		}, []string{"store: disk full", "mailbox ann/INBOX: not connected for 2 d"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store, f := newStore(), wellFolder()
			tc.change(store, &f)
			p := newPage(Default(), store, f)
			if tc.name != "never connected" {
				p.started = time.Now().Add(-24 * time.Hour)
			}
			resp := get(t, p, "GET", "/healthz")
			var h Health
			if err := json.Unmarshal([]byte(body(t, resp)), &h); err != nil {
				t.Fatal(err)
			}
			status, code := "ok", http.StatusOK
			if len(tc.reasons) > 0 {
				status, code = "unwell", http.StatusServiceUnavailable
			}
			if !reflect.DeepEqual(h.Reasons, tc.reasons) || h.Status != status || resp.StatusCode != code {
				t.Errorf("got %s, %s %q; want %q", resp.Status, h.Status, h.Reasons, tc.reasons)
			}
			if resp.Header.Get("Content-Type") != "application/json" || h.Version != "v1.2.3" || len(h.Mailboxes) != 1 || h.Mailboxes[0].Since.IsZero() {
				t.Errorf("got %+v", h)
			}
		})
	}
}

// TestLateBeforeTheStart: a restart does not bring back a mail server that was
// down, so it is not asked for again because of what is late since then.
func TestLateBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.counts.OldestDue = time.Now().Add(-3 * time.Hour)
		p := newPage(Default(), store)
		for _, tt := range []struct {
			after   time.Duration
			reasons int
		}{{14 * time.Minute, 0}, {2 * time.Minute, 1}} {
			time.Sleep(tt.after)
			if h := p.health(p.look(t.Context())); len(h.Reasons) != tt.reasons {
				t.Errorf("after %v: %q", tt.after, h.Reasons)
			}
		}
	})
}

func TestHealthNumbers(t *testing.T) {
	store := newStore()
	store.counts.OldestDue = time.Now().Add(-90 * time.Second)
	p := newPage(Default(), store, wellFolder())
	h := p.health(p.look(t.Context()))
	if h.Outbox.OldestDue != 90 || h.Outbox.Parked != 1 || h.Outbox.Deliveries[bridge.Retry] != 1 || !h.Store.Reachable {
		t.Errorf("got %+v", h)
	}
}

// TestHangingStore: a database that does not answer is not reachable, and who
// asked is told in time.
func TestHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		resp := get(t, newPage(Default(), &fakeStore{hang: true}, wellFolder()), "GET", "/healthz")
		if took := time.Since(began); took != lookTimeout || took >= askTimeout {
			t.Errorf("took %v", took)
		}
		mustHold(t, body(t, resp), `"store: context deadline exceeded"`, `"reachable": false`)
	})
}

func TestAsk(t *testing.T) {
	store := newStore()
	addr := running(t, newPage(Default(), store, wellFolder()))
	h, err := Ask(t.Context(), addr)
	if err != nil || h.Status != "ok" || len(h.Mailboxes) != 1 {
		t.Errorf("got %+v, %v", h, err)
	}
	down := wellFolder()
	down.Connected, down.Since, down.Err = false, time.Now().Add(-time.Hour-30*time.Minute), "refused"
	addr = running(t, newPage(Default(), &fakeStore{err: errors.New("disk full")}, down))
	_, err = Ask(t.Context(), addr)
	if err == nil || err.Error() != "unwell: store: disk full; mailbox ann/INBOX: not connected for 90 min: refused" {
		t.Errorf("got %v", err)
	}
}

func TestAskNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	if _, err := Ask(t.Context(), addr); err == nil || !strings.HasPrefix(err.Error(), "no daemon answers at "+addr+": ") {
		t.Errorf("got %v", err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>hello")) }))
	defer other.Close()
	addr = other.Listener.Addr().String()
	if _, err := Ask(t.Context(), addr); err == nil || err.Error() != "what answers at "+addr+" is no ticketbridge (200 OK)" {
		t.Errorf("got %v", err)
	}
}

func TestDialable(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:8025": "127.0.0.1:8025",
		":8025":          "127.0.0.1:8025",
		"0.0.0.0:8025":   "127.0.0.1:8025",
		"[::]:8025":      "[::1]:8025",
		"[::1]:8025":     "[::1]:8025",
		"localhost:8025": "localhost:8025",
		"192.0.2.1:8025": "192.0.2.1:8025",
	} {
		if got := dialable(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
