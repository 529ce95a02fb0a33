package mailparse

import (
	"fmt"
	"strings"
)

// client guesses the program that forwarded, for the people who read evidence.
func (f *found) client() string {
	switch {
	case f.block == nil && f.sep.use == useForward:
		return "yandex"
	case f.block == nil:
		return "outlook-2019"
	case f.sep.kind == '_':
		return "outlook-live"
	case f.sep.kind == '=':
		return "zoho"
	case f.sep.kind == 's':
		return "apple"
	case f.sep.dashes >= 9 && f.sep.use == useForward:
		return "gmail"
	case f.sep.dashes == 8 || f.sep.dashes == 3:
		return "thunderbird"
	case f.sep.dashes == 5 && f.sep.use == useForward:
		return "yahoo"
	case f.sep.dashes > 0:
		return "unknown"
	}
	return "outlook"
}

// evidence says what the finding rests on.
func (f *found) evidence() string {
	if f.block == nil {
		return fmt.Sprintf("attribution line and the Subject's forward prefix, from %q", f.attr.name)
	}
	var b strings.Builder
	switch {
	case f.sep.kind == '_':
		b.WriteString("a line of underscores")
	case f.sep.kind != 0:
		fmt.Fprintf(&b, "separator %q", f.sep.text)
	default:
		b.WriteString("no separator")
	}
	b.WriteString(", labels")
	for _, field := range f.block.order {
		b.WriteByte(' ')
		b.WriteString(fieldTitles[field])
	}
	if names := clientLabels().localeNames(f.block.locales); names != "" && len(names) < 40 {
		fmt.Fprintf(&b, " (%s)", names)
	}
	switch f.lead {
	case leadForward:
		b.WriteString(", forward prefix in the Subject")
	case leadNone:
		b.WriteString(", no prefix in the Subject")
	case leadReply:
		b.WriteString(", reply prefix in the Subject")
	}
	return b.String()
}

var fieldTitles = [numFields]string{"From", "Date", "To", "Cc", "Bcc", "Subject", "Reply-To", "other"}
