package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"ticketbridge/bridge"
)

// Store is bridge.Store on a SQL database.
type Store struct {
	d                *dialect
	writers, readers *pool      // one and the same where a server keeps order
	turn             *turnstile // nil there
	witness          *witness   // nil for commands beside a daemon
}

var _ bridge.Store = (*Store)(nil)

// Options are what is not in the URL.
type Options struct {
	// StateDir is where the relative path of a SQLite file begins, and where a
	// daemon keeps the witness that tells a restored database.
	StateDir string
	// Existing: the database must be there with the schema of this program;
	// nothing is made or upgraded. For commands beside a daemon.
	Existing bool
}

// Open opens the database of store.url and brings its schema up to date. An
// error is one line that begins with the key.
func Open(ctx context.Context, storeURL string, o Options) (*Store, error) {
	s, err := open(storeURL, o)
	if err != nil {
		return nil, fmt.Errorf("store.url: %w", err)
	}
	if err := s.migrate(ctx, migrations(), o.Existing); err != nil {
		return nil, errors.Join(fmt.Errorf("store.url: %s: %w", shown(storeURL), oneLine(err)), s.Close())
	}
	if o.StateDir == "" || o.Existing {
		return s, nil
	}
	if err := s.testify(ctx, o.StateDir); err != nil {
		return nil, errors.Join(fmt.Errorf("store.url: %s: %w", shown(storeURL), oneLine(err)), s.Close())
	}
	return s, nil
}

func open(storeURL string, o Options) (*Store, error) {
	scheme, rest, ok := strings.Cut(storeURL, ":")
	switch {
	case !ok:
	case scheme == "sqlite":
		return openSQLite(rest, o)
	case scheme == "postgres", scheme == "postgresql":
		return openPostgres(storeURL)
	}
	return nil, fmt.Errorf(`want "sqlite:ticketbridge.db" or "postgres://user@host/database", not %q`, shown(storeURL))
}

// shown is the URL without its password.
func shown(storeURL string) string {
	u, err := url.Parse(storeURL)
	if err != nil {
		scheme, _, _ := strings.Cut(storeURL, ":")
		return scheme + ":…"
	}
	u.RawQuery = ""
	return u.Redacted()
}

// Close ends the connections, after waiting for calls under way.
func (s *Store) Close() error {
	s.readers.close()
	if s.writers != s.readers {
		s.writers.close()
	}
	if s.turn != nil {
		s.turn.close()
	}
	if s.witness != nil {
		return s.witness.file.Close()
	}
	return nil
}
