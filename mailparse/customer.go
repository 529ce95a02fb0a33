package mailparse

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

func keys(m map[string]any) iter.Seq[string] { return maps.Keys(m) }

// weighed is a found address, judged.
type weighed struct {
	Candidate
	sure    bool
	bad     bool // looks like an attempt at something: nobody is believed then
	locator int
}

// findCustomer weighs every address its locators come upon and takes the one
// that is left, or says why nobody is.
func (r *reader) findCustomer() {
	var all []weighed
	for i := range r.p.customer.address {
		l := &r.p.customer.address[i]
		ws := r.weigh(i, r.locate(l))
		all = append(all, ws...)
		sure := slices.ContainsFunc(ws, func(w weighed) bool { return w.sure })
		if sure && !r.p.customer.mustAgree {
			break
		}
	}
	winner, why := r.decide(all)
	slices.SortStableFunc(all, func(a, b weighed) int { return order(a, winner) - order(b, winner) })
	for _, w := range all {
		c := w.Candidate
		if c.Excluded == "" && why == "" && !sameAddress(c.Address, winner.Address) {
			c.Excluded = "not where the customer's address stands"
		}
		same := func(o Candidate) bool { return o.Address == c.Address && o.Excluded == c.Excluded }
		if !slices.ContainsFunc(r.t.Candidates, same) && len(r.t.Candidates) < maxCandidates {
			r.t.Candidates = append(r.t.Candidates, c)
		}
	}
	c := &r.t.Customer
	c.Name = r.customerName()
	c.Attributes = r.attributes()
	if why != "" {
		r.park(why)
		return
	}
	if r.hiddenIn(winner.Address) {
		r.park("its address hides a character in the HTML: " + printable(winner.Address))
		return
	}
	c.Address, c.Locator = winner.Address, winner.Locator
	if sameAddress(c.Name, c.Address) {
		c.Name = "" // a lead without a name is shown by its address
	}
}

// hiddenIn: the address was read from text made of HTML, which drops what takes
// no room; in the HTML it holds such a character (THREATS T14).
func (r *reader) hiddenIn(address string) bool {
	if r.m.structured || r.m.body.empty() {
		return false
	}
	for i := r.m.body.from; i < r.m.body.to; i++ {
		text := r.m.doc.nodes[i].text
		if strings.Contains(text, "@") && strings.ContainsFunc(text, zeroWidth) &&
			holdsFold(dropZeroWidth(text), address) && !holdsFold(text, address) {
			return true
		}
	}
	return false
}

// maxCandidates bounds what is shown to a person.
const maxCandidates = 20

func order(w weighed, winner weighed) int {
	switch {
	case winner.Address != "" && sameAddress(w.Address, winner.Address) && w.Excluded == "":
		return 0
	case w.Excluded == "":
		return 1
	}
	return 2
}

func sameAddress(a, b string) bool { return strings.EqualFold(a, b) }

// weigh judges what a locator found: first as it stands in the mail, then in
// its normal form.
func (r *reader) weigh(locator int, fs []finding) []weighed {
	var ws []weighed
	for i, f := range fs {
		if slices.Contains(fs[:i], f) {
			continue // each message of a delta has the same row
		}
		w := weighed{Candidate: Candidate{Locator: f.where}, sure: f.sure, locator: locator}
		address, err := StrictAddress(f.text)
		switch {
		case f.bad != "":
			w.Address, w.Excluded, w.bad = printable(f.text), f.bad, true
		case err != nil && !f.sure && !errors.Is(err, errAddressHidden) && !errors.Is(err, errAddressScript):
			continue // "@ada" is no address
		case err != nil:
			w.Address, w.Excluded, w.bad = printable(f.text), reasonOf(err), true
		default:
			w.Address, w.Excluded = address, r.excluded(address)
			w.Evidence = "stands there as " + printable(f.text)
		}
		ws = append(ws, w)
	}
	return ws
}

// reasonOf leaves out the address, which is shown beside it.
func reasonOf(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		return inner.Error()
	}
	return err.Error()
}

func (r *reader) excluded(address string) string {
	if why := Excluded(address, r.own, r.agents); why != "" {
		return why
	}
	local, domain := foldedAddress(address)
	for _, d := range r.p.customer.deny {
		if underDomain(domain, d) {
			return "an address of the chat product (" + d + ")"
		}
	}
	if slices.Contains(r.p.customer.denyLocal, local) {
		return "an address nobody reads"
	}
	if pin := r.p.pin("from_address"); pin != "" && sameAddress(pin, address) ||
		slices.ContainsFunc(r.p.customer.denyAddress, func(a string) bool { return sameAddress(a, address) }) {
		return "the product's own sender"
	}
	if sameAddress(address, r.m.from.Address) && !r.p.customer.fromIsCustomer() {
		return "the sender of the notification"
	}
	return ""
}

