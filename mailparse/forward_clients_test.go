package mailparse

import (
	"fmt"
	"strings"
	"testing"
)

// clientForm is what one client writes in one language: labels as
// "from=Von|date=Datum …" in the client's order.
type clientForm struct{ client, locale, prefix, separator, labels string }

const (
	formSubject = "Where do I change the invoice address"
	formDate    = "Thursday, 28 October 2021 at 14:58:36"
	formBody    = "Hello,\n\nI cannot find it. The page says: From time to time.\n\n> quoted by the customer\n\nRegards, Ada"
	formComment = "Please have a look.\n\nThe second one this week."
)

var formFrom = Address{"ada@example.org", "Ada Example"}

func (c clientForm) value(field string) string {
	switch field {
	case "from":
		switch c.client {
		case "yahoo":
			return `"Ada Example" <ada@example.org>`
		case "outlook-classic":
			return "Ada Example [mailto:ada@example.org]"
		}
		return "Ada Example <ada@example.org>"
	case "date":
		return formDate
	case "subject":
		return formSubject
	case "to":
		if c.client == "outlook-classic" || c.client == "outlook-live" || c.client == "yahoo" {
			return "Help <help@example.com>; ben@example.com <ben@example.com>"
		}
		return "Help <help@example.com>, ben@example.com <ben@example.com>"
	case "cc":
		return "Cy Example <cy@example.net>"
	}
	return "Ada Desk <desk@example.org>"
}

// text builds the mail's text part.
func (c clientForm) text() string {
	var block []string
	for _, l := range strings.Split(c.labels, "|") {
		field, label, _ := strings.Cut(l, "=")
		end := ": "
		switch {
		case c.client == "thunderbird":
			end = ": \t"
		case c.client == "hubspot" && c.locale == "ja":
			end = "："
		case c.client == "hubspot":
			end = ":\u00a0"
		case c.locale == "fr":
			end = " : "
		case strings.HasPrefix(c.locale, "zh"):
			end = "："
		}
		block = append(block, label+end+c.value(field))
	}
	lines := block
	if c.separator != "" {
		lines = append([]string{c.separator}, block...)
	}
	quoted := false
	switch c.client {
	case "apple", "apple-ios":
		lines = append([]string{c.separator, ""}, block...)
		quoted = true
		fallthrough
	default:
		lines = append(lines, "")
	case "new-outlook", "yahoo":
	}
	lines = append(lines, strings.Split(formBody, "\n")...)
	if quoted {
		for i, l := range lines {
			lines[i] = strings.TrimRight("> "+l, " ")
		}
	}
	return formComment + "\n\n" + strings.Join(lines, "\n") + "\n"
}

func TestForwardClients(t *testing.T) {
	for _, c := range clientForms {
		t.Run(c.client+"/"+c.locale, func(t *testing.T) {
			for _, prefix := range []string{c.prefix + " ", "Fwd: "} {
				c.check(t, findForward(prefix+formSubject, c.text(), nil))
			}
			// Line ends of the wire, and every line with a blank behind it.
			c.check(t, findForward("Fw: x", strings.ReplaceAll(c.text(), "\n", " \r\n"), nil))
		})
	}
}

func (c clientForm) check(t *testing.T, f *forward) {
	t.Helper()
	if f == nil {
		t.Fatalf("no forward found in\n%s", c.text())
	}
	if f.from != formFrom {
		t.Errorf("from %q", f.from)
	}
	wantTo := []Address{{"help@example.com", "Help"}, {"ben@example.com", ""}}
	if strings.Contains(c.labels, "to=") && fmt.Sprint(f.to) != fmt.Sprint(wantTo) {
		t.Errorf("to %q", f.to)
	}
	if strings.Contains(c.labels, "|cc=") && fmt.Sprint(f.cc) != fmt.Sprint([]Address{{"cy@example.net", "Cy Example"}}) {
		t.Errorf("cc %q", f.cc)
	}
	if strings.Contains(c.labels, "|reply_to=") && f.replyTo != (Address{"desk@example.org", "Ada Desk"}) {
		t.Errorf("reply-to %q", f.replyTo)
	}
	if f.subject != formSubject {
		t.Errorf("subject %q", f.subject)
	}
	if f.date != formDate {
		t.Errorf("date %q", f.date)
	}
	if f.plain != formBody {
		t.Errorf("body %q", f.plain)
	}
	if f.comment != formComment {
		t.Errorf("comment %q", f.comment)
	}
	if t.Failed() {
		t.Log(c.text())
	}
}

// TestForwardWithoutPrefix: a separator that only forwards have is enough, and
// so is a whole block; under "Re:" the same block is a reply's.
func TestForwardWithoutPrefix(t *testing.T) {
	for _, c := range clientForms {
		t.Run(c.client+"/"+c.locale, func(t *testing.T) {
			f := findForward(formSubject, c.text(), nil)
			switch c.client {
			case "apple", "apple-ios", "gmail", "yahoo", "thunderbird", "missive", "hubspot", "mailmate":
				c.check(t, f)
				if f.weak && c.locale != "br" && c.locale != "cy" { // there Thunderbird says "original"
					t.Error("weak")
				}
			default:
				if f != nil && !f.weak && c.client != "ionos" {
					t.Errorf("not weak: %s", f.evidence)
				}
			}
			switch c.client {
			case "outlook-live", "outlook-classic", "new-outlook", "gmx", "coremail":
				if f := findForward("Re: "+formSubject, c.text(), nil); f != nil {
					t.Errorf("taken for a forward under Re: %s", f.evidence)
				}
			}
		})
	}
}

func TestForwardAttributions(t *testing.T) {
	for _, a := range attributionForms {
		t.Run(a.locale, func(t *testing.T) {
			line := strings.NewReplacer("{date}", "28/10/2021 12:46", "{name}", "Ada Example", "{address}", "ada@example.org").Replace(a.line)
			var b strings.Builder
			for _, l := range strings.Split(formBody, "\n") {
				b.WriteString("    " + l + "\n")
			}
			text := formComment + "\n\n\ufeff" + line + "\n\n" + b.String()
			f := findForward("FW: "+formSubject, text, nil)
			if f == nil {
				t.Fatalf("no forward found in\n%s", text)
			}
			if f.from != formFrom || f.subject != formSubject || f.plain != formBody || f.comment != formComment || !strings.Contains(f.date, "28/10/2021") {
				t.Errorf("%+v", *f)
			}
			if f := findForward("Re: "+formSubject, text, nil); f != nil {
				t.Errorf("taken for a forward under Re: %s", f.evidence)
			}
		})
	}
}
