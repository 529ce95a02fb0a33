package mailparse

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"testing"
)

// readIn reads r through a buffer of n bytes.
func readIn(t *testing.T, r io.Reader, n int) []byte {
	t.Helper()
	var out []byte
	buf := make([]byte, n)
	for {
		k, err := r.Read(buf)
		out = append(out, buf[:k]...)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			t.Fatal("Read returned 0, nil")
		}
	}
}

// What sound encoders write comes back byte for byte, through buffers of any size.
func TestTransferRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for size := range 200 {
		data := make([]byte, size*3)
		for i := range data {
			data[i] = byte(rnd.IntN(256))
		}
		data = data[:len(data)-rnd.IntN(3)%(len(data)+1)]
		var qp bytes.Buffer
		w := quotedprintable.NewWriter(&qp)
		w.Binary = true
		w.Write(data)
		w.Close()
		b64 := base64.StdEncoding.EncodeToString(data)
		var lines strings.Builder
		for ; len(b64) > 76; b64 = b64[76:] {
			lines.WriteString(b64[:76] + "\r\n")
		}
		lines.WriteString(b64 + "\r\n")
		for _, n := range []int{1, 2, 3, 4, 5, 7, 64, 4096} {
			for enc, body := range map[string][]byte{"quoted-printable": qp.Bytes(), "base64": []byte(lines.String()), "8bit": data} {
				r := openTransfer(body, enc, newBudget(Limits{}))
				if got := readIn(t, r, n); !bytes.Equal(got, data) {
					t.Fatalf("%s, %d bytes, buffer %d: got %q want %q", enc, len(data), n, got, data)
				}
				if r.damaged() {
					t.Fatalf("%s, %d bytes: called damaged", enc, len(data))
				}
			}
		}
	}
}

func TestTransferDamage(t *testing.T) {
	for _, c := range []struct {
		encoding, body, want string
		damaged              bool
	}{
		{"base64", "SGVsbG8=", "Hello", false},
		{"base64", "SGVsbG8", "Hello", false},
		{"base64", "SGVs\r\n bG8=\r\n\r\n", "Hello", false},
		{"base64", "SGVs*bG8=", "Hello", true},
		{"base64", "SGVsbG8=SGVsbG8=", "HelloHello", false},
		{"base64", "SGVsbG8=\r\n__ footer of a list", "Hello", true},
		{"base64", "_-__", "\xff\xef\xff", false}, // the URL alphabet
		{"base64", "S", "", false},
		{"base64", "====", "", false},
		{"quoted-printable", "a=3Db=\r\nc", "a=bc", false},
		{"quoted-printable", "a= \t\r\nb", "ab", false},
		{"quoted-printable", "a=\nb=", "ab", false},
		{"quoted-printable", "a=ZZ=3", "a=ZZ=3", true},
		{"quoted-printable", "=c3=BC", "\xc3\xbc", false},
		{"x-uuencode", "begin 644 a\n#86)C\n`\nend\n", "abc", false},
		{"7bit", "x=3D", "x=3D", false},
	} {
		r := openTransfer([]byte(c.body), c.encoding, newBudget(Limits{}))
		if got := string(readIn(t, r, 16)); got != c.want || r.damaged() != c.damaged {
			t.Errorf("%s %q: got %q, damaged %v", c.encoding, c.body, got, r.damaged())
		}
	}
}

