package mailparse

import "errors"

// Options say what a Parser knows of the installation.
type Options struct {
	// Profiles in the order they are tried; the first that matches decides.
	Profiles []*Profile
	// OwnDomains (with their subdomains) and Agents are never the customer.
	OwnDomains []string
	Agents     []string
	// Limits bounds what one mail may cost; the zero value means DefaultLimits.
	Limits Limits
}

// Parser reads mails. It is immutable and safe for concurrent use.
type Parser struct {
	opts Options
}

// NewParser checks the options.
func NewParser(o Options) (*Parser, error) {
	for _, p := range o.Profiles {
		if p == nil {
			return nil, errors.New("profiles: nil profile")
		}
	}
	return &Parser{opts: o}, nil
}

// Parse reads one mail. It answers for any bytes; damage is in Warnings.
func (p *Parser) Parse(raw []byte) *Mail {
	b := newBudget(p.opts.Limits)
	outer := readMessage(raw, b)
	m := &Mail{Carrier: "direct", Text: outer.plain}
	m.Reply, m.Unquoted = withoutQuotes(m.Text)
	m.Chat = p.transcript(&view{subject: m.Subject, header: outer.header, plain: outer.plain}, b)
	m.Warnings = b.warnings
	return m
}
