package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ticketbridge/bridge"
)

func TestStateDirIsOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for _, mode := range []os.FileMode{0, 0o755, 0o750} {
		if mode != 0 {
			if err := os.Chmod(dir, mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := openStateDir(dir); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openStateDir(file); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// TestProbeStateDir: check looks at state_dir with the eyes of who runs it.
func TestProbeStateDir(t *testing.T) {
	top := t.TempDir()
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(top, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		filepath.Join(top, "new", "deep"): "not there yet; serve makes it",
		open:                              "open to others; serve closes it",
		file:                              "a file; want a directory",
		filepath.Join(file, "below"):      "not a directory",
	} {
		got, err := probeStateDir(dir)
		if said := got.says + fmt.Sprint(err); !strings.Contains(said, want) {
			t.Errorf("%s: got %q, want %q", dir, said, want)
		}
	}
}

// TestProbeForeignStateDir: not writable, or somebody else's. Root may write
// everywhere, but is told whose it is.
func TestProbeForeignStateDir(t *testing.T) {
	dir := t.TempDir()
	shut := filepath.Join(dir, "shut")
	if err := os.Mkdir(shut, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		for d, want := range map[string]string{shut: "not writable for ", filepath.Join(shut, "x"): "cannot make it in ", "/": "belongs to root"} {
			if _, err := probeStateDir(d); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", d, err, want)
			}
		}
		return
	}
	if err := os.Chown(shut, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if f, err := probeStateDir(shut); err != nil || !strings.Contains(f.odd, "and this runs as root") {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestOneDaemonPerStateDir(t *testing.T) {
	dir := t.TempDir()
	if stateLocked(dir) {
		t.Error("locked before anybody came")
	}
	unlock, err := lockState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !stateLocked(dir) {
		t.Error("not seen as locked")
	}
	_, err = lockState(dir)
	if err == nil || !strings.Contains(err.Error(), "another ticketbridge (process ") || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	unlock()
	if stateLocked(dir) {
		t.Error("still seen as locked")
	}
	unlock, err = lockState(dir)
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	unlock()
}

type counted struct {
	bridge.Ledger
	counts bridge.Counts
}

func (c counted) Counts(context.Context) (bridge.Counts, error) { return c.counts, nil }

func TestKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	fresh := counted{counts: bridge.Counts{Mails: map[bridge.MailState]int64{bridge.MailTicket: 0}}}
	key, err := readOrMakeKey(t.Context(), dir, fresh)
	if err != nil || len(key) != bridge.MinSecret {
		t.Fatalf("%d bytes, %v", len(key), err)
	}
	info, err := os.Stat(keyPath(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := readOrMakeKey(t.Context(), dir, counted{counts: bridge.Counts{Conversations: 3}})
	if err != nil || string(again) != string(key) {
		t.Errorf("read again: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left over: %v", entries)
	}
	other, err := readOrMakeKey(t.Context(), t.TempDir(), fresh)
	if err != nil || string(other) == string(key) {
		t.Error("two installations have the same key")
	}
}

// TestKeyMissing: a database in use without its key would raise everything twice.
func TestKeyMissing(t *testing.T) {
	for _, counts := range []bridge.Counts{{Conversations: 1}, {Mails: map[bridge.MailState]int64{bridge.MailIgnored: 1}}} {
		dir := t.TempDir()
		_, err := readOrMakeKey(t.Context(), dir, counted{counts: counts})
		if err == nil || !strings.Contains(err.Error(), "put the key back from the backup") {
			t.Errorf("%+v: got %v", counts, err)
		}
		if _, err := os.Stat(keyPath(dir)); err == nil {
			t.Error("a key was made")
		}
	}
}

// TestKeyOfAnotherDatabase: the key was restored from the wrong backup.
func TestKeyOfAnotherDatabase(t *testing.T) {
	keys := func(b byte) bridge.Keys {
		k, err := bridge.NewKeys([]byte(strings.Repeat(string(b), bridge.MinSecret)), "example.com")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	id := keys('a').MessageID("intercom/x/1", "support@example.com", nil)
	used := &fakeStore{deliveries: []bridge.Delivery{{ID: 9, MessageID: id}}}
	if err := checkKey(t.Context(), keys('a'), used, "/state"); err != nil {
		t.Error(err)
	}
	if err := checkKey(t.Context(), keys('b'), used, "/state"); err == nil || !strings.Contains(err.Error(), "does not belong to this database: d9") {
		t.Errorf("got %v", err)
	}
	if err := checkKey(t.Context(), keys('b'), &fakeStore{}, "/state"); err != nil {
		t.Errorf("nothing sent yet: %v", err)
	}
}

func TestKeyDamaged(t *testing.T) {
	good := strings.Repeat("ab", bridge.MinSecret)
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"cut":     {good[:40], 0o600, "damaged"},
		"not hex": {strings.Repeat("xy", bridge.MinSecret), 0o600, "damaged"},
		"empty":   {"", 0o600, "damaged"},
		"open":    {good, 0o644, "run: chmod 600"},
		"good":    {good + "\n", 0o600, ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(keyPath(dir), []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(keyPath(dir), tt.mode); err != nil {
			t.Fatal(err)
		}
		key, err := readOrMakeKey(t.Context(), dir, counted{})
		if tt.want == "" {
			if err != nil || hex.EncodeToString(key) != good {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}
