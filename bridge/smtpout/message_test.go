package smtpout

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

func TestCheckLines(t *testing.T) {
	head := "Subject: x\r\n\r\n"
	for _, tc := range []struct {
		name, in, want string // want: part of the error, "" for none
		eightBit       bool
	}{
		{"plain", head + "hello\r\n", "", false},
		{"header only", "Subject: x\r\n", "", false},
		{"longest line", head + strings.Repeat("x", 998) + "\r\n", "", false},
		{"8-bit body", head + "caf\xc3\xa9\r\n", "", true},
		{"empty", "", "no bytes", false},
		{"longer line", head + strings.Repeat("x", 999) + "\r\n", "line 3 of the message has 999 bytes", false},
		{"lone LF", head + "a\nb\r\n", "line 3 of the message has a lone LF", false},
		{"LF first", "\nb\r\n", "line 1 of the message has a lone LF", false},
		{"lone CR", head + "a\rb\r\n", "line 3 of the message has a lone CR", false},
		{"CR CR LF", head + "a\r\r\n", "line 3 of the message has a lone CR", false},
		{"NUL", head + "a\x00b\r\n", "line 3 of the message has a NUL", false},
		{"no end", head + "a", "line 3 of the message does not end in CRLF", false},
		{"CR end", head + "a\r", "line 3 of the message does not end in CRLF", false},
		{"8-bit header", "Subject: caf\xe9\r\n\r\nx\r\n", "line 1, in the header", false},
	} {
		eightBit, err := checkLines([]byte(tc.in))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		case eightBit != tc.eightBit:
			t.Errorf("%s: 8-bit %v", tc.name, eightBit)
		}
	}
}

func TestDotStuff(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"a\r\n", "a\r\n"},
		{".\r\n", "..\r\n"},
		{".a\r\n", "..a\r\n"},
		{"a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"},
		{"a\r\n..\r\n", "a\r\n...\r\n"},
		{".\r\n.\r\n.\r\n", "..\r\n..\r\n..\r\n"},
		{"a.\r\nb .c\r\n", "a.\r\nb .c\r\n"},
	} {
		if got := string(dotStuff([]byte(tc.in))); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.in, got, tc.want)
		}
	}
}

// unstuff is what a server does (RFC 5321 §4.5.2).
func unstuff(wire []byte) []byte {
	var out []byte
	for l := range bytes.Lines(wire) {
		out = append(out, bytes.TrimPrefix(l, []byte("."))...)
	}
	return out
}

// What passes the check arrives as it was, and ends where we end it.
func FuzzWire(f *testing.F) {
	for _, s := range []string{"a\r\n", ".\r\n", "a\r\n.\r\nb\r\n", "\r\n.\r\n", "a\n.\nb\r\n", "a\r.\r\r\n", "..\r\n.\r\n..a\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := checkLines(in); err != nil {
			return
		}
		wire := append(dotStuff(in), dot...)
		end := bytes.Index(append([]byte("\r\n"), wire...), []byte("\r\n.\r\n"))
		if end+len("\r\n.\r\n") != len(wire)+2 {
			t.Fatalf("%q ends early: %q", in, wire)
		}
		if got := unstuff(wire[:len(wire)-len(dot)]); !bytes.Equal(got, in) {
			t.Fatalf("%q arrives as %q", in, got)
		}
	})
}

