package bridge

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"ticketbridge/mailparse"
)

// judge is steps 3 to 6 for one mail: gates in order, then the news, the
// decision and the message. It is pure; the store calls it inside the
// transaction that writes its verdict.
func (in *Ingest) judge(a Arrival, k Known) (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			in.Log.Error("mail made the program stumble", "mail", a.Record.Source.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			v = parked("our own program stumbled over it (please report): " + cut(fmt.Sprint(p), 120))
		}
	}()
	if a.reading.due { // it passed the gates when it came
		v = in.merge(a, k)
		v.Evidence = a.Record.Evidence
		return v
	}
	for _, gate := range gates {
		if v, stop := gate(in, a, k); stop {
			v.Evidence = evidence(a)
			return v
		}
	}
	v = in.merge(a, k)
	v.Evidence = evidence(a)
	return v
}

// gate looks at one thing that ends a mail's way early.
type gate func(in *Ingest, a Arrival, k Known) (v Verdict, stop bool)

// gates in order: what we already know, what is ours, what would loop, what is
// no chat, what is not to be believed.
var gates = []gate{seenBefore, notReadable, harvested, ownMail, looping, notAChat, tooOld, notBelieved, noCustomer}

func seenBefore(_ *Ingest, a Arrival, k Known) (Verdict, bool) {
	if k.Copy == nil || a.reading.released != nil {
		return Verdict{}, false
	}
	v := ignored(fmt.Sprintf("a copy of %s in %s/%s", MailID(k.Copy.ID), k.Copy.Mailbox, k.Copy.Folder))
	v.CopyOf, v.Customer, v.Conversation = k.Copy.ID, k.Copy.Customer, k.Conversation
	return v, true
}

func notReadable(_ *Ingest, a Arrival, _ Known) (Verdict, bool) {
	r := a.reading
	switch {
	case r.panicked != "":
		return parked("our own program stumbled over it (please report): " + r.panicked), true
	case r.mail.Problem != "":
		return parked(r.mail.Problem), true
	}
	return Verdict{}, false
}

// ownMail is L4: nothing that carries an id of ours is ever read as a chat,
// whatever it looks like. The helpdesk's answers are the gate's before (harvest.go).
func ownMail(in *Ingest, a Arrival, _ Known) (Verdict, bool) {
	h := a.reading.parsed.Outer.Header
	for _, name := range []string{"Message-ID", "X-Bridge-Id", "In-Reply-To", "References", "Resent-Message-ID"} {
		for _, value := range h.Values(name) {
			for _, id := range strings.Fields(strings.NewReplacer("<", " <", ">", "> ", ",", " ").Replace(value)) {
				if in.Keys.Own(id) {
					return ignored(fmt.Sprintf("ours: its %s names a ticket message of this bridge", name)), true
				}
			}
		}
	}
	if in.reversePath(a.reading.parsed) != "" {
		return ignored("addressed to a return path of ours"), true
	}
	return Verdict{}, false
}

// maxHops: Postfix gives up at 50 (hopcount_limit); half of that is no honest way.
const maxHops = 25

func looping(_ *Ingest, a Arrival, _ Known) (Verdict, bool) {
	h := a.reading.parsed.Outer.Header
	if n := len(h.Values("Received")); n >= maxHops {
		return parked(fmt.Sprintf("it passed %d servers (Received fields), which smells of a loop; want fewer than %d", n, maxHops)), true
	}
	seen := map[string]bool{}
	for _, to := range h.Values("Delivered-To") {
		to = strings.ToLower(strings.TrimSpace(to))
		if seen[to] {
			return parked(fmt.Sprintf("it was delivered to %s twice (Delivered-To), which smells of a loop", shown(to))), true
		}
		seen[to] = true
	}
	return Verdict{}, false
}

func notAChat(_ *Ingest, a Arrival, _ Known) (Verdict, bool) {
	r := a.reading
	if r.released != nil {
		return Verdict{}, false
	}
	limit := slices.IndexFunc(r.parsed.Warnings, func(w string) bool { return strings.HasPrefix(w, "limit") })
	switch c := r.parsed.Chat; {
	case c == nil && limit >= 0:
		return parked("too large or too deep to read whole (" + r.parsed.Warnings[limit] + ")"), true
	case c == nil && r.parsed.Auto:
		return ignored("no chat mail: an automatic message"), true
	case c == nil:
		return ignored("no chat mail: no profile knows its sender"), true
	case c.Action == mailparse.Ignore:
		return ignored(c.Reason), true
	case !r.chat():
		return parked(c.Reason), true
	case limit >= 0:
		return parked("too large or too deep to read whole (" + r.parsed.Warnings[limit] + ")"), true
	}
	return Verdict{}, false
}

// tooOld keeps a rescan from raising what lay there before watching began.
func tooOld(_ *Ingest, a Arrival, _ Known) (Verdict, bool) {
	r := a.reading
	date, err := time.Parse(time.RFC3339, r.parsed.Outer.Date)
	if !r.mail.Rescan || err != nil || !date.Before(r.mail.Since) {
		return Verdict{}, false
	}
	return ignored("older than watching this folder began; seen now because the server numbered its mails anew"), true
}

