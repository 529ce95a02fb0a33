package mailparse

import "bytes"

// split divides a multipart at its boundary (RFC 2046 §5.1.1); nil if it has
// none. Slices of the raw mail, no copies. A missing final boundary and a
// missing or wrong boundary parameter are taken.
func (w *walker) split(p *part) []*part {
	body := p.body
	boundary, _ := p.cparams.raw("boundary")
	delim := []byte("--" + boundary)
	at := -1
	if boundary != "" {
		at, _, _ = nextDelimiter(body, delim)
	}
	if at < 0 && (p.encoding == "base64" || p.encoding == "quoted-printable") && boundary != "" {
		// Encoding a multipart is forbidden (RFC 2045 §6.4); some do it.
		body = w.decode(p, len(body))
		at, _, _ = nextDelimiter(body, delim)
	}
	if at < 0 {
		if delim = guessDelimiter(body); delim == nil {
			return nil
		}
		w.b.warn("mime-boundary")
	}
	return w.splitAt(p, body, delim)
}

func (w *walker) splitAt(p *part, body, delim []byte) []*part {
	var kids []*part
	_, next, closed := nextDelimiter(body, delim)
	for !closed {
		body = body[next:]
		end, after, last := nextDelimiter(body, delim)
		if closed = last; last && end >= 0 {
			// A part may have used the same boundary and closed it (THREATS T12):
			// what follows is still part of the mail.
			if again, skip, end := nextDelimiter(body[after:], delim); again >= 0 && !end {
				w.b.warn("mime-boundary")
				closed = false
				after += skip
			}
		}
		chunk := body
		if end >= 0 {
			chunk = trimLineEnd(body[:end])
		} else {
			w.b.warn("mime-unterminated")
			closed = true
			if len(bytes.TrimSpace(chunk)) == 0 {
				break
			}
		}
		if len(kids) >= w.b.Parts {
			w.b.warn("limit-parts")
			break
		}
		h, rest := readHeader(chunk, w.b)
		k := newPart(h, rest, subPath(p.path, len(kids)+1), w.b)
		kids = append(kids, k)
		next = after
	}
	return kids
}

// nextDelimiter finds a boundary line: where it begins, where the line after
// it begins, and whether it is the closing one. start is -1 where there is none.
func nextDelimiter(body, delim []byte) (start, next int, closing bool) {
	for from := 0; ; {
		i := bytes.Index(body[from:], delim)
		if i < 0 {
			return -1, len(body), false
		}
		i += from
		from = i + 1
		if i > 0 && body[i-1] != '\n' && body[i-1] != '\r' {
			continue
		}
		rest := body[i+len(delim):]
		end := bytes.IndexByte(rest, '\n')
		next = i + len(delim) + end + 1
		if end < 0 {
			end, next = len(rest), len(body)
		}
		tail := bytes.TrimRight(rest[:end], " \t\r")
		switch {
		case len(tail) == 0:
			return i, next, false
		case bytes.HasPrefix(tail, []byte("--")) && len(bytes.TrimLeft(tail, "- \t")) == 0:
			return i, next, true
		}
	}
}

// guessDelimiter takes the first line that looks like a boundary and has a
// header field after it, or that returns with a closing "--".
func guessDelimiter(body []byte) []byte {
	for pos, tries := 0, 0; pos < len(body) && tries < 50; {
		line, next := cutLine(body, pos)
		pos = next
		line = bytes.TrimRight(line, " \t")
		if len(line) < 4 || !bytes.HasPrefix(line, []byte("--")) || bytes.IndexByte(line, ' ') >= 0 {
			continue
		}
		tries++
		if fieldFollows(body, next, 2) {
			return line
		}
	}
	return nil
}

func trimLineEnd(p []byte) []byte {
	if n := len(p); n > 0 && p[n-1] == '\n' {
		p = p[:n-1]
	}
	return bytes.TrimRight(p, "\r")
}
