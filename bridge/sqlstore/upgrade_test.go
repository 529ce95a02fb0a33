package sqlstore_test

import (
	"context"
	"strings"
	"testing"

	"ticketbridge/bridge/killpoint"
	"ticketbridge/bridge/sqlstore"
)

// upgradeChild opens a database, which upgrades it.
func upgradeChild(args []string) error {
	if _, err := killpoint.Obey(); err != nil {
		return err
	}
	s, err := sqlstore.Open(context.Background(), args[0], sqlstore.Options{})
	if err != nil {
		return err
	}
	return s.Close()
}

// TestR19KilledWhileUpgrading kills an upgrade from the first schema at points
// spread over all its visible system calls. The next start goes on, and ends up
// where an upgrade does that nothing killed.
func TestR19KilledWhileUpgrading(t *testing.T) {
	onBoth(t, func(t *testing.T, url func(t *testing.T) string) {
		fresh := url(t)
		points, stride := 0, 4
		if strings.HasPrefix(fresh, "postgres") {
			stride = 7 // a database takes its time to be made
		}
		for at, killed := 1, true; killed; at += stride {
			db := url(t)
			sqlstore.MakeFirst(t, db)
			cmd, _ := child(t, "upgrade", db)
			w, err := killpoint.Start(cmd, at)
			if err != nil {
				t.Fatal(err)
			}
			err = w.Wait()
			var call killpoint.Call
			if call, killed = w.Killed(); killed == (err == nil) {
				t.Fatalf("at %d: killed %v, yet %v", at, killed, err)
			}
			sqlstore.CheckUpgraded(t, db, fresh)
			if t.Failed() {
				t.Fatalf("killed before %v", call)
			}
			points++
		}
		if points < 5 {
			t.Errorf("%d points only", points)
		}
		t.Logf("%d points", points)
	})
}
