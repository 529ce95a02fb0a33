package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge/killpoint"
	"ticketbridge/bridge/realtest"
)

// campaign is one scenario in one mode on one database.
type campaign struct {
	scenario
	mode
	databaseKind string
	imap         *realtest.DovecotServer
	postgres     *realtest.PostgresServer // nil: SQLite
	template     *world                   // how each run finds the world
	want         map[string]top           // how far it has to read at first,
	wantLive     map[string]top           // and in the end
	base         *outcome                 // of the run that nothing killed
	length       int                      // the visible calls of that run
}

func (c *campaign) String() string { return c.scenario.name + "/" + c.mode.name + "/" + c.databaseKind }

// ramDisk is where states lie, if there is one: a kill loses nothing that the
// kernel has, on whichever disk.
func ramDisk(t testing.TB) string {
	t.Helper()
	parent := ""
	if f, err := os.MkdirTemp("/dev/shm", "tb-crash-"); err == nil {
		os.Remove(f)
		parent = "/dev/shm"
	}
	dir, err := os.MkdirTemp(parent, "tb-crash-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (c *campaign) newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{imap: c.imap, postgres: c.postgres, plain: true, dir: ramDisk(t), store: "sqlite:ticketbridge.db", sink: newSink(t), helpdesk: "helpdesk@example.com"}
	// A MOVE of the killed daemon may come between that of the next, which the server
	// then refuses: it is made again when the folder is looked at again.
	w.extra = map[string]string{"mailbox": c.onDone, "target": c.target, "retry_first": "20ms", "poll": "5s"}
	if c.append {
		w.sink, w.extra["imap"] = nil, "yes"
	}
	return w
}

// wire lets the bridge look into the support mailbox, where the mode has it so.
func (c *campaign) wire(t testing.TB, w *world) {
	after := "after = [\"20ms\", \"100ms\", \"300ms\"]\n"
	switch {
	case c.append:
		w.extra["probe"] = after
	case c.exact:
		w.extra["probe"] = w.supportLogin() + after + "complete = true\n"
		w.sink.into = func(raw string) { w.support.Deliver(t, []byte(raw)) }
	}
}

// prepare makes the template: what came first is dealt with, what the run is
// about lies in the mailboxes.
func (c *campaign) prepare(t testing.TB) {
	t.Helper()
	w := c.newWorld(t)
	w.ann, w.ben, w.support = c.imap.NewMailbox(t, "ann"), c.imap.NewMailbox(t, "ben"), c.imap.NewMailbox(t, "support")
	c.wire(t, w)
	if c.postgres != nil {
		w.store = c.postgres.NewDatabase(t)
	}
	for _, folder := range c.moveTo() {
		w.ann.Create(t, folder)
		w.ben.Create(t, folder)
	}
	if c.first != nil {
		c.first(t, w)
	}
	if !c.noDatabase {
		w.live(t, w.tops(t))
	}
	if c.postgres != nil {
		c.keep(t, w)
	}
	if c.mails != nil {
		c.mails(t, w)
	}
	c.template, c.want = w, w.tops(t)
	c.wantLive = c.want
	if c.live != nil {
		future := &world{imap: w.imap, ann: w.ann.Clone(t, "ann"), ben: w.ben.Clone(t, "ben")}
		c.live(t, future)
		c.wantLive = future.tops(t)
	}
}

// moveTo is the folder of on_done, if there is one.
func (c *campaign) moveTo() []string {
	_, folder, ok := strings.Cut(c.onDone, "move:")
	if !ok {
		return nil
	}
	return []string{strings.Trim(folder, `"`)}
}

// tops looks how far the agents' mailboxes have to be read.
func (w *world) tops(t testing.TB) map[string]top {
	t.Helper()
	tops := map[string]top{}
	for name, m := range w.agents() {
		c := m.Dial(t)
		s, err := c.Status("INBOX", &imap.StatusOptions{UIDNext: true, UIDValidity: true}).Wait()
		c.Close()
		if err != nil {
			t.Fatal(err)
		}
		tops[name] = top{s.UIDValidity, uint32(s.UIDNext) - 1}
	}
	return tops
}

func (w *world) agents() map[string]*realtest.Mailbox {
	return map[string]*realtest.Mailbox{"ann": w.ann, "ben": w.ben}
}

// copy makes a world that is as the template.
func (c *campaign) copy(t testing.TB) *world {
	t.Helper()
	from := c.template
	w := c.newWorld(t)
	w.ann, w.ben, w.support = from.ann.Clone(t, "ann"), from.ben.Clone(t, "ben"), from.support.Clone(t, "support")
	c.wire(t, w)
	if !c.append {
		w.sink.refuse, w.sink.took = c.refuse, from.sink.messages()
	}
	if c.swallow {
		w.sink.swallow = make(chan string, 1)
	}
	if !c.noDatabase {
		copyState(t, filepath.Join(from.dir, "state"), filepath.Join(w.dir, "state"))
	}
	if c.postgres != nil {
		w.store = from.store
		c.reset(t, w)
	}
	t.Cleanup(func() {
		for _, m := range []*realtest.Mailbox{w.ann, w.ben, w.support} {
			m.Remove(t)
		}
	})
	return w
}

// keep puts a copy of a PostgreSQL database's rows aside, and reset brings them
// back: quicker than a database for each point, of which there are thousands.
func (c *campaign) keep(t testing.TB, w *world) {
	t.Helper()
	db := w.database(t)
	defer db.Close()
	if _, err := db.Exec(`CREATE SCHEMA kept;
		DO $$ DECLARE r record; BEGIN
			FOR r IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
				EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', r.name, r.name);
			END LOOP;
		END $$;
		CREATE TABLE kept.sequences AS SELECT sequencename AS name, last_value AS at FROM pg_sequences WHERE schemaname = 'public'`); err != nil {
		t.Fatal(err)
	}
}

func (c *campaign) reset(t testing.TB, w *world) {
	t.Helper()
	db := w.database(t)
	defer db.Close()
	how := `DO $$ DECLARE r record; BEGIN
		FOR r IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
			EXECUTE format('DELETE FROM public.%I', r.name);
			EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE TABLE kept.%I', r.name, r.name);
		END LOOP;
		FOR r IN SELECT name, at FROM kept.sequences LOOP
			PERFORM setval(format('public.%I', r.name)::regclass, coalesce(r.at, 1), r.at IS NOT NULL);
		END LOOP;
	END $$`
	if c.noDatabase {
		how = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
	}
	if _, err := db.Exec(how); err != nil {
		t.Fatal(err)
	}
}

var born = regexp.MustCompile(`[0-9]+ born`)

// copyState copies a state directory, which is nobody else's to read.
func copyState(t testing.TB, from, to string) {
	t.Helper()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(from, f.Name()))
		if f.Name() == "witness" {
			// It would tell that this is a copy, and what was sent might be in doubt.
			b = born.ReplaceAll(b, []byte(fmt.Sprintf("%020d born", 0)))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// act runs a daemon in w from its start to its end, killed at its at-th visible
// call. killed is false where the run has fewer.
func (c *campaign) act(t testing.TB, w *world, at int) (calls []killpoint.Call, killed bool) {
	t.Helper()
	m := w.startMortal(t, at)
	if c.live != nil && m.untilRest(c.want) {
		c.live(t, w)
	}
	m.untilRest(c.wantLive)
	err := m.end()
	call, killed := m.Killed()
	if !killed && err != nil {
		t.Fatalf("the daemon ended with %v:\n%s", err, m.log)
	}
	if w.sink != nil {
		w.sink.quiet()
	}
	if killed {
		t.Logf("killed before call %v", call)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the killed daemon's log:\n%s", m.log)
		}
	})
	return m.Calls(), killed
}

