package mailparse

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite want.json and explain of the golden files")

// mailDir holds one odd mail a file: testdata/mail/<format>/<what-is-odd>.txtar.
const mailDir = "../testdata/mail"

// golden is one file. The comment says why the mail is kept, and how to read it:
//
//	bytes: exact      line ends stand as they are (default: LF in the file is CRLF)
//	escapes: on       \xNN, \r, \0 in the mail stand for bytes; \\ for a backslash
//	profile: NAME …   the profiles to try instead of all built-in ones
//	pin: NAME=VALUE   operator's pin for all of them
//	own: DOMAIN …     own domains      agents: ADDRESS …
//
// ^M is a lone CR in either form.
type golden struct {
	path string
	arc  *txtar.Archive
}

func (g *golden) file(name string) []byte {
	for _, f := range g.arc.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func (g *golden) set(name string, data []byte) {
	for i := range g.arc.Files {
		if g.arc.Files[i].Name == name {
			g.arc.Files[i].Data = data
			return
		}
	}
	g.arc.Files = append(g.arc.Files, txtar.File{Name: name, Data: data})
}

// option returns what stands after "name:" on a line of the comment.
func (g *golden) option(name string) string {
	for line := range strings.Lines(string(g.arc.Comment)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// mail returns the raw bytes.
func (g *golden) mail() []byte {
	raw := g.file("mail")
	if g.option("bytes") != "exact" {
		raw = bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
	}
	raw = bytes.ReplaceAll(raw, []byte("^M"), []byte("\r"))
	if g.option("escapes") == "on" {
		raw = unescapeBytes(raw)
	}
	return raw
}

func unescapeBytes(raw []byte) []byte {
	var out []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 >= len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		switch c := raw[i]; {
		case c == 'x' && i+2 < len(raw) && unhex(raw[i+1]) >= 0 && unhex(raw[i+2]) >= 0:
			out = append(out, byte(unhex(raw[i+1])<<4|unhex(raw[i+2])))
			i += 2
		case c == 'r':
			out = append(out, '\r')
		case c == '0':
			out = append(out, 0)
		case c == '\\':
			out = append(out, '\\')
		default:
			out = append(out, '\\', c)
		}
	}
	return out
}

func (g *golden) parser(t testing.TB) *Parser {
	t.Helper()
	o := Options{OwnDomains: strings.Fields(g.option("own")), Agents: strings.Fields(g.option("agents"))}
	o.Profiles = goldenProfiles(t, g)
	o.Explain = g.file("explain") != nil
	p, err := NewParser(o)
	if err != nil {
		t.Fatalf("%s: %v", g.path, err)
	}
	return p
}

// goldens reads all golden files below dir.
func goldens(t testing.TB, dir string) []*golden {
	t.Helper()
	var all []*golden
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txtar" {
			return err
		}
		arc, err := txtar.ParseFile(path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, &golden{path, arc})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestGolden(t *testing.T) {
	all := goldens(t, mailDir)
	if len(all) == 0 {
		t.Fatalf("no golden files in %s", mailDir)
	}
	for _, g := range all {
		name, _ := filepath.Rel(mailDir, g.path)
		t.Run(strings.TrimSuffix(name, ".txtar"), func(t *testing.T) {
			t.Parallel()
			g.check(t)
		})
	}
}

func (g *golden) check(t *testing.T) {
	if len(strings.TrimSpace(string(g.arc.Comment))) < 10 {
		t.Errorf("%s: the comment does not say why this mail is kept", g.path)
	}
	if g.file("mail") == nil {
		t.Fatalf("%s: no file named mail", g.path)
	}
	m := g.parser(t).Parse(g.mail())
	got := map[string][]byte{"want.json": indent(t, m)}
	if g.file("explain") != nil {
		got["explain"] = []byte(m.ExplainText())
	}
	if *update {
		for name, data := range got {
			g.set(name, data)
		}
		if err := os.WriteFile(g.path, txtar.Format(g.arc), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name, data := range got {
		if want := readable(g.file(name)); !bytes.Equal(data, want) {
			t.Errorf("%s: %s differs (go test -run TestGolden -update shows it as a diff)\n%s", g.path, name, firstDifference(data, want))
		}
	}
}

func indent(t testing.TB, m *Mail) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		t.Fatal(err)
	}
	return readable(buf.Bytes())
}

// readable writes <, > and & for the escapes that json.Marshal makes of them.
func readable(data []byte) []byte {
	for _, r := range [][2]string{{`\u003c`, "<"}, {`\u003e`, ">"}, {`\u0026`, "&"}} {
		data = bytes.ReplaceAll(data, []byte(r[0]), []byte(r[1]))
	}
	return data
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		a, b := lineAt(g, i), lineAt(w, i)
		if a != b {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, a, b)
		}
	}
	return "no difference by line"
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
