package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Endpoint is a server as configs embed it.
type Endpoint struct {
	Host   string `toml:"host"` // or unix:/path, where the adapter allows it
	Port   int    `toml:"port"`
	TLS    string `toml:"tls"` // "implicit", "starttls" or "none"
	CAFile string `toml:"ca_file"`
}

// Problems says what is wrong with it, each as "key: what, and what would be
// right", without the table's name.
func (e Endpoint) Problems() []error {
	var errs []error
	if err := e.hostProblem(); err != nil {
		errs = append(errs, fmt.Errorf("host: %w", err))
	}
	if e.UnixPath() == "" && (e.Port < 1 || e.Port > 65535) {
		errs = append(errs, fmt.Errorf("port: want 1 to 65535, not %d", e.Port))
	}
	switch e.TLS {
	case "implicit", "starttls":
	case "none":
		if e.hostProblem() == nil && !e.local() {
			errs = append(errs, fmt.Errorf(`tls: "none" is only for a server on this machine (localhost, 127.0.0.1, ::1, unix:), not %q; want "implicit" or "starttls"`, e.Host))
		}
	default:
		errs = append(errs, fmt.Errorf(`tls: want "implicit", "starttls" or "none", not %q`, e.TLS))
	}
	if e.CAFile != "" {
		if _, err := loadCA(e.CAFile); err != nil {
			errs = append(errs, fmt.Errorf("ca_file: %w", err))
		}
	}
	return errs
}

// hostProblem says what is wrong with the host: people write URLs, or the port
// behind it.
func (e Endpoint) hostProblem() error {
	switch {
	case e.Host == "":
		return errors.New(`required, such as "mail.example.com"`)
	case e.UnixPath() != "" || net.ParseIP(e.Host) != nil:
		return nil
	case e.Host == "unix:":
		return errors.New(`want the socket's path behind "unix:"`)
	}
	name, port := e.Host, ""
	if _, behind, ok := strings.Cut(name, "://"); ok {
		name = behind
	}
	name, _, _ = strings.Cut(name, "/")
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		name = name[i+1:]
	}
	if h, p, err := net.SplitHostPort(name); err == nil {
		name, port = h, p
	}
	name = strings.Trim(name, "[]")
	switch {
	case name == e.Host && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }):
		return nil
	case name == "" || name == e.Host:
		return fmt.Errorf(`want the name of a server, such as "mail.example.com", not %q`, e.Host)
	case port != "":
		return fmt.Errorf("want the server's name alone: host = %q, port = %s; not %q", name, port, e.Host)
	}
	return fmt.Errorf("want the server's name alone: host = %q; not %q", name, e.Host)
}

// UnixPath returns the socket's path of a host written "unix:/path", else "".
func (e Endpoint) UnixPath() string {
	if len(e.Host) > 5 && e.Host[:5] == "unix:" {
		return e.Host[5:]
	}
	return ""
}

// Addr is the endpoint as host:port, or the socket's path.
func (e Endpoint) Addr() string {
	if p := e.UnixPath(); p != "" {
		return p
	}
	return net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
}

func (e Endpoint) local() bool {
	if e.UnixPath() != "" || e.Host == "localhost" {
		return true
	}
	ip := net.ParseIP(e.Host)
	return ip != nil && ip.IsLoopback()
}

// TLSConfig returns what implicit TLS and STARTTLS both use: TLS 1.2 or later,
// the certificate checked against the host.
func (e Endpoint) TLSConfig() (*tls.Config, error) {
	c := &tls.Config{ServerName: e.Host, MinVersion: tls.VersionTLS12}
	if e.CAFile == "" {
		return c, nil
	}
	pool, err := loadCA(e.CAFile)
	if err != nil {
		return nil, err
	}
	c.RootCAs = pool
	return c, nil
}

func loadCA(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it; want PEM", file)
	}
	return pool, nil
}

// Dial connects, and with implicit TLS shakes hands, within timeout. The
// connection notices dead peers of two of the three kinds by itself: keep-alive
// finds a silent one, TCP_USER_TIMEOUT a black hole with data in flight. A
// frozen server answers both, so callers keep deadlines of their own.
func (e Endpoint) Dial(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	network := "tcp"
	if e.UnixPath() != "" {
		network = "unix"
	}
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3},
		Control: func(network, _ string, rc syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			var err error
			cerr := rc.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
			})
			return errors.Join(cerr, err)
		},
	}
	conn, err := d.DialContext(ctx, network, e.Addr())
	if err != nil || e.TLS != "implicit" {
		return conn, err
	}
	cfg, err := e.TLSConfig()
	if err != nil {
		conn.Close()
		return nil, err
	}
	tc := tls.Client(conn, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", e.Addr(), err)
	}
	return tc, nil
}
