package mailparse

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LoadProfile reads a profile (FORMATS §5). It is strict: an unknown key, a bad
// expression, a locator without bounds are errors, all reported at once as
// Problems. file is named in them.
func LoadProfile(file string, data []byte) (*Profile, error) {
	t, err := parseTOML(file, data)
	if err != nil {
		return nil, err
	}
	p := readProfile(t)
	p.Source = file
	if len(t.f.problems) > 0 {
		return nil, t.f.problems
	}
	return p, nil
}

var profileName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

func readProfile(t table) *Profile {
	p := &Profile{
		Name:     t.str("name"),
		Title:    t.str("title"),
		Enabled:  t.boolean("enabled"),
		attached: t.boolean("attached"),
		maxTurns: t.integer("max_turns", maxTurns),
		full:     t.word("completeness", "delta", "full") == "full",
		zone:     readZone(t),
	}
	if !profileName.MatchString(p.Name) {
		t.problem("name", "want a name of small letters, digits and dashes, not %q", p.Name)
	}
	if p.Title == "" {
		t.problem("title", "required: what people call this format")
	}
	p.readEvidence(t)
	p.readPins(t)
	if l := t.boolean("labelled"); l {
		p.label = &labelled{}
		t.done()
		return p
	}
	p.readMatch(t)
	p.readHTMLTurns(t)
	p.readTextTurns(t)
	p.readCustomer(t)
	p.readConversation(t)
	p.readStrip(t)
	if m, ok := t.sub("merge"); ok {
		p.hold = m.duration("hold")
		m.done()
	}
	t.done()
	p.finish()
	return p
}

// finish collects what is asked for with each mail.
func (p *Profile) finish() {
	p.collectAnchors()
	places := 0
	for _, list := range [][]locator{p.customer.address, p.customer.name} {
		for _, l := range list {
			switch {
			case l.html != nil:
				places++
				l.html.place = places
				p.labels = append(p.labels, l.html.labels...)
			case l.text != nil:
				p.labels = append(p.labels, l.text.labels...)
			}
		}
	}
	for _, a := range p.customer.attributes {
		p.labels = append(p.labels, a.labels...)
	}
}

// readZone: a place's name, because of summer time; empty means the zone of the
// mail's Date.
func readZone(t table) *time.Location {
	name := t.str("time_zone")
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		t.problem("time_zone", `want a place such as "Europe/Berlin" or "UTC", not %q`, name)
		return nil
	}
	return zone
}

func (p *Profile) readEvidence(t table) {
	e, ok := t.sub("evidence")
	if !ok {
		return
	}
	for _, aspect := range slices.Sorted(maps.Keys(e.m)) {
		a, ok := e.sub(aspect)
		if !ok {
			continue
		}
		p.Evidence = append(p.Evidence, Evidence{
			Aspect: aspect,
			Grade:  a.word("grade", "D", "C", "B", "A"),
			Date:   a.str("date"),
			Source: a.str("source"),
			Note:   a.str("note"),
		})
		a.done()
	}
}

func (p *Profile) readPins(t table) {
	pins, ok := t.sub("pins")
	if !ok {
		return
	}
	p.AnyWorkspace = pins.boolean("any_workspace")
	for _, name := range pinNames {
		if pins.has(name) {
			p.Pins = append(p.Pins, Pin{name, pins.str(name)})
		}
	}
	pins.done()
}

func (p *Profile) readMatch(t table) {
	m, ok := t.sub("match")
	if !ok {
		t.problem("match", "required: conditions that tell this product's mails from others")
		return
	}
	p.senders = readConditionList(m, "sender")
	p.match = readConditions(m)
	m.done()
	if p.match.empty() && len(p.senders) == 0 {
		m.problem("", "want at least one condition in sender, all or any: this profile would take every mail")
	}
	ks := t.tables("kind")
	if len(ks) == 0 {
		t.problem("kind", "required: at least one [[kind]]")
	}
	for _, k := range ks {
		p.kinds = append(p.kinds, readKind(k))
	}
}

func readKind(t table) kind {
	k := kind{name: t.str("name"), when: readConditions(t), reason: t.str("reason")}
	switch a := Action(t.str("action")); a {
	case Process, Ignore, Park:
		k.action = a
	default:
		t.problem("action", `want "process", "ignore" or "park", not %q`, string(a))
	}
	if !profileName.MatchString(k.name) {
		t.problem("name", "want a name of small letters, digits and dashes, not %q", k.name)
	}
	if k.reason == "" && k.action != Process {
		t.problem("reason", "required with action %q: a person will read it", string(k.action))
	}
	k.single = t.boolean("single")
	if k.when.empty() {
		t.problem("", "want at least one condition in all, any or none")
	}
	if t.has("completeness") {
		full := t.word("completeness", "delta", "full") == "full"
		k.full = &full
	}
	t.done()
	return k
}

func readSelectors(t table, key string) []selector {
	var ss []selector
	for _, s := range t.strs(key) {
		ss = append(ss, readSelector(t, key, s))
	}
	return ss
}

func readSelector(t table, key, s string) selector {
	name, id := strings.CutPrefix(s, "#")
	name = strings.TrimPrefix(name, ".")
	if name == "" || strings.ContainsAny(name, " #.>[") {
		t.problem(key, `want a class ("name") or an id ("#name"), not %q`, s)
	}
	return selector{id, name}
}

