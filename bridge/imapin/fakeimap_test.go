package imapin

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeMail is a mail on a fakeIMAP.
type fakeMail struct {
	uid      uint32
	received time.Time
	raw      []byte
	flags    string
}

func (m fakeMail) date() string { return m.received.UTC().Format("_2-Jan-2006 15:04:05 -0700") }

// fakeIMAP is a small IMAP server that does what a test tells it to: hook sees
// every command first and may answer in its own way.
type fakeIMAP struct {
	t    *testing.T
	net  *pipes
	caps string
	wg   sync.WaitGroup

	mu          sync.Mutex
	greeting    string
	uidValidity uint32
	uidNext     uint32 // 0: after the last mail; 1<<32-1: not told
	mails       []fakeMail
	hook        func(c *fakeConn, tag, cmd, args string) bool
	commands    []string
	logins      []time.Time
	idlers      []*fakeConn
}

func newFake(t *testing.T) *fakeIMAP {
	f := &fakeIMAP{t: t, net: newPipes(), caps: "IMAP4rev1 IDLE AUTH=PLAIN SASL-IR", greeting: "* OK ready", uidValidity: 7}
	f.wg.Add(1)
	go func() {
		defer f.wg.Done()
		for {
			nc, err := f.net.Accept()
			if err != nil {
				return
			}
			f.wg.Add(1)
			go func() {
				defer f.wg.Done()
				f.serve(nc)
			}()
		}
	}()
	t.Cleanup(f.close)
	return f
}

func (f *fakeIMAP) close() {
	f.net.Close()
	f.net.cut()
	f.wg.Wait()
}

// put adds mails and tells who idles.
func (f *fakeIMAP) put(raws ...[]byte) {
	f.mu.Lock()
	for _, raw := range raws {
		uid := uint32(1)
		if n := len(f.mails); n > 0 {
			uid = f.mails[n-1].uid + 1
		}
		if f.uidNext != 0 && f.uidNext != 1<<32-1 {
			uid = max(uid, f.uidNext)
			f.uidNext = uid + 1
		}
		f.mails = append(f.mails, fakeMail{uid: uid, received: time.Now().UTC().Truncate(time.Second), raw: raw})
	}
	n := len(f.mails)
	idlers := f.idlers
	f.mu.Unlock()
	for _, c := range idlers {
		c.send("* %d EXISTS", n)
	}
}

// with changes the server under its lock.
func (f *fakeIMAP) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeIMAP) setHook(hook func(c *fakeConn, tag, cmd, args string) bool) {
	f.with(func() { f.hook = hook })
}

// seen counts the commands that begin so.
func (f *fakeIMAP) seen(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.commands {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// want is what a watcher should read of the server.
func (f *fakeIMAP) want() map[uint32][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	want := map[uint32][]byte{}
	for _, m := range f.mails {
		want[m.uid] = m.raw
	}
	return want
}

// fakeConn is one connection of it.
type fakeConn struct {
	f    *fakeIMAP
	nc   net.Conn
	r    *bufio.Reader
	mu   sync.Mutex // guards writes
	idle string     // the tag of the IDLE under way
}

func (c *fakeConn) send(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.nc, format+"\r\n", args...)
}

// raw sends bytes as they are.
func (c *fakeConn) raw(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nc.Write(b)
}

func (c *fakeConn) hangUp() { c.nc.Close() }

// silence keeps the connection open and says nothing more, like a frozen server.
func (c *fakeConn) silence() {
	for {
		if _, err := c.r.ReadByte(); err != nil {
			return
		}
	}
}

func (f *fakeIMAP) serve(nc net.Conn) {
	defer nc.Close()
	c := &fakeConn{f: f, nc: nc, r: bufio.NewReader(nc)}
	f.mu.Lock()
	greeting := f.greeting
	f.mu.Unlock()
	if greeting == "" {
		c.silence()
		return
	}
	c.send("%s", greeting)
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			f.forget(c)
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "DONE" && c.idle != "" {
			f.forget(c)
			tag := c.idle
			c.idle = ""
			if !f.hooked(c, tag, "DONE", "") {
				c.send("%s OK idle done", tag)
			}
			continue
		}
		tag, rest, _ := strings.Cut(line, " ")
		cmd, args, _ := strings.Cut(rest, " ")
		cmd = strings.ToUpper(cmd)
		if cmd == "UID" {
			var sub string
			sub, args, _ = strings.Cut(args, " ")
			cmd += " " + strings.ToUpper(sub)
		}
		f.mu.Lock()
		f.commands = append(f.commands, cmd+" "+args)
		f.mu.Unlock()
		if !f.hooked(c, tag, cmd, args) {
			f.answer(c, tag, cmd, args)
		}
		if cmd == "LOGOUT" {
			return
		}
	}
}

func (f *fakeIMAP) forget(c *fakeConn) {
	f.with(func() { f.idlers = slices.DeleteFunc(f.idlers, func(o *fakeConn) bool { return o == c }) })
}

func (f *fakeIMAP) hooked(c *fakeConn, tag, cmd, args string) bool {
	f.mu.Lock()
	hook := f.hook
	f.mu.Unlock()
	return hook != nil && hook(c, tag, cmd, args)
}

