package mailparse

import (
	"regexp"
	"slices"
	"strings"
)

// labelled marks the profile generic-labelled: it has no layout of its own, the
// operator describes one in the config by sender, labels, bounds and lines.
type labelled struct{}

// configureLabelled builds a profile from the operator's description. Every key
// is explained in config.toml.example.
func (p *Profile) configureLabelled(t table) (*Profile, error) {
	c := &Profile{
		Name: p.Name, Title: p.Title, Enabled: p.Enabled, Source: p.Source, Evidence: p.Evidence,
		zone:     readZone(t),
		maxTurns: t.integer("max_turns", maxTurns),
		full:     t.word("completeness", "full", "delta") == "full",
		hold:     t.duration("hold"),
	}
	if s := t.str("title"); s != "" {
		c.Title = s
	}
	c.labelledMatch(t)
	c.labelledCustomer(t)
	c.labelledTurns(t)
	c.conversation = conversationRules{
		link:    t.patterns("conversation_link", "id"),
		subject: t.patterns("conversation_subject", "id"),
		line:    t.patterns("conversation_line", "id"),
		key:     []string{"id"},
	}
	c.strip = stripRules{lines: t.patterns("strip_lines"), texts: t.strs("strip_texts"), maxPx: 25}
	t.done()
	if len(t.f.problems) > 0 {
		return nil, t.f.problems
	}
	c.finish()
	return c, nil
}

// labelledMatch: who sends it, and what else must hold.
func (p *Profile) labelledMatch(t table) {
	senders := t.strs("sender")
	var alternatives []string
	for _, s := range senders {
		s = strings.ToLower(strings.TrimSpace(s))
		if domain, ok := strings.CutPrefix(s, "@"); ok {
			if !hostForm.MatchString(domain) {
				t.problem("sender", `want an address, or "@" and a domain, not %q`, s)
			}
			alternatives = append(alternatives, `[^@]+@(?:[^@]+\.)?`+regexp.QuoteMeta(domain))
			continue
		}
		a, err := StrictAddress(s)
		if err != nil {
			t.problem("sender", `want an address, or "@" and a domain, not %q`, s)
		}
		alternatives = append(alternatives, regexp.QuoteMeta(a))
		p.customer.denyAddress = append(p.customer.denyAddress, a)
	}
	if len(senders) > 0 {
		re := t.compile("sender", `(?i)^(?:`+strings.Join(alternatives, "|")+`)$`)
		p.match.all = append(p.match.all, condition{test: "from_address", re: re})
	}
	for _, key := range []string{"from_name", "subject"} {
		if re := t.pattern(key); re != nil {
			p.match.all = append(p.match.all, condition{test: key, re: re})
		}
	}
	for _, re := range t.patterns("has") {
		p.match.all = append(p.match.all, condition{test: "text", re: multiline(re)})
	}
	fromCustomer := t.boolean("from_is_customer")
	switch {
	case len(senders) == 0 && !fromCustomer:
		t.problem("sender", `required: the address the transcripts come from, such as "transcripts@chat.example"; or from_is_customer = true where the product sends in the visitor's name`)
	case len(senders) > 0 && fromCustomer:
		t.problem("sender", "want sender or from_is_customer, not both: the visitor is not the product")
	case fromCustomer && len(p.match.all) == 0:
		t.problem("has", "required with from_is_customer: lines or a subject that tell a transcript from other mail")
	}
	for _, re := range t.patterns("ignore_subject") {
		p.kinds = append(p.kinds, kind{name: "ignored", action: Ignore, reason: "its subject fits ignore_subject",
			when: conditions{any: []condition{{test: "subject", re: re}}}})
	}
	p.kinds = append(p.kinds, kind{name: "transcript", action: Process, when: p.match})
	if fromCustomer {
		p.customer.address = []locator{{from: true, take: "only"}}
		p.customer.name = []locator{{from: true}}
	}
}

// multiline lets ^ and $ in an operator's pattern mean a line's ends.
func multiline(p *pattern) *pattern {
	if m, err := compilePattern(`(?m:` + p.String() + `)`); err == nil {
		return m
	}
	return p
}

