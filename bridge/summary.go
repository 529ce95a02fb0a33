package bridge

import (
	"fmt"
	"html"
	"strings"

	"ticketbridge/mailparse"
)

// summary is what triage reads in ten seconds, then the turns.
type summary struct {
	title string      // fixed words: helpdesks read commands at the top of a body (T7)
	facts [][2]string // who, asks, waiting, plan, chat
	turns []Turn
	ref   string

	// What strangers wrote is made harmless (T7): texts, and what stands behind a label of ours.
	neutral, inline func(string) string
}

// clock is how times are shown: with the offset, since triage and customer may
// sit in different zones.
const clock = "2 Jan 2006, 15:04 -07:00"

func summarise(d Draft, n Neutraliser) summary {
	c := d.Conversation
	s := summary{title: "Customer chat", turns: d.News, ref: c.Ref, neutral: n.body, inline: n.inline}
	if d.Action == Append {
		s.title = "Customer chat, continued"
	}
	name := displayName(c.Customer.Name)
	s.fact("Who", name+" <"+c.Customer.Address+"> (address as given in the chat, not verified)")
	s.fact("Asks", ellipsis(strings.Join(strings.Fields(printable(openQuestion(d.News))), " "), 300))
	s.fact("Waiting", waiting(c, unanswered(d.News)))
	for _, key := range []string{"plan", "company", "phone"} {
		if v := c.Customer.Attributes[key]; v != "" {
			s.fact(strings.ToUpper(key[:1])+key[1:], cut(v, maxText))
		}
	}
	s.fact("Chat", c.URL)
	if d.Action == Raise && len(c.Thread) > 0 {
		s.fact("Before", "an earlier ticket of this chat, whose number is not known, has the same Ref")
	}
	for _, l := range d.letters() {
		s.fact("Note", damage(l.Mail.Warnings))
	}
	if d.WithoutFiles {
		s.fact("Files", leftOut(d.letters()))
	}
	return s
}

// damage says that the mail did not arrive whole, so that nobody takes a cut file
// for what the customer sent.
func damage(warnings []string) string {
	for _, w := range warnings {
		switch w {
		case "transfer-damage", "mime-unterminated", "mime-boundary":
			return "the chat's mail arrived damaged (" + w + "): text or files may be incomplete"
		}
	}
	return ""
}

func (s *summary) fact(label, value string) {
	if value != "" {
		s.facts = append(s.facts, [2]string{label, value})
	}
}

// openQuestion is what the customer said last that nobody answered: the last
// turn since an agent spoke that asks something, else the last of them.
func openQuestion(news []Turn) string {
	open := unanswered(news)
	for i := len(open) - 1; i >= 0; i-- {
		// A bare "hello??" urges; it does not say what about.
		if strings.ContainsAny(open[i].Text, "?？؟") && len(strings.Fields(open[i].Text)) >= 3 {
			return open[i].Text
		}
	}
	if len(open) > 0 {
		return open[len(open)-1].Text
	}
	return ""
}

// unanswered are the customer's turns since an agent last spoke.
func unanswered(news []Turn) []Turn {
	var open []Turn
	for _, t := range news {
		switch t.Role {
		case mailparse.RoleAgent:
			open = nil
		case mailparse.RoleCustomer:
			open = append(open, t)
		}
	}
	return open
}

// waiting says since when the customer waits, which an earlier message may have
// told; open are this message's turns that nobody answered.
func waiting(c *Conversation, open []Turn) string {
	if c.Waiting.IsZero() {
		return "no: an agent spoke last"
	}
	yet := ", not answered yet"
	if c.LastAgent.IsZero() {
		yet = ", without any answer yet"
	}
	if len(open) == 0 {
		return "since " + c.Waiting.Format(clock) + yet
	}
	first := open[0].At
	if !first.IsZero() && c.Waiting.Before(first) {
		return "since " + c.Waiting.In(first.Location()).Format(clock) + yet
	}
	since := "time unknown"
	if !first.IsZero() {
		since = "since " + first.Format(clock)
	}
	return since + ", " + count(len(open), "message") + " without an answer"
}

// leftOut lists the files a message goes without.
func leftOut(letters []Letter) string {
	var names []string
	for _, l := range letters {
		for _, f := range l.Mail.Attachments {
			if f.Skip == "" {
				names = append(names, fmt.Sprintf("%s (%s)", fileName(f.Filename, f.ContentType, len(names)+1), Size(f.Size)))
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "left out of this message, see the chat: " + strings.Join(names, ", ")
}

// speaker heads a turn.
func speaker(t Turn) string {
	name := cut(strings.TrimSpace(t.Author), 80)
	if name == "" {
		name = string(t.Role)
	}
	if t.Role != mailparse.RoleCustomer {
		name += " (" + string(t.Role) + ")"
	}
	switch {
	case !t.At.IsZero():
		name += ", " + t.At.Format(clock)
	case t.Written != "":
		name += ", " + cut(t.Written, 60)
	}
	return name
}

// plain writes the text/plain body.
func (s summary) plain(b *strings.Builder) {
	b.WriteString(s.title + "\n\n")
	for _, f := range s.facts {
		b.WriteString(f[0] + strings.Repeat(" ", 9-len(f[0])) + s.inline(f[1]) + "\n")
	}
	for _, t := range s.turns {
		b.WriteString("\n-- " + s.neutral(speaker(t)) + " --\n")
		b.WriteString(indent(s.neutral(clean(t.Text))))
	}
	b.WriteString("\nRef: " + s.ref + "\n")
}

// indent sets what people said apart from what the bridge writes: nobody can
// type another speaker's turn, a command or a Ref of their own into the message.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text + "\n") {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// html writes the HTML body: a few tags of our own around escaped text, never a
// tag of the mail (T11).
func (s summary) html(b *strings.Builder) {
	b.WriteString(`<html><body style="font-family:sans-serif;font-size:14px">` + "\n<p><b>" + s.title + "</b></p>\n<table>\n")
	for _, f := range s.facts {
		value := html.EscapeString(s.inline(f[1]))
		if f[0] == "Chat" && strings.HasPrefix(f[1], "https://") && s.inline(f[1]) == f[1] {
			value = `<a href="` + value + `">` + value + "</a>"
		}
		b.WriteString(`<tr><td style="color:#666;padding-right:1em;vertical-align:top">` + f[0] + "</td><td>" + value + "</td></tr>\n")
	}
	b.WriteString("</table>\n")
	for _, t := range s.turns {
		colour := "#eef3fb"
		if t.Role == mailparse.RoleCustomer {
			colour = "#fff6da"
		}
		b.WriteString(`<div style="margin:8px 0;padding:6px 10px;background:` + colour + `"><div style="color:#666;font-size:12px">` +
			html.EscapeString(s.neutral(speaker(t))) + "</div>\n" +
			strings.ReplaceAll(html.EscapeString(s.neutral(clean(t.Text))), "\n", "<br>\n") + "</div>\n")
	}
	b.WriteString("<p>Ref: " + html.EscapeString(s.ref) + "</p>\n</body></html>\n")
}

// clean makes a turn's text fit for a body: LF line ends, no control characters
// but tab. Letters that join or direct text (Arabic, emoji) stay.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.TrimRight(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return -1
		}
		return r
	}, s), " \n\t")
}
