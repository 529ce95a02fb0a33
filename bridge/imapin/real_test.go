package imapin

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
)

// realConfig watches a mailbox of a Dovecot with the TLS of the day.
func realConfig(d *realtest.DovecotServer, m *realtest.Mailbox, tls string) Config {
	c := Defaults()
	c.Name, c.Host, c.TLS, c.CAFile = "ann", "127.0.0.1", tls, d.CAFile
	c.Port = d.IMAPS.Port()
	if tls != "implicit" {
		c.Port = d.IMAP.Port()
	}
	c.Username, c.Password = m.Address, bridge.Secret(m.Password)
	c.Start = "all"
	c.Poll = bridge.Duration(10 * time.Minute) // whatever comes sooner came by IDLE
	c.Timeout = bridge.Duration(10 * time.Second)
	return c
}

// inBox is what a mailbox holds, as the watcher should have read it.
func inBox(t *testing.T, m *realtest.Mailbox, folder string) map[uint32][]byte {
	t.Helper()
	want := map[uint32][]byte{}
	for _, mail := range m.Mails(t, folder) {
		want[uint32(mail.UID)] = mail.Raw
	}
	return want
}

func TestDovecotIdle(t *testing.T) {
	for _, tls := range []string{"implicit", "starttls", "none"} {
		t.Run(tls, func(t *testing.T) {
			t.Parallel()
			d := realtest.Dovecot(t)
			m := d.NewMailbox(t, "ann")
			m.Deliver(t, text(1, 500), text(2, 22_000))
			store := newStore()
			w := newWatch(t, realConfig(d, m, tls), store, nil).start(t)
			store.eventually(t, 10*time.Second, func() bool { return len(store.have()) == 2 })
			for i := 3; i < 6; i++ {
				waitIdle(t, w)
				began := time.Now()
				m.Deliver(t, text(i, 22_000))
				store.eventually(t, 10*time.Second, func() bool { return len(store.have()) == i })
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("mail %d was read after %v", i, took)
				} else {
					t.Logf("mail %d was read after %v", i, took)
				}
			}
			if st := w.Status(); st.WokenBy != "idle" || !st.Idle {
				t.Errorf("status %+v", st)
			}
			store.once(t, inBox(t, m, "INBOX"))
			for _, mail := range m.Mails(t, "INBOX") {
				if slices.Contains(mail.Flags, imap.FlagSeen) || !slices.Contains(mail.Flags, `\Recent`) {
					t.Errorf("mail %d has flags %v, want them as delivered", mail.UID, mail.Flags)
				}
			}
		})
	}
}

// waitIdle waits until the watcher has nothing left to do.
func waitIdle(t *testing.T, w *watch) {
	t.Helper()
	w.store.eventually(t, 30*time.Second, func() bool {
		st := w.Status()
		return st.Connected && st.Behind == 0 && st.Err == ""
	})
}

func TestDovecotFolders(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	m.Append(t, "INBOX", text(1, 500))
	m.Append(t, "Chats.Köln & more", text(2, 500), text(3, 500))
	cfg := realConfig(d, m, "implicit")
	cfg.Folders = []string{"INBOX", "Chats.Köln & more"}
	for i, folder := range cfg.Folders {
		store := newStore()
		one := cfg
		one.Folders = []string{folder}
		newWatch(t, one, store, nil).start(t)
		store.eventually(t, 10*time.Second, func() bool { return len(store.have()) == i+1 })
		store.once(t, inBox(t, m, folder))
	}
	if err := Check(t.Context(), cfg); err != nil {
		t.Errorf("check: %v", err)
	}
}

// Dovecot is stopped, killed and frozen while mails keep coming.
func TestDovecotOutages(t *testing.T) {
	d := realtest.NewDovecot(t, realtest.DovecotConfig{})
	m := d.NewMailbox(t, "ann")
	cfg := realConfig(d, m, "implicit")
	cfg.Poll = bridge.Duration(2 * time.Second)
	cfg.Timeout = bridge.Duration(time.Second)
	store := newStore()
	w := newWatch(t, cfg, store, nil)
	w.pause = func(int) time.Duration { return 100 * time.Millisecond }
	w.start(t)
	n := 0
	for name, outage := range map[string]func(){
		"restart": func() { d.Restart(t) },
		"kill -9": func() { d.Kill9(t); d.Start(t) },
		"frozen": func() {
			d.Pause(t)
			began := time.Now()
			store.eventually(t, 20*time.Second, func() bool { return strings.Contains(w.Status().Err, "does not answer") })
			if took := time.Since(began); took > 2*time.Second+time.Second+2*time.Second {
				t.Errorf("a frozen server was noticed after %v, want poll and timeout", took)
			}
			d.Resume(t)
		},
		"sessions thrown out": func() { m.Kick(t) },
	} {
		m.Deliver(t, text(n, 20_000), text(n+1, 500))
		n += 2
		store.eventually(t, 20*time.Second, func() bool { return len(store.have()) == n })
		waitIdle(t, w)
		outage()
		m.Deliver(t, text(n, 20_000))
		n++
		store.eventually(t, 20*time.Second, func() bool { return len(store.have()) == n })
		if t.Failed() {
			t.Fatal(name)
		}
	}
	store.once(t, inBox(t, m, "INBOX"))
}