func notBelieved(_ *Ingest, a Arrival, _ Known) (Verdict, bool) {
	if a.reading.distrust == "" || a.reading.released != nil {
		return Verdict{}, false
	}
	return parked(a.reading.distrust), true
}

// noCustomer is the last word on the address: whatever the parser or a person
// says, we never write as ourselves.
func noCustomer(in *Ingest, a Arrival, _ Known) (Verdict, bool) {
	address := a.reading.customer().Address
	if address == "" && a.reading.lead() {
		return Verdict{}, false // merge asks the conversation
	}
	if address == "" {
		return parked("no customer's address in it; release it with --customer ADDRESS"), true
	}
	if _, err := mailparse.StrictAddress(address); err != nil {
		return parked(fmt.Sprintf("the customer's address %s cannot be used: %v", shown(address), err)), true
	}
	if why := mailparse.Excluded(address, in.Composer.OwnDomains, in.Trust.Agents); why != "" {
		return parked(fmt.Sprintf("%s cannot be the customer: %s", shown(address), why)), true
	}
	return Verdict{}, false
}

// customer is who asked, by the person who released the mail or by the parser.
func (r *reading) customer() mailparse.Customer {
	var c mailparse.Customer
	if r.parsed.Chat != nil {
		c = r.parsed.Chat.Customer
	}
	if r.released != nil && r.released.Customer != "" {
		c.Address, c.Locator = r.released.Customer, "named by "+r.released.By
	}
	return c
}

// lead: the mail itself tells no address, which its conversation may know.
func (r *reading) lead() bool { return r.chat() && r.parsed.Chat.Lead }

// merge is steps 4 to 6: only turns not seen before are news. What is told are
// they and those that no ticket message told so far.
func (in *Ingest) merge(a Arrival, k Known) Verdict {
	r := a.reading
	conv, news := in.conversation(a, k)
	if named := r.customer().Address; named != "" && !strings.EqualFold(conv.Customer.Address, named) {
		return parked(fmt.Sprintf("the conversation is %s's, this mail names %s", conv.Customer.Address, named))
	}
	public := slices.DeleteFunc(slices.Clone(news), func(t Turn) bool { return !t.Public() })
	told := slices.Concat(inZoneOf(r.turns(), k.Untold), public)
	if len(told) == 0 || len(public) == 0 && !in.settles(a, k) {
		return repeats(a, k, conv, news)
	}
	if conv.Customer.Address == "" {
		v := parked(r.parsed.Chat.Reason + "; release it with --customer ADDRESS, or the conversation's next mail tells it")
		v.Conversation, v.Turns = conv, news
		return v
	}
	d := decide(in.Rules, conv, told, r.now)
	v := Verdict{Reason: d.Reason, Decision: d, Conversation: conv, Turns: news, Customer: conv.Customer.Address, KeepRaw: true}
	conv.Deadline = d.Deadline // zero unless it waits
	switch d.Action {
	case Wait:
		v.State = MailWaiting
		return v
	case Ignore:
		v.State = MailIgnored
		return v
	case Park:
		return parked(d.Reason)
	}
	draft := Draft{Conversation: conv, News: told, Action: d.Action, Mail: r.parsed, Raw: r.mail.Raw, Now: r.now}
	draft.Along = in.along(k.Untold, a.ID, k.Raw)
	dl, err := in.Composer.Compose(in.Keys, draft)
	if err != nil {
		return parked("no ticket message can be made of it: " + err.Error())
	}
	conv.Link.Resolved = time.Time{} // there is more to solve
	dl.Reason, dl.Action = d.Reason, d.Action
	afterRestore(&dl, r.mail, len(k.Untold) > 0, k.Restored, in.Composer.Target.OnDoubt == "probe")
	v.Delivery = &dl
	v.Along = "told by the ticket message of " + MailID(a.ID)
	v.State = MailTicket
	if d.Action == Append {
		v.State = MailUpdate
	}
	return v
}

// inZoneOf shows recorded turns, whose times are UTC, in the zone of those at hand.
func inZoneOf(own []mailparse.Turn, recorded []Turn) []Turn {
	i := slices.IndexFunc(own, func(t mailparse.Turn) bool { return !t.At.IsZero() })
	if i < 0 {
		return recorded
	}
	recorded = slices.Clone(recorded)
	for j := range recorded {
		if t := &recorded[j]; !t.At.IsZero() {
			t.At = t.At.In(own[i].At.Location())
		}
	}
	return recorded
}

// turns are the mail's as read, recorded or not.
func (r *reading) turns() []mailparse.Turn {
	if r.parsed.Chat == nil {
		return nil
	}
	return r.parsed.Chat.Turns
}

// settles: without any news the mail still makes what was untold due. It says who
// the customer is, its time has come, or a person released it.
func (in *Ingest) settles(a Arrival, k Known) bool {
	return a.reading.released != nil || a.reading.due || k.Conversation != nil && k.Conversation.Customer.Address == "" && a.reading.customer().Address != ""
}

