package mailparse

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseMailbox(t *testing.T) {
	for _, tt := range []struct{ in, name, address string }{
		{"Ada Example <ada@example.org>", "Ada Example", "ada@example.org"},
		{`"Ada Example" <ada@example.org>`, "Ada Example", "ada@example.org"},
		{"'Ada Example' <ada@example.org>", "Ada Example", "ada@example.org"},
		{`"'Ada Example'" <ada@example.org>`, "Ada Example", "ada@example.org"},
		{"«Ada Example» <ada@example.org>", "Ada Example", "ada@example.org"},
		{"„Ada Example“ <ada@example.org>", "Ada Example", "ada@example.org"},
		{"*Ada Example* <ada@example.org>", "Ada Example", "ada@example.org"},
		{"Ada Example [ada@example.org]", "Ada Example", "ada@example.org"},
		{"Ada Example [mailto:ada@example.org]", "Ada Example", "ada@example.org"},
		{"Ada Example <mailto:ada@example.org>", "Ada Example", "ada@example.org"},
		{"Ada Example<mailto:ada@example.org>", "Ada Example", "ada@example.org"},
		{"Ada Example [SMTP:ada@example.org]", "Ada Example", "ada@example.org"},
		{"Ada Example (ada@example.org)", "Ada Example", "ada@example.org"},
		{"ada@example.org (Ada Example)", "Ada Example", "ada@example.org"},
		{"ada@example.org <mailto:ada@example.org>", "", "ada@example.org"},
		{"ada@example.org <ada@example.org>", "", "ada@example.org"},
		{"ADA@example.org <ada@example.org>", "", "ada@example.org"},
		{"Ada <ada@example.org<mailto:ada@example.org>>", "Ada", "ada@example.org"},
		{"<ada@example.org<mailto:ada@example.org>>", "", "ada@example.org"},
		{"Ada Example ada@example.org", "Ada Example", "ada@example.org"},
		{"Example, Ada <ada@example.org>", "Example, Ada", "ada@example.org"},
		{"Ada Example via Help <help@example.com>", "Ada Example via Help", "help@example.com"},
		{"ada@example.org", "", "ada@example.org"},
		{"<ada@example.org>", "", "ada@example.org"},
		{"mailto:ada@example.org?subject=x", "", "ada@example.org"},
		{"Ada Example", "Ada Example", ""},
		{"Ada Example </O=EXAMPLE/OU=FIRST/CN=ADA>", "Ada Example", ""},
		{"Ada <@example.org>", "Ada", ""},
		{"Ada <ada@>", "Ada", ""},
		{"<>", "", ""},
		{"", "", ""},
		{`"admin@corp.example" <visitor@example.net>`, "admin@corp.example", "visitor@example.net"},
		{"Ben <ben@example.com> on behalf of Ada Example <ada@example.org>", "Ada Example", "ada@example.org"},
		{"Ben <ben@example.com> On Behalf Of Ada Example", "Ada Example", ""},
		{"Ben [ben@example.com] im Auftrag von Ada Example [ada@example.org]", "Ada Example", "ada@example.org"},
		{"Ben <ben@example.com> per conto di Ada Example <ada@example.org>", "Ada Example", "ada@example.org"},
		{"Ben <ben@example.com> för Ada Example <ada@example.org>", "Ada Example", "ada@example.org"},
		{"Namens Company <ada@example.org>", "Namens Company", "ada@example.org"},
	} {
		if got := parseMailbox(tt.in); got != (Address{tt.address, tt.name}) {
			t.Errorf("%q: got %q, want %q <%s>", tt.in, got, tt.name, tt.address)
		}
	}
}