func TestDovecotUIDVALIDITY(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	m.Deliver(t, text(1, 500), text(2, 500))
	cfg := realConfig(d, m, "implicit")
	cfg.Poll = bridge.Duration(time.Second)
	store := newStore()
	w := newWatch(t, cfg, store, nil).start(t)
	store.eventually(t, 10*time.Second, func() bool { return len(store.have()) == 2 })
	waitIdle(t, w)
	// Without a word to the sessions that have it open.
	out, err := exec.Command("doveadm", "-c", filepath.Join(d.Dir(), "dovecot.conf"), "mailbox", "update", "--uid-validity", "4711", "-u", m.Address, "INBOX").CombinedOutput()
	if err != nil {
		t.Fatalf("doveadm: %v: %s", err, out)
	}
	m.Deliver(t, text(3, 500))
	store.eventually(t, 20*time.Second, func() bool { return len(store.have()) == 5 })
	for i, mail := range store.have() {
		if mail.Rescan != (i >= 2) && i != 4 || (mail.UIDValidity == 4711) != (i >= 2) {
			t.Errorf("mail %v, rescan %v", mail.Source, mail.Rescan)
		}
	}
	if c := store.at(); c.UIDValidity != 4711 || c.UID != 3 || c.RescanTo != 0 {
		t.Errorf("cursor %+v", c)
	}
	m.Deliver(t, text(4, 500))
	store.eventually(t, 20*time.Second, func() bool { return len(store.have()) == 6 })
	if mail := store.have()[5]; mail.Rescan {
		t.Error("a new mail is called a rescan")
	}
	waitIdle(t, w)
}

// People work in the same mailbox: what they delete is gone, the rest comes.
func TestDovecotPeople(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	var raws [][]byte
	for i := range 300 {
		raws = append(raws, text(i, 2000))
	}
	m.Append(t, "INBOX", raws...)
	m.Create(t, "Archive")
	person := m.Dial(t)
	defer person.Close()
	if _, err := person.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	cfg := realConfig(d, m, "none")
	cfg.Batch = 50
	store := newStore()
	step := 0
	store.before = func(b bridge.Batch) error {
		step++
		// While one batch is recorded and the next being fetched, mails of this
		// and of later ones move away and go.
		first := b.Mails[0].UID
		away := imap.UIDSetNum(imap.UID(first+3), imap.UID(first+53), imap.UID(first+120))
		if step%2 == 0 {
			_, err := person.Move(away, "Archive").Wait()
			return err
		}
		if err := person.Store(away, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted, "odd-one"}}, nil).Close(); err != nil {
			return err
		}
		return person.UIDExpunge(away).Close()
	}
	w := newWatch(t, cfg, store, nil).start(t)
	store.eventually(t, 30*time.Second, func() bool { return store.at().UID == 300 })
	waitIdle(t, w)
	seen := store.uids()
	for uid := range inBox(t, m, "INBOX") {
		if !slices.Contains(seen, uid) {
			t.Errorf("mail %d is there and was not read", uid)
		}
	}
	if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
		t.Errorf("read %v", seen)
	}
	if st := w.Status(); st.Sessions != 1 || st.Recorded+st.Vanished > 300 {
		t.Errorf("status %+v", st)
	}
}

