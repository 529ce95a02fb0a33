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
	last := ""
	for _, l := range links {
		if len(l) > maxLink || l == last || l == c.Link {
			continue
		}
		last = l
		for _, p := range r.p.conversation.link {
			g := r.m.groupsOf(p, l)
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
		hrefs := make([]string, 0, 16) // most links of a notification are the same few
		for i := r.m.body.from; i < r.m.body.to; i++ {
			href := nodes[i].attr("href")
			if href == "" || slices.Contains(hrefs, href) || r.m.structured && r.inBody(i) {
				continue
			}
			if len(hrefs) < cap(hrefs) {
				hrefs = append(hrefs, href)
			}
			ls = append(ls, decodeLink(href))
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
		return p.group(r.m.groupsOf(p, s), "id")
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
