package main

import (
	"context"
	"strings"
	"testing"

	"ticketbridge/bridge"
)

type verified struct {
	bridge.Store
	problems []bridge.Problem
}

func (v verified) Close() error { return nil }

func (v verified) Verify(_ context.Context, tell func(bridge.Problem)) (bridge.Recount, error) {
	for _, p := range v.problems {
		tell(p)
	}
	return bridge.Recount{
		Mails:         map[bridge.MailState]int64{bridge.MailTicket: 2, bridge.MailIgnored: 3},
		Deliveries:    map[bridge.DeliveryState]int64{bridge.Sent: 1, bridge.Doubt: 1},
		Conversations: 2, Problems: int64(len(v.problems)),
	}, nil
}

func TestVerifyCommand(t *testing.T) {
	for _, tc := range []struct {
		problems []bridge.Problem
		args     []string
		code     int
		out, err string
	}{
		{nil, nil, exitOK, "5 mails: 2 ticket + 3 ignored\n2 ticket messages: 1 sent + 1 doubt\n2 conversations\n", ""},
		{[]bridge.Problem{{What: "d9", Text: "wrong\x1b bytes"}}, nil, exitFailed, "d9: wrong", "1 problem"},
		{nil, []string{"--json"}, exitOK, `{"seen":5,"mails":{"ignored":3,"ticket":2},"deliveries":{"doubt":1,"sent":1},"conversations":2,"problems":0}` + "\n", ""},
		{[]bridge.Problem{{What: "d9", Text: "wrong"}}, []string{"--json"}, exitFailed, `{"what":"d9","problem":"wrong"}` + "\n" + `{"seen":5`, "1 problem"},
	} {
		out, errs, code := try(t, &fakeStore{Store: verified{problems: tc.problems}}, append([]string{"verify"}, tc.args...)...)
		if code != tc.code || !strings.HasPrefix(out, tc.out) || !strings.Contains(errs, tc.err) || strings.Contains(out, "\x1b") {
			t.Errorf("%v: exit %d, out %q, err %q", tc.args, code, out, errs)
		}
	}
}
