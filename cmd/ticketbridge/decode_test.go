package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"ticketbridge/bridge"
)

type sample struct {
	Name string                `toml:"name"`
	On   bool                  `toml:"on"`
	Wait bridge.Duration       `toml:"wait"`
	Tags []string              `toml:"tags"`
	Box  []sampleBox           `toml:"box"`
	Rest map[string]sampleRest `toml:"by"`
}

type sampleBox struct {
	bridge.Credentials
	Port  int   `toml:"port"`
	Small int8  `toml:"small"`
	Inner inner `toml:"inner"`
}

type inner struct {
	Ratio float64 `toml:"ratio"`
}

type sampleRest struct {
	Known string         `toml:"known"`
	Other map[string]any `toml:",rest"`
}

func (b *sampleBox) setDefaults() { b.Port = 993 }

func TestDecodeFillsEverythingAndKeepsDefaults(t *testing.T) {
	got := sample{Name: "default", Wait: 5}
	d, err := decodeTOML("t.toml", `
on = true
tags = ["a", "b"]
[[box]]
username = "ann"
inner = { ratio = 2 }
[[box]]
port = 143
small = -3
[by.x]
known = "k"
free = [1, 2]
`, &got)
	if err != nil || len(d.problems) > 0 {
		t.Fatalf("decode: %v, problems:\n%v", err, d.problems)
	}
	want := sample{Name: "default", On: true, Wait: 5, Tags: []string{"a", "b"},
		Box: []sampleBox{
			{Credentials: bridge.Credentials{Username: "ann"}, Port: 993, Inner: inner{2}},
			{Port: 143, Small: -3},
		},
		Rest: map[string]sampleRest{"x": {Known: "k", Other: map[string]any{"free": []any{int64(1), int64(2)}}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeReportsEveryMistake(t *testing.T) {
	var got sample
	d, err := decodeTOML("t.toml", `name = 3
naem = "x"
on = "yes"
wait = 60
tags = "a"
[[box]]
port = "993"
small = 300
password = 12345
pass_word = "secret"
user-name = "ann"
inner = 7
by = 1
[by]
x = 4
`, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := `t.toml:1: name: want text in quotes, not 3
t.toml:2: naem: unknown key; did you mean "name"?
t.toml:3: on: want true or false (without quotes), not "yes"
t.toml:4: wait: want a duration such as "90s", "15m", "36h" or "2d", not "60"
t.toml:5: tags: want a list such as ["a"], not "a"
t.toml:7: box[0].port: want a whole number (without quotes), not "993"
t.toml:8: box[0].small: 300 is too large
t.toml:9: box[0].password: want text in quotes
t.toml:10: box[0].pass_word: unknown key; did you mean "password"?
t.toml:11: box[0].user-name: unknown key; did you mean "username"?
t.toml:12: box[0].inner: want a table [box.inner], not 7
t.toml:13: box[0].by: unknown key
t.toml:15: by.x: want a table [by.x], not 4`
	if got := d.problems.sorted().Error(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if s := fmt.Sprint(d.problems); strings.Contains(s, "12345") || strings.Contains(s, "secret") {
		t.Error("a password was shown")
	}
}

func TestDecodeSyntaxError(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a = 1\nb = \n", "t.toml:2: not TOML: "},
		{"x = {a = 1, a = 2}\n", "t.toml:1: not TOML: "},
		{"a = \"\xff\"\n", "t.toml:1: not TOML: "},
		{"[x", "t.toml:1: not TOML: "},
	} {
		_, err := decodeTOML("t.toml", tt.text, &sample{})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %s…", tt.text, err, tt.want)
		}
	}
}

func TestDecodeShapes(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"[box]\nport = 1", "t.toml:1: box: want [[box]] with two brackets: there may be several"},
		{"box = 1", "t.toml:1: box: want tables [[box]], not 1"},
		{"by = 1", "t.toml:1: by: want tables [by.NAME], not 1"},
		{"tags = [1]", "t.toml:1: tags[0]: want text in quotes, not 1"},
		{"box = [{port = 1}, {prot = 2}]", `t.toml:1: box[1].prot: unknown key; did you mean "port"?`},
		{"[[box]]\n[box.inner]\nratio = \"x\"", `t.toml:3: box[0].inner.ratio: want a number (without quotes), not "x"`},
	} {
		d, err := decodeTOML("t.toml", tt.text, &sample{})
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if got := d.problems.sorted().Error(); got != tt.want {
			t.Errorf("%q\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestKeyLines(t *testing.T) {
	text := "# comment [x]\n" + // 1
		"a = 1 # b = 2\n" + // 2
		"s = \"\"\"\n[no]\nno = \\\n1\"\"\"\n" + // 3-6
		"l = [ # [no]\n  \"]\", 'x#',\n  { no = 1 },\n]\n" + // 7-10
		"[t]\n" + // 11
		"\"q k\" = 1\n" + // 12
		"b . c = '''\n''' \n" + // 13-14
		"[[m]]\n" + // 15
		"p = 1\r\n" + // 16
		"[m.sub]\n" + // 17
		"p = 1\n" + // 18
		"[[ m ]]\n" + // 19
		"p = \"a\\\"b\"\n" + // 20
		"[[m.deep]]\n" + // 21
		"p = 2" // 22
	want := map[string]int{
		"a": 2, "s": 3, "l": 7, "t": 11, "t.q k": 12, "t.b.c": 13,
		"m[0]": 15, "m[0].p": 16, "m[0].sub": 17, "m[0].sub.p": 18,
		"m[1]": 19, "m[1].p": 20, "m[1].deep[0]": 21, "m[1].deep[0].p": 22,
	}
	got := keyLines(text)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for key, line := range map[string]int{"l[2].no": 7, "m[1].absent": 19, "t.b.c.d": 13, "absent": 0, "x.y": 0} {
		if n := lineOf(got, key); n != line {
			t.Errorf("lineOf %s: got %d, want %d", key, n, line)
		}
	}
}

// FuzzKeyLines: nothing makes the scan hang or panic, and every plain key at the
// top of what the library accepts as TOML has its line.
func FuzzKeyLines(f *testing.F) {
	f.Add("a = 1\n[b]\nc = \"\"\"x\n\"\"\"\n[[d]]\ne.f = [1,\n2]\n")
	f.Add("x = '''''''\n")
	f.Add("[a.\"b.c\"]\n'' = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := keyLines(text)
		for key, n := range lines {
			if n < 1 || n > 1+strings.Count(text, "\n") {
				t.Errorf("%q: line %d of a text of %d", key, n, 1+strings.Count(text, "\n"))
			}
		}
		var tree map[string]any
		if _, err := toml.Decode(text, &tree); err != nil {
			return
		}
		for key, v := range tree {
			if _, tables := v.([]map[string]any); tables || !bare.MatchString(key) {
				continue
			}
			if lines[key] == 0 && !tableBelow(lines, key) {
				t.Errorf("%q has no line in %v", key, lines)
			}
		}
	})
}

var bare = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// tableBelow: [a.b] or a.b = 1 make a table a without a line of its own.
func tableBelow(lines map[string]int, key string) bool {
	for k := range lines {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

func TestDidYouMean(t *testing.T) {
	names := []string{"host", "port", "password", "password_file", "tls"}
	for got, want := range map[string]string{
		"pasword": "password", "Host": "host", "hots": "host", "password-file": "password_file",
		"prot": "port", "post": "", "zzz": "", "x": "",
	} {
		hint := ""
		if want != "" {
			hint = fmt.Sprintf("; did you mean %q?", want)
		}
		if h := didYouMean(got, names); h != hint {
			t.Errorf("%s: got %q, want %q", got, h, hint)
		}
	}
}

// TestWithoutTwins: what stands there twice is found and taken out whole, and
// every line keeps its number.
func TestWithoutTwins(t *testing.T) {
	for _, tt := range []struct {
		text, rest string
		twins      []twin
	}{
		{"a = 1\nb = 2\n", "a = 1\nb = 2", nil},
		{"a = 1\nb = 2\na = 3\n", "a = 1\nb = 2", []twin{{"a", 3, 1}}},
		{"a = 1\n\"a\" = '2'\na = 3", "a = 1", []twin{{"a", 2, 1}, {"a", 3, 1}}},
		{"[x]\na = 1\na = [\n1, # ]\n2]\nb = 2", "[x]\na = 1\n\n\n\nb = 2", []twin{{"x.a", 3, 2}}},
		{"[x]\na = 1\n[y]\n[x]\na = 2\nb = \"\"\"\n[z]\n\"\"\"\n[y.z]\nc = 1", "[x]\na = 1\n[y]\n\n\n\n\n\n[y.z]\nc = 1", []twin{{"x", 4, 1}}},
		{"[[m]]\na = 1\n[[m]]\na = 1\na = 2", "[[m]]\na = 1\n[[m]]\na = 1", []twin{{"m[1].a", 5, 4}}},
		{"x.y = 1\n[x]\ny = 2\nz = 3", "x.y = 1\n[x]\n\nz = 3", []twin{{"x.y", 3, 1}}},
	} {
		rest, twins := withoutTwins(tt.text)
		if !reflect.DeepEqual(twins, tt.twins) {
			t.Errorf("%q: got %v, want %v", tt.text, twins, tt.twins)
		}
		if strings.Count(rest, "\n") != strings.Count(tt.text, "\n") {
			t.Errorf("%q: lines moved", tt.text)
		}
		var lines []string
		for line := range strings.Lines(rest) {
			lines = append(lines, strings.TrimSpace(line))
		}
		if got := strings.TrimRight(strings.Join(lines, "\n"), "\n"); got != tt.rest {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.rest)
		}
	}
}
