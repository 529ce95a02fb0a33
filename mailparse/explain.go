package mailparse

import (
	"fmt"
	"strings"
)

// explain notes why a profile knows the mail or not: which conditions held and
// which failed. It runs only when somebody asks (Options.Explain).
func (m *matcher) explain(p *Profile, k *kind, known bool, note func(string, ...any)) {
	if m.structured {
		note("format %s: the HTML shows its structure; text conditions do not count", p.Name)
	}
	switch {
	case !known:
		note("format %s: no: %s", p.Name, m.failing(p))
		return
	case k == nil:
		note("format %s: from its sender, but: %s", p.Name, m.failing(p))
	default:
		note("format %s: yes: %s", p.Name, m.held(conditions{all: p.senders}, p.match))
	}
	for i := range p.kinds {
		if c := &p.kinds[i]; c == k {
			note("kind %s (%s): yes: %s", c.name, c.action, m.held(c.when))
			return
		} else if k != nil || p.match.hold(m) {
			note("kind %s: no: %s", c.name, m.failed(c.when))
		}
	}
}

// failing says why the profile does not take the mail.
func (m *matcher) failing(p *Profile) string {
	if f := m.failed(conditions{all: p.senders}); f != "" {
		return f
	}
	if f := m.failed(p.match); f != "" {
		return f
	}
	return "none of its kinds fits"
}

// failed lists the conditions for which c does not hold.
func (m *matcher) failed(c conditions) string {
	var fs []string
	for _, x := range c.all {
		if !x.holds(m) {
			fs = append(fs, x.String()+" fails")
		}
	}
	for _, x := range c.none {
		if x.holds(m) {
			fs = append(fs, x.String()+" holds, and must not")
		}
	}
	if len(c.any) > 0 && !(conditions{any: c.any}).hold(m) {
		var anyOf []string
		for _, x := range c.any {
			anyOf = append(anyOf, x.String())
		}
		fs = append(fs, "none of: "+strings.Join(anyOf, ", or "))
	}
	return strings.Join(fs, "; ")
}

// held lists the conditions that decided.
func (m *matcher) held(cs ...conditions) string {
	var hs []string
	for _, c := range cs {
		for _, x := range c.all {
			hs = append(hs, x.String())
		}
		for _, x := range c.any {
			if x.holds(m) {
				hs = append(hs, x.String())
				break
			}
		}
	}
	return strings.Join(hs, "; ")
}

// ExplainText tells a person how the mail was read: how it came, which format
// it was taken for and why, who was weighed as the customer, what was found and
// what was left out. The formats that were tried and not taken are listed only
// where the Parser's Options asked for it.
func (m *Mail) ExplainText() string {
	var b strings.Builder
	line := func(head, format string, args ...any) {
		fmt.Fprintf(&b, "%-13s %s\n", head, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
	}
	line("received", "from %s, subject %s", m.Outer.From, printable(m.Outer.Subject))
	switch {
	case m.Forwarded:
		line("carrier", "%s forward; the original is from %s, subject %s", m.Carrier, m.From, printable(m.Subject))
	case m.Carrier != "":
		line("carrier", "%s", m.Carrier)
	}
	for _, e := range m.Explain {
		line("", "%s", e)
	}
	if len(m.Warnings) > 0 {
		line("warnings", "%s", strings.Join(m.Warnings, ", "))
	}
	if m.Chat == nil {
		line("chat", "no: no format knows this mail")
		return b.String()
	}
	m.Chat.explain(line)
	for _, a := range m.Attachments {
		what := "carried"
		if a.Skip != "" {
			what = "not carried: " + a.Skip
		}
		line("attachment", "%s (%s, %d bytes): %s", printable(a.Filename), a.ContentType, a.Size, what)
	}
	return b.String()
}

func (t *Transcript) explain(line func(head, format string, args ...any)) {
	line("chat", "format %s, kind %s → %s", t.Format, t.Kind, t.Action)
	if t.Reason != "" {
		line("reason", "%s", t.Reason)
	}
	for _, e := range t.Evidence {
		line("", "%s", e)
	}
	c := t.Conversation
	line("conversation", "id %s, workspace %s, link %s, key %s", orNone(c.ID), orNone(c.Workspace), orNone(c.Link), orNone(c.Key))
	if t.Action == Ignore {
		return
	}
	if t.Customer.Address != "" {
		line("customer", "%s %s: %s", t.Customer.Address, t.Customer.Name, t.Customer.Locator)
	} else {
		line("customer", "none")
	}
	for _, cand := range t.Candidates {
		verdict := "eligible"
		switch {
		case cand.Excluded != "":
			verdict = "excluded: " + cand.Excluded
		case t.Customer.Address != "" && sameAddress(cand.Address, t.Customer.Address):
			verdict = "taken"
		}
		line("  candidate", "%s: %s; %s", cand.Address, cand.Locator, verdict)
	}
	for _, turn := range t.Turns {
		more := ""
		if turn.Role == RoleNote {
			more = " [internal, never sent]"
		}
		line("  turn", "%s %s%s", turnHead(turn), printable(turn.Text), more)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// String is the address as people write it.
func (a Address) String() string {
	switch {
	case a.Address == "" && a.Name == "":
		return "nobody"
	case a.Name == "":
		return a.Address
	case a.Address == "":
		return printable(a.Name)
	}
	return printable(a.Name) + " <" + a.Address + ">"
}
