package mailparse

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Profile is one chat product's mail layout, as data: how to know its mails,
// where the customer's address stands, what a turn looks like, what to strip.
// It is immutable once loaded; Configure returns a changed copy.
type Profile struct {
	Name    string
	Title   string
	Enabled bool   // may be used when the config does not list formats
	Source  string // "built-in" or the file it was read from

	// Evidence says how each aspect of the layout is known.
	Evidence []Evidence
	// Pins are values only the operator knows: whose workspace is ours.
	Pins []Pin
	// AnyWorkspace: the operator said aloud that any workspace is believed.
	AnyWorkspace bool

	full     bool           // a mail holds the whole chat so far
	attached bool           // the chat is a text file beside the mail, not its body
	maxTurns int            // the product shows no more than these; 0 = no such limit known
	zone     *time.Location // of the times in the mail; nil: that of its Date
	hold     time.Duration

	senders      []condition // say "this product sent it", whatever it says inside
	match        conditions
	kinds        []kind
	customer     customerRules
	html         *htmlTurns
	text         *textTurns
	conversation conversationRules
	strip        stripRules
	label        *labelled // generic-labelled: waits for the operator's settings
	htmlAnchors  []selector
	labels       []string // all that locators and attributes name
}

// Evidence is how well an aspect of a layout is known: grade A is a raw mail or
// the exact template, B the vendor's documentation, C one third party, D weak.
type Evidence struct {
	Aspect, Grade, Date, Source, Note string
}

// Pin is a value that tells the operator's workspace from a stranger's.
type Pin struct{ Name, Value string }

// Kinds lists the kinds of mail the profile tells apart, in order, with what is
// done to each.
func (p *Profile) Kinds() []string {
	var names []string
	for _, k := range p.kinds {
		names = append(names, fmt.Sprintf("%s (%s)", k.name, k.action))
	}
	return names
}

// Pinned reports whether the operator said whose workspace is believed. A
// profile without pins has nothing to say.
func (p *Profile) Pinned() bool {
	return p.AnyWorkspace || len(p.Pins) == 0 || slices.ContainsFunc(p.Pins, func(q Pin) bool { return q.Value != "" })
}

func (p *Profile) pin(name string) string {
	for _, q := range p.Pins {
		if q.Name == name {
			return q.Value
		}
	}
	return ""
}

func (p *Profile) hasPin(name string) bool {
	return slices.ContainsFunc(p.Pins, func(q Pin) bool { return q.Name == name })
}

// pinNames are the pins there are; what each is compared with stands in pins.go.
var pinNames = []string{"workspace_host", "app_id", "from_address"}

// kind is one sort of mail a product sends.
type kind struct {
	name   string
	when   conditions
	action Action
	reason string
	full   *bool // overrides the profile's completeness
	single bool  // without lines of turns, all of it is one turn of the customer
}

// customerRules say where the address stands.
type customerRules struct {
	address    []locator
	name       []locator
	attributes []attribute
	deny       []string // domains of the product, with subdomains
	denyLocal  []string
	// denyAddress are the product's own senders.
	denyAddress []string
	facts       *textPlace // where attributes stand, if not where the address does
	mustAgree   bool
	atLeast     int // so many locators must name the address
}

type attribute struct {
	name   string
	labels []string
}

// locator is one place to look, always bounded: a structural cell outside
// message bodies, a region of the text no visitor can write, a header field.
type locator struct {
	html         *htmlPlace
	text         *textPlace
	header       string
	subject      *pattern
	subjectGroup string
	fromName     *pattern
	from         bool
	take         string // only, mailto, link_text, group
	required     bool
}

type htmlPlace struct {
	place   int // which of the profile's places: what is read there once is kept
	at      []selector
	labels  []string
	outside []selector // on top of the message bodies, which are always outside
}

type textPlace struct {
	labels    []string
	after     *pattern // the first such line begins the region
	afterLast *pattern // the last such line does
	before    *pattern // the next such line ends it
	toEnd     bool     // before = "end"
	last      bool     // of several labelled lines the last counts, and nothing beside them
	unless    *pattern // a region with such a line is not to be trusted
	firstLine *pattern // no region: the first line, group address or name
}

// selector finds elements: "#id" or a class name.
type selector struct {
	id   bool
	name string
}

