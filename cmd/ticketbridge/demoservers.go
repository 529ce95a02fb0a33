package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/mail"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailHouse is the world around the bridge, on loopback and in memory: an IMAP
// server with the agents' mailboxes and an SMTP server with a little helpdesk
// behind it. Only the demo and tests use it.
type mailHouse struct {
	imapAddr, smtpAddr string
	password           string
	users              map[string]*imapmemserver.User
	desk               *helpdesk
	imap               *imapserver.Server
	smtp               *smtp.Server
	serving            sync.WaitGroup
}

// openMailHouse starts the servers; users log in as user@demoDomain.
func openMailHouse(users ...string) (*mailHouse, error) {
	h := &mailHouse{password: rand.Text(), users: map[string]*imapmemserver.User{}, desk: newHelpdesk()}
	mem := imapmemserver.New()
	for _, name := range users {
		u := imapmemserver.NewUser(name+"@"+demoDomain, h.password)
		if err := u.Create("INBOX", nil); err != nil {
			return nil, fmt.Errorf("make mailbox: %w", err)
		}
		mem.AddUser(u)
		h.users[name] = u
	}
	silent := log.New(io.Discard, "", 0)
	h.imap = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapMove: {}, imap.CapUIDPlus: {}, imap.CapESearch: {}},
		InsecureAuth: true, // loopback only
		Logger:       silent,
	})
	h.smtp = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &deskSession{house: h}, nil
	}))
	h.smtp.Domain, h.smtp.AllowInsecureAuth, h.smtp.ErrorLog = "helpdesk."+demoDomain, true, silent
	imapLn, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	smtpLn, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		imapLn.Close()
		return nil, err
	}
	h.imapAddr, h.smtpAddr = imapLn.Addr().String(), smtpLn.Addr().String()
	h.serving.Go(func() { h.imap.Serve(imapLn) })
	h.serving.Go(func() { h.smtp.Serve(smtpLn) })
	return h, nil
}

// close ends both servers and waits for them.
func (h *mailHouse) close() {
	h.imap.Close()
	h.smtp.Close()
	h.serving.Wait()
}

// deliver puts a mail into a user's INBOX.
func (h *mailHouse) deliver(user string, raw []byte) error {
	_, err := h.users[user].Append("INBOX", bytes.NewReader(raw), &imap.AppendOptions{})
	return err
}

// ticket is what the helpdesk made of the first message of a thread.
type ticket struct {
	number    int
	requester string
	messages  [][]byte
}

// helpdesk raises a ticket for every message that refers to none it knows.
type helpdesk struct {
	arrived chan arrival // one for each message, in order

	mu      sync.Mutex // guards the fields below
	tickets []*ticket
	byID    map[string]*ticket // Message-ID → ticket
}

// arrival is a message that reached the helpdesk.
type arrival struct {
	messageID string
	number    int
	opened    bool // a new ticket
	data      []byte
}

const firstTicket = 101

func newHelpdesk() *helpdesk {
	return &helpdesk{arrived: make(chan arrival, 1000), byID: map[string]*ticket{}}
}

// receive files a message by References, as helpdesks do.
func (d *helpdesk) receive(data []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("not a message: %w", err)
	}
	id := strings.Trim(m.Header.Get("Message-ID"), "<> ")
	d.mu.Lock()
	defer d.mu.Unlock()
	var t *ticket
	for ref := range strings.FieldsSeq(m.Header.Get("References") + " " + m.Header.Get("In-Reply-To")) {
		if known := d.byID[strings.Trim(ref, "<>")]; known != nil {
			t = known
		}
	}
	opened := t == nil
	if opened {
		t = &ticket{number: firstTicket + len(d.tickets), requester: m.Header.Get("From")}
		d.tickets = append(d.tickets, t)
	}
	t.messages = append(t.messages, data)
	d.byID[id] = t
	select {
	case d.arrived <- arrival{id, t.number, opened, data}:
		return nil
	default:
		return errors.New("too many messages nobody looked at")
	}
}

// number returns the ticket a message is in, 0 if it never came.
func (d *helpdesk) number(messageID string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.byID[messageID]; t != nil {
		return t.number
	}
	return 0
}

// deskSession takes messages from whoever knows the password.
type deskSession struct {
	house  *mailHouse
	authed bool
}

func (s *deskSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *deskSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != "bridge" || password != s.house.password {
			return smtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	}), nil
}

func (s *deskSession) Mail(string, *smtp.MailOptions) error {
	if !s.authed {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *deskSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to != "support@"+demoDomain {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	}
	return nil
}

func (s *deskSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return s.house.desk.receive(data)
}

func (s *deskSession) Reset()        {}
func (s *deskSession) Logout() error { return nil }
