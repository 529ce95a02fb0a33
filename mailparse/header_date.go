package mailparse

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads a Date field (RFC 5322 §3.3) as the world writes it: no comma,
// no seconds, two-digit years, zone names, comments, asctime, ISO 8601. The
// zero time stands for unreadable.
func parseDate(v string) time.Time {
	if i := strings.IndexByte(v, '('); i >= 0 {
		v = v[:i]
	}
	v = strings.TrimSpace(v)
	if len(v) < 6 || len(v) > 100 {
		return time.Time{}
	}
	if len(v) >= 19 && v[4] == '-' && v[7] == '-' {
		return isoDate(v)
	}
	var d dateScan
	d.zone = "+0000"
	for f := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		if !d.word(f) {
			return time.Time{}
		}
	}
	return d.time()
}

func isoDate(v string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t
		}
	}
	return time.Time{}
}

// dateScan collects what the words of a date say, in whatever order.
type dateScan struct {
	day, month, year, hour, min, sec int
	clock, years                     bool
	zone                             string
}

func (d *dateScan) word(f string) bool {
	switch c := f[0]; {
	case c == '+' || c == '-' && len(f) > 2:
		d.zone = f
		return true
	case strings.Contains(f, ":"):
		return d.clockWord(f)
	case c >= '0' && c <= '9' && d.month > 0 && strings.Count(f, ".") == 2: // 10.11.12
		return d.clockWord(strings.ReplaceAll(f, ".", ":"))
	case c >= '0' && c <= '9':
		return d.number(f)
	}
	if m := monthOf(f); m > 0 && d.month == 0 {
		d.month = m
	} else if d.clock {
		if z, ok := zoneNames[strings.ToUpper(f)]; ok {
			d.zone = z
		} else if hasPrefixFold(f, "GMT") || hasPrefixFold(f, "UTC") {
			d.zone = f[3:]
		}
	}
	return true // a weekday, or a zone name nobody knows (RFC 5322 §4.3: then it is -0000)
}

func (d *dateScan) clockWord(f string) bool {
	if d.clock {
		return true
	}
	for i, p := range strings.SplitN(f, ":", 4) {
		p, _, _ = strings.Cut(p, ".") // seconds with a fraction
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > 60 {
			return false
		}
		switch i {
		case 0:
			d.hour = n
		case 1:
			d.min = n
		case 2:
			d.sec = min(n, 59) // a leap second
		}
	}
	d.clock = true
	return d.hour < 24 && d.min < 60
}

func (d *dateScan) number(f string) bool {
	if day, rest, ok := strings.Cut(f, "-"); ok { // 02-Jan-2006
		return d.number(day) && allWords(d, rest)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(f, "."))
	switch {
	case err != nil:
		return false
	case d.day == 0 && n <= 31 && len(f) <= 3:
		d.day = n
	case !d.years:
		d.years = true
		switch { // RFC 5322 §4.3
		case len(f) == 2 && n < 50:
			n += 2000
		case len(f) <= 3:
			n += 1900
		}
		d.year = n
	default:
		return false
	}
	return true
}

func allWords(d *dateScan, v string) bool {
	for w := range strings.SplitSeq(v, "-") {
		if w == "" || !d.word(w) {
			return false
		}
	}
	return true
}

func (d *dateScan) time() time.Time {
	if d.day == 0 || d.month == 0 || !d.years || d.year > 9999 {
		return time.Time{}
	}
	zone := time.UTC
	if secs := zoneOffset(d.zone); secs != 0 {
		zone = time.FixedZone("", secs)
	}
	return time.Date(d.year, time.Month(d.month), d.day, d.hour, d.min, d.sec, 0, zone)
}

func zoneOffset(z string) int {
	if len(z) < 3 {
		return 0
	}
	n, err := strconv.Atoi(strings.ReplaceAll(z[1:], ":", ""))
	if err != nil {
		return 0
	}
	if len(z) <= 3 {
		n *= 100 // "+02"
	}
	secs := (n/100*60 + n%100) * 60
	if secs > 15*3600 {
		return 0
	}
	if z[0] == '-' {
		return -secs
	}
	return secs
}

func monthOf(f string) int {
	if len(f) < 3 {
		return 0
	}
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	if i := strings.Index(names, strings.ToLower(f[:3])); i >= 0 && i%3 == 0 {
		return i/3 + 1
	}
	return 0
}

// zoneNames are those of RFC 5322 §4.3 and the ones seen in the wild.
var zoneNames = map[string]string{
	"UT": "+0000", "GMT": "+0000", "UTC": "+0000", "Z": "+0000",
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
	"BST": "+0100", "WET": "+0000", "WEST": "+0100", "CET": "+0100", "CEST": "+0200", "MET": "+0100", "MEST": "+0200", "EET": "+0200", "EEST": "+0300", "MSK": "+0300", "JST": "+0900",
}
