package bridge

import (
	"slices"
	"strings"
	"testing"

	"ticketbridge/mailparse"
)

// leadMail is a chat mail whose only want is the customer's address.
func leadMail(turns ...mailparse.Turn) *mailparse.Mail {
	m := chatMail(turns...)
	m.Chat.Action, m.Chat.Lead, m.Chat.Reason = mailparse.Park, true, "lead without an address: nothing in row EMAIL"
	m.Chat.Customer = mailparse.Customer{Name: "Ada"}
	return m
}

// lead is a conversation as its first mail, m1, leaves it: parked and untold.
func lead(t *testing.T, in *Ingest, turns ...mailparse.Turn) (Verdict, Known) {
	t.Helper()
	a := arrive(in, leadMail(turns...))
	a.ID = 1
	v := in.judge(a, Known{})
	if v.State != MailParked || v.Delivery != nil || v.Conversation == nil || len(v.Turns) != len(turns) || !v.KeepRaw {
		t.Fatalf("a lead's first mail: %+v", v)
	}
	if !strings.Contains(v.Reason, "lead without an address") || !strings.Contains(v.Reason, "--customer") {
		t.Errorf("reason %q", v.Reason)
	}
	c := *v.Conversation
	c.ID = 3
	k := Known{Conversation: &c, Raw: func(int64) []byte { return nil }}
	for _, turn := range v.Turns {
		turn.Mail = 1
		k.Untold = append(k.Untold, turn)
		k.Seen = append(k.Seen, true)
	}
	return v, k
}

func texts(turns []Turn) (out []string) {
	for _, t := range turns {
		out = append(out, t.Text)
	}
	return out
}

