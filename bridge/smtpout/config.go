package smtpout

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// Config is the table [transport] with kind "smtp" or "lmtp".
type Config struct {
	Kind string `toml:"kind"` // "smtp" (submission or smarthost) or "lmtp"
	bridge.Endpoint
	bridge.Credentials        // no username: no AUTH
	Connections        int    `toml:"connections"` // at most so many at a time
	Hello              string `toml:"hello"`       // name in EHLO; "": this machine's

	// RFC 5321 §4.5.3.2. ConnectTimeout also bounds the TLS handshake,
	// DataTimeout each block of the body, ReplyTimeout the wait after the dot.
	ConnectTimeout bridge.Duration `toml:"connect_timeout"`
	CommandTimeout bridge.Duration `toml:"command_timeout"`
	DataTimeout    bridge.Duration `toml:"data_timeout"`
	ReplyTimeout   bridge.Duration `toml:"reply_timeout"`
	// IdleTimeout is how long a connection without work is kept.
	IdleTimeout bridge.Duration `toml:"idle_timeout"`
}

// Default returns the config as it is without any key set.
func Default() Config {
	return Config{
		Kind:           "smtp",
		Endpoint:       bridge.Endpoint{TLS: "implicit"},
		Connections:    4,
		ConnectTimeout: bridge.Duration(5 * time.Minute),
		CommandTimeout: bridge.Duration(5 * time.Minute),
		DataTimeout:    bridge.Duration(3 * time.Minute),
		ReplyTimeout:   bridge.Duration(12 * time.Minute),
		IdleTimeout:    bridge.Duration(30 * time.Second),
	}
}

// maxConnections is more than any server grants one client.
const maxConnections = 50

// Problems says what is wrong, each as "key: what, and what would be right",
// without the table's name. Passwords are read before it is asked.
func (c Config) Problems() []error {
	var errs []error
	if c.Kind != "smtp" && c.Kind != "lmtp" {
		errs = append(errs, fmt.Errorf(`kind: want "smtp" or "lmtp", not %q`, c.Kind))
	}
	errs = append(errs, c.endpoint().Problems()...)
	if c.UnixPath() != "" && (c.TLS == "implicit" || c.TLS == "starttls") {
		errs = append(errs, fmt.Errorf(`tls: want "none" on a unix socket, not %q`, c.TLS))
	}
	errs = append(errs, c.loginProblems()...)
	if c.Connections < 1 || c.Connections > maxConnections {
		errs = append(errs, fmt.Errorf("connections: want 1 to %d, not %d", maxConnections, c.Connections))
	}
	if c.Hello != "" && !isDomain(c.Hello) && !isAddressLiteral(c.Hello) {
		errs = append(errs, fmt.Errorf(`hello: want a host name such as "bridge.example.com", or an address literal such as "[192.0.2.1]", not %q`, c.Hello))
	}
	return append(errs, c.timeoutProblems()...)
}

func (c Config) loginProblems() []error {
	hasPassword := c.Password != "" || c.PasswordFile != "" || c.PasswordEnv != ""
	switch {
	case c.Username != "" && !hasPassword:
		return []error{errors.New("password_file: required with username (or password_env, password)")}
	case c.Username == "" && hasPassword:
		return []error{errors.New("username: required with a password; leave both out for a server that wants no login")}
	}
	return nil
}

// timeoutProblems keeps them above what a slow but working server needs. A
// client that gives up early after the dot makes duplicates (RFC 5321
// §4.5.3.2.6: 10 minutes).
func (c Config) timeoutProblems() []error {
	var errs []error
	for _, t := range []struct {
		key  string
		have bridge.Duration
		min  time.Duration
	}{
		{"connect_timeout", c.ConnectTimeout, time.Second},
		{"command_timeout", c.CommandTimeout, 10 * time.Second},
		{"data_timeout", c.DataTimeout, 10 * time.Second},
		{"reply_timeout", c.ReplyTimeout, 10 * time.Minute},
		{"idle_timeout", c.IdleTimeout, time.Second},
	} {
		if t.have.D() < t.min {
			errs = append(errs, fmt.Errorf("%s: want at least %v, not %v", t.key, t.min, t.have.D()))
		}
	}
	if most := bridge.Orphaned - bridge.Fresh - attemptLimit - time.Minute; c.ReplyTimeout.D() > most {
		errs = append(errs, fmt.Errorf("reply_timeout: want at most %v, not %v: another daemon would take the message for orphaned", most, c.ReplyTimeout.D()))
	}
	return errs
}

// endpoint is the server with the port its kind and TLS imply (RFC 8314 §3.3,
// RFC 6409 §3.1) where the config names none.
func (c Config) endpoint() bridge.Endpoint {
	e := c.Endpoint
	if e.Port != 0 || e.UnixPath() != "" {
		return e
	}
	switch {
	case c.Kind == "lmtp":
		e.Port = 24
	case e.TLS == "starttls":
		e.Port = 587
	case e.TLS == "none":
		e.Port = 25
	default:
		e.Port = 465
	}
	return e
}

// isAddressLiteral reports whether s is "[192.0.2.1]" or "[IPv6:2001:db8::1]"
// (RFC 5321 §4.1.3).
func isAddressLiteral(s string) bool {
	s, open := strings.CutPrefix(s, "[")
	s, closed := strings.CutSuffix(s, "]")
	v6, is6 := strings.CutPrefix(s, "IPv6:")
	ip, err := netip.ParseAddr(v6)
	return open && closed && err == nil && ip.Is6() == is6 && ip.Zone() == ""
}
