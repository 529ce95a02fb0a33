package mailparse

import "time"

// Temporary: what B's and C's files will define. Whoever lands a file deletes
// its names here; A removes the rest.

// B
type forward struct {
	from          Address
	to, cc        []Address
	replyTo       Address
	subject, date string
	comment       string
	plain         string
	html          span
	hasHTML       bool
	client        string
	evidence      string
	weak          bool
}

func findForward(subject, plain string, doc *outline) *forward  { return nil }
func peelPrefixes(subject string) (bare string, forwarded bool) { return subject, false }

// C
type view struct {
	from        Address
	replyTo     []Address
	subject     string
	header      Header
	plain       string
	doc         *outline
	body        span
	date        time.Time
	forwarded   bool
	attachments []Attachment
}

func (p *Parser) transcript(v *view, b *budget) *Transcript { return nil }

func Excluded(address string, ownDomains, agents []string) string { return "" }
