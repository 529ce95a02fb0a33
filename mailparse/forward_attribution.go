package mailparse

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// attribution is the line that says who wrote what is quoted below it:
// "On 28 October 2021, Ann <ann@example.com> wrote:".
type attribution struct {
	name, address, date string
	lines               int // how many it takes
}

// attributionKeyword leads from the words of a line to the forms that hold them.
type attributionKeyword struct {
	word  string // folded: "wrote", "schrieb", "a écrit"
	forms []*attributionForm
}

const attributionMarks = "\"'«»„”()<>,.:：، 、，"

// indexAttributions groups the forms by the longest fixed words in them.
func (t *labelTable) indexAttributions() {
	for _, f := range t.attributions {
		word := ""
		for _, literal := range placeholder.Split(f.line, -1) {
			literal = strings.ToLower(literal)
			for w := range strings.FieldsSeq(literal) {
				if w = strings.Trim(w, attributionMarks); len(w) > 1 {
					f.words = append(f.words, w)
				}
			}
			literal = strings.Trim(literal, attributionMarks)
			if len(literal) > len(word) {
				word = literal
			}
		}
		if len(word) < 3 {
			continue // "{date} {time}, {name}:" is left to the general form
		}
		k := slices.IndexFunc(t.keywords, func(k attributionKeyword) bool { return k.word == word })
		if k < 0 {
			k = len(t.keywords)
			t.keywords = append(t.keywords, attributionKeyword{word: word})
		}
		t.keywords[k].forms = append(t.keywords[k].forms, f)
	}
}

var placeholder = regexp.MustCompile(`\{(?:date|time|name|address)\}`)

// regexp compiles the form when it is first needed.
func (f *attributionForm) regexp() *regexp.Regexp {
	f.once.Do(func() {
		var b strings.Builder
		b.WriteString(`(?i)^\W{0,3}`)
		seen := map[string]bool{}
		rest := strings.TrimRight(f.line, ":：. ")
		for rest != "" {
			loc := placeholder.FindStringIndex(rest)
			if loc == nil {
				b.WriteString(literalPattern(rest))
				break
			}
			b.WriteString(literalPattern(rest[:loc[0]]))
			name := rest[loc[0]+1 : loc[1]-1]
			pattern := placePatterns[name]
			if seen[name] {
				pattern = strings.Replace(pattern, "?P<"+name+">", "?:", 1)
			}
			seen[name] = true
			b.WriteString(pattern)
			rest = rest[loc[1]:]
		}
		b.WriteString(`\s*[:：.]?\s*$`)
		f.re = regexp.MustCompile(b.String())
	})
	return f.re
}

var placePatterns = map[string]string{
	"date":    `(?P<date>.{1,80}?)`,
	"time":    `(?P<time>.{1,30}?)`,
	"name":    `["'«„“”»]*(?P<name>[^<>]{0,120}?)["'“”«»]*`,
	"address": `(?:mailto:)?(?P<address>[^\s<>()]+@[^\s<>()]+)(?:<mailto:[^<>]*>)?`,
}

// literalPattern matches fixed words with any blanks between them, and quotes
// and brackets as variable as people's clients are.
func literalPattern(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == ' ':
			b.WriteString(`\s*`)
		case strings.ContainsRune(`"'«»„”“`, c):
			b.WriteString(`["'«»„”“]?`)
		case c == ',' || c == '，' || c == '،' || c == '、':
			b.WriteString(`[,，،、]?`)
		case c == '<':
			b.WriteString(`\s*[<(\[]+`)
		case c == '>':
			b.WriteString(`[>)\]]+\s*`)
		case c == '(' || c == ')':
			b.WriteString(`[()]?`)
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String()
}

const maxAttribution = 600

// attributionAt reads an attribution that begins at line i and may be wrapped
// over two more.
func attributionAt(lines []fwdLine, i int) (attribution, bool) {
	for n := 1; n <= 3 && i+n <= len(lines); n++ {
		last := &lines[i+n-1]
		if last.empty() || last.depth != lines[i].depth {
			break
		}
		if !strings.HasSuffix(last.text, ":") && !strings.HasSuffix(last.text, "：") {
			continue
		}
		a, ok := readAttribution(joinLines(lines[i : i+n]))
		if ok && n > 1 {
			// "Thanks!" before it is not part of it.
			if _, shorter := attributionAt(lines, i+1); shorter {
				return attribution{}, false
			}
		}
		a.lines = n
		return a, ok
	}
	return attribution{}, false
}

