package mailparse

import (
	"slices"
	"strings"
)

// findConversation reads id, link and workspace. Links are looked for outside
// what people said: a visitor can paste the link of another's conversation.
func (r *reader) findConversation() {
	c := &r.t.Conversation
	rules := &r.p.conversation
	app, region := r.conversationLink()
	if c.ID == "" {
		c.ID = r.conversationFallback(rules)
	}
	c.Workspace = firstText(tidyName(r.subjectGroup("workspace")), app, r.workspaceHost())
	r.app = app
	if c.ID == "" {
		return
	}
	key := []string{r.p.Name}
	for _, part := range rules.key {
		v := ""
		switch name, pin := strings.CutPrefix(part, "pin:"); {
		case pin:
			v = firstText(r.p.pin(name), r.seen(name), r.seen("workspace_host"))
		case part == "id":
			v = c.ID
		case part == "app":
			v = app
		case part == "region":
			v = firstText(region, "us")
		}
		if v == "" {
			return // half a key would join strangers' conversations
		}
		key = append(key, strings.ToLower(v))
	}
	if len(key) > 1 {
		c.Key = strings.Join(key, "/")
	}
}

func firstText(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}

// conversationLink sets id and link. Two different conversations in one mail
// are none of them.
func (r *reader) conversationLink() (app, region string) {
	c := &r.t.Conversation
	links := r.outsideLinks()
	if r.p.conversation.lastLink {
		slices.Reverse(links)
	}
	for _, l := range links {
		if len(l) > maxLink {
			continue
		}
		for _, p := range r.p.conversation.link {
			g := p.groups(l)
			if g == nil {
				continue
			}
			id := p.group(g, "id")
			if c.ID != "" && r.p.conversation.lastLink {
				break
			}
			if c.ID != "" && (c.ID != id || app != p.group(g, "app")) {
				r.park("links of two conversations in it: " + printable(c.Link) + " and " + printable(g[0]))
				return app, region
			}
			c.ID, c.Link = id, g[0]
			app, region = p.group(g, "app"), p.group(g, "region")
			break
		}
	}
	return app, region
}

// maxLink: no conversation's link is longer, and the patterns for it are not
// anchored at its end.
const maxLink = 2000

// outsideLinks are the targets of links outside message bodies, in order.
func (r *reader) outsideLinks() []string {
	if len(r.p.conversation.link) == 0 {
		return nil
	}
	var ls []string
	if !r.m.body.empty() && (r.m.structured || r.p.html == nil || strings.TrimSpace(r.m.plain) == "") {
		nodes := r.m.doc.nodes
		for i := r.m.body.from; i < r.m.body.to; i++ {
			if r.m.structured && r.p.html != nil && r.p.html.body.name != "" && nodes[i].tag != "" && nodes[i].is(r.p.html.body) {
				i = nodes[i].end - 1
				continue
			}
			if href := nodes[i].attr("href"); href != "" {
				ls = append(ls, decodeLink(href))
			}
		}
	}
	if r.m.structured {
		return ls
	}
	if len(ls) > 0 && len(r.said) > 0 && !r.p.conversation.lastLink {
		ls = nil // the HTML does not show what was said; the text does
	}
	r.m.bodyLines()
	for i, line := range r.m.rawLines {
		if !r.wasSaid(i) {
			for _, u := range urlsIn(line) {
				ls = append(ls, decodeLink(u))
			}
		}
	}
	return ls
}

// wasSaid: somebody said the text's line i; the product did not write it.
func (r *reader) wasSaid(i int) bool { return i < len(r.said) && r.said[i] }

// urlsIn returns the http links in a line.
func urlsIn(line string) []string {
	var us []string
	for {
		i := strings.Index(line, "http")
		if i < 0 {
			return us
		}
		line = line[i:]
		end := strings.IndexAny(line, " \t<>\"'()[]|")
		if end < 0 {
			end = len(line)
		}
		if strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://") {
			us = append(us, line[:end])
		}
		if end == 0 {
			end = 4
		}
		line = line[min(max(end, 4), len(line)):]
	}
}