func (t table) selector(key string) selector {
	s := t.str(key)
	if s == "" {
		return selector{}
	}
	return readSelector(t, key, s)
}

var roles = []string{string(RoleCustomer), string(RoleAgent), string(RoleBot), string(RoleNote), string(RoleSystem)}

// readRoles reads who is what: a class or a name → role.
func readRoles(t table, key string) map[string]Role {
	r, ok := t.sub(key)
	if !ok {
		return nil
	}
	m := map[string]Role{}
	for _, name := range slices.Sorted(maps.Keys(r.m)) {
		m[name] = Role(r.word(name, roles...))
	}
	return m
}

func (p *Profile) readHTMLTurns(t table) {
	turns, ok := t.sub("turns")
	if !ok {
		return
	}
	h, ok := turns.sub("html")
	if !ok {
		return
	}
	p.html = &htmlTurns{
		part:     h.selector("part"),
		body:     h.selector("body"),
		meta:     h.selector("meta"),
		author:   h.selector("author"),
		metaLine: h.pattern("meta_line", "at"),
		roles:    readRoles(h, "role"),
		dates:    readDates(h),

		defaultRole: Role(h.word("default_role", "agent", "customer", "bot", "note", "system")),
	}
	if p.html.part.name == "" {
		h.problem("part", "required: the element that is one turn")
	}
	h.done()
}

func (p *Profile) readTextTurns(t table) {
	turns, ok := t.sub("turns")
	if !ok {
		return
	}
	defer turns.done()
	turns.used["html"] = true
	x, ok := turns.sub("text")
	if !ok {
		return
	}
	p.text = readText(x)
	x.done()
}

func readText(x table) *textTurns {
	tt := &textTurns{
		from:        x.patterns("from"),
		to:          x.patterns("to"),
		skip:        x.patterns("skip"),
		glue:        x.patterns("glue"),
		lines:       x.patterns("line"),
		metaLast:    x.boolean("meta_last"),
		single:      x.boolean("single"),
		initials:    x.boolean("initials"),
		dates:       readDates(x),
		roles:       readRoles(x, "role"),
		bots:        x.strs("bots"),
		customerIs:  x.str("customer_is"),
		defaultRole: Role(x.word("default_role", "agent", "customer", "bot", "note", "system")),
	}
	if len(tt.lines) == 0 && !tt.single {
		x.problem("line", "required, or single = true: how one turn looks")
	}
	for i, l := range tt.lines {
		if l.re.SubexpIndex("text") < 0 && !tt.metaLast {
			x.problem("line["+strconv.Itoa(i)+"]", "want a group (?P<text>…) in it")
		}
	}
	return tt
}

func (p *Profile) readConversation(t table) {
	c, ok := t.sub("conversation")
	if !ok {
		return
	}
	p.conversation = conversationRules{
		link:      c.patterns("link", "id"),
		lastLink:  c.word("link_take", "only", "last") == "last",
		subject:   c.patterns("subject", "id"),
		messageID: c.patterns("message_id", "id"),
		line:      c.patterns("line", "id"),
		key:       c.strs("key"),
	}
	for _, h := range c.tables("header") {
		hp := headerPattern{h.str("name"), h.pattern("re", "id")}
		h.done()
		if hp.name == "" || hp.re == nil {
			h.problem("", `want { name = "X-Header", re = '(?P<id>…)' }`)
			continue
		}
		p.conversation.header = append(p.conversation.header, hp)
	}
	for i, k := range p.conversation.key {
		name, pin := strings.CutPrefix(k, "pin:")
		switch {
		case pin && !p.hasPin(name):
			c.problem("key["+strconv.Itoa(i)+"]", "there is no pin %q in [pins]", name)
		case !pin && k != "id" && k != "app" && k != "region":
			c.problem("key["+strconv.Itoa(i)+"]", `want "id", "app", "region" or "pin:NAME", not %q`, k)
		}
	}
	if len(p.conversation.key) > 0 && !slices.Contains(p.conversation.key, "id") {
		c.problem("key", `want "id" among its parts: without it all conversations are one`)
	}
	c.done()
}

func (p *Profile) readStrip(t table) {
	s, ok := t.sub("strip")
	if !ok {
		return
	}
	for _, id := range s.strs("ids") {
		p.strip.at = append(p.strip.at, selector{true, id})
	}
	for _, class := range s.strs("classes") {
		p.strip.at = append(p.strip.at, selector{false, class})
	}
	p.strip.lines = s.patterns("lines")
	p.strip.texts = s.strs("texts")
	p.strip.alts = s.strs("image_alts")
	p.strip.maxPx = s.integer("image_max_px", 1000)
	for i, glob := range s.strs("urls") {
		p.strip.urls = append(p.strip.urls, s.compile("urls["+strconv.Itoa(i)+"]", globPattern(glob)))
	}
	s.done()
}

// globPattern makes an expression of "*.example.com/q/*": "*" stands for
// anything, the scheme is left out, and where the glob begins with "*." the bare
// domain is meant too.
func globPattern(glob string) string {
	rest, sub := strings.CutPrefix(glob, "*.")
	re := strings.ReplaceAll(regexp.QuoteMeta(rest), `\*`, `.*`)
	if sub {
		re = `(?:[^/]*\.)?` + re
	}
	return `^(?i:https?:)?(?://)?` + re + `$`
}
