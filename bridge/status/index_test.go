package status

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"ticketbridge/bridge"
)

func TestIndex(t *testing.T) {
	f := wellFolder()
	f.Behind = 3
	down := Folder{Mailbox: "ben", Folder: "Chats", Since: time.Now().Add(-time.Minute * 2), Err: "connection refused",
		RetryAt: time.Now().Add(30*time.Second + 500*time.Millisecond), OnDoneErr: "no such folder"}
	resp := get(t, newPage(Default(), newStore(), f, down), "GET", "/")
	text := body(t, resp)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	mustHold(t, text,
		"<td>ann/INBOX</td><td>idles</td><td>60 min ago</td><td>30 s ago</td><td class=\"n\">3</td>",
		"<td>ben/Chats</td><td>not connected</td><td>2 min ago</td><td></td>", "connection refused; tries again in 30 s; on_done: no such folder",
		"<td>m13</td><td>parked</td><td>50 s ago</td>", "ticketbridge show m13",
		"<td>d10</td><td>doubt</td><td>2 h ago</td><td><bdi>c8</bdi></td>", "ticketbridge show d10",
		"<td>d9</td><td>c7</td><td>raise</td><td>retry</td><td>3 h ago</td><td>in 10 min</td><td class=\"n\">3</td><td><bdi>temporary at rcpt: 451 4.7.1 later</bdi></td>",
		"<td>mails</td><td>ticket</td><td class=\"n\">12</td>", "<td>deliveries</td><td>sent</td><td class=\"n\">11</td>",
		"<td>m12</td><td>60 min ago</td><td>ann/INBOX</td><td>ticket</td><td><bdi>raised at once</bdi></td><td>intercom/message</td><td>c7</td>",
		"v1.2.3", "<title>ticketbridge: ok</title>")
}

// Without details no subject and no whole address is on the page; with them both are.
func TestDetails(t *testing.T) {
	text := body(t, get(t, newPage(Default(), newStore(), wellFolder()), "GET", "/"))
	mustHold(t, text, "v…@customer.example", "two addresses: o…@customer.example, t…@customer.example")
	mustLack(t, text, "question", "visitor@", "one@", "Subject")
	cfg := Default()
	cfg.Details = true
	mustHold(t, body(t, get(t, newPage(cfg, newStore(), wellFolder()), "GET", "/")),
		"visitor@customer.example", "one@customer.example, two@customer.example", "A private question", "<th>Subject</th>")
}

// TestHostileText: nothing of a mail becomes markup, whichever field it came in.
func TestHostileText(t *testing.T) {
	evil := `"><script>alert(1)</script><img src=http://192.0.2.9/x onerror=alert(1)>{{.}}` + "\x00\x1b[31m\u202e'"
	store := &fakeStore{
		counts: newStore().counts,
		mails: []bridge.MailRecord{{ID: 1, Source: bridge.Source{Mailbox: evil, Folder: evil}, State: bridge.MailParked, Reason: evil, Format: evil,
			Kind: evil, Customer: evil, FromAddress: evil, Subject: evil}},
		deliveries: []bridge.Delivery{
			{ID: 1, Action: bridge.Action(evil), State: bridge.Retry, Detail: evil},
			{ID: 2, Action: bridge.Action(evil), State: bridge.Dead, Detail: evil},
		},
	}
	f := wellFolder()
	f.Mailbox, f.Folder, f.Err, f.OnDoneErr = evil, evil, evil, evil
	f.Connected, f.Since = false, time.Now().Add(-time.Hour)
	cfg := Default()
	cfg.Details = true
	p := newPage(cfg, store, f)
	text := body(t, get(t, p, "GET", "/"))
	mustLack(t, text, "\x00", "\x1b", "\u202e")
	checkMarkup(t, text)
	mustHold(t, text, "&lt;script&gt;")
	mustLack(t, body(t, get(t, p, "GET", "/healthz")), "<script", "\x1b", "\u202e")
}

// checkMarkup walks the page as a browser does: only elements of ours, no
// attribute that loads or runs anything.
func checkMarkup(t *testing.T, text string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	ours := strings.Fields("html head meta title style body h1 h2 p span ul li table thead tbody tr th td bdi code")
	attrs := strings.Fields("lang charset name content http-equiv class colspan")
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !contains(ours, n.Data) {
			t.Errorf("element %s", n.Data)
		}
		for _, a := range n.Attr {
			if !contains(attrs, a.Key) {
				t.Errorf("attribute %s of %s", a.Key, n.Data)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// TestStyle: the policy lets exactly the style on the page through.
func TestStyle(t *testing.T) {
	resp := get(t, newPage(Default(), newStore(), wellFolder()), "GET", "/")
	m := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(body(t, resp))
	if m == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(m[1]))
	mustHold(t, resp.Header.Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	mustLack(t, m[1], "url(", "@import")
}

func TestIndexWithoutStore(t *testing.T) {
	store := newStore()
	store.err = errors.New("disk full")
	resp := get(t, newPage(Default(), store, wellFolder()), "GET", "/")
	text := body(t, resp)
	mustHold(t, text, "<title>ticketbridge: unwell</title>", "<li>store: disk full</li>", "ann/INBOX", "not known")
	mustLack(t, text, "m12")
}

// TestRebinding: a foreign name that leads here shows nothing of the page.
func TestRebinding(t *testing.T) {
	p := newPage(Default(), newStore(), wellFolder())
	resp := get(t, p, "GET", "/", func(r *http.Request) { r.Host = "evil.test:8025" })
	text := body(t, resp)
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("%s", resp.Status)
	}
	mustLack(t, text, "ann", "customer")
	// What Prometheus and containers ask by name says nothing of persons.
	if r := get(t, p, "GET", "/metrics", func(r *http.Request) { r.Host = "bridge:8025" }); r.StatusCode != http.StatusOK {
		t.Errorf("metrics: %s", r.Status)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"ann@example.com":                      "a…@example.com",
		"<ann.lee+x@example.com> said":         "<a…@example.com> said",
		"é@example.com, (b@example.org)":       "é…@example.com, (b…@example.org)",
		"user=ann@example.com":                 "user=a…@example.com",
		"no address @ all":                     "no address @ all",
		"a\r\nb\tc\x1b":                        "a? b c?",
		"x" + strings.Repeat("é", maxText)[:6]: "xééé",
	} {
		if got := newPage(Default(), nil).text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := printable(strings.Repeat("é", maxText)); len(got) > maxText || !strings.HasSuffix(got, "é…") {
		t.Errorf("got %d bytes, %q", len(got), got)
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "0 s ago", 90 * time.Second: "90 s ago", 2 * time.Minute: "2 min ago", 119 * time.Minute: "119 min ago",
		2 * time.Hour: "2 h ago", 47 * time.Hour: "47 h ago", 48 * time.Hour: "2 d ago", -time.Minute: "in 60 s",
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
	if got := ago(time.Time{}, now); got != "" {
		t.Errorf("never: %s", got)
	}
}
