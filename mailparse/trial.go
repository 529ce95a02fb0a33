package mailparse

import (
	"fmt"
	"strings"
)

// Trial is what one profile makes of one mail: for whoever writes or mends the
// profile, what it asks for beside what the mail has.
type Trial struct {
	// Mail is as the profile alone reads it; Chat is nil where it does not.
	Mail *Mail
	// Steps tell in order what was asked and what was found.
	Steps []Step
}

// Step is one thing a profile asks of a mail.
type Step struct {
	Of    string // "sender", "match all", "kind transcript", "address", …
	Want  string // the condition or place as the profile has it
	Holds bool
	Found string // what the mail has there
}

// Try reads a mail with one profile and tells how each of its conditions and
// places fared. Of a forward, the letter is shown that the profile knows, else
// the one it comes nearest to.
func (p *Parser) Try(profile *Profile, raw []byte) *Trial {
	t := &Trial{}
	best := -1
	q := &Parser{opts: p.opts}
	q.opts.Profiles = []*Profile{profile}
	q.opts.tried = func(m *matcher, r *reader) {
		steps, score := m.steps(profile, r.k)
		if r.t == nil { // not known: what would be found all the same
			r.b = newBudget(q.opts.Limits)
			r.read(nil)
		} else {
			score += len(steps)
		}
		if score >= best {
			best, t.Steps = score, append(steps, r.steps()...)
		}
	}
	t.Mail = q.Parse(raw)
	return t
}

// steps are the conditions of a profile, and how many of them hold. Of the
// kinds, those up to the one that fits matter.
func (m *matcher) steps(p *Profile, k *kind) (steps []Step, score int) {
	add := func(of string, c conditions) {
		for _, part := range []struct {
			name string
			list []condition
		}{{" all", c.all}, {" any", c.any}, {" none", c.none}} {
			for _, x := range part.list {
				s := Step{Of: of + part.name, Want: x.String(), Holds: x.holds(m), Found: m.found(x)}
				if part.name == " none" {
					s.Holds = !s.Holds
				}
				if s.Holds {
					score++
				}
				steps = append(steps, s)
			}
		}
	}
	for _, x := range p.senders {
		add("sender", conditions{all: []condition{x}})
	}
	add("match", p.match)
	for i := range p.kinds {
		add("kind "+p.kinds[i].name, p.kinds[i].when)
		if &p.kinds[i] == k {
			break
		}
	}
	return steps, score
}

// found is what the mail has where the condition looks.
func (m *matcher) found(c condition) string {
	if c.ofText() && m.structured {
		return "not looked at: the HTML shows the profile's structure"
	}
	switch c.test {
	case "from_local":
		return printable(m.local)
	case "from_domain":
		return printable(m.domain)
	case "from_name":
		return printable(m.from.Name)
	case "from_address":
		return printable(m.from.Address)
	case "subject":
		return printable(m.subject)
	case "first_line":
		return printable(m.firstLine())
	case "header":
		return m.foundHeader(c.name)
	case "html_id", "html_class":
		return m.foundElements(c)
	case "html_text":
		if e, ok := m.body.byID(c.name); ok {
			return printable(strings.TrimSpace(e.text()))
		}
		return "no element #" + c.name
	case "text":
		return m.foundText(c)
	case "link":
		return m.foundLink(c)
	}
	return ""
}

func (m *matcher) foundHeader(name string) string {
	if m.header == nil {
		return "no header: an inline forward keeps none"
	}
	var vs []string
	for _, v := range m.header.Values(name) {
		vs = append(vs, printable(decodeHeader(v)))
	}
	if len(vs) == 0 {
		return "no such field"
	}
	return strings.Join(vs, ", ")
}

func (m *matcher) foundElements(c condition) string {
	if m.body.empty() {
		return "no HTML"
	}
	var there []string
	for _, n := range c.names {
		if m.present(selector{id: c.test == "html_id", name: n}) {
			there = append(there, n)
		}
	}
	if len(there) == 0 {
		return "no such element"
	}
	return strings.Join(there, ", ")
}

// foundText is the line that fits, else how the text begins.
func (m *matcher) foundText(c condition) string {
	text := head(m.bodyText(), maxMatched)
	if c.re.matches(text) {
		if at := c.re.re.FindStringIndex(text); at != nil {
			return fmt.Sprintf("line %d: %s", 1+strings.Count(text[:at[0]], "\n"), printable(strings.TrimSpace(text[at[0]:at[1]])))
		}
	}
	if strings.TrimSpace(text) == "" {
		return "no text"
	}
	return "not in the text, which begins " + printable(m.firstLine())
}