// TestLead: what a customer without an address asked is not lost; whichever mail
// tells the address raises all of it.
func TestLead(t *testing.T) {
	in := testIngest(t)
	in.Parser = testParser(t)
	first, second := customerSays(at(11, 6, 30), "Where is it?"), customerSays(at(11, 6, 50), "My address is below.")
	parkedFirst, k := lead(t, in, first)
	if parkedFirst.Conversation.Customer.Address != "" || parkedFirst.Conversation.Waiting != at(11, 6, 30) {
		t.Errorf("conversation %+v", parkedFirst.Conversation)
	}

	t.Run("the next mail tells the address", func(t *testing.T) {
		a := arrive(in, chatMail(second))
		a.ID = 2
		k := k
		k.Seen = []bool{false}
		v := in.judge(a, k)
		if v.State != MailTicket || v.Decision.Action != Raise || v.Customer != "ada@example.org" || v.Conversation.Customer.Address != "ada@example.org" {
			t.Fatalf("got %s (%s), conversation %+v", v.State, v.Reason, v.Conversation)
		}
		body := string(v.Delivery.Data)
		if i, j := strings.Index(body, "Where is it?"), strings.Index(body, "My address is below."); i < 0 || j < i {
			t.Errorf("want the earlier question, then the new turn:\n%s", body)
		}
		if !slices.Equal(texts(v.Turns), []string{"My address is below."}) {
			t.Errorf("news %q: what m1 told is none", texts(v.Turns))
		}
		if v.Along != "told by the ticket message of m2" {
			t.Errorf("m1's reason %q", v.Along)
		}
	})
	t.Run("a copy of it shows the address", func(t *testing.T) {
		v := in.judge(arrive(in, chatMail(first)), k)
		if v.State != MailTicket || len(v.Turns) != 0 || !strings.Contains(string(v.Delivery.Data), "Where is it?") {
			t.Errorf("got %s (%s)", v.State, v.Reason)
		}
	})
	t.Run("a copy for another agent", func(t *testing.T) {
		v := in.judge(arrive(in, leadMail(first)), k)
		if v.State != MailIgnored || v.CopyOf != 1 || !strings.HasPrefix(v.Reason, "a copy of m1") || v.Delivery != nil {
			t.Errorf("got %s (%s), copy of %d", v.State, v.Reason, v.CopyOf)
		}
	})
	t.Run("it goes on without an address", func(t *testing.T) {
		k := k
		k.Seen = []bool{true, false}
		v := in.judge(arrive(in, leadMail(first, second)), k)
		if v.State != MailParked || !slices.Equal(texts(v.Turns), []string{"My address is below."}) || v.Conversation == nil {
			t.Errorf("got %s (%s), news %q", v.State, v.Reason, texts(v.Turns))
		}
	})
	t.Run("a person names the customer", func(t *testing.T) {
		a := arrive(in, leadMail(first))
		a.ID, a.reading.released = 1, &Release{Customer: "ada@example.org", By: "ann"}
		v := in.judge(a, k)
		if v.State != MailTicket || v.Customer != "ada@example.org" || !strings.Contains(string(v.Delivery.Data), "Where is it?") {
			t.Fatalf("got %s (%s)", v.State, v.Reason)
		}
		known := Known{Conversation: v.Conversation, Seen: []bool{false}}
		if v := in.judge(arrive(in, leadMail(second)), known); v.State != MailUpdate || v.Customer != "ada@example.org" {
			t.Errorf("the next mail: %s (%s)", v.State, v.Reason)
		}
	})
	t.Run("a person names nobody", func(t *testing.T) {
		a := arrive(in, leadMail(first))
		a.ID, a.reading.released = 1, &Release{By: "ann"}
		if v := in.judge(a, k); v.State != MailParked || !strings.Contains(v.Reason, "--customer") {
			t.Errorf("got %s (%s)", v.State, v.Reason)
		}
	})
	t.Run("two addresses", func(t *testing.T) {
		m := chatMail(second)
		m.Chat.Action, m.Chat.Reason, m.Chat.Customer.Address = mailparse.Park, "different addresses: a@b.test, c@d.test", ""
		if v := in.judge(arrive(in, m), k); v.State != MailParked || v.Conversation != nil {
			t.Errorf("got %s (%s), conversation %v", v.State, v.Reason, v.Conversation)
		}
	})
	t.Run("not believed", func(t *testing.T) {
		a := arrive(in, leadMail(second))
		a.reading.distrust = "not authenticated"
		if v := in.judge(a, k); v.State != MailParked || len(v.Turns) != 0 || v.Conversation != nil {
			t.Errorf("got %s (%s), turns %v: a forged mail adds nothing", v.State, v.Reason, v.Turns)
		}
	})
	t.Run("no conversation to know it by", func(t *testing.T) {
		m := leadMail(first)
		m.Chat.Conversation = mailparse.Conversation{}
		if v := in.judge(arrive(in, m), Known{}); v.State != MailParked || v.Conversation != nil {
			t.Errorf("got %s (%s), conversation %v", v.State, v.Reason, v.Conversation)
		}
	})
}

// TestLeadsFilesGoAlong: the parked mail's screenshot is in the ticket that
// another mail raises.
func TestLeadsFilesGoAlong(t *testing.T) {
	in := testIngest(t)
	in.Parser = testParser(t)
	_, k := lead(t, in, customerSays(at(11, 6, 30), "See the file."))
	k.Seen = []bool{false}
	asked := []int64{}
	k.Raw = func(mail int64) []byte {
		asked = append(asked, mail)
		return []byte("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n" +
			"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"plan.pdf\"\r\n\r\nPDF\r\n--b--\r\n")
	}
	a := arrive(in, chatMail(customerSays(at(11, 6, 50), "Well?")))
	a.ID = 2
	v := in.judge(a, k)
	if v.Delivery == nil || !strings.Contains(string(v.Delivery.Data), `filename="plan.pdf"`) || !slices.Equal(asked, []int64{1}) {
		t.Errorf("read %v; got %s (%s)", asked, v.State, v.Reason)
	}
}

func testParser(t *testing.T) *mailparse.Parser {
	t.Helper()
	p, err := mailparse.NewParser(mailparse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
