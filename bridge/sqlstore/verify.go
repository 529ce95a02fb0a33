package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

// verifying is one verification: a view of the database, and who is told.
type verifying struct {
	reader
	d       *dialect
	tell    func(bridge.Problem)
	recount bridge.Recount
}

// Verify implements bridge.Verifier.
func (s *Store) Verify(ctx context.Context, tell func(bridge.Problem)) (bridge.Recount, error) {
	var v *verifying
	err := s.view(ctx, func(q reader) error {
		*q.told = true // problems were told: it is not begun again
		v = &verifying{reader: q, d: s.d, tell: tell, recount: bridge.Recount{Mails: map[bridge.MailState]int64{}, Deliveries: map[bridge.DeliveryState]int64{}}}
		for _, step := range []struct {
			what string
			do   func() error
		}{
			{"the database file", v.file},
			{"states", v.states},
			{"references", v.references},
			{"raw mails", v.raws},
			{"ticket messages", v.bodies},
			{"conversations", v.threads},
			{"cursors", v.cursors},
		} {
			if err := step.do(); err != nil {
				return fmt.Errorf("verify %s: %w", step.what, err)
			}
		}
		return nil
	})
	if err != nil {
		return bridge.Recount{}, err
	}
	return v.recount, nil
}

func (v *verifying) problem(what, format string, args ...any) {
	v.recount.Problems++
	v.tell(bridge.Problem{What: what, Text: fmt.Sprintf(format, args...)})
}

// file has SQLite read every page; PostgreSQL checks pages when it reads them.
func (v *verifying) file() error {
	if v.d != sqliteDialect {
		return nil
	}
	return v.each(`PRAGMA integrity_check`, nil, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		if err == nil && text != "ok" {
			v.problem("database", "%s", strings.Join(strings.Fields(text), " "))
		}
		return err
	})
}

// states: every mail and delivery is in a state there is (R1).
func (v *verifying) states() error {
	count := func(query string, to func(state string, n int64) bool, what string) error {
		return v.each(query, nil, func(scan func(...any) error) error {
			var state string
			var n int64
			err := scan(&state, &n)
			if err == nil && !to(state, n) {
				v.problem(what, "%d in a state that does not exist: %q", n, state)
			}
			return err
		})
	}
	err := count(`SELECT state, count(*) FROM mails GROUP BY state ORDER BY state`, func(state string, n int64) bool {
		v.recount.Mails[bridge.MailState(state)] = n
		return slices.Contains(bridge.MailStates, bridge.MailState(state))
	}, "mails")
	if err != nil {
		return err
	}
	err = count(`SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state`, func(state string, n int64) bool {
		v.recount.Deliveries[bridge.DeliveryState(state)] = n
		return slices.Contains(bridge.DeliveryStates, bridge.DeliveryState(state))
	}, "ticket messages")
	if err != nil {
		return err
	}
	return v.row(`SELECT count(*) FROM conversations`).Scan(&v.recount.Conversations)
}

