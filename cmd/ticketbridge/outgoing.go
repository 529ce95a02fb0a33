package main

import (
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/httpout"
	"ticketbridge/bridge/imapout"
	"ticketbridge/bridge/smtpout"
)

// transport is the table [transport], of five kinds.
type transport struct {
	smtpout.Config
	Folder string `toml:"folder"` // of kind "imap"
	// Of the kinds "osticket-api" and "rt-rest"; the password is their key.
	URL         string          `toml:"url"`
	Queue       string          `toml:"queue"`
	FollowUp    string          `toml:"follow_up"` // "comment" or "reply"
	HTTPTimeout bridge.Duration `toml:"http_timeout"`
}

func defaultTransport() transport {
	return transport{Config: smtpout.Default(), Folder: "INBOX", FollowUp: "comment", HTTPTimeout: bridge.Duration(5 * time.Minute)}
}

func (t transport) imap() bool { return t.Kind == "imap" }

// api: the helpdesk's own API takes the messages.
func (t transport) api() bool { return t.Kind == httpout.OSTicket || t.Kind == httpout.RT }

// server is what messages are handed to, for people.
func (t transport) server() string {
	if t.api() {
		return t.URL
	}
	return t.Host
}

func (t transport) http() httpout.Config {
	return httpout.Config{
		Kind: t.Kind, URL: t.URL, Token: t.Password, Queue: t.Queue, Reply: t.FollowUp == "reply", CAFile: t.CAFile,
		Timeout: t.HTTPTimeout.D(), Connections: t.Connections,
	}
}

// lookUp is the table [probe]: where and when to look for messages in doubt.
type lookUp struct {
	bridge.Endpoint
	bridge.Credentials
	Folders  []string          `toml:"folders"`
	Timeout  bridge.Duration   `toml:"timeout"`
	After    []bridge.Duration `toml:"after"`
	Complete bool              `toml:"complete"`
}

func defaultLookUp() lookUp {
	return lookUp{
		Endpoint: bridge.Endpoint{TLS: "implicit"}, Folders: []string{"INBOX"}, Timeout: bridge.Duration(5 * time.Minute),
		After: minutes(2, 10, 30),
	}
}

func minutes(ms ...int) []bridge.Duration {
	var ds []bridge.Duration
	for _, m := range ms {
		ds = append(ds, bridge.Duration(time.Duration(m)*time.Minute))
	}
	return ds
}

// canLook: there is a mailbox to look for messages in.
func (c *config) canLook() bool {
	return c.Transport.imap() || c.Transport.Kind == httpout.RT || c.Probe.Host != ""
}

// supportMailbox is what [probe] describes, or [transport] of kind "imap" where
// [probe] names no other.
func (c *config) supportMailbox() imapout.Config {
	m := imapout.Config{
		Endpoint: c.Probe.Endpoint, Credentials: c.Probe.Credentials, Timeout: c.Probe.Timeout.D(),
		Folders: c.Probe.Folders, IdleTimeout: c.Transport.IdleTimeout.D(),
	}
	if c.Transport.imap() && c.Probe.Host == "" {
		m.Endpoint, m.Credentials = c.Transport.Endpoint, c.Transport.Credentials
		m.Folders = c.foldersToLookIn()
	}
	return m
}

// appendTo is [transport] of kind "imap".
func (c *config) appendTo() imapout.Config {
	return imapout.Config{
		Endpoint: c.Transport.Endpoint, Credentials: c.Transport.Credentials, Timeout: c.Probe.Timeout.D(),
		Folder: c.Transport.Folder, Folders: c.foldersToLookIn(), IdleTimeout: c.Transport.IdleTimeout.D(),
	}
}

// foldersToLookIn: where messages are appended, and where [probe] says if it
// means the same mailbox.
func (c *config) foldersToLookIn() []string {
	folders := []string{c.Transport.Folder}
	for _, f := range c.Probe.Folders {
		if c.Probe.Host == "" && !slices.Contains(folders, f) {
			folders = append(folders, f)
		}
	}
	return folders
}

// newTransport is how messages leave.
func (c *config) newTransport() bridge.Transport {
	switch {
	case c.Transport.imap():
		return imapout.New(c.appendTo())
	case c.Transport.api():
		return httpout.New(c.Transport.http())
	}
	return smtpout.New(c.Transport.Config)
}