// endsWithColon: an attribution that begins at line i could end here.
func endsWithColon(lines []fwdLine, i int) bool {
	for n := range min(3, len(lines)-i) {
		if t := lines[i+n].text; strings.HasSuffix(t, ":") || strings.HasSuffix(t, "：") {
			return true
		} else if t == "" {
			return false
		}
	}
	return false
}

func joinLines(lines []fwdLine) string {
	text := lines[0].text
	for _, l := range lines[1:] {
		text = joinWrapped(text, l.text, fieldFrom)
	}
	return text
}

// readAttribution reads one line that ends with a colon.
func readAttribution(text string) (attribution, bool) {
	if len(text) < 8 || len(text) > maxAttribution || !strings.ContainsAny(text, "0123456789@") || strings.Contains(text, "://") && !strings.Contains(text, "@") {
		return attribution{}, false
	}
	low := strings.ToLower(text)
	for _, k := range clientLabels().keywords {
		if !strings.Contains(low, k.word) {
			continue
		}
		for _, f := range k.forms {
			if !containsAll(low, f.words) {
				continue
			}
			if a, ok := f.match(text); ok && (a.address != "" || !strings.Contains(text, "@")) {
				return a, true
			}
		}
	}
	if a, ok := generalAttribution(text); ok {
		return a, true
	}
	if a, ok := quotedNameAttribution(text); ok {
		return a, true
	}
	return introAttribution(text)
}

// introAttribution reads a client's intro in whatever order its language has:
// the name stands before the address, and where the date does, too, behind the
// small words that divide the two ("tarihinde", "je oseba", "hat").
func introAttribution(text string) (attribution, bool) {
	m := bracketedAddress.FindStringSubmatchIndex(text)
	if m == nil || !readIntro(text).client() {
		return attribution{}, false
	}
	before, behind := text[:m[0]], text[m[1]:]
	date := fromDigitToDigit(before)
	name := before
	if date != "" {
		name = nameBehind(before[strings.LastIndex(before, date)+len(date):])
	} else {
		date = fromDigitToDigit(behind)
	}
	return attribution{name: cleanName(name), address: text[m[2]:m[3]], date: date}, true
}

var bracketedAddress = regexp.MustCompile(` ?[<(\[]+(?:mailto:)?([^\s<>()\[\]]+@[^\s<>()\[\]]+)[>)\]]+`)

// fromDigitToDigit is the date in a text that has no other numbers, with the
// word that belongs to its clock.
func fromDigitToDigit(s string) string {
	from, to := strings.IndexFunc(s, unicode.IsDigit), strings.LastIndexFunc(s, unicode.IsDigit)
	if from < 0 {
		return ""
	}
	return strings.TrimRight(s[from:to+1]+clockWord.FindString(s[to+1:]), " ,，、")
}

// nameBehind takes small words and marks off the front of a name.
func nameBehind(s string) string {
	words := strings.Fields(strings.TrimLeft(s, " ,，、،.\u2014\u2013-"))
	for len(words) > 1 {
		first, _ := utf8.DecodeRuneInString(words[0])
		if !unicode.IsLower(first) && unicode.IsLetter(first) || strings.ContainsRune("\"«„“'", first) {
			break
		}
		words = words[1:]
	}
	return strings.Join(words, " ")
}

// quotedNameAttribution: with a word for writing, a date, and "Ann" in quotes
// before her address, the language's order does not matter. Outlook 2019
// translates this line more freely than others.
func quotedNameAttribution(text string) (attribution, bool) {
	m := quotedNameForm.FindStringSubmatch(text)
	if m == nil {
		return attribution{}, false
	}
	if in := readIntro(text); !in.verb || !in.date || in.words > 16 {
		return attribution{}, false
	}
	return attribution{name: cleanName(m[2]), address: m[3], date: m[1]}, true
}

