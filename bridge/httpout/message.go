package httpout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-message/mail"
)

// message is what RT's REST 2 wants to know of one of our own messages.
type message struct {
	customer   string // the address in Reply-To, else in From
	subject    string
	text       string
	references []string // Message-IDs, the ticket's first message first
	files      []file
}

type file struct {
	name, kind string
	content    []byte
}

// read takes one of our own messages apart; what compose.go writes is all it
// has to understand. The text stands in for its HTML twin.
func read(data []byte) (message, error) {
	r, err := mail.CreateReader(bytes.NewReader(data))
	if err != nil {
		return message{}, err
	}
	defer r.Close()
	var m message
	if m.customer, err = customer(r.Header); err != nil {
		return m, err
	}
	if m.subject, err = r.Header.Subject(); err != nil {
		return m, fmt.Errorf("subject: %w", err)
	}
	if m.references, err = r.Header.MsgIDList("References"); err != nil {
		return m, fmt.Errorf("references: %w", err)
	}
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		if err := m.add(p); err != nil {
			return m, err
		}
	}
}

func (m *message) add(p *mail.Part) error {
	content, err := io.ReadAll(p.Body)
	if err != nil {
		return err
	}
	var name, kind string
	switch h := p.Header.(type) {
	case *mail.AttachmentHeader:
		name, _ = h.Filename() // "" gets a name below
		kind, _, _ = h.ContentType()
	case *mail.InlineHeader:
		var params map[string]string
		kind, params, _ = h.ContentType()
		switch {
		case kind == "text/plain" && m.text == "":
			m.text = strings.ReplaceAll(string(content), "\r\n", "\n")
			return nil
		case kind == "text/html":
			return nil
		}
		_, disposition, _ := h.ContentDisposition()
		name = disposition["filename"]
		if name == "" {
			name = params["name"]
		}
	}
	if name == "" {
		name = fmt.Sprintf("file-%d", len(m.files)+1)
	}
	m.files = append(m.files, file{name, kind, content})
	return nil
}

func customer(h mail.Header) (string, error) {
	for _, field := range []string{"Reply-To", "From"} {
		as, err := h.AddressList(field)
		if err != nil {
			return "", fmt.Errorf("%s: %w", field, err)
		}
		if len(as) > 0 {
			return as[0].Address, nil
		}
	}
	return "", errors.New("no customer: neither Reply-To nor From")
}
