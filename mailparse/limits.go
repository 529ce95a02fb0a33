package mailparse

import "slices"

// Limits bounds what one mail may cost. A zero field means that of DefaultLimits.
type Limits struct {
	HeaderBytes int // one header, folded lines included
	HeaderLines int // physical lines of one header
	Depth       int // multiparts inside one another
	Parts       int // of the whole mail, multiparts and attached mails counted
	Attached    int // message/rfc822 and .eml inside one another
	TextBytes   int // decoded text of the whole mail, in bytes of UTF-8
}

// DefaultLimits are those of THREATS T13. Other programs allow more (Postfix
// 100 levels and 102,400 bytes of header); no mail of a chat product comes near.
var DefaultLimits = Limits{
	HeaderBytes: 128 << 10,
	HeaderLines: 1000,
	Depth:       20,
	Parts:       500,
	Attached:    5,
	TextBytes:   2 << 20,
}

// or fills the zero fields of l from d.
func (l Limits) or(d Limits) Limits {
	for _, f := range []struct{ have, def *int }{
		{&l.HeaderBytes, &d.HeaderBytes},
		{&l.HeaderLines, &d.HeaderLines},
		{&l.Depth, &d.Depth},
		{&l.Parts, &d.Parts},
		{&l.Attached, &d.Attached},
		{&l.TextBytes, &d.TextBytes},
	} {
		if *f.have <= 0 {
			*f.have = *f.def
		}
	}
	return l
}

// budget is what one mail may still spend. Damage and cuts are collected here
// as warnings: they never stop the reading, the profile stage parks on limit-….
type budget struct {
	Limits
	headerLeft int // bytes of header text in the whole mail: parts have headers, too
	warnings   []string
}

func newBudget(l Limits) *budget {
	b := &budget{Limits: l.or(DefaultLimits)}
	b.headerLeft = 4 * b.HeaderBytes
	return b
}

// warn notes a kind of damage once.
func (b *budget) warn(s string) {
	if !slices.Contains(b.warnings, s) {
		b.warnings = append(b.warnings, s)
	}
}

// part takes one part; false when the mail has too many.
func (b *budget) part() bool {
	if b.Parts <= 0 {
		b.warn("limit-parts")
		return false
	}
	b.Parts--
	return true
}

// text takes up to n bytes of decoded text and says how many are granted.
func (b *budget) text(n int) int {
	if n > b.TextBytes {
		n = b.TextBytes
		b.warn("limit-text")
	}
	b.TextBytes -= n
	return n
}
