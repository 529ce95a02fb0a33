package main

import (
	"fmt"
	"strings"
)

// didYouMean returns `; did you mean "x"?` where one of the names is so near
// that the guess is safe, else "". A wrong guess is worse than none.
func didYouMean(got string, names []string) string {
	best, bestDistance := "", max(len(got)/3, 1)+1
	for _, n := range names {
		if d := distance(strings.ToLower(strings.ReplaceAll(got, "-", "_")), n); d < bestDistance {
			best, bestDistance = n, d
		} else if d == bestDistance {
			best = "" // two equally near: say nothing
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance counts the edits (insert, delete, replace, swap neighbours) between
// two short words.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
