package mailparse

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cutSignature takes one thing off the end of a text: the lines below "-- ",
// a device's line, a disclaimer, a block of contact details under a closing
// word, a list footer. Each is bounded, and something of the writer's must
// stand above.
func cutSignature(text string) (cut string, changed bool) {
	lines := strings.Split(text, "\n")
	if i := sigDash(lines); i >= 0 {
		return trimBody(strings.Join(lines[:i], "\n")), true
	}
	if i, j := deviceLine(lines); i >= 0 { // before contactBlock: its link is no contact
		return trimBody(strings.Join(slices.Delete(lines, i, j), "\n")), true
	}
	for _, find := range []func([]string) int{listFooter, contactBlock, dashName} {
		if i := find(lines); i >= 0 {
			return trimBody(strings.Join(lines[:i], "\n")), true
		}
	}
	if i := disclaimer(lines); i > 0 {
		return trimBody(strings.Join(lines[:i], "\n")), true
	}
	return text, false
}

// sigDash finds "-- " (RFC 3676 §4.3); the blank is often lost on the way. What
// is longer than a signature below it is text that somebody divided with dashes.
func sigDash(lines []string) int {
	const longest = 14
	below, found := 0, -1
	for i := len(lines) - 1; i >= 0 && below <= longest; i-- {
		t := strings.TrimRight(lines[i], " \t\u00a0")
		if t == "--" || t == "\u2014" || t == "-\u00a0-" || t == "\u2013" {
			if (i > 0 || lines[i] == "-- ") && (lines[i] == "-- " || !asks(lines[i+1:])) {
				found = i
			}
			continue
		}
		if t != "" {
			below++
		}
	}
	return found
}

// asks: somebody wants an answer, so these lines are no signature.
func asks(lines []string) bool {
	for _, l := range lines {
		if t := strings.TrimSpace(l); strings.HasSuffix(t, "?") && len(strings.Fields(t)) >= 5 {
			return true
		}
	}
	return false
}

// listFooter finds what list software, or a signature, has under a rule.
func listFooter(lines []string) int {
	for i := len(lines) - 1; i > 0 && i >= len(lines)-10; i-- {
		if !isShortRule(lines[i]) || !filledBefore(lines, i) {
			continue
		}
		below := strings.ToLower(strings.TrimSpace(strings.Join(lines[i+1:], "\n")))
		for _, w := range []string{"mailing list", "unsubscribe", "listinfo"} {
			if strings.Contains(below, w) {
				return i
			}
		}
		if below == "" || allLike(lines[i+1:], signatureLine) && (contact(lines[i+1:]) > 0 || strings.Count(below, "\n") < 2 && allLike(lines[i+1:], nameLine)) {
			return i
		}
		return -1
	}
	return -1
}

// isShortRule: three or more of one character that draws lines, or two underscores.
func isShortRule(line string) bool {
	t := strings.TrimSpace(line)
	return t == "__" || len(t) >= 3 && (strings.Trim(t, "_") == "" || strings.Trim(t, "-") == "" || strings.Trim(t, "=") == "" || strings.Trim(t, "*") == "" || strings.Trim(t, "~") == "")
}

func filledBefore(lines []string, i int) bool {
	for _, l := range lines[:i] {
		if strings.TrimSpace(l) != "" {
			return true
		}
	}
	return false
}

// contactBlock finds a closing word with a name and contact details under it.
// A closing with a name alone stays: it is part of what the writer said.
func contactBlock(lines []string) int {
	filled := 0
	for i := len(lines) - 1; i > 0 && filled <= 10; i-- {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		filled++
		if !isClosing(lines[i]) {
			if !signatureLine(lines[i]) {
				return -1
			}
			continue
		}
		if filled >= 3 && contact(lines[i+1:]) > 0 && filledBefore(lines, i) {
			return i
		}
		return -1
	}
	return -1
}

func isClosing(line string) bool {
	t := strings.ToLower(strings.Trim(line, " \t*_,.!;\u00a0，。！"))
	return len(t) <= 60 && closings[t]
}

// signatureLine: short, no sentence.
func signatureLine(line string) bool {
	t := strings.TrimSpace(line)
	if len(t) > 90 || strings.HasSuffix(t, "?") || strings.HasSuffix(t, ":") || strings.HasPrefix(t, ">") {
		return false
	}
	return len(strings.Fields(t)) <= 10
}

// nameLine: a few words, each with a capital, no number: a person or a company.
func nameLine(line string) bool {
	words := strings.Fields(line)
	for _, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); unicode.IsLower(r) || strings.ContainsAny(w, "0123456789:") {
			return false
		}
	}
	return len(words) <= 5
}

func allLike(lines []string, like func(string) bool) bool {
	for _, l := range lines {
		if strings.TrimSpace(l) != "" && !like(l) {
			return false
		}
	}
	return true
}

// contact counts lines with a phone number, an address, a link, or fields divided by bars.
func contact(lines []string) (n int) {
	for _, l := range lines {
		digits := 0
		for i := 0; i < len(l); i++ {
			if l[i] >= '0' && l[i] <= '9' {
				digits++
			}
		}
		low := strings.ToLower(l)
		if digits >= 6 || strings.Contains(l, "@") || strings.Contains(low, "www.") || strings.Contains(low, "http") || strings.Contains(l, " | ") {
			n++
		}
	}
	return n
}

