package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge/realtest"
)

// newRTWorld is a world whose target is a Request Tracker.
func newRTWorld(t *testing.T, rt *realtest.RTServer, database string) *world {
	t.Helper()
	d := realtest.Dovecot(t)
	w := &world{
		imap: d, smtp: rt.Postfix, dir: t.TempDir(), store: "sqlite:ticketbridge.db", extra: map[string]string{},
		ann: d.NewMailbox(t, "ann"), ben: d.NewMailbox(t, "ben"), support: &realtest.Mailbox{Address: rt.Support},
	}
	if database == "postgres" {
		w.store = realtest.Postgres(t).NewDatabase(t)
	}
	w.extra["target"] = fmt.Sprintf("profile = \"rt\"\nsite = %q\nticket_url = \"%s/Ticket/Display.html?id={ticket}\"", realtest.Domain, rt.URL)
	return w
}

// TestRequestTracker is the whole way with a real helpdesk: 200 chats of all kinds
// become 200 tickets by mail, and 20 by RT's REST.
func TestRequestTracker(t *testing.T) {
	rt := realtest.NewRT(t, realtest.Dovecot(t), realtest.RTConfig{})
	t.Run("mail", func(t *testing.T) { rtByMail(t, rt, rtMany) })
	t.Run("rest", func(t *testing.T) { rtByREST(t, rt, rtMany, 20) })
}

// rtMany is how many chats become tickets by mail.
const rtMany = 200

// rtByMail: what RT tells its staff brings the numbers back, and by them follow-ups
// land in the same tickets. RT is killed twice meanwhile.
func rtByMail(t *testing.T, rt *realtest.RTServer, n int) {
	w := newRTWorld(t, rt, "sqlite")
	w.staff = rt.Staff
	began := time.Now()
	daemon := w.start(t, "")
	chats := rtChats(0, n, w.ann.Address)

	// The first is alone: it is the ticket that hostile visitors aim at.
	w.bring(t, chats[:1])
	w.progress(t, "ticket 1 confirmed", func() (string, bool) { n := w.states(t, "deliveries")["confirmed"]; return fmt.Sprint(n), n == 1 })
	first := rt.WaitTickets(t, 1)[0] // RT tells of it before it commits

	w.bring(t, chats[1:])
	early, late := goOn(chats)
	w.bringMore(t, early)
	w.killRT(t, rt, len(chats)/4, len(chats)/2)
	links := w.confirmed(t, rt, len(chats)+len(early))
	t.Logf("%d tickets and %d follow-ups confirmed within %v", len(chats), len(early), time.Since(began).Round(time.Second))

	w.bringMore(t, late)
	w.confirmed(t, rt, len(chats)+len(early)+len(late))
	daemon.stop(t)

	all := rt.WaitUntil(t, "all messages", func(all []realtest.RTTicket) bool { return rtMessages(all) >= len(chats)+len(early)+len(late) })
	if len(all) != len(chats) {
		t.Errorf("%d tickets for %d chats", len(all), len(chats))
	}
	checkHandedOverOnce(t, rt, all)
	for _, c := range chats {
		checkRTTicket(t, rt, all, c, links[fmt.Sprint(c.conversation)], byMail)
	}
	if now := all[0]; !reflect.DeepEqual(now, first) {
		t.Errorf("ticket 1 was %+v and is %+v", first, now)
	}
	t.Logf("all within %v; mails %v, deliveries %v", time.Since(began).Round(time.Second), w.states(t, "mails"), w.states(t, "deliveries"))
}

// rtByREST: RT tells the number at once; follow-ups are comments, and the agents
// are all who is watched.
func rtByREST(t *testing.T, rt *realtest.RTServer, from, n int) {
	w := newRTWorld(t, rt, "postgres")
	w.extra["api"] = fmt.Sprintf("kind = \"rt-rest\"\nurl = %q\nqueue = \"Support\"\npassword = %q\n", rt.URL, rt.Token)
	before := len(rt.Tickets(t))
	daemon := w.start(t, "")
	chats := rtChats(from, n, w.ann.Address)
	w.bring(t, chats)
	early, late := goOn(chats)
	w.bringMore(t, early)
	w.confirmed(t, rt, len(chats))
	w.bringMore(t, late)
	w.progress(t, "all follow-ups sent", func() (string, bool) {
		states := w.states(t, "deliveries")
		return fmt.Sprint(states), states["sent"]+states["confirmed"] == len(chats)+len(early)+len(late)
	})
	daemon.stop(t)
	all := rt.Tickets(t)
	if len(all) != before+len(chats) {
		t.Errorf("%d tickets for %d chats", len(all)-before, len(chats))
	}
	links := w.links(t)
	for _, c := range chats {
		checkRTTicket(t, rt, all, c, links[fmt.Sprint(c.conversation)], byREST)
	}
}

