package sqlstore

import (
	"context"
	"os"
	"testing"
)

// Ask runs a query on one of the store's own connections.
func (s *Store) Ask(ctx context.Context, query string, dest ...any) error {
	return s.lone(ctx).row(query).Scan(dest...)
}

// MakeFirst makes the database as the first release left it.
func MakeFirst(t *testing.T, url string) {
	t.Helper()
	s, err := open(url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := os.ReadFile("../../testdata/schema/" + s.d.name + "-v1.sql")
	if err != nil {
		t.Fatal(err)
	}
	s.run(t, string(frozen))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func migrated(t *testing.T, url string) *Store {
	t.Helper()
	s, err := open(url, Options{})
	if err == nil {
		err = s.migrate(t.Context(), migrations(), false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// CheckUpgraded upgrades that database, if there is anything left to do, and wants
// of it what an upgrade in one go makes: the schema of fresh, an empty one, and
// the rows, with what the steps put into them.
func CheckUpgraded(t *testing.T, url, fresh string) {
	t.Helper()
	s, like := migrated(t, url), migrated(t, fresh)
	defer s.Close() // at once: a server has only so many connections
	defer like.Close()
	same(t, "schema", s.describe(t), like.describe(t))
	var told, waiting int64
	if err := s.Ask(t.Context(), `SELECT t.delivery_id, count(c.waiting) FROM turns t, conversations c GROUP BY t.delivery_id`, &told, &waiting); err != nil || told != 43 || waiting != 0 {
		t.Errorf("the turn is told by d%d, %d conversations wait, %v; want d43 and none, for nobody noted since when", told, waiting, err)
	}
	stillWorks(t, s)
}