func TestTransferName(t *testing.T) {
	for in, want := range map[string]string{"BASE64": "base64", " Quoted-Printable ": "quoted-printable", `"7bit"`: "7bit", "8bit; x": "8bit", "utf-8": "8bit", "x-rot13": "x-rot13", "": ""} {
		if got := transferName(strings.TrimSpace(in)); got != want {
			t.Errorf("transferName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseParams(t *testing.T) {
	for _, c := range []struct{ in, main, key, want string }{
		{`text/plain; charset=utf-8`, "text/plain", "charset", "utf-8"},
		{`TEXT/Plain;CHARSET="UTF-8"`, "text/plain", "charset", "UTF-8"},
		{`text/plain charset = utf-8`, "text/plain", "charset", "utf-8"},
		{`text/plain; ;; charset=us-ascii (Plain text)`, "text/plain", "charset", "us-ascii (Plain text)"},
		{`text/plain (comment; x=y) ; charset=a`, "text/plain", "charset", "a"},
		{`attachment; filename="a \"b\" c.pdf"`, "attachment", "filename", `a "b" c.pdf`},
		{`attachment; filename="a.pdf" size=3`, "attachment", "filename", "a.pdf"},
		{`attachment; filename="unclosed.pdf`, "attachment", "filename", "unclosed.pdf"},
		{`attachment; filename=a;b.pdf`, "attachment", "filename", "a"},
		{`attachment; filename*=utf-8'de'%C3%BC.pdf`, "attachment", "filename", "ü.pdf"},
		{`attachment; filename*=%FC.pdf`, "attachment", "filename", "ü.pdf"},
		{`attachment; filename*0="a"; filename*1="b"; filename*3="never a gap"`, "attachment", "filename", "abnever a gap"},
		{`attachment; filename*=iso-8859-1''%FC%zz`, "attachment", "filename", "ü%zz"},
		{`"text/html"; a`, "text/html", "a", ""},
		{``, "", "x", ""},
	} {
		main, ps := parseParams(c.in)
		if got := ps.text(c.key, newBudget(Limits{})); main != c.main || got != c.want {
			t.Errorf("parseParams(%q): %q %q, want %q %q", c.in, main, got, c.main, c.want)
		}
	}
}

func TestDecodeHeader(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                   "plain",
		"=?utf-8?q?a_b?=":                         "a b",
		"=?UTF-8?B?R3LDvMOfZQ==?=":                "Grüße",
		"a =?utf-8?q?b?= c":                       "a b c",
		"=?utf-8?q?a?= =?utf-8?q?b?=":             "ab",
		"=?utf-8?q?a?= x =?utf-8?q?b?=":           "a x b",
		"=?utf-8?q?=C3?= =?utf-8?q?=BC?=":         "ü",
		"=?utf-8?q?=C3?= =?iso-8859-1?q?=FC?=":    "Ãü", // a broken word is guessed by itself
		"=?iso-8859-1?q?=FC?=":                    "ü",
		"=?utf-8?x?a?=":                           "=?utf-8?x?a?=",
		"=?utf-8?q?a":                             "a",
		"=?":                                      "=?",
		"=??q?a?=":                                "=??q?a?=",
		"=?utf-8?q??=":                            "",
		"=?utf-8?q?who?=3F?=":                     "who??",
		"=?utf-8?q?=0D=0A=00=1B[31m?=":            "[31m",
		"=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?=":   "=?utf-8?q?a?=", // decoded once, never twice
		"50 % =? of what?=":                       "50 % =? of what?=",
		"a\tb":                                    "a b",
		"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=":      "日本",
		"=?utf-7?q?+AEA-?=":                       "+AEA-",
		"=?windows-1252?q?=93x=94?=":              "“x”",
		"=?utf-8?b?R3LDvMOfZQ?=":                  "Grüße",
		"=?utf-8?b?R3LDv MOfZQ==?=":               "Grüße",
		"=?gb2312?q?=D6=D0?==?gb2312?q?=CE=C4?=":  "中文",
		"Re: =?utf-8?q?=5BACME=5D_Ada=3A_hello?=": "Re: [ACME] Ada: hello",
	} {
		if got := decodeHeader(in); got != want {
			t.Errorf("decodeHeader(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCharsetLabels(t *testing.T) {
	for _, label := range []string{
		"utf-8", "UTF8", "us-ascii", "iso-8859-1", "ISO_8859-1", "latin1", "iso-8859-15", "windows-1250", "cp1251", "win-1252", "koi8-r", "koi8-u", "gb2312", "GBK", "gb18030", "hz-gb-2312", "big5", "big5-hkscs",
		"shift_jis", "Shift-JIS", "cp932", "windows-31j", "euc-jp", "iso-2022-jp", "euc-kr", "ks_c_5601-1987", "cp949", "tis-620", "windows-874", "macintosh", "cp437", "ibm850", "cp866", "utf-16", "utf-16le", "utf-16be", "utf-32", "iso-8859-8-i", "windows-1255",
	} {
		b := newBudget(Limits{})
		toUTF8([]byte("\xfc"), label, b)
		for _, w := range b.warnings {
			if w == "charset-unknown" {
				t.Errorf("no encoding for %q", label)
			}
		}
	}
}

// TestUTF7: letters with accents are read, ASCII in disguise is not.
func TestUTF7(t *testing.T) {
	for in, want := range map[string]string{
		"Gr+APwA3w-e":            "Grüße",
		"+AOQAIADk-":             "ä ä",
		"1 +- 1":                 "1 + 1",
		"+2D3eAA-":               "😀",
		"a+AEA-b":                "a+AEA-b",
		"+ADw-script+AD4-":       "+ADw-script+AD4-",
		"+AOQAQADk-":             "+AOQAQADk-",
		"+AOQgCwDk-":             "+AOQgCwDk-",
		"+":                      "+",
		"+A":                     "+A",
		"tel +49 30, +APw-":      "tel +49 30, ü",
		"+2D0- half a surrogate": "+2D0- half a surrogate",
	} {
		b := newBudget(Limits{})
		if got := toUTF8([]byte(in), "utf-7", b); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		refused := fmt.Sprint(b.warnings) == "[charset-refused]"
		if kept := in == want && len(in) > 1; kept && !refused {
			t.Errorf("%q: warnings %v", in, b.warnings)
		}
	}
}

// wrap puts mails and files into one another for the next test.
const nestedMail = `From: Ben Agent <ben@example.com>
Subject: Fwd: two things
Content-Type: multipart/mixed; boundary="o"

--o
Content-Type: text/plain

See below.

begin 644 a.txt
#86)C
end
--o
Content-Type: message/rfc822

From: Ada Example <ada@example.org>
Subject: two things
Content-Type: multipart/mixed; boundary="i"

--i
Content-Type: text/plain

Hello.
--i
Content-Type: application/pdf; name="b.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment

Yi5wZGY=
--i--
--o
Content-Type: text/csv; name="c.csv"
Content-Disposition: attachment

c,d
--o--
`

// EachAttachment gives every attachment its path and bytes, those of an
// attached mail after the mail itself; Mail.Attachments has the same paths.
func TestEachAttachment(t *testing.T) {
	raw := []byte(crlf(nestedMail))
	var got []string
	err := EachAttachment(raw, func(a Attachment, r io.Reader) error {
		data, err := io.ReadAll(r)
		if int64(len(data)) != a.Size {
			t.Errorf("%s: %d bytes, Size %d", a.Path, len(data), a.Size)
		}
		got = append(got, fmt.Sprintf("%s %s %.9q", a.Path, a.Filename, data))
		return err
	})
	want := `[1/1 a.txt "abc" 2  "From: Ada" 2.2 b.pdf "b.pdf" 3 c.csv "c,d"]`
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v\n got %v\nwant %s", err, got, want)
	}
	p, _ := NewParser(Options{})
	m := p.Parse(raw)
	if m.Carrier != "attached" || m.From.Address != "ada@example.org" || m.Comment != "See below." {
		t.Errorf("carrier %s, from %v, comment %q", m.Carrier, m.From, m.Comment)
	}
	var paths []string
	for _, a := range m.Attachments {
		paths = append(paths, a.Path)
	}
	if fmt.Sprint(paths) != "[2.2 1/1 3]" { // the original's first, then what lies beside it
		t.Errorf("paths %v", paths)
	}
	stop := errors.New("stop")
	if err := EachAttachment(raw, func(Attachment, io.Reader) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the callback's error", err)
	}
}

// A limit of the operator's own holds, a zero one means the default.
func TestLimits(t *testing.T) {
	p, err := NewParser(Options{Limits: Limits{Parts: 2, TextBytes: 5}})
	if err != nil {
		t.Fatal(err)
	}
	m := p.Parse([]byte("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nüüüüü\n--b\n\ntwo\n--b\n\nthree\n--b--\n"))
	if m.Text != "üü" || fmt.Sprint(m.Warnings) != "[limit-parts limit-text]" {
		t.Errorf("text %q, warnings %v", m.Text, m.Warnings)
	}
	for name, raw := range map[string]string{
		"limit-header": "X: " + strings.Repeat("a", 150000) + "\n\nx\n",
		"limit-parts":  "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 600),
	} {
		p, _ := NewParser(Options{})
		if m := p.Parse([]byte(raw)); len(m.Warnings) == 0 || m.Warnings[0] != name {
			t.Errorf("%s: warnings %v", name, m.Warnings)
		}
	}
}

func TestNewParserRefusesNil(t *testing.T) {
	if _, err := NewParser(Options{Profiles: []*Profile{nil}}); err == nil {
		t.Error("a nil profile was taken")
	}
}

// A chat mail that was cut is parked, whatever its profile said.
func TestParkCut(t *testing.T) {
	for _, c := range []struct {
		action   Action
		warnings []string
		want     Action
	}{
		{Process, nil, Process},
		{Process, []string{"charset-damage"}, Process},
		{Process, []string{"mime-boundary", "limit-text"}, Park},
		{Ignore, []string{"limit-text"}, Ignore},
	} {
		chat := &Transcript{Action: c.action}
		parkCut(chat, c.warnings)
		if chat.Action != c.want || c.action == Process && c.want == Park && !strings.HasPrefix(chat.Reason, "limit: more text") {
			t.Errorf("%s with %v: %s, %q", c.action, c.warnings, chat.Action, chat.Reason)
		}
	}
	parkCut(nil, []string{"limit-text"})
}

func TestIsAuto(t *testing.T) {
	for fields, want := range map[string]bool{
		"":                                      false,
		"Auto-Submitted: no":                    false,
		"Auto-Submitted: auto-generated":        true,
		"auto-submitted: Auto-Replied; x=y":     true,
		"Auto-Submitted: no (really)":           false,
		"Precedence: bulk":                      true,
		"Precedence: first-class":               false,
		"Precedence: list":                      true,
		"List-Id: <a.example.org>":              true,
		"Return-Path: <>":                       true,
		"Return-Path: < >":                      true,
		"Return-Path: <a@example.org>":          false,
		"X-Autoreply: yes":                      true,
		"X-Autoreply: no":                       false,
		"X-Auto-Response-Suppress: All":         false,
		"X-Failed-Recipients: a@example.org":    true,
		"From: MAILER-DAEMON@mx.example.org":    true,
		"From: Mailer-Daemon":                   true,
		"From: postmaster@example.org":          false,
		"Subject: Automatic reply: hello":       false,
		"X-POST-MessageClass: 9; Autoresponder": true,
		"Subject: 自动答复: x\nX-Auto-Response-Suppress: All":                                     true,
		"Subject: Out of Office\nX-Auto-Response-Suppress: All":                               true,
		"Subject: =?utf-8?q?Abwesenheitsnotiz?=\nX-Auto-Response-Suppress: DR, OOF":           true,
		"Subject: Undelivered Mail Returned to Sender\nFrom: Mail System <postmaster@a.test>": true,
		"Content-Type: multipart/report; boundary=b; report-type=delivery-status":             true,
	} {
		m := readMessage([]byte(fields+"\n\nx\n"), newBudget(Limits{}))
		if got := m.isAuto(); got != want {
			t.Errorf("%q: auto %v", fields, got)
		}
	}
}

func TestIsStub(t *testing.T) {
	for s, want := range map[string]bool{
		"Your mail client does not support HTML.":                     true,
		"This message is in HTML format.":                             true,
		"Please view this email in your browser: https://example.com": true,
		"Dies ist eine HTML-Nachricht.":                               true,
		"My HTML page shows an error.":                                false,
		"Hello, it does not work.":                                    false,
		"":                                                            false,
		strings.Repeat("We write about HTML format and many other things here. ", 20): false,
	} {
		if got := isStub(s); got != want {
			t.Errorf("isStub(%.60q) = %v", s, got)
		}
	}
}
