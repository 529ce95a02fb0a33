package imapin

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// daysAgo puts mails with the given ages in days; UIDs 1, 2, …
func (f *fakeIMAP) daysAgo(days ...int) {
	for _, d := range days {
		f.put(text(d, 200+d))
		f.with(func() { f.mails[len(f.mails)-1].received = time.Now().Add(-time.Duration(d) * 24 * time.Hour) })
	}
}

func TestStartFromDate(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.Start = time.Now().AddDate(0, 0, -10).Local().Format(time.DateOnly)
		f.daysAgo(30, 5, 11, 9, 10, 400) // moved in by people: UIDs are in no order of time
		w := newWatch(t, cfg, newStore(), f.net.dial).start(t)
		st := w.settle()
		midnight, _ := time.ParseInLocation(time.DateOnly, cfg.Start, time.Local)
		want := []uint32{2, 4}
		if !time.Now().Add(-10 * 24 * time.Hour).Before(midnight) {
			want = append(want, 5)
		}
		if got := w.store.uids(); !slices.Equal(got, want) {
			t.Errorf("read %v, want %v", got, want)
		}
		for _, m := range w.store.have() {
			if m.Rescan {
				t.Errorf("mail %d of the first reading is called a rescan", m.UID)
			}
		}
		c := w.store.at()
		if c.UID != 6 || c.RescanTo != 0 || !c.Since.Equal(midnight) || c.LastSize != int64(len(text(400, 600))) {
			t.Errorf("cursor %+v", c)
		}
		if st.Skipped == 0 {
			t.Error("what was passed by is not counted")
		}
		// From now on, age does not matter: somebody puts an old chat into the folder on purpose.
		f.daysAgo(90)
		if w.settle(); !slices.Contains(w.store.uids(), 7) {
			t.Errorf("the mail put in later was not read: %v", w.store.uids())
		}
	})
}

func TestStartFromDateGoesOnAfterRestart(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.Batch = 1
		cfg.Start = time.Now().AddDate(0, 0, -10).Local().Format(time.DateOnly)
		f.daysAgo(5, 30, 4, 3, 50)
		store := newStore()
		ended := make(chan struct{})
		store.before = func(b bridge.Batch) error {
			if b.Mails[0].UID == 3 {
				<-ended
			}
			return nil
		}
		w := newWatch(t, cfg, store, f.net.dial).start(t)
		synctest.Wait()
		go func() { time.Sleep(time.Second); close(ended) }()
		w.stop()
		if c := store.at(); c.UID != 1 || c.RescanTo != 5 {
			t.Fatalf("cursor after the stop %+v", c)
		}
		newWatch(t, cfg, store, f.net.dial).start(t)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := store.uids(); !slices.Equal(got, []uint32{1, 3, 4}) {
			t.Errorf("read %v, want [1 3 4]", got)
		}
		if c := store.at(); c.UID != 5 || c.RescanTo != 0 {
			t.Errorf("cursor %+v", c)
		}
	})
}

func TestEmptyFolderAtFirst(t *testing.T) {
	for _, start := range []string{"now", "all", "2020-01-01"} {
		t.Run(start, func(t *testing.T) {
			onFake(t, func(t *testing.T, f *fakeIMAP) {
				cfg := testConfig()
				cfg.Start = start
				w := newWatch(t, cfg, newStore(), f.net.dial).start(t)
				w.settle()
				time.Sleep(time.Second)
				f.put(text(1, 100))
				w.settle()
				w.store.once(t, f.want())
			})
		})
	}
}

func TestStartNowWithoutUIDNEXT(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.Start = "now"
		f.put(text(1, 100), text(2, 100), text(3, 100))
		f.with(func() { f.uidNext = 1<<32 - 1 })
		w := newWatch(t, cfg, newStore(), f.net.dial).start(t)
		w.settle()
		if c := w.store.at(); c.UID != 3 {
			t.Errorf("cursor %+v, want UID 3", c)
		}
		f.put(text(4, 100))
		if w.settle(); !slices.Equal(w.store.uids(), []uint32{4}) {
			t.Errorf("read %v", w.store.uids())
		}
	})
}

