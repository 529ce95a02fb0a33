package status

import (
	"net/http"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/sqlstore"
)

// TestRealStore: what the store records stands on the page and in the numbers.
func TestRealStore(t *testing.T) {
	ctx := t.Context()
	store, err := sqlstore.Open(ctx, "sqlite:test.db", sqlstore.Options{StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	arrival := bridge.Arrival{
		Record: bridge.MailRecord{
			Source:     bridge.Source{Mailbox: "ann", Folder: "INBOX", UIDValidity: 1, UID: 1},
			ContentKey: "k1", MessageID: "m1@chat.example", FromAddress: "notifications@chat.example",
			Subject: "hello", Received: now, Size: 10, Recorded: now,
		},
		ConversationKey: "intercom/a/1", Ref: "KX7Q-2M9D",
	}
	parked := arrival
	parked.Record.UID, parked.Record.ContentKey, parked.ConversationKey, parked.Ref = 2, "k2", "", ""
	judge := func(a bridge.Arrival, _ bridge.Known) bridge.Verdict {
		if a.ConversationKey == "" {
			return bridge.Verdict{State: bridge.MailParked, Reason: "no address"}
		}
		return bridge.Verdict{
			State: bridge.MailTicket, Reason: "raised at once",
			Conversation: &bridge.Conversation{Key: a.ConversationKey, Ref: a.Ref, Format: "intercom", Opened: now, Updated: now},
			Delivery: &bridge.Delivery{
				Action: bridge.Raise, MessageID: "tb.1@example.com", ReversePath: "bounce+1@example.com", Recipient: "support@example.com",
				Data: []byte("x\r\n"), Size: 3, SHA256: "0", State: bridge.Ready, Created: now, Next: now.Add(-time.Hour),
			},
		}
	}
	cursor := bridge.Cursor{Mailbox: "ann", Folder: "INBOX", UIDValidity: 1, UID: 2}
	if _, err := store.Accept(ctx, []bridge.Arrival{arrival, parked}, cursor, judge); err != nil {
		t.Fatal(err)
	}
	p := newPage(Default(), store, wellFolder())
	p.started = now.Add(-2 * time.Hour)
	text := body(t, get(t, p, "GET", "/"))
	mustHold(t, text, "<td>m2</td><td>parked</td>", "<bdi>no address</bdi>", "<td>m1</td>", "<bdi>raised at once</bdi>",
		"<td>d1</td><td>c1</td><td>raise</td><td>ready</td>", "<li>outbox: a delivery has been due for 60 min</li>")
	mustLack(t, text, "hello")
	mustHold(t, body(t, get(t, p, "GET", "/metrics")), `bridge_mails{state="parked"} 1`, `bridge_mails{state="ticket"} 1`,
		`bridge_deliveries{state="ready"} 1`, "bridge_conversations 1", "bridge_outbox_oldest_seconds 36")
	if _, err := store.Turnover(ctx, "w", now, nil, 1); err != nil {
		t.Fatal(err)
	}
	if r := get(t, p, "GET", "/healthz"); r.StatusCode != http.StatusOK {
		t.Errorf("%s %s", r.Status, body(t, r))
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if r := get(t, p, "GET", "/healthz"); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("closed store: %s", r.Status)
	}
}