func (c customerRules) fromIsCustomer() bool {
	return slices.ContainsFunc(c.address, func(l locator) bool { return l.from })
}

// decide returns the one address that is left, or why there is none.
func (r *reader) decide(all []weighed) (winner weighed, why string) {
	var left []weighed
	named := map[int]bool{}
	for _, w := range all {
		if w.bad {
			return weighed{}, fmt.Sprintf("%s (%s) cannot be used as an address: %s", w.Address, w.Locator, w.Excluded)
		}
		if w.Excluded != "" {
			continue
		}
		if w.sure {
			named[w.locator] = true
		}
		if !slices.ContainsFunc(left, func(l weighed) bool { return sameAddress(l.Address, w.Address) }) {
			left = append(left, w)
		} else if i := slices.IndexFunc(left, func(l weighed) bool { return sameAddress(l.Address, w.Address) }); w.sure && !left[i].sure {
			left[i] = w
		}
	}
	switch sure := slices.IndexFunc(left, func(w weighed) bool { return w.sure }); {
	case sure < 0:
		return weighed{}, r.nobody(all)
	case len(left) > 1:
		return weighed{}, "different addresses: " + listCandidates(left)
	default:
		winner = left[sure]
	}
	for i, l := range r.p.customer.address {
		if l.required && !named[i] {
			return weighed{}, fmt.Sprintf("%s (%s) is not confirmed: nothing in %s, which must name it too", winner.Address, winner.Locator, l)
		}
	}
	if n := r.p.customer.atLeast; len(named) < n {
		return weighed{}, fmt.Sprintf("%s stands in %d of the places that must agree, not in %d (%s)", winner.Address, len(named), n, winner.Locator)
	}
	return winner, ""
}

func (r *reader) nobody(all []weighed) string {
	for _, w := range all {
		if w.Excluded != "" && w.sure {
			return fmt.Sprintf("lead without an address of its own: %s (%s) cannot be the customer: %s", w.Address, w.Locator, w.Excluded)
		}
	}
	r.nameless = true
	var places []string
	for _, l := range r.p.customer.address {
		if (l.html != nil) == r.m.structured || l.html == nil && l.text == nil {
			places = append(places, l.String())
		}
	}
	return "lead without an address: nothing in " + strings.Join(places, " or ")
}

func (l locator) String() string {
	switch {
	case l.html != nil:
		at := make([]string, len(l.html.at))
		for i, s := range l.html.at {
			at[i] = s.String()
		}
		if len(l.html.labels) == 0 {
			return strings.Join(at, ", ")
		}
		return fmt.Sprintf("row %s of %s", strings.Join(l.html.labels, "/"), strings.Join(at, ", "))
	case l.text != nil && l.text.firstLine != nil:
		return "the first line"
	case l.text != nil:
		return "the line " + strings.Join(l.text.labels, "/")
	case l.header != "":
		return l.header
	case l.subject != nil || l.subjectGroup != "":
		return "Subject"
	case l.fromName != nil:
		return "the name of From"
	}
	return "From"
}

func listCandidates(ws []weighed) string {
	var parts []string
	for _, w := range ws[:min(len(ws), 5)] {
		parts = append(parts, fmt.Sprintf("%s (%s)", w.Address, w.Locator))
	}
	if len(ws) > 5 {
		parts = append(parts, fmt.Sprintf("%d more", len(ws)-5))
	}
	return strings.Join(parts, ", ")
}

// strays shows the person who must decide what else looks like an address:
// what was typed in messages. Nothing of it is ever believed.
func (r *reader) strays() {
	for _, t := range r.t.Turns {
		if strings.IndexByte(t.Text, '@') < 0 {
			continue
		}
		for _, w := range addressWords(head(t.Text, maxMatched)) {
			address, err := StrictAddress(w)
			known := func(c Candidate) bool { return sameAddress(c.Address, address) }
			if err != nil || slices.ContainsFunc(r.t.Candidates, known) {
				continue
			}
			if len(r.t.Candidates) >= maxCandidates {
				return
			}
			r.t.Candidates = append(r.t.Candidates, Candidate{
				Address: address, Locator: "typed in a message by " + printable(t.Author),
				Excluded: "typed in a message, where anybody can write anything",
			})
		}
	}
}
