package smtpout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"ticketbridge/bridge"
)

func TestConfigFromTOML(t *testing.T) {
	c := Default()
	md, err := toml.Decode(`
		kind = "lmtp"
		host = "unix:/run/lmtp"
		tls = "none"
		username = "bridge"
		password = "x"
		connections = 2
		hello = "bridge.example.com"
		reply_timeout = "13m"
		idle_timeout = "5s"
	`, &c)
	if err != nil {
		t.Fatal(err)
	}
	if u := md.Undecoded(); len(u) > 0 {
		t.Fatalf("unknown keys %v", u)
	}
	if errs := c.Problems(); len(errs) > 0 {
		t.Fatalf("problems %v", errs)
	}
	if c.Kind != "lmtp" || c.UnixPath() != "/run/lmtp" || c.Username != "bridge" || c.Password.Reveal() != "x" ||
		c.Connections != 2 || c.ReplyTimeout.D().Minutes() != 13 || c.IdleTimeout.D().Seconds() != 5 || c.DataTimeout.D().Minutes() != 3 {
		t.Errorf("got %+v", c)
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, `"x"`) || strings.Contains(s, ":x") {
		t.Errorf("the password shows: %s", s)
	}
}

func TestDefaultNeedsOnlyAHost(t *testing.T) {
	c := Default()
	c.Host = "mail.example.com"
	if errs := c.Problems(); len(errs) > 0 {
		t.Fatalf("problems %v", errs)
	}
	for _, tc := range []struct {
		kind, tls, host string
		port            int
	}{
		{"smtp", "implicit", "mail.example.com", 465},
		{"smtp", "starttls", "mail.example.com", 587},
		{"smtp", "none", "localhost", 25},
		{"lmtp", "none", "localhost", 24},
		{"lmtp", "none", "unix:/run/lmtp", 0},
	} {
		c.Kind, c.TLS, c.Host = tc.kind, tc.tls, tc.host
		if errs := c.Problems(); len(errs) > 0 {
			t.Errorf("%v: %v", tc, errs)
		}
		if got := c.endpoint().Port; got != tc.port {
			t.Errorf("%v: port %d", tc, got)
		}
	}
}

func TestProblems(t *testing.T) {
	good := Default()
	good.Host = "mail.example.com"
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   []string // each a beginning, all of them
	}{
		{"nothing", func(c *Config) {}, nil},
		{"kind", func(c *Config) { c.Kind = "sendmail" }, []string{`kind: want "smtp" or "lmtp", not "sendmail"`}},
		{"no host", func(c *Config) { c.Host = "" }, []string{"host: required"}},
		{"port", func(c *Config) { c.Port = 70000 }, []string{"port: want 1 to 65535"}},
		{"tls", func(c *Config) { c.TLS = "yes" }, []string{"tls: want"}},
		{"plain text", func(c *Config) { c.TLS = "none" }, []string{`tls: "none" is only for`}},
		{"tls on a socket", func(c *Config) { c.Host = "unix:/run/lmtp" }, []string{`tls: want "none" on a unix socket, not "implicit"`}},
		{"ca", func(c *Config) { c.CAFile = "/nowhere/ca.pem" }, []string{"ca_file: open /nowhere/ca.pem"}},
		{"no password", func(c *Config) { c.Username = "x" }, []string{"password_file: required with username"}},
		{"no user", func(c *Config) { c.Password = "x" }, []string{"username: required with a password"}},
		{"connections", func(c *Config) { c.Connections = 0 }, []string{"connections: want 1 to 50, not 0"}},
		{"too many", func(c *Config) { c.Connections = 51 }, []string{"connections: want 1 to 50, not 51"}},
		{"hello", func(c *Config) { c.Hello = "a b" }, []string{"hello: want a host name"}},
		{"hello literal", func(c *Config) { c.Hello = "[192.0.2.1]" }, nil},
		{"hello literal 6", func(c *Config) { c.Hello = "[IPv6:2001:db8::1]" }, nil},
		{"hello open", func(c *Config) { c.Hello = "[192.0.2.1" }, []string{"hello: want"}},
		{"hello bare 6", func(c *Config) { c.Hello = "[2001:db8::1]" }, []string{"hello: want"}},
		{"impatient", func(c *Config) {
			c.ConnectTimeout, c.CommandTimeout, c.DataTimeout, c.ReplyTimeout, c.IdleTimeout = 0, 0, 0, bridge.Duration(9*60e9), 0
		}, []string{
			"connect_timeout: want at least 1s, not 0s", "command_timeout: want at least 10s, not 0s", "data_timeout: want at least 10s, not 0s",
			"reply_timeout: want at least 10m0s, not 9m0s", "idle_timeout: want at least 1s, not 0s",
		}},
		{"too patient", func(c *Config) { c.ReplyTimeout = bridge.Duration(15 * 60e9) }, []string{"reply_timeout: want at most 14m0s, not 15m0s"}},
		{"all at once", func(c *Config) { c.Kind, c.Host, c.Connections = "", "", -1 }, []string{"kind:", "host:", "connections:"}},
	} {
		c := good
		tc.change(&c)
		errs := c.Problems()
		if len(errs) != len(tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, errs, tc.want)
			continue
		}
		for i, err := range errs {
			if !strings.HasPrefix(err.Error(), tc.want[i]) {
				t.Errorf("%s: got %q, want %q", tc.name, err, tc.want[i])
			}
		}
	}
}
