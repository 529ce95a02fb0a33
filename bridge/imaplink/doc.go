// Package imaplink is one connection to an IMAP server, as imapin and imapout
// both need it: secured and logged in, on go-imap, with what go-imap lacks:
// limits of time and size for everything, errors that say what was being done
// and tell a refusal from a broken connection, and a way out of a client that
// never comes back (each of its pitfalls is noted where it is avoided).
package imaplink
