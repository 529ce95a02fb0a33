package mailparse

import (
	"fmt"
	"slices"
	"strings"
)

// conditions hold if all of all, one of any and none of none hold.
type conditions struct{ all, any, none []condition }

func (c conditions) empty() bool { return len(c.all)+len(c.any)+len(c.none) == 0 }

// condition is one test of a mail.
type condition struct {
	test  string // its key in the profile
	re    *pattern
	names []string // domains, ids, classes
	name  string   // of a header field or an id
}

func readConditions(t table) conditions {
	return conditions{readConditionList(t, "all"), readConditionList(t, "any"), readConditionList(t, "none")}
}

func readConditionList(t table, key string) []condition {
	var cs []condition
	for _, c := range t.tables(key) {
		cs = append(cs, readCondition(c))
	}
	return cs
}

func readCondition(t table) condition {
	defer t.done()
	if len(t.m) != 1 {
		t.problem("", "want exactly one condition in each { … }, not %d", len(t.m))
	}
	for _, key := range []string{"from_local", "from_name", "from_address", "subject", "text", "first_line", "link"} {
		if t.has(key) {
			return condition{test: key, re: t.pattern(key)}
		}
	}
	for _, key := range []string{"from_domain", "html_id", "html_class"} {
		if t.has(key) {
			c := condition{test: key, names: t.strs(key)}
			for i := range c.names {
				if key == "from_domain" {
					c.names[i] = strings.ToLower(c.names[i])
				}
			}
			return c
		}
	}
	for key, name := range map[string]string{"header": "name", "html_text": "id"} {
		if sub, ok := t.sub(key); ok {
			c := condition{test: key, name: sub.str(name), re: sub.pattern("re")}
			if c.name == "" || c.re == nil {
				sub.problem("", "want { %s = \"…\", re = '…' }", name)
			}
			sub.done()
			return c
		}
	}
	for _, key := range []string{"from_local", "from_domain", "from_name", "from_address", "subject", "header", "html_id", "html_class", "html_text", "text", "first_line", "link"} {
		t.used[key] = true
	}
	return condition{}
}

// ofSender: the condition is about the sender, which nobody but the product can
// choose.
func (c condition) ofSender() bool { return strings.HasPrefix(c.test, "from_") }

// ofText: the condition does not count where the HTML shows the profile's
// structure; html conditions decide there.
func (c condition) ofText() bool { return c.test == "text" || c.test == "first_line" }

func (c condition) String() string {
	switch c.test {
	case "from_domain", "html_id", "html_class":
		return c.test + " " + strings.Join(c.names, " or ")
	case "header", "html_text":
		return fmt.Sprintf("%s %s =~ %s", c.test, c.name, c.re)
	case "":
		return "nothing"
	}
	return fmt.Sprintf("%s =~ %s", c.test, c.re)
}

// holds evaluates conditions, cheapest reading first as the profile wrote them.
func (c conditions) hold(m *matcher) bool {
	for _, x := range c.all {
		if !x.holds(m) {
			return false
		}
	}
	for _, x := range c.none {
		if x.holds(m) {
			return false
		}
	}
	return len(c.any) == 0 || slices.ContainsFunc(c.any, func(x condition) bool { return x.holds(m) })
}

func (c condition) holds(m *matcher) bool {
	if c.ofText() && m.structured {
		return false
	}
	switch c.test {
	case "from_local":
		return c.re.matches(m.local)
	case "from_name":
		return c.re.matches(m.from.Name)
	case "from_address":
		return c.re.matches(m.from.Address)
	case "from_domain":
		return slices.ContainsFunc(c.names, func(d string) bool { return underDomain(m.domain, d) })
	case "subject":
		return c.re.matches(m.subject)
	case "header":
		return slices.ContainsFunc(m.header.Values(c.name), func(v string) bool { return c.re.matches(decodeHeader(v)) })
	case "html_id":
		return slices.ContainsFunc(c.names, func(id string) bool { return m.present(selector{true, id}) })
	case "html_class":
		return slices.ContainsFunc(c.names, func(class string) bool { return m.present(selector{false, class}) })
	case "html_text":
		e, ok := m.body.byID(c.name)
		return ok && c.re.matches(strings.TrimSpace(e.text()))
	case "text":
		return c.re.matches(head(m.bodyText(), maxMatched))
	case "first_line":
		return c.re.matches(head(m.firstLine(), maxLine))
	case "link":
		return slices.ContainsFunc(m.links(), func(l string) bool { return c.re.matches(l) })
	}
	return false
}

// underDomain: domain is d or a subdomain of it.
func underDomain(domain, d string) bool {
	return domain == d || len(domain) > len(d) && strings.HasSuffix(domain, d) && domain[len(domain)-len(d)-1] == '.'
}
