package mailparse

import (
	"regexp"
	"strings"
	"testing"
)

// mutations are what happens to forwards on the way: gateways, lists and other
// clients wrap, quote, indent and decorate them.
var mutations = []struct {
	name string
	do   func(c clientForm, text string) string
}{
	{"CR LF", func(_ clientForm, s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
	{"quoted", func(_ clientForm, s string) string { return eachLine(s, func(l string) string { return "> " + l }) }},
	{"quoted without a blank, twice", func(_ clientForm, s string) string { return eachLine(s, func(l string) string { return ">>" + l }) }},
	{"indented", func(_ clientForm, s string) string { return eachLine(s, func(l string) string { return "   " + l }) }},
	{"blanks at line ends", func(_ clientForm, s string) string { return eachLine(s, func(l string) string { return l + " \t" }) }},
	{"no-break blanks", func(_ clientForm, s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }},
	{"byte order mark", func(_ clientForm, s string) string { return "\ufeff" + s }},
	{"marks of direction", func(_ clientForm, s string) string { return eachLine(s, func(l string) string { return "\u200e" + l }) }},
	{"labels in capitals", func(c clientForm, s string) string { return eachLabel(c, s, strings.ToUpper) }},
	{"labels in bold", func(c clientForm, s string) string { return boldLabels(c, s) }},
	{"a blank before the colon", func(c clientForm, s string) string {
		return eachLabel(c, s, func(l string) string { return l + " " })
	}},
	{"wrapped at 60", func(_ clientForm, s string) string { return wrapLines(s, 60) }},
	{"wrapped at 40", func(_ clientForm, s string) string { return wrapLines(s, 40) }},
	{"labels the other way round", reverseLabels},
	{"a blank line behind each label", func(c clientForm, s string) string { return spaceLabels(c, s) }},
	{"fewer dashes", func(_ clientForm, s string) string { return strings.ReplaceAll(s, "-----", "----") }},
	{"dashes of typography", func(_ clientForm, s string) string { return strings.ReplaceAll(s, "---", "———") }},
	{"a footer of a list", func(_ clientForm, s string) string {
		return s + "\n_______________________________________________\nlist mailing list\nlist@example.com\n"
	}},
}

func eachLine(s string, do func(string) string) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i := range lines {
		lines[i] = do(lines[i])
	}
	return strings.Join(lines, "\n") + "\n"
}

func (c clientForm) labelTexts() []string {
	var texts []string
	for _, l := range strings.Split(c.labels, "|") {
		_, label, _ := strings.Cut(l, "=")
		texts = append(texts, label)
	}
	return texts
}

// labelLine matches one label of the form at the start of a line.
func (c clientForm) labelLine(label string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^((?:> )?)(` + regexp.QuoteMeta(label) + `)(\s*[:：])`)
}

func eachLabel(c clientForm, s string, do func(string) string) string {
	for _, label := range c.labelTexts() {
		s = c.labelLine(label).ReplaceAllString(s, "${1}"+strings.ReplaceAll(do(label), "$", "$$")+"${3}")
	}
	return s
}

func boldLabels(c clientForm, s string) string {
	for _, label := range c.labelTexts() {
		s = c.labelLine(label).ReplaceAllString(s, "${1}*${2}${3}*")
	}
	return s
}

func spaceLabels(c clientForm, s string) string {
	for _, label := range c.labelTexts()[1:] {
		s = c.labelLine(label).ReplaceAllString(s, "${1}\n${1}${2}${3}")
	}
	return s
}

func reverseLabels(c clientForm, s string) string {
	lines := strings.Split(s, "\n")
	first := -1
	for i, l := range lines {
		for _, label := range c.labelTexts() {
			if first < 0 && c.labelLine(label).MatchString(l) {
				first = i
			}
		}
	}
	n := len(c.labelTexts())
	for i := range n / 2 {
		lines[first+i], lines[first+n-1-i] = lines[first+n-1-i], lines[first+i]
	}
	return strings.Join(lines, "\n")
}

// wrapLines breaks at blanks, as programs do, and repeats the quote mark.
func wrapLines(s string, width int) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		mark := ""
		if strings.HasPrefix(l, "> ") {
			mark = "> "
		}
		for len([]rune(l)) > width {
			r := []rune(l)
			k := width
			for k > len(mark)+1 && r[k] != ' ' {
				k--
			}
			if k <= len(mark)+1 {
				break
			}
			out = append(out, string(r[:k]))
			l = mark + string(r[k+1:])
		}
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

// TestForwardMutated: sender, date and Subject survive all of it, and no word of the
// body is lost.
func TestForwardMutated(t *testing.T) {
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			for _, c := range clientForms {
				text := m.do(c, c.text())
				f := findForward("Fwd: "+formSubject, text, nil)
				if f == nil {
					t.Errorf("%s %s: no forward found in\n%s", c.client, c.locale, text)
					continue
				}
				if f.from != formFrom || f.subject != formSubject || squeeze(f.date) != squeeze(formDate) {
					t.Errorf("%s %s: from %q, subject %q, date %q in\n%s", c.client, c.locale, f.from, f.subject, f.date, text)
				}
				if body := squeeze(f.plain); !strings.HasPrefix(body, squeeze(formBody)) {
					t.Errorf("%s %s: body %q of\n%s", c.client, c.locale, f.plain, text)
				}
				if len(f.to) != strings.Count(c.labels, "|to=")*2 {
					t.Errorf("%s %s: to %q in\n%s", c.client, c.locale, f.to, text)
				}
				if t.Failed() && testing.Short() {
					return
				}
			}
		})
	}
}
