package sqlstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
)

//go:embed schema/*.sql
var schema embed.FS

// migrations are the numbered steps of the schema, from nothing: the first makes
// schema 1. A step that was released is never changed; what it got wrong, a
// later one puts right.
func migrations() []string {
	var steps []string
	for n := 1; ; n++ {
		text, err := schema.ReadFile(fmt.Sprintf("schema/%03d.sql", n))
		if err != nil {
			return steps
		}
		steps = append(steps, string(text))
	}
}

const versionTable = "CREATE TABLE schema_version (version @int NOT NULL) @table;\nINSERT INTO schema_version VALUES (0);\n"

// migrate brings the database to the last step. With existing it only checks.
func (s *Store) migrate(ctx context.Context, steps []string, existing bool) error {
	version, err := s.version(ctx)
	if err != nil {
		return err
	}
	switch {
	case version > len(steps):
		return fmt.Errorf("the database has schema %d, written by a newer ticketbridge; this one knows %d: run the newer program, or restore a backup from before the upgrade", version, len(steps))
	case version == len(steps):
		return nil
	case existing && version == 0:
		return errors.New("the database is empty; `ticketbridge serve` sets it up")
	case existing:
		return fmt.Errorf("the database has schema %d, this program wants %d; `ticketbridge serve` upgrades it", version, len(steps))
	}
	for n := version + 1; n <= len(steps); n++ {
		if err := s.step(ctx, n, steps[n-1]); err != nil {
			return fmt.Errorf("upgrade to schema %d: %w", n, err)
		}
	}
	return nil
}

// step takes one step in a transaction, unless another process just did.
func (s *Store) step(ctx context.Context, n int, text string) error {
	return s.write(ctx, func(ctx context.Context, tx *session) error {
		if s.d.lockSchema != "" {
			if _, err := tx.exec(ctx, s.d.lockSchema); err != nil {
				return err
			}
		}
		is, err := versionOf(func(query string) scanner { return tx.row(ctx, query) }, s.d)
		if err != nil || is >= n {
			return err
		}
		if _, err := tx.exec(ctx, s.d.translate(text)); err != nil {
			return err
		}
		if n == 1 {
			if _, err := tx.exec(ctx, s.d.translate(versionTable)); err != nil {
				return err
			}
		}
		_, err = tx.exec(ctx, "UPDATE schema_version SET version = $1", int64(n))
		return err
	})
}

// version is the database's schema, 0 where there is none.
func (s *Store) version(ctx context.Context) (n int, err error) {
	err = s.view(ctx, func(q reader) error {
		n, err = versionOf(func(query string) scanner { return q.row(query) }, s.d)
		return err
	})
	return n, err
}

func versionOf(row func(query string) scanner, d *dialect) (n int, err error) {
	if err := row(d.hasSchema).Scan(&n); err != nil || n == 0 {
		return 0, err
	}
	err = row("SELECT version FROM schema_version").Scan(&n)
	return n, err
}
