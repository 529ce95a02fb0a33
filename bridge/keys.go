package bridge

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"ticketbridge/mailparse"
)

// Keys makes every id that must be the same after a restore and that nobody
// else may be able to make. The secret lives outside the database: whoever has
// only the database cannot forge an id, and a database lost and built anew
// yields the same ids from the same mails.
type Keys struct {
	secret []byte
	domain string // right side of Message-IDs and reverse-paths
}

// MinSecret is the least length of the secret, in bytes.
const MinSecret = 32

// NewKeys returns the keys of one installation; domain is its own domain.
func NewKeys(secret []byte, domain string) (Keys, error) {
	if len(secret) < MinSecret {
		return Keys{}, errors.New("key: want at least 32 bytes of secret")
	}
	return Keys{secret: secret, domain: domain}, nil
}

// b32 keeps ids case-insensitive: mail systems fold local parts.
var b32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// refAlphabet leaves out what people misread aloud or on paper (I, L, O, U).
var refAlphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// mac authenticates parts under a label. Lengths go in, so that ("ab","c") and
// ("a","bc") differ.
func (k Keys) mac(label string, parts ...string) []byte {
	h := hmac.New(sha256.New, k.secret)
	var n [8]byte
	for _, p := range append([]string{label}, parts...) {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// ContentKey identifies a mail by what it says, wherever it lies: the same mail
// in two folders, or under a new UIDVALIDITY, has the same one. It never rests
// on a few visible fields, so different mails do not share it.
func (k Keys) ContentKey(m *mailparse.Mail, raw []byte, size int64) string {
	h := m.Outer.Header
	sum := sha256.New()
	crlfNormal(sum.Write, body(raw))
	return b32.EncodeToString(k.mac("content", h.Get("Message-ID"), h.Get("From"), h.Get("Date"), h.Get("Subject"),
		string(sum.Sum(nil)), string(binary.BigEndian.AppendUint64(nil, uint64(sizeIfCut(raw, size)))))[:20])
}

// sizeIfCut tells mails apart of which only the header was fetched; of a whole
// mail the body does, and RFC822.SIZE may differ between folders (RFC 3501 §7.4.2).
func sizeIfCut(raw []byte, size int64) int64 {
	if int64(len(raw)) >= size {
		return 0
	}
	return size
}

// body is what follows the header. Trace fields above differ from copy to copy.
func body(raw []byte) []byte {
	if i := bytes.Index(raw, []byte("\r\n\r\n")); i >= 0 {
		return raw[i+4:]
	}
	if i := bytes.Index(raw, []byte("\n\n")); i >= 0 {
		return raw[i+2:]
	}
	return raw // no header that could be told from a body
}

// crlfNormal writes b with CRLF folded to LF: servers store line ends as they like.
func crlfNormal(write func([]byte) (int, error), b []byte) {
	for len(b) > 0 {
		i := bytes.Index(b, []byte("\r\n"))
		if i < 0 {
			write(b)
			return
		}
		write(b[:i])
		b = b[i+1:]
	}
}

// idBytes and tagBytes: 120 bits identify, 40 authenticate; 24 + 8 letters.
const (
	idBytes  = 15
	tagBytes = 5
	idPrefix = "tb."
)

// MessageID names the ticket message that carries these turns of a
// conversation to a recipient. Another agent's copy of the same chat yields the
// same id.
func (k Keys) MessageID(conversation, recipient string, turns []Turn) string {
	parts := []string{conversation, strings.ToLower(recipient)}
	for _, t := range turns {
		parts = append(parts, t.Digest)
	}
	id := b32.EncodeToString(k.mac("message-id", parts...)[:idBytes])
	return idPrefix + id + k.tag("message-id tag", id) + "@" + k.domain
}

func (k Keys) tag(label, id string) string {
	return b32.EncodeToString(k.mac(label, id)[:tagBytes])
}

// Own reports whether the Message-ID (brackets or not), or its local part alone,
// is one of ours. It needs no database, so a loop is seen even after everything
// was lost (L4).
func (k Keys) Own(messageID string) bool {
	local, _, _ := strings.Cut(strings.Trim(strings.TrimSpace(messageID), "<>"), "@")
	local, ok := strings.CutPrefix(strings.ToLower(local), idPrefix)
	if !ok {
		return false
	}
	n := b32.EncodedLen(idBytes)
	return len(local) == n+b32.EncodedLen(tagBytes) &&
		hmac.Equal([]byte(local[n:]), []byte(k.tag("message-id tag", local[:n])))
}

// bouncePrefix starts the local part of every reverse-path.
const bouncePrefix = "bounce+"

// ReversePath is the envelope sender of a ticket message: own domain, one token
// a message, so that a bounce finds its delivery and nobody can make one up.
func (k Keys) ReversePath(messageID string) string {
	id := b32.EncodeToString(k.mac("reverse-path", messageID)[:10])
	return bouncePrefix + id + "." + k.tag("reverse-path tag", id) + "@" + k.domain
}

// OwnReversePath reports whether the address is a reverse-path of ours.
func (k Keys) OwnReversePath(address string) bool {
	return k.tagged(address, bouncePrefix, "reverse-path tag")
}

// asWritten is a Message-ID or reverse-path of ours as it was made, however it
// came back: mail systems fold case.
func (k Keys) asWritten(id string) string {
	local, _, ok := strings.Cut(strings.Trim(strings.TrimSpace(id), "<>"), "@")
	if !ok {
		return ""
	}
	return strings.ToLower(local) + "@" + k.domain
}

// tagged reports whether an address is one that we made: prefix, id, its tag.
func (k Keys) tagged(address, prefix, label string) bool {
	local, domain, _ := strings.Cut(strings.ToLower(strings.Trim(strings.TrimSpace(address), "<>")), "@")
	token, ok := strings.CutPrefix(local, prefix)
	id, tag, _ := strings.Cut(token, ".")
	return ok && domain == strings.ToLower(k.domain) && hmac.Equal([]byte(tag), []byte(k.tag(label, id)))
}

// aliasPrefix starts the local part of every alias.
const aliasPrefix = "chat+"

// Alias is the From of a customer's messages in the reply-to identity: own
// domain, and the same for one address always, so that the helpdesk knows one
// requester a customer and never sees a flood from one sender.
func (k Keys) Alias(address string) string {
	id := b32.EncodeToString(k.mac("alias", strings.ToLower(address))[:10])
	return aliasPrefix + id + "." + k.tag("alias tag", id) + "@" + k.domain
}

// OwnAlias reports whether the address is an alias of ours.
func (k Keys) OwnAlias(address string) bool { return k.tagged(address, aliasPrefix, "alias tag") }

// Ref is the short token in the last line of a conversation's ticket messages.
// Helpdesks that keep no reference to our Message-ID quote the body, and so the Ref.
func (k Keys) Ref(conversation string) string {
	s := refAlphabet.EncodeToString(k.mac("ref", conversation)[:5])
	return s[:4] + "-" + s[4:]
}

// digests gives each turn its identity within the conversation: role, text and
// time as written. Equal turns of one mail are told apart by their ordinal, so
// that three times "hello?" in a minute are three turns, and the same three in
// another agent's copy.
func digests(turns []mailparse.Turn) []Turn {
	seen := make(map[[32]byte]uint32, len(turns))
	out := make([]Turn, len(turns))
	for i, t := range turns {
		written := t.Written
		if written == "" && !t.At.IsZero() {
			written = t.At.UTC().Format(time.RFC3339)
		}
		h := sha256.New()
		for _, p := range []string{string(t.Role), written, foldSpace(t.Text)} {
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(p)))
			h.Write(n[:])
			h.Write([]byte(p))
		}
		var sum [32]byte
		h.Sum(sum[:0])
		ordinal := seen[sum]
		seen[sum] = ordinal + 1
		id := binary.BigEndian.AppendUint32(sum[:16:16], ordinal)
		out[i] = Turn{Turn: t, Digest: b32.EncodeToString(id)}
	}
	return out
}

// foldSpace makes texts equal that differ only in white space: one client's
// rendering breaks lines where another's does not.
func foldSpace(s string) string { return strings.Join(strings.Fields(s), " ") }