func TestParseMailboxes(t *testing.T) {
	for in, want := range map[string]string{
		"Ann <a@x.org>, Bob <b@x.org>":                     "Ann <a@x.org>; Bob <b@x.org>",
		"Ann <a@x.org>; Bob <b@x.org>;":                    "Ann <a@x.org>; Bob <b@x.org>",
		"Example, Ann <a@x.org>, Example, Bob <b@x.org>":   "Example, Ann <a@x.org>; Example, Bob <b@x.org>",
		"Example, Ann <a@x.org>; Example, Bob <b@x.org>":   "Example, Ann <a@x.org>; Example, Bob <b@x.org>",
		`"Example, Ann" <a@x.org>, b@x.org`:                "Example, Ann <a@x.org>;  <b@x.org>",
		"Ann Example, Bob Example <b@x.org>":               "Ann Example <>; Bob Example <b@x.org>",
		"Ann; Bob":                                         "Ann <>; Bob <>",
		"a@x.org, b@x.org":                                 " <a@x.org>;  <b@x.org>",
		"a@x.org<mailto:a@x.org>; b@x.org<mailto:b@x.org>": " <a@x.org>;  <b@x.org>",
		"Ann <a@x.org>,, Bob <b@x.org>,":                   "Ann <a@x.org>; Bob <b@x.org>",
		"":                                                 "",
	} {
		var got []string
		for _, a := range parseMailboxes(in) {
			got = append(got, fmt.Sprintf("%s <%s>", a.Name, a.Address))
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%q: got %q, want %q", in, s, want)
		}
	}
}

func TestReadAttribution(t *testing.T) {
	for _, tt := range []struct{ in, name, address, date string }{
		{"On Thu, Oct 28, 2021 at 2:58 PM Ada Example <ada@example.org> wrote:", "Ada Example", "ada@example.org", "Thu, Oct 28, 2021 at 2:58 PM"},
		{"On 28 Oct 2021, at 14:58, Ada Example <ada@example.org> wrote:", "Ada Example", "ada@example.org", "28 Oct 2021, at 14:58"},
		{`On 28/10/2021 12:46, "Ada Example" <ada@example.org> wrote:`, "Ada Example", "ada@example.org", "28/10/2021 12:46"},
		{"On 28/10/2021 12:46, Ada Example wrote:", "Ada Example", "", "28/10/2021 12:46"},
		{"Am Do., 28. Okt. 2021 um 14:58 Uhr schrieb Ada Example <ada@example.org>:", "Ada Example", "ada@example.org", "Do., 28. Okt. 2021 um 14:58 Uhr"},
		{"Le jeu. 28 oct. 2021 à 14:58, Ada Example <ada@example.org> a écrit :", "Ada Example", "ada@example.org", "jeu. 28 oct. 2021 à 14:58"},
		{"El jue, 28 oct 2021 a las 14:58, Ada Example (<ada@example.org>) escribió:", "Ada Example", "ada@example.org", "jue, 28 oct 2021 a las 14:58"},
		{"Op do 28 okt. 2021 om 14:58 schreef Ada Example <ada@example.org>:", "Ada Example", "ada@example.org", "do 28 okt. 2021 om 14:58"},
		{"Il giorno gio 28 ott 2021 alle ore 14:58 Ada Example <ada@example.org> ha scritto:", "Ada Example", "ada@example.org", "gio 28 ott 2021 alle ore 14:58"},
		{"czw., 28 paź 2021 o 14:58 Ada Example <ada@example.org> napisał(a):", "Ada Example", "ada@example.org", "czw., 28 paź 2021 o 14:58"},
		{"28.10.2021, 14:58, \"Ada Example\" <ada@example.org>:", "Ada Example", "ada@example.org", "28.10.2021, 14:58"},
		{"Ada Example <ada@example.org> 于2021年10月28日周四 14:58写道：", "Ada Example", "ada@example.org", "2021年10月28日周四 14:58"},
		{"2021年10月28日(木) 14:58 Ada Example <ada@example.org>:", "Ada Example", "ada@example.org", "2021年10月28日(木) 14:58"},
	} {
		a, ok := readAttribution(tt.in)
		if !ok || a.name != tt.name || a.address != tt.address || a.date != tt.date {
			t.Errorf("%q:\n got %v %q <%s> %q", tt.in, ok, a.name, a.address, a.date)
		}
	}
	for _, in := range []string{"Hello Ada:", "Meet me at 14:58:", "See https://example.com/1:", "The 3 things he wrote:", "Ada <ada@example.org>", ""} {
		if a, ok := readAttribution(in); ok {
			t.Errorf("%q: taken for one: %+v", in, a)
		}
	}
}
