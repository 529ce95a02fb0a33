package status

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"ticketbridge/bridge"
)

func TestMetricNames(t *testing.T) {
	p := newPage(Default(), newStore(), wellFolder())
	p.metrics.refresh(p.look(t.Context()))
	families, err := p.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range problems {
		t.Errorf("%s: %s", l.Metric, l.Text)
	}
}

// TestMetricsFromTheStart: every value of every label is there before anything
// has happened, so that rate() sees the first increase.
func TestMetricsFromTheStart(t *testing.T) {
	text := body(t, get(t, newPage(Default(), &fakeStore{}, wellFolder()), "GET", "/metrics"))
	for _, box := range []string{"ann", "ben", "other"} {
		for _, st := range bridge.MailStates {
			mustHold(t, text, `bridge_messages_processed_total{mailbox="`+box+`",outcome="`+string(st)+`"} 0`)
		}
	}
	for _, o := range outcomes {
		mustHold(t, text, `bridge_delivery_attempts_total{outcome="`+string(o)+`"} 0`)
	}
	for _, st := range bridge.DeliveryStates {
		mustHold(t, text, `bridge_deliveries_settled_total{state="`+string(st)+`"} 0`, `bridge_deliveries{state="`+string(st)+`"} 0`)
	}
	for _, st := range bridge.MailStates {
		mustHold(t, text, `bridge_mails{state="`+string(st)+`"} 0`)
	}
	for _, kind := range alarmKinds {
		mustHold(t, text, `ticketbridge_alarms{kind="`+kind+`"} 0`)
	}
	mustHold(t, text, "bridge_store_up 1", "bridge_transport_broken 0", "bridge_outbox_oldest_seconds 0", "bridge_conversations 0",
		"bridge_message_lag_seconds_count 0", `bridge_mailbox_connected{folder="INBOX",mailbox="ann"} 1`, `version="v1.2.3"} 1`,
		"go_goroutines ", "process_resident_memory_bytes ")
}

func TestMetricsCount(t *testing.T) {
	store, f := newStore(), wellFolder()
	store.counts.OldestDue = time.Now().Add(-time.Hour)
	f.Behind, f.Connected, f.Sessions = 40, false, 3
	p := newPage(Default(), store, f)
	for _, m := range store.mails {
		p.MailRecorded(m)
	}
	p.MailRecorded(bridge.MailRecord{Source: bridge.Source{Mailbox: "visitor@customer.example"}, State: bridge.MailIgnored})
	p.MailRecorded(bridge.MailRecord{Source: bridge.Source{Mailbox: "ann"}, State: "visitor@customer.example"})
	p.AttemptSettled(bridge.Settlement{State: bridge.Sent, Result: bridge.Result{Outcome: bridge.Accepted}})
	p.AttemptSettled(bridge.Settlement{State: bridge.Retry, Result: bridge.Result{Outcome: bridge.Temporary, Broken: true}})
	p.AttemptSettled(bridge.Settlement{State: "visitor@customer.example", Result: bridge.Result{Outcome: "visitor@customer.example", Broken: true}})
	text := body(t, get(t, p, "GET", "/metrics"))
	mustHold(t, text,
		`bridge_messages_processed_total{mailbox="ann",outcome="ticket"} 1`,
		`bridge_messages_processed_total{mailbox="ann",outcome="parked"} 1`,
		`bridge_messages_processed_total{mailbox="other",outcome="ignored"} 1`,
		"bridge_message_lag_seconds_count 2", `bridge_message_lag_seconds_bucket{le="10"} 2`, `bridge_message_lag_seconds_bucket{le="5"} 1`,
		`bridge_delivery_attempts_total{outcome="accepted"} 1`, `bridge_delivery_attempts_total{outcome="temporary"} 1`,
		`bridge_deliveries_settled_total{state="sent"} 1`, `bridge_deliveries_settled_total{state="retry"} 1`,
		"bridge_transport_broken 1", `bridge_mails{state="ticket"} 12`, `bridge_deliveries{state="doubt"} 1`, "bridge_conversations 9",
		"bridge_outbox_oldest_seconds 3600", `bridge_mailbox_behind{folder="INBOX",mailbox="ann"} 40`,
		`bridge_mailbox_connected{folder="INBOX",mailbox="ann"} 0`, `bridge_mailbox_sessions_total{folder="INBOX",mailbox="ann"} 3`)
	mustLack(t, text, "@", "customer.example", "private")
	p.AttemptSettled(bridge.Settlement{State: bridge.Sent, Result: bridge.Result{Outcome: bridge.Accepted}})
	mustHold(t, body(t, get(t, p, "GET", "/metrics")), "bridge_transport_broken 0")
}

// TestMetricsWithoutStore: what cannot be known is left out, the rest is there.
func TestMetricsWithoutStore(t *testing.T) {
	store := newStore()
	p := newPage(Default(), store, wellFolder())
	mustHold(t, body(t, get(t, p, "GET", "/metrics")), "bridge_store_up 1", "bridge_mails{")
	store.err = errors.New("disk full")
	text := body(t, get(t, p, "GET", "/metrics"))
	mustHold(t, text, "bridge_store_up 0", "bridge_messages_processed_total{", "bridge_mailbox_connected{")
	mustLack(t, text, "bridge_mails{", "bridge_deliveries{", "bridge_conversations", "bridge_outbox_oldest_seconds", "disk full")
	store.err = nil
	mustHold(t, body(t, get(t, p, "GET", "/metrics")), "bridge_store_up 1", "bridge_mails{")
}

// Scrapes and observations at a time; the race detector looks on.
func TestMetricsAtATime(t *testing.T) {
	p := newPage(Default(), newStore(), wellFolder())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			p.MailRecorded(bridge.MailRecord{Source: bridge.Source{Mailbox: "ann"}, State: bridge.MailTicket})
			p.AttemptSettled(bridge.Settlement{State: bridge.Sent, Result: bridge.Result{Outcome: bridge.Accepted}})
		}
	}()
	for range 5 {
		if !strings.Contains(body(t, get(t, p, "GET", "/metrics")), "bridge_store_up 1") {
			t.Error("no metrics")
		}
	}
	<-done
	mustHold(t, body(t, get(t, p, "GET", "/metrics")), `bridge_messages_processed_total{mailbox="ann",outcome="ticket"} 200`)
}
