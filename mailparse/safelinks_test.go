package mailparse

import (
	"strings"
	"testing"
)

var linkCases = []struct{ name, in, want string }{
	{"plain", "https://example.com/a?b=c", "https://example.com/a?b=c"},
	{"SafeLinks", "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc%26d%3De&data=05%7C02%7Cben%40example.com%7Cabc%7C0%7C0&sdata=x%3D&reserved=0", "https://example.com/a?b=c&d=e"},
	{"as HTML source", "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.com%2F&amp;data=04%7C01%7Cben%40example.com%7C&amp;reserved=0", "https://example.com/"},
	{"broken by line ends", "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2F\nexample.com%2Fa&data=05%7C02\n%7Cben%40example.com&reserved=0", "https://example.com/a"},
	{"app path", "https://nam02.safelinks.protection.outlook.com/ap/w-59584e83/?url=https%3A%2F%2Fexample.com%2Fa&data=05", "https://example.com/a"},
	{"in SafeLinks", "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fnam02.safelinks.protection.outlook.com%2F%3Furl%3Dhttps%253A%252F%252Fexample.com%252Fa%26data%3D05%257C02%257Cben%2540example.com&data=05%7C02", "https://example.com/a"},
	{"without target: the data is lost all the same", "https://eur01.safelinks.protection.outlook.com/?data=05%7C02%7Cben%40example.com", "https://eur01.safelinks.protection.outlook.com/"},
	{"to a script", "https://eur01.safelinks.protection.outlook.com/?url=javascript%3Aalert(1)&data=05%7C02%7Cben%40example.com", "https://eur01.safelinks.protection.outlook.com/"},
	{"not Microsoft's host", "https://safelinks.protection.outlook.com.example.net/?url=https%3A%2F%2Fexample.com", "https://safelinks.protection.outlook.com.example.net/?url=https%3A%2F%2Fexample.com"},
	{"host in the user part", "https://eur01.safelinks.protection.outlook.com@example.net/?url=https%3A%2F%2Fexample.com", "https://eur01.safelinks.protection.outlook.com@example.net/?url=https%3A%2F%2Fexample.com"},
	{"Proofpoint 1", "https://urldefense.proofpoint.com/v1/url?u=http://example.com/a&k=x", "http://example.com/a"},
	{"Proofpoint 2", "https://urldefense.proofpoint.com/v2/url?u=https-3A__example.com_a-5Fb-3Fc-3Dd&d=DwMFaQ&c=x", "https://example.com/a_b?c=d"},
	{"Proofpoint 3", "https://urldefense.com/v3/__https://example.com/a__;!!abc!def$", "https://example.com/a"},
	{"Proofpoint 3 with replaced characters", "https://urldefense.com/v3/__https://example.com/a*b**Ac__;IysrKw!!abc$", "https://example.com/a#b++c"},
	{"Proofpoint 3 with one slash", "https://urldefense.com/v3/__https:/example.com/a__;!!abc$", "https://example.com/a"},
	{"Barracuda", "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fexample.com%2fa&c=E,1,x&typo=1", "https://example.com/a"},
	{"Mimecast keeps its secret", "https://protect-eu.mimecast.com/s/AbCd?domain=example.com", "https://protect-eu.mimecast.com/s/AbCd?domain=example.com"},
	{"Google", "https://www.google.com/url?q=https://example.com/a&sa=D&source=x", "https://example.com/a"},
	{"Google elsewhere", "https://www.google.de/url?sa=t&url=https%3A%2F%2Fexample.com%2Fa", "https://example.com/a"},
	{"Check Point", "https://protect.checkpoint.com/v2/___https://example.com/a___.YzJ1", "https://example.com/a"},
	{"Cisco", "https://secure-web.cisco.com/1AbC/https%3A%2F%2Fexample.com%2Fa", "https://example.com/a"},
	{"Sophos", "https://eu-central-1.protection.sophos.com?d=example.com&u=aHR0cHM6Ly9leGFtcGxlLmNvbS9h&i=x", "https://example.com/a"},
	{"a stray percent sign", "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.com%2F100%&data=05", "https://example.com/100%"},
	{"damaged host", "https://\xf1.safelinks.protection.outlook.com/?data=05", "https://.safelinks.protection.outlook.com/"},
	{"no link", "hello", "hello"},
}

func TestDecodeLink(t *testing.T) {
	for _, tt := range linkCases {
		t.Run(tt.name, func(t *testing.T) {
			got := decodeLink(tt.in)
			if got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
			if strings.Contains(got, "ben") {
				t.Error("the agent's address is still there")
			}
		})
	}
}

func TestDecodeLinks(t *testing.T) {
	const safe = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.com%2Fa&data=05%7C02%7Cben%40example.com%7C&reserved=0"
	for _, tt := range []struct{ name, in, want string }{
		{"none", "see https://example.com/ and http", "see https://example.com/ and http"},
		{"in text", "see " + safe + ".", "see https://example.com/a."},
		{"in brackets", "see the page<" + safe + "> and " + safe, "see the page<https://example.com/a> and https://example.com/a"},
		{"in brackets over lines", "see <" + safe[:70] + "\n" + safe[70:] + "> there", "see <https://example.com/a> there"},
		{"over lines", "see\n" + safe[:70] + "\n" + safe[70:] + "\nthere", "see\nhttps://example.com/a\nthere"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := decodeLinks(tt.in); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// What a decoded link says must not become lines of the text around it.
func TestDecodedLinkIsOneWord(t *testing.T) {
	got := decodeLink("https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.org%2Fa%0AEMAIL%20victim%40example.net%3E&reserved=0")
	if want := "https://example.org/a%0AEMAIL%20victim@example.net%3E"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestJSONIsReadable(t *testing.T) {
	out, err := (&Mail{Text: "a <b> & c", Chat: &Transcript{Turns: []Turn{{Text: "<d>"}}, Text: "<e>"}}).MarshalJSON()
	if err != nil || strings.Contains(string(out), `\u00`) {
		t.Errorf("%s, %v", out, err)
	}
}

// TestBrokenSafeLink: a link that was cut at the end of a line loses its own rest,
// and takes no word of the next line with it.
func TestBrokenSafeLink(t *testing.T) {
	const link = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.org%2Fa&data=05%7C02%7Cben%40example.com%7C8a7b&sdata=abcDEF%3D&reserved=0"
	for cut := strings.Index(link, "&data"); cut < len(link); cut++ {
		if link[cut-1] == '.' {
			continue // is taken for the end of a sentence
		}
		if got, want := decodeLinks("See "+link[:cut]+"\nNext line of it."), "See https://example.org/a\nNext line of it."; got != want {
			t.Errorf("cut at %d: got %q", cut, got)
		}
		if got := decodeLinks("See " + link[:cut] + "\n" + link[cut:] + "\nNext line."); strings.Contains(got, "ben%40") || !strings.HasSuffix(got, "\nNext line.") {
			t.Errorf("broken at %d: got %q", cut, got)
		}
	}
}
