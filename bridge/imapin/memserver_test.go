package imapin

import (
	"bytes"
	"io"
	"log"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"ticketbridge/bridge"
)

// onMemServer runs a test on the fake clock against go-imap's own server.
func onMemServer(t *testing.T, caps imap.CapSet, test func(t *testing.T, u *imapmemserver.User, p *pipes)) {
	leaks(t)
	synctest.Test(t, func(t *testing.T) {
		mem := imapmemserver.New()
		u := imapmemserver.NewUser("ann@example.com", "secret")
		mem.AddUser(u)
		u.Create("INBOX", nil)
		p := newPipes()
		s := imapserver.New(&imapserver.Options{
			NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				return mem.NewSession(), nil, nil
			},
			Caps: caps, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
		})
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(p) }()
		t.Cleanup(func() {
			s.Close()
			<-ended
		})
		test(t, u, p)
	})
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

func put(t *testing.T, u *imapmemserver.User, folder string, raws ...[]byte) {
	t.Helper()
	for _, raw := range raws {
		if _, err := u.Append(folder, literal{bytes.NewReader(raw)}, &imap.AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func counts(t *testing.T, u *imapmemserver.User, folder string) *imap.StatusData {
	t.Helper()
	d, err := u.Status(folder, &imap.StatusOptions{NumMessages: true, NumUnseen: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMemServer(t *testing.T) {
	rev1 := imap.CapSet{imap.CapIMAP4rev1: {}}
	for name, caps := range map[string]imap.CapSet{
		"IMAP4rev1":             rev1,
		"IMAP4rev1 and ESEARCH": {imap.CapIMAP4rev1: {}, imap.CapESearch: {}, imap.CapUIDPlus: {}},
		"IMAP4rev2":             {imap.CapIMAP4rev2: {}},
	} {
		t.Run(name, func(t *testing.T) {
			onMemServer(t, caps, func(t *testing.T, u *imapmemserver.User, p *pipes) {
				want := map[uint32][]byte{}
				for i := range uint32(250) {
					want[i+1] = text(int(i), 300)
					put(t, u, "INBOX", want[i+1])
				}
				w := newWatch(t, testConfig(), newStore(), p.dial).start(t)
				w.settle()
				for i := uint32(251); i < 260; i++ {
					time.Sleep(90 * time.Second)
					want[i] = text(int(i), 300)
					put(t, u, "INBOX", want[i])
					if st := w.settle(); st.WokenBy != "idle" || st.Recorded != int64(i) {
						t.Fatalf("mail %d: %+v", i, st)
					}
				}
				w.store.once(t, want)
				if d := counts(t, u, "INBOX"); *d.NumUnseen != 259 {
					t.Errorf("%d unseen: somebody's \\Seen was set", *d.NumUnseen)
				}
				// Deleted and made anew: the same UIDs under another UIDVALIDITY.
				if err := u.Delete("INBOX"); err != nil {
					t.Fatal(err)
				}
				u.Create("INBOX", nil)
				put(t, u, "INBOX", text(900, 400))
				p.cut()
				time.Sleep(10 * time.Second)
				if st := w.settle(); st.Recorded != 260 || st.Cursor.UID != 1 {
					t.Errorf("after the folder was made anew: %+v", st)
				}
			})
		})
	}
}

func TestMemServerOnDone(t *testing.T) {
	ours := func(m bridge.Mail) bool { return m.UID != 2 }
	move := imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapMove: {}, imap.CapUIDPlus: {}}
	byHand := imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}}
	for _, tc := range []struct {
		name, onDone string
		caps         imap.CapSet
		left         uint32
	}{
		{"keyword", "keyword:$Ticket", byHand, 4},
		{"move", "move:Done", move, 1},
		{"copy and expunge", "move:Done", byHand, 1},
		{"neither", "move:Done", imap.CapSet{imap.CapIMAP4rev1: {}}, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onMemServer(t, tc.caps, func(t *testing.T, u *imapmemserver.User, p *pipes) {
				u.Create("Done", nil)
				put(t, u, "INBOX", text(1, 300), text(2, 300), text(3, 300))
				cfg := testConfig()
				cfg.OnDone = tc.onDone
				store := newStore()
				store.ours = ours
				w := newWatch(t, cfg, store, p.dial).start(t)
				w.settle()
				time.Sleep(time.Minute)
				put(t, u, "INBOX", text(4, 300))
				w.settle()
				time.Sleep(ackPause)
				st := w.settle()
				if !slices.Equal(store.uids(), []uint32{1, 2, 3, 4}) {
					t.Errorf("read %v", store.uids())
				}
				in, done := counts(t, u, "INBOX"), counts(t, u, "Done")
				if *in.NumMessages != tc.left || *done.NumMessages != 4-tc.left || *in.NumUnseen != tc.left {
					t.Errorf("%d mails in INBOX (%d unseen), %d in Done", *in.NumMessages, *in.NumUnseen, *done.NumMessages)
				}
				want := int64(3)
				if tc.name == "neither" {
					want = 0
				}
				if st.Acked != want || (st.OnDoneErr == "") != (want > 0) || len(store.unmarked) != 3-int(want) {
					t.Errorf("status %+v, unmarked %v", st, store.unmarked)
				}
			})
		})
	}
}

// A mail is marked when the store says that it is done: soon, where something was
// sent here, and at the next poll, where another daemon sent it.
func TestMarkedOnceSent(t *testing.T) {
	for name, tc := range map[string]struct {
		caps  imap.CapSet
		told  bool
		after time.Duration
	}{
		"IDLE":            {imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIdle: {}}, true, ackPause},
		"no IDLE":         {imap.CapSet{imap.CapIMAP4rev1: {}}, true, ackPause},
		"by someone else": {imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIdle: {}}, false, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			onMemServer(t, tc.caps, func(t *testing.T, u *imapmemserver.User, p *pipes) {
				put(t, u, "INBOX", text(1, 300))
				cfg := testConfig()
				cfg.OnDone = "keyword:$Ticket"
				store := newStore()
				w := newWatch(t, cfg, store, p.dial).start(t)
				time.Sleep(10 * time.Second)
				if st := w.settle(); st.Recorded != 1 || st.Acked != 0 {
					t.Fatalf("recorded, not sent: %+v", st)
				}
				store.mu.Lock()
				store.unmarked = []uint32{1}
				store.mu.Unlock()
				if tc.told {
					m := Mailbox{watchers: []*Watcher{w.Watcher}}
					m.Sent()
					m.Sent() // it never blocks
				}
				time.Sleep(tc.after)
				if st := w.settle(); st.Acked != 1 || st.Sessions != 1 || len(store.have()) != 1 {
					t.Errorf("sent: %+v", st)
				}
			})
		})
	}
}

// A COPYUID that names mails we did not ask for must not get them deleted.
func TestLyingCOPYUID(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		f.caps += " UIDPLUS"
		f.put(text(1, 300), text(2, 300), text(3, 300))
		cfg := testConfig()
		cfg.OnDone = "move:Done"
		store := newStore()
		store.ours = func(m bridge.Mail) bool { return m.UID == 2 }
		f.setHook(func(c *fakeConn, tag, cmd, _ string) bool {
			if cmd == "UID COPY" {
				c.send("%s OK [COPYUID 9 1:3 1:3] done", tag)
			}
			return cmd == "UID COPY"
		})
		newWatch(t, cfg, store, f.net.dial).start(t)
		time.Sleep(ackPause)
		synctest.Wait()
		var got []string
		for _, c := range f.commands {
			if strings.HasPrefix(c, "UID STORE") || strings.HasPrefix(c, "UID EXPUNGE") {
				got = append(got, c)
			}
		}
		if want := []string{`UID STORE 2 +FLAGS.SILENT (\Deleted)`, "UID EXPUNGE 2"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
