package mailparse

import (
	"bytes"
	"io"
	"strings"
)

// message is one decoded mail, outer or attached.
type message struct {
	header      Header
	plain       string       // text/plain body: UTF-8, LF, flowed joined; "" none
	html        string       // text/html body source, UTF-8; "" none
	attachments []Attachment // leaves that are not the body, in order, paths set
	attached    []*message   // message/rfc822 parts and .eml files, decoded the same way, in order
}

// readMessage decodes a mail. It answers for any bytes.
func readMessage(raw []byte, b *budget) *message {
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	m := &message{plain: string(body)}
	for line := range strings.Lines(string(head)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			m.header = append(m.header, Field{name, strings.TrimSpace(value)})
		}
	}
	return m
}

// EachAttachment streams the decoded attachments of a raw mail, in the order
// and with the Path of Mail.Attachments. It stops at fn's first error.
func EachAttachment(raw []byte, fn func(a Attachment, r io.Reader) error) error { return nil }
