package mailparse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Problem is one thing wrong in a profile or in the settings of a format: where,
// what, and what would be right.
type Problem struct {
	File string // "" for settings that came from the config
	Line int    // 0 where it is about something that is not there
	Key  string
	Text string
}

func (p Problem) Error() string {
	var where string
	switch {
	case p.File != "" && p.Line > 0:
		where = fmt.Sprintf("%s:%d: ", p.File, p.Line)
	case p.File != "":
		where = p.File + ": "
	}
	if p.Key != "" {
		where += p.Key + ": "
	}
	return where + p.Text
}

// Problems is everything wrong in one place, as an error.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single Problem.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// tomlFile is a document under strict reading: every key must be asked for.
type tomlFile struct {
	file     string
	lines    map[string]int
	problems Problems
}

// table is a TOML table and the keys asked for so far. A toml.Decode into
// structs would stop at the first wrong type and take keys in any case.
type table struct {
	f    *tomlFile
	path string
	m    map[string]any
	used map[string]bool
}

// parseTOML reads a document. A syntax error is the only problem it can have.
func parseTOML(file string, data []byte) (table, error) {
	f := &tomlFile{file: file}
	m := map[string]any{}
	if _, err := toml.Decode(string(data), &m); err != nil {
		p := Problem{File: file, Text: err.Error()}
		if pe, ok := err.(toml.ParseError); ok {
			p.Line, p.Text = pe.Position.Line, pe.Message
		}
		return table{}, Problems{p}
	}
	f.lines = keyLines(string(data))
	return table{f: f, m: m, used: map[string]bool{}}, nil
}

// settingsTable reads settings that the config already parsed.
func settingsTable(m map[string]any) table {
	return table{f: &tomlFile{}, m: m, used: map[string]bool{}}
}

func (t table) key(key string) string {
	if t.path == "" {
		return key
	}
	return t.path + "." + key
}

func (t table) problem(key, format string, args ...any) {
	k := t.key(key)
	if key == "" {
		k = t.path
	}
	t.f.problems = append(t.f.problems, Problem{File: t.f.file, Line: t.f.line(k), Key: k, Text: fmt.Sprintf(format, args...)})
}

func (t table) has(key string) bool {
	_, ok := t.m[key]
	return ok
}

func (t table) get(key string) (any, bool) {
	t.used[key] = true
	v, ok := t.m[key]
	return v, ok
}

func (t table) str(key string) string {
	v, ok := t.get(key)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		t.problem(key, "want a text in quotes, not %v", v)
	}
	return s
}

// strs reads a list of texts; one text counts as a list of one.
func (t table) strs(key string) []string {
	v, ok := t.get(key)
	if !ok {
		return nil
	}
	switch v := v.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		ss := make([]string, 0, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				t.problem(fmt.Sprintf("%s[%d]", key, i), "want a text in quotes, not %v", e)
				continue
			}
			ss = append(ss, s)
		}
		return ss
	}
	t.problem(key, `want a text or a list of texts, such as ["a", "b"], not %v`, v)
	return nil
}

func (t table) boolean(key string) bool {
	v, ok := t.get(key)
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		t.problem(key, "want true or false, not %v", v)
	}
	return b
}

func (t table) integer(key string, most int) int {
	v, ok := t.get(key)
	if !ok {
		return 0
	}
	n, ok := v.(int64)
	if !ok || n < 0 || n > int64(most) {
		t.problem(key, "want a whole number from 0 to %d, not %v", most, v)
		return 0
	}
	return int(n)
}

func (t table) duration(key string) time.Duration {
	s := t.str(key)
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		t.problem(key, `want a duration such as "90s" or "5m", not %q`, s)
		return 0
	}
	return d
}

// word reads a text that must be one of words; the first is the default.
func (t table) word(key string, words ...string) string {
	s := t.str(key)
	if s == "" {
		return words[0]
	}
	if !slices.Contains(words, s) {
		t.problem(key, "want one of %s, not %q", strings.Join(words, ", "), s)
		return words[0]
	}
	return s
}

func (t table) sub(key string) (table, bool) {
	v, ok := t.get(key)
	if !ok {
		return table{}, false
	}
	m, ok := v.(map[string]any)
	if !ok {
		t.problem(key, "want a table, not %v", v)
		return table{}, false
	}
	return table{f: t.f, path: t.key(key), m: m, used: map[string]bool{}}, true
}

// tables reads a list of tables; one table counts as a list of one.
func (t table) tables(key string) []table {
	v, ok := t.get(key)
	if !ok {
		return nil
	}
	var list []any
	switch v := v.(type) {
	case map[string]any:
		list = []any{v}
	case []any:
		list = v
	case []map[string]any:
		for _, m := range v {
			list = append(list, m)
		}
	default:
		t.problem(key, "want a list of tables, such as [{ … }, { … }], not %v", v)
		return nil
	}
	var ts []table
	for i, e := range list {
		path := fmt.Sprintf("%s[%d]", key, i)
		m, ok := e.(map[string]any)
		if !ok {
			t.problem(path, "want a table { … }, not %v", e)
			continue
		}
		ts = append(ts, table{f: t.f, path: t.key(path), m: m, used: map[string]bool{}})
	}
	return ts
}

// pattern reads a regular expression. groups must be among its named groups.
func (t table) pattern(key string, groups ...string) *pattern {
	s := t.str(key)
	if s == "" {
		return nil
	}
	return t.compile(key, s, groups...)
}

func (t table) patterns(key string, groups ...string) []*pattern {
	var ps []*pattern
	for i, s := range t.strs(key) {
		if p := t.compile(fmt.Sprintf("%s[%d]", key, i), s, groups...); p != nil {
			ps = append(ps, p)
		}
	}
	return ps
}

func (t table) compile(key, s string, groups ...string) *pattern {
	p, err := compilePattern(s)
	if err != nil {
		t.problem(key, "want a regular expression (RE2): %v", err)
		return nil
	}
	for _, g := range groups {
		if p.re.SubexpIndex(g) < 0 {
			t.problem(key, "want a group (?P<%s>…) in it", g)
		}
	}
	return p
}

// done reports the keys nobody asked for.
func (t table) done() {
	for _, key := range slices.Sorted(maps.Keys(t.m)) {
		if !t.used[key] {
			t.problem(key, "unknown key%s", didYouMean(key, t.used))
		}
	}
}
