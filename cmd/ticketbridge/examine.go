package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// hop is one thing the doctor looked at.
type hop struct {
	Name  string        `json:"name"`
	State hopState      `json:"state"`
	Saw   string        `json:"saw"`
	Right string        `json:"right,omitempty"` // what would be right, where it is not
	Took  time.Duration `json:"-"`
	Ms    int64         `json:"took_ms"`
}

// hopState is how a hop is.
type hopState string

const (
	hopOK      hopState = "ok"
	hopFinding hopState = "finding"
	hopUnknown hopState = "unknown" // nobody could look
)

func (h hop) print(sc screen) {
	look := map[hopState]string{hopOK: good, hopFinding: bad, hopUnknown: warn}[h.State]
	took := ""
	if h.Took > 0 {
		took = fmt.Sprintf(" (%s)", h.Took.Round(10*time.Millisecond))
	}
	fmt.Fprintf(sc.w, "%s %s: %s%s\n", sc.paint(look, fmt.Sprintf("%-7s", h.State)), h.Name, printable(h.Saw, 600), took)
	if h.Right != "" {
		fmt.Fprintf(sc.w, "        %s\n", printable(h.Right, 600))
	}
}

// examination is one visit of the doctor.
type examination struct {
	way   *way
	flags doctorFlags
	now   func() time.Time
	nonce string
	tell  func(hop) // nil: nobody listens

	hops  []hop
	found bridge.Findings
	left  []string
}

func (e *examination) add(h hop) {
	h.Ms = h.Took.Milliseconds()
	e.hops = append(e.hops, h)
	if e.tell != nil {
		e.tell(h)
	}
}

func (e *examination) finding(name, saw, right string) {
	e.add(hop{Name: name, State: hopFinding, Saw: saw, Right: right})
}

func (e *examination) unknown(name, saw, right string) {
	e.add(hop{Name: name, State: hopUnknown, Saw: saw, Right: right})
}

// all looks at every hop. What one shows does not keep it from the next.
func (e *examination) all(ctx context.Context) {
	w := e.way
	e.found.Appends, e.found.CanProbe = w.cfg.Transport.imap(), w.prober != nil
	own := e.fly(ctx, "", w.ingest.Composer, e.flags.from)
	if own != nil {
		e.found.Own = own.Passage
		if own.Result.Outcome == bridge.Accepted {
			e.twice(ctx, own)
		}
	}
	e.forged(ctx)
	e.foreign(ctx)
}

// fly sends one canary and reports its hops; which tells it from the other.
func (e *examination) fly(ctx context.Context, which string, c bridge.Composer, from string) *flight {
	f, err := e.way.begin(ctx, c, bridge.Canary{Address: from, Nonce: e.nonce + which, Now: e.now()})
	if err != nil {
		e.finding("accepted"+which, err.Error(), "")
		return nil
	}
	e.way.send(ctx, f, e.flags.wait)
	e.accepted(f, which)
	if o := f.Result.Outcome; o == bridge.Accepted || o == bridge.InDoubt {
		acks := !e.way.cfg.Target.Helpdesk.Answers.None && which == ""
		e.way.watch(ctx, f, e.flags.wait, func() bool {
			return f.Returned() != "" || f.Arrived() && (!acks || f.Acknowledged() || f.Result.Ticket != "")
		})
		e.arrived(f, which)
		e.requester(f, which)
		if which == "" {
			e.acknowledged(f)
		}
	}
	return f
}

// accepted is the first hop: the server takes it.
func (e *examination) accepted(f *flight, which string) {
	h := hop{Name: "accepted" + which, State: hopOK, Saw: f.Result.String(), Took: time.Since(f.sent)}
	switch r := f.Result; {
	case r.Outcome == bridge.Accepted:
		h.Saw = "from " + f.Address + ": " + strings.TrimSpace(r.Code+" "+r.Reply)
	case r.Outcome == bridge.InDoubt:
		h.State, h.Right = hopFinding, "want a full reply after the last byte; such messages are in doubt (target.on_doubt)"
	case r.Outcome == bridge.Permanent && strings.HasPrefix(r.Enhanced(), "5.7."):
		h.State, h.Right = hopFinding, "the server does not let this login write in the name of "+f.Address+"; have it, or write as an alias of the bridge"
	default:
		h.State, h.Right = hopFinding, "`ticketbridge check --connect` looks closer"
	}
	e.add(h)
}

