package mailparse

import (
	"strings"
	"testing"
)

// TestLabelsFile: the file is sound. A column too few or a kind misspelt would
// silently cost a language.
func TestLabelsFile(t *testing.T) {
	kinds := map[string]int{"locale": 3, "forward": 2, "reply": 2, "separator": 3, "from": 2, "date": 2, "to": 2, "cc": 2, "bcc": 2, "subject": 2, "reply_to": 2, "other": 2, "behalf": 2, "attribution": 3}
	for i, line := range strings.Split(labelsText, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		cols := strings.Split(line, "\t")
		least, ok := kinds[cols[0]]
		if !ok || len(cols) < least {
			t.Errorf("line %d: %q", i+1, line)
			continue
		}
		if cols[0] == "separator" && separatorUses[cols[1]] == useNone || cols[0] == "attribution" && cols[1] != "forward" && cols[1] != "reply" {
			t.Errorf("line %d: unknown use %q", i+1, cols[1])
		}
		for _, c := range cols {
			if c == "" || c != strings.TrimSpace(c) || strings.HasSuffix(c, ":") && cols[0] != "attribution" || foldLabel(c) == "" {
				t.Errorf("line %d: column %q", i+1, c)
			}
		}
	}
	table := clientLabels()
	if n := len(table.locales); n < 80 || n > 128 {
		t.Errorf("%d locales; a set holds 128", n)
	}
	for _, a := range table.attributions {
		if a.regexp() == nil || !strings.Contains(a.line, "{name}") {
			t.Errorf("attribution %q", a.line)
		}
	}
}

// TestLabelsCover: every language that desktop clients ship has what a block needs.
func TestLabelsCover(t *testing.T) {
	table := clientLabels()
	for _, code := range strings.Fields("cs da de en es et fi fr hr hu it ja ko nl no pl pt pt-br ro ru sk sv tr uk zh-cn zh-tw el bg he ar th vi lt lv sl sr ca") {
		var fields [numFields]bool
		for l := range table.locales {
			if table.locales[l] != code {
				continue
			}
			for _, uses := range table.labels {
				for _, u := range uses {
					fields[u.field] = fields[u.field] || u.locales.has(l)
				}
			}
		}
		for _, f := range []labelField{fieldFrom, fieldDate, fieldTo, fieldSubject} {
			if !fields[f] {
				t.Errorf("%s: no label for %s", code, fieldTitles[f])
			}
		}
	}
}

func TestFoldLabel(t *testing.T) {
	for in, want := range map[string]string{
		"From":                "from",
		" Reply\u00a0To ":     "reply to",
		"\u200fFrom":          "from",
		"ΠΡΟΣ":                "προσ",
		"Προς":                "προσ",
		"İLT":                 "ilt",
		"Pr\u030cedme\u030ct": "předmět", // decomposed, as on a Mac
		"Envoyé le":           "envoyé le",
	} {
		if got := foldLabel(in); got != foldLabel(want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func BenchmarkReadLabels(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		readLabels(labelsText)
	}
}
