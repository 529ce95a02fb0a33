package status

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestConfig(t *testing.T) {
	c := Default()
	md, err := toml.Decode(`
		listen = "[::1]:8025"
		hosts = ["status.example.com"]
		details = true
	`, &c)
	if err != nil || len(md.Undecoded()) > 0 || len(c.Problems()) > 0 {
		t.Fatalf("%v, unknown %v, problems %v", err, md.Undecoded(), c.Problems())
	}
	if c.Listen != "[::1]:8025" || !c.Details || len(c.Hosts) != 1 {
		t.Errorf("got %+v", c)
	}
	for _, listen := range []string{Default().Listen, "", ":8025", "0.0.0.0:80", "localhost:8025", "127.0.0.1:0"} {
		if errs := (Config{Listen: listen}).Problems(); len(errs) > 0 {
			t.Errorf("%q: %v", listen, errs)
		}
	}
	for listen, want := range map[string]string{
		"8025":                 "listen: want address:port",
		"127.0.0.1":            "listen: want address:port",
		"127.0.0.1:http":       "listen: want a port",
		"127.0.0.1:70000":      "listen: want a port",
		":0":                   "listen: want address:port",
		"status.example.com:1": "listen: want an address of this machine",
	} {
		if errs := (Config{Listen: listen}).Problems(); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%q: got %v, want %s", listen, errs, want)
		}
	}
	if errs := (Config{Hosts: []string{"", "http://a", "a:1", "ok.example.com"}}).Problems(); len(errs) != 3 {
		t.Errorf("hosts: %v", errs)
	}
}

func TestAllows(t *testing.T) {
	c := Config{Listen: "127.0.0.1:8025", Hosts: []string{"status.example.com"}}
	for _, h := range []string{"127.0.0.1", "127.0.0.1:8025", "localhost:8025", "[::1]:8025", "[::1]", "192.0.2.1:80", "status.example.com", "STATUS.example.com:443"} {
		if !c.allows(h) {
			t.Errorf("%s is refused", h)
		}
	}
	for _, h := range []string{"", "evil.test", "evil.test:8025", "localhost.evil.test", "127.0.0.1.evil.test", "xstatus.example.com"} {
		if c.allows(h) {
			t.Errorf("%s is allowed", h)
		}
	}
}
