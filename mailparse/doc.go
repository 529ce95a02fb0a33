// Package mailparse reads chat mails: bytes in, Mail out. It is pure: no I/O,
// no clock, no log, and it answers for any bytes.
//
// The way of one mail, and the file that holds each step:
//
//	parse.go    the pipeline as its own summary
//	mime.go     bytes → parts: tolerant MIME, charsets, limits
//	outline.go  HTML → a flat list of elements; text.go turns it into text
//	forward*.go unwrap somebody else's mail: inline or attached, outermost first
//	quote.go    what the writer wrote, without quoted mails and signature
//	profile.go  a chat product's layout as data; match.go finds the one that fits
//	customer.go candidates for the customer's address: one clear winner, or none
//	turns.go    who said what when; clean.go what is stripped
//	formats/    the built-in profiles
package mailparse
