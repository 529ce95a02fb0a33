package main

import (
	"slices"
	"testing"
)

func TestWrapKeep(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"  short  line ", []string{"  short  line "}},
		{"  one two three four", []string{"  one two", "  three four"}},
		{"Asks     one two three", []string{"Asks     one", "         two", "         three"}},
		{"", []string{""}},
	} {
		if got := wrapKeep(tt.line, 14); len(tt.line) > 14 && !slices.Equal(got, tt.want) || len(tt.line) <= 14 && got[0] != tt.line {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}