func (s selector) String() string {
	if s.id {
		return "#" + s.name
	}
	return "." + s.name
}

// htmlTurns says what a turn looks like in the HTML part.
type htmlTurns struct {
	part, body, meta, author selector
	metaLine                 *pattern // who, at
	roles                    map[string]Role
	defaultRole              Role
	dates                    []dateLayout
}

// textTurns says what a turn looks like in text.
type textTurns struct {
	from, to    []*pattern
	skip        []*pattern // lines above the first message that nobody said
	glue        []*pattern // lines that belong to the one above: a client wrapped it
	lines       []*pattern // at or date and time, who, text, whisper
	metaLast    bool       // the line stands below what was said
	single      bool       // without such lines, all of it is one turn of the customer
	dates       []dateLayout
	roles       map[string]Role
	bots        []string
	customerIs  string // "name", or the word that stands for the customer
	initials    bool   // a line with the speaker's initials stands above
	defaultRole Role
}

// conversationRules say how the conversation is told.
type conversationRules struct {
	link      []*pattern
	lastLink  bool // of several links the last is the product's
	subject   []*pattern
	messageID []*pattern
	header    []headerPattern
	line      []*pattern
	key       []string
}

type headerPattern struct {
	name string
	re   *pattern
}

// stripRules say what of a mail nobody said.
type stripRules struct {
	at    []selector
	lines []*pattern
	texts []string // markup of the product within a line
	urls  []*pattern
	alts  []string
	maxPx int
}

// pattern is a regular expression with literals that every match holds: a plain
// search for them spares most texts the expression (THREATS T20).
type pattern struct {
	re        *regexp.Regexp
	lit, lit2 string
}

// possible: s holds what every match holds.
func (p *pattern) possible(s string) bool {
	return (p.lit == "" || strings.Contains(s, p.lit)) && (p.lit2 == "" || strings.Contains(s, p.lit2))
}

func (p *pattern) String() string { return p.re.String() }

func (p *pattern) matches(s string) bool {
	return p.possible(s) && p.re.MatchString(s)
}

// groups returns the match of the whole and of its groups, nil where there is none.
func (p *pattern) groups(s string) []string {
	if !p.possible(s) {
		return nil
	}
	return p.re.FindStringSubmatch(s)
}

// group returns the named group of m, which groups returned.
func (p *pattern) group(m []string, name string) string {
	if i := p.re.SubexpIndex(name); i > 0 && i < len(m) {
		return m[i]
	}
	return ""
}

//go:embed formats/*.toml
var builtinFiles embed.FS

//go:embed formats/examples/template.toml
var template string

// Template is an annotated profile to start a format of one's own from.
func Template() string { return template }

// builtin is parsed once; profiles are immutable, so all parsers share them.
var builtin = sync.OnceValues(loadBuiltin)

// builtinOrder is the order in which mails are tried: a product whose mails name
// their sender comes before one that is known by its text only.
var builtinOrder = []string{
	"intercom", "chaskiq", "zopim", "tawk", "rocketchat-offline", "rocketchat-transcript",
	"papercups", "tiledesk", "chatwoot", "mibew-offline", "mibew-history", "livehelperchat", "intercom-export", "generic-labelled",
}

// Builtin returns the profiles that come with the program, in the order in which
// mails are tried.
func Builtin() ([]*Profile, error) {
	ps, err := builtin()
	return slices.Clone(ps), err
}

func loadBuiltin() ([]*Profile, error) {
	files, err := fs.Glob(builtinFiles, "formats/*.toml")
	if err != nil {
		return nil, fmt.Errorf("list built-in formats: %w", err)
	}
	var ps []*Profile
	var errs []error
	for _, f := range files {
		data, err := builtinFiles.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read built-in format %s: %w", f, err)
		}
		p, err := LoadProfile(f, data)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.Source = "built-in"
		ps = append(ps, p)
	}
	slices.SortStableFunc(ps, func(a, b *Profile) int {
		return rank(a.Name) - rank(b.Name)
	})
	return ps, errors.Join(errs...)
}

func rank(name string) int {
	if i := slices.Index(builtinOrder, name); i >= 0 {
		return i
	}
	return len(builtinOrder)
}
