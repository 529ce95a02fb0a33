package mailparse

import (
	"fmt"
	"strings"
)

// maxLine bounds what a line pattern is matched with; what a product writes
// before a visitor's words is shorter.
const maxLine = 1024

// maxRegion bounds a region in lines: labels, not chapters.
const maxRegion = 200

// locateText looks for labelled lines in a region of the text.
func (r *reader) locateText(l *locator) []finding {
	if r.m.structured {
		return nil
	}
	x := l.text
	if x.firstLine != nil {
		return r.locateGroup(l, x.firstLine, r.m.firstLine(), "first line")
	}
	lines := r.m.bodyLines()
	from, to, ok := r.m.region(x)
	if !ok {
		return nil
	}
	var fs []finding
	for i := from; i < to; i++ {
		line := lines[i]
		where := fmt.Sprintf("line %d of the text, between %d and %d", i+1, from+1, to)
		if x.unless != nil && r.m.fits(x.unless, line) {
			return []finding{{text: line, where: where, bad: "a line like a message's stands where only the product's own should"}}
		}
		label, value := labelOf(line, x.labels)
		if label == "" {
			for _, w := range addressWords(line) {
				if x.last {
					break
				}
				fs = append(fs, finding{text: w, where: where})
			}
			continue
		}
		if value == "" {
			value, i = r.valueBelow(lines[:to], i)
		}
		if x.last {
			fs = fs[:0]
		}
		fs = append(fs, valuesIn(value, "label "+label+" in "+where)...)
	}
	switch {
	case x.afterLast != nil:
		fs = append(fs, r.earlierRows(x, lines, from-1)...)
	case x.after == nil:
		fs = append(fs, r.repeated(x, lines, to)...)
	}
	return fs
}

// earlierRows looks for rows like the last message's below the messages before
// it: with another address there, two people wrote and nobody can tell who is
// the customer. Whoever types such a row lacks the product's link above it; and
// if he types that, too, his mail is parked, not believed.
func (r *reader) earlierRows(x *textPlace, lines []string, last int) []finding {
	if !strings.Contains(r.m.rawLines[last], "://") {
		return nil
	}
	var fs []finding
	for i := 0; i < last; i++ {
		if !strings.Contains(r.m.rawLines[i], "://") || len(lines[i]) > maxLine || !r.m.fits(x.afterLast, lines[i]) {
			continue
		}
		row := i + 1
		for row < last && lines[row] == "" {
			row++
		}
		label, value := labelOf(lines[row], x.labels)
		if label == "" {
			continue
		}
		if value == "" {
			value, _ = r.valueBelow(lines[:last], row)
		}
		fs = append(fs, valuesIn(value, fmt.Sprintf("label %s in line %d of the text, below an earlier message", label, row+1))...)
	}
	return fs
}

// valueBelow returns what stands in the next line that is not empty, unless
// that is a label itself, and its line.
func (r *reader) valueBelow(lines []string, i int) (value string, at int) {
	for j := i + 1; j < len(lines); j++ {
		value := strings.TrimFunc(lines[j], isBlank)
		if value == "" {
			continue
		}
		if label, _ := labelOf(value, r.p.labels); label != "" || looksLabelled(value) {
			break
		}
		return value, j
	}
	return "", i
}

// repeated looks for a second block of labels further down: a name with line
// breaks in it could have faked the first. Addresses there count if the
// product's end line stands below them once more, and only as a contradiction:
// most likely a visitor typed the second block.
func (r *reader) repeated(x *textPlace, lines []string, end int) []finding {
	last := -1
	for i := len(lines) - 1; i > end; i-- {
		if r.m.fits(x.before, lines[i]) {
			last = i
			break
		}
	}
	var fs []finding
	for i := end + 1; i < last; i++ {
		if label, value := labelOf(lines[i], x.labels); label != "" && value != "" {
			for _, f := range valuesIn(value, fmt.Sprintf("label %s in line %d of the text, a second block of labels", label, i+1)) {
				f.sure = false
				fs = append(fs, f)
			}
		}
	}
	return fs
}

