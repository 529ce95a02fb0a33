package mailparse

import (
	"strings"
	"time"
)

// dateLayout is a Go time layout and what it leaves out.
type dateLayout struct {
	layout          string
	noYear, noDate  bool
	noZone, upperPM bool
}

// readDates reads layouts and notes what each leaves out by trying it.
func readDates(t table) []dateLayout {
	var ds []dateLayout
	for _, s := range t.strs("date") {
		s = foldBlanks(s)
		day := time.Date(2001, 2, 3, 16, 5, 6, 0, time.UTC)
		d := dateLayout{
			layout:  s,
			noYear:  day.Format(s) == day.AddDate(1, 0, 0).Format(s),
			noDate:  day.Format(s) == day.AddDate(0, 1, 1).Format(s),
			noZone:  day.Format(s) == day.In(time.FixedZone("X", 3600)).Add(-time.Hour).Format(s),
			upperPM: strings.Contains(s, "PM"),
		}
		if day.Format(s) == day.Add(time.Hour).Format(s) {
			t.problem("date", `want a layout of Go's time package with hours in it, such as "2006-01-02 15:04:05", not %q`, s)
		}
		ds = append(ds, d)
	}
	return ds
}

// foldBlanks makes one blank of any stretch of them: "11 Mar,  6:30am" has two,
// its text rendering has one.
func foldBlanks(s string) string { return strings.Join(strings.Fields(s), " ") }

// timeOf reads a time as the mail writes it. What it leaves out — year, zone, day —
// is that of the mail's Date. Zero where it cannot be told.
func timeOf(written string, layouts []dateLayout, zone *time.Location, mail time.Time) time.Time {
	if zone == nil {
		zone = time.UTC
		if !mail.IsZero() {
			zone = mail.Location()
		}
	}
	for _, l := range layouts {
		s := written
		if l.upperPM {
			s = upperPM(s)
		}
		t, err := time.ParseInLocation(l.layout, s, zone)
		switch {
		case err != nil:
			continue
		case l.noDate:
			return onDay(t, mail, zone)
		case l.noYear:
			return inYear(t, mail, zone)
		}
		return t
	}
	return time.Time{}
}

func upperPM(s string) string {
	s = strings.Replace(s, "am", "AM", 1)
	return strings.Replace(s, "pm", "PM", 1)
}

// slack: the zone of a time in the body may be any, that of Date another. They
// are at most 26 hours apart, so a time that much after the Date is still of it.
const slack = 26 * time.Hour

// inYear gives t the latest year in which it is not after the mail.
func inYear(t time.Time, mail time.Time, zone *time.Location) time.Time {
	if mail.IsZero() {
		return time.Time{}
	}
	for y := mail.In(zone).Year() + 1; y > mail.Year()-8; y-- { // eight years for a 29 February
		u := time.Date(y, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
		if u.Day() == t.Day() && !u.After(mail.Add(slack)) {
			return u
		}
	}
	return time.Time{}
}

// onDay puts a time of day on the mail's day, or on the day before.
func onDay(t time.Time, mail time.Time, zone *time.Location) time.Time {
	if mail.IsZero() {
		return time.Time{}
	}
	d := mail.In(zone)
	u := time.Date(d.Year(), d.Month(), d.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
	if u.After(mail.Add(time.Hour)) {
		u = u.AddDate(0, 0, -1)
	}
	return u
}

// localTime gives a date that a forwarder's client wrote without a zone the
// zone of the forward: clients write the reader's own time.
func localTime(t time.Time, written string, forward time.Time) time.Time {
	if forward.IsZero() || hasZone(written) {
		return t
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, forward.Location())
}

func hasZone(written string) bool {
	if i := strings.LastIndexByte(written, ':'); i >= 0 && strings.ContainsAny(written[i:], "+-Z") {
		return true
	}
	return strings.Contains(written, "GMT") || strings.Contains(written, "UTC") ||
		len(written) > 4 && written[4] == '-' && strings.Contains(written, "T")
}