// goOn are the chats with a follow-up, before and after the ticket's number is known.
func goOn(chats []*rtChat) (early, late []*rtChat) {
	for _, c := range chats {
		switch {
		case c.early:
			early = append(early, c)
		case c.more != "":
			late = append(late, c)
		}
	}
	return early, late
}

func rtMessages(all []realtest.RTTicket) (n int) {
	for _, is := range all {
		n += len(is.Messages)
	}
	return n
}

// bring delivers the mails of chats to the agents.
func (w *world) bring(t *testing.T, chats []*rtChat) {
	t.Helper()
	var ann, ben [][]byte
	for _, c := range chats {
		ann, ben = append(ann, c.ann...), append(ben, c.ben...)
	}
	w.ann.Deliver(t, ann...)
	w.ben.Deliver(t, ben...)
}

// bringMore delivers what the customers say next.
func (w *world) bringMore(t *testing.T, chats []*rtChat) {
	t.Helper()
	for _, c := range chats {
		if len(c.ann) > 0 {
			w.ann.Deliver(t, c.followUp())
		} else {
			w.ben.Deliver(t, c.followUp())
		}
	}
}

// progress waits until done, for as long as something goes on: how fast RT is
// depends on the machine.
func (w *world) progress(t *testing.T, what string, look func() (state string, done bool)) {
	t.Helper()
	const patience = 3 * time.Minute
	last, since := "", time.Now()
	for ; ; time.Sleep(100 * time.Millisecond) {
		state, done := look()
		switch {
		case done:
			return
		case state != last:
			last, since = state, time.Now()
		case time.Since(since) > patience:
			t.Fatalf("not %s: nothing has changed for %v: %s; mails %v, deliveries %v", what, patience, state, w.states(t, "mails"), w.states(t, "deliveries"))
		}
	}
}

// killRT kills RT whenever it has so many tickets, at work, and starts it again.
//
// RT tells of a ticket before it commits it, and answers rt-mailgate after. Killed
// between the two, it gives the number to the next ticket; killed after, it makes
// the ticket again when Postfix brings the mail again. Nobody in front of RT can
// help either: it is killed when it is in neither place.
func (w *world) killRT(t *testing.T, rt *realtest.RTServer, at ...int) {
	t.Helper()
	for _, n := range at {
		w.progress(t, fmt.Sprintf("%d tickets", n), func() (string, bool) { got := len(rt.Tickets(t)); return fmt.Sprint(got), got >= n })
		w.progress(t, "RT frozen where it may be killed", func() (string, bool) {
			rt.Pause(t)
			if rtAtRisk(t, rt) == 0 {
				rt.Kill9(t)
				return "", true
			}
			rt.Resume(t)
			return time.Now().String(), false
		})
		rt.Start(t)
	}
}

// rtAtRisk counts what a frozen RT told of and has not committed, or has
// committed and not answered.
func rtAtRisk(t *testing.T, rt *realtest.RTServer) int {
	t.Helper()
	<-time.After(500 * time.Millisecond) // what is on its way to Postfix's log
	all := rt.Tickets(t)
	log := readPostfix(t, rt)
	risk := 0
	for _, is := range all {
		for _, m := range is.Messages {
			if ids := log.queued[m.MessageID]; len(ids) != 1 || !log.delivered[ids[0]] {
				risk++
			}
		}
	}
	for ticket := range log.told {
		if ticket > fmt.Sprintf("%09d", all[len(all)-1].ID) {
			risk++
		}
	}
	return risk
}

// postfixLog is what Postfix did with messages: the queue ids by Message-ID, those
// RT took and those it did not, and the tickets RT wrote of, in nine digits.
type postfixLog struct {
	queued                    map[string][]string
	delivered, deferred, told map[string]bool
}

var (
	logQueued = regexp.MustCompile(`cleanup\[\d+\]: (\w+): message-id=<([^>]+)>`)
	logPiped  = regexp.MustCompile(`pipe\[\d+\]: (\w+): .*status=(\w+)`)
	logTold   = regexp.MustCompile(`message-id=<rt-[^>]*\.(\d+)-\d+-\d+@`)
)

