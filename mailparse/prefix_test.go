package mailparse

import "testing"

func TestPeelPrefixes(t *testing.T) {
	for _, tt := range []struct {
		in, bare  string
		forwarded bool
	}{
		{"Hello", "Hello", false},
		{"Re: Hello", "Hello", false},
		{"Fwd: Hello", "Hello", true},
		{"FWD:Hello", "Hello", true},
		{"Fw: Re: AW: Hello", "Hello", true},
		{"Re: Fwd: Hello", "Hello", false},
		{"WG: Hallo", "Hallo", true},
		{"TR: Bonjour", "Bonjour", true},
		{"RV: Hola", "Hola", true},
		{"ENC: Olá", "Olá", true},
		{"İLT: Merhaba", "Merhaba", true},
		{"VB: Hej", "Hej", true},
		{"PD: Cześć", "Cześć", true},
		{"转发：你好", "你好", true},
		{"转发: 回复： 你好", "你好", true},
		{"הועבר: שלום", "שלום", true},
		{"I: Ciao", "Ciao", true},
		{"R: Ciao", "Ciao", false},
		{"Re[2]: Hello", "Hello", false},
		{"FW (3): Hello", "Hello", true},
		{"RE : Hello", "Hello", false},
		{"[EXTERNAL] Re: Hello", "Hello", false},
		{"Re: [External] Hello", "Hello", false},
		{"#External: Fwd: Hello", "Hello", true},
		{"[EXT] [EXTERNAL EMAIL] Hello", "Hello", false},
		{"***SPAM*** Fwd: Hello", "Hello", true},
		{"Re: [ACME] Ada Example: where is it?", "[ACME] Ada Example: where is it?", false},
		{"Fwd: Re: [ACME] Fwd: ha", "[ACME] Fwd: ha", true},
		{"[list] Fwd: Hello", "[list] Fwd: Hello", true},
		{"[Fwd: Hello]", "Hello", true},
		{"Hello (fwd)", "Hello", true},
		{"\u200eFwd:\u00a0Hello", "Hello", true},
		{"Question: where?", "Question: where?", false},
		{"Fwd:", "", true},
		{"", "", false},
	} {
		bare, forwarded := peelPrefixes(tt.in)
		if bare != tt.bare || forwarded != tt.forwarded {
			t.Errorf("%q: got %q %v, want %q %v", tt.in, bare, forwarded, tt.bare, tt.forwarded)
		}
	}
}

func TestWithoutForwardPrefix(t *testing.T) {
	for in, want := range map[string]string{
		"Fwd: Re: Hello":           "Re: Hello",
		"FW: FW: Hello":            "FW: Hello",
		"[EXTERNAL] WG: AW: Hallo": "AW: Hallo",
		"[Fwd: Hello]":             "Hello",
		"Hello (fwd)":              "Hello",
		"Hello":                    "Hello",
		"Re: Hello":                "Re: Hello",
	} {
		if got := withoutForwardPrefix(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
