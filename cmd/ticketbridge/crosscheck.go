package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

// crosscheck finds what is wrong in a config that was decoded: what is missing,
// what no adapter can see alone, and what would make a loop.
type crosscheck struct {
	*config
	*decoder
	warnings problems
}

func (x *crosscheck) all() {
	x.identity()
	x.mailboxes()
	x.target()
	x.transport()
	x.lookUp()
	x.canary()
	x.store()
	x.http()
	x.log()
	x.outbox()
	x.formats()
	x.noLoop()
}

func (x *crosscheck) warn(key, format string, args ...any) {
	x.warnings = append(x.warnings, x.at(key, fmt.Sprintf(format, args...)))
}

var domainName = regexp.MustCompile(`^(?i:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?i:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)$`)

func (x *crosscheck) domainAt(key, name string) {
	if !domainName.MatchString(name) || len(name) > 253 {
		x.add(key, `want a domain such as "example.com", not %q`, name)
	}
}

func (x *crosscheck) addressAt(key, address string) {
	if _, err := mailparse.StrictAddress(address); err != nil {
		x.add(key, "want one plain address such as \"support@example.com\", not %q: %s", address, err)
	}
}

// identity checks what the whole installation is called.
func (x *crosscheck) identity() {
	if x.StateDir == "" {
		x.add("state_dir", `required, such as "/var/lib/ticketbridge"`)
	} else if info, err := os.Stat(x.StateDir); err == nil && !info.IsDir() {
		x.add("state_dir", "%s is a file; want a directory, or a path where serve can make one", x.StateDir)
	}
	if x.Domain == "" {
		x.add("domain", "required: your own domain; Message-IDs and bounce addresses end in it")
	} else {
		x.domainAt("domain", x.Domain)
	}
	if len(x.OwnDomains) == 0 {
		x.add("own_domains", "required: your company's domains; nobody there is ever taken for a customer")
	}
	for i, d := range x.OwnDomains {
		x.domainAt(fmt.Sprintf("own_domains[%d]", i), d)
	}
	if len(x.Agents) == 0 {
		x.add("agents", "required: the addresses of those who answer chats; they are never customers, and only their forwards are believed")
	}
	for i, a := range x.Agents {
		x.addressAt(fmt.Sprintf("agents[%d]", i), a)
	}
}

var mailboxName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

func (x *crosscheck) mailboxes() {
	if len(x.Mailboxes) == 0 {
		x.add("mailbox", "required: at least one [[mailbox]] to watch")
	}
	names, folders := map[string]int{}, map[string]string{}
	for i, m := range x.Mailboxes {
		key := fmt.Sprintf("mailbox[%d]", i)
		if m.Name != "" && !mailboxName.MatchString(m.Name) {
			x.add(key+".name", "want letters, digits and . _ @ - without blanks, not %q", m.Name)
		}
		if first, twice := names[m.Name]; twice && m.Name != "" {
			x.add(key+".name", "%q is the name of mailbox[%d] too (line %d); names must differ", m.Name, first, lineOf(x.lines, fmt.Sprintf("mailbox[%d].name", first)))
		} else {
			names[m.Name] = i
		}
		x.addAll(key, m.Problems())
		if since, err := time.ParseInLocation(time.DateOnly, m.Start, time.Local); err == nil && since.After(time.Now()) {
			x.add(key+".start", `want a date in the past, not %q: mails that come before it would be left out; want "now" to begin with what comes from now on`, m.Start)
		}
		for _, f := range m.Folders {
			id := strings.ToLower(m.Addr()) + "\x00" + strings.ToLower(m.Username) + "\x00" + f
			if other, twice := folders[id]; twice && m.Host != "" {
				x.add(key+".folders", "folder %s of this login is watched by mailbox %q already", f, other)
			}
			folders[id] = m.Name
		}
	}
}

