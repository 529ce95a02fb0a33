package mailparse

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// maxPattern bounds a regular expression's length: RE2 is linear in the text,
// but its program grows with the expression.
const maxPattern = 2000

func compilePattern(s string) (*pattern, error) {
	if len(s) > maxPattern {
		return nil, fmt.Errorf("%d characters long; want at most %d", len(s), maxPattern)
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, err
	}
	p := &pattern{re: re}
	p.lit, p.lit2 = literals(tree)
	return p, nil
}

// literals returns what mustHold finds in re and, of a concatenation, the
// longest of the others: links and lines of a product share their beginning.
func literals(re *syntax.Regexp) (first, second string) {
	first = mustHold(re)
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op == syntax.OpConcat {
		for _, sub := range re.Sub {
			if s := mustHold(sub); s != first && len(s) > len(second) {
				second = s
			}
		}
	}
	return first, second
}

// mustHold returns the longest literal that stands in every match of re.
func mustHold(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return string(re.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return mustHold(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return mustHold(re.Sub[0])
		}
	case syntax.OpConcat:
		longest := ""
		for _, sub := range re.Sub {
			if s := mustHold(sub); len(s) > len(longest) {
				longest = s
			}
		}
		return longest
	}
	return ""
}