// answer is how a server in good order answers.
func (f *fakeIMAP) answer(c *fakeConn, tag, cmd, args string) {
	f.mu.Lock()
	mails := slices.Clone(f.mails)
	validity, next := f.uidValidity, f.uidNext
	f.mu.Unlock()
	if next == 0 {
		next = 1
		if n := len(mails); n > 0 {
			next = mails[n-1].uid + 1
		}
	}
	switch cmd {
	case "CAPABILITY":
		c.send("* CAPABILITY %s", f.caps)
	case "AUTHENTICATE", "LOGIN":
		f.with(func() { f.logins = append(f.logins, time.Now()) })
		if !loginOK(cmd, args) {
			c.send("%s NO [AUTHENTICATIONFAILED] Authentication failed.", tag)
			return
		}
	case "SELECT", "EXAMINE":
		c.send("* FLAGS (\\Seen \\Deleted odd]flag {x)")
		c.send("* OK [PERMANENTFLAGS (\\Seen \\Deleted \\*)] keep")
		c.send("* %d EXISTS", len(mails))
		if validity != 0 {
			c.send("* OK [UIDVALIDITY %d] valid", validity)
		}
		if next != 1<<32-1 {
			c.send("* OK [UIDNEXT %d] next", next)
		}
	case "SEARCH", "UID SEARCH":
		hits := ""
		for i, m := range mails {
			if !matches(args, m, mails) {
				continue
			}
			if cmd == "SEARCH" {
				hits += fmt.Sprintf(" %d", i+1)
			} else {
				hits += fmt.Sprintf(" %d", m.uid)
			}
		}
		c.send("* SEARCH%s", hits)
	case "FETCH", "UID FETCH":
		set, items, _ := strings.Cut(args, " ")
		for i, m := range mails {
			if inSet(set, m.uid, mails) && cmd == "UID FETCH" || cmd == "FETCH" && set == strconv.Itoa(i+1) {
				c.fetched(i+1, m, items)
			}
		}
	case "IDLE":
		c.idle = tag
		c.send("+ idling")
		f.with(func() { f.idlers = append(f.idlers, c) })
		return
	case "LOGOUT":
		c.send("* BYE see you")
	case "NOOP", "STATUS", "LIST", "UID STORE", "UID MOVE", "UID COPY", "UID EXPUNGE":
	default:
		c.send("%s BAD what?", tag)
		return
	}
	c.send("%s OK done", tag)
}

func loginOK(cmd, args string) bool {
	if cmd == "LOGIN" {
		return args == `"ann@example.com" "secret"`
	}
	ir, _ := strings.CutPrefix(args, "PLAIN ")
	b, err := base64.StdEncoding.DecodeString(ir)
	return err == nil && string(b) == "\x00ann@example.com\x00secret"
}

// fetched sends one FETCH response in good order.
func (c *fakeConn) fetched(seq int, m fakeMail, items string) {
	parts := fmt.Sprintf("UID %d", m.uid)
	if strings.Contains(items, "RFC822.SIZE") {
		parts += fmt.Sprintf(" RFC822.SIZE %d INTERNALDATE %q", len(m.raw), m.date())
	}
	switch {
	case strings.Contains(items, "BODY.PEEK[]"):
		c.raw([]byte(fmt.Sprintf("* %d FETCH (%s BODY[] {%d}\r\n%s)\r\n", seq, parts, len(m.raw), m.raw)))
	case strings.Contains(items, "BODY.PEEK[HEADER]"):
		h := headerOf(m.raw)
		c.raw([]byte(fmt.Sprintf("* %d FETCH (%s BODY[HEADER]<0> {%d}\r\n%s)\r\n", seq, parts, len(h), h)))
	default:
		c.send("* %d FETCH (%s)", seq, parts)
	}
}

// matches knows the search keys the watcher uses.
func matches(args string, m fakeMail, mails []fakeMail) bool {
	f := strings.Fields(args)
	for i := 0; i < len(f); i++ {
		switch f[i] {
		case "UID":
			i++
			if !inSet(f[i], m.uid, mails) {
				return false
			}
		case "SINCE":
			i++
			d, err := time.Parse("2-Jan-2006", strings.Trim(f[i], `"`))
			if err != nil || m.received.UTC().Truncate(24*time.Hour).Before(d) {
				return false
			}
		case "KEYWORD":
			i++
			if !strings.Contains(m.flags, f[i]) {
				return false
			}
		default:
			panic("fakeIMAP: search key " + f[i])
		}
	}
	return true
}

func inSet(set string, uid uint32, mails []fakeMail) bool {
	last := uint32(0)
	if n := len(mails); n > 0 {
		last = mails[n-1].uid
	}
	num := func(s string) uint32 {
		if s == "*" {
			return last
		}
		n, _ := strconv.ParseUint(s, 10, 32)
		return uint32(n)
	}
	for _, r := range strings.Split(set, ",") {
		a, b, isRange := strings.Cut(r, ":")
		if !isRange {
			b = a
		}
		lo, hi := num(a), num(b)
		if lo > hi {
			lo, hi = hi, lo // n:* names the last mail even below n
		}
		if uid >= lo && uid <= hi {
			return true
		}
	}
	return false
}