// dangling are the rows that refer to what is not there: which, and in what
// words. There are no foreign keys (schema/001.sql).
var dangling = []struct {
	kind        string // the letter of the ids, "" for those that have none
	query, text string
}{
	{"m", `SELECT m.id, m.folder_id FROM mails m LEFT JOIN folders o ON o.id = m.folder_id WHERE o.id IS NULL ORDER BY 1`, "its folder (%d) is not there"},
	{"m", `SELECT m.id, m.conversation_id FROM mails m LEFT JOIN conversations o ON o.id = m.conversation_id WHERE m.conversation_id IS NOT NULL AND o.id IS NULL ORDER BY 1`, "its conversation c%d is not there"},
	{"m", `SELECT m.id, m.copy_of FROM mails m LEFT JOIN mails o ON o.id = m.copy_of WHERE m.copy_of IS NOT NULL AND o.id IS NULL ORDER BY 1`, "it is a copy of m%d, which is not there"},
	{"m", `SELECT m.id, m.size FROM mails m LEFT JOIN raws o ON o.mail_id = m.id WHERE m.has_raw = 1 AND o.mail_id IS NULL ORDER BY 1`, "its %d bytes as received are not there"},
	{"m", `SELECT o.mail_id, o.mail_id FROM raws o LEFT JOIN mails m ON m.id = o.mail_id WHERE m.id IS NULL ORDER BY 1`, "bytes are kept of m%d, which is not there"},
	{"m", `SELECT m.id, m.id FROM mails m WHERE m.state IN ('ticket','update') AND m.conversation_id IS NULL ORDER BY 1`, "m%d made a ticket and has no conversation"},
	{"d", `SELECT d.id, d.conversation_id FROM deliveries d LEFT JOIN conversations o ON o.id = d.conversation_id WHERE o.id IS NULL ORDER BY 1`, "its conversation c%d is not there"},
	{"d", `SELECT d.id, d.mail_id FROM deliveries d LEFT JOIN mails o ON o.id = d.mail_id WHERE o.id IS NULL ORDER BY 1`, "its mail m%d is not there"},
	{"d", `SELECT d.id, d.replaced_by FROM deliveries d LEFT JOIN deliveries o ON o.id = d.replaced_by WHERE d.replaced_by IS NOT NULL AND (o.id IS NULL OR o.conversation_id <> d.conversation_id) ORDER BY 1`, "d%d, which took its place, is none of its conversation's"},
	{"d", `SELECT d.id, d.size FROM deliveries d LEFT JOIN bodies o ON o.delivery_id = d.id WHERE o.delivery_id IS NULL ORDER BY 1`, "its %d bytes are not there"},
	{"d", `SELECT o.delivery_id, o.delivery_id FROM bodies o LEFT JOIN deliveries d ON d.id = o.delivery_id WHERE d.id IS NULL ORDER BY 1`, "bytes are kept of d%d, which is not there"},
	{"d", `SELECT d.id, coalesce(d.next, 0) FROM deliveries d WHERE d.state IN ('ready','retry') AND d.next IS NULL ORDER BY 1`, "it waits to be sent and is never due (%d)"},
	{"d", `SELECT d.id, d.attempts FROM deliveries d WHERE d.state = 'sending' AND (d.claimed IS NULL OR d.attempts < 1) ORDER BY 1`, "it is being sent and was never claimed (%d attempts)"},
	{"c", `SELECT t.conversation_id, t.mail_id FROM turns t LEFT JOIN mails o ON o.id = t.mail_id WHERE o.id IS NULL ORDER BY 1`, "a message in it was told by m%d, which is not there"},
	{"c", `SELECT t.conversation_id, count(*) FROM turns t LEFT JOIN conversations o ON o.id = t.conversation_id WHERE o.id IS NULL GROUP BY t.conversation_id ORDER BY 1`, "%d messages are kept of a conversation that is not there"},
	{"c", `SELECT c.id, c.turns FROM conversations c WHERE c.turns <> (SELECT count(*) FROM turns t WHERE t.conversation_id = c.id) ORDER BY 1`, "it counts %d messages and has another number"},
	{"c", `SELECT c.id, c.id FROM conversations c LEFT JOIN deliveries o ON o.message_id = c.link_message_id WHERE c.link_message_id <> '' AND (o.id IS NULL OR o.conversation_id <> c.id) ORDER BY 1`, "the message that opened the ticket of c%d is none of its ticket messages"},
}