// dashName finds "-Ann Example" as the last line.
func dashName(lines []string) int {
	i := len(lines) - 1
	if i < 2 || strings.TrimSpace(lines[i-1]) != "" {
		return -1
	}
	t := strings.TrimSpace(lines[i])
	name := strings.TrimLeft(t, "-\u2013\u2014")
	if strings.HasPrefix(t, "\u2014 ") || strings.HasPrefix(t, "\u2013 ") { // a hyphen and a blank begin the item of a list
		name = name[1:]
	}
	if n := len(t) - len(name); n == 0 || n > 4 || len(strings.Fields(name)) > 3 || len(name) > 40 {
		return -1
	}
	if r, _ := utf8.DecodeRuneInString(name); !unicode.IsUpper(r) {
		return -1
	}
	if strings.ContainsAny(name, ".:?!0123456789") {
		return -1
	}
	for j := i - 1; j >= 0; j-- {
		if above := strings.TrimSpace(lines[j]); above != "" {
			if strings.HasSuffix(above, ":") {
				return -1 // "I need:", and a list of one
			}
			break
		}
	}
	return i
}

// deviceLine finds "Sent from my iPhone" near the end, and the lines that go with it.
func deviceLine(lines []string) (from, to int) {
	filled := 0
	for i := len(lines) - 1; i >= 0 && filled < 6; i-- {
		if strings.TrimSpace(lines[i]) == "" {
			continue
		}
		filled++
		if !isDeviceLine(lines[i]) {
			continue
		}
		if i+1 < len(lines) && strings.TrimSpace(lines[i+1]) != "" && !hasDevice(strings.ToLower(lines[i])) {
			continue // "Sent from my house", and the sentence goes on
		}
		to = i + 1
		if to == len(lines)-1 && len(lines[to]) <= 20 && hasDevice(strings.ToLower(lines[to])) {
			to++ // wrapped
		}
		return i, to
	}
	return -1, -1
}

func isDeviceLine(line string) bool {
	t := strings.ToLower(strings.Trim(line, " \t*_<>[]()-~.\u00a0\u200e\u200f"))
	if t == "" || len(t) > 250 {
		return false
	}
	link := ""
	if i := strings.Index(t, "http"); i >= 0 {
		t, link = strings.TrimRight(t[:i], " <[(]"), t[i:]
		if k := strings.IndexAny(link, ">)"); k >= 0 { // "Sent from Mail<https://…> for Windows"
			t = strings.TrimRight(t+link[k+1:], " ")
		}
		t = strings.Replace(t, "[", "", 1)
	}
	t, tail, _ := strings.Cut(t, ",")
	words := len(strings.Fields(t))
	if len(t) > 120 || words > 12 || strings.HasSuffix(t, "?") {
		return false
	}
	if !strings.HasPrefix(t, "please excuse ") && !(strings.HasPrefix(t, "sent from my ") && words <= 4) &&
		!(deviceWords(t, words) && (link != "" || hasDevice(t))) {
		return false
	}
	return len(strings.Fields(tail)) <= 3 || goesWithDevice(tail)
}

// deviceWords: it begins or ends like the line that a device writes.
func deviceWords(t string, words int) bool {
	for _, w := range mobileWords {
		if strings.HasPrefix(t, w) {
			return true
		}
	}
	for _, w := range mobileTails {
		if strings.HasSuffix(t, w) {
			return words <= 7
		}
	}
	return false
}

// goesWithDevice: "Sent from my iPhone, please excuse typos"; but "Sent from my
// desk, which is …" is a sentence.
func goesWithDevice(tail string) bool {
	return apology(tail) || len(tail) < 40 && hasDevice(tail) && (strings.HasPrefix(tail, " an ") || strings.Contains(tail, "sent "))
}

func apology(t string) bool {
	for _, w := range []string{"excuse", "pardon", "sorry", "typo", "brevity", "apolog", "forgive"} {
		if strings.Contains(t, w) {
			return true
		}
	}
	return false
}

func hasDevice(t string) bool {
	for _, d := range devices {
		if strings.Contains(t, d) {
			return true
		}
	}
	return false
}

// disclaimer returns where the last paragraph begins if it is legal or printing advice.
func disclaimer(lines []string) int {
	i := len(lines)
	for i > 0 && strings.TrimSpace(lines[i-1]) != "" {
		i--
	}
	if !filledBefore(lines, i) {
		return -1
	}
	text := strings.ToLower(strings.Join(lines[i:], " "))
	text = strings.Trim(text, " \t*_-=#|\u00a0")
	legal := 0
	for _, w := range confidentialWords {
		if strings.Contains(text, w) {
			legal++
		}
	}
	if legal == 0 || strings.Contains(text, "?") {
		return -1
	}
	head := text[:min(len(text), 100)]
	for _, d := range disclaimers {
		if strings.Contains(head, d) && (legal > 1 || speaksLegal(d)) {
			return i
		}
	}
	if legal >= 4 && len(text) > 200 {
		return i
	}
	return -1
}

// speaksLegal: the beginning alone says what the paragraph is; "Este mensaje" does not.
func speaksLegal(beginning string) bool {
	for _, w := range confidentialWords {
		if strings.Contains(beginning, w) {
			return true
		}
	}
	return strings.HasPrefix(beginning, "disclaimer") || strings.HasPrefix(beginning, "haftungs")
}
