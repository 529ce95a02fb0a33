package httpout

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"ticketbridge/bridge"
)

// RTTransport is a bridge.Transport and a bridge.Prober over the REST 2 of
// Request Tracker 5.
type RTTransport struct{ client }

var (
	_ Transport     = (*RTTransport)(nil)
	_ bridge.Prober = (*RTTransport)(nil)
)

// NewRT returns the transport for a config without problems.
func NewRT(cfg Config) *RTTransport { return &RTTransport{newClient(cfg, "Authorization", "token ")} }

// created is the answer to a new ticket.
type created struct {
	ID json.Number `json:"id"` // a string or a number
}

// mid is our Message-ID as a URI (RFC 2392); RT keeps it as a link of the ticket.
func mid(messageID string) string { return "mid:" + url.PathEscape(messageID) }

// Send makes one attempt; see bridge.Transport.
func (t *RTTransport) Send(ctx context.Context, d bridge.Delivery) bridge.Result {
	m, err := read(d.Data)
	if err != nil {
		return bridge.Result{Outcome: bridge.Permanent, Stage: atBody, Reply: printable("read the message: " + err.Error())}
	}
	if d.Action != bridge.Append {
		return t.create(ctx, d, m)
	}
	ticket := d.Ticket
	if ticket == "" && len(m.references) > 0 { // its number may never have come back
		seen, err := t.Probe(ctx, m.references[0])
		if err != nil {
			return bridge.Result{Outcome: bridge.Temporary, Stage: atBody, Reply: printable("look the ticket up: " + err.Error())}
		}
		ticket = seen.Ticket
	}
	if _, err := strconv.ParseUint(ticket, 10, 63); err != nil {
		// It never opens a ticket of its own; `ticketbridge link` may yet tell the number.
		return bridge.Result{Outcome: bridge.Temporary, Stage: atBody, Reply: printable(fmt.Sprintf("which ticket it belongs to is not known (%q is no number of RT's)", ticket))}
	}
	return t.followUp(ctx, ticket, m)
}

func (t *RTTransport) create(ctx context.Context, d bridge.Delivery, m message) bridge.Result {
	body := map[string]string{
		"Queue": t.cfg.Queue, "Requestor": m.customer, "Subject": m.subject,
		"Content": m.text, "ContentType": "text/plain", "RefersTo": mid(d.MessageID),
	}
	a := t.post(ctx, "/REST/2.0/ticket", body, m.files)
	r := a.result(t.cfg.base())
	if a.err != nil || a.status != http.StatusCreated {
		return r
	}
	r.Outcome, r.Broken = bridge.Accepted, false
	var c created
	if json.Unmarshal(a.body, &c) == nil {
		r.Ticket, r.TicketURL = c.ID.String(), t.page(c.ID.String())
	}
	return r
}

// page is where people see a ticket.
func (t *RTTransport) page(ticket string) string {
	if ticket == "" {
		return ""
	}
	return t.cfg.base() + "/Ticket/Display.html?id=" + url.QueryEscape(ticket)
}

// followUp adds to a ticket. RT mails replies to the requestor, even those made
// in his name; a comment he does not get, but it opens no resolved ticket again,
// which a mail of his would do.
func (t *RTTransport) followUp(ctx context.Context, ticket string, m message) bridge.Result {
	path := "/REST/2.0/ticket/" + ticket
	a := t.do(ctx, http.MethodGet, path, "", nil)
	var is struct{ Status string }
	if err := a.check(t.cfg.base()); err != nil || json.Unmarshal(a.body, &is) != nil {
		r := a.result(t.cfg.base())
		switch r.Outcome {
		case bridge.InDoubt: // a question that changes nothing
			r.Outcome = bridge.Temporary
		case bridge.Temporary:
			if a.status == http.StatusNotFound { // the ticket's, not the url's
				r = bridge.Result{Outcome: bridge.Permanent, Stage: atReply, Code: r.Code, Reply: "RT has no ticket " + ticket}
			}
		}
		return r
	}
	body := map[string]string{"Subject": m.subject, "Content": m.text, "ContentType": "text/plain"}
	if is.Status == "resolved" || is.Status == "rejected" {
		body["Status"] = "open"
	}
	how := "/comment"
	if t.cfg.Reply {
		how = "/correspond"
	}
	a = t.post(ctx, path+how, body, m.files)
	r := a.result(t.cfg.base())
	if a.err == nil && a.status == http.StatusCreated {
		r.Outcome, r.Broken = bridge.Accepted, false
		r.Ticket, r.TicketURL = ticket, t.page(ticket)
	}
	return r
}

// post sends fields, and with them the message's files as a form does: in JSON, RT
// 5.0.3 would spoil their names beyond ASCII.
func (t *RTTransport) post(ctx context.Context, path string, fields map[string]string, files []file) answer {
	text, err := json.Marshal(fields)
	if err != nil {
		return answer{stage: atBody, err: err}
	}
	if len(files) == 0 {
		return t.do(ctx, http.MethodPost, path, "application/json", text)
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	// Nothing here fails: the buffer takes everything.
	form.WriteField("JSON", string(text))
	for _, f := range files {
		part, _ := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name="Attachments"; filename="%s"`, plain.Replace(f.name))},
			"Content-Type":        {f.kind},
		})
		if part.Write(f.content); len(f.content) == 0 {
			part.Write([]byte("\n")) // RT takes no empty file, and the message not because of it
		}
	}
	form.Close()
	return t.do(ctx, http.MethodPost, path, form.FormDataContentType(), b.Bytes())
}

// plain leaves out of a file's name what would end it in a form.
var plain = strings.NewReplacer("\"", "'", "\\", "_", "\r", " ", "\n", " ")

// Probe looks for the ticket that refers to a Message-ID; see bridge.Prober.
// Follow-ups leave no such link and are never found.
func (t *RTTransport) Probe(ctx context.Context, messageID string) (bridge.Sighting, error) {
	where := "tickets of " + t.cfg.base() + " that refer to the message (follow-ups do not)"
	query := url.Values{"query": {"RefersTo = '" + mid(messageID) + "'"}}.Encode()
	a := t.do(ctx, http.MethodGet, "/REST/2.0/tickets?"+query, "", nil)
	if err := a.check(t.cfg.base()); err != nil {
		return bridge.Sighting{}, err
	}
	var list struct {
		Count int       `json:"count"`
		Items []created `json:"items"`
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		return bridge.Sighting{}, fmt.Errorf("%s: no list of tickets: %w", t.cfg.base(), err)
	}
	if len(list.Items) == 0 {
		return bridge.Sighting{Where: where, OpenersOnly: true}, nil
	}
	ticket := list.Items[0].ID.String()
	return bridge.Sighting{Found: true, Where: "ticket " + ticket + " refers to it", Ticket: ticket, TicketURL: t.page(ticket)}, nil
}

// Check asks RT for the queue.
func (t *RTTransport) Check(ctx context.Context) error {
	a := t.do(ctx, http.MethodGet, "/REST/2.0/queue/"+url.PathEscape(t.cfg.Queue), "", nil)
	if a.err == nil && a.status == http.StatusNotFound {
		return fmt.Errorf("%s: RT shows this key no queue %q", t.cfg.base(), t.cfg.Queue)
	}
	return a.check(t.cfg.base())
}

// Close implements bridge.Transport; no connection outlives its request.
func (t *RTTransport) Close() error { return nil }
