package httpout

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// The kinds of [transport] this package is.
const (
	OSTicket = "osticket-api"
	RT       = "rt-rest"
)

// Config is what the table [transport] says with one of these kinds.
type Config struct {
	Kind   string
	URL    string        // of the helpdesk's web pages
	Token  bridge.Secret // osTicket's API key, RT's authentication token
	Queue  string        // RT: where tickets are made
	Reply  bool          // RT: follow-ups are replies, which RT mails to the customer, not comments
	CAFile string
	// Timeout bounds one request, from its first byte to the end of its answer.
	Timeout     time.Duration
	Connections int
}

const (
	leastTimeout = 10 * time.Second
	// mostTimeout keeps an attempt, of up to three requests, shorter than bridge.Orphaned.
	mostTimeout    = 8 * time.Minute
	maxConnections = 50
)

// Problems says what is wrong, each as "key: what, and what would be right",
// without the table's name. The token is checked by who reads it.
func (c Config) Problems() []error {
	var errs []error
	if c.Kind != OSTicket && c.Kind != RT {
		errs = append(errs, fmt.Errorf("kind: want %q or %q, not %q", OSTicket, RT, c.Kind))
	}
	if err := c.urlProblem(); err != nil {
		errs = append(errs, fmt.Errorf("url: %w", err))
	}
	if strings.ContainsAny(c.Token.Reveal(), "\r\n\x00") {
		errs = append(errs, errors.New("password_file: want one line, the key alone"))
	}
	if c.Kind == RT && c.Queue == "" {
		errs = append(errs, errors.New(`queue: required: the queue that gets the tickets, such as "Support"`))
	}
	if c.Timeout < leastTimeout || c.Timeout > mostTimeout {
		errs = append(errs, fmt.Errorf("http_timeout: want %v to %v, not %v", leastTimeout, mostTimeout, c.Timeout))
	}
	if c.Connections < 1 || c.Connections > maxConnections {
		errs = append(errs, fmt.Errorf("connections: want 1 to %d, not %d", maxConnections, c.Connections))
	}
	if c.CAFile != "" {
		if _, err := c.endpoint().TLSConfig(); err != nil {
			errs = append(errs, fmt.Errorf("ca_file: %w", err))
		}
	}
	return errs
}

// urlProblem: the token travels with every request, so it needs TLS beyond this
// machine.
func (c Config) urlProblem() error {
	const want = `want the address of the helpdesk's web pages, such as "https://help.example.com"`
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return errors.New("required: " + want)
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s, not %q", want, c.URL)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("http:// is only for a server on this machine, not %q; want https://", u.Host)
	}
	return fmt.Errorf("%s, not %q", want, c.URL)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// base is the URL without the slash at its end.
func (c Config) base() string { return strings.TrimRight(c.URL, "/") }

// endpoint has the TLS settings of the helpdesk's host.
func (c Config) endpoint() bridge.Endpoint {
	e := bridge.Endpoint{CAFile: c.CAFile}
	if u, err := url.Parse(c.URL); err == nil {
		e.Host = u.Hostname()
	}
	return e
}