func (v *verifying) references() error {
	for _, r := range dangling {
		err := v.each(r.query, nil, func(scan func(...any) error) error {
			var id, what int64
			err := scan(&id, &what)
			if err == nil {
				v.problem(fmt.Sprint(r.kind, id), r.text, what)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifying) raws() error {
	return v.each(`SELECT m.id, m.size, r.deflated, r.raw FROM raws r JOIN mails m ON m.id = r.mail_id ORDER BY m.id`, nil, func(scan func(...any) error) error {
		var id, size int64
		var deflated bool
		var raw []byte
		err := scan(&id, &size, yes{&deflated}, &raw)
		if err != nil || !deflated {
			return err
		}
		if _, err := inflate(raw, min(size, 1<<20)); err != nil {
			v.problem(bridge.MailID(id), "its bytes as received cannot be read: %v", err)
		}
		return nil
	})
}

// bodies: what is, or was, sent is what was composed.
func (v *verifying) bodies() error {
	return v.each(`SELECT `+deliveryColumns+`, b.data FROM deliveries d JOIN bodies b ON b.delivery_id = d.id ORDER BY d.id`, nil, func(scan func(...any) error) error {
		var data []byte
		d, err := scanDelivery(scan, &data)
		if err != nil {
			return err
		}
		id := bridge.DeliveryID(d.ID)
		if sum := sha256.Sum256(data); d.SHA256 != hex.EncodeToString(sum[:]) {
			v.problem(id, "its bytes are not those that were composed (sha256 %x, want %s)", sum[:8], cut(d.SHA256, 16))
		}
		if int64(len(data)) != d.Size {
			v.problem(id, "it has %d bytes, want %d", len(data), d.Size)
		}
		header, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
		if !bytes.Contains(append([]byte("\r\n"), header...), []byte("\r\nMessage-ID: <"+d.MessageID+">")) {
			v.problem(id, "its header does not hold its Message-ID <%s>", d.MessageID)
		}
		if _, err := mailparse.StrictAddress(d.Recipient); err != nil {
			v.problem(id, "its recipient %q is not one address", d.Recipient)
		}
		return nil
	})
}

// threads: a conversation's thread names its deliveries and nothing else.
func (v *verifying) threads() error {
	type conv struct {
		id      int64
		thread  []string
		sent    []string
		forgone []string // of which nobody received anything
	}
	var c conv
	compare := func() {
		for _, id := range c.thread {
			if !slices.Contains(c.sent, id) && !slices.Contains(c.forgone, id) {
				v.problem(bridge.ConversationID(c.id), "its thread names <%s>, which is none of its ticket messages", id)
			}
		}
		for _, id := range c.sent {
			if !slices.Contains(c.thread, id) {
				v.problem(bridge.ConversationID(c.id), "its thread does not name its ticket message <%s>", id)
			}
		}
	}
	err := v.each(`SELECT c.id, c.thread, coalesce(d.message_id, ''), coalesce(d.state, ''), coalesce(d.detail, ''), d.replaced_by FROM conversations c LEFT JOIN deliveries d ON d.conversation_id = c.id ORDER BY c.id, d.id`, nil,
		func(scan func(...any) error) error {
			var next conv
			var d bridge.Delivery
			if err := scan(&next.id, fromJSON{&next.thread}, &d.MessageID, &d.State, &d.Detail, id{&d.ReplacedBy}); err != nil {
				return err
			}
			if next.id != c.id {
				compare()
				c = next
			}
			switch {
			case d.MessageID == "":
			case d.Forgone():
				c.forgone = append(c.forgone, d.MessageID)
			default:
				c.sent = append(c.sent, d.MessageID)
			}
			return nil
		})
	compare()
	return err
}

// cursors: they stand where a cursor can (RFC 3501 §2.3.1.1).
func (v *verifying) cursors() error {
	const most = 1<<32 - 1
	return v.each(`SELECT mailbox, folder, coalesce(uidvalidity, 0), uid, rescan_to, pending FROM folders ORDER BY id`, nil, func(scan func(...any) error) error {
		var mailbox, folder string
		var n [4]int64
		err := scan(&mailbox, &folder, &n[0], &n[1], &n[2], &n[3])
		name := mailbox + "/" + folder
		for i, what := range []string{"UIDVALIDITY", "UID", "rescan", "batch"} {
			if n[i] < 0 || n[i] > most {
				v.problem(name, "its cursor is no cursor: %s %d", what, n[i])
			}
		}
		if n[2] > 0 && n[2] <= n[1] {
			v.problem(name, "its rescan up to %d is over at %d and was not ended", n[2], n[1])
		}
		return err
	})
}
