package realtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingPackageSaysHowToGetIt(t *testing.T) {
	_, err := find("postfix", filepath.Join(t.TempDir(), "master"))
	if want := "postfix is not installed: run `make deps` as root"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFindTakesTheNewest(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"14", "15"} {
		if err := os.MkdirAll(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, version, "initdb"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got, err := find("postgresql", dir+"/none", dir+"/*/initdb")
	if err != nil || got != filepath.Join(dir, "15/initdb") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestSubordinateIDs(t *testing.T) {
	const table = "# comment\nann:100000:65536\nbob:165536:1000\n1007:300000:65536\n"
	for _, c := range []struct {
		name, uid string
		want      bool
	}{
		{"ann", "1001", true},
		{"bob", "1002", false}, // too few
		{"eve", "1003", false},
		{"joe", "1007", true}, // by number
	} {
		if got := subordinate(table, c.name, c.uid); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPortsAreDifferentAndBelowTheEphemeralRange(t *testing.T) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	var a, b Addr
	if err := shared.takePorts(&a, &b); err != nil {
		t.Fatal(err)
	}
	if a == b || a.Host() != "127.0.0.1" || a.Port() < 2000 {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestTailBeginsWithAWholeLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	got := string(tail(path, 0))
	if !strings.HasPrefix(got, "…\nline ") || !strings.HasSuffix(got, "line 1999\n") || len(got) > tailBytes+10 {
		t.Errorf("got %d bytes beginning with %.20q", len(got), got)
	}
	if got := string(tail(path, int64(b.Len()-10))); got != "line 1999\n" {
		t.Errorf("from an offset: %q", got)
	}
}

func TestOwnParametersTakeTheDefaultsPlace(t *testing.T) {
	got := override("# queue_run_delay = 1s\nqueue_run_delay = 1s\nbiff = no\n", "queue_run_delay=5s\nnew = x\n")
	if want := "# queue_run_delay = 1s\nbiff = no\nqueue_run_delay=5s\nnew = x\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
