package mailparse

import (
	"slices"
	"strings"
)

func (p *Profile) readCustomer(t table) {
	c, ok := t.sub("customer")
	if !ok {
		if slices.ContainsFunc(p.kinds, func(k kind) bool { return k.action == Process }) {
			t.problem("customer", "required: a kind has action = \"process\"")
		}
		return
	}
	p.customer = customerRules{
		deny:      lower(c.strs("deny_domains")),
		denyLocal: lower(c.strs("deny_locals")),
		mustAgree: c.boolean("must_agree"),
		atLeast:   c.integer("at_least", 10),
	}
	for _, l := range c.tables("address") {
		p.customer.address = append(p.customer.address, readLocator(l))
	}
	for _, l := range c.tables("name") {
		p.customer.name = append(p.customer.name, readLocator(l))
	}
	if a, ok := c.sub("attributes"); ok {
		for _, name := range slices.Sorted(keys(a.m)) {
			p.customer.attributes = append(p.customer.attributes, attribute{name, a.strs(name)})
		}
	}
	if len(p.customer.address) == 0 && slices.ContainsFunc(p.kinds, func(k kind) bool { return k.action == Process }) {
		c.problem("address", "required: a kind has action = \"process\"")
	}
	c.done()
}

func lower(ss []string) []string {
	for i, s := range ss {
		ss[i] = strings.ToLower(s)
	}
	return ss
}

var takes = []string{"only", "mailto", "link_text", "group"}

func readLocator(t table) locator {
	l := locator{
		header:       t.str("header"),
		subject:      t.pattern("subject"),
		subjectGroup: t.str("subject_group"),
		fromName:     t.pattern("from_name"),
		from:         t.boolean("from"),
		take:         t.word("take", takes...),
		required:     t.boolean("required"),
	}
	places := 0
	for _, is := range []bool{l.header != "", l.subject != nil, l.subjectGroup != "", l.fromName != nil, l.from, t.has("html"), t.has("text")} {
		if is {
			places++
		}
	}
	if places != 1 {
		t.problem("", "want exactly one of html, text, header, subject, subject_group, from_name, from; not %d", places)
	}
	outside := readSelectors(t, "outside")
	if h, ok := t.sub("html"); ok {
		l.html = readHTMLPlace(h, outside)
	}
	if x, ok := t.sub("text"); ok {
		l.text = readTextPlace(x)
	}
	t.done()
	return l
}

func readHTMLPlace(t table, outside []selector) *htmlPlace {
	h := &htmlPlace{labels: t.strs("label"), outside: outside}
	for _, class := range t.strs("class") {
		h.at = append(h.at, readSelector(t, "class", class))
	}
	for _, id := range t.strs("id") {
		h.at = append(h.at, readSelector(t, "id", "#"+strings.TrimPrefix(id, "#")))
	}
	if len(h.at) == 0 {
		t.problem("", "want class or id: which element holds it")
	}
	t.done()
	return h
}

func readTextPlace(t table) *textPlace {
	x := &textPlace{
		labels:    t.strs("label"),
		after:     t.pattern("after"),
		afterLast: t.pattern("after_last"),
		unless:    t.pattern("unless"),
		last:      t.boolean("last"),
		firstLine: t.pattern("first_line"),
	}
	if x.toEnd = t.str("before") == "end"; !x.toEnd {
		x.before = t.pattern("before")
	}
	defer t.done()
	if x.firstLine != nil {
		return x
	}
	switch {
	case x.before == nil && !x.toEnd:
		t.problem("before", `required: the line that ends the region ("end" for the end of the mail). Without bounds a visitor could write there`)
	case x.toEnd && x.after == nil && x.afterLast == nil:
		t.problem("after_last", `required with before = "end": the line that begins the region. Without it a visitor could write there`)
	case x.after != nil && x.afterLast != nil:
		t.problem("after", "want after or after_last, not both")
	}
	if len(x.labels) == 0 {
		t.problem("label", "required: what stands before the value")
	}
	return x
}
