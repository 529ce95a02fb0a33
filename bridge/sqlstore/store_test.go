package sqlstore_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
	"ticketbridge/bridge/sqlstore"
	"ticketbridge/bridge/storetest"
)

func TestSQLite(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // the servers of other tests
	storetest.Run(t, func(t *testing.T) func() (bridge.Store, error) {
		return opener(t, "sqlite:"+filepath.Join(t.TempDir(), "bridge.db"))
	})
}

func TestPostgres(t *testing.T) {
	server := realtest.Postgres(t)
	storetest.Run(t, func(t *testing.T) func() (bridge.Store, error) {
		return opener(t, server.NewDatabase(t))
	})
}

func opener(t *testing.T, url string) func() (bridge.Store, error) {
	return func() (bridge.Store, error) { return sqlstore.Open(t.Context(), url, sqlstore.Options{}) }
}