func TestNoUIDVALIDITY(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		f.with(func() { f.uidValidity = 0 })
		f.put(text(1, 100))
		w := newWatch(t, testConfig(), newStore(), f.net.dial).start(t)
		if st := w.settle(); !strings.Contains(st.Err, "no UIDVALIDITY") || len(w.store.have()) != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

// renumber changes what UIDs mean while the watcher is away, and looks at what
// is read then.
func TestRescan(t *testing.T) {
	for _, tc := range []struct {
		name   string
		start  string
		change func(f *fakeIMAP)
		want   []uint32 // read after the change
		why    string
	}{
		{"UIDVALIDITY", "all", func(f *fakeIMAP) { f.uidValidity = 8 }, []uint32{1, 2, 3, 4}, "UIDVALIDITY changed from 7 to 8"},
		{"UIDVALIDITY, started now", "now", func(f *fakeIMAP) { f.uidValidity = 8 }, []uint32{4}, "UIDVALIDITY changed"},
		{"UIDNEXT went back", "all", func(f *fakeIMAP) { f.mails = f.mails[:2] }, []uint32{1, 2}, "UIDNEXT 3 is not above 4"},
		{"emptied", "all", func(f *fakeIMAP) { f.mails, f.uidNext = nil, 1 }, nil, "UIDNEXT 1 is not above 4"},
		{"used again, other size", "all", func(f *fakeIMAP) { f.mails[3].raw = text(77, 333) }, []uint32{1, 2, 3, 4}, "UID 4 is another mail"},
		{"used again, other date", "all", func(f *fakeIMAP) { f.mails[3].received = f.mails[3].received.Add(-time.Hour) }, []uint32{1, 2, 3, 4}, "UID 4 is another mail"},
		{"last one deleted", "all", func(f *fakeIMAP) { f.mails, f.uidNext = f.mails[:3], 5 }, nil, ""},
		{"nothing", "all", func(f *fakeIMAP) {}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onFake(t, func(t *testing.T, f *fakeIMAP) {
				cfg := testConfig()
				cfg.Start = tc.start
				f.daysAgo(3, 2, 1)
				store := newStore()
				w := newWatch(t, cfg, store, f.net.dial).start(t)
				w.settle()
				f.put(text(4, 300))
				w.settle()
				before := len(store.have())
				f.with(func() { tc.change(f) })
				f.net.cut()
				time.Sleep(5 * time.Second)
				synctest.Wait()
				var got []uint32
				for _, m := range store.have()[before:] {
					got = append(got, m.UID)
					if !m.Rescan || !m.Since.Equal(store.at().Since) {
						t.Errorf("mail %d: rescan %v since %v", m.UID, m.Rescan, m.Since)
					}
				}
				if !slices.Equal(got, tc.want) {
					t.Errorf("read %v, want %v", got, tc.want)
				}
				if tc.why != "" && !strings.Contains(w.log.String(), tc.why) {
					t.Errorf("log does not say %q", tc.why)
				}
				if st := w.Status(); st.Err != "" || !st.Connected {
					t.Errorf("status %+v", st)
				}
				// What comes then is new.
				f.put(text(5, 320))
				w.settle()
				ms := store.have()
				if m := ms[len(ms)-1]; m.Rescan || m.Size != 320 {
					t.Errorf("last mail %+v", m.Source)
				}
				if c := store.at(); c.RescanTo != 0 || c.UIDValidity != f.uidValidity {
					t.Errorf("cursor %+v", c)
				}
			})
		})
	}
}

func TestKeywordTellsWhatWasDone(t *testing.T) {
	onFake(t, func(t *testing.T, f *fakeIMAP) {
		cfg := testConfig()
		cfg.OnDone = "keyword:$Ticket"
		f.put(text(1, 100), text(2, 100), text(3, 100))
		f.with(func() { f.mails[0].flags, f.mails[2].flags = "$Ticket", "\\Seen $Ticket" })
		w := newWatch(t, cfg, newStore(), f.net.dial).start(t) // the database is new, the mailbox is not
		st := w.settle()
		var done []bool
		for _, m := range w.store.have() {
			done = append(done, m.Done)
		}
		if !slices.Equal(done, []bool{true, false, true}) || st.Skipped != 0 {
			t.Errorf("read %v, done %v, skipped %d", w.store.uids(), done, st.Skipped)
		}
	})
}
