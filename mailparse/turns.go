package mailparse

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxTurns bounds what one mail may say. Products stop at 150 or so.
const maxTurns = 2000

// readTurns finds who said what when.
func (r *reader) readTurns() {
	switch {
	case r.m.structured && r.p.html != nil:
		r.turnsHTML()
	case r.p.text != nil:
		r.turnsText()
	}
	if len(r.t.Turns) > maxTurns {
		r.t.Turns = r.t.Turns[:maxTurns]
		r.b.warn("limit-turns")
	}
	if n := r.p.maxTurns; n > 0 && len(r.t.Turns) >= n && r.t.Full {
		r.t.Full = false
		r.note("%d messages, the most this product shows: the chat may be longer", len(r.t.Turns))
	}
}

func (r *reader) turnsHTML() {
	h := r.p.html
	for _, part := range r.m.find(h.part) {
		if r.inBody(part.from) || len(r.t.Turns) > maxTurns {
			continue // an e-mail reply may quote an earlier notification
		}
		body, ok := first(part.find(h.body))
		if !ok {
			if h.body.name != "" {
				continue
			}
			body = part
		}
		t := Turn{Text: r.turnText(body)}
		r.metaHTML(&t, part, body)
		t.Role = r.roleHTML(part, t.Author)
		if t.Text != "" {
			r.t.Turns = append(r.t.Turns, t)
		}
	}
}

func first(ss []span) (span, bool) {
	if len(ss) == 0 {
		return span{}, false
	}
	return ss[0], true
}

// metaHTML reads who and when from the line beside a message.
func (r *reader) metaHTML(t *Turn, part, body span) {
	h := r.p.html
	for _, meta := range part.find(h.meta) {
		if body.contains(meta) {
			continue
		}
		line := foldBlanks(plainText(meta))
		if h.metaLine != nil {
			if g := h.metaLine.groups(head(line, maxLine)); g != nil {
				t.Author, t.Written = tidyName(h.metaLine.group(g, "who")), foldBlanks(h.metaLine.group(g, "at"))
			}
		}
		if t.Written == "" {
			// In a language or form we do not know: who and when are the links.
			links := meta.byTag("a")
			switch n := len(links); {
			case n >= 2:
				t.Author, t.Written = tidyName(plainText(links[0])), foldBlanks(plainText(links[n-1]))
			default:
				t.Author = tidyName(line)
			}
		}
		break
	}
	for _, author := range part.find(h.author) {
		if !body.contains(author) {
			t.Author = tidyName(plainText(author))
			break
		}
	}
	t.At = timeOf(t.Written, h.dates, r.p.zone, r.m.date)
}

// plainText is the text of a small element without link targets.
func plainText(s span) string {
	var b strings.Builder
	for i := s.from; i < s.to; i++ {
		if n := &s.doc.nodes[i]; n.tag == "" && !n.unseen() {
			b.WriteString(n.text)
		} else if n.tag == "br" {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// roleHTML reads the actor from the part's classes. An unknown class with "note"
// in it is taken for an internal note: a note that leaks is worse than one that
// is missing.
func (r *reader) roleHTML(part span, author string) Role {
	classes := part.node().classes()
	for _, c := range classes {
		if strings.Contains(strings.ToLower(c), "note") && r.p.html.roles[c] == "" {
			return RoleNote
		}
	}
	for _, c := range classes {
		if role, ok := r.p.html.roles[c]; ok {
			return role
		}
	}
	r.note("a message of %s has no class that says who speaks", printable(author))
	return r.roleByName(author, r.p.html.defaultRole)
}

// roleByName: who bears the customer's name, or its first word, is the customer.
func (r *reader) roleByName(author string, other Role) Role {
	name := r.name()
	if name == "" || author == "" {
		return other
	}
	first, _, _ := strings.Cut(name, " ")
	if strings.EqualFold(author, name) || strings.EqualFold(author, first) {
		return RoleCustomer
	}
	return other
}

// name is the customer's name, once it is known.
func (r *reader) name() string {
	if !r.named {
		r.named = true
		r.customer = r.customerName()
	}
	return r.customer
}

// shownTime is how a time stands above a turn: "11 Mar 2026 06:30 UTC+1".
func shownTime(t time.Time) string {
	s := t.Format("2 Jan 2006 15:04 UTC")
	_, offset := t.Zone()
	if offset == 0 {
		return s
	}
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	s += string(sign) + strconv.Itoa(offset/3600)
	if m := offset / 60 % 60; m != 0 {
		s += fmt.Sprintf(":%02d", m)
	}
	return s
}
