package mailparse

import (
	"encoding/base64"
	"html"
	"strings"
	"unicode/utf8"
)

// decodeLink returns the target of a link that a mail system has rewritten, as
// often as it was. What the rewriter adds is lost on purpose: the data= of
// SafeLinks holds the agent's address. Other links come back as they are.
func decodeLink(link string) string {
	if !strings.Contains(link, "://") {
		return link
	}
	s := link
	for range 5 {
		target, ok := decodeOnce(s)
		if !ok {
			return s
		}
		s = target
	}
	return s
}

// rewriter is a host that wraps links, and where in its URL the target stands.
type rewriter struct {
	host   string                               // with its subdomains
	path   string                               // prefix, "" any
	params string                               // names of the parameter that holds the target
	how    func(u linkParts, raw string) string // where it is not a parameter
}

var rewriters = []rewriter{
	{host: "safelinks.protection.outlook.com", params: "url originalsrc"},
	{host: "safelinks.protection.office365.us", params: "url"},
	{host: "safelinks.o365.cn", params: "url"},
	{host: "statics.teams.cdn.office.net", path: "/evergreen-assets/safelinks/", params: "url"},
	{host: "outlook.office.com", path: "/mail/safelink.html", params: "url"},
	{host: "urldefense.proofpoint.com", path: "/v2/", how: proofpoint2},
	{host: "urldefense.proofpoint.com", path: "/v1/", params: "u"},
	{host: "urldefense.com", how: proofpoint3},
	{host: "urldefense.us", how: proofpoint3},
	{host: "urldefense.proofpoint.com", how: proofpoint3},
	{host: "linkprotect.cudasvc.com", path: "/url", params: "a"},
	{host: "protect.checkpoint.com", how: checkpoint},
	{host: "secure-web.cisco.com", how: cisco},
	{host: "protection.sophos.com", how: sophos},
	{host: "fireeye.com", params: "u"},
	{host: "trellix.com", path: "/v1/url", params: "u"},
	{host: "trendmicro.com", path: "/wis/clicktime", params: "url"},
	{host: "clicktime.symantec.com", params: "u"},
	{host: "urlsand.com", params: "u"},
	{host: "esvalabs.com", params: "u"},
	{host: "link.edgepilot.com", params: "u"},
	{host: "slack-redir.net", path: "/link", params: "url"},
	{host: "l.facebook.com", path: "/l.php", params: "u"},
	{host: "mimecast.com", params: "url"}, // its usual form holds no target and stays
}

func decodeOnce(link string) (string, bool) {
	raw := link
	if strings.ContainsAny(link, " \t\r\n\u00a0") {
		raw = strings.Map(func(c rune) rune {
			if c <= ' ' || c == 0xa0 {
				return -1
			}
			return c
		}, link)
	}
	if strings.Contains(raw, "&amp;") {
		raw = html.UnescapeString(raw)
	}
	u := splitLink(raw)
	if rest, ok := strings.CutPrefix(u.path, "/url"); ok && rest == "" && strings.HasPrefix(strings.TrimPrefix(u.host, "www."), "google.") {
		return target(linkParam(u.query, "q url"), "")
	}
	for i := range rewriters {
		r := &rewriters[i]
		if !strings.HasSuffix(u.host, r.host) || !strings.HasPrefix(u.path, r.path) {
			continue
		}
		if sub := len(u.host) - len(r.host); sub > 0 && u.host[sub-1] != '.' {
			continue
		}
		if r.how != nil {
			if t, ok := target(r.how(u, raw), ""); ok {
				return t, true
			}
			continue
		}
		bare := ""
		if strings.Contains(r.host, "safelinks.") && u.query != "" {
			bare = "https://" + strings.ToValidUTF8(u.host, "") + "/"
		}
		return target(linkParam(u.query, r.params), bare)
	}
	return "", false
}

// linkEscaper keeps a decoded link one word: a line end in it would write lines
// that nobody wrote.
var linkEscaper = strings.NewReplacer(" ", "%20", "\n", "%0A", "\r", "%0D", "\t", "%09", "<", "%3C", ">", "%3E", `"`, "%22")

// target accepts what a reader may be shown as a link. bare is what is left of
// a link whose rest must not be kept, and which cannot be decoded.
func target(t, bare string) (string, bool) {
	t = strings.TrimSpace(t)
	if t != "" && utf8.ValidString(t) && (startsFold(t, "http://") || startsFold(t, "https://") || startsFold(t, "mailto:") || startsFold(t, "tel:") || startsFold(t, "ftp://")) {
		return linkEscaper.Replace(t), true
	}
	return bare, bare != ""
}

// linkParts is a URL as far as it matters here; net/url refuses a stray '%'.
type linkParts struct{ host, path, query string }

func splitLink(raw string) (u linkParts) {
	_, rest, _ := strings.Cut(raw, "://")
	rest, _, _ = strings.Cut(rest, "#")
	rest, u.query, _ = strings.Cut(rest, "?")
	u.host, u.path, _ = strings.Cut(rest, "/")
	u.path = "/" + u.path
	u.host = lowerTrim(u.host[strings.LastIndexByte(u.host, '@')+1:])
	u.host, _, _ = strings.Cut(u.host, ":")
	return u
}