// baseline is the run that nothing kills: what every other must come to.
func (c *campaign) baseline(t testing.TB) {
	t.Helper()
	w := c.copy(t)
	calls, _ := c.act(t, w, 0)
	c.length = len(calls)
	c.base = c.look(t, w)
	c.settle(t, w, c.base)
}

// point kills a run at its at-th call and judges what comes of it; false: the
// run had fewer calls.
func (c *campaign) point(t testing.TB, at int, sum *tally) bool {
	t.Helper()
	w := c.copy(t)
	calls, killed := c.act(t, w, at)
	if !killed {
		sum.survived()
	} else {
		sum.count(c, calls[at-1])
	}
	if c.live != nil && !c.delivered(t, w) {
		c.live(t, w) // it died too early to see it come
	}
	w.live(t, c.wantLive)
	got := c.look(t, w)
	c.judge(t, got, sum)

	w.live(t, c.wantLive)
	if again := c.look(t, w); again.everything() != got.everything() {
		t.Errorf("another start over a finished state changed it:\n%s", difference(got.everything(), again.everything()))
	}
	c.settle(t, w, got)
	sum.add(c, got)
	return killed
}

// delivered tells whether the mails of live are there.
func (c *campaign) delivered(t testing.TB, w *world) bool {
	t.Helper()
	now := w.tops(t)
	return now["ann"] == c.wantLive["ann"] && now["ben"] == c.wantLive["ben"]
}

// settle is the person whom doubts are shown to, and who does the worst: sends
// again whatever is in doubt, until nothing is.
func (c *campaign) settle(t testing.TB, w *world, o *outcome) {
	t.Helper()
	for round := 0; ; round++ {
		doubts := o.inDoubt()
		if len(doubts) == 0 {
			break
		}
		if c.exact || round > 3 {
			t.Errorf("still in doubt: d%v", doubts)
			break
		}
		for _, id := range doubts {
			out := &lockedBuffer{}
			a := &app{stdin: os.Stdin, stdout: out, stderr: out, getenv: os.Getenv, open: openStore}
			if code := a.run(t.Context(), []string{"retry", "-config", w.config(t), fmt.Sprintf("d%d", id)}); code != exitOK {
				t.Fatalf("retry d%d: %s", id, out)
			}
		}
		w.live(t, c.wantLive)
		*o = *c.look(t, w)
	}
	c.judgeEnd(t, o)
}

func difference(a, b string) string {
	in := func(s string) map[string]bool {
		set := map[string]bool{}
		for _, l := range strings.Split(s, "\n") {
			set[l] = true
		}
		return set
	}
	was, is := in(a), in(b)
	var out strings.Builder
	for l := range was {
		if !is[l] {
			fmt.Fprintf(&out, "- %s\n", l)
		}
	}
	for l := range is {
		if !was[l] {
			fmt.Fprintf(&out, "+ %s\n", l)
		}
	}
	return out.String()
}
