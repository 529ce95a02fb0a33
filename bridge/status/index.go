package status

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ticketbridge/bridge"
)

//go:embed index.html
var indexHTML string

//go:embed index.css
var indexCSS string

var indexTemplate = template.Must(template.New("index").Parse(indexHTML))

// styleHash lets the page's own style through the Content-Security-Policy.
var styleHash = func() string {
	sum := sha256.Sum256([]byte(indexCSS))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// How many rows the lists have.
const (
	newestMails = 50
	rowsOfState = 20
)

// indexData is what the template shows; everything in it is text that is fit to
// be shown.
type indexData struct {
	CSS       template.CSS
	Health    Health
	Now       string
	Details   bool
	Folders   []folderRow
	Counts    []count
	Attention []attentionRow
	Outbox    []deliveryRow
	Mails     []mailRow
	Errors    []string // lists that could not be read
}

type folderRow struct{ Name, State, Since, Looked, Behind, Note string }

type count struct {
	What, State string
	N           int64
}

// attentionRow is a thing that waits for a person, with the command to look at it.
type attentionRow struct{ ID, State, Since, What, Why, Command string }

type deliveryRow struct {
	ID, Conversation, Action, State, Created, Next, Detail string
	Attempts                                               int
}

type mailRow struct {
	ID, Received, Mailbox, State, Reason, Format, Conversation, From, Subject string
}

// index renders the page. It is built whole before the first byte goes out.
func (p *Page) index(w http.ResponseWriter, r *http.Request) {
	if !p.cfg.allows(r.Host) {
		http.Error(w, "this page does not answer to that host name; name it in hosts of [http]", http.StatusForbidden)
		return
	}
	v := p.look(r.Context())
	data := p.indexData(r.Context(), v)
	var b bytes.Buffer
	if err := indexTemplate.Execute(&b, data); err != nil {
		p.src.Log.Error("status page not rendered", "err", err)
		http.Error(w, "the page cannot be rendered; see the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
}

func (p *Page) indexData(ctx context.Context, v view) indexData {
	d := indexData{
		CSS:     template.CSS(indexCSS),
		Health:  p.health(v),
		Now:     v.now.Format(time.DateTime),
		Details: p.cfg.Details,
	}
	for _, f := range v.folders {
		d.Folders = append(d.Folders, p.folderRow(f, v.now))
	}
	if v.storeErr != nil {
		return d // the reasons say so
	}
	for _, st := range bridge.MailStates {
		d.Counts = append(d.Counts, count{"mails", string(st), v.counts.Mails[st]})
	}
	for _, st := range bridge.DeliveryStates {
		d.Counts = append(d.Counts, count{"deliveries", string(st), v.counts.Deliveries[st]})
	}
	d.Counts = append(d.Counts, count{"conversations", "known", v.counts.Conversations})
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for _, err := range p.lists(ctx, &d, v.now) {
		d.Errors = append(d.Errors, p.text(err.Error()))
	}
	return d
}

// lists reads what the tables show.
func (p *Page) lists(ctx context.Context, d *indexData, now time.Time) []error {
	var errs []error
	parked, err := p.src.Store.Mails(ctx, bridge.Filter{State: string(bridge.MailParked), Limit: rowsOfState})
	errs = append(errs, err)
	for _, m := range parked {
		d.Attention = append(d.Attention, attentionRow{bridge.MailID(m.ID), string(m.State), ago(m.Recorded, now),
			p.text(cmp.Or(m.Customer, m.FromAddress)), p.text(m.Reason), "ticketbridge show " + bridge.MailID(m.ID)})
	}
	for _, st := range []bridge.DeliveryState{bridge.Doubt, bridge.Held, bridge.Dead, bridge.Bounced} {
		ds, err := p.src.Store.Deliveries(ctx, bridge.Filter{State: string(st), Limit: rowsOfState})
		errs = append(errs, err)
		for _, x := range ds {
			d.Attention = append(d.Attention, attentionRow{bridge.DeliveryID(x.ID), string(x.State), ago(cmp.Or(x.Settled, x.Created), now),
				bridge.ConversationID(x.Conversation), p.text(x.Detail), "ticketbridge show " + bridge.DeliveryID(x.ID)})
		}
	}
	for _, st := range []bridge.DeliveryState{bridge.Sending, bridge.Ready, bridge.Retry} {
		ds, err := p.src.Store.Deliveries(ctx, bridge.Filter{State: string(st), Limit: rowsOfState})
		errs = append(errs, err)
		for _, x := range ds {
			d.Outbox = append(d.Outbox, p.deliveryRow(x, now))
		}
	}
	mails, err := p.src.Store.Mails(ctx, bridge.Filter{Limit: newestMails})
	errs = append(errs, err)
	for _, m := range mails {
		d.Mails = append(d.Mails, p.mailRow(m, now))
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func (p *Page) folderRow(f Folder, now time.Time) folderRow {
	row := folderRow{Name: f.name(), Since: ago(f.Since, now), Looked: ago(f.Woken, now)}
	switch {
	case f.Standby != "":
		row.State = "stands by"
	case f.Connected && f.Idle:
		row.State = "idles"
	case f.Connected:
		row.State = "polls"
	default:
		row.State = "not connected"
	}
	if f.Behind > 0 {
		row.Behind = strconv.FormatInt(f.Behind, 10)
	}
	var notes []string
	if f.Standby != "" {
		notes = append(notes, p.text(f.Standby))
	}
	if f.Err != "" {
		notes = append(notes, p.text(f.Err))
	}
	if !f.RetryAt.IsZero() {
		notes = append(notes, "tries again "+ago(f.RetryAt, now))
	}
	if f.OnDoneErr != "" {
		notes = append(notes, "on_done: "+p.text(f.OnDoneErr))
	}
	row.Note = strings.Join(notes, "; ")
	return row
}

func (p *Page) deliveryRow(d bridge.Delivery, now time.Time) deliveryRow {
	return deliveryRow{
		ID:           bridge.DeliveryID(d.ID),
		Conversation: bridge.ConversationID(d.Conversation),
		Action:       printable(string(d.Action)),
		State:        string(d.State),
		Created:      ago(d.Created, now),
		Next:         ago(d.Next, now),
		Detail:       p.text(cmp.Or(d.Waiting(), d.Detail)),
		Attempts:     d.Attempts,
	}
}

func (p *Page) mailRow(m bridge.MailRecord, now time.Time) mailRow {
	row := mailRow{
		ID:           bridge.MailID(m.ID),
		Received:     ago(m.Received, now),
		Mailbox:      printable(m.Mailbox + "/" + m.Folder),
		State:        string(m.State),
		Reason:       p.text(m.Reason),
		Format:       printable(strings.TrimSuffix(m.Format+"/"+m.Kind, "/")),
		Conversation: bridge.ConversationID(m.Conversation),
		From:         p.text(cmp.Or(m.Customer, m.FromAddress)),
	}
	if p.cfg.Details {
		row.Subject = p.text(m.Subject)
	}
	return row
}