func valuesIn(value, where string) []finding {
	words := addressWords(value)
	if len(words) == 0 {
		if value = strings.TrimSpace(value); value == "" || !strings.ContainsAny(value, "@＠") {
			return nil // "Email: not given"
		}
		words = []string{value}
	}
	var fs []finding
	for _, w := range words {
		fs = append(fs, finding{text: w, where: where, sure: true})
	}
	return fs
}

// region returns the lines [from, to) a locator may look at.
func (m *matcher) region(x *textPlace) (from, to int, ok bool) {
	switch {
	case x.afterLast != nil:
		from = m.lastFit(x.afterLast) + 1
	case x.after != nil:
		from = m.firstFit(x.after, 0) + 1
	}
	if from == 0 && (x.after != nil || x.afterLast != nil) {
		return 0, 0, false
	}
	to = len(m.bodyLines())
	if x.before != nil {
		to = m.firstFit(x.before, from)
	}
	if to < 0 || to-from > maxRegion {
		return 0, 0, false
	}
	return from, to, true
}

// maxRuns bounds how often line patterns are run on one mail. An honest chat of
// thousands of lines needs fewer: most lines lack the literals of a pattern.
const maxRuns = 10_000

// fits: the pattern matches the line. Lines longer than a product's are cut.
func (m *matcher) fits(p *pattern, line string) bool {
	line = head(line, maxLine)
	if !p.possible(line) || m.spent() {
		return false
	}
	return p.re.MatchString(line)
}

// groupsOf is fits with the groups; nil where it does not fit.
func (m *matcher) groupsOf(p *pattern, line string) []string {
	line = head(line, maxLine)
	if !p.possible(line) || m.spent() {
		return nil
	}
	return p.re.FindStringSubmatch(line)
}

func (m *matcher) spent() bool {
	m.runs++
	return m.runs > maxRuns
}

// firstFit returns the first line of the text at or below from that fits, -1 if
// none does; lastFit the last one.
func (m *matcher) firstFit(p *pattern, from int) int {
	lines := m.bodyLines()
	for i := from; i < len(lines); i++ {
		if len(lines[i]) <= maxLine && m.fits(p, lines[i]) {
			return i
		}
	}
	return -1
}

func (m *matcher) lastFit(p *pattern) int {
	lines := m.bodyLines()
	for i := len(lines) - 1; i >= 0; i-- {
		if len(lines[i]) <= maxLine && m.fits(p, lines[i]) {
			return i
		}
	}
	return -1
}

// labelOf splits "Email: value", "Email<TAB>value" and a label alone.
func labelOf(line string, labels []string) (label, value string) {
	s := strings.TrimLeftFunc(line, isBlank)
	for _, l := range labels {
		if len(s) < len(l) || !strings.EqualFold(s[:len(l)], l) {
			continue
		}
		rest := s[len(l):]
		trimmed := strings.TrimLeftFunc(rest, isBlank)
		switch {
		case trimmed == "":
			return l, ""
		case trimmed[0] == ':':
			return l, strings.TrimFunc(trimmed[1:], isBlank)
		case strings.HasPrefix(trimmed, "："):
			return l, strings.TrimFunc(trimmed[len("："):], isBlank)
		case len(trimmed) < len(rest) && !strings.ContainsAny(trimmed[:min(1, len(trimmed))], "-/"):
			return l, strings.TrimFunc(trimmed, isBlank)
		}
	}
	return "", ""
}

// looksLabelled: "Phone: 1", so not the value of the label above.
func looksLabelled(s string) bool {
	i := strings.IndexByte(s, ':')
	return i > 0 && i < 40 && !strings.Contains(s[:i], "@") && !strings.HasPrefix(strings.ToLower(s), "mailto:")
}
