package main

import (
	"context"
	"errors"
	"fmt"

	"ticketbridge/bridge"
	"ticketbridge/bridge/sqlstore"
)

// openStore opens the database of the config. existing: for commands beside the
// daemon, which make and upgrade nothing.
func openStore(ctx context.Context, c *config, existing bool) (bridge.Store, error) {
	return sqlstore.Open(ctx, c.Store.URL.Reveal(), sqlstore.Options{StateDir: c.StateDir, Existing: existing})
}

// withStore runs an admin's command on the daemon's database. It works while
// the daemon runs.
func (a *app) withStore(ctx context.Context, c *call, do func(bridge.Store) error) (err error) {
	cfg, err := a.loadConfig(c.config, false)
	if err != nil {
		return err
	}
	return a.withStoreOf(ctx, cfg, do)
}

func (a *app) withStoreOf(ctx context.Context, cfg *config, do func(bridge.Store) error) (err error) {
	s, err := a.open(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.Close(); cerr != nil {
			err = errors.Join(err, fmt.Errorf("close the database: %w", cerr))
		}
	}()
	return do(s)
}
