package main

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"
	"time"

	"ticketbridge/bridge"
)

// demoFiles are the sample mails, in the shape of Intercom's teammate mails.
// Their dates are filled in, so that "waiting since" makes sense whenever the
// demo runs.
//
//go:embed demo/*.eml
var demoFiles embed.FS

// demoMail is one mail of the story.
type demoMail struct {
	file  string
	to    string // whose mailbox it arrives in
	dkim  string // domain whose signature the mail server found valid; "": none
	story string // what happens in the world
}

const (
	workspaceHost = "acme-0123456789ab.intercom-mail.com"
	demoDomain    = "example.com"
)

var demoStory = []demoMail{
	{"01-new-chat.eml", "ann", workspaceHost, "Ada asks in the chat; nobody is online, so the chat is mailed to the agents."},
	{"02-copy-for-ben.eml", "ben", workspaceHost, "The same chat, mailed to a second agent: other pixels, other Message-ID."},
	{"03-follow-up.eml", "ann", workspaceHost, "Ada writes on. The mail holds only what is new."},
	{"04-no-address.eml", "ann", workspaceHost, "Lea asks too, but left no address."},
	{"05-typed-address.eml", "ben", workspaceHost, "Mal types somebody else's address into the chat, just as the mail prints it."},
	{"06-forged-mail.eml", "ann", "", "A stranger mails what looks exactly like a chat, in Victor's name."},
	{"07-forward.eml", "ann", demoDomain, "Ben forwards a chat he missed, from Outlook."},
	{"08-newsletter.eml", "ben", "news.example.net", "A newsletter."},
}

// render fills in the dates and puts on top what the receiving mail server
// says of the mail's signature (RFC 8601).
func (m demoMail) render(now time.Time) ([]byte, error) {
	text, err := demoFiles.ReadFile("demo/" + m.file)
	if err != nil {
		return nil, fmt.Errorf("sample mail: %w", err)
	}
	ago := func(layout string) func(string) (string, error) {
		return func(s string) (string, error) {
			var d bridge.Duration
			err := d.UnmarshalText([]byte(s))
			return now.Add(-d.D()).Format(layout), err
		}
	}
	t, err := template.New(m.file).Funcs(template.FuncMap{
		"date": ago("Mon, 02 Jan 2006 15:04:05 -0700"),
		"chat": ago("2 Jan,  3:04pm"),
		"sent": ago("Monday, January 2, 2006 3:04 PM"),
	}).Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("sample mail: %w", err)
	}
	var buf bytes.Buffer
	result := "dkim=none"
	if m.dkim != "" {
		result = "dkim=pass header.d=" + m.dkim
	}
	fmt.Fprintf(&buf, "Authentication-Results: mx.%s; %s\n", demoDomain, result)
	if err := t.Execute(&buf, nil); err != nil {
		return nil, fmt.Errorf("sample mail: %w", err)
	}
	return bytes.ReplaceAll(buf.Bytes(), []byte("\n"), []byte("\r\n")), nil
}
