package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ticketbridge/bridge"
)

// The key makes Message-IDs and return paths that nobody else can make, and the
// same ones again from the same mails. It lives beside the database, not in it,
// and must be backed up with it: under another key every known mail would be
// news, and every conversation would become a second ticket.

func keyPath(stateDir string) string { return filepath.Join(stateDir, "key") }

// readKey reads the key file: 32 bytes in hex.
func readKey(stateDir string) ([]byte, error) {
	path := keyPath(stateDir)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key %s: others may read it (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) < bridge.MinSecret {
		return nil, fmt.Errorf("key %s: damaged: want %d hex digits; put it back from the backup", path, 2*bridge.MinSecret)
	}
	return key, nil
}

// readOrMakeKey makes a key only for a database that has seen nothing yet.
func readOrMakeKey(ctx context.Context, stateDir string, s bridge.Ledger) ([]byte, error) {
	key, err := readKey(stateDir)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	counts, err := s.Counts(ctx)
	if err != nil {
		return nil, fmt.Errorf("look whether the database is new: %w", err)
	}
	known := counts.Conversations
	for _, n := range counts.Mails {
		known += n
	}
	if known > 0 {
		return nil, fmt.Errorf("key %s is missing, but the database is in use already; put the key back from the backup: with a new one every chat would be raised a second time", keyPath(stateDir))
	}
	return makeKey(stateDir)
}

// checkKey refuses a key that does not belong to the database: all ids would
// change, and every known chat would be news.
func checkKey(ctx context.Context, k bridge.Keys, s bridge.Ledger, stateDir string) error {
	ds, err := s.Deliveries(ctx, bridge.Filter{Limit: 1})
	if err != nil {
		return fmt.Errorf("look whether the key fits the database: %w", err)
	}
	if len(ds) > 0 && !k.Own(ds[0].MessageID) {
		return fmt.Errorf("key %s does not belong to this database: %s was made with another; put the right one back from the backup", keyPath(stateDir), bridge.DeliveryID(ds[0].ID))
	}
	return nil
}

// makeKey writes a new key so that a crash leaves it whole or not at all.
func makeKey(stateDir string) ([]byte, error) {
	key := make([]byte, bridge.MinSecret)
	rand.Read(key) // never fails (Go 1.24)
	path := keyPath(stateDir)
	f, err := os.CreateTemp(stateDir, "key.*") // 0600
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	defer os.Remove(f.Name()) // where it did not get its name
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, syncDir(stateDir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
