package smtpout

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/emersion/go-sasl"
)

// auth logs in by the first mechanism that both sides know (RFC 4954).
func (s *session) auth() *failure {
	if !s.private() {
		return fault(atAuth, fmt.Errorf("no login without TLS to %s, which is not this machine", s.raw.RemoteAddr()))
	}
	client, err := s.mechanism()
	if err != nil {
		return fault(atAuth, err)
	}
	name, initial, err := client.Start()
	if err != nil {
		return fault(atAuth, err)
	}
	line := "AUTH " + name
	if initial != nil {
		line += " " + base64.StdEncoding.EncodeToString(initial)
	}
	for range maxAuthSteps {
		if f := s.say(atAuth, line); f != nil {
			return f
		}
		r, f := s.listen(atAuth)
		switch {
		case f != nil:
			return f
		case r.code == 235:
			return nil
		case r.class() == 4 || r.class() == 5:
			return refusal(atAuth, r)
		case r.code != 334:
			return s.unexpected(atAuth, r)
		}
		if line, err = answer(client, r.text()); err != nil {
			// "*" would cancel the exchange; closing does so too.
			return fault(atAuth, fmt.Errorf("AUTH %s: %w", name, err))
		}
	}
	return fault(atAuth, fmt.Errorf("AUTH %s: the server asks without end", name))
}

// maxAuthSteps is one more than any mechanism of ours needs.
const maxAuthSteps = 4

// mechanism picks from what the server offers. Both send the password as it
// is, which only private connections get to see.
func (s *session) mechanism() (sasl.Client, error) {
	offered, ok := s.ext["AUTH"]
	if !ok {
		return nil, errors.New("server offers no AUTH; leave username out if it wants no login")
	}
	user, password := s.cfg.Username, s.cfg.Password.Reveal()
	for name := range strings.FieldsSeq(strings.ToUpper(offered)) {
		switch name {
		case "PLAIN":
			return sasl.NewPlainClient("", user, password), nil
		case "LOGIN":
			return &loginClient{answers: []string{user, password}}, nil
		}
	}
	return nil, fmt.Errorf("server offers AUTH %s; want PLAIN or LOGIN", quote(offered))
}

// answer is the next line for the server's challenge.
func answer(client sasl.Client, challenge string) (string, error) {
	c, err := base64.StdEncoding.DecodeString(challenge)
	if err != nil {
		return "", errors.New("challenge is no base64")
	}
	resp, err := client.Next(c)
	return base64.StdEncoding.EncodeToString(resp), err
}

// private reports whether nobody else can read along: TLS, or this machine. The
// peer's address counts, not the name it was reached by.
func (s *session) private() bool {
	if _, ok := s.conn.(*tls.Conn); ok {
		return true
	}
	switch a := s.raw.RemoteAddr().(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// loginClient is LOGIN (draft-murchison-sasl-login): the name, then the
// password, each when asked for. Servers ask in words of their own, and some
// take no initial response, so it neither reads the questions nor sends one.
type loginClient struct{ answers []string }

func (c *loginClient) Start() (string, []byte, error) { return "LOGIN", nil, nil }

func (c *loginClient) Next([]byte) ([]byte, error) {
	if len(c.answers) == 0 {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	next := c.answers[0]
	c.answers = c.answers[1:]
	return []byte(next), nil
}
