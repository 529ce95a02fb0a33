package mailparse

import (
	"testing"
	"time"
)

func layoutsOf(t testing.TB, layouts ...string) []dateLayout {
	t.Helper()
	list := make([]any, len(layouts))
	for i, l := range layouts {
		list[i] = l
	}
	tb := settingsTable(map[string]any{"date": list})
	ds := readDates(tb)
	if len(tb.f.problems) > 0 {
		t.Fatal(tb.f.problems)
	}
	return ds
}

func TestTimeOf(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		layout, written, mail string
		zone                  *time.Location
		want                  string
	}{
		{"2 Jan,  3:04pm", "11 Mar, 6:30am", "2026-03-11T06:34:10+01:00", nil, "2026-03-11T06:30:00+01:00"},
		{"2 Jan, 3:04pm", "31 Dec, 11:58pm", "2026-01-01T00:06:00+01:00", nil, "2025-12-31T23:58:00+01:00"},
		{"2 Jan, 3:04pm", "1 Jan, 12:30am", "2025-12-31T23:35:00Z", nil, "2026-01-01T00:30:00Z"},
		{"2 Jan, 3:04pm", "12 Mar, 5:00am", "2026-03-11T06:00:00Z", nil, "2026-03-12T05:00:00Z"}, // a zone far ahead
		{"2 Jan, 3:04pm", "13 Mar, 5:00am", "2026-03-11T06:00:00Z", nil, "2025-03-13T05:00:00Z"},
		{"2 Jan, 3:04pm", "29 Feb, 5:00am", "2026-03-11T06:00:00Z", nil, "2024-02-29T05:00:00Z"},
		{"2 Jan, 3:04pm", "11 Mar, 6:30am", "", nil, ""},
		{"2 Jan, 3:04pm", "11 Mrz, 6:30am", "2026-03-11T06:34:10Z", nil, ""},
		{"2006-01-02 15:04:05", "2026-08-21 13:12:52", "2026-08-21T13:20:00+02:00", nil, "2026-08-21T13:12:52+02:00"},
		{"2006-01-02 15:04:05", "2026-08-21 13:12:52", "", nil, "2026-08-21T13:12:52Z"},
		{"2006-01-02 15:04:05", "2026-08-21 13:12:52", "2026-08-21T13:20:00Z", berlin, "2026-08-21T13:12:52+02:00"},
		{"2006-01-02 15:04:05", "2026-01-21 13:12:52", "2026-08-21T13:20:00Z", berlin, "2026-01-21T13:12:52+01:00"},
		{"2006-01-02 15:04 -0700", "2026-01-21 13:12 +0530", "", nil, "2026-01-21T13:12:00+05:30"},
		{"15:04:05", "13:12:52", "2026-08-21T13:20:00+02:00", nil, "2026-08-21T13:12:52+02:00"},
		{"15:04:05", "23:58:00", "2026-08-21T00:02:00+02:00", nil, "2026-08-20T23:58:00+02:00"},
		{"15:04:05", "13:12:52", "", nil, ""},
		{"3:04 PM", "1:12 pm", "2026-08-21T13:20:00Z", nil, "2026-08-21T13:12:00Z"},
	} {
		var mail time.Time
		if c.mail != "" {
			if mail, err = time.Parse(time.RFC3339, c.mail); err != nil {
				t.Fatal(err)
			}
		}
		got := timeOf(c.written, layoutsOf(t, c.layout), c.zone, mail)
		s := ""
		if !got.IsZero() {
			s = got.Format(time.RFC3339)
		}
		if s != c.want {
			t.Errorf("%q as %q in a mail of %s: %s, want %s", c.written, c.layout, c.mail, s, c.want)
		}
	}
}

func TestLocalTime(t *testing.T) {
	forward := time.Date(2026, 3, 12, 9, 0, 0, 0, time.FixedZone("", 3600))
	for written, want := range map[string]string{
		"Wednesday, March 11, 2026 6:34 AM": "2026-03-11T06:34:00+01:00",
		"Wed, 11 Mar 2026 06:34:00 +0000":   "2026-03-11T06:34:00Z",
		"Wed, 11 Mar 2026 06:34:00 GMT":     "2026-03-11T06:34:00Z",
		"2026-03-11T06:34:00Z":              "2026-03-11T06:34:00Z",
		"2026-03-11 06:34":                  "2026-03-11T06:34:00+01:00",
	} {
		got := localTime(time.Date(2026, 3, 11, 6, 34, 0, 0, time.UTC), written, forward)
		if s := got.Format(time.RFC3339); s != want {
			t.Errorf("%s: %s, want %s", written, s, want)
		}
	}
}

func TestShownTime(t *testing.T) {
	at := time.Date(2026, 3, 11, 6, 30, 0, 0, time.UTC)
	for offset, want := range map[int]string{
		0:              "11 Mar 2026 06:30 UTC",
		3600:           "11 Mar 2026 07:30 UTC+1",
		5*3600 + 1800:  "11 Mar 2026 12:00 UTC+5:30",
		-3*3600 - 1800: "11 Mar 2026 03:00 UTC-3:30",
	} {
		if got := shownTime(at.In(time.FixedZone("", offset))); got != want {
			t.Errorf("%d: %s, want %s", offset, got, want)
		}
	}
}
