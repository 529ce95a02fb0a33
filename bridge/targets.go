package bridge

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Helpdesk is what is known of one kind of helpdesk: data, one file of targets/
// each, any field of which the config may override. What no field says holds for
// all of them and stands in the code. The zero value knows nothing and breaks
// nothing.
type Helpdesk struct {
	Name  string `toml:"name"`
	Title string `toml:"title"`
	// Requester names the fields the helpdesk looks for the requester in, in its order.
	Requester  []string    `toml:"requester"`
	Identities []string    `toml:"identities"` // allowed ones, best first
	Command    Command     `toml:"command"`
	FollowUps  FollowUps   `toml:"follow_up"`
	Answers    Answers     `toml:"ack"`
	Resend     string      `toml:"resend"`         // what the same Message-ID does the second time
	Forbid     []string    `toml:"forbid_headers"` // fields of ours it must not get; "X-Bridge-*" names several
	Neutralise Neutraliser `toml:"neutralise"`
	Limits     Limits      `toml:"limits"`
	Ignore     []string    `toml:"ignore"`     // fields by which it drops a mail: of canaries
	Unverified []string    `toml:"unverified"` // what nobody has tried; said by `ticketbridge targets`
	Evidence   []Grounds   `toml:"evidence"`
}

// Command is how an agent's mail names the customer, in the command identity.
// {customer} stands for the address.
type Command struct {
	Lines   []string `toml:"lines"`   // above a plain text
	Headers []string `toml:"headers"` // "Name: value"; on trusted channels only
}

// FollowUps is how a second message gets into the first one's ticket.
type FollowUps struct {
	By          []string `toml:"by"`
	Tag         string   `toml:"tag"` // "[{site} #{ticket}]", in front of the Subject
	NeedsTicket bool     `toml:"needs_ticket"`
}

// Answers is how the helpdesk's acknowledgement is known. Patterns have one
// group, the ticket's number.
type Answers struct {
	None      bool      `toml:"none"`     // it sends none
	Header    []string  `toml:"header"`   // fields that hold the number
	OurID     []string  `toml:"our_id"`   // fields that name our Message-ID
	Subject   []Pattern `toml:"subject"`  //
	Body      []Pattern `toml:"body"`     //
	ReplyTo   []Pattern `toml:"reply_to"` // looked for in Reply-To
	Resolved  []Pattern `toml:"resolved"` // looked for in the Subject: the ticket is solved
	RefInBody bool      `toml:"ref_in_body"`
	From      []string  `toml:"from"` // addresses, or "@domain", the helpdesk writes from
}

// Limits is what the helpdesk takes; 0 where there is no limit, or none known.
// Only Size is enforced; the rates are told to the admin.
type Limits struct {
	Size      Size `toml:"size"`
	Cc        int  `toml:"cc"`
	PerSender int  `toml:"per_sender"` // tickets an hour in one sender's name
	PerHour   int  `toml:"per_hour"`   // tickets an hour in all
}

// Grounds says what a part of a profile rests on. Grades are those of formats:
// A its source was read or it was tried, B its vendor documents it, C a third
// party tells, D weak.
type Grounds struct {
	Aspect string `toml:"aspect"`
	Grade  string `toml:"grade"`
	Date   string `toml:"date"`
	Source string `toml:"source"`
}

// The identities: who a ticket message is from.
const (
	AsCustomer   = "as-customer" // the customer, in From
	ReplyToAlias = "reply-to"    // an alias of ours, the same for one customer always; the customer in Reply-To
	AsCommand    = "command"     // an agent of the helpdesk, whose mail names the customer
	AutoIdentity = "auto"        // chosen for each conversation (identity.go); no conversation's
)

//go:embed targets/*.toml
var targetFiles embed.FS