var quotedNameForm = regexp.MustCompile(`^[\p{L}. ]{0,20}?(\d[\d\p{L} .,:/+()-]{5,60}?\d)[\p{L}., ]{0,40}["«„“]([^<>@"«»„“”]{1,80})["»”“] ?[<(]([^\s<>()]+@[^\s<>()]+)[>)][\p{L}(), ]{0,30}[:：]$`)

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

func (f *attributionForm) match(text string) (attribution, bool) {
	re := f.regexp()
	m := re.FindStringSubmatchIndex(text)
	if m == nil {
		return attribution{}, false
	}
	group := func(name string) (string, int, int) {
		if i := 2 * re.SubexpIndex(name); i > 0 && m[i] >= 0 {
			return text[m[i]:m[i+1]], m[i], m[i+1]
		}
		return "", -1, -1
	}
	date, dateFrom, dateTo := group("date")
	name, nameFrom, nameTo := group("name")
	clock, clockFrom, clockTo := group("time")
	address, _, _ := group("address")
	if from := min(dateFrom, clockFrom); dateFrom >= 0 && clockFrom >= 0 {
		dateTo = max(dateTo, clockTo)
		dateFrom, date = from, text[from:dateTo]
	} else if clock != "" && date == "" {
		date, dateFrom, dateTo = clock, clockFrom, clockTo
	}
	if 0 <= dateFrom && dateFrom < nameFrom && touches(text[dateTo:nameFrom]) {
		date, name = divideDateName(text[dateFrom:nameTo])
		name = nameBehind(name)
	}
	a := attribution{name: cleanName(name), address: address, date: strings.Trim(visible(date), " ,，、")}
	if a.address == "" && strings.Contains(a.name, "@") {
		b := parseMailbox(a.name)
		a.name, a.address = b.Name, b.Address
	}
	if a.date != "" && !hasDigit(a.date) {
		return attribution{}, false
	}
	return a, a.date != "" || a.address != ""
}

// touches: nothing but blanks and commas stands between date and name.
func touches(between string) bool {
	return strings.Trim(between, " ,，、،\"'«„“”\u00a0\u202f") == ""
}

// divideDateName: where a form has the name right behind the date, nothing in
// the pattern can tell them apart. A quoted end is the name; else what follows
// the last digit, and the word that belongs to the clock.
func divideDateName(s string) (date, name string) {
	if k := strings.IndexAny(s, "\"«„“”"); k > 0 && hasDigit(s[:k]) {
		return s[:k], s[k:]
	}
	k := strings.LastIndexFunc(s, unicode.IsDigit)
	if k < 0 {
		return s, ""
	}
	for k < len(s) && (isDigit(s[k]) || s[k] >= 0x80 || s[k] == '.' || s[k] == ')') {
		k++
	}
	rest := clockWord.FindString(s[k:])
	return s[:k] + rest, s[k+len(rest):]
}

var clockWord = regexp.MustCompile(`(?i)^[\s\x{00a0}\x{202f}]*(?:a\.?m\.?|p\.?m\.?|uhr|h|hrs|годин[аи]?|г\.?|ч\.?)?[\s\x{00a0}\x{202f}]*(?:\(?(?:GMT|UTC|CES?T|MES?Z|[ECMP][SD]T|BST|IST|JST|MSK)\)?)?(?:[\s,，、\x{00a0}\x{202f}]|$)`)

// generalAttribution: "28.10.2021, 12:46, "Ann" <ann@example.com>:" needs no word.
func generalAttribution(text string) (attribution, bool) {
	m := generalForm.FindStringSubmatchIndex(text)
	if m == nil || !hasDigit(text[m[2]:m[3]]) {
		return attribution{}, false
	}
	date, name := divideDateName(text[m[2]:m[5]])
	return attribution{name: cleanName(nameBehind(name)), address: text[m[6]:m[7]], date: strings.Trim(date, " ,，")}, true
}

var generalForm = regexp.MustCompile(`^((?:[\p{L}]{1,12}[.,]? ){0,2}\d[\d\p{L} .,:/+()-]{5,60}?)[,，]? +["«„“]?([\p{L}][^<>@\d"]{0,80}?)["»”“]? ?[<(]([^\s<>()]+@[^\s<>()]+)[>)] ?[:：]$`)

func hasDigit(s string) bool { return strings.ContainsFunc(s, unicode.IsDigit) }
