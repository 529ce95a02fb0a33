package imaplink

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// through sends bytes through a conn and returns what came out and why it ended.
func through(t *testing.T, sent string, chunk int) (string, error) {
	t.Helper()
	a, b := net.Pipe()
	c := newConn(a, time.Second, 1000)
	c.expect(time.Minute, 0, 0)
	go func() {
		for p := []byte(sent); len(p) > 0; p = p[min(chunk, len(p)):] {
			if _, err := b.Write(p[:min(chunk, len(p))]); err != nil {
				break
			}
		}
		b.Close()
	}()
	got, err := io.ReadAll(iotest.OneByteReader(c))
	a.Close()
	return string(got), err
}

func TestConnHandsOnWholeLines(t *testing.T) {
	lit := strings.Repeat("a line\r\n* BYE within a literal {99999}\r\n", 20)
	lit = lit[:700]
	for _, tc := range []struct{ name, sent, want string }{
		{"lines", "* OK hi\r\n* 3 EXISTS\r\nT1 OK done\r\n", ""},
		{"lone LF", "* OK hi\n* 3 EXISTS\n", ""},
		{"literal", "* 1 FETCH (UID 1 BODY[] {700}\r\n" + lit + ")\r\nT1 OK\r\n", ""},
		{"two literals", "* 1 FETCH (BODY[HEADER] {5}\r\nab\r\n1 BODY[] {700}\r\n" + lit + " UID 1)\r\n", ""},
		{"empty literal", "* 1 FETCH (BODY[] {0}\r\n UID 1)\r\nT1 OK\r\n", ""},
		{"a text that looks like a literal", "* OK buy now {999999999}\r\nT1 NO {5}\r\n+ go {7}\r\n", ""},
		{"unknown responses go", "* VANISHED 1:3\r\n* 1 EXISTS\r\n* 5 FROBNICATE\r\n* XLIST (\\Inbox) {3}\r\nabc {2}\r\nxy z\r\n* SEARCH 1\r\n", "* 1 EXISTS\r\n* SEARCH 1\r\n"},
		{"case does not matter", "* ok hi\r\n* 3 exists\r\n* Search 4\r\n", ""},
		{"odd flags are made even", "* FLAGS (\\Seen a]b \"c {d é%)\r\n* OK [PERMANENTFLAGS (\\* [x])] ok]\r\n* 1 FETCH (UID 1 FLAGS (x]y))\r\n", "* FLAGS (\\Seen a_b _c _d ___)\r\n* OK [PERMANENTFLAGS (\\* [x_)] ok]\r\n* 1 FETCH (UID 1 FLAGS (x_y))\r\n"},
		{"capabilities go-imap would spin at", "* CAPABILITY (A\r\n* capability X (Y\r\n* OK [CAPABILITY ((] hi (there)\r\nT1 OK [CAPABILITY A (] (in)\r\n* OK [CAPABILITY (\r\n", "* CAPABILITY _A\r\n* capability X _Y\r\n* OK [CAPABILITY __] hi (there)\r\nT1 OK [CAPABILITY A _] (in)\r\n* OK [CAPABILITY _\r\n"},
		{"a long line", "* SEARCH" + strings.Repeat(" 12345", 50_000) + "\r\n* 1 EXISTS\r\n", ""},
	} {
		for _, chunk := range []int{1, 7, 100_000} {
			if chunk == 1 && len(tc.sent) > 10_000 {
				continue
			}
			want := tc.want
			if want == "" {
				want = tc.sent
			}
			if got, err := through(t, tc.sent, chunk); got != want || !errors.Is(err, ErrGone) {
				t.Errorf("%s in pieces of %d: got %q (%v), want %q", tc.name, chunk, got[:min(300, len(got))], err, want[:min(300, len(want))])
			}
		}
	}
}

