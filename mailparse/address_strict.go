package mailparse

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Why StrictAddress refuses an address.
var (
	errAddressLong   = errors.New("too long")
	errAddressForm   = errors.New("not of the form local@domain")
	errAddressLocal  = errors.New("local part is not a plain dot-atom")
	errAddressDomain = errors.New("domain is not a plain host name with a dot")
	errAddressHidden = errors.New("holds hidden or directional characters")
	errAddressScript = errors.New("domain mixes scripts")
)

// StrictAddress checks s against the grammar of THREATS T9 and returns its
// normal form: domain in lower case, IDN as A-labels (UTS 46). It is far
// narrower than RFC 5322 — no quotes, comments, literals, encoded words — since
// every form it refuses has been used to make two programs read two addresses.
func StrictAddress(s string) (string, error) {
	if len(s) > 320 { // RFC 3696: 64 + 1 + 255; first, before anything looks at it
		return "", fmt.Errorf("address %.40q…: %w", s, errAddressLong)
	}
	a, err := strictAddress(s)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", s, err)
	}
	return a, nil
}

func strictAddress(s string) (string, error) {
	for _, r := range s {
		if r == utf8.RuneError || unicode.In(r, unicode.Cf, unicode.Cc, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Mn, unicode.Me) && r > 0x7f {
			return "", errAddressHidden
		}
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", errAddressForm
	}
	if !dotAtom(local) || len(local) > 64 || strings.Contains(local, "=?") {
		return "", errAddressLocal
	}
	domain, err := strictDomain(domain)
	if err != nil {
		return "", err
	}
	if len(local)+1+len(domain) > 254 {
		return "", errAddressLong
	}
	return local + "@" + domain, nil
}

// dotAtom is RFC 5322 dot-atom-text, ASCII.
func dotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := 0; i < len(atom); i++ {
			if c := atom[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>[]:;@\,."`, c) >= 0 {
				return false
			}
		}
	}
	return true
}

func strictDomain(domain string) (string, error) {
	if mixedScripts(domain) {
		return "", errAddressScript
	}
	ascii := strings.ToLower(domain)
	if !isASCII(domain) || strings.Contains(ascii, "xn--") {
		var err error
		if ascii, err = idna.Lookup.ToASCII(domain); err != nil {
			return "", errAddressDomain
		}
		shown, err := idna.Lookup.ToUnicode(ascii)
		if err != nil {
			return "", errAddressDomain
		}
		if mixedScripts(shown) {
			return "", errAddressScript
		}
	}
	labels := strings.Split(ascii, ".")
	if len(labels) < 2 || len(ascii) > 253 {
		return "", errAddressDomain
	}
	for _, l := range labels {
		if !hostLabel(l) {
			return "", errAddressDomain
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", errAddressDomain // an IPv4 address
	}
	return ascii, nil
}

// hostLabel is a label of letters, digits and inner hyphens, at most 63 long.
func hostLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := 0; i < len(l); i++ {
		if c := l[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// scripts that labels are written in. Those of one number may stand together,
// as Japanese and Korean are written.
var scripts = []struct {
	table *unicode.RangeTable
	bits  int
}{
	{unicode.Latin, 1}, {unicode.Cyrillic, 2}, {unicode.Greek, 4}, {unicode.Armenian, 8}, {unicode.Hebrew, 16}, {unicode.Arabic, 32},
	{unicode.Han, 64}, {unicode.Hiragana, 64}, {unicode.Katakana, 64}, {unicode.Hangul, 64}, {unicode.Bopomofo, 64},
	{unicode.Thai, 128}, {unicode.Devanagari, 256}, {unicode.Georgian, 512}, {unicode.Cherokee, 1024},
}

// mixedScripts reports a label in more than one script: cоrp with a Cyrillic о.
// Latin letters beside Chinese, Japanese or Korean ones are ordinary there.
func mixedScripts(domain string) bool {
	for label := range strings.SplitSeq(domain, ".") {
		if isASCII(label) {
			continue
		}
		seen := 0
		for _, r := range label {
			seen |= scriptOf(r)
		}
		if seen != 1|64 && seen&(seen-1) != 0 {
			return true
		}
	}
	return false
}

func scriptOf(r rune) int {
	if unicode.In(r, unicode.Common, unicode.Inherited) {
		return 0
	}
	for _, s := range scripts {
		if unicode.Is(s.table, r) {
			return s.bits
		}
	}
	return 1 << 20
}
