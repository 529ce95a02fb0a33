package mailparse

// unquotedHTML renders a body without the quotes that its markup names.
func unquotedHTML(s span) (string, bool) { return "", false }
