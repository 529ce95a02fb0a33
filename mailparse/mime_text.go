package mailparse

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// text decodes a text part: transfer encoding, charset, line ends.
func (w *walker) text(p *part) string {
	left := w.b.TextBytes
	if left <= 0 {
		w.b.warn("limit-text")
		return ""
	}
	data := w.decode(p, left+1)
	label := p.cparams.token("charset")
	wide := isUTF16or32(normalLabel(label))
	if !wide {
		data = cleanLines(data, true)
	}
	if p.ctype == "text/html" && (label == "" || asciiLabels[normalLabel(label)] && !utf8.Valid(data)) {
		if meta := metaCharset(data); meta != "" && !utf8.Valid(data) {
			label = meta
		}
	}
	s := toUTF8(data, label, w.b)
	if wide || hasShifts(s) {
		s = string(cleanLines([]byte(s), false))
	}
	n := w.b.text(len(s))
	for n < len(s) && n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// decode undoes the transfer encoding, up to about most bytes.
func (w *walker) decode(p *part, most int) []byte {
	r := openTransfer(p.body, p.encoding, w.b)
	data := make([]byte, 0, min(len(p.body), most)+4)
	for len(data) < most {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			break
		}
	}
	if r.damaged() {
		w.b.warn("transfer-damage")
	}
	return data
}

// cleanLines makes LF of CR LF, CR CR LF and CR, and drops NUL and the other
// control characters, in place. shifts keeps ESC, SO and SI: before decoding
// they may switch ISO-2022 charsets.
func cleanLines(data []byte, shifts bool) []byte {
	out := data[:0]
	for len(data) > 0 {
		i := nextControl(data)
		out = append(out, data[:i]...)
		if i == len(data) {
			break
		}
		c := data[i]
		data = data[i+1:]
		switch c {
		case '\r':
			data = bytes.TrimLeft(data, "\r")
			if len(data) > 0 && data[0] == '\n' {
				data = data[1:]
			}
			out = append(out, '\n')
		case '\f', '\v':
			out = append(out, '\n')
		case 0x1b, 0x0e, 0x0f:
			if shifts {
				out = append(out, c)
			}
		}
	}
	return out
}

// nextControl returns the index of the next byte below blank that is neither
// LF nor TAB, or len(p).
func nextControl(p []byte) int {
	i := 0
	for ; i+8 <= len(p); i += 8 {
		// A byte below 0x20, tested eight at a time; LF and TAB are told apart below.
		x := uint64(p[i]) | uint64(p[i+1])<<8 | uint64(p[i+2])<<16 | uint64(p[i+3])<<24 |
			uint64(p[i+4])<<32 | uint64(p[i+5])<<40 | uint64(p[i+6])<<48 | uint64(p[i+7])<<56
		if (x-0x2020202020202020)&^x&0x8080808080808080 == 0 {
			continue
		}
		for j := i; j < i+8; j++ {
			if p[j] < ' ' && p[j] != '\n' && p[j] != '\t' {
				return j
			}
		}
	}
	for ; i < len(p); i++ {
		if p[i] < ' ' && p[i] != '\n' && p[i] != '\t' {
			return i
		}
	}
	return len(p)
}

// hasShifts finds what decoding left of ESC, SO and SI.
func hasShifts(s string) bool {
	return strings.IndexByte(s, 0x1b) >= 0 || strings.IndexByte(s, 0x0e) >= 0 || strings.IndexByte(s, 0x0f) >= 0
}

// metaCharset reads <meta charset> of a page whose part names none.
func metaCharset(data []byte) string {
	head := bytes.ToLower(data[:min(len(data), 2048)])
	i := bytes.Index(head, []byte("charset="))
	if i < 0 {
		return ""
	}
	v := bytes.TrimLeft(head[i+len("charset="):], "\"' ")
	if j := bytes.IndexAny(v, "\"'>;/ \n"); j >= 0 {
		v = v[:j]
	}
	return string(v)
}

// unflow joins the lines of format=flowed (RFC 3676). Quote marks are written
// again as "> " so that what follows sees one form.
func unflow(s string, delsp bool) string {
	var sb strings.Builder
	sb.Grow(len(s))
	open, depth := false, 0
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		d := 0
		for d < len(line) && line[d] == '>' {
			d++
		}
		line = line[d:]
		line = strings.TrimPrefix(line, " ") // space-stuffing
		if open && (d != depth || line == "-- ") {
			sb.WriteByte('\n') // a soft break at another depth is none (§4.5)
			open = false
		}
		if !open {
			depth = d
			for range d {
				sb.WriteByte('>')
			}
			if d > 0 && line != "" {
				sb.WriteByte(' ')
			}
		}
		open = strings.HasSuffix(line, " ") && line != "-- "
		if open && delsp {
			line = line[:len(line)-1]
		}
		sb.WriteString(line)
		if !open {
			sb.WriteByte('\n')
		}
	}
	return strings.TrimSuffix(sb.String(), "\n")
}

// stripEnriched takes the commands off text/enriched (RFC 1896): "<<" is "<",
// a single line end is a blank.
func stripEnriched(s string) string {
	var sb strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		sb.WriteString(s[:i])
		s = s[i+1:]
		if strings.HasPrefix(s, "<") {
			sb.WriteByte('<')
			s = s[1:]
			continue
		}
		end := strings.IndexByte(s[:min(len(s), 60)], '>')
		if end < 0 {
			sb.WriteByte('<')
			continue
		}
		tag := strings.ToLower(s[:end])
		s = s[end+1:]
		if tag == "param" {
			if _, rest, ok := strings.Cut(s[:min(len(s), 1000)], "</param>"); ok {
				s = s[min(len(s), 1000)-len(rest):]
			}
		}
	}
	sb.WriteString(s)
	return sb.String()
}

// unarmour opens PGP clear-signed text (RFC 9580 §7) and names what is encrypted inline.
func unarmour(s string, b *budget) string {
	if !strings.Contains(s, "-----BEGIN PGP ") {
		return s
	}
	if strings.Contains(s, "-----BEGIN PGP MESSAGE-----") {
		b.warn("encrypted")
		return s
	}
	before, rest, ok := strings.Cut("\n"+s, "\n-----BEGIN PGP SIGNED MESSAGE-----")
	text, after, ok2 := strings.Cut(rest, "\n-----BEGIN PGP SIGNATURE-----")
	if !ok || !ok2 {
		return s
	}
	b.warn("signed")
	_, text, _ = strings.Cut(text, "\n")
	for line := range strings.Lines(text) { // Hash: and other armour headers, and the empty line below
		empty := strings.TrimSpace(line) == ""
		if !empty && !strings.Contains(line, ": ") {
			break
		}
		text = text[len(line):]
		if empty {
			break
		}
	}
	_, after, _ = strings.Cut(after, "-----END PGP SIGNATURE-----")
	text = strings.ReplaceAll("\n"+text, "\n- ", "\n")
	return strings.Trim(before+"\n"+strings.Trim(text, "\n")+after, "\n")
}
