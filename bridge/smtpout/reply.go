package smtpout

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"ticketbridge/bridge"
)

// Limits of a reply. RFC 5321 §4.5.3.1.5 allows lines of 512 octets; servers
// send longer ones, and a hostile one would never end.
const (
	maxReplyLine  = 2000
	maxReplyLines = 100
)

// reply is a full reply of the server (RFC 5321 §4.2).
type reply struct {
	code     int      // 200 to 599; 0: none came
	enhanced string   // "4.7.1" (RFC 3463), "" where the server gives none
	lines    []string // its text, without codes
}

func (r reply) class() int { return r.code / 100 }

// codes is "451 4.7.1", or "451", or "" for no reply.
func (r reply) codes() string {
	switch {
	case r.code == 0:
		return ""
	case r.enhanced == "":
		return strconv.Itoa(r.code)
	}
	return strconv.Itoa(r.code) + " " + r.enhanced
}

func (r reply) text() string { return strings.Join(r.lines, " ") }

func (r reply) String() string { return strings.TrimSpace(r.codes() + " " + r.text()) }

// readReply reads one whole reply. A line counts only with its line end, all
// lines must bear one code, and anything else is an error: "250 o" of a dying
// server is no acceptance. br must hold maxReplyLine bytes.
func readReply(br *bufio.Reader) (reply, error) {
	var r reply
	for range maxReplyLines {
		raw, err := br.ReadSlice('\n')
		if err != nil {
			return reply{}, cutReply(err, r, raw)
		}
		line := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
		code, text, last, ok := parseReplyLine(line)
		if !ok || r.code != 0 && code != r.code {
			return reply{}, fmt.Errorf("not an SMTP reply: %s", quote(line))
		}
		r.code = code
		r.lines = append(r.lines, text)
		if last {
			r.splitEnhanced()
			return r, nil
		}
	}
	return reply{}, fmt.Errorf("a reply of more than %d lines", maxReplyLines)
}

// brokenOff is a reply that did not come to its end: what came, and how it ended.
type brokenOff struct {
	after string // quoted; "" where nothing came
	err   error
}

func (e *brokenOff) Error() string { return e.err.Error() + e.tail() }
func (e *brokenOff) Unwrap() error { return e.err }

func (e *brokenOff) tail() string {
	if e.after == "" {
		return ""
	}
	return " after " + e.after
}

func cutReply(err error, r reply, rest []byte) error {
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("a reply line of more than %d bytes: %s", maxReplyLine, quote(string(rest)))
	case len(rest) > 0:
		return &brokenOff{quote(string(rest)), err}
	case r.code != 0:
		return &brokenOff{quote(fmt.Sprintf("%d-%s", r.code, r.lines[len(r.lines)-1])), err}
	}
	return &brokenOff{"", err}
}

// parseReplyLine splits "250-text" (more follow) or "250 text" (the last).
func parseReplyLine(line string) (code int, text string, last, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, "", false, false
	}
	for _, c := range []byte(line[:3]) {
		if c < '0' || c > '9' {
			return 0, "", false, false
		}
		code = code*10 + int(c-'0')
	}
	if len(line) == 3 {
		return code, "", true, true
	}
	return code, line[4:], line[3] == ' ', line[3] == ' ' || line[3] == '-'
}

// splitEnhanced moves the enhanced status code, which RFC 2034 §4 puts before
// the text of every line, into its field.
func (r *reply) splitEnhanced() {
	code, _, _ := strings.Cut(r.lines[0], " ")
	if !isEnhanced(code) || int(code[0]-'0') != r.class() {
		return
	}
	r.enhanced = code
	for i, l := range r.lines {
		if rest, ok := strings.CutPrefix(l, code); ok && (rest == "" || rest[0] == ' ') {
			r.lines[i] = strings.TrimLeft(rest, " ")
		}
	}
}

// isEnhanced reports whether s is class.subject.detail (RFC 3463 §2).
func isEnhanced(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(parts[0]) != 1 {
		return false
	}
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 10, 16); err != nil || len(p) > 3 {
			return false
		}
	}
	return true
}

// plainError says in plain words how reading or writing ended; late is what to
// say of a time-out. Errors of a connection that is gone are marked with errLost.
func plainError(err error, late string) error {
	text, causes := "", []error{err}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		text = late
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, syscall.EPIPE):
		text, causes = "the server closed the connection", append(causes, errLost)
	case errors.Is(err, syscall.ECONNRESET):
		text, causes = "the server reset the connection", append(causes, errLost)
	default:
		text = err.Error()
		if op, ok := errors.AsType[*net.OpError](err); ok {
			text = op.Err.Error() // the address is said elsewhere
		}
	}
	if cut, ok := errors.AsType[*brokenOff](err); ok && !strings.HasSuffix(text, cut.tail()) {
		text += cut.tail()
	}
	return &said{text, causes}
}

// noReply and noWrite are what to say of time-outs.
func noReply(d bridge.Duration) string { return fmt.Sprintf("no full reply within %v", d.D()) }
func noWrite(d bridge.Duration) string {
	return fmt.Sprintf("the server did not take more data within %v", d.D())
}

// maxQuoted is how much of what a server sent is repeated in an error.
const maxQuoted = 64

func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// maxReplyText caps Result.Reply, in bytes.
const maxReplyText = 512

// printable makes s fit for logs, terminals and web pages: no control or
// invisible character, at most maxReplyText bytes.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len()+utf8.RuneLen(r) > maxReplyText-len("…") {
			b.WriteString("…")
			break
		}
		if r == '\t' || r == '\n' {
			r = ' '
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
