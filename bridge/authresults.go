package bridge

import "strings"

// authResult is one resinfo of an Authentication-Results field (RFC 8601 §2.2).
type authResult struct {
	method, result string
	props          map[string]string // "header.d" → value
}

// parseAuthResults reads one field. Comments and quoted strings may hold any
// text a sender likes, semicolons and "dkim=pass" included, so they are lexed
// away first; whatever does not fit the grammar makes the whole field void.
func parseAuthResults(value string) (authservID string, results []authResult, ok bool) {
	groups, ok := lexAuthResults(value)
	if !ok || len(groups) == 0 || len(groups[0]) == 0 {
		return "", nil, false
	}
	authservID = groups[0][0]
	if len(groups[0]) > 2 { // authserv-id and an optional version
		return "", nil, false
	}
	for _, g := range groups[1:] {
		if len(g) == 0 || (len(g) == 1 && strings.EqualFold(g[0], "none")) {
			continue
		}
		r, ok := authResultOf(g)
		if !ok {
			return "", nil, false
		}
		results = append(results, r)
	}
	return authservID, results, true
}

// authResultOf reads `method=result prop=value …`. "=" is its own token.
func authResultOf(tokens []string) (authResult, bool) {
	r := authResult{props: map[string]string{}}
	if len(tokens)%3 != 0 {
		return r, false
	}
	for i := 0; i < len(tokens); i += 3 {
		name, eq, value := strings.ToLower(tokens[i]), tokens[i+1], tokens[i+2]
		if eq != "=" || name == "=" || value == "=" {
			return r, false
		}
		if i == 0 {
			r.method, _, _ = strings.Cut(name, "/")
			r.result = strings.ToLower(value)
			continue
		}
		if _, twice := r.props[name]; twice {
			return r, false
		}
		r.props[name] = strings.ToLower(value)
	}
	return r, len(tokens) > 0
}

// lexAuthResults splits the value at semicolons into tokens: words, quoted
// strings (their content, never empty of its quotes' meaning) and "=".
func lexAuthResults(s string) (groups [][]string, ok bool) {
	cur := []string{}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == ';':
			groups = append(groups, cur)
			cur = []string{}
			i++
		case c == '=':
			cur = append(cur, "=")
			i++
		case c == '(':
			if i, ok = skipComment(s, i); !ok {
				return nil, false
			}
		case c == '"':
			var word string
			if word, i, ok = quotedString(s, i); !ok || word == "=" {
				return nil, false
			}
			cur = append(cur, word)
		default:
			j := i
			for j < len(s) && !strings.ContainsRune(" \t\r\n;=(\"", rune(s[j])) {
				j++
			}
			cur = append(cur, s[i:j])
			i = j
		}
	}
	return append(groups, cur), true
}

// skipComment returns the index after a comment; comments nest (RFC 5322 §3.2.2).
func skipComment(s string, i int) (int, bool) {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// quotedString reads a quoted-string and returns the index after it.
func quotedString(s string, i int) (string, int, bool) {
	var b strings.Builder
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return "", 0, false
			}
			b.WriteByte(s[i])
		case '"':
			return b.String(), i + 1, true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, false
}
