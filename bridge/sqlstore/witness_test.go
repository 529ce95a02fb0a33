package sqlstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
	"ticketbridge/bridge/storetest"
)

// past is a bridge's database and state directory, and the backups of it.
type past struct {
	*testing.T
	dir, url string
	server   *realtest.PostgresServer // nil: SQLite
	s        *Store
}

func eachPast(t *testing.T, do func(p *past)) {
	t.Run("sqlite", func(t *testing.T) { do((&past{T: t, dir: t.TempDir(), url: "sqlite:bridge.db"}).open()) })
	t.Run("postgres", func(t *testing.T) {
		server := realtest.Postgres(t)
		do((&past{T: t, dir: t.TempDir(), url: server.NewDatabase(t), server: server}).open())
	})
}

func (p *past) open() *past {
	p.Helper()
	s, err := Open(p.Context(), p.url, Options{StateDir: p.dir})
	if err != nil {
		p.Fatal(err)
	}
	p.s = s
	p.Cleanup(func() { s.Close() })
	return p
}

// backup closes the store, copies the database and opens it again.
func (p *past) backup() (backup string) {
	p.Helper()
	p.close()
	defer p.open()
	if p.server != nil {
		return p.server.CopyDatabase(p, p.url)
	}
	backup = filepath.Join(p.TempDir(), "backup.db")
	p.copy(filepath.Join(p.dir, "bridge.db"), backup)
	return backup
}

// restore puts the backup in the database's place and opens it.
func (p *past) restore(backup string) {
	p.Helper()
	p.close()
	if p.server != nil {
		p.url = backup
	} else {
		p.copy(backup, filepath.Join(p.dir, "bridge.db"))
	}
	p.open()
}

func (p *past) close() {
	p.Helper()
	if err := p.s.Close(); err != nil {
		p.Fatal(err)
	}
}

func (p *past) copy(from, to string) {
	p.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		p.Fatal(err)
	}
}

// accept records a new chat and returns whether the judge was told of a restore.
func (p *past) accept(uid uint32) (told bool) {
	p.Helper()
	text := string(rune('a' + uid))
	_, err := p.s.Accept(p.Context(), []bridge.Arrival{storetest.Mail("support", uid, "k/"+text, text)}, storetest.At("support", uid),
		func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
			told = !k.Restored.IsZero() && time.Since(k.Restored) < time.Hour
			return storetest.Judge(a, k)
		})
	if err != nil {
		p.Fatal(err)
	}
	return told
}

func (p *past) claim() []bridge.Delivery {
	p.Helper()
	ds, err := p.s.Turnover(p.Context(), "w", time.Now(), nil, 10)
	if err != nil {
		p.Fatal(err)
	}
	return ds
}

func (p *past) send() {
	p.Helper()
	var done []bridge.Settlement
	for _, d := range p.claim() {
		done = append(done, bridge.Settlement{Delivery: d.ID, Attempt: d.Attempts, State: bridge.Sent})
	}
	if _, err := p.s.Turnover(p.Context(), "w", time.Now(), done, 0); err != nil {
		p.Fatal(err)
	}
}

// knows wants the store to know, or not, of having been restored.
func (p *past) knows(want bool) {
	p.Helper()
	c, err := p.s.Counts(p.Context())
	if err != nil || c.Restored.IsZero() == want {
		p.Errorf("restored %v, %v; want it known: %v", c.Restored, err, want)
	}
}

// states wants the deliveries to be in these states, oldest first.
func (p *past) states(want string) {
	p.Helper()
	ds, err := p.s.Deliveries(p.Context(), bridge.Filter{})
	var got []string
	for _, d := range ds {
		got = append([]string{string(d.State)}, got...)
	}
	if err != nil || strings.Join(got, " ") != want {
		p.Errorf("deliveries %q, %v; want %q", got, err, want)
	}
}

// TestR10Restored: a database restored from a backup sends nothing of what it
// holds as unsent, and says so of what comes to it from before.
func TestR10Restored(t *testing.T) {
	eachPast(t, func(p *past) {
		p.accept(1)
		p.send()
		p.accept(2) // in the backup it is ready
		if p.s.Close(); p.open().accept(3) {
			t.Error("a restart is no restore")
		}
		backup := p.backup()
		p.knows(false)
		p.send() // 2 and 3, which the backup does not know
		p.states("sent sent sent")
		p.restore(backup)
		p.knows(true)
		p.states("sent doubt doubt")
		if ds := p.claim(); len(ds) > 0 {
			t.Errorf("claimed %d", len(ds))
		}
		if !p.accept(4) {
			t.Error("the judge was not told")
		}
		p.close()
		p.open() // it is not found out a second time
		p.states("sent doubt doubt ready")
	})
}