// conversationFallback looks for an id where no link tells it.
func (r *reader) conversationFallback(rules *conversationRules) string {
	try := func(p *pattern, s string) string {
		return p.group(p.groups(head(s, maxLine)), "id")
	}
	for _, p := range rules.subject {
		if id := try(p, r.m.subject); id != "" {
			return id
		}
	}
	for _, h := range rules.header {
		for _, v := range r.m.header.Values(h.name) {
			if id := try(h.re, decodeHeader(v)); id != "" {
				return id
			}
		}
	}
	for _, p := range rules.messageID {
		if id := try(p, r.m.header.Get("Message-ID")); id != "" {
			return id
		}
	}
	if len(rules.line) == 0 || r.m.structured {
		return ""
	}
	for i, line := range r.m.bodyLines() {
		if r.wasSaid(i) {
			continue
		}
		for _, p := range rules.line {
			if id := try(p, line); id != "" {
				return id
			}
		}
	}
	return ""
}

// subjectGroup returns a named group of the first Subject pattern that fits:
// of the kind, else of any kind.
func (r *reader) subjectGroup(name string) string {
	for _, list := range [][]condition{r.k.when.all, r.k.when.any} {
		for _, c := range list {
			if c.test != "subject" {
				continue
			}
			if v := c.re.group(c.re.groups(head(r.m.subject, maxLine)), name); v != "" {
				return v
			}
		}
	}
	return ""
}

// workspaceHost is the sender's host, where the format has one a workspace.
func (r *reader) workspaceHost() string {
	if !r.p.hasPin("workspace_host") {
		return ""
	}
	return r.m.domain
}

// seen is what a pin is compared with, as this mail shows it.
func (r *reader) seen(pin string) string {
	switch pin {
	case "workspace_host":
		return r.workspaceHost()
	case "app_id":
		return r.app
	case "from_address":
		return strings.ToLower(r.m.from.Address)
	}
	return ""
}

// checkPins parks what comes from a workspace that is not the operator's. Anyone
// can own one and have its mails signed by the product (THREATS T4).
func (r *reader) checkPins() {
	if len(r.p.Pins) == 0 {
		return
	}
	if !r.p.Pinned() {
		r.unpinned()
		return
	}
	agreed := false
	for _, pin := range r.p.Pins {
		if pin.Value == "" {
			continue
		}
		seen := r.seen(pin.Name)
		if strings.EqualFold(seen, pin.Value) {
			agreed = true
		} else if seen != "" {
			r.park("of another workspace: its " + pin.Name + " is " + printable(seen) + ", the config says " + printable(pin.Value))
			return
		}
	}
	switch {
	case agreed:
		r.note("workspace as pinned")
	case r.p.AnyWorkspace:
		r.note("unpinned: any workspace is believed (any_workspace = true)")
	default:
		r.park("it does not show whose workspace it is of: no " + pinList(r.p.Pins) + " in it")
	}
}

// elsewhere: the sender's host or address is pinned, and this is another.
func (r *reader) elsewhere() bool {
	for _, name := range []string{"workspace_host", "from_address"} {
		if v := r.p.pin(name); v != "" && !strings.EqualFold(v, r.seen(name)) {
			return true
		}
	}
	return false
}

// unpinned tells the admin which line to write, with the value seen in this mail.
func (r *reader) unpinned() {
	var lines []string
	for _, pin := range r.p.Pins {
		if seen := r.seen(pin.Name); seen != "" && plainValue(seen) {
			lines = append(lines, pin.Name+` = "`+seen+`"`)
		}
	}
	what := "set one of " + pinList(r.p.Pins)
	if len(lines) > 0 {
		what = strings.Join(lines, " or ")
	}
	whose := "which workspace is ours, and anyone can have one"
	if !r.p.hasPin("workspace_host") {
		whose = "which sender is ours, and anyone can write such a mail"
	}
	r.park("unpinned: the config does not say " + whose + ". If this mail is of yours, write [format." + r.p.Name + "] " + what)
}

func pinList(pins []Pin) string {
	var names []string
	for _, p := range pins {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// plainValue: fit to be copied into a config as it stands.
func plainValue(s string) bool {
	return len(s) <= 253 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+@") == "" && s != ""
}
