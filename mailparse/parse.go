package mailparse

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
