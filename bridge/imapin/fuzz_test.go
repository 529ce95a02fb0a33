package imapin

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// FuzzServer lets a server say anything at any time: each piece of the input,
// cut at zero bytes, answers one line of the client; # stands for its tag. The
// watcher must neither panic nor hang, leave no goroutine behind, keep its
// cursor within what it was told, and never take a body for another's.
func FuzzServer(f *testing.F) {
	const login = "* OK hi\r\n\x00* CAPABILITY IMAP4rev1 IDLE ESEARCH UIDPLUS\r\n# OK\r\n\x00# OK in\r\n\x00# OK\r\n\x00* CAPABILITY IMAP4rev1 IDLE UIDPLUS\r\n# OK\r\n\x00"
	const open = "* FLAGS (\\Seen)\r\n* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\n# OK\r\n\x00"
	const sizes = "# OK\r\n\x00* SEARCH 1 2\r\n# OK\r\n\x00* 1 FETCH (UID 1 RFC822.SIZE 5 INTERNALDATE \"01-Nov-2026 10:00:00 +0000\")\r\n* 2 FETCH (RFC822.SIZE 6 UID 2 INTERNALDATE \" 1-Nov-2026 10:00:00 +0000\")\r\n# OK\r\n\x00"
	for _, seed := range []string{
		login, login + open, login + open + sizes,
		login + open + sizes + "* 1 FETCH (UID 1 BODY[] {5}\r\nHello)\r\n* 2 FETCH (BODY[] {6}\r\nHello! UID 2)\r\n# OK\r\n\x00",
		login + open + sizes + "* 1 FETCH (UID 1 BODY[] {4294967295}\r\nHello)\r\n",
		login + open + "# OK\r\n\x00* ESEARCH (TAG \"#\") UID ALL 1:4294967295\r\n# OK\r\n\x00",
		login + open + "# OK\r\n\x00* SEARCH 0 4294967295 99999999999\r\n# OK\r\n\x00",
		"* PREAUTH hi\r\n\x00", "* BYE\r\n", "\x00\x00+ go\r\n\x00* OK [\r\n", "* OK [CAPABILITY\r\n", "* 1 FETCH (((((((\r\n", "* OK [PERMANENTFLAGS (\\*)]\r\n",
		login + "* OK [UIDVALIDITY 0] x\r\n# OK\r\n\x00", login + "# NO [THROTTLED]\r\n\x00",
		login + open + "+ \r\n\x00# OK\r\n\x00+ idling\r\n* 3 EXISTS\r\n* 0 EXPUNGE\r\n\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) { hostile(t, script) })
	})
}

func hostile(t *testing.T, script []byte) {
	pieces := bytes.Split(script, []byte{0})
	dials := 0
	served := make(chan struct{}, 1)
	dial := func(context.Context, bridge.Endpoint, time.Duration) (net.Conn, error) {
		if dials++; dials > 1 {
			return nil, io.EOF // one session is enough
		}
		a, b := net.Pipe()
		go func() {
			defer func() { b.Close(); served <- struct{}{} }()
			sayAll(b, pieces)
		}()
		return a, nil
	}
	cfg := testConfig()
	cfg.OnDone = "keyword:$Ticket"
	store := newStore()
	store.ours = func(bridge.Mail) bool { return true }
	w := newWatch(t, cfg, store, dial).start(t)
	time.Sleep(30 * time.Minute)
	w.stop()
	<-served
	for _, m := range store.have() {
		if m.UID == 0 || m.UID > store.at().UID || m.UIDValidity == 0 || m.UIDValidity != store.at().UIDValidity {
			t.Errorf("mail %v, cursor %+v", m.Source, store.at())
		}
	}
	for i, b := range store.batches[min(1, len(store.batches)):] {
		if prev := store.batches[i]; b.Cursor.UID < prev.Cursor.UID {
			t.Errorf("cursor went from %d to %d", prev.Cursor.UID, b.Cursor.UID)
		}
	}
}

// sayAll says the first piece, and then one for each line it hears.
func sayAll(conn net.Conn, pieces [][]byte) {
	lines := make(chan []byte)
	go func() {
		defer close(lines)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			for _, line := range bytes.SplitAfter(buf[:n], []byte("\n")) {
				if len(line) > 0 {
					lines <- bytes.Clone(line)
				}
			}
		}
	}()
	tag := []byte("*")
	for _, p := range pieces {
		conn.SetWriteDeadline(time.Now().Add(time.Hour))
		if _, err := conn.Write(bytes.ReplaceAll(p, []byte("#"), tag)); err != nil {
			break
		}
		line, ok := <-lines
		if !ok {
			break
		}
		tag, _, _ = bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	}
	for range lines { // silence, until the client has enough
	}
}
