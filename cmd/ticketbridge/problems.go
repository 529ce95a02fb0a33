package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// problem is one thing wrong in the config file: where, at which key, what, and
// what would be right.
type problem struct {
	file string
	line int    // 0: it is about something that is not there
	key  string // "mailbox[0].password"; "" for the file as a whole
	text string
}

func (p problem) String() string {
	var b strings.Builder
	b.WriteString(p.file)
	if p.line > 0 {
		fmt.Fprintf(&b, ":%d", p.line)
	}
	b.WriteString(": ")
	if p.key != "" {
		b.WriteString(p.key + ": ")
	}
	b.WriteString(printable(p.text, 1000))
	return b.String()
}

// problems is everything wrong in one file, as an error.
type problems []problem

func (ps problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted orders them as one reads the file; what stands nowhere comes last.
func (ps problems) sorted() problems {
	slices.SortStableFunc(ps, func(a, b problem) int {
		if a.file != b.file {
			return cmp.Compare(a.file, b.file)
		}
		if (a.line == 0) != (b.line == 0) {
			return b.line - a.line
		}
		return cmp.Compare(a.line, b.line)
	})
	return slices.Compact(ps)
}

func (ps problems) print(w io.Writer) {
	fmt.Fprintln(w, ps.Error())
	if len(ps) > 1 {
		fmt.Fprintf(w, "%d problems\n", len(ps))
	}
}