func readPostfix(t *testing.T, rt *realtest.RTServer) postfixLog {
	t.Helper()
	text, err := os.ReadFile(rt.Postfix.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	log := postfixLog{map[string][]string{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, m := range logQueued.FindAllSubmatch(text, -1) {
		log.queued[string(m[2])] = append(log.queued[string(m[2])], string(m[1]))
	}
	for _, m := range logPiped.FindAllSubmatch(text, -1) {
		if string(m[2]) == "sent" {
			log.delivered[string(m[1])] = true
		} else {
			log.deferred[string(m[1])] = true
		}
	}
	for _, m := range logTold.FindAllSubmatch(text, -1) {
		log.told[fmt.Sprintf("%09s", m[1])] = true
	}
	return log
}

// rtLink is what the bridge knows of a chat's ticket.
type rtLink struct {
	messageID, ticket, url string
}

// confirmed waits until n messages are confirmed, and returns the links by the
// number of the chat.
func (w *world) confirmed(t *testing.T, rt *realtest.RTServer, n int) map[string]rtLink {
	t.Helper()
	w.progress(t, fmt.Sprintf("%d messages confirmed", n), func() (string, bool) {
		states := w.states(t, "deliveries")
		return fmt.Sprint(states), states["confirmed"] >= n
	})
	return w.links(t)
}

// links are the conversations' tickets, by the number of the chat.
func (w *world) links(t *testing.T) map[string]rtLink {
	t.Helper()
	links := map[string]rtLink{}
	w.each(t, `SELECT vendor_id, link_message_id, link_ticket, link_url FROM conversations`, func(scan func(...any) error) error {
		var id string
		var l rtLink
		err := scan(&id, &l.messageID, &l.ticket, &l.url)
		links[id] = l
		return err
	})
	return links
}

// rtWay is how messages come to RT, and what its tickets show of it.
type rtWay struct {
	followUp, status string // of a follow-up, and of the ticket that got one
	asCustomer       bool
}

// A mail is the customer's own and opens a ticket again. REST makes the ticket in
// the customer's name, and a comment that the customer does not get.
var (
	byMail = rtWay{"Correspond", "open", true}
	byREST = rtWay{"Comment", "new", false}
)

// checkRTTicket looks at the ticket that the link names.
func checkRTTicket(t *testing.T, rt *realtest.RTServer, all []realtest.RTTicket, c *rtChat, l rtLink, way rtWay) {
	t.Helper()
	i := slices.IndexFunc(all, func(is realtest.RTTicket) bool { return fmt.Sprint(is.ID) == l.ticket })
	if i < 0 || l.url != rt.URL+"/Ticket/Display.html?id="+l.ticket {
		t.Errorf("chat %d: no ticket by the link %+v", c.conversation, l)
		return
	}
	is := all[i]
	visible := func(s string) string { return strings.ReplaceAll(s, "\u2060", "") }
	if way.asCustomer && is.Messages[0].MessageID != l.messageID || visible(is.Subject) != "Chat: "+c.question || is.Queue != "Support" || !slices.Equal(is.Requestors, []string{c.email}) {
		t.Errorf("chat %d: ticket %d of %q in %s: %q by <%s>, want %q of %q by <%s>", c.conversation, is.ID, is.Requestors, is.Queue, is.Subject, is.Messages[0].MessageID, c.question, c.email, l.messageID)
	}
	checkRTMessage(t, c, is.Messages[0], "Create", c.told, way)
	got := map[string][]byte{}
	for _, a := range is.Messages[0].Attachments {
		got[visible(a.Name)] = a.Content
	}
	want := maps.Clone(c.files)
	if want == nil {
		want = map[string][]byte{}
	}
	maps.Copy(want, c.images)
	if !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("chat %d: files %s, want %s", c.conversation, sizes(got), sizes(want))
	}
	status, n := "new", 1
	if c.more != "" {
		status, n = way.status, 2
	}
	if len(is.Messages) != n || is.Status != status {
		t.Errorf("chat %d: ticket %d is %s with %d messages, want %s with %d", c.conversation, is.ID, is.Status, len(is.Messages), status, n)
		return
	}
	if c.more != "" {
		checkRTMessage(t, c, is.Messages[1], way.followUp, strings.Split(c.more, "\n"), way)
	}
}

func checkRTMessage(t *testing.T, c *rtChat, m realtest.RTMessage, kind string, lines []string, way rtWay) {
	t.Helper()
	if m.Type != kind || way.asCustomer && m.Creator != c.email {
		t.Errorf("chat %d: %s by %s, want %s by %s", c.conversation, m.Type, m.Creator, kind, c.email)
	}
	text := strings.ReplaceAll(strings.ReplaceAll(m.Text, "\u2060", ""), "\r\n", "\n")
	for _, line := range lines {
		if !strings.Contains(text, "\n  "+line+"\n") {
			t.Errorf("chat %d: no line %q in\n%s", c.conversation, line, text)
		}
	}
}

// checkHandedOverOnce: Postfix got each message once from the bridge, and had to
// keep some while RT was down.
func checkHandedOverOnce(t *testing.T, rt *realtest.RTServer, all []realtest.RTTicket) {
	t.Helper()
	log := readPostfix(t, rt)
	for _, is := range all {
		for _, m := range is.Messages {
			if n := len(log.queued[m.MessageID]); n != 1 {
				t.Errorf("<%s> was handed over %d times", m.MessageID, n)
			}
		}
	}
	if len(log.deferred) == 0 {
		t.Error("no mail came while RT was down")
	}
	t.Logf("Postfix kept %d messages while RT was down", len(log.deferred))
}

func sizes(files map[string][]byte) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		out = append(out, fmt.Sprintf("%s (%d)", name, len(files[name])))
	}
	return strings.Join(out, ", ")
}
