package mailparse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// line returns the line of a key, or of the nearest thing that holds it.
func (f *tomlFile) line(key string) int {
	for key != "" {
		if n, ok := f.lines[key]; ok {
			return n
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return 0
		}
		key = key[:i]
	}
	return 0
}

// didYouMean suggests the known key that is nearest to a misspelt one.
func didYouMean(key string, known map[string]bool) string {
	best, least := "", len(key)/3+2
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if len(key) > 2 && strings.HasPrefix(k, key) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
		if d := editDistance(key, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is Levenshtein's, on bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// keyLines tells in which line of a TOML text a key stands. The library knows
// positions of syntax errors only. Keys in inline tables count for the key that
// holds them; the elements of a list that has a line each are told apart.
func keyLines(text string) map[string]int {
	lines := map[string]int{}
	count := map[string]int{}
	prefix, list := "", ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		s := strings.TrimSpace(line)
		switch {
		case s == "" || s[0] == '#':
		case list != "" && s[0] == ']':
			list = ""
		case list != "":
			lines[fmt.Sprintf("%s[%d]", list, count[list])] = n
			count[list]++
		case strings.HasPrefix(s, "[["):
			name, _, _ := strings.Cut(s[2:], "]")
			prefix = fmt.Sprintf("%s[%d]", strings.TrimSpace(name), count[name])
			count[name]++
			lines[prefix] = n
		case s[0] == '[':
			prefix, _, _ = strings.Cut(s[1:], "]")
			prefix = strings.TrimSpace(prefix)
			lines[prefix] = n
		default:
			key, value, ok := strings.Cut(s, "=")
			if !ok {
				continue
			}
			key = strings.Trim(strings.TrimSpace(key), `"'`)
			if prefix != "" {
				key = prefix + "." + key
			}
			lines[key] = n
			if strings.TrimSpace(value) == "[" {
				list = key
			}
		}
	}
	return lines
}