// TestSmuggling is T8: on the wire stands exactly one end of data, the last
// five bytes, or nothing at all.
func TestSmuggling(t *testing.T) {
	forged := "MAIL FROM:<x@evil.test>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
	for _, end := range []string{
		"\n.\n", "\r.\r", "\r\n.\r", "\n.\r\n", "\r.\r\n", "\x00.\x00", "\r\n.\n", "\n.\r", "\r\r\n.\r\r\n", "\r\n\x00.\r\n",
		"\r\n.\r\n", "\r\n..\r\n", "\r\n.\r\n.\r\n", "\r\n. \r\n",
	} {
		t.Run(fmt.Sprintf("%q", end), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := delivery(200)
				d.Data = append(d.Data, []byte("text"+end+forged+"more\r\n")...)
				log := &transcript{}
				tr := New(config("mail.example.com", 0, "none", identity{}))
				tr.dial = pipeDial(t, script{log: log}.serve)
				defer tr.Close()
				got := tr.Send(t.Context(), d)
				connections, messages := log.counts()
				if _, err := checkLines(d.Data); err != nil {
					mustResult(t, got, bridge.Permanent, atBody)
					if connections != 0 {
						t.Error("a connection was made for it")
					}
					return
				}
				mustResult(t, got, bridge.Accepted, atDot)
				if messages != 1 || log.verbs() != "EHLO MAIL RCPT DATA" {
					t.Fatalf("%d messages, commands %s", messages, log.verbs())
				}
				wire := append([]byte("\r\n"), log.messages[0]...)
				if i := bytes.Index(wire, []byte("\r\n.\r\n")); i != len(wire)-5 {
					t.Errorf("data ends at %d of %d", i, len(wire)-5)
				}
				if !bytes.Equal(unstuff(bytes.TrimSuffix(log.messages[0], []byte(dot))), d.Data) {
					t.Error("other bytes arrived")
				}
			})
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, s := range []string{
		"support@example.com", "bounce+k3x7.q2@example.com", "a@localhost", "o'neil@example.org", "x!#$%&*/=?^_`{|}~-@a-b.example",
		strings.Repeat("a", 64) + "@example.com",
	} {
		if !isAddress(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{
		"", "a", "@", "a@", "@example.com", "a@b@example.com", "<a@example.com>", "a> SIZE=1@b.com", "a@b.com> NOTIFY=NEVER",
		"a b@example.com", "a@exa mple.com", "a\r\nDATA@example.com", "a@example.com\r\n", "a@example.com\x00", `"a"@example.com`,
		"a@[127.0.0.1]", "a@-b.example", "a@b-.example", "a@b..example", "a@.example", "a@example.", ".a@example.com", "a.@example.com",
		"a..b@example.com", "us\u0435r@example.com", "a@ex\u00e4mple.com", "us\u202eer@example.com", "a(c)@example.com", "a,b@example.com",
		"x:a@example.com;", "a\x7f@example.com", strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("b", 64) + ".example",
		"a@" + strings.Repeat("b.", 126) + "example", strings.Repeat("a@example.com", 1<<16),
	} {
		if isAddress(s) {
			t.Errorf("%.60q is accepted", s)
		}
		began := time.Now()
		d := delivery(100)
		d.Recipient = s
		if _, f := newMessage(d); f == nil || f.cause != unfit || f.stage != atRcpt || len(f.Error()) > 500 {
			t.Errorf("%.60q as recipient: %v", s, f)
		}
		d = delivery(100)
		d.ReversePath = s
		if _, f := newMessage(d); f == nil || f.cause != unfit || f.stage != atMail {
			t.Errorf("%.60q as reverse-path: %v", s, f)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("%.60q took %v", s, took)
		}
	}
}

func TestToken(t *testing.T) {
	for in, want := range map[string]string{
		"bounce+k3x7.q2@example.com": "k3x7.q2",
		"bounce@example.com":         "bounce",
		"a+@example.com":             "a+",
	} {
		if got := token(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := xtext("a+b=c d\x7f~"); got != "a+2Bb+3Dc+20d+7F~" {
		t.Errorf("xtext: %s", got)
	}
}

// A message is checked once, so it must cost little.
func BenchmarkCheckLines(b *testing.B) {
	d := delivery(22 << 10)
	b.SetBytes(int64(len(d.Data)))
	for b.Loop() {
		if _, f := newMessage(d); f != nil {
			b.Fatal(f)
		}
	}
}
