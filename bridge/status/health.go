package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// When what is wrong is more than a hiccup. Servers restart and refuse for some
// minutes every now and then, and the bridge comes back by itself.
const (
	downAfter = 5 * time.Minute  // a folder without connection
	lateAfter = 15 * time.Minute // a delivery that is due
)

// Health is the answer of /healthz.
type Health struct {
	Status    string          `json:"status"`  // "ok" or "unwell"
	Reasons   []string        `json:"reasons"` // why it is not "ok"
	Alarms    []Alarm         `json:"alarms"`  // what needs a person, and no restart
	Version   string          `json:"version"`
	Uptime    int64           `json:"uptime_seconds"`
	Store     StoreHealth     `json:"store"`
	Mailboxes []MailboxHealth `json:"mailboxes"`
	Outbox    OutboxHealth    `json:"outbox"`
}

// StoreHealth says whether the database answers.
type StoreHealth struct {
	Reachable bool   `json:"reachable"`
	Error     string `json:"error,omitempty"`
}

// MailboxHealth is how a watched folder does.
type MailboxHealth struct {
	Mailbox   string    `json:"mailbox"`
	Folder    string    `json:"folder"`
	Standby   string    `json:"standby,omitempty"` // which other daemon watches it
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	Behind    int64     `json:"behind"`
	Error     string    `json:"error,omitempty"`
}

// OutboxHealth is what waits and what needs a person.
type OutboxHealth struct {
	OldestDue  int64                          `json:"oldest_due_seconds"`
	Deliveries map[bridge.DeliveryState]int64 `json:"deliveries"`
	Parked     int64                          `json:"parked_mails"`
}

// health judges a view.
func (p *Page) health(v view) Health {
	h := Health{
		Status:    "ok",
		Reasons:   []string{},
		Alarms:    append([]Alarm{}, v.alarms...),
		Version:   p.src.Version,
		Uptime:    int64(v.now.Sub(p.started).Seconds()),
		Store:     StoreHealth{Reachable: v.storeErr == nil},
		Mailboxes: []MailboxHealth{},
		Outbox: OutboxHealth{
			OldestDue:  int64(v.oldestDue().Seconds()),
			Deliveries: v.counts.Deliveries,
			Parked:     v.counts.Mails[bridge.MailParked],
		},
	}
	if v.storeErr != nil {
		h.Store.Error = p.text(v.storeErr.Error())
		h.Reasons = append(h.Reasons, "store: "+h.Store.Error)
	}
	for _, f := range v.folders {
		h.Mailboxes = append(h.Mailboxes, MailboxHealth{printable(f.Mailbox), printable(f.Folder), p.text(f.Standby), f.Connected, f.Since.UTC(), f.Behind, p.text(f.Err)})
		if r := p.folderReason(f, v.now); r != "" {
			h.Reasons = append(h.Reasons, "mailbox "+f.name()+": "+r)
		}
	}
	// A mail server that is down is an alarm: no restart brings it back.
	// What was late before the start says nothing of this run.
	if d := v.oldestDue(); min(d, v.now.Sub(p.started)) > lateAfter && v.broken.IsZero() {
		h.Reasons = append(h.Reasons, "outbox: a delivery has been due for "+brief(d))
	}
	if len(h.Reasons) > 0 {
		h.Status = "unwell"
	}
	return h
}

// folderReason says why a folder is not well, "" if it is.
func (p *Page) folderReason(f Folder, now time.Time) string {
	if f.Standby != "" {
		return ""
	}
	if !f.Connected {
		if d := now.Sub(f.Since); d > downAfter {
			return strings.TrimSuffix("not connected for "+brief(d)+": "+p.text(f.Err), ": ")
		}
		return ""
	}
	// Connected, and yet nothing gets recorded: a full disk, a database that is down.
	if d := now.Sub(f.ErrSince); f.Err != "" && !f.ErrSince.IsZero() && d > downAfter {
		return "in trouble for " + brief(d) + ": " + p.text(f.Err)
	}
	// A connection that stands while nobody looks: the watcher hangs.
	if f.LookEvery > 0 && !f.Woken.IsZero() {
		if d := now.Sub(f.Woken); d > 3*f.LookEvery+downAfter {
			return "not looked at for " + brief(d)
		}
	}
	return ""
}

// healthz answers 200 if all is well, else 503, with the reasons.
func (p *Page) healthz(w http.ResponseWriter, r *http.Request) {
	h := p.health(p.look(r.Context()))
	w.Header().Set("Content-Type", "application/json")
	if h.Status != "ok" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(h); err != nil && r.Context().Err() == nil {
		p.src.Log.Debug("health not answered", "err", err)
	}
}

const (
	askTimeout = 5 * time.Second
	maxAnswer  = 1 << 20
)

// Ask asks the daemon that listens there how it does, for a container's
// HEALTHCHECK. An error says why it is not well or cannot be asked.
func Ask(ctx context.Context, listen string) (Health, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialable(listen)+"/healthz", nil)
	if err != nil {
		return Health{}, fmt.Errorf("http.listen: %w", err)
	}
	// No proxy: it is on this machine.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return Health{}, fmt.Errorf("no daemon answers at %s: %w", listen, err)
	}
	defer resp.Body.Close()
	var h Health
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&h); err != nil {
		return Health{}, fmt.Errorf("what answers at %s is no ticketbridge (%s)", listen, resp.Status)
	}
	if resp.StatusCode != http.StatusOK || h.Status != "ok" {
		return h, errors.New("unwell: " + strings.Join(h.Reasons, "; "))
	}
	return h, nil
}

// dialable turns an address to listen on into one to connect to.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	switch ip := net.ParseIP(host); {
	case host == "", ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
