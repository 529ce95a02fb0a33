package mailparse

import (
	"strconv"
	"strings"
)

// param is one parameter of a Content-Type or Content-Disposition field.
type param struct{ key, value string }

type params []param

// parseParams reads "value; key=value …". net/mime refuses the whole field for
// one stray semicolon; here every parameter that can be read is.
func parseParams(v string) (main string, ps params) {
	v = strings.TrimSpace(v)
	end := strings.IndexAny(v, "; \t(")
	if end < 0 {
		return strings.ToLower(strings.Trim(v, `"`)), nil
	}
	main, v = strings.ToLower(strings.Trim(v[:end], `"`)), v[end:]
	for {
		v = skipComments(v)
		if v == "" {
			return main, ps
		}
		end := strings.IndexAny(v, "=;")
		if end < 0 || v[end] == ';' {
			v = v[end+1:]
			if end < 0 {
				return main, ps
			}
			continue
		}
		p := param{key: strings.ToLower(strings.TrimSpace(v[:end]))}
		p.value, v = paramValue(strings.TrimLeft(v[end+1:], " \t"))
		ps = append(ps, p)
	}
}

func skipComments(v string) string {
	for {
		v = strings.TrimLeft(v, "; \t\r\n")
		if !strings.HasPrefix(v, "(") {
			return v
		}
		end := strings.IndexByte(v, ')')
		if end < 0 {
			return ""
		}
		v = v[end+1:]
	}
}

// paramValue reads a quoted or bare value. A bare one goes to the semicolon:
// file names with blanks are often written without quotes.
func paramValue(v string) (value, rest string) {
	if !strings.HasPrefix(v, `"`) {
		value, rest, _ = strings.Cut(v, ";")
		return strings.TrimSpace(value), rest
	}
	var sb strings.Builder
	for i := 1; i < len(v); i++ {
		switch c := v[i]; {
		case c == '\\' && i+1 < len(v) && (v[i+1] == '"' || v[i+1] == '\\'):
			i++
			sb.WriteByte(v[i])
		case c == '"' && endsParam(v[i+1:]):
			return sb.String(), v[i+1:]
		default:
			sb.WriteByte(c) // a backslash before anything else is part of a Windows path
		}
	}
	return sb.String(), ""
}

// endsParam tells the closing quote from one inside a badly quoted file name.
func endsParam(rest string) bool {
	rest = strings.TrimLeft(rest, " \t")
	if rest == "" || rest[0] == ';' || rest[0] == '(' || rest[0] == '"' {
		return true
	}
	word := strings.IndexAny(rest, "=; \t\"")
	return word > 0 && rest[word] == '='
}

func (ps params) raw(key string) (string, bool) {
	for _, p := range ps {
		if p.key == key {
			return p.value, true
		}
	}
	return "", false
}

// token returns a parameter that is one word: charset, boundary's kin, format.
func (ps params) token(key string) string {
	v, _ := ps.raw(key)
	if i := strings.IndexAny(v, " \t(;,"); i >= 0 {
		v = v[:i]
	}
	return strings.ToLower(strings.Trim(v, `"'`))
}

// text returns a parameter that is text: plain, RFC 2231, or (forbidden and
// everywhere) RFC 2047. The extended form wins, as in RFC 6266 §4.3.
func (ps params) text(key string, b *budget) string {
	if len(ps) == 0 {
		return ""
	}
	if v, ok := ps.raw(key + "*"); ok {
		charset, enc := split2231(v)
		return clean2231(toUTF8(unescape(enc), charset, b), b)
	}
	if v, ok := ps.continued(key, b); ok {
		return clean2231(v, b)
	}
	v, _ := ps.raw(key)
	return clean2231(v, b)
}

func clean2231(v string, b *budget) string {
	if strings.Contains(v, "=?") {
		return decodeWords(v, b)
	}
	return oneLine(v)
}

// continued joins key*0, key*1* … (RFC 2231 §3), in the order of their numbers.
func (ps params) continued(key string, b *budget) (string, bool) {
	const most = 100
	var pieces [most]*param
	last := -1
	for i := range ps {
		num, ok := strings.CutPrefix(ps[i].key, key+"*")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(num, "*"))
		if err == nil && n >= 0 && n < most && pieces[n] == nil {
			pieces[n] = &ps[i]
			last = max(last, n)
		}
	}
	if last < 0 {
		return "", false
	}
	var data []byte
	charset, first := "", true
	for _, p := range pieces[:last+1] {
		if p == nil {
			continue
		}
		v := p.value
		if strings.HasSuffix(p.key, "*") {
			if first {
				charset, v = split2231(v)
			}
			data = append(data, unescape(v)...)
		} else {
			data = append(data, v...)
		}
		first = false
	}
	return toUTF8(data, charset, b), true
}

// split2231 splits charset'language'value.
func split2231(v string) (charset, value string) {
	charset, rest, ok := strings.Cut(v, "'")
	if !ok {
		return "", v
	}
	if _, value, ok = strings.Cut(rest, "'"); !ok {
		return "", v
	}
	return charset, value
}

// unescape decodes %XX and leaves a broken escape as it stands.
func unescape(v string) []byte {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '%' && i+2 < len(v) {
			hi, lo := unhex(v[i+1]), unhex(v[i+2])
			if hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, v[i])
	}
	return out
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
