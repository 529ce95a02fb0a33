package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ticketbridge/bridge"
)

// secretReader fetches passwords from where the config says they are.
type secretReader struct {
	*decoder
	file        string
	credentials string // systemd's $CREDENTIALS_DIRECTORY, "" if there is none
	getenv      func(string) string
}

// login is a place in the config that holds credentials.
type login struct {
	table string
	c     *bridge.Credentials
}

// all checks where each login has its password from and, if fetch, gets it.
func (s *secretReader) all(c *config, fetch bool) {
	logins := []login{{"transport", &c.Transport.Credentials}, {"probe", &c.Probe.Credentials}}
	for i := range c.Mailboxes {
		logins = append(logins, login{fmt.Sprintf("mailbox[%d]", i), &c.Mailboxes[i].Credentials})
	}
	for _, l := range logins {
		if s.sources(l) && fetch {
			s.fetch(l)
		}
	}
	s.storeURL(c, fetch)
}

// sources checks that at most one source is named; that there is one where a
// login is needed, the adapters check.
func (s *secretReader) sources(l login) bool {
	n := 0
	for _, v := range []string{l.c.Password.Reveal(), l.c.PasswordFile, l.c.PasswordEnv} {
		if v != "" {
			n++
		}
	}
	if n > 1 {
		s.add(l.table, "password, password_file and password_env exclude one another; want exactly one")
	}
	return n == 1
}

func (s *secretReader) fetch(l login) {
	switch {
	case l.c.Password != "":
		s.inline(l.table + ".password")
	case l.c.PasswordFile != "":
		l.c.Password = s.read(l.table+".password_file", l.c.PasswordFile)
	default:
		l.c.Password = s.variable(l.table+".password_env", l.c.PasswordEnv)
	}
}

// storeURL: a PostgreSQL URL may hold a password, so it has the same sources.
func (s *secretReader) storeURL(c *config, fetch bool) {
	st := &c.Store
	switch {
	case st.URLFile != "" && st.URLEnv != "":
		s.add("store", "url_file and url_env exclude one another; want one")
	case st.URLFile != "":
		st.URL = s.read("store.url_file", st.URLFile)
	case st.URLEnv != "":
		st.URL = s.variable("store.url_env", st.URLEnv)
	case fetch && urlPassword(st.URL.Reveal()):
		s.inline("store.url")
	}
}

// inline guards a password that stands in the config itself.
func (s *secretReader) inline(key string) {
	info, err := os.Stat(s.file)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		s.add(key, "stands in a file that others may read (mode %04o); run: chmod 600 %s (or use a *_file or *_env key)", info.Mode().Perm(), s.file)
	}
}

func (s *secretReader) variable(key, name string) bridge.Secret {
	v := s.getenv(name)
	if v == "" {
		s.add(key, "the environment variable %s is not set", name)
	}
	return bridge.Secret(v)
}

const maxSecret = 64 << 10

// read returns a secret file's content without its last line end. A bare name
// is looked for among systemd's credentials first (LoadCredential=), whose
// directory systemd itself guards; any other file must be its owner's alone.
func (s *secretReader) read(key, name string) bridge.Secret {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(s.file), path)
	}
	guarded := false
	if s.credentials != "" && filepath.Base(name) == name {
		if cred := filepath.Join(s.credentials, name); exists(cred) {
			path, guarded = cred, true
		}
	}
	f, err := os.Open(path)
	if err != nil {
		s.add(key, "%s: %s", path, reason(err))
		return ""
	}
	defer f.Close()
	info, err := f.Stat() // of what was opened, not of what the name means now
	switch {
	case err != nil:
		s.add(key, "%s: %s", path, reason(err))
		return ""
	case !info.Mode().IsRegular():
		s.add(key, "%s: not a regular file", path)
		return ""
	case !guarded && info.Mode().Perm()&0o077 != 0:
		s.add(key, "%s: others may read it (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		s.add(key, "%s: %s", path, reason(err))
		return ""
	}
	v := strings.TrimRight(string(b), "\r\n")
	switch {
	case v == "":
		s.add(key, "%s: empty", path)
	case strings.ContainsAny(v, "\r\n\x00"):
		s.add(key, "%s: more than one line; want the password alone", path)
		return ""
	}
	return bridge.Secret(v)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