// arrived is the second hop: it is where the helpdesk reads.
func (e *examination) arrived(f *flight, which string) {
	h := hop{Name: "arrived" + which, State: hopOK, Took: f.arrived}
	switch {
	case f.Returned() != "":
		h.State, h.Saw, h.Right = hopFinding, f.Returned(), "the address, or the server behind it, does not take such mail"
	case f.Result.Ticket != "":
		h.Saw = "ticket " + f.Result.Ticket + ", told at once"
	case f.Junked():
		l := f.Landings[0]
		h.State, h.Saw = hopFinding, l.Where+", a folder for junk"+results(l)
		h.Right = "want it where the helpdesk reads: let mail of the bridge pass the spam filter, or write as an alias of the bridge"
	case len(f.Landings) > 0:
		l := f.Landings[0]
		h.Saw = l.Where + results(l)
	case f.Acknowledged():
		h.Took, h.Saw = f.answered, "not seen in a mailbox, but the helpdesk answered"
	case !f.Looked:
		h.State, h.Saw, h.Right = hopUnknown, "nobody can look", "want [probe]: with a login to the support mailbox it is looked for, and so are messages in doubt"
	case f.troubles() != nil:
		h.State, h.Saw, h.Right = hopFinding, f.troubles().Error(), "want [probe] to work; see `ticketbridge check --connect`"
	default:
		h.State, h.Saw = hopFinding, fmt.Sprintf("not within %s", e.flags.wait)
		h.Right = "see the mail server's log for " + f.MessageID + "; if the helpdesk takes mail out of the folder at once, name where it goes in probe.folders"
	}
	for _, l := range f.Landings {
		e.left = append(e.left, "support mailbox: "+l.Where)
	}
	e.add(h)
}

func results(l bridge.Landing) string {
	if len(l.AuthResults) == 0 {
		return ""
	}
	return "; " + strings.Join(l.AuthResults, "; ")
}

// requester is the third hop: whom the helpdesk will take for the requester.
func (e *examination) requester(f *flight, which string) {
	i := slices.IndexFunc(f.Landings, func(l bridge.Landing) bool { return l.Requester != "" || len(l.Changed) > 0 })
	if i < 0 {
		if len(f.Landings) > 0 || which == "" {
			e.unknown("requester"+which, "the arrived message's header was not seen", "")
		}
		return
	}
	l := f.Landings[i]
	saw := fmt.Sprintf("%s, by %s", l.Requester, l.Field)
	switch {
	case len(l.Changed) > 0:
		e.finding("requester"+which, saw+"; on the way "+strings.Join(l.Changed, ", "), "want the message as it was sent; with DMARC rewriting on the way only an alias of the bridge is safe")
	case !strings.EqualFold(l.Requester, f.Address):
		e.finding("requester"+which, saw+", and not "+f.Address, fmt.Sprintf("%s takes the requester from %s; see `ticketbridge targets`", e.way.cfg.Target.Helpdesk.Title, strings.Join(e.way.cfg.Target.Helpdesk.Requester, ", then ")))
	default:
		e.add(hop{Name: "requester" + which, State: hopOK, Saw: saw})
	}
}

// acknowledged is the fourth hop: the answer, with the number.
func (e *examination) acknowledged(f *flight) {
	const name = "acknowledged"
	desk := e.way.cfg.Target.Helpdesk
	for _, a := range f.Answers {
		e.left = append(e.left, "mailbox "+a.Mailbox+": a mail from "+a.From)
	}
	for _, ticket := range f.Tickets() {
		e.left = append(e.left, "ticket "+ticket)
	}
	i := slices.IndexFunc(f.Answers, func(a bridge.CanaryAnswer) bool { return a.Returned == "" })
	switch {
	case f.Result.Ticket != "":
		e.add(hop{Name: name, State: hopOK, Saw: "ticket " + f.Result.Ticket + ", told at once"})
	case i >= 0:
		e.answer(name, f, f.Answers[i])
	case desk.Answers.None:
		e.unknown(name, desk.Title+" sends none", "")
	case f.troubles() != nil:
		e.finding(name, f.troubles().Error(), "want the watched mailboxes to work; see `ticketbridge check --connect`")
	default:
		e.finding(name, fmt.Sprintf("none in a watched mailbox within %s", e.flags.wait),
			"without it no ticket number comes back: have the helpdesk tell a watched mailbox of new tickets; with --from an address that ends in one, its answer to the requester counts too")
	}
}

