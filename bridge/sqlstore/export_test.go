package sqlstore

import "context"

// Ask runs a query on one of the store's own connections.
func (s *Store) Ask(ctx context.Context, query string, dest ...any) error {
	return s.lone(ctx).row(query).Scan(dest...)
}
