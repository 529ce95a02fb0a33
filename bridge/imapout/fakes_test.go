package imapout

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ticketbridge/bridge"
)

// server is an IMAP server that goes wrong where a test wants it to.
type server struct {
	mu      sync.Mutex
	folders map[string][]string // the messages of each; UIDs count from 1
	caps    string
	blind   bool // SEARCH finds nothing: the index lags behind
	budget  int  // bytes to read from the client before hanging up; 0: all
	heard   []string
	dials   int
	// hook sees each command before it is done, and may answer in its place.
	hook func(c *client, tag, cmd string) (done bool)
}

// client is one connection as the server sees it.
type client struct {
	s      *server
	conn   net.Conn
	r      *bufio.Reader
	folder string
}

func newServer() *server {
	return &server{folders: map[string][]string{"INBOX": nil, "Processed": nil}, caps: "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS LITERAL+"}
}

// mailbox is the Mailbox under test.
func (s *server) mailbox() *Mailbox {
	m := New(Config{
		Endpoint:    bridge.Endpoint{Host: "127.0.0.1", Port: 1143, TLS: "none"},
		Credentials: bridge.Credentials{Username: "support@example.com", Password: "secret"},
		Timeout:     time.Minute, IdleTimeout: time.Minute, Folder: "INBOX", Folders: []string{"INBOX", "Processed"},
	})
	m.dial = func(context.Context, bridge.Endpoint, time.Duration) (net.Conn, error) {
		a, b := net.Pipe()
		s.mu.Lock()
		s.dials++
		var in io.Reader = b
		if s.budget > 0 {
			in = io.LimitReader(b, int64(s.budget))
		}
		s.mu.Unlock()
		go func() {
			defer b.Close()
			(&client{s: s, conn: b, r: bufio.NewReader(in)}).serve()
		}()
		return a, nil
	}
	return m
}

// count is how often a message is there.
func (s *server) count(messageID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, mails := range s.folders {
		for _, m := range mails {
			n += strings.Count(m, "<"+messageID+">")
		}
	}
	return n
}

// visits are the connections and commands so far.
func (s *server) visits() (dials int, heard []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials, slices.Clone(s.heard)
}

func (c *client) say(format string, args ...any) { fmt.Fprintf(c.conn, format+"\r\n", args...) }

func (c *client) serve() {
	c.say("* OK [CAPABILITY %s] hello", c.s.caps)
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return
		}
		tag, cmd, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		c.s.mu.Lock()
		c.s.heard = append(c.s.heard, cmd)
		hook := c.s.hook
		c.s.mu.Unlock()
		if hook != nil && hook(c, tag, cmd) {
			continue
		}
		if !c.do(tag, cmd) {
			return
		}
	}
}

var literal = regexp.MustCompile(`\{(\d+)(\+?)\}$`)

// do does a command and answers; false: the connection ends.
func (c *client) do(tag, cmd string) bool {
	answer, ok := c.obey(cmd)
	if !ok {
		return false
	}
	c.say("%s %s", tag, answer)
	return !strings.HasPrefix(cmd, "LOGOUT")
}

// obey does a command, with its untagged answers, and returns the tagged one.
func (c *client) obey(cmd string) (answer string, ok bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	switch {
	case strings.HasPrefix(cmd, "CAPABILITY"):
		c.say("* CAPABILITY %s", c.s.caps)
	case strings.HasPrefix(cmd, "EXAMINE "):
		c.folder = strings.Trim(strings.TrimPrefix(cmd, "EXAMINE "), `"`)
		mails, there := c.s.folders[c.folder]
		if !there {
			return "NO [NONEXISTENT] no such folder", true
		}
		c.say("* FLAGS (\\Seen)\r\n* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x", len(mails), len(mails)+1)
		return "OK [READ-ONLY] opened", true
	case strings.HasPrefix(cmd, "UID SEARCH "):
		_, want, _ := strings.Cut(cmd, "HEADER ")
		want = strings.Trim(strings.TrimPrefix(strings.ToLower(want), `"message-id" `), `"`)
		want = strings.Trim(strings.TrimPrefix(want, "message-id "), `"<>`)
		var hits strings.Builder
		for i, m := range c.s.folders[c.folder] {
			if strings.Contains(strings.ToLower(m), want) && !c.s.blind {
				fmt.Fprintf(&hits, " %d", i+1)
			}
		}
		c.say("* SEARCH%s", hits.String())
	case strings.HasPrefix(cmd, "UID FETCH "), strings.HasPrefix(cmd, "FETCH "):
		set, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(cmd, "UID "), "FETCH "), " ")
		for i, m := range c.s.folders[c.folder] {
			if inSet(set, i+1) {
				header, _, _ := strings.Cut(m, "\r\n\r\n")
				header += "\r\n\r\n"
				c.say("* %d FETCH (UID %d BODY[HEADER.FIELDS (MESSAGE-ID)] {%d}\r\n%s)", i+1, i+1, len(header), header)
			}
		}
	case strings.HasPrefix(cmd, "APPEND "):
		return c.store(cmd)
	}
	return "OK done", true
}

func (c *client) store(cmd string) (answer string, ok bool) {
	size := literal.FindStringSubmatch(cmd)
	if size == nil {
		return "BAD no literal", true
	}
	if size[2] == "" {
		c.say("+ go on")
	}
	n, _ := strconv.Atoi(size[1])
	body := make([]byte, n+len("\r\n"))
	got, err := io.ReadFull(c.r, body)
	if got < n {
		return "", false
	}
	folder := strings.Trim(strings.Fields(cmd)[1], `"`)
	if err != nil { // a server may store what it has got whole, though the command's end is missing
		c.s.folders[folder] = append(c.s.folders[folder], string(body[:n]))
		return "", false
	}
	if strings.Contains(cmd, `\Seen`) {
		return "BAD nobody has seen it", true
	}
	c.s.folders[folder] = append(c.s.folders[folder], string(body[:n]))
	if !strings.Contains(c.s.caps, "UIDPLUS") {
		return "OK stored", true
	}
	return fmt.Sprintf("OK [APPENDUID 7 %d] stored", len(c.s.folders[folder])), true
}

func inSet(set string, n int) bool {
	for part := range strings.SplitSeq(set, ",") {
		from, to, isRange := strings.Cut(part, ":")
		a, _ := strconv.Atoi(from)
		b := a
		if isRange {
			b, _ = strconv.Atoi(to)
		}
		if n >= a && n <= b {
			return true
		}
	}
	return false
}

// message is a delivery on its nth attempt.
func message(attempt int) bridge.Delivery {
	id := "tb.abc@example.com"
	return bridge.Delivery{ID: 1, MessageID: id, Attempts: attempt, Data: []byte("From: kim@example.net\r\nMessage-ID: <" + id + ">\r\n\r\nhello\r\n")}
}

// outcome fails the test unless an attempt ended as it should.
func outcome(t *testing.T, r bridge.Result, want bridge.Outcome, words ...string) {
	t.Helper()
	if r.Outcome != want {
		t.Fatalf("%s, want %s", r, want)
	}
	for _, w := range words {
		if !strings.Contains(r.String(), w) {
			t.Errorf("%q lacks %q", r, w)
		}
	}
}
