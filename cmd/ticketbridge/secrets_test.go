package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ticketbridge/bridge"
)

func TestSecretFiles(t *testing.T) {
	dir, creds := t.TempDir(), t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "good"), "s3cret\r\n", 0o400)
	write(filepath.Join(dir, "both"), "from the config's directory", 0o600)
	write(filepath.Join(dir, "open"), "s3cret", 0o640)
	write(filepath.Join(dir, "world"), "s3cret", 0o604)
	write(filepath.Join(dir, "empty"), "\n", 0o600)
	write(filepath.Join(dir, "lines"), "s3cret\nand more\n", 0o600)
	write(filepath.Join(creds, "cred"), "from systemd", 0o440) // as systemd makes them
	write(filepath.Join(creds, "both"), "from systemd", 0o440)
	for _, tt := range []struct{ name, want, problem string }{
		{"good", "s3cret", ""},
		{filepath.Join(dir, "good"), "s3cret", ""},
		{"cred", "from systemd", ""},
		{"both", "from systemd", ""},
		{"./both", "from the config's directory", ""},
		{"open", "", "others may read it (mode 0640); run: chmod 600 " + filepath.Join(dir, "open")},
		{"world", "", "mode 0604"},
		{"empty", "", "empty"},
		{"lines", "", "more than one line"},
		{"none", "", "no such file"},
		{".", "", "not a regular file"},
	} {
		d := &decoder{file: "c.toml"}
		s := &secretReader{decoder: d, file: filepath.Join(dir, "c.toml"), credentials: creds, getenv: func(string) string { return "" }}
		got := s.read("k", tt.name)
		if got.Reveal() != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got.Reveal(), tt.want)
		}
		all := d.problems.Error()
		if (tt.problem == "") != (all == "") || !strings.Contains(all, tt.problem) || strings.Contains(all, "s3cret") {
			t.Errorf("%s: problems %q, want %q", tt.name, all, tt.problem)
		}
	}
}

// TestInlinePassword: a password in the config itself is possible if the file is
// its owner's alone.
func TestInlinePassword(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repoRoot, "testdata", "config", "ok-least.toml"))
	if err != nil {
		t.Fatal(err)
	}
	inline := strings.Replace(string(text), `password_env = "ANN_PASSWORD"`, `password = "s3cret"`, 1) +
		"[store]\nurl = \"postgres://u:s3cret@db.example.com/x\"\n"
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte(inline), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SMTP_PASSWORD": "x"}
	c, err := testApp(env).loadConfig(file, true)
	if err != nil {
		t.Fatal(err)
	}
	if c.Mailboxes[0].Password.Reveal() != "s3cret" {
		t.Error("the password was not read")
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = testApp(env).loadConfig(file, true)
	if err == nil || strings.Count(err.Error(), "stands in a file that others may read (mode 0644); run: chmod 600") != 2 {
		t.Errorf("got %v, want both passwords refused", err)
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Error("a password was shown")
	}
}

func TestStoreURLSources(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "url"), []byte("postgres://a:b@c/d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		st   store
		want bridge.Secret
		bad  string
	}{
		{store{URL: "sqlite:x"}, "sqlite:x", ""},
		{store{URL: "sqlite:x", URLFile: "url"}, "postgres://a:b@c/d", ""},
		{store{URL: "sqlite:x", URLEnv: "U"}, "postgres://env", ""},
		{store{URLFile: "url", URLEnv: "U"}, "", "store: url_file and url_env exclude one another"},
		{store{URLEnv: "V"}, "", "the environment variable V is not set"},
	} {
		d := &decoder{file: "c.toml"}
		s := &secretReader{decoder: d, file: filepath.Join(dir, "c.toml"), getenv: func(k string) string { return map[string]string{"U": "postgres://env"}[k] }}
		c := config{Store: tt.st}
		s.storeURL(&c, true)
		if c.Store.URL != tt.want && tt.bad == "" || !strings.Contains(d.problems.Error(), tt.bad) || tt.bad == "" && len(d.problems) > 0 {
			t.Errorf("%+v: got %q, problems %v", tt.st, c.Store.URL.Reveal(), d.problems)
		}
	}
}
