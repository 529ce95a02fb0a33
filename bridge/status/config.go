package status

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Config is the table [http].
type Config struct {
	// Listen is "127.0.0.1:8025"; "" for no page. It has no login.
	Listen string `toml:"listen"`
	// Hosts are names the page may be asked for by, besides localhost and plain
	// addresses: that of a proxy in front of it.
	Hosts []string `toml:"hosts"`
	// Details shows subjects and whole addresses, to everybody who can connect.
	Details bool `toml:"details"`
}

// Default returns the config as it is without any key set.
func Default() Config { return Config{Listen: "127.0.0.1:8025"} }

// Problems says what is wrong, each as "key: what, and what would be right".
func (c Config) Problems() []error {
	var errs []error
	if c.Listen != "" {
		if err := listenProblem(c.Listen); err != nil {
			errs = append(errs, fmt.Errorf("listen: %w", err))
		}
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, ":/ ") {
			errs = append(errs, fmt.Errorf(`hosts: want names such as "status.example.com", without scheme and port, not %q`, h))
		}
	}
	return errs
}

// Open reports whether others than this machine can connect.
func (c Config) Open() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || host == "localhost" {
		return false
	}
	return !net.ParseIP(host).IsLoopback()
}

func listenProblem(listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf(`want address:port such as "127.0.0.1:8025", or "" for no page, not %q`, listen)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("want a port from 0 to 65535, not %q", port)
	} else if n == 0 && host == "" {
		return errors.New(`want address:port such as "127.0.0.1:8025"`)
	}
	if host != "" && host != "localhost" && net.ParseIP(host) == nil {
		return fmt.Errorf(`want an address of this machine such as "127.0.0.1" before the port, not %q`, host)
	}
	return nil
}

// allows reports whether the page may answer a request for this Host. A name
// that is not ours is a web site that had its name lead to this machine, to read
// the page with its visitor's browser (DNS rebinding).
func (c Config) allows(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "localhost" || net.ParseIP(host) != nil {
		return true
	}
	for _, h := range c.Hosts {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}
