package main

import (
	"fmt"
	"strings"
)

// column is one column of a table.
type column struct {
	title string
	flex  bool // may be clipped where the screen is too narrow
}

// cell is one entry: its text, made safe already, and its colour.
type cell struct {
	text  string
	color string
}

// table prints rows under aligned headings. On a terminal it fits the width by
// clipping the widest flexible columns; into a pipe everything is written.
type table struct {
	columns []column
	rows    [][]cell
}

const (
	columnGap = 2
	minFlex   = 10 // columns narrower than this say nothing
)

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

func (t *table) print(s screen) {
	room := 0
	if s.tty {
		room = s.width
	}
	widths := t.fit(room)
	head := make([]cell, len(t.columns))
	for i, c := range t.columns {
		head[i] = cell{c.title, dimmed}
	}
	for _, row := range append([][]cell{head}, t.rows...) {
		var b strings.Builder
		for i, c := range row {
			text := clip(c.text, widths[i])
			b.WriteString(s.paint(c.color, text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-columns(text)+columnGap))
			}
		}
		fmt.Fprintln(s.w, strings.TrimRight(b.String(), " "))
	}
}

// fit returns the columns' widths; total 0 means as wide as needed.
func (t *table) fit(total int) []int {
	widths := make([]int, len(t.columns))
	sum := columnGap * (len(t.columns) - 1)
	for i, c := range t.columns {
		widths[i] = columns(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], columns(row[i].text))
		}
		sum += widths[i]
	}
	for total > 0 && sum > total {
		widest := -1
		for i, c := range t.columns {
			if c.flex && widths[i] > minFlex && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		sum--
	}
	return widths
}
