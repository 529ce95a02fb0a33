package bridge

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ticketbridge/mailparse"
)

// deadOpener is a conversation whose first message died, with a second behind it,
// as the store hands it over.
func deadOpener(t *testing.T, in *Ingest) Undelivered {
	t.Helper()
	first := in.judge(arrive(in, chatMail(customerSays(at(11, 6, 30), "Where is it?"))), Known{})
	conv := *first.Conversation
	second := in.judge(arrive(in, chatMail(customerSays(at(11, 6, 50), "Anyone?"))), Known{Conversation: &conv, Seen: []bool{false}})
	if first.Delivery == nil || second.Delivery == nil {
		t.Fatal(first.Reason, second.Reason)
	}
	u := Undelivered{Taken: []string{first.Delivery.MessageID, second.Delivery.MessageID}, Raw: func(mail int64) []byte { return []byte(fileMail) }}
	for i, v := range []Verdict{first, second} {
		d := *v.Delivery
		d.ID = int64(i + 1)
		u.Deliveries = append(u.Deliveries, d)
		turn := v.Turns[0]
		turn.At, turn.Mail, turn.Delivery = turn.At.UTC(), d.ID, d.ID // as recorded
		u.Turns = append(u.Turns, turn)
	}
	c := *second.Conversation
	c.Thread = nil
	u.Conversation = &c
	return u
}

const fileMail = "Subject: x\r\nDate: Wed, 11 Mar 2026 06:55:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n" +
	"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"plan.pdf\"\r\n\r\nPDF\r\n--b--\r\n"

// TestAnew: one message opens the ticket in place of two, as the config says now.
func TestAnew(t *testing.T) {
	in := testIngest(t)
	in.Parser = testParser(t)
	u := deadOpener(t, in)
	in.Composer.Target.Address, in.Composer.Target.Identity = "helpdesk@example.com", ReplyToAlias
	d, err := in.recompose(u, Anew{By: "ann"}, at(12, 9, 0))
	if err != nil {
		t.Fatal(err)
	}
	if d.Action != Raise || d.State != Ready || d.Recipient != "helpdesk@example.com" || d.Mail != 2 || d.Reason != "in place of d1, d2" {
		t.Errorf("%+v", d)
	}
	if slices.Contains(u.Taken, d.MessageID) || !slices.Equal(u.Conversation.Thread, []string{d.MessageID}) {
		t.Errorf("id %s, thread %v", d.MessageID, u.Conversation.Thread)
	}
	body := string(d.Data)
	for _, want := range []string{"To: helpdesk@example.com", "X-Original-From: ada@example.org", "Where is it?", "Anyone?", `filename="plan.pdf"`} {
		if !strings.Contains(body, want) {
			t.Errorf("lacks %q:\n%s", want, body)
		}
	}
	for _, no := range []string{"In-Reply-To", "References", "Re: ", "continued"} {
		if strings.Contains(body, no) {
			t.Errorf("holds %q: nothing of the ticket arrived", no)
		}
	}
}

// TestAnewIsAnotherMessage: to the same address with the same turns the id differs, too.
func TestAnewIsAnotherMessage(t *testing.T) {
	in := testIngest(t)
	in.Parser = testParser(t)
	u := deadOpener(t, in)
	for range 3 {
		u.Conversation.Thread = nil
		d, err := in.recompose(u, Anew{By: "ann"}, at(12, 9, 0))
		if err != nil || slices.Contains(u.Taken, d.MessageID) {
			t.Fatalf("<%s>, %v; taken %v", d.MessageID, err, u.Taken)
		}
		u.Taken = append(u.Taken, d.MessageID)
	}
}

func TestAnewFollowUp(t *testing.T) {
	in := testIngest(t)
	in.Parser = testParser(t)
	u := deadOpener(t, in)
	u.Deliveries, u.Turns = u.Deliveries[1:], u.Turns[1:]
	u.Conversation.Thread = []string{u.Taken[0]}
	subject := u.Conversation.Subject
	d, err := in.recompose(u, Anew{By: "ann"}, at(12, 9, 0))
	if err != nil {
		t.Fatal(err)
	}
	if body := string(d.Data); d.Action != Append || !strings.Contains(body, "References: <"+u.Taken[0]+">") || !strings.Contains(body, "Subject: Re: "+subject) {
		t.Errorf("%s:\n%s", d.Action, body)
	}
}

func TestAnewWithoutFiles(t *testing.T) {
	in := testIngest(t)
	in.Parser = testParser(t)
	u := deadOpener(t, in)
	d, err := in.recompose(u, Anew{By: "ann", WithoutFiles: true}, at(12, 9, 0))
	if err != nil {
		t.Fatal(err)
	}
	if body := string(d.Data); !strings.Contains(body, "left out of this message") || !strings.Contains(body, "plan.pdf") || strings.Contains(body, "Content-Disposition") {
		t.Error(body)
	}
}

// TestAnewRefused: what is not safe, or would lose something, is said.
func TestAnewRefused(t *testing.T) {
	in := testIngest(t)
	in.Parser = testParser(t)
	for name, tt := range map[string]struct {
		change func(u *Undelivered, a *Anew)
		want   string // "" if it is made
	}{
		"may have arrived": {func(u *Undelivered, a *Anew) { u.Maybe = true }, "say --why"},
		"did not":          {func(u *Undelivered, a *Anew) { u.Maybe, a.Why = true, "looked" }, ""},
		"nothing to tell":  {func(u *Undelivered, a *Anew) { u.Turns = nil }, "other ticket messages tell"},
		"files are gone":   {func(u *Undelivered, a *Anew) { u.Raw = func(int64) []byte { return nil } }, "--without-files"},
		"the text is there": {func(u *Undelivered, a *Anew) {
			u.Raw, a.WithoutFiles = func(int64) []byte { return nil }, true
		}, ""},
		"no number yet": {func(u *Undelivered, a *Anew) {
			u.Conversation.Thread, u.Deliveries = []string{"x"}, u.Deliveries[1:]
			in.Composer.Target.Helpdesk.FollowUps.NeedsTicket = true
		}, "needs the ticket's number"},
	} {
		t.Run(name, func(t *testing.T) {
			u, a := deadOpener(t, in), Anew{By: "ann"}
			was := in.Composer
			defer func() { in.Composer = was }()
			tt.change(&u, &a)
			_, err := in.recompose(u, a, at(12, 9, 0))
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrState) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestAnewKeepsTheZone: recorded times are UTC; people read the chat's own.
func TestAnewKeepsTheZone(t *testing.T) {
	own := []mailparse.Turn{customerSays(at(11, 6, 30), "x")}
	got := inZoneOf(own, []Turn{{Turn: mailparse.Turn{At: at(11, 6, 50).UTC()}}})
	if got[0].At.Format(clock) != "11 Mar 2026, 06:50 +01:00" {
		t.Errorf("got %s", got[0].At.Format(clock))
	}
}