func (x *crosscheck) store() {
	raw := x.Store.URL.Reveal()
	switch {
	case x.Store.URLFile != "" || x.Store.URLEnv != "":
	case strings.HasPrefix(raw, "sqlite:") && len(raw) > len("sqlite:"):
	case strings.HasPrefix(raw, "postgres://"), strings.HasPrefix(raw, "postgresql://"):
		if _, err := url.Parse(raw); err != nil {
			x.add("store.url", "not a URL") // its error would quote the password
		}
	default:
		x.add("store.url", `want "sqlite:ticketbridge.db" (in state_dir) or "postgres://user@host/database"`)
	}
	if l := x.Store.Lease.D(); l < 2*time.Second || l > 10*time.Minute {
		x.add("store.lease", "want 2s to 10m, not %s", l)
	}
}

// urlPassword reports whether a store's URL holds a password.
func urlPassword(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return false
	}
	_, has := u.User.Password()
	return has
}

func (x *crosscheck) http() {
	x.addAll("http", x.HTTP.Problems())
	if x.HTTP.Open() {
		x.warn("http.listen", `%q: whoever reaches this machine can read the page, for it has no login; want "127.0.0.1:8025", or a proxy or firewall before it`, x.HTTP.Listen)
	}
}

func (x *crosscheck) log() {
	if _, err := logLevel(x.Log.Level); err != nil {
		x.add("log.level", "%s", err)
	}
	if x.Log.Format != "text" && x.Log.Format != "json" {
		x.add("log.format", `want "text" or "json", not %q`, x.Log.Format)
	}
}

func (x *crosscheck) outbox() {
	o := x.Outbox
	if o.RetryFirst.D() <= 0 {
		x.add("outbox.retry_first", `want more than zero, such as "30s"`)
	}
	if o.RetryMost < o.RetryFirst {
		x.add("outbox.retry_most", "want at least retry_first (%s), not %s", written(o.RetryFirst), written(o.RetryMost))
	}
	if o.GiveUp < o.RetryMost {
		x.add("outbox.give_up", "want at least retry_most (%s), not %s", written(o.RetryMost), written(o.GiveUp))
	}
}

const howAuthentic = `want "dkim" (we verify a signature of dkim_domains), "header" (Authentication-Results of the mailbox's own server, see authserv_id) or "none" (whatever looks right is believed: only where nobody outside can mail the mailbox)`

