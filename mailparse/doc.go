// Package mailparse reads chat mails: bytes in, Mail out. It is pure: no I/O,
// no clock, no log, and it answers for any bytes.
//
// The way of one mail, and the file that holds each step:
//
//	parse.go    the pipeline as its own summary
//	mime.go     bytes → parts (mime_*.go), header*.go, charset.go; limits.go is
//	            what a mail may cost, and collects the warnings
//	letter.go   one mail as a reader sees it: address*.go its people, auto.go
//	            whether a person wrote it
//	outline.go  HTML → a flat list of elements; text.go turns it into text
//	forward*.go unwrap somebody else's mail: inline or attached, outermost first
//	quote*.go   what the writer wrote, without quoted mails and signature
//	profile.go  a chat product's layout as data; profile_*.go reads its TOML,
//	            configure.go the operator's settings, labelled.go a whole layout
//	match.go    finds the profile that fits; condition.go is one test of a mail
//	transcript.go  what is read with it, in order:
//	  turns*.go      who said what when; clean.go what nobody said
//	  conversation.go  which conversation; pins.go whose workspace
//	  customer.go    candidates for the customer's address, found by locate*.go:
//	                 one clear winner, or none; exclude.go who it can never be
//	explain.go  tells a person why
//	formats/    the built-in profiles, and formats/examples/ to start one's own from
package mailparse
