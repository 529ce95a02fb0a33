package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// keyLines tells in which line of a TOML text each key and table stands, under
// the path the config's problems use: "mailbox[1].port". The TOML library knows
// positions only of syntax errors, so the text is scanned once more; it must be
// valid TOML. Keys inside inline tables count for the key that holds them.
func keyLines(text string) map[string]int { return scanLines(text).lines }

// twin is a key or table that stands in the text a second time.
type twin struct {
	path        string
	line, first int
}

// withoutTwins returns the text with blanks where something stands a second
// time, so that the rest can be read, and what that was.
func withoutTwins(text string) (string, []twin) {
	s := scanLines(text)
	once := []byte(text)
	for _, span := range s.again {
		for i := span[0]; i < min(span[1], len(once)); i++ {
			if once[i] != '\n' {
				once[i] = ' '
			}
		}
	}
	return string(once), s.twins
}

func scanLines(text string) *lineScan {
	s := &lineScan{text: text, line: 1, lines: map[string]int{}, tables: map[string]int{}}
	inTwin := false // below the header of a table that was there before
	for s.blank(); s.pos < len(s.text); s.blank() {
		from, line, table := s.pos, s.line, s.text[s.pos] == '['
		var path string
		if table {
			path = s.header()
		} else {
			path = s.pair()
		}
		again := s.lines[path] != line
		if again && (table || !inTwin) {
			s.twins = append(s.twins, twin{path, line, s.lines[path]})
		}
		if table {
			inTwin = again
		}
		if again || inTwin {
			s.again = append(s.again, [2]int{from, s.pos})
		}
	}
	return s
}

// lineOf returns the line of a key or of the nearest thing that holds it.
func lineOf(lines map[string]int, key string) int {
	for key != "" {
		if n, ok := lines[key]; ok {
			return n
		}
		if n, ok := lines[key+"[0]"]; ok { // written as one of several
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

type lineScan struct {
	text   string
	pos    int
	line   int
	prefix string         // path of the table we are in, with its dot
	lines  map[string]int // path → line
	tables map[string]int // path of an array of tables → elements so far
	twins  []twin
	again  [][2]int // where they stand, and what is below a table's header
}

// blank skips white space, line ends and comments between expressions.
func (s *lineScan) blank() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		case '#':
			s.comment()
			continue
		default:
			return
		}
		s.pos++
	}
}

func (s *lineScan) comment() {
	if i := strings.IndexByte(s.text[s.pos:], '\n'); i >= 0 {
		s.pos += i
	} else {
		s.pos = len(s.text)
	}
}

// header reads "[a.b]" or "[[a.b]]".
func (s *lineScan) header() (path string) {
	array := strings.HasPrefix(s.text[s.pos:], "[[")
	for s.pos < len(s.text) && s.text[s.pos] == '[' {
		s.pos++
	}
	path = s.key("")
	if array {
		n := s.tables[path]
		s.tables[path]++
		path = fmt.Sprintf("%s[%d]", path, n)
	}
	s.note(path)
	s.prefix = path + "."
	if i := strings.IndexByte(s.text[s.pos:], '\n'); i >= 0 {
		s.pos += i
	} else {
		s.pos = len(s.text)
	}
	return path
}

// pair reads "key = value".
func (s *lineScan) pair() (path string) {
	path = s.key(s.prefix)
	s.note(path)
	s.pos++ // the "="
	s.value()
	return path
}

// key reads a dotted key. A table that is an array's element is named by the
// last index so far, as TOML means it.
func (s *lineScan) key(prefix string) string {
	path := strings.TrimSuffix(prefix, ".")
	for s.pos < len(s.text) {
		for s.pos < len(s.text) && (s.text[s.pos] == ' ' || s.text[s.pos] == '\t') {
			s.pos++
		}
		name := s.simpleKey()
		if path != "" {
			path += "."
		}
		path += name
		for s.pos < len(s.text) && (s.text[s.pos] == ' ' || s.text[s.pos] == '\t') {
			s.pos++
		}
		if s.pos >= len(s.text) || s.text[s.pos] != '.' {
			return path
		}
		s.pos++
		if n := s.tables[path]; n > 0 {
			path = fmt.Sprintf("%s[%d]", path, n-1)
		}
	}
	return path
}

func (s *lineScan) simpleKey() string {
	start := s.pos
	if start >= len(s.text) {
		return ""
	}
	if c := s.text[s.pos]; c == '"' || c == '\'' {
		s.quoted()
		return strings.Trim(s.text[start:min(s.pos, len(s.text))], string(c))
	}
	for s.pos < len(s.text) && !strings.ContainsRune(" \t.=]\r\n", rune(s.text[s.pos])) {
		s.pos++
	}
	if s.pos == start { // not TOML; never stand still
		s.pos++
	}
	return s.text[start:min(s.pos, len(s.text))]
}

// value skips one value up to the end of its line, over strings and brackets.
func (s *lineScan) value() {
	depth := 0
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '"', '\'':
			s.quoted()
			continue
		case '#':
			s.comment()
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '\n':
			if depth <= 0 {
				return
			}
			s.line++
		}
		s.pos++
	}
}

// quoted skips a string of any of the four kinds.
func (s *lineScan) quoted() {
	q := s.text[s.pos : s.pos+1]
	end := q
	if triple := strings.Repeat(q, 3); strings.HasPrefix(s.text[s.pos:], triple) {
		end = triple
	}
	s.pos += len(end)
	for s.pos < len(s.text) {
		switch {
		case q == `"` && s.text[s.pos] == '\\':
			s.pos++
			if s.pos < len(s.text) && s.text[s.pos] == '\n' {
				s.line++
			}
			s.pos++
			continue
		case strings.HasPrefix(s.text[s.pos:], end):
			s.pos += len(end)
			for len(end) == 3 && strings.HasPrefix(s.text[s.pos:], q) {
				s.pos++ // """" ends with a quote that belongs to the text
			}
			return
		case s.text[s.pos] == '\n':
			s.line++
		}
		s.pos++
	}
}

func (s *lineScan) note(path string) {
	if _, ok := s.lines[path]; !ok {
		s.lines[path] = s.line
	}
}

// syntaxProblem turns the library's error into ours: without its "toml:" and the
// key path, which is the last one that was right. Its line is one too many where
// a line ends too early, so it is counted from the offset.
func syntaxProblem(file, text string, err error) problem {
	p := problem{file: file, text: err.Error()}
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		start := min(max(pe.Position.Start, 0), len(text))
		p.line, p.text = 1+strings.Count(text[:start], "\n"), "not TOML: "+pe.Message
	}
	return p
}
