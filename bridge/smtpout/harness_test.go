package smtpout

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
)

func TestMain(m *testing.M) {
	code := realtest.Run(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// identity is a server's certificate and the file of its authority.
type identity struct {
	cert   tls.Certificate
	caFile string
}

// newIdentity makes a certificate valid between the times, for mail.example.com
// and 127.0.0.1. Bubbles of synctest begin in the year 2000.
func newIdentity(t testing.TB, from, to time.Time) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "mail.example.com"},
		NotBefore:             from,
		NotAfter:              to,
		DNSNames:              []string{"mail.example.com"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file}
}

func longLived(t testing.TB) identity {
	t.Helper()
	return newIdentity(t, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC))
}

// delivery is a message with a body of about size bytes.
// Whom Check asks for.
const trialFrom, trialTo = "bounce+check@example.com", "support@example.com"

func delivery(size int) bridge.Delivery {
	var b bytes.Buffer
	b.WriteString("From: Ann Lee <ann@customer.example>\r\nTo: support@example.com\r\n" +
		"Subject: hello\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <tb.1@example.com>\r\n\r\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "line %d of a chat that goes on and on, told to nobody in particular\r\n", i)
	}
	return bridge.Delivery{
		ID:          1,
		MessageID:   "tb.1@example.com",
		ReversePath: "bounce+k3x7.q2@example.com",
		Recipient:   "support@example.com",
		Data:        b.Bytes(),
	}
}

// transcript is what a scripted server got.
type transcript struct {
	mu       sync.Mutex
	commands []string
	messages [][]byte // complete ones, as on the wire between DATA and the dot
	accepted int      // connections
}

func (l *transcript) command(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commands = append(l.commands, line)
}

func (l *transcript) message(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, b)
}

func (l *transcript) connection() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted++
}

func (l *transcript) counts() (connections, messages int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted, len(l.messages)
}

// verbs lists the commands without their arguments.
func (l *transcript) verbs() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var verbs []string
	for _, c := range l.commands {
		verb, _, _ := strings.Cut(c, " ")
		verbs = append(verbs, verb)
	}
	return strings.Join(verbs, " ")
}

// listen serves each connection to a free port of loopback by serve.
func listen(t testing.TB, network, addr string, serve func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr()
}

// config is the default for a test server at host.
func config(host string, port int, tlsMode string, id identity) Config {
	c := Default()
	c.Endpoint = bridge.Endpoint{Host: host, Port: port, TLS: tlsMode, CAFile: id.caFile}
	c.Hello = "bridge.example.com"
	return c
}

func mustResult(t testing.TB, got bridge.Result, want bridge.Outcome, at stage) {
	t.Helper()
	if got.Outcome != want || got.Stage != string(at) {
		t.Errorf("got %v (broken %v), want %s at %s", got, got.Broken, want, at)
	}
}

func mustHold(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q: %q is not in it", text, p)
		}
	}
}
