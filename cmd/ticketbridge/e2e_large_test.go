package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestTooLargeIsFetchedAgain: of a mail beyond max_size only the header is here;
// on a person's word it is fetched, judged as if it came today, and sent whole.
func TestTooLargeIsFetchedAgain(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newWorld(t, database)
			w.extra["mailbox"] = `max_size = "1MB"`
			daemon := w.start(t, "")
			file := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
			large := firstQuestion
			large.files = map[string][]byte{"big.bin": file}
			w.ann.Deliver(t, large.mail())
			eventually(t, "parked", func() bool { return w.states(t, "mails")["parked"] == 1 })
			if out := w.admin(t, "show", "m1"); !strings.Contains(out, "ticketbridge release m1 --max-size 3MB") {
				t.Errorf("not offered:\n%s", out)
			}
			if out := w.admin(t, "release", "m1", "--max-size", "3MB"); !strings.Contains(out, "m1 is ticket") {
				t.Errorf("released: %s", out)
			}
			eventually(t, "sent and arrived", func() bool { return w.states(t, "deliveries")["sent"] == 1 && len(w.support.Mails(t, "INBOX")) > 0 })
			daemon.stop(t)
			mails := w.support.Mails(t, "INBOX")
			if len(mails) != 1 {
				t.Fatalf("%d messages at support, want 1", len(mails))
			}
			if got := readTicket(t, mails[0].Raw); !bytes.Equal(got.files["big.bin"], file) || !strings.Contains(got.text, "What about this?") {
				t.Errorf("%d bytes of the file, want %d:\n%s", len(got.files["big.bin"]), len(file), got.text)
			}
			w.admin(t, "verify")
			w.start(t, "").stop(t)
			if n := len(w.support.Mails(t, "INBOX")); n != 1 {
				t.Errorf("%d messages after a restart", n)
			}
		})
	}
}