// labelledCustomer: labels and the bounds of the region in which they count.
func (p *Profile) labelledCustomer(t table) {
	p.customer.deny = lower(t.strs("deny_domains"))
	place := textPlace{
		labels:    t.strs("email_label"),
		after:     t.pattern("after"),
		afterLast: t.pattern("after_last"),
		unless:    t.pattern("unless"),
	}
	if place.toEnd = t.str("before") == "end"; !place.toEnd {
		place.before = t.pattern("before")
	}
	replyTo := t.word("reply_to", "ignore", "agree", "only")
	names := t.strs("name_label")
	attributes, hasAttributes := t.sub("attributes")
	fromCustomer := len(p.customer.address) > 0
	needsRegion := len(place.labels) > 0 || len(names) > 0 || hasAttributes
	if needsRegion {
		p.labelledRegion(t, &place)
	}
	switch {
	case replyTo == "only":
		p.customer.address = append(p.customer.address, locator{header: "Reply-To", take: "only"})
	case len(place.labels) > 0:
		p.customer.mustAgree = fromCustomer || replyTo == "agree"
		p.customer.address = append(p.customer.address, locator{text: &place, take: "only", required: !fromCustomer})
		if replyTo == "agree" {
			p.customer.address = append(p.customer.address, locator{header: "Reply-To", take: "only"})
		}
	case !fromCustomer:
		t.problem("email_label", `required: what stands before the customer's address, such as "Email"; or reply_to = "only" where the product sets Reply-To to the customer`)
	}
	if len(names) > 0 {
		named := place
		named.labels = names
		p.customer.name = append([]locator{{text: &named}}, p.customer.name...)
	}
	if replyTo != "ignore" {
		p.customer.name = append(p.customer.name, locator{header: "Reply-To"})
	}
	if hasAttributes {
		for _, name := range slices.Sorted(keys(attributes.m)) {
			p.customer.attributes = append(p.customer.attributes, attribute{name, attributes.strs(name)})
		}
		if len(place.labels) == 0 { // attributes are read where the address is
			p.customer.facts = &place
		}
	}
}

func (p *Profile) labelledRegion(t table, x *textPlace) {
	switch {
	case x.before == nil && !x.toEnd:
		t.problem("before", `required: the line above which the labels count, such as '^Message:'; or "end" with after_last. Without bounds a visitor could write there`)
	case x.toEnd && x.after == nil && x.afterLast == nil:
		t.problem("after_last", `required with before = "end": the line below which the labels count`)
	case x.after != nil && x.afterLast != nil:
		t.problem("after", "want after or after_last, not both")
	}
}

// labelledTurns: where the chat stands and how one line of it looks.
func (p *Profile) labelledTurns(t table) {
	p.text = &textTurns{
		from:        t.patterns("chat_from"),
		to:          t.patterns("chat_to"),
		lines:       t.patterns("line"),
		dates:       readDates(t),
		roles:       readRoles(t, "roles"),
		bots:        t.strs("bots"),
		customerIs:  t.str("customer_is"),
		defaultRole: Role(t.word("default_role", "agent", "customer", "bot", "note", "system")),
		single:      t.boolean("single"),
	}
	x := p.text
	if len(x.lines) == 0 && !x.single {
		t.problem("line", `required: how one message looks, such as '^\[(?P<at>[^\]]+)\] (?P<who>[^:]+): (?P<text>.*)$'; or single = true where all of it is one message`)
	}
	for _, l := range x.lines {
		if l.re.SubexpIndex("text") < 0 || l.re.SubexpIndex("who") < 0 {
			t.problem("line", "want groups (?P<who>…) and (?P<text>…) in %s", l)
		}
	}
	if len(x.lines) > 0 && x.customerIs == "" && len(x.roles) == 0 {
		t.problem("customer_is", `required: "name" where messages carry the customer's name, or the word that stands for the customer, such as "Visitor"`)
	}
	if x.single && len(x.from) == 0 {
		t.problem("chat_from", "required with single = true: the line above the message")
	}
}