// linkParam returns the first of the named parameters, decoded as far as it is
// sound. Damage at its end, from a cut line, does not lose the rest.
func linkParam(query, names string) string {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if value != "" && isWord(names, strings.ToLower(name)) {
			return percentDecode(value)
		}
	}
	return ""
}

// percentDecode leaves '+' and broken escapes as they are.
func percentDecode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

// proofpoint2: '-' stands for '%' and '_' for '/'.
func proofpoint2(u linkParts, _ string) string {
	for pair := range strings.SplitSeq(u.query, "&") {
		if v, ok := strings.CutPrefix(pair, "u="); ok {
			return percentDecode(strings.NewReplacer("-", "%", "_", "/").Replace(v))
		}
	}
	return ""
}

// proofpoint3: "/v3/__URL__;BYTES!…": each '*' in the URL stands for the next of
// the characters in BYTES (base64), "**C" for as many as the letter C says.
func proofpoint3(_ linkParts, raw string) string {
	_, rest, ok := strings.Cut(raw, "/v3/__")
	if !ok {
		return ""
	}
	end := strings.LastIndex(rest, "__;")
	if end < 0 {
		return ""
	}
	t, enc := rest[:end], rest[end+3:]
	if k := strings.IndexByte(enc, '!'); k >= 0 {
		enc = enc[:k]
	}
	replaced, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(enc, "="))
	if err != nil {
		return ""
	}
	t = fillStars(t, []rune(string(replaced)))
	if scheme, path, ok := strings.Cut(t, ":/"); ok && !strings.HasPrefix(path, "/") {
		t = scheme + "://" + path
	}
	return t
}

func fillStars(t string, chars []rune) string {
	const lengths = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var b strings.Builder
	for i := 0; i < len(t); i++ {
		if t[i] != '*' {
			b.WriteByte(t[i])
			continue
		}
		n := 1
		if i+2 < len(t) && t[i+1] == '*' {
			if k := strings.IndexByte(lengths, t[i+2]); k >= 0 {
				n = k + 2
				i += 2
			}
		}
		n = min(n, len(chars))
		b.WriteString(string(chars[:n]))
		chars = chars[n:]
	}
	return b.String()
}

// checkpoint: "/v2/___URL___.TOKEN".
func checkpoint(_ linkParts, raw string) string {
	_, rest, _ := strings.Cut(raw, "/___")
	t, _, ok := strings.Cut(rest, "___.")
	if !ok {
		return ""
	}
	return t
}

// cisco: "/TOKEN/PERCENT-ENCODED-URL".
func cisco(_ linkParts, raw string) string {
	if k := strings.LastIndex(raw, "/http"); k > 0 {
		return percentDecode(raw[k+1:])
	}
	return ""
}

// sophos: parameter u is the URL in base64.
func sophos(u linkParts, _ string) string {
	v := strings.TrimRight(linkParam(u.query, "u"), "=")
	for _, enc := range [...]*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
		if t, err := enc.DecodeString(v); err == nil {
			return string(t)
		}
	}
	return ""
}

// decodeLinks decodes every rewritten link in a text, also one that was broken
// over lines.
func decodeLinks(text string) string {
	var b strings.Builder
	done := 0
	for at := 0; ; {
		k := strings.Index(text[at:], "http")
		if k < 0 {
			break
		}
		from := at + k
		to := linkEnd(text, from)
		at = max(to, from+4)
		link := text[from:to]
		if !strings.Contains(link, "://") {
			continue
		}
		if t, ok := decodeOnce(link); ok {
			b.WriteString(text[done:from])
			b.WriteString(decodeLink(t))
			done = to
		}
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// linkEnd returns where the link at from ends. In angle brackets it may go on
// behind a line end; a SafeLink without its last parameter does.
func linkEnd(text string, from int) int {
	const stops = " \t\n\r<>\"'"
	word := func(at int) int {
		if k := strings.IndexAny(text[at:], stops); k >= 0 {
			return at + k
		}
		return len(text)
	}
	to := word(from)
	if from > 0 && text[from-1] == '<' {
		if k := strings.IndexAny(text[to:], "<>"); k >= 0 && k < 2000 && text[to+k] == '>' && strings.Count(text[to:to+k], "\n") <= 8 && !strings.ContainsAny(text[to:to+k], " \t") {
			return to + k
		}
		return to
	}
	for range 8 {
		link := text[from:to]
		if !strings.Contains(link, "safelinks.protection.outlook.com") || strings.Contains(link, "reserved=0") || to >= len(text) || text[to] != '\n' {
			break
		}
		next := word(to + 1)
		if !linkGoesOn(text[to+1:next], next == len(text) || text[next] == '\n') {
			break
		}
		to = next
	}
	return from + len(strings.TrimRight(text[from:to], ").,;]!?"))
}

// linkGoesOn: the first word of the next line is the rest of a broken SafeLink and
// not somebody's: it has what its parameters are made of, or stands alone and
// is no word at all.
func linkGoesOn(word string, alone bool) bool {
	return strings.ContainsAny(word, "%&=") || alone && word != "" && (len(word) > 30 || hasDigit(word) && !strings.ContainsAny(word, ".:,"))
}
