package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		limit    int
	}{
		{"plain äöü 日本", "plain äöü 日本", 100},
		{"a\nb\r\tc", `a\nb\r c`, 100},
		{"\x1b]0;x\x07", `\x1b]0;x\x07`, 100},
		{"\u009b31m", `\x9b31m`, 100},
		{"a\u202eb\u2028c\ufeff", `a\u202eb\u2028c\ufeff`, 100},
		{"a\xffb", "a\ufffdb", 100},
		{"abcdef", "abc…", 3},
		{"aäb", "a…", 2}, // not half a character
		{"👩‍👩", "👩‍👩", 100},
	} {
		if got := printable(tt.in, tt.limit); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[0m\u202e", 5)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 0 || n > 1<<20 {
			return
		}
		got := printable(s, n)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unsafeRune) {
			t.Errorf("%q: %q is not safe", s, got)
		}
	})
}

func TestClipAndWrap(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}} {
		if got := clip(tt.in, tt.n); got != tt.want || columns(got) > tt.n {
			t.Errorf("clip %q to %d: %q", tt.in, tt.n, got)
		}
	}
	if got := strings.Join(wrap("one two three  four", 9), "|"); got != "one two|three|four" {
		t.Errorf("wrap: %q", got)
	}
}

// TestTableFitsTheTerminal: the widest flexible columns give way.
func TestTableFitsTheTerminal(t *testing.T) {
	tb := table{columns: []column{{"ID", false}, {"SUBJECT", true}, {"WHY", true}}}
	tb.add(cell{"m1", bold}, cell{text: strings.Repeat("s", 60)}, cell{text: "short"})
	var buf bytes.Buffer
	tb.print(screen{w: &buf, width: 40, tty: true, color: true})
	want := "\x1b[2mID\x1b[0m  \x1b[2mSUBJECT\x1b[0m" + strings.Repeat(" ", 24) + "\x1b[2mWHY\x1b[0m\n" +
		"\x1b[1mm1\x1b[0m  " + strings.Repeat("s", 28) + "…  short\n"
	if buf.String() != want {
		t.Errorf("got  %q\nwant %q", buf.String(), want)
	}
}
