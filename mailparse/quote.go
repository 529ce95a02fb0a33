package mailparse

// withoutQuotes takes quoted mails, their intro lines and (reply) the signature
// off a body. unquoted keeps the signature.
func withoutQuotes(text string) (reply, unquoted string) { return text, text }

// unquotedHTML renders a body without the quotes that its markup names.
func unquotedHTML(s span) (string, bool) { return "", false }
