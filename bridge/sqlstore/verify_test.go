package sqlstore

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/storetest"
)

// problems verifies a store and returns what is wrong, a line each.
func problems(t *testing.T, s *Store) (lines []string, r bridge.Recount) {
	t.Helper()
	r, err := s.Verify(t.Context(), func(p bridge.Problem) { lines = append(lines, p.What+": "+p.Text) })
	if err != nil {
		t.Fatal(err)
	}
	if int(r.Problems) != len(lines) {
		t.Errorf("%d problems counted, %d told", r.Problems, len(lines))
	}
	return lines, r
}

// filled is a store with 20 chats, some sent, some copies and a follow-up.
func filled(t *testing.T, url string) *Store {
	t.Helper()
	s := bare(t, url)
	if err := s.migrate(t.Context(), migrations(), false); err != nil {
		t.Fatal(err)
	}
	var as []bridge.Arrival
	for uid := uint32(1); uid <= 20; uid++ {
		as = append(as, storetest.Mail("support", uid, fmt.Sprint("k/", uid), fmt.Sprint("turn ", uid), strings.Repeat("long ", 100)))
	}
	as = append(as, storetest.Mail("sales", 1, "k/1", "turn 1", strings.Repeat("long ", 100)), // a copy
		storetest.Mail("support", 21, "k/2", "more"), storetest.Mail("support", 22, ""))
	if _, err := s.Accept(t.Context(), as, storetest.At("support", 22), storetest.Judge); err != nil {
		t.Fatal(err)
	}
	ds, err := s.Turnover(t.Context(), "w", time.Now(), nil, 3)
	if err != nil || len(ds) != 3 {
		t.Fatalf("claimed %d, %v", len(ds), err)
	}
	if _, err := s.Turnover(t.Context(), "w", time.Now(), []bridge.Settlement{{Delivery: ds[0].ID, Attempt: 1, State: bridge.Sent}}, 0); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerify(t *testing.T) {
	each(t, func(t *testing.T, d *dialect, url func() string) {
		s := filled(t, url())
		lines, r := problems(t, s)
		if len(lines) > 0 {
			t.Errorf("a sound database: %s", strings.Join(lines, "\n"))
		}
		if r.Seen() != 23 || r.Mails[bridge.MailTicket] != 20 || r.Mails[bridge.MailUpdate] != 1 || r.Mails[bridge.MailIgnored] != 1 || r.Mails[bridge.MailParked] != 1 ||
			r.Conversations != 20 || r.Deliveries[bridge.Sent] != 1 || r.Deliveries[bridge.Sending] != 2 || r.Deliveries[bridge.Ready] != 18 {
			t.Errorf("recount %+v", r)
		}

		// One thing is wrong with each.
		empty := "X''"
		if d == postgresDialect {
			empty = `'\x'`
		}
		for _, w := range []struct{ do, want string }{
			{`UPDATE mails SET state = 'lost' WHERE id = 1`, `mails: 1 in a state that does not exist: "lost"`},
			{`UPDATE deliveries SET state = 'gone' WHERE id = 20`, `ticket messages: 1 in a state that does not exist: "gone"`},
			{`UPDATE mails SET folder_id = 99 WHERE id = 2`, `m2: its folder (99) is not there`},
			{`UPDATE mails SET copy_of = 98 WHERE id = 21`, `m21: it is a copy of m98, which is not there`},
			{`DELETE FROM raws WHERE mail_id = 3`, `m3: its `},
			{`UPDATE raws SET raw = ` + empty + `, deflated = 1 WHERE mail_id = 4`, `m4: its bytes as received cannot be read: `},
			{`UPDATE mails SET conversation_id = NULL WHERE id = 5`, `m5: m5 made a ticket and has no conversation`},
			{`UPDATE mails SET conversation_id = 97 WHERE id = 6`, `m6: its conversation c97 is not there`},
			{`UPDATE deliveries SET mail_id = 96 WHERE id = 7`, `d7: its mail m96 is not there`},
			{`DELETE FROM bodies WHERE delivery_id = 8`, `d8: its `},
			{`UPDATE bodies SET data = ` + empty + ` WHERE delivery_id = 9`, `d9: its bytes are not those that were composed`},
			{``, `d9: it has 0 bytes, want `},
			{``, `d9: its header does not hold its Message-ID`},
			{`UPDATE deliveries SET recipient = 'a@example.com, b@example.com' WHERE id = 10`, `d10: its recipient "a@example.com, b@example.com" is not one address`},
			{`UPDATE deliveries SET next = NULL WHERE id = 11`, `d11: it waits to be sent and is never due`},
			{`UPDATE deliveries SET claimed = NULL WHERE id = 2`, `d2: it is being sent and was never claimed`},
			{`UPDATE turns SET mail_id = 95 WHERE conversation_id = 12 AND n = 0`, `c12: a message in it was told by m95, which is not there`},
			{`DELETE FROM turns WHERE conversation_id = 13 AND n = 0`, `c13: it counts 2 messages and has another number`},
			{`UPDATE conversations SET link_message_id = 'x@example.com' WHERE id = 14`, `c14: the message that opened the ticket of c14 is none of its ticket messages`},
			{`UPDATE conversations SET thread = '["y@example.com"]' WHERE id = 15`, `c15: its thread names <y@example.com>, which is none of its ticket messages`},
			{``, `c15: its thread does not name its ticket message <tb.`},
			{`UPDATE folders SET uid = 7, rescan_to = 5 WHERE folder = 'INBOX' AND mailbox = 'support'`, `support/INBOX: its rescan up to 5 is over at 7 and was not ended`},
			{`UPDATE folders SET pending = 4294967296 WHERE mailbox = 'sales'`, `sales/INBOX: its cursor is no cursor: batch 4294967296`},
			{`INSERT INTO raws (mail_id, deflated, raw) VALUES (94, 0, ` + empty + `)`, `m94: bytes are kept of m94, which is not there`},
		} {
			if w.do != "" {
				s.run(t, w.do)
			}
			lines, _ := problems(t, s)
			var found bool
			for _, l := range lines {
				found = found || strings.HasPrefix(l, w.want)
			}
			if !found {
				t.Errorf("%s: no %q in\n%s", w.do, w.want, strings.Join(lines, "\n"))
			}
		}
		if lines, _ := problems(t, s); len(lines) != 24 {
			t.Errorf("%d problems, want 24:\n%s", len(lines), strings.Join(lines, "\n"))
		}
	})
}

// TestVerifyDamagedFile: bytes that the disk lost.
func TestVerifyDamagedFile(t *testing.T) {
	file := t.TempDir() + "/bridge.db"
	s := filled(t, "sqlite:"+file)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for page := len(b)/4096 - 3; page < len(b)/4096; page++ {
		clear(b[page*4096+100 : page*4096+4000])
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = bare(t, "sqlite:"+file)
	var lines []string
	_, err = s.Verify(t.Context(), func(p bridge.Problem) { lines = append(lines, p.What+": "+p.Text) })
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "database: ") {
		t.Errorf("%q, %v; want the database damaged", lines, err)
	}
}

// TestVerifyBesideWriters: what is under way is no problem.
func TestVerifyBesideWriters(t *testing.T) {
	each(t, func(t *testing.T, _ *dialect, url func() string) {
		at := url()
		s := filled(t, at)
		beside := bare(t, at)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			for uid := uint32(100); ctx.Err() == nil; uid++ {
				a := storetest.Mail("support", uid, fmt.Sprint("k/", uid), fmt.Sprint("turn ", uid))
				if _, err := s.Accept(ctx, []bridge.Arrival{a}, storetest.At("support", uid), storetest.Judge); err != nil && ctx.Err() == nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		var last int64
		for range 20 {
			lines, r := problems(t, beside)
			if len(lines) > 0 || r.Seen() < last || r.Mails[bridge.MailTicket] != r.Conversations {
				t.Errorf("%q, %+v", lines, r)
			}
			last = r.Seen()
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