// formats checks that every enabled format exists and says how its mails are
// told from forged ones. There is no default: only the operator knows.
func (x *crosscheck) formats() {
	if len(x.Formats.Enabled) == 0 {
		x.add("formats.enabled", "required: the chat products to read, such as [\"intercom\"]; `ticketbridge formats` lists them")
	}
	ps, err := x.profiles()
	if err != nil {
		for _, err := range unjoin(err) {
			x.profileProblem(err)
		}
	}
	for i, name := range x.Formats.Enabled {
		if slices.Contains(x.Formats.Enabled[:i], name) {
			x.add(fmt.Sprintf("formats.enabled[%d]", i), "%q stands there twice", name)
		}
		if _, set := x.Format[name]; set || slices.ContainsFunc(ps, func(p *mailparse.Profile) bool { return p.Name == name }) {
			x.format(name, x.Format[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(x.Format)) {
		if !slices.Contains(x.Formats.Enabled, name) {
			x.warn("format."+name, "has no effect: %q is not in formats.enabled", name)
		}
	}
	for _, p := range ps {
		x.pins(p)
	}
}

// profileProblem takes over what the profiles found: about a file of
// formats.dir, or a key of this config.
func (x *crosscheck) profileProblem(err error) {
	p, ok := errors.AsType[mailparse.Problem](err)
	switch {
	case !ok:
		x.problems = append(x.problems, x.at("formats.dir", err.Error()))
	case p.File != "":
		x.problems = append(x.problems, problem{file: p.File, line: p.Line, key: p.Key, text: p.Text})
	default:
		x.add(p.Key, "%s", p.Text)
	}
}

// pins says aloud what a profile would believe.
func (x *crosscheck) pins(p *mailparse.Profile) {
	key := "format." + p.Name
	switch {
	case !p.Pinned():
		x.warn(key, "all its mails are parked: anyone can have a workspace at the vendor; say which is yours (%s), or any_workspace = true", strings.Join(pinList(p), ", "))
	case p.AnyWorkspace:
		x.warn(key+".any_workspace", "whoever has a workspace at the vendor can raise tickets in any customer's name")
	}
}

func (x *crosscheck) format(name string, f format) {
	key := "format." + name
	switch f.Authenticate {
	case "dkim", "none":
	case "header":
		for i, m := range x.Mailboxes {
			if m.AuthservID == "" {
				x.add(fmt.Sprintf("mailbox[%d].authserv_id", i), `required, because %s.authenticate = "header": the first word of the Authentication-Results your server writes`, key)
			}
		}
	case "":
		x.add(key+".authenticate", "required: how is a genuine mail told from a forged one? %s", howAuthentic)
	default:
		x.add(key+".authenticate", "%s; not %q", howAuthentic, f.Authenticate)
	}
	if f.Authenticate == "none" {
		x.warn(key+".authenticate", `"none": whoever can send mail to a watched mailbox can raise tickets in any customer's name`)
		if len(f.DKIMDomains) > 0 {
			x.add(key+".dkim_domains", `has no effect with authenticate = "none"; want "dkim" or "header"`)
		}
	}
	for i, d := range f.DKIMDomains {
		x.domainAt(fmt.Sprintf("%s.dkim_domains[%d]", key, i), d)
	}
}

// noLoop refuses a support address that is read by the bridge itself: its own
// ticket messages would come back to it (SENDING §1.8, L1).
func (x *crosscheck) noLoop() {
	support := foldAddress(x.Target.Address)
	if support == "" {
		return
	}
	const would = "%s is %s: ticket messages would come back to the bridge; want an address only the helpdesk reads"
	for i, m := range x.Mailboxes {
		if x.reads(m.Username, support) {
			x.add("target.address", would, x.Target.Address, fmt.Sprintf("the watched mailbox mailbox[%d]", i))
		}
	}
	for i, a := range x.Agents {
		if foldAddress(a) == support {
			x.add("target.address", would, x.Target.Address, fmt.Sprintf("agents[%d]", i))
		}
	}
	for local, is := range map[string]string{"bounce": "where bounces go", "chat": "where customers' aliases are"} {
		if support == local+"@"+strings.ToLower(x.Domain) {
			x.add("target.address", would, x.Target.Address, is)
		}
	}
	if foldAddress(x.Target.CommandFrom) == support {
		x.add("target.command_from", "is target.address; want the address of an agent")
	}
	if x.Target.Sender != "" && foldAddress(x.Target.Sender) == support {
		x.add("target.sender", "is target.address; want an address of the bridge, such as ticketbridge@%s", x.Domain)
	}
}

// reads reports whether a login reads the mailbox of an address. Logins without
// a domain are taken to be of the company's.
func (x *crosscheck) reads(username, address string) bool {
	if strings.Contains(username, "@") {
		return foldAddress(username) == address
	}
	return slices.ContainsFunc(x.ownDomains(), func(d string) bool { return foldAddress(username+"@"+d) == address })
}

// foldAddress makes addresses equal that reach the same mailbox: case, a final
// dot and a +tag do not count, nor does the way an IDN is written. "" if s is
// no address.
func foldAddress(s string) string {
	a, err := mailparse.StrictAddress(strings.TrimSuffix(strings.TrimSpace(s), "."))
	if err != nil {
		return ""
	}
	local, domain, _ := strings.Cut(strings.ToLower(a), "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

// written is a duration the way configs write it: "10d", not "240h0m0s".
func written(d bridge.Duration) string {
	const day = 24 * time.Hour
	if d.D() >= day && d.D()%day == 0 {
		return fmt.Sprintf("%dd", d.D()/day)
	}
	s := d.D().String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// schedule is when refused messages are tried again.
func (o outbox) schedule() bridge.Schedule {
	return bridge.Schedule{First: o.RetryFirst.D(), Most: o.RetryMost.D(), GiveUp: o.GiveUp.D()}
}
