package bridge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Findings are what the doctor saw, as far as settings follow from it.
type Findings struct {
	Own     Passage // the canary from a domain of the company's
	Foreign Passage // the one from a domain whose DMARC policy is reject
	Again   Passage // Own after the same bytes were sent a second time
	// Appends: the transport looks before it sends; CanProbe: it, or [probe], can
	// tell whether a message in doubt arrived.
	Appends, CanProbe bool
	Forged            []ForgedMail
}

// ForgedMail is what became of a forged field in one mailbox.
type ForgedMail struct {
	Mailbox string
	Arrived bool
	ForgedSeen
	// Formats are those that believe the field there.
	Formats []string
}

// Advice is one line of the config, and why. Line is "" where there is nothing
// to paste.
type Advice struct {
	Table string `json:"table"` // "target"
	Line  string `json:"line"`  // `local_path = true`
	Why   string `json:"why"`
}

// Advise says which settings follow. It is the order of identity = "auto"
// (SENDING §1.5) with facts in place of guesses.
func (t Target) Advise(f Findings) []Advice {
	advice := t.adviseIdentity(f)
	advice = append(advice, t.adviseDoubt(f)...)
	advice = append(advice, t.adviseAnswers(f)...)
	return append(advice, adviseTrust(f)...)
}

func (t Target) adviseIdentity(f Findings) []Advice {
	local := func(is bool, why string) Advice {
		return Advice{"target", fmt.Sprintf("local_path = %t", is), why}
	}
	bad := f.Foreign.trouble()
	if !f.Foreign.Tried {
		bad = f.Own.trouble()
	}
	switch {
	case bad != "" && !f.Foreign.Tried && !f.Own.refusedIdentity() && len(f.Own.Changed()) == 0:
		return nil // not a matter of who it is from: an own domain may always stand there
	case bad != "":
		return append(t.adviseAlias(bad), local(false, "foreign From does not pass"))
	case !f.Foreign.Tried || f.Own.trouble() != "" || !f.Foreign.Arrived() || !f.Own.Arrived():
		return nil
	case !t.Helpdesk.allows(AsCustomer):
		return []Advice{{"target", "", t.Helpdesk.Title + " takes no mail as the customer, though it would pass"}}
	}
	why := "a canary from " + f.Foreign.Address + " arrived as sent: nobody checks DMARC on the way"
	return []Advice{{"target", `identity = "as-customer"`, why}, local(true, why)}
}

// adviseAlias is what is left where foreign From does not pass.
func (t Target) adviseAlias(why string) []Advice {
	h := t.Helpdesk
	switch {
	case h.allows(ReplyToAlias) && h.honoursReplyTo():
		return []Advice{{"target", `identity = "reply-to"`, why}}
	case h.allows(AsCommand):
		return []Advice{{"target", `identity = "command"`, why + "; " + h.Title + " takes the requester from From, so an agent's mail must name the customer (command_from)"}}
	case h.allows(ReplyToAlias):
		return []Advice{{"target", `identity = "reply-to"`, why + "; the requester is then an alias of the bridge, unless the helpdesk can be told to read Reply-To"}}
	}
	return []Advice{{"target", "", why + "; " + h.Title + " takes mail as the customer only: have it pass, or use transport.kind = \"imap\""}}
}

// adviseDoubt says what to do about messages that may have arrived.
func (t Target) adviseDoubt(f Findings) []Advice {
	a := f.Again
	tickets, copies := a.Tickets(), len(a.Landings)
	harmless := func(why, override string) []Advice {
		return []Advice{{"target", `on_doubt = "resend"`, why}, {"target.override", `resend = "ignored"`, override}}
	}
	var many string
	switch {
	case f.Appends:
		return []Advice{{"target", `on_doubt = "probe"`, "messages are appended after a look whether they are there: nothing comes twice"}}
	case !a.Tried || a.Result.Outcome != Accepted:
		return nil
	case len(tickets) == 1:
		return harmless("the same message sent twice made one ticket, "+tickets[0], "the helpdesk, or what stands before it, knows a repeated Message-ID")
	case len(tickets) > 1:
		many = fmt.Sprintf("the same message sent twice made %d tickets", len(tickets))
	case copies > 1:
		many = "the same message sent twice arrived twice"
	case copies == 1 && !a.Taken:
		return harmless("the same message sent twice arrived once: sending again is harmless here", "something before the helpdesk suppresses duplicates")
	default:
		return nil
	}
	if f.CanProbe {
		return []Advice{{"target", `on_doubt = "probe"`, many + `, so "resend" is not harmless here`}}
	}
	return []Advice{{"target", `on_doubt = "hold"`, many + `, so "resend" is not harmless here; with [probe] it could be "probe"`}}
}

// adviseAnswers is about acknowledgements that come and are not understood.
func (t Target) adviseAnswers(f Findings) (advice []Advice) {
	var from []string
	for _, a := range f.Own.Answers {
		switch {
		case a.Returned != "":
		case a.How != "" && !a.Speaks && !slices.Contains(from, a.From):
			from = append(from, a.From)
		case a.How == "" && !t.Helpdesk.Answers.None:
			advice = append(advice, Advice{"target.override.ack", "", fmt.Sprintf("a mail from %s names the canary, but the profile does not know it for an acknowledgement", a.From)})
		case a.How != "" && a.Ticket == "":
			advice = append(advice, Advice{"target.override.ack", "", fmt.Sprintf("the acknowledgement from %s tells no number that the profile's patterns find; set subject to what stands in its Subject", a.From)})
		}
	}
	if len(from) > 0 {
		var quoted []string
		for _, a := range slices.Concat(t.Helpdesk.Answers.From, from) {
			quoted = append(quoted, strconv.Quote(a))
		}
		advice = append(advice, Advice{"target.override.ack", "from = [" + strings.Join(quoted, ", ") + "]",
			"acknowledgements come from there, which does not count as the helpdesk's"})
	}
	return advice
}

// adviseTrust is about mailboxes where anybody can say that he is authentic.
func adviseTrust(f Findings) (advice []Advice) {
	for _, m := range f.Forged {
		if !m.Believed {
			continue
		}
		why := fmt.Sprintf("mailbox %s takes a forged Authentication-Results for its own server's: have the server remove such fields from mail that arrives with them (RFC 8601 §5)", m.Mailbox)
		if len(m.Formats) == 0 {
			advice = append(advice, Advice{"mailbox", "", why + `; nothing uses authenticate = "header" now, and nothing should`})
		}
		for _, format := range m.Formats {
			advice = append(advice, Advice{"format." + format, `authenticate = "dkim"`, why + "; until then:"})
		}
	}
	return advice
}