// repeats is the verdict on a mail without news: a copy for another agent, or
// nothing but what stays inside.
func repeats(a Arrival, k Known, conv *Conversation, news []Turn) Verdict {
	v := ignored(noNews(len(a.Turns), len(news)))
	for _, t := range k.Untold {
		if slices.ContainsFunc(a.Turns, func(own Turn) bool { return own.Digest == t.Digest }) {
			v = ignored(fmt.Sprintf("a copy of %s: what it says is recorded there", MailID(t.Mail)))
			v.CopyOf = t.Mail
			break
		}
	}
	v.Customer = conv.Customer.Address
	if k.Conversation != nil {
		v.Conversation, v.Turns = conv, news
	}
	return v
}

// along reads the mails that said these turns, but for the one at hand: their
// files go with the message.
func (in *Ingest) along(turns []Turn, self int64, raw func(mail int64) []byte) []Letter {
	var letters []Letter
	read := map[int64]bool{self: true}
	for _, t := range turns {
		if read[t.Mail] {
			continue
		}
		read[t.Mail] = true
		if b := raw(t.Mail); len(b) > 0 {
			letters = append(letters, Letter{in.Parser.Parse(b), b})
		}
	}
	return letters
}

func noNews(turns, notes int) string {
	switch {
	case turns == 0:
		return "no message in it"
	case notes > 0:
		return "nothing new but internal notes, which never leave"
	case turns == 1:
		return "no news: its message is recorded already"
	}
	return fmt.Sprintf("no news: its %d messages are recorded already", turns)
}

// conversation returns the conversation with the mail's news counted in, and the
// news. Who the customer is, the first mail that knows says.
func (in *Ingest) conversation(a Arrival, k Known) (c *Conversation, news []Turn) {
	r := a.reading
	if k.Conversation != nil {
		copied := *k.Conversation
		c = &copied
	} else {
		c = &Conversation{Key: a.ConversationKey, Ref: a.Ref, Customer: r.customer(), Opened: r.now, Identity: cmp.Or(r.identity, in.Composer.Target.Identity), IdentityReason: r.identityReason}
		if ch := r.parsed.Chat; ch != nil {
			c.Format, c.VendorID, c.URL, c.Workspace = ch.Format, ch.Conversation.ID, ch.Conversation.Link, ch.Conversation.Workspace
		}
	}
	if c.Customer.Address == "" {
		c.Customer = r.customer()
		c.Identity, c.IdentityReason = cmp.Or(r.identity, c.Identity), cmp.Or(r.identityReason, c.IdentityReason)
	}
	c.Updated = r.now
	for i, t := range a.Turns {
		if i < len(k.Seen) && k.Seen[i] {
			continue
		}
		news = append(news, t)
		c.heard(t, r.now)
	}
	return c, news
}

// heard keeps the times the playbook's clock runs by. A turn without a time
// counts as said when it was read.
func (c *Conversation) heard(t Turn, now time.Time) {
	at := t.At
	if at.IsZero() || at.After(now) {
		at = now
	}
	switch t.Role {
	case mailparse.RoleCustomer:
		if c.FirstCustomer.IsZero() || at.Before(c.FirstCustomer) {
			c.FirstCustomer = at
		}
		if at.After(c.LastCustomer) {
			c.LastCustomer = at
		}
		if !at.Before(c.LastAgent) && (c.Waiting.IsZero() || at.Before(c.Waiting)) {
			c.Waiting = at
		}
	case mailparse.RoleAgent:
		if at.After(c.LastAgent) {
			c.LastAgent = at
		}
		c.answered(at)
	}
}

// answered: an agent spoke at that time. What the customer said later waits on,
// even if its mail was read before. Of several such turns the last one's time
// counts, which is late by what lies between them: a conversation keeps the last
// turn's time only, and one that is known exactly would need all recorded turns
// for each of its mails.
func (c *Conversation) answered(at time.Time) {
	switch {
	case c.Waiting.IsZero() || c.Waiting.After(at):
	case c.LastCustomer.After(at):
		c.Waiting = c.LastCustomer
	default:
		c.Waiting = time.Time{}
	}
}

func ignored(reason string) Verdict {
	return Verdict{State: MailIgnored, Reason: cut(reason, 400)}
}

func parked(reason string) Verdict {
	return Verdict{State: MailParked, Reason: cut(reason, 400), KeepRaw: true}
}

// evidence is what `show` tells of how the mail was read.
func evidence(a Arrival) []string {
	p := a.reading.parsed
	var ev []string
	if p.Forwarded {
		ev = append(ev, fmt.Sprintf("forwarded (%s) by %s", p.Carrier, shown(p.Outer.From.Address)))
	}
	if p.Chat != nil {
		ev = append(ev, p.Chat.Evidence...)
		for _, c := range p.Chat.Candidates {
			line := fmt.Sprintf("candidate %s: %s", shown(c.Address), c.Locator)
			if c.Excluded != "" {
				line += " – excluded: " + c.Excluded
			}
			ev = append(ev, line)
		}
	}
	for _, w := range p.Warnings {
		ev = append(ev, "warning: "+w)
	}
	return ev
}