func TestConnLimits(t *testing.T) {
	for _, tc := range []struct{ name, sent, want string }{
		{"literal", "* 1 FETCH (BODY[] {1001}\r\n", "announces 1001 bytes"},
		{"literal beyond int64", "* 1 FETCH (BODY[] {99999999999999999999}\r\n", "closed"}, // go-imap refuses it
		{"line", "* OK " + strings.Repeat("x", maxLine), "a line of more than"},
		{"altogether", strings.Repeat("* OK "+strings.Repeat("x", 60_000)+"\r\n", slack/60_000+10), "far more than was asked"},
	} {
		a, b := net.Pipe()
		c := newConn(a, time.Second, 1000)
		c.expect(time.Minute, 0, 0)
		go func() { io.Copy(b, strings.NewReader(tc.sent)); b.Close() }()
		_, err := io.Copy(io.Discard, c)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if _, again := c.Read(make([]byte, 1)); again != err {
			t.Errorf("%s: the second error is %v: the first must stay", tc.name, again)
		}
		a.Close()
	}
}

func TestConnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		c := newConn(a, 5*time.Second, 1000)
		defer a.Close()
		c.relax()
		type result struct {
			after time.Duration
			err   error
		}
		read := func() chan result {
			began, ch := time.Now(), make(chan result, 1)
			go func() {
				_, err := io.ReadFull(c, make([]byte, 9))
				ch <- result{time.Since(began), err}
			}()
			return ch
		}
		// Nothing is owed: the server may be silent for ever.
		r := read()
		time.Sleep(24 * time.Hour)
		// go-imap's own deadlines count for nothing.
		c.SetReadDeadline(time.Now())
		// Each byte buys quiet more, up to the total; the reader waits already.
		c.expect(10*time.Second, time.Minute, 0)
		for range 5 {
			time.Sleep(9 * time.Second)
			b.Write([]byte("*"))
		}
		if got := <-r; got.err == nil || !errors.Is(got.err, os.ErrDeadlineExceeded) || got.after != 24*time.Hour+55*time.Second {
			t.Errorf("silent after 45 s: %v after %v, want 10 s later", got.err, got.after)
		}
		began := time.Now()
		if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(began) != 0 {
			t.Error("the time-out did not stay")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		c := newConn(a, 5*time.Second, 1000)
		defer a.Close()
		c.expect(10*time.Second, time.Minute, 0)
		began := time.Now()
		go func() {
			for range 6 {
				time.Sleep(9 * time.Second)
				b.Write([]byte("*"))
			}
		}()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("a drip: %v after %v", err, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		c := newConn(a, 5*time.Second, 1000)
		defer a.Close()
		c.expect(time.Hour, 0, 0)
		began := time.Now()
		time.AfterFunc(time.Minute, func() { c.stopWithin(2 * time.Second) })
		if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(began) != 62*time.Second {
			t.Errorf("stop: %v after %v", err, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe() // nobody reads
		defer b.Close()
		c := newConn(a, 5*time.Second, 1000)
		defer a.Close()
		began := time.Now()
		if _, err := c.Write([]byte("x")); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("write: %v after %v", err, time.Since(began))
		}
	})
}

func TestHints(t *testing.T) {
	for line, want := range map[string]hints{
		"* OK hello\r\n":                {},
		"* BYE Shutting\x07 down\r\n":   {bye: "Shutting  down"},
		"* OK [ALERT] read this\r\n":    {alert: "[ALERT] read this"},
		"T1 OK [THROTTLED] done\r\n":    {pause: throttledPause},
		"T1 NO [throttled] done\r\n":    {pause: throttledPause},
		"* OK throttled? [THROTTLED]\n": {},
		"T1 BAD Request is throttled. Suggested Backoff Time: 299925 milliseconds\r\n": {pause: 299925 * time.Millisecond},
		"* BYE Suggested Backoff Time: 999999999999 milliseconds\r\n":                  {bye: "Suggested Backoff Time: 999999999999 milliseconds", pause: maxPause},
		"* BYE Suggested Backoff Time: 9999999999999999999 milliseconds\r\n":           {bye: "Suggested Backoff Time: 9999999999999999999 milliseconds"},
		"* BYE\r\n": {}, "*\r\n": {}, "\r\n": {}, "T1\n": {},
	} {
		var h hints
		if h.listen([]byte(line)); h != want {
			t.Errorf("%q: %+v, want %+v", line, h, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                   "plain",
		"a\r\nb\x1b[2Jc\u202ed":   "a  b [2Jc d",
		"bad \xff byte":           "bad   byte",
		strings.Repeat("ä", 300):  strings.Repeat("ä", 98) + "…",
		" around ":                "around",
		"\u2028line\u2029\x00end": "line  end",
	} {
		if got := Printable(in, 200); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
