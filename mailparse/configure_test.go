package mailparse

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func builtinProfile(t testing.TB, name string) *Profile {
	t.Helper()
	ps, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(ps, func(p *Profile) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no built-in format %s", name)
	}
	return ps[i]
}

func TestConfigurePins(t *testing.T) {
	p := builtinProfile(t, "intercom")
	if p.Pinned() {
		t.Error("the built-in profile is pinned to somebody")
	}
	for _, c := range []struct {
		settings map[string]any
		pinned   bool
		want     string // problems
	}{
		{nil, false, ""},
		{map[string]any{"workspace_host": " Acme-0123456789ab.intercom-mail.com "}, true, ""},
		{map[string]any{"app_id": "abcd1234"}, true, ""},
		{map[string]any{"any_workspace": true}, true, ""},
		{map[string]any{"any_workspace": false}, false, ""},
		{map[string]any{"time_zone": "Europe/Berlin", "hold": "2m"}, false, ""},
		{map[string]any{"workspace_host": "https://acme.intercom-mail.com/"}, false, `workspace_host: want the host alone, such as "acme-0123456789ab.intercom-mail.com", not "https://acme.intercom-mail.com/"`},
		{map[string]any{"app_id": "https://app"}, false, `app_id: want the id as it stands in the links, such as "abcd1234", not "https://app"`},
		{map[string]any{"app_id": int64(5)}, false, "app_id: want a text in quotes, not 5"},
		{map[string]any{"from_address": "a@b.example"}, false, "from_address: unknown key"},
		{map[string]any{"app": "x", "hosst": "y"}, false, "app: unknown key; did you mean \"app_id\"?\nhosst: unknown key"},
		{map[string]any{"any_workspace": "yes"}, false, "any_workspace: want true or false, not yes"},
		{map[string]any{"time_zone": "Moon"}, false, `time_zone: want a place such as "Europe/Berlin" or "UTC", not "Moon"`},
	} {
		got, err := p.Configure(c.settings)
		if c.want != "" {
			if err == nil || err.Error() != c.want {
				t.Errorf("%v:\n got %v\nwant %s", c.settings, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.settings, err)
		} else if got.Pinned() != c.pinned {
			t.Errorf("%v: pinned = %v", c.settings, got.Pinned())
		}
	}
}

func TestAssemble(t *testing.T) {
	names := func(ps []*Profile) string {
		var ns []string
		for _, p := range ps {
			ns = append(ns, p.Name)
		}
		return strings.Join(ns, " ")
	}
	own, err := LoadProfile("x.toml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	generic := map[string]any{"based_on": "generic-labelled", "sender": "a@b.example", "reply_to": "only", "line": "^(?P<who>.): (?P<text>.*)$", "customer_is": "name"}
	for _, c := range []struct {
		name     string
		own      []*Profile
		settings map[string]map[string]any
		enabled  []string
		want     string // names, or problems
	}{
		{"enabled by themselves", nil, nil, nil, "intercom chaskiq tawk rocketchat-offline rocketchat-transcript papercups tiledesk chatwoot mibew-offline mibew-history livehelperchat intercom-export"},
		{"as the config says, in the order of trying", nil, nil, []string{"livehelperchat", "intercom"}, "intercom livehelperchat"},
		{"the operator's own file", []*Profile{own}, nil, []string{"x", "intercom"}, "intercom x"},
		{"described in the config", nil, map[string]map[string]any{"shop": generic}, []string{"shop"}, "shop"},
		{"unknown name", nil, nil, []string{"intercon"}, `formats.enabled[0]: there is no format "intercon"; want one of intercom, chaskiq`},
		{"settings of no format", nil, map[string]map[string]any{"intercon": {"app_id": "x"}}, []string{"intercom"}, "format.intercon: there is no such format; want one of intercom, chaskiq"},
		{"based on what cannot be", nil, map[string]map[string]any{"shop": {"based_on": "intercom"}}, []string{"intercom"}, `format.shop.based_on: want "generic-labelled", not intercom`},
		{"problems of a format not enabled", nil, map[string]map[string]any{"intercom": {"app": "x"}}, []string{"chaskiq"}, `format.intercom.app: unknown key; did you mean "app_id"?`},
	} {
		ps, err := Assemble(c.own, c.settings, c.enabled)
		got := names(ps)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestConfigureLabelledProblems(t *testing.T) {
	p := builtinProfile(t, "generic-labelled")
	_, err := p.Configure(map[string]any{})
	for _, key := range []string{"sender", "email_label", "line"} {
		if err == nil || !strings.Contains(err.Error(), key+": required") {
			t.Errorf("nothing set: %s is not asked for: %v", key, err)
		}
	}
	base := func(more map[string]any) map[string]any {
		m := map[string]any{
			"sender": "chat@shop.example", "email_label": "Email", "before": "^Message:", "chat_from": "^Message:",
			"line": `^(?P<who>[^:]+): (?P<text>.*)$`, "customer_is": "name",
		}
		for k, v := range more {
			if v == nil {
				delete(m, k)
			} else {
				m[k] = v
			}
		}
		return m
	}
	if _, err := p.Configure(base(nil)); err != nil {
		t.Fatalf("a plain description: %v", err)
	}
	for _, c := range []struct {
		more map[string]any
		want string
	}{
		{map[string]any{"sender": "chat"}, `sender: want an address, or "@" and a domain, not "chat"`},
		{map[string]any{"sender": "@"}, `sender: want an address, or "@" and a domain, not "@"`},
		{map[string]any{"before": nil}, "before: required: the line above which the labels count"},
		{map[string]any{"before": "end"}, `after_last: required with before = "end"`},
		{map[string]any{"after": "^a", "after_last": "^b"}, "after: want after or after_last, not both"},
		{map[string]any{"line": "^(?P<who>.)"}, "line: want groups (?P<who>…) and (?P<text>…)"},
		{map[string]any{"line": "("}, "line[0]: want a regular expression (RE2)"},
		{map[string]any{"customer_is": nil}, `customer_is: required: "name" where messages carry the customer's name`},
		{map[string]any{"line": nil, "single": true, "chat_from": nil}, "chat_from: required with single = true"},
		{map[string]any{"from_is_customer": true}, "sender: want sender or from_is_customer, not both"},
		{map[string]any{"sender": nil, "from_is_customer": true}, "has: required with from_is_customer"},
		{map[string]any{"email_label": nil}, "email_label: required: what stands before the customer's address"},
		{map[string]any{"lable": "x"}, "lable: unknown key"},
		{map[string]any{"reply_to": "yes"}, `reply_to: want one of ignore, agree, only, not "yes"`},
		{map[string]any{"date": "yesterday"}, "date: want a layout of Go's time package"},
	} {
		_, err := p.Configure(base(c.more))
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+c.want) {
			t.Errorf("%v:\n got %v\nwant %s", c.more, err, c.want)
		}
	}
}

// The reference's two worked profiles read the same mails as the built-in ones.
func TestReferenceProfilesRead(t *testing.T) {
	for _, name := range []string{"intercom", "livehelperchat"} {
		data, err := os.ReadFile("testdata/reference-" + name + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		ref, err := LoadProfile(name, data)
		if err != nil {
			t.Fatal(err)
		}
		if ref, err = ref.Configure(map[string]any{"any_workspace": true}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, g := range goldens(t, mailDir+"/"+name) {
			base := g.parser(t)
			want := base.Parse(g.mail()).Chat
			if want == nil || want.Action != Process {
				continue
			}
			o := base.opts
			o.Profiles = []*Profile{ref}
			p, err := NewParser(o)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Parse(g.mail()).Chat
			if got == nil || got.Customer.Address != want.Customer.Address && got.Customer.Address != "" {
				t.Errorf("%s: got %+v, want %s", g.path, got, want.Customer.Address)
			} else if got.Action == Process {
				n++
			}
		}
		if n < 10 {
			t.Errorf("%s: only %d mails are read as chats", name, n)
		}
	}
}