func TestDovecotOnDone(t *testing.T) {
	ours := func(m bridge.Mail) bool { return m.UID%2 == 1 }
	for _, tc := range []struct {
		name, onDone, caps string
		moved              bool
		err                string
	}{
		{"keyword", "keyword:$Ticket", "", false, ""},
		{"move", "move:Done", "", true, ""},
		{"move by hand", "move:Done", "imap_capability = IMAP4rev1 IDLE UIDPLUS", true, ""},
		{"move impossible", "move:Done", "imap_capability = IMAP4rev1 IDLE", false, "can neither MOVE nor UID EXPUNGE"},
		{"move to nowhere", "move:Missing", "", false, "TRYCREATE"},
		{"by hand to nowhere", "move:Missing", "imap_capability = IMAP4rev1 IDLE UIDPLUS", false, "TRYCREATE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := realtest.Dovecot(t)
			if tc.caps != "" {
				d = realtest.NewDovecot(t, realtest.DovecotConfig{Extra: tc.caps})
			}
			m := d.NewMailbox(t, "ann")
			m.Create(t, "Done")
			m.Append(t, "INBOX", text(1, 500), text(2, 500), text(3, 500), text(4, 500))
			person := m.Dial(t)
			defer person.Close()
			if _, err := person.Select("INBOX", nil).Wait(); err != nil {
				t.Fatal(err)
			}
			deleted := imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}
			if err := person.Store(imap.UIDSetNum(2), &deleted, nil).Close(); err != nil { // to be undone, perhaps
				t.Fatal(err)
			}
			cfg := realConfig(d, m, "none")
			cfg.OnDone = tc.onDone
			cfg.Poll = bridge.Duration(time.Second)
			store := newStore()
			store.ours = ours
			w := newWatch(t, cfg, store, nil).start(t)
			store.eventually(t, 10*time.Second, func() bool {
				st := w.Status()
				return st.Acked == 2 || tc.err != "" && strings.Contains(st.OnDoneErr, tc.err) && len(store.have()) == 4
			})
			left := m.Mails(t, "INBOX")
			for _, mail := range left {
				if mail.UID%2 == 1 && tc.moved {
					t.Errorf("mail %d is still there", mail.UID)
				}
				if has := slices.Contains(mail.Flags, "$Ticket"); has != (tc.onDone == "keyword:$Ticket" && mail.UID%2 == 1) {
					t.Errorf("mail %d has flags %v", mail.UID, mail.Flags)
				}
			}
			if done := m.Mails(t, "Done"); len(done) != 4-len(left) {
				t.Errorf("%d mails left and %d done", len(left), len(done))
			}
			err := Check(t.Context(), cfg)
			if missing := strings.Contains(tc.onDone, "Missing"); tc.err == "" && err != nil || tc.err != "" && err == nil || missing && !strings.Contains(err.Error(), "there are: ") {
				t.Errorf("check: %v", err)
			}
			if tc.name != "move to nowhere" {
				return
			}
			m.Create(t, "Missing")
			store.eventually(t, 10*time.Second, func() bool { st := w.Status(); return st.Acked == 2 && st.OnDoneErr == "" })
			if len(m.Mails(t, "Missing")) != 2 || len(store.unmarked) != 0 {
				t.Error("not moved once it could be")
			}
		})
	}
}

// Recorded, but the program was stopped before the mailbox was told.
func TestDovecotMarksWhatWasLeft(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	m.Append(t, "INBOX", text(1, 500), text(2, 500), text(3, 500))
	cfg := realConfig(d, m, "none")
	cfg.OnDone = "keyword:$Ticket"
	store := newStore()
	c := m.Dial(t)
	defer c.Close()
	validity, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	store.cursor = &bridge.Cursor{Mailbox: "ann", Folder: "INBOX", UIDValidity: validity.UIDValidity, UID: 2}
	store.unmarked = []uint32{1, 2, 999} // 999 was deleted by a person meanwhile
	store.ours = func(bridge.Mail) bool { return true }
	w := newWatch(t, cfg, store, nil).start(t)
	store.eventually(t, 10*time.Second, func() bool { return w.Status().Acked == 4 })
	for _, mail := range m.Mails(t, "INBOX") {
		if !slices.Contains(mail.Flags, "$Ticket") {
			t.Errorf("mail %d has flags %v", mail.UID, mail.Flags)
		}
	}
	if !slices.Equal(store.uids(), []uint32{3}) {
		t.Errorf("read %v", store.uids())
	}
	w.stop()
	// The database is lost, the mailbox remembers: what was dealt with says so.
	again := newStore()
	newWatch(t, cfg, again, nil).start(t)
	again.eventually(t, 10*time.Second, func() bool { return len(again.have()) == 3 })
	for _, mail := range again.have() {
		if !mail.Done {
			t.Errorf("mail %d carries the keyword, and is read as a new one", mail.UID)
		}
	}
}