// prober looks for messages in doubt; nil where there is nowhere to look.
func (c *config) prober() (bridge.Prober, func() error) {
	if !c.canLook() {
		return nil, func() error { return nil }
	}
	if c.Transport.Kind == httpout.RT && c.Probe.Host == "" {
		rt := httpout.NewRT(c.Transport.http())
		return rt, rt.Close
	}
	m := imapout.New(c.supportMailbox())
	return m, m.Close
}

func (l lookUp) probing() bridge.Probing {
	p := bridge.Probing{Complete: l.Complete}
	for _, d := range l.After {
		p.After = append(p.After, d.D())
	}
	return p
}

// transport checks the table, and settles what depends on its kind: messages
// that were appended can be looked for where they went, at once, and nothing
// but their absence is a reason to append them again.
func (x *crosscheck) transport() {
	t := x.Transport
	if !slices.Contains([]string{"smtp", "lmtp", "imap", httpout.OSTicket, httpout.RT}, t.Kind) {
		x.add("transport.kind", `want "smtp", "lmtp", "imap", "osticket-api" or "rt-rest", not %q`, t.Kind)
	}
	if t.api() {
		x.apiTransport()
		return
	}
	if !t.imap() {
		x.addAll("transport", t.Problems())
		return
	}
	if t.Folder == "" {
		x.add("transport.folder", `want the folder that gets the tickets, such as "INBOX"`)
	}
	x.addAll("transport", x.appendTo().Problems())
	if t.Connections < 1 || t.Connections > 50 {
		x.add("transport.connections", "want 1 to 50, not %d", t.Connections)
	}
	for i, m := range x.Mailboxes {
		if strings.EqualFold(m.Host, t.Host) && strings.EqualFold(m.Username, t.Username) && slices.Contains(m.Folders, t.Folder) {
			x.add("transport.folder", "is watched as mailbox[%d]: ticket messages would come back to the bridge; want a folder only the helpdesk reads", i)
		}
	}
	if _, set := x.lines["probe.after"]; !set {
		x.Probe.After = []bridge.Duration{bridge.Duration(10 * time.Second), bridge.Duration(time.Minute), bridge.Duration(5 * time.Minute)}
	}
	if _, set := x.lines["probe.complete"]; !set {
		x.Probe.Complete = true
	}
}

// apiTransport checks the keys of a helpdesk's API. osTicket makes no second
// ticket of a message it has seen, and tells the first one's number again.
func (x *crosscheck) apiTransport() {
	t := x.Transport
	x.addAll("transport", t.http().Problems())
	if t.Password == "" && t.PasswordFile == "" && t.PasswordEnv == "" {
		x.add("transport.password_file", "required: the helpdesk's API key or token (or password_env, password)")
	}
	if t.FollowUp != "comment" && t.FollowUp != "reply" {
		x.add("transport.follow_up", `want "comment" or "reply", not %q`, t.FollowUp)
	}
	if _, set := x.lines["target.on_doubt"]; !set && t.Kind == httpout.OSTicket {
		x.Target.OnDoubt = "resend"
	}
}

// lookUp checks [probe], and makes it the policy where there is a mailbox to
// look in and the config asks for no other.
func (x *crosscheck) lookUp() {
	p := x.Probe
	if _, set := x.lines["target.on_doubt"]; !set && x.canLook() && x.Transport.Kind != httpout.OSTicket {
		x.Target.OnDoubt = "probe"
	}
	if x.Target.OnDoubt == "probe" && !x.canLook() {
		x.add("target.on_doubt", `"probe" needs a mailbox to look in: want [probe] with host, username and password_file of the support mailbox (or transport.kind = "imap")`)
	}
	if p.Host != "" {
		x.addAll("probe", x.supportMailbox().Problems())
	}
	if p.Timeout.D() < time.Second || p.Timeout.D() > 10*time.Minute {
		x.add("probe.timeout", "want 1s to 10m, not %s", written(p.Timeout))
	}
	if len(p.After) == 0 || !slices.IsSorted(p.After) || p.After[0] <= 0 || len(slices.Compact(slices.Clone(p.After))) < len(p.After) {
		x.add("probe.after", `want rising times, such as ["2m", "10m", "30m"]`)
	}
}
