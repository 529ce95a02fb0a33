package mailparse

import (
	"fmt"
	"strings"
	"unicode"
)

func (r *reader) customerName() string {
	for i := range r.p.customer.name {
		for _, f := range r.locateName(&r.p.customer.name[i]) {
			if name := tidyName(f.text); name != "" {
				return name
			}
		}
	}
	return ""
}

// locateName reads a label's whole value where locate would read addresses.
func (r *reader) locateName(l *locator) []finding {
	switch {
	case l.text != nil && l.text.firstLine == nil:
		if v := r.labelledText(l.text); v != "" {
			return []finding{{text: v}}
		}
		return nil
	case strings.EqualFold(l.header, "Reply-To"):
		if len(r.m.replyTo) > 0 {
			return []finding{{text: r.m.replyTo[0].Name}}
		}
		return nil
	case l.fromName != nil:
		g := l.fromName.groups(head(r.m.from.Name, maxLine))
		return []finding{{text: l.fromName.group(g, "name")}}
	case l.subject != nil:
		g := l.subject.groups(head(r.m.subject, maxLine))
		return []finding{{text: l.subject.group(g, "name")}}
	case l.text != nil:
		g := l.text.firstLine.groups(head(r.m.firstLine(), maxLine))
		return []finding{{text: l.text.firstLine.group(g, "name")}}
	case l.from:
		return []finding{{text: r.m.from.Name}}
	}
	return r.locate(l)
}

func (r *reader) labelledText(x *textPlace) string {
	if r.m.structured {
		return ""
	}
	lines := r.m.bodyLines()
	from, to, ok := r.m.region(x)
	if !ok {
		return ""
	}
	for i := from; i < to; i++ {
		label, value := labelOf(lines[i], x.labels)
		if label == "" {
			continue
		}
		if value == "" {
			value, _ = r.valueBelow(lines[:to], i)
		}
		if value != "" {
			return value
		}
	}
	return ""
}

// attributes reads the labelled facts beside the address.
func (r *reader) attributes() map[string]string {
	if len(r.p.customer.attributes) == 0 {
		return nil
	}
	places := r.p.customer.address
	if f := r.p.customer.facts; f != nil {
		places = append(places[:len(places):len(places)], locator{text: f})
	}
	m := map[string]string{}
	for _, a := range r.p.customer.attributes {
		for _, l := range places {
			var v string
			switch {
			case l.html != nil && len(l.html.labels) > 0 && r.m.structured:
				for _, row := range r.rowsOf(l.html) {
					if isLabel(row.label, a.labels) != "" {
						v = row.value.raw()
					}
				}
			case l.text != nil && l.text.firstLine == nil:
				place := *l.text
				place.labels = a.labels
				v = r.labelledText(&place)
			}
			if v = tidyName(v); v != "" {
				m[a.name] = v
				break
			}
		}
	}
	return m
}

// tidyName makes one line of a name or a value: no control, no hidden and no
// directional characters, at most 200.
func tidyName(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case unicode.In(c, unicode.Cc, unicode.Cf) && c != '\u200d' && c != '\u200c':
			return -1 // ZWJ and ZWNJ stay: names in Persian and emoji need them
		}
		return c
	}, s)
	return head(strings.Join(strings.Fields(s), " "), 200)
}

// printable shows a text of the mail to a person: escaped and cut.
func printable(s string) string {
	cut := head(s, 120)
	q := fmt.Sprintf("%q", cut)
	if q[1:len(q)-1] == cut && !strings.ContainsAny(cut, " ") {
		q = cut
	}
	if len(cut) < len(s) {
		q += "…"
	}
	return q
}

// addressWords returns the words of s that hold an @, as they stand there:
// whatever is hidden in them is still in them.
func addressWords(s string) []string {
	if !strings.ContainsAny(s, "@＠") {
		return nil
	}
	var ws []string
	for w := range strings.FieldsFuncSeq(s, func(c rune) bool {
		return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\u00a0' || c == '\u202f' || c == '<' || c == '>' || c == ',' || c == ';' || c == '|'
	}) {
		w = strings.TrimLeft(w, `([{"'*`)
		w = strings.TrimRight(w, `.)]}"'*!?:`)
		if len(w) > 7 && strings.EqualFold(w[:7], "mailto:") {
			w = w[7:]
		}
		if i := strings.IndexAny(w, "@＠"); i <= 0 || strings.Contains(w, "://") || strings.HasPrefix(w, "cid:") {
			continue
		}
		ws = append(ws, w)
	}
	return ws
}
