package realtest

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // RT's database
)

// RTTicket is a ticket as it stands in RT's database.
type RTTicket struct {
	ID         int
	Subject    string
	Status     string // "new", "open", "resolved" …
	Queue      string
	Requestors []string // addresses
	Messages   []RTMessage
}

// RTMessage is what somebody wrote on a ticket.
type RTMessage struct {
	Type        string // "Create", "Correspond" or "Comment"
	Creator     string // address, or name of who has none
	Subject     string
	MessageID   string // without the angle brackets
	Text        string // of the text parts, each attachment left out
	HTML        string
	Attachments []RTAttachment
}

// RTAttachment is a part of a message that has a file name.
type RTAttachment struct {
	Name, Type string
	Content    []byte
}

// Tickets are all tickets of RT, in the order in which they were made. They come from the database, so
// RT may be stopped.
func (rt *RTServer) Tickets(t testing.TB) []RTTicket {
	t.Helper()
	all, err := rt.tickets()
	if err != nil {
		t.Fatalf("realtest: tickets of %s: %v", rt.name, err)
	}
	return all
}

// WaitTickets waits until there are at least n tickets, and returns all.
func (rt *RTServer) WaitTickets(t testing.TB, n int) []RTTicket {
	t.Helper()
	return rt.WaitUntil(t, fmt.Sprintf("%d tickets", n), func(all []RTTicket) bool { return len(all) >= n })
}

// WaitUntil waits until all tickets together are as wanted, and returns them.
func (rt *RTServer) WaitUntil(t testing.TB, wanted string, are func([]RTTicket) bool) []RTTicket {
	t.Helper()
	deadline := time.After(patience)
	for {
		all := rt.Tickets(t)
		if are(all) {
			return all
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			t.Fatalf("realtest: no %s in %s after %v: %d tickets", wanted, rt.name, patience, len(all))
		}
	}
}

// RTTicketOf is the only ticket whose requestor is address; none or several fail the test.
func RTTicketOf(t testing.TB, all []RTTicket, address string) RTTicket {
	t.Helper()
	var found []RTTicket
	for _, ticket := range all {
		if len(ticket.Requestors) == 1 && strings.EqualFold(ticket.Requestors[0], address) {
			found = append(found, ticket)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d tickets of %s, want 1: %+v", len(found), address, found)
	}
	return found[0]
}

// open opens the database. RT's own connections are safe from ours, as from one another's.
func (rt *RTServer) open() (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: rt.database, RawQuery: url.Values{
		"_pragma": {"busy_timeout(30000)", "journal_mode(wal)"},
	}.Encode()}
	return sql.Open("sqlite", u.String())
}

func (rt *RTServer) tickets() ([]RTTicket, error) {
	db, err := rt.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	// One transaction: what a busy RT adds meanwhile would not fit together.
	tx, err := db.Begin()
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	var all []RTTicket
	at := map[int]int{}
	err = each(tx, `SELECT t.id, t.Subject, t.Status, q.Name FROM Tickets t JOIN Queues q ON q.id = t.Queue
		WHERE t.Type = 'ticket' AND t.EffectiveId = t.id ORDER BY t.id`, func(scan func(...any) error) error {
		var one RTTicket
		err := scan(&one.ID, &one.Subject, &one.Status, &one.Queue)
		at[one.ID] = len(all)
		all = append(all, one)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(tx, `SELECT g.Instance, coalesce(nullif(u.EmailAddress, ''), u.Name) FROM Groups g
		JOIN GroupMembers m ON m.GroupId = g.id JOIN Users u ON u.id = m.MemberId
		WHERE g.Domain = 'RT::Ticket-Role' AND g.Name = 'Requestor' ORDER BY m.id`, func(scan func(...any) error) error {
		var id int
		var who string
		err := scan(&id, &who)
		if i, ok := at[id]; ok {
			all[i].Requestors = append(all[i].Requestors, who)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, messages(tx, all, at)
}

// messages reads what was written on tickets: each transaction's parts, the outermost first.
func messages(tx *sql.Tx, all []RTTicket, at map[int]int) error {
	last := 0 // transaction
	return each(tx, `SELECT x.id, x.ObjectId, x.Type, coalesce(nullif(u.EmailAddress, ''), u.Name), coalesce(a.Subject, ''), coalesce(a.MessageId, ''),
		coalesce(a.Filename, ''), coalesce(a.ContentType, ''), coalesce(a.ContentEncoding, ''), coalesce(a.Content, '')
		FROM Transactions x JOIN Attachments a ON a.TransactionId = x.id JOIN Users u ON u.id = x.Creator
		WHERE x.ObjectType = 'RT::Ticket' AND x.Type IN ('Create', 'Correspond', 'Comment') ORDER BY x.id, a.id`, func(scan func(...any) error) error {
		var transaction, ticket int
		var m RTMessage
		var name, kind, encoding string
		var content []byte
		if err := scan(&transaction, &ticket, &m.Type, &m.Creator, &m.Subject, &m.MessageID, &name, &kind, &encoding, &content); err != nil {
			return err
		}
		i, ok := at[ticket]
		if !ok {
			return nil
		}
		if transaction != last {
			last = transaction
			all[i].Messages = append(all[i].Messages, m)
		}
		content, err := decode(encoding, content)
		all[i].Messages[len(all[i].Messages)-1].add(name, kind, content)
		return err
	})
}

func (m *RTMessage) add(name, kind string, content []byte) {
	switch {
	case name != "":
		m.Attachments = append(m.Attachments, RTAttachment{name, kind, content})
	case kind == "text/plain":
		m.Text += string(content)
	case kind == "text/html":
		m.HTML += string(content)
	}
}

// decode undoes how RT keeps what is no text.
func decode(encoding string, content []byte) ([]byte, error) {
	switch encoding {
	case "base64":
		return io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(content)))
	case "quoted-printable":
		return io.ReadAll(quotedprintable.NewReader(bytes.NewReader(content)))
	}
	return content, nil
}

// each calls f for every row.
func each(tx *sql.Tx, query string, f func(scan func(...any) error) error) error {
	rows, err := tx.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