// Helpdesks returns the built-in profiles in alphabetical order.
func Helpdesks() ([]Helpdesk, error) {
	files, err := fs.Glob(targetFiles, "targets/*.toml")
	if err != nil {
		return nil, err
	}
	var known []Helpdesk
	for _, file := range files {
		data, err := targetFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		h, err := readHelpdesk(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		known = append(known, h)
	}
	return known, nil
}

// readHelpdesk is strict: a key nobody knows is an error.
func readHelpdesk(data []byte) (Helpdesk, error) {
	var h Helpdesk
	md, err := toml.Decode(string(data), &h)
	if err != nil {
		return h, err
	}
	errs := h.Problems()
	for _, key := range md.Undecoded() {
		errs = append(errs, fmt.Errorf("%s: unknown key", key))
	}
	return h, errors.Join(errs...)
}

// HelpdeskNames lists the built-in profiles' names.
func HelpdeskNames() []string {
	entries, _ := targetFiles.ReadDir("targets") // embedded: it is there
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}

// HelpdeskNamed returns a built-in profile.
func HelpdeskNamed(name string) (Helpdesk, error) {
	data, err := targetFiles.ReadFile("targets/" + name + ".toml")
	if err != nil {
		return Helpdesk{}, fmt.Errorf("want one of %s; not %q", strings.Join(HelpdeskNames(), ", "), name)
	}
	return readHelpdesk(data)
}

// words lists what the fields made of fixed words may hold.
var words = map[string][]string{
	"requester":    {"reply-to", "from", "sender"},
	"identities":   {AsCustomer, ReplyToAlias, AsCommand},
	"follow_up.by": {"references", "references+same-subject", "subject-tag", "external-id"},
	"resend":       {"ignored", "follow-up", "second-ticket", "second-copy", "unknown"},
	"grade":        {"A", "B", "C", "D"},
}

var (
	fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*\*?$`)
	fieldLine = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*: [ -~]+$`)
	// needed are the fields no message goes without.
	needed = []string{"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "x-bridge-id"}
)

// Problems checks a profile, built in or overridden; each error reads "key: what".
func (h Helpdesk) Problems() (errs []error) {
	add := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf(key+": "+format, args...))
	}
	oneOf := func(key string, values ...string) {
		for _, v := range values {
			if !slices.Contains(words[key], v) {
				add(key, "want one of %s; not %q", strings.Join(words[key], ", "), v)
			}
		}
	}
	if h.Name == "" || h.Title == "" {
		add("name", "required, and so is title")
	}
	for _, key := range []string{"requester", "identities"} {
		values := map[string][]string{"requester": h.Requester, "identities": h.Identities}[key]
		oneOf(key, values...)
		if len(values) == 0 {
			add(key, "want at least one of %s", strings.Join(words[key], ", "))
		}
	}
	oneOf("follow_up.by", h.FollowUps.By...)
	oneOf("resend", h.Resend)
	for _, g := range h.Evidence {
		oneOf("grade", g.Grade)
		if g.Aspect == "" || g.Date == "" || g.Source == "" {
			add("evidence", "want aspect, grade, date and source in each")
		}
	}
	h.checkSending(add)
	h.Answers.check(add)
	h.Neutralise.check(add)
	return errs
}

// checkSending checks what goes onto the wire.
func (h Helpdesk) checkSending(add func(key, format string, args ...any)) {
	if slices.Contains(h.FollowUps.By, "subject-tag") != (h.FollowUps.Tag != "") {
		add("follow_up.tag", `goes with "subject-tag" in follow_up.by: want both or neither`)
	}
	if tag := h.FollowUps.Tag; tag != "" && (!strings.Contains(tag, "{ticket}") || printable(tag) != tag || len(tag) > 60) {
		add("follow_up.tag", `want a short text with {ticket} in it, such as "[#{ticket}]"; not %q`, tag)
	}
	named := false
	for i, line := range h.Command.Lines {
		named = named || strings.Contains(line, "{customer}")
		if printable(line) != line || line == "" {
			add(fmt.Sprintf("command.lines[%d]", i), "want one line of text, not %q", line)
		}
	}
	for i, field := range h.Command.Headers {
		named = named || strings.Contains(field, "{customer}")
		if !fieldLine.MatchString(field) {
			add(fmt.Sprintf("command.headers[%d]", i), `want "Name: value", not %q`, field)
		}
	}
	if slices.Contains(h.Identities, AsCommand) && !named {
		add("command", `required with the identity "command": lines or headers with {customer} in one of them`)
	}
	for i, field := range h.Ignore {
		if !fieldLine.MatchString(field) {
			add(fmt.Sprintf("ignore[%d]", i), `want "Name: value", not %q`, field)
		}
	}
	for i, name := range h.Forbid {
		if !fieldName.MatchString(name) || slices.Contains(needed, strings.ToLower(name)) {
			add(fmt.Sprintf("forbid_headers[%d]", i), "want the name of a field a message can go without, not %q", name)
		}
	}
	if h.Limits.Cc < 0 || h.Limits.PerSender < 0 || h.Limits.PerHour < 0 {
		add("limits", "want no number below 0; 0 is no limit")
	}
}

func (a Answers) check(add func(key, format string, args ...any)) {
	for key, patterns := range map[string][]Pattern{"ack.subject": a.Subject, "ack.body": a.Body, "ack.reply_to": a.ReplyTo} {
		for i, p := range patterns {
			if p.re.NumSubexp() != 1 {
				add(fmt.Sprintf("%s[%d]", key, i), "want one group, the ticket's number: %s", p)
			}
		}
	}
	for key, names := range map[string][]string{"ack.header": a.Header, "ack.our_id": a.OurID} {
		for i, name := range names {
			if !fieldName.MatchString(name) {
				add(fmt.Sprintf("%s[%d]", key, i), "want a field's name, not %q", name)
			}
		}
	}
	for i, from := range a.From {
		if !strings.Contains(from, "@") {
			add(fmt.Sprintf("ack.from[%d]", i), `want an address or "@domain", not %q`, from)
		}
	}
}

// allows reports whether messages may go out under the identity.
func (h Helpdesk) allows(identity string) bool {
	return len(h.Identities) == 0 || slices.Contains(h.Identities, identity)
}

// honoursReplyTo reports whether Reply-To alone makes somebody the requester.
func (h Helpdesk) honoursReplyTo() bool {
	return len(h.Requester) > 0 && h.Requester[0] == "reply-to"
}

// forbids reports whether the helpdesk must not get the field.
func (h Helpdesk) forbids(field string) bool {
	return slices.ContainsFunc(h.Forbid, func(name string) bool {
		prefix, many := strings.CutSuffix(name, "*")
		return strings.EqualFold(name, field) || many && len(field) >= len(prefix) && strings.EqualFold(prefix, field[:len(prefix)])
	})
}
