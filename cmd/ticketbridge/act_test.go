package main

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

func TestActions(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		want string   // in stdout or stderr
		did  []string // by the store
	}{
		{"retry d2", exitOK, "d2 is due now (was doubt)", []string{"retry d2 by ann"}},
		{"retry c1 --why looked", exitOK, "d2 is due now", []string{"retry d2 by ann: looked"}},
		{"retry d1", exitFailed, "not possible: d1 is sent; want one that is retry, held, doubt, dead, bounced", nil},
		{"retry m3", exitFailed, `"m3" has no ticket message`, nil},
		{"drop d2 --why arrived", exitOK, "d2 is dead (was doubt)", []string{"drop d2 by ann: arrived"}},
		{"drop m3 --why spam", exitOK, "m3 is ignored (was parked:", []string{"drop m3 by ann: spam"}},
		{"drop m1 --why spam", exitFailed, "only a parked mail can be released or dropped: m1 is ticket", nil},
		{"link c1 #4711 --url https://rt.example.com/4711", exitOK, "c1 is ticket 4711\n", []string{"link c1 4711"}},
		{"link c1 HELP-17 --why told", exitOK, "c1 is ticket HELP-17\n", []string{"link c1 HELP-17"}},
		{"link c1 77", exitFailed, "ticket 77 is that of c8 (lee@example.org) already; if both chats are one ticket, add --shared REASON", nil},
		{"link c1 77 --shared merged", exitOK, "c1 is ticket 77\n", []string{"link c1 77"}},
		{"link c8 77", exitOK, "c8 is ticket 77\n", []string{"link c8 77"}},
		{"link c1 #", exitUsage, "want one ticket's number", nil},
		{"link c1 " + strings.Repeat("7", 65), exitUsage, "want one ticket's number", nil},
		{"link m3 4711", exitFailed, "does not name one conversation", nil},
		{"link both 4711", exitFailed, "does not name one conversation", nil},
	} {
		s := sampleStore()
		other := []bridge.Story{{Conversation: &bridge.Conversation{ID: 8, Customer: mailparse.Customer{Address: "lee@example.org"}, Link: bridge.Link{Ticket: "77"}}}}
		s.stories["77"], s.stories["c8"] = other, other
		out, errs, code := try(t, s, strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(out+errs, tt.want) {
			t.Errorf("%q: exit %d, want %d; %q does not hold %q", tt.args, code, tt.code, out+errs, tt.want)
		}
		if !reflect.DeepEqual(s.did, tt.did) {
			t.Errorf("%q did %q, want %q", tt.args, s.did, tt.did)
		}
	}
}

// TestActionsOnWhatIsSettled: what another message tells is not sent again.
func TestActionsOnWhatIsSettled(t *testing.T) {
	for _, tt := range []struct {
		args   string
		change func(d *bridge.Delivery)
		err    error
		want   string
	}{
		{"retry d2", func(d *bridge.Delivery) { d.State, d.ReplacedBy = bridge.Dead, 5 }, nil, "d2 is dead, d5 took its place"},
		{"retry d2 --anew", func(d *bridge.Delivery) { d.State, d.ReplacedBy = bridge.Dead, 5 }, nil, "d2 is dead, d5 took its place"},
		{"drop d2 --why no", func(d *bridge.Delivery) { d.State, d.ReplacedBy = bridge.Dead, 5 }, nil, "d2 is dead, d5 took its place"},
		{"retry d2", func(d *bridge.Delivery) { d.State, d.Detail = bridge.Dead, "dropped (was dead): no" }, bridge.ErrState, "`ticketbridge retry d2 --anew` sends what no other tells"},
		{"retry d2 --anew", func(d *bridge.Delivery) { d.State = bridge.Retry }, nil, "d2 is retry; want one that is dead, bounced, doubt"},
		{"retry d1 --without-files", func(*bridge.Delivery) {}, nil, "d1 is sent; want one that is dead, bounced, doubt"},
	} {
		s := sampleStore()
		tt.change(&s.stories["d2"][0].Deliveries[1])
		s.actErr = tt.err
		if _, errs, code := try(t, s, strings.Fields(tt.args)...); code != exitFailed || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit %d: %q does not hold %q", tt.args, code, errs, tt.want)
		}
	}
}

func TestLinkKeepsWhatIsKnown(t *testing.T) {
	s := sampleStore()
	if _, errs, code := try(t, s, "link", "c1", "4711"); code != exitOK {
		t.Fatal(errs)
	}
	want := bridge.Link{Target: "mailbox", MessageID: "tb.one@example.com", Ticket: "4711", Confirmed: at("13:00:00"), Why: "by ann"}
	if s.link != want {
		t.Errorf("got %+v, want %+v", s.link, want)
	}
}

func TestLinkTakesOneNumber(t *testing.T) {
	for _, number := range []string{"4 7", "4\u00a07", "4\n7", "", "#", "4\x1b7"} {
		s := sampleStore()
		if _, errs, code := try(t, s, "link", "c1", number); code != exitUsage || !strings.Contains(errs, "want one ticket's number") || s.did != nil {
			t.Errorf("%q: exit %d, %q, did %q", number, code, errs, s.did)
		}
	}
}

func TestActionsFail(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{bridge.ErrState, "it changed meanwhile; look again"},
		{errors.New("disk full"), "retry d2: disk full"},
	} {
		s := sampleStore()
		s.actErr = tt.err
		_, errs, code := try(t, s, "retry", "d2")
		if code != exitFailed || !strings.Contains(errs, tt.want) {
			t.Errorf("exit %d: %q does not hold %q", code, errs, tt.want)
		}
	}
}
