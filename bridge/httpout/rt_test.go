package httpout

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ticketbridge/bridge"
)

// TestFollowUpWithoutNumber: a follow-up whose ticket is not known, nor found by
// the first message, opens none. One whose ticket is told goes there.
func TestFollowUpWithoutNumber(t *testing.T) {
	var posted []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch {
		case r.Method == http.MethodPost:
			posted = append(posted, r.URL.Path)
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `["Comments added"]`)
		case r.URL.Path == "/REST/2.0/tickets":
			io.WriteString(w, `{"count":0,"items":[]}`)
		default:
			io.WriteString(w, `{"Status":"new"}`)
		}
	}))
	defer srv.Close()
	tr := NewRT(Config{Kind: RT, URL: srv.URL, Token: key, Queue: "Support", Timeout: time.Minute, Connections: 1})
	d := bridge.Delivery{Action: bridge.Append, MessageID: "T.2@example.com", Data: ticketMessage("ada@example.org", "T.2@example.com", "T.1@example.com")}
	for _, unknown := range []string{"", "TICKET-7", "7/comment"} {
		d.Ticket = unknown
		if r := tr.Send(t.Context(), d); r.Outcome != bridge.Temporary || r.Broken || len(posted) > 0 {
			t.Errorf("ticket %q: %+v, posted to %q", unknown, r, posted)
		}
	}
	d.Ticket = "7"
	if r := tr.Send(t.Context(), d); r.Outcome != bridge.Accepted || r.Ticket != "7" || len(posted) != 1 || posted[0] != "/REST/2.0/ticket/7/comment" {
		t.Errorf("%+v, posted to %q", r, posted)
	}
	if seen, err := tr.Probe(t.Context(), d.MessageID); err != nil || seen.Found || !seen.OpenersOnly {
		t.Errorf("looked for: %+v, %v", seen, err)
	}
}