// TestDovecotOne: a mail is fetched only if it surely is the one that was meant.
func TestDovecotOne(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	large := text(1, 40_000)
	m.Append(t, "INBOX", large)
	cfg := realConfig(d, m, "implicit")
	c := m.Dial(t)
	defer c.Close()
	box, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		max     bridge.Size
		at      bridge.Source
		problem string // "" if it comes
	}{
		{"there", 100_000, bridge.Source{Folder: "INBOX", UIDValidity: box.UIDValidity, UID: 1}, ""},
		{"too large still", 20_000, bridge.Source{Folder: "INBOX", UIDValidity: box.UIDValidity, UID: 1}, "more than 20KB"},
		{"gone", 100_000, bridge.Source{Folder: "INBOX", UIDValidity: box.UIDValidity, UID: 7}, "UID 7 is not there any more"},
		{"numbered anew", 100_000, bridge.Source{Folder: "INBOX", UIDValidity: box.UIDValidity + 1, UID: 1}, "numbered anew"},
		{"no such folder", 100_000, bridge.Source{Folder: "Chats", UIDValidity: box.UIDValidity, UID: 1}, "open Chats"},
	} {
		cfg.MaxSize = tc.max
		mail, err := One(t.Context(), cfg, tc.at)
		if tc.problem == "" && (err != nil || string(mail.Raw) != string(large) || mail.Received.IsZero()) {
			t.Errorf("%s: %d bytes, %v", tc.name, len(mail.Raw), err)
		}
		if tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.problem)
		}
	}
	if flags := m.Mails(t, "INBOX")[0].Flags; slices.Contains(flags, imap.FlagSeen) {
		t.Errorf("flags %v: it leaves a trace", flags)
	}
}

func TestDovecotCheck(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	m.Create(t, "Chats")
	good := realConfig(d, m, "implicit")
	for _, tc := range []struct {
		name   string
		change func(c *Config)
		want   string // in one line; "" if all is well
	}{
		{"good", func(c *Config) {}, ""},
		{"good STARTTLS", func(c *Config) { c.TLS, c.Port = "starttls", d.IMAP.Port() }, ""},
		{"wrong password", func(c *Config) { c.Password = "guess" }, "log in as " + m.Address + ": the server says NO [AUTHENTICATIONFAILED]"},
		{"other CA", func(c *Config) { c.CAFile = d.OtherCAFile }, "unknown authority"},
		{"other CA, STARTTLS", func(c *Config) { c.CAFile, c.TLS, c.Port = d.OtherCAFile, "starttls", d.IMAP.Port() }, "unknown authority"},
		{"TLS to a plain port", func(c *Config) { c.Port = d.IMAP.Port() }, "TLS with"},
		{"missing folder", func(c *Config) { c.Folders = []string{"INBOX", "Chat"} }, `folders: open Chat: the server says NO Mailbox doesn't exist: Chat`},
		{"hint", func(c *Config) { c.Folders = []string{"Chat"} }, `there are: Chats, INBOX`},
		{"nobody there", func(c *Config) { c.Port = 1 }, "connection refused"},
		{"config", func(c *Config) { c.Folders = nil; c.Poll = 0 }, "folders: want at least one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			err := Check(t.Context(), cfg)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("check says %v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "guess") {
				t.Error("the password is in the message")
			}
		})
	}
	if flags := m.Mails(t, "INBOX"); len(flags) != 0 {
		t.Error("mailbox changed")
	}
}

func TestDovecotWrongPassword(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	cfg := realConfig(d, m, "implicit")
	w := newWatch(t, cfg, newStore(), nil)
	m.SetPassword(t, "changed meanwhile")
	w.start(t)
	w.store.eventually(t, 10*time.Second, func() bool { return w.Status().Err != "" })
	st := w.Status()
	if !strings.Contains(st.Err, "AUTHENTICATIONFAILED") || time.Until(st.RetryAt) < 4*time.Minute {
		t.Errorf("status %+v", st)
	}
}

func TestDovecotTooLarge(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	m.Append(t, "INBOX", text(1, 500), text(2, 3_000_000), text(3, 12_000_000), text(4, 12_000_000), text(5, 500))
	cfg := realConfig(d, m, "implicit")
	cfg.MaxSize = 12_000_000 - 1
	store := newStore()
	newWatch(t, cfg, store, nil).start(t)
	store.eventually(t, 20*time.Second, func() bool { return len(store.have()) == 5 })
	store.once(t, inBox(t, m, "INBOX"))
	for _, mail := range store.have() {
		if large := mail.UID == 3 || mail.UID == 4; large != (mail.Problem != "") || large && len(mail.Raw) > 300 {
			t.Errorf("mail %d: %q, %d bytes", mail.UID, mail.Problem, len(mail.Raw))
		}
	}
	if got := fmt.Sprint(store.have()[2].Problem); got != "12MB, more than max_size 12MB" {
		t.Errorf("problem %q", got)
	}
}
