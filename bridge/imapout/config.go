package imapout

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ticketbridge/bridge"
)

// Problems says what is wrong, each as "key: what, and what would be right",
// without the table's name.
func (c Config) Problems() []error {
	errs := c.endpoint().Problems()
	if c.UnixPath() != "" {
		errs = append(errs, errors.New("host: want a server's name; IMAP is not spoken on a unix socket"))
	}
	switch {
	case c.TLS == "implicit" && c.Port == 143:
		errs = append(errs, errors.New(`port: 143 speaks STARTTLS; want 993, or tls = "starttls"`))
	case c.TLS == "starttls" && c.Port == 993:
		errs = append(errs, errors.New(`port: 993 speaks TLS from the first byte; want 143 (or what your server uses for STARTTLS), or tls = "implicit"`))
	}
	if c.Username == "" || strings.ContainsAny(c.Username, "\r\n\x00") {
		errs = append(errs, errors.New(`username: required: the support mailbox's login, such as "support@example.com"`))
	}
	if c.Password == "" && c.PasswordFile == "" && c.PasswordEnv == "" {
		errs = append(errs, errors.New("password_file: required (or password_env, password)"))
	}
	for _, f := range slices.Concat([]string{c.Folder}, c.Folders) {
		if f != strings.TrimSpace(f) || strings.ContainsAny(f, "\r\n\x00") {
			errs = append(errs, fmt.Errorf("folders: %q is no folder's name", f))
		}
	}
	if len(c.Folders) == 0 || slices.Contains(c.Folders, "") {
		errs = append(errs, errors.New(`folders: want at least one, such as ["INBOX"]`))
	}
	return errs
}

// endpoint is the server with the port that its TLS implies (RFC 8314 §3.2).
func (c Config) endpoint() bridge.Endpoint {
	e := c.Endpoint
	if e.Port == 0 {
		e.Port = 143
		if e.TLS == "implicit" {
			e.Port = 993
		}
	}
	return e
}
