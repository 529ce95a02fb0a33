package smtpout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// maxLine is the longest line of a message without its CRLF (RFC 5321 §4.5.3.1.6).
const maxLine = 998

// message is a delivery as it goes over the wire, checked.
type message struct {
	from, to string
	envid    string // the reverse-path's token, so that a DSN names the delivery
	size     int    // as SIZE counts: without dot-stuffing (RFC 1870 §3)
	wire     []byte // dot-stuffed, without the final dot
	eightBit bool
	dotBy    time.Time // when its attempt must have come to the dot
}

// limit is ctx up to there.
func (m *message) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, m.dotBy, errTooSlow)
}

// newMessage checks a delivery before anything of it is sent. Whatever it finds
// is a bug of ours that no retry mends.
func newMessage(d bridge.Delivery) (*message, *failure) {
	if !isAddress(d.ReversePath) {
		return nil, ours(atMail, fmt.Errorf("reverse-path %s is no plain address", quote(d.ReversePath)))
	}
	if !isAddress(d.Recipient) {
		return nil, ours(atRcpt, fmt.Errorf("recipient %s is no plain address", quote(d.Recipient)))
	}
	eightBit, err := checkLines(d.Data)
	if err != nil {
		return nil, ours(atBody, err)
	}
	return &message{
		from:     d.ReversePath,
		to:       d.Recipient,
		envid:    token(d.ReversePath),
		size:     len(d.Data),
		wire:     dotStuff(d.Data),
		eightBit: eightBit,
	}, nil
}

// checkLines makes sure that every server sees the same lines and the same end
// (THREATS T8): CRLF only, no lone CR or LF, no NUL, no line over 998 octets, no
// 8-bit header. It reports whether the body has 8-bit octets.
func checkLines(data []byte) (eightBit bool, err error) {
	if len(data) == 0 {
		return false, errors.New("the message has no bytes")
	}
	header := true
	for n, rest := 1, data; len(rest) > 0; n++ {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return false, fmt.Errorf("line %d of the message does not end in CRLF", n)
		}
		line := rest[:i]
		if i == 0 || line[i-1] != '\r' {
			return false, fmt.Errorf("line %d of the message has a lone LF", n)
		}
		line, rest = line[:i-1], rest[i+1:]
		if len(line) > maxLine {
			return false, fmt.Errorf("line %d of the message has %d bytes; at most %d are allowed", n, len(line), maxLine)
		}
		high := false
		for _, c := range line {
			switch {
			case c >= 0x80:
				high = true
			case c == '\r':
				return false, fmt.Errorf("line %d of the message has a lone CR", n)
			case c == 0:
				return false, fmt.Errorf("line %d of the message has a NUL", n)
			}
		}
		if len(line) == 0 {
			header = false
		}
		if high && header {
			return false, fmt.Errorf("line %d, in the header of the message, has 8-bit bytes", n)
		}
		eightBit = eightBit || high
	}
	return eightBit, nil
}

// dotStuff doubles the dot of every line that begins with one (RFC 5321
// §4.5.2). Without such a line it returns data itself.
func dotStuff(data []byte) []byte {
	n := bytes.Count(data, []byte("\n."))
	if data[0] == '.' {
		n++
	}
	if n == 0 {
		return data
	}
	out := make([]byte, 0, len(data)+n)
	if data[0] == '.' {
		out = append(out, '.')
	}
	for {
		i := bytes.Index(data, []byte("\n."))
		if i < 0 {
			return append(out, data...)
		}
		out = append(append(out, data[:i+2]...), '.')
		data = data[i+2:]
	}
}

// token is the part of the reverse-path's local part behind "bounce+".
func token(reversePath string) string {
	local, _, _ := strings.Cut(reversePath, "@")
	if _, tok, ok := strings.Cut(local, "+"); ok && tok != "" {
		return tok
	}
	return local
}

// isAddress accepts what may stand in an envelope: an ASCII dot-atom of at most
// 64 octets, "@", a host name, 254 in all. Quoted local parts, literals and
// whatever could end the path or add a parameter are refused (THREATS T9, F1).
func isAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > 254 || len(local) > 64 || !isDomain(domain) {
		return false
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtext(r) }) {
			return false
		}
	}
	return true
}

// isAtext is RFC 5322 §3.2.3.
func isAtext(r rune) bool {
	return isLDH(r) && r != 0 || r < 0x80 && strings.ContainsRune("!#$%&'*+/=?^_`{|}~", r)
}

func isLDH(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-'
}

// isDomain accepts a host name of letters, digits and inner hyphens (RFC 1123
// §2.1); one label will do, as "localhost".
func isDomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return !isLDH(r) }) {
			return false
		}
	}
	return true
}

// xtext encodes a parameter's value (RFC 3461 §4).
func xtext(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