// answer says of one mail whether it would bring the number.
func (e *examination) answer(name string, f *flight, a bridge.CanaryAnswer) {
	saw := fmt.Sprintf("from %s to %s, in mailbox %s", a.From, strings.Join(a.To, ", "), a.Mailbox)
	switch {
	case a.How == "":
		e.finding(name, saw+": the profile does not know it for an acknowledgement", "set [target.override.ack] to what it looks like; `ticketbridge targets "+e.way.cfg.Target.Profile+"` shows the profile")
	case !a.Speaks:
		e.finding(name, saw+": that sender does not count as the helpdesk", "set from in [target.override.ack]")
	case a.Ticket == "":
		e.finding(name, saw+", known by "+a.How+": no number in it", "set subject in [target.override.ack] to a pattern that finds the number")
	default:
		e.add(hop{Name: name, State: hopOK, Saw: fmt.Sprintf("ticket %s, by %s, %s", a.Ticket, a.How, saw), Took: f.answered})
	}
}

// settle is how long a second copy or ticket is waited for, where the first came
// after took.
func (e *examination) settle(took time.Duration) time.Duration {
	return min(e.flags.wait, max(10*time.Second, 5*took))
}

// twice sends the identical bytes once more.
func (e *examination) twice(ctx context.Context, own *flight) {
	const name = "sent twice"
	if !own.Arrived() {
		e.unknown(name, "not tried: the first did not arrive", "")
		return
	}
	before, tickets := len(own.Landings), len(own.Tickets())
	first := own.Result
	e.way.send(ctx, own, e.flags.wait)
	if own.Result.Outcome != bridge.Accepted {
		e.unknown(name, own.Result.String(), "")
		return
	}
	if first.Ticket != "" {
		own.Answers = append(own.Answers, bridge.CanaryAnswer{Ticket: first.Ticket, How: "the answer", Speaks: true})
	}
	e.way.watch(ctx, own, e.settle(max(own.arrived, own.answered)), func() bool {
		return len(own.Tickets()) > max(tickets, 1) || tickets == 0 && len(own.Landings) > before
	})
	e.found.Again = own.Passage
	for _, l := range own.Landings[before:] {
		e.left = append(e.left, "support mailbox: "+l.Where)
	}
	switch copies, tickets := len(own.Landings), own.Tickets(); {
	case len(tickets) > 1:
		e.add(hop{Name: name, State: hopOK, Saw: "two tickets, " + strings.Join(tickets, " and ") + `: on_doubt = "resend" would make duplicates`})
	case len(tickets) == 1:
		e.add(hop{Name: name, State: hopOK, Saw: fmt.Sprintf(`%s, one ticket, %s: on_doubt = "resend" is harmless`, plural(copies, "copy", "copies"), tickets[0])})
	case copies > 1:
		e.add(hop{Name: name, State: hopOK, Saw: `two copies: on_doubt = "resend" would make duplicates`})
	case copies == 1 && !own.Taken && e.way.support != nil:
		e.add(hop{Name: name, State: hopOK, Saw: `one copy: the second was suppressed, so on_doubt = "resend" is harmless`})
	default:
		e.unknown(name, "nobody saw what became of the second", "")
	}
}

// foreign sends as somebody whose domain wants mail by strangers refused.
func (e *examination) foreign(ctx context.Context) {
	if e.flags.rejectDomain == "" {
		e.unknown("foreign sender", "not tried", "with --reject-domain, a domain of yours whose DMARC policy is reject, it shows whether mail passes as any customer")
		return
	}
	c := e.way.ingest.Composer
	c.Target.Identity = bridge.AsCustomer // whatever the config says: that is the question
	if f := e.fly(ctx, " (foreign sender)", c, "ticketbridge-test@"+e.flags.rejectDomain); f != nil {
		e.found.Foreign = f.Passage
	}
}

// printAdvice ends the report.
func printAdvice(w io.Writer, r examinationJSON) {
	if len(r.Left) > 0 {
		fmt.Fprintln(w, "\nLeft there, to be closed or deleted:")
		for _, l := range r.Left {
			fmt.Fprintln(w, "  "+printable(l, 300))
		}
	}
	if len(r.Advice) > 0 {
		fmt.Fprintln(w, "\nWhat follows for the config:")
	}
	table := ""
	for _, a := range r.Advice {
		if a.Table != table {
			table = a.Table
			fmt.Fprintf(w, "\n[%s]\n", table)
		}
		for _, line := range wrap(printable(a.Why, 1000), 90) {
			fmt.Fprintln(w, "# "+line)
		}
		if a.Line != "" {
			fmt.Fprintln(w, printable(a.Line, 500))
		}
	}
	if r.Findings == 0 {
		fmt.Fprintln(w, "\nNothing is wrong.")
		return
	}
	fmt.Fprintf(w, "\n%s\n", plural(r.Findings, "finding", "findings"))
}
