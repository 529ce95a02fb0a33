package mailparse

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

//go:embed labels.txt
var labelsText string

// labelField is what a line of a header block says.
type labelField uint8

const (
	fieldFrom labelField = iota
	fieldDate
	fieldTo
	fieldCc
	fieldBcc
	fieldSubject
	fieldReplyTo
	fieldOther // stands in blocks, says nothing we need
	numFields
)

// separatorUse is what a separator introduces.
type separatorUse uint8

const (
	useNone    separatorUse = iota // no separator we know
	useForward                     // only ever written above a forward
	useEither                      // a reply by some clients, a forward by others
	useNamed                       // of a forward, with a name behind it
	useEnd                         // below a forward
)

// localeSet is a set of up to 128 locales, by their place in labels.txt.
type localeSet [2]uint64

func (s *localeSet) add(i int)                { s[i/64] |= 1 << (i % 64) }
func (s localeSet) has(i int) bool            { return s[i/64]&(1<<(i%64)) != 0 }
func (s localeSet) and(t localeSet) localeSet { return localeSet{s[0] & t[0], s[1] & t[1]} }
func (s localeSet) empty() bool               { return s[0]|s[1] == 0 }

// labelUse says that a label means field in these locales.
type labelUse struct {
	field   labelField
	locales localeSet
}

// subjectLead is what the first prefix of a Subject says was done.
type subjectLead uint8

const (
	leadForward subjectLead = 1 << iota
	leadReply
	leadNone      subjectLead = 0
	leadAmbiguous             = leadForward | leadReply // "VS"
)

// labelTable is labels.txt, read.
type labelTable struct {
	locales      []string
	english      localeSet // what every locale may mix in
	labels       map[string][]labelUse
	separators   map[string]separatorUse
	named        []string
	prefixes     map[string]subjectLead
	behalf       []string
	attributions []*attributionForm
	keywords     []attributionKeyword
}

// clientLabels is read once, when the first mail needs it: that takes 2 ms.
var clientLabels = sync.OnceValue(func() *labelTable { return readLabels(labelsText) })

func readLabels(src string) *labelTable {
	t := &labelTable{labels: map[string][]labelUse{}, separators: map[string]separatorUse{}, prefixes: map[string]subjectLead{}}
	locale := -1
	for line := range strings.Lines(src) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		cols := strings.Split(line, "\t")
		if cols[0] == "locale" {
			locale++
			t.locales = append(t.locales, cols[1])
			if cols[1] == "any" || cols[1] == "en" {
				t.english.add(locale)
			}
			continue
		}
		t.read(locale, cols[0], cols[1:])
	}
	t.indexAttributions()
	return t
}

var fieldNames = map[string]labelField{"from": fieldFrom, "date": fieldDate, "to": fieldTo, "cc": fieldCc, "bcc": fieldBcc, "subject": fieldSubject, "reply_to": fieldReplyTo, "other": fieldOther}

var separatorUses = map[string]separatorUse{"forward": useForward, "either": useEither, "named": useNamed, "end": useEnd}

func (t *labelTable) read(locale int, kind string, texts []string) {
	switch kind {
	case "forward", "reply":
		lead := leadForward
		if kind == "reply" {
			lead = leadReply
		}
		for _, s := range texts {
			t.prefixes[foldLabel(s)] |= lead
		}
	case "separator":
		use := separatorUses[texts[0]]
		for _, s := range texts[1:] {
			if s = foldLabel(s); use == useNamed {
				t.named = append(t.named, s)
			} else {
				t.separators[s] = use
				t.separators[bareLetters(s)] = use
			}
		}
	case "behalf":
		for _, s := range texts {
			t.behalf = append(t.behalf, foldLabel(s))
		}
	case "attribution":
		t.attributions = append(t.attributions, &attributionForm{line: texts[1], locale: locale})
	default:
		for _, s := range texts {
			key := foldLabel(s)
			t.addLabel(key, fieldNames[kind], locale)
			if bare := bareLetters(key); bare != key {
				t.addLabel(bare, fieldNames[kind], locale)
			}
		}
	}
}

func (t *labelTable) addLabel(key string, f labelField, locale int) {
	uses := t.labels[key]
	for i := range uses {
		if uses[i].field == f {
			uses[i].locales.add(locale)
			return
		}
	}
	u := labelUse{field: f}
	u.locales.add(locale)
	t.labels[key] = append(uses, u)
}

// localeNames lists the codes of a set, for evidence.
func (t *labelTable) localeNames(s localeSet) string {
	var names []string
	for i, code := range t.locales {
		if s.has(i) && code != "any" {
			if names = append(names, code); len(names) == 4 {
				names = append(names, "…")
				break
			}
		}
	}
	return strings.Join(names, " ")
}

// foldLabel makes labels and separators comparable: no case, no marks of
// direction, one kind of blank, letters composed.
func foldLabel(s string) string {
	s = strings.TrimSpace(s)
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' || c == '\t' || c == ' ' && i+1 < len(s) && s[i+1] == ' ' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	s = visible(s)
	if strings.Contains(s, "  ") || strings.Contains(s, "\t") {
		s = strings.Join(strings.Fields(s), " ")
	}
	s = strings.ToLower(norm.NFC.String(s))
	if strings.Contains(s, "ς") || strings.Contains(s, "ı") || strings.Contains(s, "\u0307") {
		s = foldRest.Replace(s)
	}
	return strings.TrimSpace(s)
}

// foldRest: what lower case leaves different. Final sigma, the Turkish i.
var foldRest = strings.NewReplacer("ς", "σ", "i\u0307", "i", "ı", "i")

// bareLetters takes accents off a folded text: "ΑΠΌ" is also written "ΑΠΟ", and
// some gateways drop them all.
func bareLetters(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(func(c rune) rune {
				if unicode.Is(unicode.Mn, c) {
					return -1
				}
				return c
			}, norm.NFD.String(s))
		}
	}
	return s
}

// label looks a label up, without its colon.
func (t *labelTable) label(s string) []labelUse {
	key := foldLabel(s)
	if uses := t.labels[key]; uses != nil {
		return uses
	}
	return t.labels[bareLetters(key)]
}

// visible drops zero-width and control characters and direction marks and
// makes every blank a plain one. Labels are looked for in it; addresses are judged on the
// text before (THREATS T14).
func visible(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf || s[i] < ' ' && s[i] != '\t' && s[i] != '\n' {
			return strings.Map(visibleRune, s)
		}
	}
	return s
}

func visibleRune(c rune) rune {
	switch {
	case c == 0xa0 || c == 0x202f || c == 0x3000 || 0x2000 <= c && c <= 0x200a:
		return ' '
	case zeroWidth(c) || unicode.IsControl(c) && c != '\t' && c != '\n':
		return -1
	}
	return c
}

// attributionForm is one way to say "on that date that one wrote".
type attributionForm struct {
	line   string
	locale int
	words  []string // folded; all of them stand in a line of this form
	once   sync.Once
	re     *regexp.Regexp
}
