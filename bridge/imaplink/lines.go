package imaplink

import (
	"bytes"
	"regexp"
	"strconv"
	"time"
)

// lineKind tells responses apart as far as conn must (RFC 3501 §7).
type lineKind int

const (
	data      lineKind = iota // "* 12 FETCH (…"
	status                    // "* OK …", "T4 NO …", "+ …": text, never a literal
	continued                 // what follows a literal
	unknown                   // an untagged response go-imap would die of
)

// What go-imap understands and we ever cause. RFC 9051 §2.2.2: a client must be
// ready for any response at any time, so all others are dropped.
var (
	statusWords  = [][]byte{[]byte("OK"), []byte("NO"), []byte("BAD"), []byte("BYE"), []byte("PREAUTH")}
	dataWords    = [][]byte{[]byte("CAPABILITY"), []byte("FLAGS"), []byte("SEARCH"), []byte("ESEARCH"), []byte("LIST"), []byte("STATUS")}
	messageWords = [][]byte{[]byte("EXISTS"), []byte("RECENT"), []byte("EXPUNGE"), []byte("FETCH")}
)

func kindOf(line []byte) lineKind {
	rest, untagged := bytes.CutPrefix(line, []byte("* "))
	if !untagged {
		return status
	}
	word, rest := nextWord(rest)
	if len(word) > 0 && word[0] >= '0' && word[0] <= '9' {
		if word, _ = nextWord(rest); oneOf(word, messageWords) {
			return data
		}
		return unknown
	}
	switch {
	case oneOf(word, statusWords):
		return status
	case oneOf(word, dataWords):
		return data
	}
	return unknown
}

func nextWord(b []byte) (word, rest []byte) {
	i := bytes.IndexAny(b, " \r\n")
	if i < 0 {
		return b, nil
	}
	return b[:i], bytes.TrimLeft(b[i:], " ")
}

func oneOf(word []byte, words [][]byte) bool {
	for _, w := range words {
		if bytes.EqualFold(word, w) {
			return true
		}
	}
	return false
}

// literalSize reads the {n} at the end of a line (RFC 3501 §4.3).
func literalSize(line []byte) (int64, bool) {
	line = bytes.TrimRight(line, "\r\n")
	if !bytes.HasSuffix(line, []byte("}")) {
		return 0, false
	}
	i := bytes.LastIndexByte(line, '{')
	if i < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(line[i+1:len(line)-1]), 10, 64)
	return n, err == nil && n >= 0
}

// cleanFlags replaces bytes in a flag list that go-imap refuses, and with them
// the whole mailbox: keywords such as "[a]" or "é" are other programs' and
// never ours.
func cleanFlags(line []byte) {
	_, list, ok := bytes.Cut(line, []byte("FLAGS ("))
	if !ok {
		return
	}
	for i, b := range list {
		switch {
		case b == ')':
			return
		case b == ']' || b == '{' || b == '"' || b == '%' || b >= 0x7f:
			list[i] = '_'
		}
	}
}

// cleanCapabilities replaces "(" in a list of capabilities: at that go-imap
// spins for ever, and no Close ends it.
func cleanCapabilities(line []byte, kind lineKind) {
	list := line
	switch word, _ := nextWord(line[min(len(line), len("* ")):]); {
	case kind == data && bytes.EqualFold(word, []byte("CAPABILITY")):
	case kind == status:
		if _, list, _ = bytes.Cut(line, []byte("[CAPABILITY")); list == nil {
			return
		}
	default:
		return
	}
	for i, b := range list {
		switch b {
		case ']':
			return
		case '(':
			list[i] = '_'
		}
	}
}

// Exchange asks for a pause in words, Google by a response code without a time.
var suggestedBackoff = regexp.MustCompile(`(?i)Suggested Backoff Time: (\d{1,12}) milliseconds`)

const (
	throttledPause = 5 * time.Minute
	maxPause       = time.Hour // more than that is a mistake or malice
)

// listen picks up what a status response says beside the protocol.
func (h *hints) listen(line []byte) {
	_, text := nextWord(line)
	word, text := nextWord(text)
	text = text[:min(len(text), 1000)]
	if bytes.EqualFold(word, []byte("BYE")) {
		h.bye = Printable(string(text), 200)
	}
	if bytes.HasPrefix(text, []byte("[ALERT]")) {
		h.alert = Printable(string(text), 200)
	}
	if m := suggestedBackoff.FindSubmatch(text); m != nil {
		ms, _ := strconv.ParseInt(string(m[1]), 10, 64) // 12 digits fit
		h.pause = max(h.pause, min(time.Duration(ms)*time.Millisecond, maxPause))
	}
	if bytes.HasPrefix(bytes.ToUpper(text[:min(len(text), len("[THROTTLED]"))]), []byte("[THROTTLED]")) {
		h.pause = max(h.pause, throttledPause)
	}
}