// TestR10Lost: an empty database in the place of one that was.
func TestR10Lost(t *testing.T) {
	eachPast(t, func(p *past) {
		backup := p.backup() // of nothing but the schema
		p.accept(1)
		p.accept(2)
		p.send()
		p.restore(backup)
		p.knows(true)
		if !p.accept(1) {
			t.Error("the judge was not told")
		}
	})
}

// TestR10RestoredUnderneath: a server's database may be restored while daemons
// run. None of them claims before it was found out, and then all is in doubt.
func TestR10RestoredUnderneath(t *testing.T) {
	p := &past{T: t, dir: t.TempDir(), server: realtest.Postgres(t)}
	p.url = p.server.NewDatabase(t)
	p.open()
	p.accept(1)
	p.accept(2)
	lease, err := p.s.Lease(t.Context(), "support", "w", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p.send()
	// As of before the claim.
	p.s.run(t, `DELETE FROM journal; SELECT setval(pg_get_serial_sequence('journal', 'id'), 1); UPDATE deliveries SET state = 'ready', attempts = 0, next = created`)
	if ds, err := p.s.Turnover(t.Context(), "w", time.Now(), nil, 10); err == nil || !strings.Contains(err.Error(), "restored") {
		t.Errorf("claimed %d, %v", len(ds), err)
	}
	p.states("ready ready")
	if err := p.s.Renew(t.Context(), lease, time.Hour); err != nil {
		t.Fatal(err)
	}
	p.knows(true)
	p.states("doubt doubt")
	p.accept(3)
	if ds := p.claim(); len(ds) != 1 || ds[0].ID != 3 {
		t.Errorf("claimed %+v; want the new one", ds)
	}
}

// TestR10StateDirCopied: the whole directory comes from a backup, witness and
// all; so does a database put into a new one. On a server, another daemon's new
// directory says nothing.
func TestR10StateDirCopied(t *testing.T) {
	p := (&past{T: t, dir: t.TempDir(), url: "sqlite:bridge.db"}).open()
	if p.s.witness.born() == 0 {
		t.Logf("the file system of %s does not tell when a file was made: a copied directory is not recognised there", p.dir)
		return
	}
	p.accept(1)
	p.close()
	whole, database := t.TempDir(), t.TempDir()
	p.copy(p.dir+"/bridge.db", whole+"/bridge.db")
	p.copy(p.dir+"/witness", whole+"/witness")
	p.copy(p.dir+"/bridge.db", database+"/bridge.db")
	for _, p.dir = range []string{whole, database} {
		p.open()
		p.knows(true)
		p.states("doubt")
		p.close()
		p.open()
		p.accept(2)
		p.states("doubt ready")
		p.close()
	}

	server := realtest.Postgres(t)
	a := (&past{T: t, dir: t.TempDir(), url: server.NewDatabase(t), server: server}).open()
	a.accept(1)
	b := (&past{T: t, dir: t.TempDir(), url: a.url, server: server}).open()
	b.knows(false)
	b.states("ready")
	b.close()
	b.dir = t.TempDir()
	b.copy(a.dir+"/witness", b.dir+"/witness")
	b.open().knows(false)
}

// TestWitnessOfSeveral: of daemons that share a database the one that stands by
// knows what the other did, and finds out.
func TestWitnessOfSeveral(t *testing.T) {
	server := realtest.Postgres(t)
	a := (&past{T: t, dir: t.TempDir(), url: server.NewDatabase(t), server: server}).open()
	backup := a.backup()
	b := (&past{T: t, dir: t.TempDir(), url: a.url, server: server}).open()
	if _, err := a.s.Lease(t.Context(), "support", "a", time.Hour); err != nil {
		t.Fatal(err)
	}
	a.accept(1)
	a.send()
	_, err := b.s.Lease(t.Context(), "support", "b", time.Hour)
	if _, held := errors.AsType[*bridge.HeldError](err); !held {
		t.Fatal(err)
	}
	b.restore(backup)
	b.knows(true)
}

func TestWitnessDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/witness", []byte("?\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "sqlite:bridge.db", Options{StateDir: dir}); err == nil || !strings.Contains(err.Error(), "witness is damaged") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}
