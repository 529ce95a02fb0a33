package smtpout

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode"
	"unicode/utf8"
)

func read(s string) (reply, error) {
	return readReply(bufio.NewReaderSize(strings.NewReader(s), maxReplyLine))
}

func TestReadReply(t *testing.T) {
	for _, tc := range []struct{ in, codes, text string }{
		{"250 ok\r\n", "250", "ok"},
		{"250\r\n", "250", ""},
		{"250 \r\n", "250", ""},
		{"250 ok\n", "250", "ok"}, // no CR: old servers
		{"250 2.0.0 Ok: queued as 4F7\r\n", "250 2.0.0", "Ok: queued as 4F7"},
		{"250 2.0.0\r\n", "250 2.0.0", ""},
		{"451 4.7.1 Greylisted\r\n", "451 4.7.1", "Greylisted"},
		{"550-5.7.26 This mail\r\n550-5.7.26 is unauthenticated.\r\n550 5.7.26 See help\r\n", "550 5.7.26", "This mail is unauthenticated. See help"},
		{"550 4.7.1 another class\r\n", "550", "4.7.1 another class"},
		{"550 5.7 no code\r\n", "550", "5.7 no code"},
		{"550 5.7.1000 no code\r\n", "550", "5.7.1000 no code"},
		{"550 5.7.x no code\r\n", "550", "5.7.x no code"},
		{"250-a\r\n250\r\n", "250", "a "},
	} {
		r, err := read(tc.in)
		if err != nil {
			t.Errorf("%q: %v", tc.in, err)
		} else if r.codes() != tc.codes || r.text() != tc.text {
			t.Errorf("%q: got %q %q, want %q %q", tc.in, r.codes(), r.text(), tc.codes, tc.text)
		}
	}
}

// Nothing but a whole reply is one: a library that takes the first four for
// replies says "accepted" of a message nobody has.
func TestReadReplyRefuses(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"250 ok", `EOF after "250 ok"`},
		{"250", `EOF after "250"`},
		{"250-ok\r\njunk\r\n250 done\r\n", `not an SMTP reply: "junk"`},
		{"250-ok\r\n251 done\r\n", `not an SMTP reply: "251 done"`},
		{"", "EOF"},
		{"25", `EOF after "25"`},
		{"25\r\n", `not an SMTP reply: "25"`},
		{"250-a\r\n", `EOF after "250-a"`},
		{"250-a\r\n250-b", `EOF after "250-b"`},
		{"250ok\r\n", "not an SMTP reply"},
		{"250_ok\r\n", "not an SMTP reply"},
		{"150 wait\r\n", "not an SMTP reply"},
		{"650 ok\r\n", "not an SMTP reply"},
		{"2\xb20 ok\r\n", `"2\xb20 ok"`},
		{"HTTP/1.1 400 Bad Request\r\n", "not an SMTP reply"},
		{"\r\n", "not an SMTP reply"},
		{"250 " + strings.Repeat("x", maxReplyLine) + "\r\n", "a reply line of more than 2000 bytes"},
		{strings.Repeat("250-more\r\n", maxReplyLines+1), "a reply of more than 100 lines"},
	} {
		r, err := read(tc.in)
		if err == nil {
			t.Errorf("%.40q: taken for %v", tc.in, r)
		} else if !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 400 {
			t.Errorf("%.40q: got %q, want %q", tc.in, err, tc.want)
		}
	}
}

func TestReadReplyLeavesTheNext(t *testing.T) {
	br := bufio.NewReaderSize(strings.NewReader("250-a\r\n250 b\r\n421 c\r\n"), maxReplyLine)
	for _, want := range []string{"250 a b", "421 c"} {
		r, err := readReply(br)
		if err != nil || r.String() != want {
			t.Errorf("got %v, %v, want %s", r, err, want)
		}
	}
}

func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 2.0.0 b\r\n", "25", "250-a\r\n350 b\r\n", "\x00\r\n", "550-5.7.1\r\n550 5.7.1 x\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		br := bufio.NewReaderSize(bytes.NewReader(in), maxReplyLine)
		r, err := readReply(br)
		rest, _ := io.ReadAll(br)
		used := in[:len(in)-len(rest)]
		if err != nil {
			if len(err.Error()) > 1000 || r.code != 0 {
				t.Fatalf("%v with an error of %d bytes", r, len(err.Error()))
			}
			return
		}
		// A reply is whole lines, each with its code, the last one with no hyphen.
		lines := bytes.SplitAfter(used, []byte("\n"))
		if n := len(lines); n < 2 || len(lines[n-1]) != 0 || n-1 != len(r.lines) {
			t.Fatalf("%q taken for %v", used, r)
		}
		code := fmt.Sprint(r.code)
		for i, l := range lines[:len(lines)-1] {
			last := i == len(lines)-2
			if !bytes.HasPrefix(l, []byte(code)) || last == bytes.HasPrefix(l, []byte(code+"-")) {
				t.Fatalf("%q taken for %v", used, r)
			}
		}
		if p := printable(r.text()); len(p) > maxReplyText || !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q is not printable", p)
		}
	})
}

func TestPrintable(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"Ok: queued as 4F7", "Ok: queued as 4F7"},
		{"a\tb\nc\rd", "a b c?d"},
		{"\x1b]0;x\x07", "?]0;x?"},
		{"rtl\u202e \u2028 z\u200bw", "rtl? ? z?w"},
		{"caf\xe9 é 日本", "caf\ufffd é 日本"},
		{strings.Repeat("é", 400), strings.Repeat("é", 254) + "…"},
	} {
		got := printable(tc.in)
		if got != tc.want || len(got) > maxReplyText {
			t.Errorf("%q: got %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestPlainError(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
		lost bool
	}{
		{io.EOF, "the server closed the connection", true},
		{&brokenOff{`"25"`, io.EOF}, `the server closed the connection after "25"`, true},
		{&brokenOff{`"25"`, os.ErrDeadlineExceeded}, `late after "25"`, false},
		{&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "the server reset the connection", true},
		{&net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}, "the server closed the connection", true},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connect: connection refused", false},
		{&brokenOff{`"25"`, errors.New("odd")}, `odd after "25"`, false},
	} {
		got := plainError(tc.err, "late")
		if got.Error() != tc.want || errors.Is(got, errLost) != tc.lost || !errors.Is(got, tc.err) {
			t.Errorf("%v: got %q, lost %v", tc.err, got, errors.Is(got, errLost))
		}
	}
}