func (m *matcher) foundLink(c condition) string {
	links := m.links()
	for _, l := range links {
		if c.re.matches(l) {
			return printable(l)
		}
	}
	if len(links) == 0 {
		return "no link"
	}
	return fmt.Sprintf("none of %d links; the first: %s", len(links), printable(links[0]))
}

// steps are the places a profile looks at, and what stands there.
func (r *reader) steps() []Step {
	var steps []Step
	for i := range r.p.customer.address {
		l := &r.p.customer.address[i]
		steps = append(steps, r.addressStep(l))
	}
	for i := range r.p.customer.name {
		l := &r.p.customer.name[i]
		s := Step{Of: "name", Want: l.String(), Found: r.nothingAt(l)}
		for _, f := range r.locateName(l) {
			if name := tidyName(f.text); name != "" {
				s.Holds, s.Found = true, printable(name)
				break
			}
		}
		steps = append(steps, s)
	}
	for _, a := range r.p.customer.attributes {
		v := r.t.Customer.Attributes[a.name]
		steps = append(steps, Step{Of: "attribute", Want: a.name + ": " + strings.Join(a.labels, " or "), Holds: v != "", Found: orNone(printableOrEmpty(v))})
	}
	c := r.t.Conversation
	return append(steps,
		Step{Of: "conversation", Want: "an id that all mails of a chat share", Holds: c.Key != "", Found: fmt.Sprintf("id %s, link %s, key %s", orNone(c.ID), orNone(c.Link), orNone(c.Key))},
		Step{Of: "turns", Want: "at least one", Holds: len(r.t.Turns) > 0, Found: fmt.Sprintf("%d, in %s", len(r.t.Turns), r.source())})
}

func (r *reader) addressStep(l *locator) Step {
	s := Step{Of: "address", Want: l.String(), Found: r.nothingAt(l)}
	var found []string
	for _, f := range r.locate(l) {
		why := f.bad
		if why == "" && !f.sure {
			why = "which only stands near"
		}
		found = append(found, printable(f.text)+" ("+f.where+")"+withComma(why))
		s.Holds = s.Holds || why == ""
	}
	if len(found) > 0 {
		s.Found = strings.Join(found[:min(len(found), 5)], ", ")
	}
	return s
}

// nothingAt says why a place is empty.
func (r *reader) nothingAt(l *locator) string {
	switch {
	case l.html != nil && !r.m.structured:
		return "not looked at: no HTML of the profile's structure"
	case l.text != nil && r.m.structured:
		return "not looked at: the HTML shows the profile's structure"
	case l.text != nil && l.text.firstLine == nil:
		from, to, ok := r.m.region(l.text)
		if !ok {
			return "its region (after, before) is not in the text"
		}
		return fmt.Sprintf("nothing in lines %d to %d of the text", from+1, to)
	}
	return "nothing"
}

func withComma(s string) string {
	if s == "" {
		return ""
	}
	return ", " + s
}

func printableOrEmpty(s string) string {
	if s == "" {
		return ""
	}
	return printable(s)
}

// Processed: the profile takes the mail for a chat that becomes a ticket.
func (t *Trial) Processed() bool { return t.Mail.Chat != nil && t.Mail.Chat.Action == Process }

// Text tells a person, a line for each step, and then what came of it.
func (t *Trial) Text() string {
	var b strings.Builder
	line := func(head, format string, args ...any) {
		fmt.Fprintf(&b, "%-13s %s\n", head, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
	}
	last := ""
	for _, s := range t.Steps {
		mark, head := "no ", s.Of
		if s.Holds {
			mark = "yes"
		}
		if head == last {
			head = ""
		}
		last = s.Of
		if len(head) > 13 { // a kind's name may be long
			line(head, "")
			head = ""
		}
		line(head, "%s  %s", mark, s.Want)
		line("", "     found: %s", orNone(s.Found))
	}
	if t.Mail.Chat == nil {
		line("result", "no: the profile does not know this mail")
		return b.String()
	}
	line("", "")
	t.Mail.Chat.explain(line)
	return b.String()
}
